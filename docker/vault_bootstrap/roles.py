"""One AppRole for each kind of consumer, and the test login that shows that it works."""

import dataclasses

from .outcome import REFUSED, Failure
from .server import refusal

TEST_LOGIN_SECONDS = 60  # life of the secret_id and token of a test login
PRODUCTION_SECRET_ID_TTL = "24h"
FIRST_CIDRS = ["127.0.0.1/32"]  # of a database's role, until SAAS_POSTGRES_CIDRS says where it is


@dataclasses.dataclass(frozen=True)
class Role:
    consumer: str  # saas-<consumer>-role has saas-<consumer>-policy
    token: dict  # how long its tokens live
    reads: str  # what its test login reads, below the environment
    restarts_alone: bool = False  # a server: it must be able to log in again unattended


# A database and an object store run for months: a periodic token is renewed for ever. An
# application's token ends after four hours, whatever it does, and it logs in again.
ROLES = (
    Role("app", {"token_ttl": "1h", "token_max_ttl": "4h", "token_period": "0"}, "database"),
    Role("postgres", {"token_period": "1h"}, "database", restarts_alone=True),
    Role("minio", {"token_period": "1h"}, "minio", restarts_alone=True),
    Role("provisioner", {"token_ttl": "15m", "token_max_ttl": "1h", "token_period": "0"}, "database"),
)


def bound_cidrs(server, settings, role):
    """Where its logins may come from. A run that is not told leaves them: it may be for another consumer."""
    if role.consumer != "postgres":
        return []
    if settings.postgres_cidrs:
        return settings.postgres_cidrs
    path = f"auth/approle/role/{settings.names('role')(role.consumer)}"
    present = server.request("GET", path)
    if not present.ok and present.status != 404:
        raise refusal("GET", path, present)
    return present.data.get("secret_id_bound_cidrs") or FIRST_CIDRS


def definition(role, settings, options, cidrs):
    policies = [settings.names("policy")(role.consumer)]
    if role.consumer == "postgres" and options.provisioning:
        policies.append(settings.names("policy")("provisioner"))
    return {
        **role.token,
        "token_policies": policies,
        "token_no_default_policy": True,
        "token_bound_cidrs": cidrs,
        "secret_id_bound_cidrs": cidrs,
        "secret_id_num_uses": 1 if options.single_use and not role.restarts_alone else 0,
        "secret_id_ttl": PRODUCTION_SECRET_ID_TTL if options.production else "0",
    }


def ensure_roles(server, settings, options, say):
    for role in ROLES:
        name = settings.names("role")(role.consumer)
        cidrs = bound_cidrs(server, settings, role)
        server.demand("POST", f"auth/approle/role/{name}", definition(role, settings, options, cidrs))
        say(f"{name}: written{', for logins from ' if cidrs else ''}{', '.join(cidrs)}")


def test_login(server, settings, role, say):
    """By a secret_id of its own, so that nobody's is spent, to a path that its policy allows."""
    name = settings.names("role")(role.consumer)
    base = f"auth/approle/role/{name}"
    role_id = server.demand("GET", f"{base}/role-id").data["role_id"]
    minted = server.demand("POST", f"{base}/secret-id", {"num_uses": 1, "ttl": f"{TEST_LOGIN_SECONDS}s"}).data
    try:
        reply = server.request("POST", "auth/approle/login",
                               {"role_id": role_id, "secret_id": minted["secret_id"]}, token=None)
    finally:
        # Spent by a login that worked; otherwise nobody else is to use it.
        server.request("POST", f"{base}/secret-id-accessor/destroy",
                       {"secret_id_accessor": minted["secret_id_accessor"]})
    if not reply.ok:
        if "CIDR" in reply.errors:
            say(f"{name}: logs in from {', '.join(bound_cidrs(server, settings, role))} only, so not from here: not tried")
            return
        raise Failure(REFUSED, f"{name}: the test login is refused: {reply.status} {reply.errors}")
    token = reply.body["auth"]["client_token"]
    path = f"{settings.data_path}/{role.reads}"
    try:
        read = server.request("GET", path, token=token)
    finally:
        server.request("POST", "auth/token/revoke-self", token=token)
    # Without the permission it would be 403, whether the secret is there or not.
    if read.status == 404 and not read.errors:
        say(f"{name}: logs in, and may read {role.reads}, which is not there yet")
    elif read.ok:
        say(f"{name}: logs in, and reads {role.reads}")
    else:
        raise refusal("GET", path, read)
