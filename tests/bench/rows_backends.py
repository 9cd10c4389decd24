"""Rows: many backends at once, the cost of connecting, and memory."""
import statistics
import subprocess
import sys

from bench import MEMORY_TENANTS, PAIRS
from servers import BIN, TOP, memory_kb, run

HERD = 200
CONNECT_PAIRS = 11  # a difference of 1 % needs more of them
CONNECT_SECONDS = 3


def many_backends(bench, step):
    bench.with_library.sql("SELECT tenant_vault.flush()")
    bench.with_library.sql("SELECT tenant_vault.conninfo('bench000999')")
    us, failures = run([f"{TOP}/build/bench/many_backends", str(HERD), "1", str(step)],
                       env=bench.with_library.environment()).split()
    if failures != "0":
        sys.exit(f"{failures} of {HERD} sessions got no answer")
    return float(us)


def herd(bench):
    cluster, made = bench.with_library, []
    for _ in range(PAIRS):
        bench.with_library.sql("SELECT tenant_vault.flush()")
        bench.with_library.sql("SELECT tenant_vault.conninfo('bench000000')")
        before = cluster.requests()
        failures = run([f"{TOP}/build/bench/many_backends", str(HERD), "1", "0"], env=cluster.environment()).split()[1]
        made.append(cluster.requests() - before)
    bench.add(f"{HERD} backends, one cold tenant: requests", max(made), 1, f"requests {made}, {failures} failures")


def fleet(bench):
    raw, ours = bench.pairs(lambda: bench.vault.raw("read", 16, 1, HERD), lambda: many_backends(bench, 1))
    bench.add(f"{HERD} backends, {HERD} cold tenants / 16 raw connections", ours / raw, 1.3,
              f"{ours / 1000:.1f} ms / {raw / 1000:.1f} ms")


def idle_backend_kb(cluster):
    """Memory that is an idle backend's alone."""
    session = subprocess.Popen([f"{BIN}/psql", "-XAtq"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env=cluster.environment("plain"))
    session.stdin.write("SELECT pg_backend_pid();\n")
    session.stdin.flush()
    pid = session.stdout.readline().strip()
    size = memory_kb(pid, "RssAnon")
    session.communicate(timeout=10)
    return size


def memory(bench):
    cluster = bench.with_library
    cluster.sql("DO $$ DECLARE value text; BEGIN FOR i IN 0..999 LOOP "
                "SELECT tenant_vault.conninfo('bench' || lpad(i::text, 6, '0')) INTO value; END LOOP; END $$")
    pids = cluster.sql("SELECT keeper_pid, fetcher_pid FROM tenant_vault.status").split("|")
    resident = [memory_kb(pid, "VmRSS") - memory_kb(pid, "RssShmem") for pid in pids]
    bench.add("keeper and fetcher, MB resident", sum(resident) / 1024, 30,
              f"keeper {resident[0]} kB, fetcher {resident[1]} kB, {MEMORY_TENANTS} tenants cached")
    without, with_it = bench.pairs(lambda: idle_backend_kb(bench.without), lambda: idle_backend_kb(cluster))
    bench.add("what the library adds to an idle backend, kB", with_it - without, 100, f"{with_it} kB / {without} kB")


def connect(bench):
    script = f"{bench.folder}/connect.sql"
    with open(script, "w", encoding="ascii") as file:
        file.write("SELECT 1;\n")

    def rate(cluster):
        output = run([f"{BIN}/pgbench", "-n", "-C", "-c", "2", "-T", str(CONNECT_SECONDS), "-f", script],
                     env=cluster.environment("plain"))
        return float(next(line.split("=")[1].split()[0] for line in output.splitlines() if line.startswith("tps")))

    ratios = [rate(bench.with_library) / rate(bench.without) if pair % 2 else 1 / (rate(bench.without) / rate(bench.with_library))
              for pair in range(CONNECT_PAIRS)]
    bench.add("pgbench -C, with the library / without", statistics.median(ratios), 0.99,
              f"{CONNECT_PAIRS} pairs, {min(ratios):.3f} to {max(ratios):.3f}", at_least=True)


ROWS = {"herd": herd, "fleet": fleet, "memory": memory, "connect": connect}
