"""The first use on a host with Docker: ./bootstrap, without VAULT_ADDR.

Makes .env (the root token of the dev server, and the seed of its secrets: random, 0600,
ignored by git), starts the bundle's Vault, and says what docker-compose.yml says to the
bundle's own bootstrap service. The services' credentials are left to that one, which can
write into their volumes.
"""

import os
import secrets
import shlex
import subprocess

from .credentials import write_whole
from .outcome import UNREACHABLE, USAGE, Failure

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENV_FILE = os.path.join(FOLDER, ".env")

# As in docker-compose.yml.
SUBNET = "172.30.86.0/24"
DATABASE = "postgres:5432"
S3_URL = "http://minio:9000"
PORT = "8200"


def environment(outer, say):
    """The variables of a run against the bundle's Vault, which is started."""
    if not os.path.exists(ENV_FILE):
        make_env_file()
        say(f"{ENV_FILE}: made, with a root token and a seed of its own")
    values = {**read_env_file(), **outer}
    start_vault(say)
    return {
        **values,
        "VAULT_ADDR": f"http://127.0.0.1:{values.get('VAULT_PORT') or PORT}",
        "VAULT_TOKEN": values.get("VAULT_DEV_ROOT_TOKEN_ID", ""),
        "SAAS_POSTGRES_CIDRS": values.get("SAAS_SUBNET") or SUBNET,
        "SAAS_DATABASE": DATABASE,
        "SAAS_S3_URL": S3_URL,
    }


def make_env_file():
    write_whole(ENV_FILE, "\n".join([
        "# Made by ./bootstrap for the dev server of this folder's docker-compose.yml, which",
        "# forgets everything when it stops. Not for production.",
        f"VAULT_DEV_ROOT_TOKEN_ID={secrets.token_urlsafe(24)}",
        "# The platform's secrets are made from this, so that they are the same after a restart.",
        f"SAAS_DEV_SEED={secrets.token_urlsafe(24)}",
        "# Options for each run of bootstrap. --provisioning: the database may create tenants.",
        "SAAS_BOOTSTRAP_OPTIONS=--provisioning",
    ]) + "\n", 0o600, None)


def read_env_file():
    values = {}
    with open(ENV_FILE, encoding="utf-8") as file:
        for line in file:
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
