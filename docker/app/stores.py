"""The application's database and object store, as its environment says."""

import os

import boto3
import botocore.config
import psycopg

CONNECT_SECONDS = 3  # a health page answers before its caller gives up


def database():
    return psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=CONNECT_SECONDS)


def bucket():
    client = boto3.client(
        "s3", endpoint_url=os.environ["S3_ENDPOINT_URL"], region_name=os.environ.get("S3_REGION"),
        aws_access_key_id=os.environ["S3_ACCESS_KEY_ID"],
        aws_secret_access_key=os.environ["S3_SECRET_ACCESS_KEY"],
        config=botocore.config.Config(
            connect_timeout=CONNECT_SECONDS, read_timeout=CONNECT_SECONDS, retries={"max_attempts": 1}))
    return client, os.environ["S3_BUCKET_NAME"]


def check_database():
    with database() as connection:
        connection.execute("SELECT 1 FROM jobs LIMIT 1")


def check_bucket():
    client, name = bucket()
    client.head_bucket(Bucket=name)
