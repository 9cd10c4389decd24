"""Rows: logging in. The enrolled role's password is in Vault, the built-in one's in a cluster without
the library; both are asked for SCRAM by a line of pg_hba.conf."""
import statistics
import subprocess
import sys
import time

from bench import PAIRS
from servers import BIN, run

LOGIN_PAIRS = 7
LOGIN_SECONDS = 3
LOGIN_CLIENTS = (4, 32)
COLD_LOGINS = 500


def prepare(bench):
    if getattr(bench, "passwords", None):
        return
    for cluster, lines in ((bench.with_library, f"local all @{bench.with_library.folder}/tenant_vault.{bench.with_library.port} trust\n"),
                           (bench.without, "")):
        with open(f"{cluster.folder}/pg_hba.conf", "w", encoding="ascii") as hba:
            hba.write(f"local all postgres trust\nlocal all plain trust\n{lines}local all all scram-sha-256\n")
        cluster.ctl("restart")
    bench.with_library.await_login()
    bench.with_library.sql("\n".join(
        f"CREATE ROLE app{i} LOGIN; SELECT tenant_vault.enroll('app{i}', 'bench{i:06d}');" for i in range(COLD_LOGINS)))
    bench.passwords = bench.with_library.sql("\n".join(
        f"SELECT password FROM tenant_vault.credentials('bench{i:06d}');" for i in range(COLD_LOGINS))).splitlines()
    bench.without.sql("\n".join(f"CREATE ROLE app{i} LOGIN PASSWORD '{password}';"
                               for i, password in enumerate(bench.passwords)))
    bench.with_library.configure(bench.settings(bench.vault.address, **{"tenant_vault.login_max_age": "1h"}))
    bench.with_library.ctl("restart")
    bench.with_library.await_login()


def login(bench):
    prepare(bench)
    script = f"{bench.folder}/login.sql"
    with open(script, "w", encoding="ascii") as file:
        file.write("SELECT 1;\n")

    def rate(cluster, clients):
        output = run([f"{BIN}/pgbench", "-n", "-C", "-c", str(clients), "-T", str(LOGIN_SECONDS), "-f", script],
                     env={**cluster.environment("app0"), "PGPASSWORD": bench.passwords[0]})
        return float(next(line.split("=")[1].split()[0] for line in output.splitlines() if line.startswith("tps")))

    for clients in LOGIN_CLIENTS:
        requests = bench.with_library.requests()
        ratios = []
        for pair in range(LOGIN_PAIRS):
            if pair % 2:
                ours = rate(bench.with_library, clients)
                ratios.append(ours / rate(bench.without, clients))
            else:
                builtin = rate(bench.without, clients)
                ratios.append(rate(bench.with_library, clients) / builtin)
        bench.add(f"cached logins / built-in SCRAM, {clients} clients", statistics.median(ratios), 0.99,
                  f"{LOGIN_PAIRS} pairs, {min(ratios):.3f} to {max(ratios):.3f}, "
                  f"{bench.with_library.requests() - requests} requests", at_least=True)


def login_cold(bench):
    prepare(bench)

    def wall(cluster):
        if cluster is bench.with_library:
            cluster.sql("SELECT tenant_vault.flush()")
        begun = time.monotonic()
        sessions = [subprocess.Popen([f"{BIN}/psql", "-XAtqw", "-c", "SELECT 1"], stdout=subprocess.DEVNULL,
                                     stderr=subprocess.PIPE, env={**cluster.environment(f"app{i}"), "PGPASSWORD": bench.passwords[i]})
                    for i in range(COLD_LOGINS)]
        failed = [session for session in sessions if session.wait(120) != 0]
        if failed:
            sys.exit(f"{len(failed)} of {COLD_LOGINS} logins failed: {failed[0].stderr.read().decode()}")
        for session in sessions:
            session.stderr.close()
        return time.monotonic() - begun

    before = bench.with_library.requests()
    builtin, ours = bench.pairs(lambda: wall(bench.without), lambda: wall(bench.with_library))
    made = bench.with_library.requests() - before
    bench.add(f"{COLD_LOGINS} tenants logging in on a cold cache / built-in SCRAM", ours / builtin, 1.3,
              f"{ours:.2f} s / {builtin:.2f} s, {made} requests for {PAIRS * COLD_LOGINS} tenants")


ROWS = {"login": login, "login-cold": login_cold}
