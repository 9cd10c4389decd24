"""The order of steps. Each looks at what is there first, so that a run may be repeated, may
be interrupted anywhere and run again, and may run beside another."""

import argparse
import os
import re
import shlex
import signal
import sys

from . import compose, credentials, engines, platform_secrets, roles
from .outcome import INTERNAL, USAGE, Failure
from .server import Server
from .settings import FIRST_ENVIRONMENT, Settings

# Who has files, and the role of each. Two programs of one role have a secret_id each.
CONSUMERS = {"app": "app", "worker": "app", "postgres": "postgres", "minio": "minio", "provisioner": "provisioner"}
DEFAULT_ENV_FILE = os.path.join(compose.FOLDER, ".env.vault")
WAIT_SECONDS = 30  # for a Vault that is starting, or electing a leader

EPILOG = """exit status: 0 done, 1 internal, 2 usage or configuration, 3 Vault is not reachable, sealed or
without a leader (try again), 4 not permitted, 6 not a Vault's answer"""


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="bootstrap", epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Makes a Vault ready for the platform: KV engine, policies, AppRoles, credentials. "
        "Without VAULT_ADDR it starts that of docker-compose.yml.")
    add = parser.add_argument
    add("--credentials", metavar="DIR", help="write role_id and secret_id of each consumer below DIR")
    add("--consumer", metavar="NAME[=UID[:GID]]", type=consumer, action="append", default=[],
        help=f"one of {', '.join(CONSUMERS)}, and the user who owns its files; repeatable (default: all)")
    add("--env-file", metavar="FILE", default=DEFAULT_ENV_FILE,
        help="role_id and secret_id of the application, for people (default: .env.vault)")
    add("--no-env-file", dest="env_file", action="store_const", const=None, help="no such file")
    add("--wrap", action="store_true", help="hand out secret_ids wrapped: each can be opened once, within 5 min")
    add("--single-use", action="store_true",
        help="for jobs: a secret_id of application and provisioner is good for one login")
    add("--provisioning", action="store_true", help="the database may create, rotate and drop tenants")
    add("--production", action="store_true", help="audit on, secret_ids live 24 h, TLS required, nothing seeded")
    add("--audit-file", metavar="PATH", default="/vault/logs/audit.log", help="where Vault writes its audit log")
    add("--lockout", choices=("on", "off"), default="off",
        help="whether five refused logins lock a role out for 15 minutes (default: off)")
    add("--hand-out-only", action="store_true",
        help="credentials alone, of roles that are there: for a timer, with a token that may do no more")
    add("--no-seed", dest="seed", action="store_false", help="no platform secrets in a dev environment either")
    add("--wait", metavar="SECONDS", type=float, default=WAIT_SECONDS, help="for a Vault that is starting (30)")
    options = parser.parse_args(arguments)
    if options.consumer and not options.credentials:
        parser.error("--consumer needs --credentials")
    return options


def consumer(text):
    match = re.fullmatch(r"([a-z]+)(?:=(\d+)(?::(\d+))?)?", text)
    if not match or match[1] not in CONSUMERS:
        raise argparse.ArgumentTypeError(f"NAME[=UID[:GID]], with a name of {', '.join(CONSUMERS)}")
    owner = (int(match[2]), int(match[3] or match[2])) if match[2] else None
    return match[1], owner


def words(text):
    try:
        return shlex.split(text)
    except ValueError as error:
        raise Failure(USAGE, f"SAAS_BOOTSTRAP_OPTIONS: {error}") from None


def say(line):
    print(line, flush=True)


def end_by_signal(number, _frame):
    """An exception, so that what was begun is taken back."""
    raise SystemExit(128 + number)


def bootstrap(options, settings):
    if not settings.token:
        raise Failure(USAGE, "VAULT_TOKEN or VAULT_TOKEN_FILE: the token of an administrator, or for --hand-out-only")
    if options.production and settings.plain_text:
        raise Failure(USAGE, "--production: VAULT_ADDR must be https")
    server = Server(settings)
    server.find_leader(options.wait)
    if options.hand_out_only:
        hand_out(server, settings, options)
        return
    prepare(server, settings, options)
    hand_out(server, settings, options)
    for role in roles.ROLES:
        roles.test_login(server, settings, role, say)


def prepare(server, settings, options):
    """All that hand_out finds there: an administrator's work."""
    if options.production:
        engines.ensure_audit(server, options.audit_file, say)
    engines.ensure_kv(server, settings, say)
    engines.ensure_policies(server, settings, [role.consumer for role in roles.ROLES], say)
    engines.ensure_approle(server, options.lockout == "on", say)
    roles.ensure_roles(server, settings, options, say)
    if options.seed and not options.production and settings.environment == FIRST_ENVIRONMENT:
        platform_secrets.seed(server, settings, say)


def hand_out(server, settings, options):
    destinations = []
    if options.credentials:
        wanted = options.consumer or [(name, None) for name in CONSUMERS]
        destinations += [(CONSUMERS[name], credentials.ConsumerFolder(options.credentials, name, owner))
                         for name, owner in wanted]
    if options.env_file:
        destinations.append(("app", credentials.PeopleFile(options.env_file)))
    failures = []
    for role, destination in destinations:
        try:
            credentials.provide(server, settings, settings.names("role")(role), destination, options.wrap, say)
        except Failure as failure:
            # What is wrong with one consumer's folder, which it may write into, is not to keep the
            # others from theirs.
            if failure.status not in (INTERNAL, USAGE):
                raise
            failures.append(failure)
    if failures:
        raise Failure(failures[0].status, "; ".join(map(str, failures)))


def main():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end_by_signal)
    try:
        environment = dict(os.environ)
        if not environment.get("VAULT_ADDR") and not environment.get("BAO_ADDR"):
            parse(sys.argv[1:])  # a wrong option starts nothing
            environment = compose.environment(environment, say)
        options = parse(words(environment.get("SAAS_BOOTSTRAP_OPTIONS", "")) + sys.argv[1:])
        bootstrap(options, Settings(environment))
    except Failure as failure:
        print(f"bootstrap: {failure}", file=sys.stderr)
        return failure.status
    except OSError as error:
        print(f"bootstrap: {error}", file=sys.stderr)
        return INTERNAL
    return 0
