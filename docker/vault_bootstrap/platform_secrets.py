"""The secrets that a dev environment needs to come up, where there are none.

Never over one that is there: check-and-set 0. What two secrets share (the platform user's
password, in its own secret and in main_url) is taken from the one that is in Vault, whoever
wrote it, so that two runs at once agree.
"""

import base64
import hashlib
import hmac
import secrets
import urllib.parse

from .server import refusal

PLATFORM = "platform"  # database role, database, tenant and bucket of the platform itself


class Generator:
    """Random values; from SAAS_DEV_SEED the same ones again, so that a dev server which forgot
    everything when it was restarted gets back what the running services still use."""

    def __init__(self, seed):
        self.seed = seed

    def value(self, purpose, length):
        if not self.seed:
            return secrets.token_urlsafe(length)[:length]
        digest = hmac.new(self.seed.encode(), purpose.encode(), hashlib.sha512).digest()
        return base64.urlsafe_b64encode(digest).decode()[:length]


def seed(server, settings, say):
    generate = Generator(settings.seed)
    host, _, port = settings.database.rpartition(":")

    account = _once(server, settings, f"tenants/{PLATFORM}/database", {
        "username": PLATFORM, "password": generate.value("database password", 32),
        "host": host, "port": port, "dbname": PLATFORM, "sslmode": "require"}, say)
    login = ":".join(urllib.parse.quote(account.get(name, ""), safe="") for name in ("username", "password"))
    _once(server, settings, "database", {
        "main_url": f"postgresql://{login}@{settings.database}/{PLATFORM}?sslmode=require",
        "tenant_url_template": "postgresql://{username}:{password}@" + settings.database +
                               "/{database_name}?sslmode=require"}, say)
    _once(server, settings, "jwt", {
        "secret_key": generate.value("jwt key", 64), "access_token_expires": "3600"}, say)
    _once(server, settings, "minio", {
        "endpoint_url": settings.s3_url, "access_key_id": "root-" + generate.value("root name", 12),
        "secret_access_key": generate.value("root key", 40)}, say)
    _once(server, settings, "s3", {
        "endpoint_url": settings.s3_url, "access_key_id": "platform-" + generate.value("s3 name", 8),
        "secret_access_key": generate.value("s3 key", 40), "bucket_name": PLATFORM,
        "region": "us-east-1"}, say)


def _once(server, settings, name, fields, say):
    """Writes the secret where there was never one; returns what is there in the end."""
    path = f"{settings.data_path}/{name}"
    reply = server.request("POST", path, {"data": fields, "options": {"cas": 0}})
    if reply.ok:
        say(f"{name}: seeded")
        return fields
    if "check-and-set" not in reply.errors:
        raise refusal("POST", path, reply)
    present = server.request("GET", path)
    if present.ok:
        say(f"{name}: is there")
        return present.data.get("data") or {}
    if present.status == 404 and present.data.get("metadata"):
        say(f"{name}: was deleted, and is left so")
        return {}
    raise refusal("GET", path, present)
