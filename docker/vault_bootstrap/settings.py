"""What a run is told by its environment: which Vault, as whom, and where the secrets lie.

The names are those of minio-helper and Vault's own client. NAME_FILE beside VAULT_TOKEN.
"""

import re
import urllib.parse

from .outcome import USAGE, Failure

# The rules of common/tenant_layout.c: nothing that could leave its place in a path or policy.
ENVIRONMENT = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
PATH = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")
HEADER = re.compile(r"[!-~]+")  # what goes into a header of HTTP: a token, a namespace
FIRST_ENVIRONMENT = "dev"  # whose policies and roles go by the plain names


class Settings:
    def __init__(self, environment):
        get = lambda name, default=None: environment.get(name) or default
        self.addresses = [check_address(text) for text in
                          (get("VAULT_ADDR") or get("BAO_ADDR") or "").split(",") if text]
        self.namespace = check_header("VAULT_NAMESPACE", get("VAULT_NAMESPACE"))
        self.ca_cert = get("VAULT_CACERT")
        self.ca_path = get("VAULT_CAPATH")
        self.client_cert = get("VAULT_CLIENT_CERT")
        self.client_key = get("VAULT_CLIENT_KEY")
        self.mount = check_path("VAULT_KV_MOUNT", get("VAULT_KV_MOUNT", "secret"))
        self.prefix = check_path("VAULT_SECRET_PREFIX", get("VAULT_SECRET_PREFIX", "saas-project"))
        self.environment = get("VAULT_ENVIRONMENT", FIRST_ENVIRONMENT)
        if not ENVIRONMENT.fullmatch(self.environment):
            raise Failure(USAGE, f"VAULT_ENVIRONMENT: must match {ENVIRONMENT.pattern}")
        # [] where nothing is said: then what the role has stays (roles.py).
        self.postgres_cidrs = [cidr for cidr in get("SAAS_POSTGRES_CIDRS", "").split(",") if cidr]
        # What the seeded secrets of a dev server point to.
        self.database = get("SAAS_DATABASE", "127.0.0.1:5432")
        self.s3_url = get("SAAS_S3_URL", "http://127.0.0.1:9000")
        self.seed = get("SAAS_DEV_SEED")
        self.token = read_token(get)

    def names(self, kind):
        """saas-app-role, and saas-app-role-prod for another environment in the same Vault."""
        suffix = "" if self.environment == FIRST_ENVIRONMENT else f"-{self.environment}"
        return lambda consumer: f"saas-{consumer}-{kind}{suffix}"

    @property
    def data_path(self):
        return f"{self.mount}/data/{self.prefix}/{self.environment}"

    @property
    def plain_text(self):
        """True where a secret would cross a network unencrypted."""
        return any(address.startswith("http:") and
                   urllib.parse.urlsplit(address).hostname not in ("127.0.0.1", "localhost", "::1")
                   for address in self.addresses)


def check_address(text):
    """The address with its scheme in lower case."""
    try:
        url = urllib.parse.urlsplit(text.strip().rstrip("/"))
        good = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:
        good = False
    if not good or url.path or url.query or url.fragment or "@" in url.netloc:
        raise Failure(USAGE, "VAULT_ADDR: each address is http(s)://host:port and nothing else")
    return url.geturl()


def check_header(name, text):
    """Never quotes the text: it may be a token, with something else in the same file."""
    if text and not HEADER.fullmatch(text):
        raise Failure(USAGE, f"{name}: holds a blank, a line's end or another character that has no place in it")
    return text


def check_path(name, text):
    path = text.strip("/")
    if not PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise Failure(USAGE, f"{name}: must match {PATH.pattern}, without . and ..")
    return path


def read_token(get):
    token, path = get("VAULT_TOKEN"), get("VAULT_TOKEN_FILE")
    if token and path:
        raise Failure(USAGE, "VAULT_TOKEN and VAULT_TOKEN_FILE: give one of them")
    if path:
        try:
            with open(path, encoding="ascii") as file:
                token = file.read().strip()
        except (OSError, ValueError) as error:
            raise Failure(USAGE, f"VAULT_TOKEN_FILE: {error}") from None
    return check_header("VAULT_TOKEN_FILE" if path else "VAULT_TOKEN", token)
