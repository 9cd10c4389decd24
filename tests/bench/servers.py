"""The real servers that rows measure, and how a row asks them."""
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
START_SECONDS = 30


def bindir():
    config = os.environ.get("PG_CONFIG", "pg_config")
    return subprocess.check_output([config, "--bindir"], text=True).strip()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(command, **options):
    """Runs to the end, gives standard output, or stops the benchmark with what went wrong."""
    result = subprocess.run(command, text=True, capture_output=True, timeout=1200, **options)
    if result.returncode != 0:
        sys.exit(f"{command[0]}: {result.stderr.strip() or result.stdout.strip()}")
    return result.stdout.strip()


class Vault:
    """A real OpenBao, by tests/setup/vault_server."""

    def __init__(self, folder, *options):
        self.folder = folder
        run([f"{TOP}/tests/setup/vault_server", "start", folder, *options])
        self.env = {}
        with open(f"{folder}/env", encoding="ascii") as lines:
            for line in lines:
                name, value = line.removeprefix("export ").strip().split("=", 1)
                self.env[name] = value
        self.address = self.env["VAULT_ADDR"]
        self.bao("secrets", "enable", "-path=secret", "-version=2", "kv")
        self.bao("kv", "put", "-mount=secret", "saas-project/dev/database",
                 "tenant_url_template=postgresql://bench@127.0.0.1:5432/{database_name}?sslmode=disable")

    def environment(self):
        return {**os.environ, **self.env, "VAULT_TOKEN_FILE": f"{self.folder}/root_token"}

    def bao(self, *arguments):
        with open(f"{self.folder}/root_token", encoding="ascii") as token:
            environment = {**os.environ, **self.env, "VAULT_TOKEN": token.read().strip()}
        return run([f"{TOP}/build/tools/bin/bao", *arguments], env=environment)

    def raw(self, action, connections, first, count, address=None):
        """Microseconds that the reference program needs for so many requests."""
        environment = self.environment()
        if address:
            environment["VAULT_ADDR"] = address
        return float(run([f"{TOP}/build/bench/raw_client", action, str(connections), str(first), str(count)],
                         env=environment))

    def stop(self):
        run([f"{TOP}/tests/setup/vault_server", "stop", self.folder])


class Cluster:
    """A PostgreSQL cluster of its own, with or without the library."""

    def __init__(self, folder, settings):
        self.folder, self.port = folder, free_port()
        run([f"{BIN}/initdb", "-D", folder, "-U", "postgres", "-A", "trust", "--no-sync"])
        with open(f"{folder}/postgresql.conf", "a", encoding="ascii") as conf:
            conf.write(f"port = {self.port}\nlisten_addresses = ''\nfsync = off\nmax_connections = 600\n"
                       f"unix_socket_directories = '{folder}'\nautovacuum = off\n")
        self.configure(settings)
        self.ctl("start")

    def configure(self, settings):
        with open(f"{self.folder}/postgresql.auto.conf", "w", encoding="ascii") as conf:
            for name, value in settings.items():
                conf.write(f"{name} = '{value}'\n")

    def ctl(self, action):
        run([f"{BIN}/pg_ctl", "-D", self.folder, "-l", f"{self.folder}/log", "-w", "-t", str(START_SECONDS), action])

    def environment(self, user="postgres"):
        return {**os.environ, "PGHOST": self.folder, "PGPORT": str(self.port), "PGUSER": user, "PGDATABASE": "postgres"}

    def sql(self, text, user="postgres"):
        return run([f"{BIN}/psql", "-XAtq", "-v", "ON_ERROR_STOP=1"], input=text, env=self.environment(user))

    def timed(self, statement, count, user="postgres"):
        """Microseconds for one of count executions of a statement in one PL/pgSQL loop."""
        return float(self.sql(f"""
            SET jit = off;
            CREATE TEMP TABLE result (us float8);
            DO $$
            DECLARE value text; start timestamptz;
            BEGIN
                FOR i IN 0..9 LOOP {statement}; END LOOP;
                start := clock_timestamp();
                FOR i IN 0..{count - 1} LOOP {statement}; END LOOP;
                INSERT INTO result VALUES (extract(epoch FROM clock_timestamp() - start) * 1e6 / {count});
            END $$;
            SELECT us FROM result;""", user))

    def processor_seconds(self):
        """Of all its processes, and of those that have ended: the kernel counts these as their parent's."""
        with open(f"{self.folder}/postmaster.pid", encoding="ascii") as file:
            family = {int(file.readline())}
        processes = {pid: fields for pid in os.listdir("/proc") if pid.isdigit() and (fields := stat_fields(pid))}
        while more := {int(pid) for pid, fields in processes.items() if int(fields[1]) in family} - family:
            family |= more
        ticks = sum(int(field) for pid in family if str(pid) in processes for field in processes[str(pid)][11:15])
        return ticks / os.sysconf("SC_CLK_TCK")

    def requests(self):
        # The fetcher reports its counters at most once a second.
        time.sleep(1.2)
        return int(self.sql("SELECT vault_requests FROM tenant_vault.status"))

    def await_login(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.sql("SELECT coalesce(vault_reachable, false) FROM tenant_vault.status") == "t":
                return
            self.sql("SELECT tenant_vault.refresh('bench000000')")
        sys.exit("the extension does not reach Vault")


def slow_proxy(address):
    """toxiproxy in front of a server, with 2 ms on the way back: its address and its process."""
    control, listen = free_port(), free_port()
    process = subprocess.Popen([f"{TOP}/build/tools/bin/toxiproxy-server", "-host", "127.0.0.1", "-port", str(control)],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    upstream = address.split("//")[1]
    toxiproxy(control, "proxies", {"name": "slow", "listen": f"127.0.0.1:{listen}", "upstream": upstream})
    toxiproxy(control, "proxies/slow/toxics", {"type": "latency", "attributes": {"latency": 2}})
    return f"https://127.0.0.1:{listen}", process


def toxiproxy(port, path, body):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(f"http://127.0.0.1:{port}/{path}", json.dumps(body).encode())
    for attempt in range(50):
        try:
            opener.open(request, timeout=5).close()
            return
        except ConnectionError:
            time.sleep(0.1)
        except urllib.error.URLError:
            time.sleep(0.1)
    sys.exit("toxiproxy does not answer")


def stat_fields(pid):
    """From the state on (proc(5)); none where the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def memory_kb(pid, field):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(next(line.split()[1] for line in status if line.startswith(field + ":")))


BIN = bindir()
