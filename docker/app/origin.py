"""The application's variables, and where the value of each came from."""

import hashlib
import hmac
import json
import os
import secrets

VARIABLE = "VALUES_BEFORE_VAULT"

# Variable: secret and field below saas-project/<environment>.
SECRETS = {
    "DATABASE_URL": ("database", "main_url"),
    "TENANT_DATABASE_URL_TEMPLATE": ("database", "tenant_url_template"),
    "JWT_SECRET_KEY": ("jwt", "secret_key"),
    "SECRET_KEY": ("jwt", "secret_key"),
    "JWT_ACCESS_TOKEN_EXPIRES": ("jwt", "access_token_expires"),
    "S3_ENDPOINT_URL": ("s3", "endpoint_url"),
    "S3_ACCESS_KEY_ID": ("s3", "access_key_id"),
    "S3_SECRET_ACCESS_KEY": ("s3", "secret_access_key"),
    "S3_BUCKET_NAME": ("s3", "bucket_name"),
    "S3_REGION": ("s3", "region"),
}


def digest(key, value):
    return hmac.new(key.encode(), value.encode(), hashlib.sha256).hexdigest()


def note(environment):
    key = secrets.token_hex(16)
    return json.dumps({"key": key, "digests": {
        name: digest(key, environment[name]) for name in SECRETS if name in environment}})


def report():
    """{variable: {"source": "vault", "secret": ..., "field": ...} or {"source": "environment"}}"""
    before = json.loads(os.environ.get(VARIABLE, '{"key": "", "digests": {}}'))
    found = {}
    for name, (secret, field) in SECRETS.items():
        if name not in os.environ:
            found[name] = {"source": "missing"}
        elif before["digests"].get(name) == digest(before["key"], os.environ[name]):
            found[name] = {"source": "environment"}
        else:
            found[name] = {"source": "vault", "secret": secret, "field": field}
    return found
