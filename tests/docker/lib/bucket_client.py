"""boto3 for compose.t: standard input says where, with which keys and what; the answers are a
JSON list: a text that was read, a list of names, "ok", or the code of the error."""

import json
import sys

import boto3
import botocore.config
import botocore.exceptions

order = json.load(sys.stdin)
client = boto3.client(
    "s3", endpoint_url=order["url"], region_name=order["region"],
    aws_access_key_id=order["access_key"], aws_secret_access_key=order["secret_key"],
    config=botocore.config.Config(proxies={}, retries={"max_attempts": 3}))


def perform(what, bucket=None, key=None):
    if what == "get":
        return client.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    if what == "list":
        return [item["Key"] for item in client.list_objects_v2(Bucket=bucket).get("Contents", [])]
    if what == "buckets":
        return [item["Name"] for item in client.list_buckets()["Buckets"]]
    raise ValueError(what)


answers = []
for operation in order["operations"]:
    try:
        answers.append(perform(*operation))
    except botocore.exceptions.ClientError as error:
        answers.append(error.response["Error"]["Code"])
print(json.dumps(answers))
