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
CPU_PAIRS = 11  # 2 % are less than what one pair varies by
CPU_LOGINS = 800  # some 2 s, which the kernel counts in hundredths
CPU_CLIENTS = 4
MANY_ROLES = 100_000
# Rows like app0's, put into the catalogs: by CREATE ROLE and enroll() it would take minutes. The OIDs are beyond those in use.
COPIES = [f"""INSERT INTO {catalog} SELECT (jsonb_populate_record(c, jsonb_build_object({changes}))).*
    FROM {catalog} AS c, generate_series(1, {MANY_ROLES}) AS i WHERE {column} = 'app0'::regrole;"""
          for catalog, column, changes in (
              ("pg_authid", "c.oid", "'oid', 10000000 + i, 'rolname', 'many' || i"),
              ("pg_auth_members", "c.member", "'oid', 11000000 + i, 'member', 10000000 + i"),
              ("pg_shseclabel", "c.objoid", "'objoid', 10000000 + i, 'label', 'many' || i"))]


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


def pgbench(bench, cluster, *options):
    """One connection, and so one login, for each transaction; gives how many there were in a second."""
    script = f"{bench.folder}/login.sql"
    with open(script, "w", encoding="ascii") as file:
        file.write("SELECT 1;\n")
    output = run([f"{BIN}/pgbench", "-n", "-C", *options, "-f", script],
                 env={**cluster.environment("app0"), "PGPASSWORD": bench.passwords[0]})
    return float(next(line.split("=")[1].split()[0] for line in output.splitlines() if line.startswith("tps")))


def login_ratios(bench, measure, pairs):
    """Ours by the built-in one's, in turn, each side first in every other pair."""
    ratios = []
    for pair in range(pairs):
        sides = [bench.with_library, bench.without]
        measured = {cluster: measure(cluster) for cluster in (sides if pair % 2 else reversed(sides))}
        ratios.append(measured[bench.with_library] / measured[bench.without])
    return ratios


def add_rates(bench, where=""):
    for clients in LOGIN_CLIENTS:
        requests = bench.with_library.requests()
        ratios = login_ratios(bench, lambda cluster: pgbench(bench, cluster, "-c", str(clients), "-T", str(LOGIN_SECONDS)), LOGIN_PAIRS)
        bench.add(f"cached logins / built-in SCRAM{where}, {clients} clients", statistics.median(ratios), 0.99,
                  f"{LOGIN_PAIRS} pairs, {min(ratios):.3f} to {max(ratios):.3f}, "
                  f"{bench.with_library.requests() - requests} requests", at_least=True)


def add_processor_time(bench, where=""):
    each = []  # of ours, for the table

    def seconds(cluster):
        before = cluster.processor_seconds()
        pgbench(bench, cluster, "-c", str(CPU_CLIENTS), "-t", str(CPU_LOGINS // CPU_CLIENTS))
        spent = cluster.processor_seconds() - before
        if cluster is bench.with_library:
            each.append(spent / CPU_LOGINS)
        return spent

    seconds(bench.with_library)
    seconds(bench.without)
    ratios = login_ratios(bench, seconds, CPU_PAIRS)
    bench.add(f"the server's processor time for a cached login / built-in SCRAM{where}", statistics.median(ratios), 1.02,
              f"{1e6 * statistics.median(each):.0f} us, {CPU_PAIRS} pairs, {min(ratios):.3f} to {max(ratios):.3f}")


def login(bench):
    prepare(bench)
    add_rates(bench)


def login_cpu(bench):
    prepare(bench)
    add_processor_time(bench)


def login_many(bench):
    """The same with as many more roles in both clusters: in one with a verifier, enrolled and labelled in the other."""
    prepare(bench)
    for cluster in (bench.with_library, bench.without):
        cluster.sql("SET allow_system_table_mods = on;" + "".join(COPIES) + "VACUUM ANALYZE pg_authid, pg_auth_members, pg_shseclabel; CHECKPOINT;")
    add_rates(bench, f" among {MANY_ROLES} roles")
    add_processor_time(bench, f" among {MANY_ROLES} roles")


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


# login-many is last: what it adds to both clusters stays there.
ROWS = {"login": login, "login-cpu": login_cpu, "login-cold": login_cold, "login-many": login_many}
