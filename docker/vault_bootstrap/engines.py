"""What there must be before a role: the KV mount, the policies, AppRole, an audit device.

Each step may find its work done, or somebody else doing it at the same moment.
"""

import pathlib
import time

from .outcome import UNREACHABLE, USAGE, Failure
from .server import refusal

POLICIES = pathlib.Path(__file__).resolve().parent.parent / "policies"
KV_READY_SECONDS = 15  # a fresh KV v2 mount refuses (400) while it upgrades itself


def ensure_kv(server, settings, say):
    mount = settings.mount
    if f"{mount}/" not in server.demand("GET", "sys/mounts").data:
        _create(server, f"sys/mounts/{mount}", {"type": "kv", "options": {"version": "2"}})
        say(f"{mount}/: mounted, KV version 2")
    found = server.demand("GET", "sys/mounts").data[f"{mount}/"]
    if found["type"] != "kv" or (found.get("options") or {}).get("version") != "2":
        raise Failure(USAGE, f"{mount}/ is there, but is no KV engine of version 2: set VAULT_KV_MOUNT to another one")
    deadline = time.monotonic() + KV_READY_SECONDS
    while not server.request("GET", f"{mount}/config").ok:
        if time.monotonic() > deadline:
            raise Failure(UNREACHABLE, f"{mount}/ does not become ready")
        time.sleep(0.1)


def _create(server, path, body):
    """A mount, an auth method, an audit device: whoever was first has made it."""
    reply = server.request("POST", path, body)
    if not reply.ok and "already in use" not in reply.errors:
        raise refusal("POST", path, reply)


def render_policy(consumer, settings):
    text = (POLICIES / f"saas-{consumer}-policy.hcl").read_text(encoding="utf-8")
    for name in ("mount", "prefix", "environment"):
        text = text.replace(f"@{name}@", getattr(settings, name))
    return text


def ensure_policies(server, settings, consumers, say):
    for consumer in consumers:
        name = settings.names("policy")(consumer)
        server.demand("PUT", f"sys/policies/acl/{name}", {"policy": render_policy(consumer, settings)})
        say(f"{name}: written")


def ensure_approle(server, lockout, say):
    if "approle/" not in server.demand("GET", "sys/auth").data:
        _create(server, "sys/auth/approle", {"type": "approle"})
        say("auth/approle/: enabled")
    server.demand("POST", "sys/auth/approle/tune",
                  {"user_lockout_config": {"lockout_disable": not lockout}})
    say(f"auth/approle/: lock-out after refused logins is {'on' if lockout else 'off'}")


def ensure_audit(server, path, say):
    """HashiCorp's Vault takes a device by its API; OpenBao only by its configuration file."""
    if not server.demand("GET", "sys/audit").data:
        reply = server.request("PUT", "sys/audit/file", {"type": "file", "options": {"file_path": path}})
        if not reply.ok and "config" in reply.errors:
            raise Failure(USAGE, "no audit device, and this server takes one from its configuration only: "
                          f'add audit "file" "to-file" {{ options = {{ file_path = "{path}" }} }} and reload it')
        if not reply.ok and "already in use" not in reply.errors:
            raise refusal("PUT", "sys/audit/file", reply)
    devices = server.demand("GET", "sys/audit").data
    say(f"audit: {', '.join(sorted(devices))}")
