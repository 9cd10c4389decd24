"""Carries out S3 operations by boto3, for S3Server.pm: JSON in, a list of outcomes out."""

import json
import sys

import boto3
import botocore
from botocore.config import Config

PART = b"x" * (5 << 20)  # the least that a part but the last may have


def upload(s3, bucket, key):
    """A multipart upload of two parts, which is aborted where it fails."""
    which = {"Bucket": bucket, "Key": key}
    upload_id = s3.create_multipart_upload(**which)["UploadId"]
    try:
        parts = []
        for number, body in ((1, PART), (2, b"end")):
            part = s3.upload_part(**which, UploadId=upload_id, PartNumber=number, Body=body)
            parts.append({"ETag": part["ETag"], "PartNumber": number})
        s3.complete_multipart_upload(
            **which, UploadId=upload_id, MultipartUpload={"Parts": parts}
        )
    except botocore.exceptions.ClientError:
        s3.abort_multipart_upload(**which, UploadId=upload_id)
        raise


def delete_many(s3, bucket, *keys):
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys]})
    if answer.get("Errors"):
        raise botocore.exceptions.ClientError({"Error": answer["Errors"][0]}, "DeleteObjects")


def make(s3, bucket):
    try:
        s3.create_bucket(Bucket=bucket)
    except (s3.exceptions.BucketAlreadyOwnedByYou, s3.exceptions.BucketAlreadyExists):
        pass


OPERATIONS = {
    "make": make,
    "list": lambda s3, bucket, prefix="": s3.list_objects_v2(Bucket=bucket, Prefix=prefix),
    "list_v1": lambda s3, bucket, prefix="": s3.list_objects(Bucket=bucket, Prefix=prefix),
    "get": lambda s3, bucket, key: s3.get_object(Bucket=bucket, Key=key)["Body"].read(),
    "put": lambda s3, bucket, key: s3.put_object(Bucket=bucket, Key=key, Body=b"content"),
    "delete": lambda s3, bucket, key: s3.delete_object(Bucket=bucket, Key=key),
    "copy": lambda s3, bucket, source, key: s3.copy_object(
        Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": source}
    ),
    "head_bucket": lambda s3, bucket: s3.head_bucket(Bucket=bucket),
    "uploads": lambda s3, bucket: s3.list_multipart_uploads(Bucket=bucket),
    "upload": upload,
    "delete_many": delete_many,
}


def main():
    given = json.load(sys.stdin)
    keys = given["keys"]
    s3 = boto3.client(
        "s3",
        endpoint_url=given["endpoint"],
        region_name=given["region"],
        aws_access_key_id=keys["access_key_id"],
        aws_secret_access_key=keys["secret_access_key"],
        aws_session_token=keys.get("session_token"),
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, proxies={}),
    )
    outcomes = []
    for name, *arguments in given["operations"]:
        try:
            OPERATIONS[name](s3, *arguments)
            outcomes.append("ok")
        except botocore.exceptions.ClientError as error:
            outcomes.append(str(error.response["Error"].get("Code")))
        except botocore.exceptions.BotoCoreError as error:
            outcomes.append(type(error).__name__)
    json.dump(outcomes, sys.stdout)


main()
