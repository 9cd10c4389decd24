"""The Vault that is spoken to: the cluster's leader, found once, and requests to it.

A token goes to an address that VAULT_ADDR lists, or to the leader that such an address
names over TLS; to nothing else, and no redirect is followed.
"""

import http.client
import json
import random
import ssl
import time
import urllib.parse

from .outcome import MALFORMED, REFUSED, UNREACHABLE, USAGE, Failure

REQUEST_SECONDS = 10  # of one request; Vault answers within milliseconds
REPLY_BYTES = 4 << 20  # far more than the longest list of mounts
POLL_SECONDS = 0.5  # between two looks at a Vault that is not there yet
# OpenBao's word (500) for a write that another one has overtaken: it did nothing, and is to be sent
# again. Runs at once overtake each other; so many times in a row would be something else.
OVERTAKEN = "transaction commit failed"
OVERTAKEN_ATTEMPTS = 20
OVERTAKEN_PAUSE = 0.1  # seconds at most, a random part of it: those who collided are not to do so again

# https://developer.hashicorp.com/vault/api-docs/system/health
HEALTH_ACTIVE = 200
HEALTH_STANDBY = (429, 472, 473)
HEALTH_UNINITIALISED = 501
HEALTH_SEALED = 503


class Reply:
    def __init__(self, status, body):
        self.status = status
        self.body = body

    @property
    def ok(self):
        return 200 <= self.status < 300

    @property
    def data(self):
        return self.body.get("data") or {}

    @property
    def errors(self):
        """Vault's own words. Some of its answers to look-ups carry them in data."""
        words = self.body.get("errors") or [self.data.get("error")]
        return "; ".join(word.strip() for word in words if isinstance(word, str))


def tls_context(settings):
    try:
        context = ssl.create_default_context(cafile=settings.ca_cert, capath=settings.ca_path)
        if settings.client_cert:
            context.load_cert_chain(settings.client_cert, settings.client_key)
    except OSError as error:
        raise Failure(USAGE, f"VAULT_CACERT, VAULT_CAPATH, VAULT_CLIENT_CERT, VAULT_CLIENT_KEY: {error}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Server:
    def __init__(self, settings):
        self.settings = settings
        self.address = None
        self.tls = tls_context(settings)

    def find_leader(self, wait_seconds):
        """Settles on the active node. Waits for one that is coming; not for one that is sealed,
        because that takes a person."""
        deadline = time.monotonic() + wait_seconds
        while True:
            seen = [self._look_at(address) for address in self.settings.addresses]
            active = next((address for address, state in seen if state == "active"), None)
            if active:
                self.address = active
                return
            if all(state in ("sealed", "not initialised") for _, state in seen):
                break
            if time.monotonic() >= deadline:
                break
            time.sleep(POLL_SECONDS)
        raise Failure(UNREACHABLE, "; ".join(f"{address} is {state}" for address, state in seen))

    def _look_at(self, address):
        """(address, state), with the leader's address in place of a standby's."""
        try:
            reply = self._exchange(address, "GET", "sys/health", token=None)
        except (OSError, http.client.HTTPException) as error:
            return address, f"not reachable ({error})"
        if reply.status == HEALTH_ACTIVE:
            return address, "active"
        if reply.status == HEALTH_UNINITIALISED:
            return address, "not initialised"
        if reply.status == HEALTH_SEALED:
            return address, "sealed"
        if reply.status in HEALTH_STANDBY:
            return self._leader_of(address)
        return address, f"no Vault (its health is {reply.status})"

    def _leader_of(self, standby):
        try:
            leader = self._exchange(standby, "GET", "sys/leader", token=None).body.get("leader_address")
            if not leader:
                return standby, "a standby without a leader"
            leader = leader.rstrip("/")
            both_tls = leader.startswith("https://") and standby.startswith("https://")
            if leader not in self.settings.addresses and not both_tls:
                return standby, f"a standby of {leader}, which VAULT_ADDR does not list"
            reply = self._exchange(leader, "GET", "sys/health", token=None)
        except (OSError, http.client.HTTPException) as error:
            return standby, f"a standby whose leader is not reachable ({error})"
        return leader, "active" if reply.status == HEALTH_ACTIVE else f"a leader that says {reply.status}"

    def request(self, method, path, body=None, token="", wrap_seconds=None):
        """A Reply of any status; who asks decides what a refusal means. token "": the settings'."""
        for _ in range(OVERTAKEN_ATTEMPTS):
            try:
                reply = self._exchange(
                    self.address, method, path, body,
                    token=self.settings.token if token == "" else token, wrap_seconds=wrap_seconds)
            except (OSError, http.client.HTTPException) as error:
                raise Failure(UNREACHABLE, f"{self.address} does not answer {method} {path}: {error}") from None
            if reply.ok or OVERTAKEN not in reply.errors:
                break
            time.sleep(random.uniform(0, OVERTAKEN_PAUSE))
        return reply

    def demand(self, method, path, body=None, **options):
        """The data of an answer that must be a good one."""
        reply = self.request(method, path, body, **options)
        if not reply.ok:
            raise refusal(method, path, reply)
        return reply

    def _exchange(self, address, method, path, body=None, token=None, wrap_seconds=None):
        url = urllib.parse.urlsplit(address)
        headers = {"X-Vault-Request": "true", "User-Agent": "tenant-vault-bootstrap"}
        if token:
            headers["X-Vault-Token"] = token
        if wrap_seconds:
            headers["X-Vault-Wrap-TTL"] = str(wrap_seconds)
        # Health and leader are the whole server's; asked in a namespace they are refused.
        if self.settings.namespace and path not in ("sys/health", "sys/leader"):
            headers["X-Vault-Namespace"] = self.settings.namespace
        if url.scheme == "https":
            connection = http.client.HTTPSConnection(
                url.hostname, url.port or 443, timeout=REQUEST_SECONDS, context=self.tls)
        else:
            connection = http.client.HTTPConnection(url.hostname, url.port or 80, timeout=REQUEST_SECONDS)
        try:
            connection.request(method, "/v1/" + urllib.parse.quote(path),
                               None if body is None else json.dumps(body), headers)
            reply = connection.getresponse()
            text = reply.read(REPLY_BYTES + 1)
        finally:
            connection.close()
        return Reply(reply.status, decode(text, address))


def decode(text, address):
    if not text.strip():
        return {}
    if len(text) > REPLY_BYTES:
        raise Failure(MALFORMED, f"{address} answers with more than {REPLY_BYTES} bytes")
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Failure(MALFORMED, f"{address} answers with something that is no JSON object: is it a Vault?")
    return body


def refusal(method, path, reply):
    """The Failure for a status of 300 and above."""
    what = f"{method} {path}: {reply.status} {reply.errors}".rstrip()
    if reply.status == 403:
        return Failure(REFUSED, f"{what}: the token needs a policy that allows this")
    if reply.status in (307, 429) or reply.status >= 500:
        return Failure(UNREACHABLE, f"{what}: try again")
    return Failure(USAGE, what)
