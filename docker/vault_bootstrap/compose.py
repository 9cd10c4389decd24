"""The first use on a host with Docker: ./bootstrap, without VAULT_ADDR.

Makes .env (the root token of the dev server, and the seed of its secrets: random, 0600,
ignored by git), or adds what one lacks, starts the bundle's Vault, and says what docker-compose.yml says to the
bundle's own bootstrap service. The services' credentials are left to that one, which can
write into their volumes.
"""

import os
import secrets
import shlex
import subprocess

from .credentials import locked, write_whole
from .outcome import UNREACHABLE, USAGE, Failure

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENV_FILE = os.path.join(FOLDER, ".env")

# As in docker-compose.yml.
SUBNET = "172.30.86.0/24"
DATABASE = "postgres:5432"
S3_URL = "http://minio:9000"
PORT = "8200"


# What .env must say, each with the reason that is written beside it.
NEEDED = {
    "VAULT_DEV_ROOT_TOKEN_ID": (
        "# Made by ./bootstrap for the dev server of this folder's docker-compose.yml, which\n"
        "# forgets everything when it stops. Not for production."),
    "SAAS_DEV_SEED": "# The platform's secrets are made from this, so that they are the same after a restart.",
    "SAAS_BOOTSTRAP_OPTIONS": "# Options for each run of bootstrap. --provisioning: the database may create tenants.",
}


def environment(outer, say):
    """The variables of a run against the bundle's Vault, which is started."""
    values = {**complete_env_file(say), **outer}
    start_vault(say)
    values.pop("VAULT_TOKEN_FILE", None)  # of some other Vault
    return {
        **values,
        "VAULT_ADDR": f"http://127.0.0.1:{values.get('VAULT_PORT') or PORT}",
        "VAULT_TOKEN": values.get("VAULT_DEV_ROOT_TOKEN_ID", ""),
        "SAAS_POSTGRES_CIDRS": values.get("SAAS_SUBNET") or SUBNET,
        "SAAS_DATABASE": DATABASE,
        "SAAS_S3_URL": S3_URL,
    }


def complete_env_file(say):
    """What .env says, after what it lacks was added: another run, or a person, may have begun it."""
    path = os.path.realpath(ENV_FILE)
    with locked(os.path.dirname(path), path):
        text = ""
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                text = file.read()
        values = parse_env(text)
        # No options are a choice; no token and no seed are none.
        missing = [name for name in NEEDED
                   if name not in values or (not values[name] and name != "SAAS_BOOTSTRAP_OPTIONS")]
        if not missing:
            return values
        added = {name: "--provisioning" if name == "SAAS_BOOTSTRAP_OPTIONS" else secrets.token_urlsafe(24)
                 for name in missing}
        if text and not text.endswith("\n"):
            text += "\n"
        text += "".join(f"{NEEDED[name]}\n{name}={value}\n" for name, value in added.items())
        write_whole(path, text, 0o600, None)
    say(f"{ENV_FILE}: {', '.join(added)} added")
    return {**values, **added}


def parse_env(text):
    values = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            values[name.strip()] = value.strip().strip("'\"")
    return values


def compose_command():
    given = os.environ.get("SAAS_COMPOSE")
    if given:
        return shlex.split(given)
    for command in (["docker", "compose"], ["docker-compose"]):
        try:
            if subprocess.run([*command, "version"], capture_output=True, check=False).returncode == 0:
                return command
        except FileNotFoundError:
            continue
    raise Failure(USAGE, "neither docker compose nor docker-compose is here: "
                  "set VAULT_ADDR to use a Vault that is already running")


def start_vault(say):
    command = [*compose_command(), "up", "-d", "vault"]
    say(f"{' '.join(command)}")
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(UNREACHABLE, f"{' '.join(command)} fails: {done.stderr.strip()[-1000:]}")
