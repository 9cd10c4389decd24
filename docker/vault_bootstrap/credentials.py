"""role_id and secret_id for those who log in: minted where the present one is gone.

A consumer's folder holds role_id, secret_id and secret_id_accessor, each 0400 of its user,
each whole or not there. The accessor goes first and comes back last: as long as it is not there,
the next run takes the secret_id for gone and makes another. Two runs over one folder take turns.
"""

import contextlib
import datetime
import fcntl
import os
import re
import shlex
import stat
import time

from .outcome import INTERNAL, USAGE, Failure
from .server import refusal

LOCK_SECONDS = 60  # how long another run over the same folder may take
WRAP_SECONDS = 300  # how long a wrapping token waits for the consumer's first start
# A secret_id in the second half of its life is replaced: a run each quarter of it is enough.
RENEW_SHARE = 0.5
WRAPPED_MARK = "wrapped"  # beside the accessor of a secret_id that was handed out wrapped
FILE_BYTES = 64 << 10  # far more than any of these files; a consumer's own folder may hold anything


@contextlib.contextmanager
def locked(path, what):
    """The folder itself is what is locked: it is the same one in every container."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Failure(INTERNAL, f"{what}: another run holds it for {LOCK_SECONDS} s") from None
                time.sleep(0.1)
        yield
    finally:
        os.close(folder)


class Destination:
    """Where one secret_id goes: `accessor` of the present one (or wrapping token), and write."""

    def __init__(self, path):
        self.path = path

    def locked(self):
        return locked(self.folder(), self.path)


class ConsumerFolder(Destination):
    """The files of a program, below the folder for all of them."""

    def __init__(self, parent, name, owner):
        super().__init__(os.path.join(parent, name))
        self.owner = owner  # (uid, gid), or None: whoever runs this

    def folder(self):
        os.makedirs(self.path, mode=0o700, exist_ok=True)
        # A fresh volume belongs to root, and is open.
        if self.owner and os.lstat(self.path).st_uid != self.owner[0]:
            os.chmod(self.path, 0o700)
            os.chown(self.path, *self.owner, follow_symlinks=False)
        return self.path

    def present(self):
        found = {name: read_text(os.path.join(self.path, name))
                 for name in ("role_id", "secret_id", "secret_id_accessor")}
        found["secret_id_accessor"], _, mark = found["secret_id_accessor"].partition(" ")
        return {**found, "wrapped": mark == WRAPPED_MARK}

    def write(self, values, _settings):
        texts = {"role_id": values["role_id"], "secret_id": values["secret_id"],
                 # Last, and until then not there: see above.
                 "secret_id_accessor": values["secret_id_accessor"] +
                                       (f" {WRAPPED_MARK}" if values["wrapped"] else "")}
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.path, "secret_id_accessor"))
        for name, text in texts.items():
            write_whole(os.path.join(self.path, name), text, 0o400, self.owner)


class PeopleFile(Destination):
    """.env.vault: what a person sources, or gives to a program that is run by hand."""

    def folder(self):
        return os.path.dirname(os.path.abspath(self.path))

    def present(self):
        text = read_text(self.path)
        find = lambda name: (re.search(rf"^(?:# )?{name}=(\S+)$", text, re.M) or [None, ""])[1]
        return {"role_id": find("VAULT_ROLE_ID"), "secret_id": find("VAULT_SECRET_ID"),
                "secret_id_accessor": find("secret_id_accessor"),
                "wrapped": find("VAULT_SECRET_ID_WRAPPED") == "true"}

    def write(self, values, settings):
        lines = ["# Written by docker/bootstrap, for people. Programs get files of their own.",
                 f"VAULT_ADDR={shlex.quote(','.join(settings.addresses))}",
                 f"VAULT_ENVIRONMENT={settings.environment}",
                 f"VAULT_ROLE_ID={values['role_id']}",
                 f"VAULT_SECRET_ID={values['secret_id']}"]
        if settings.ca_cert:
            lines.append(f"VAULT_CACERT={shlex.quote(os.path.abspath(settings.ca_cert))}")
        if settings.namespace:
            lines.append(f"VAULT_NAMESPACE={shlex.quote(settings.namespace)}")
        if values["wrapped"]:
            lines.append("VAULT_SECRET_ID_WRAPPED=true")
        lines.append(f"# secret_id_accessor={values['secret_id_accessor']}")
        write_whole(self.path, "\n".join(lines) + "\n", 0o600, None)


def provide(server, settings, role, destination, wrap, say):
    """Sees to it that destination holds credentials of the role that work, and no stronger ones."""
    base = f"auth/approle/role/{role}"
    with destination.locked():
        limits = server.demand("GET", base).data
        role_id = server.demand("GET", f"{base}/role-id").data["role_id"]
        present = destination.present()
        found = looked_up(server, base, present) if present["role_id"] == role_id else None
        if found and is_good(server, present, found, limits, wrap):
            say(f"{destination.path}: its secret_id of {role} is good")
            return
        with minted(server, base, wrap) as new:
            destination.write({"role_id": role_id, "wrapped": wrap, **new}, settings)
        say(f"{destination.path}: a new secret_id of {role}{', wrapped' if wrap else ''}")
        if found and outdoes(found, limits):
            # It would not end by itself, at least not when the role says.
            destroy(server, base, present["secret_id_accessor"])
            say(f"{destination.path}: the one before, good for longer than the role says, is ended")


def looked_up(server, base, present):
    """What Vault knows of the present secret_id; None where it is gone. It is never tried: a login
    would spend a use of it."""
    if not present["secret_id"] or not present["secret_id_accessor"]:
        return None
    path = f"{base}/secret-id-accessor/lookup"
    reply = server.request("POST", path, {"secret_id_accessor": present["secret_id_accessor"]})
    if reply.status == 404:
        return None
    if not reply.ok:
        raise refusal("POST", path, reply)
    return reply.data


def is_good(server, present, found, limits, wrap):
    if present["wrapped"] != wrap or found["secret_id_num_uses"] != limits["secret_id_num_uses"]:
        return False
    if outdoes(found, limits):
        return False
    if wrap and not server.request("POST", "sys/wrapping/lookup", {"token": present["secret_id"]}, token=None).ok:
        return False
    if not found["secret_id_ttl"]:
        return True
    life = seconds(found["expiration_time"]) - time.time()
    return life > found["secret_id_ttl"] * RENEW_SHARE


def outdoes(found, limits):
    """True for a secret_id of an earlier run with laxer options: 0 is without end."""
    return any(limits[name] and not 0 < found[name] <= limits[name]
               for name in ("secret_id_ttl", "secret_id_num_uses"))


def seconds(text):
    """Of RFC 3339 as Vault writes it: in its server's time zone, up to nine digits of a second."""
    zone = re.search(r"(?:Z|[+-]\d\d:\d\d)$", text)[0]
    return datetime.datetime.fromisoformat(text[:19] + zone.replace("Z", "+00:00")).timestamp()


