"""Rows: what a cached and a cold look-up cost, and many tenants."""
import shutil
import statistics
import subprocess

from bench import MEMORY_TENANTS, PAIRS
from servers import BIN, Vault, slow_proxy

CACHED_LOOP = 100_000
COLD_READS = 1_000
SLOW_READS = 150  # each takes more than 2 ms
MANY_TENANTS = 100_000
FEW_TENANTS = 100


# The two ways to write it in PL/pgSQL. SELECT INTO runs the executor for either side, which is most of its cost; an
# assignment runs it only for the side that reads a table.
CACHED_FORMS = (
    ("value := ...", "value := (SELECT r.value FROM reference r WHERE r.id = 4711)", "value := tenant_vault.conninfo('bench000000')"),
    ("SELECT INTO", "SELECT r.value INTO value FROM reference r WHERE r.id = 4711", "SELECT tenant_vault.conninfo('bench000000') INTO value"))


def cached(bench):
    cluster = bench.with_library
    for form, read_row, look_up in CACHED_FORMS:
        before = cluster.requests()
        select, conninfo = bench.pairs(lambda statement=read_row: cluster.timed(statement, CACHED_LOOP, "plain"),
                                       lambda statement=look_up: cluster.timed(statement, CACHED_LOOP, "plain"))
        bench.add(f"cached conninfo / primary-key SELECT, {form}", conninfo / select, 0.5,
                  f"{conninfo:.2f} us / {select:.2f} us, {cluster.requests() - before} requests")


def cold_loop(bench, count):
    cluster = bench.with_library
    cluster.sql("SELECT tenant_vault.flush()")
    # The ten untimed runs take the tenants from 900000 on, which have no secret of their own.
    return float(cluster.sql(f"""
        CREATE TEMP TABLE result (us float8);
        DO $$
        DECLARE value text; start timestamptz;
        BEGIN
            FOR i IN 900000..900009 LOOP
                SELECT tenant_vault.conninfo('bench' || i) INTO value;
            END LOOP;
            start := clock_timestamp();
            FOR i IN 0..{count - 1} LOOP
                SELECT tenant_vault.conninfo('bench' || lpad(i::text, 6, '0')) INTO value;
            END LOOP;
            INSERT INTO result VALUES (extract(epoch FROM clock_timestamp() - start) * 1e6 / {count});
        END $$;
        SELECT us FROM result;"""))


def cold(bench):
    before = bench.with_library.requests()
    raw, ours = bench.pairs(lambda: bench.vault.raw("read", 1, 0, COLD_READS) / COLD_READS,
                            lambda: cold_loop(bench, COLD_READS))
    made = bench.with_library.requests() - before
    bench.add("cold conninfo / raw libcurl read, plain HTTP", ours / raw, 1.2,
              f"{ours:.0f} us / {raw:.0f} us, {made} requests for {PAIRS * (COLD_READS + 10)} tenants")


def cold_tls(bench):
    bench.with_library.await_login()  # with the one token, before it is another server's
    vault = Vault(f"{bench.folder}/vault-tls", "--tls")
    proxy, process = slow_proxy(vault.address)
    shutil.copy(f"{vault.folder}/root_token", f"{bench.folder}/token")
    vault.raw("write", 16, 0, MEMORY_TENANTS)
    try:
        bench.reconfigure(proxy, **{"tenant_vault.ca_cert": vault.env["VAULT_CACERT"]})
        raw, ours = bench.pairs(lambda: vault.raw("read", 1, 0, SLOW_READS, proxy) / SLOW_READS,
                                lambda: cold_loop(bench, SLOW_READS))
        bench.add("cold conninfo / raw libcurl read, TLS and 2 ms", ours / raw, 1.1, f"{ours:.0f} us / {raw:.0f} us")
    finally:
        process.terminate()
        process.wait(10)
        vault.stop()
        shutil.copy(f"{bench.vault.folder}/root_token", f"{bench.folder}/token")
        bench.reconfigure(bench.vault.address)


def tenants(bench):
    cluster = bench.with_library
    bench.vault.raw("write", 16, 0, MANY_TENANTS)
    bench.reconfigure(bench.vault.address, **{"tenant_vault.max_tenants": str(MANY_TENANTS + 1000),
                                            "tenant_vault.cache_size": "256MB"})
    random = "SELECT tenant_vault.conninfo('bench' || lpad((i * 7919 % {0})::text, 6, '0')) INTO value"
    fill = "SELECT tenant_vault.conninfo('bench' || lpad({0}::text, 6, '0')) INTO value"
    cluster.sql(f"DO $$ DECLARE value text; BEGIN FOR i IN 0..{FEW_TENANTS - 1} LOOP {fill.format('i')}; END LOOP; END $$")
    few = statistics.median(cluster.timed(random.format(FEW_TENANTS), CACHED_LOOP) for _ in range(PAIRS))
    workers = [subprocess.Popen([f"{BIN}/psql", "-XAtq", "-c",
                                 f"DO $$ DECLARE value text; BEGIN FOR i IN {part}..{MANY_TENANTS - 1} BY 8 LOOP "
                                 f"{fill.format('i')}; END LOOP; END $$"], env=cluster.environment()) for part in range(8)]
    for worker in workers:
        worker.wait(1200)
    many = statistics.median(cluster.timed(random.format(MANY_TENANTS), CACHED_LOOP) for _ in range(PAIRS))
    entries, used = cluster.sql("SELECT cache_entries, cache_bytes FROM tenant_vault.status").split("|")
    bench.add(f"{MANY_TENANTS} cached tenants: bytes each", int(used) / int(entries), 1000, f"{entries} entries")
    bench.add(f"cached cost with {MANY_TENANTS} tenants / with {FEW_TENANTS}", many / few, 1.5, f"{many:.2f} us / {few:.2f} us")
    bench.reconfigure(bench.vault.address)


ROWS = {"cached": cached, "cold": cold, "cold-tls": cold_tls, "tenants": tenants}