@contextlib.contextmanager
def minted(server, base, wrap):
    """A new secret_id, which is destroyed again if it does not reach its destination."""
    reply = server.demand("POST", f"{base}/secret-id", {}, wrap_seconds=WRAP_SECONDS if wrap else None)
    if wrap:
        wrapped = reply.body["wrap_info"]
        new = {"secret_id": wrapped["token"], "secret_id_accessor": wrapped["wrapped_accessor"]}
    else:
        new = {name: reply.data[name] for name in ("secret_id", "secret_id_accessor")}
    try:
        yield new
    except BaseException:
        destroy(server, base, new["secret_id_accessor"])
        raise


def destroy(server, base, accessor):
    server.request("POST", f"{base}/secret-id-accessor/destroy", {"secret_id_accessor": accessor})


def read_text(path):
    """What stands there; nothing where there is no file. A link that a consumer put there is not
    followed, a pipe not waited for, and no more read than belongs there."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Failure(USAGE, f"{path}: is no file")
            text = file.read(FILE_BYTES + 1)
        if len(text) > FILE_BYTES:
            raise Failure(USAGE, f"{path}: has more than {FILE_BYTES} bytes")
        return text.decode().strip()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise Failure(USAGE, f"{path}: {error}") from None


def write_whole(path, text, mode, owner):
    """Under another name, closed to others from its first byte, then renamed. Whoever calls it holds
    the folder's lock: what a run that was killed left under that name goes."""
    new = f"{path}.bootstrap.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new)
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(descriptor, mode)
            if owner:  # last: then the mode is the owner's to change
                os.fchown(descriptor, *owner)
            os.fsync(descriptor)
        os.rename(new, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(new)
        raise Failure(USAGE, f"{path}: {error.strerror}") from None
