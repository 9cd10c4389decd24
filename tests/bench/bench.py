"""What every row is given: servers that start when the first row asks for them, and the table."""
import functools
import os
import shutil
import statistics

from servers import Cluster, Vault

PAIRS = 5  # measurements of each side; the median counts
MEMORY_TENANTS = 1_000


class Bench:
    def __init__(self, folder):
        self.folder, self.rows = folder, []
        self.stops = []  # of what was started, newest last

    @functools.cached_property
    def vault(self):
        vault = Vault(f"{self.folder}/vault")
        self.stops.append(vault.stop)
        shutil.copy(f"{vault.folder}/root_token", f"{self.folder}/token")
        os.chmod(f"{self.folder}/token", 0o600)
        vault.raw("write", 16, 0, MEMORY_TENANTS)
        return vault

    @functools.cached_property
    def with_library(self):
        cluster = Cluster(f"{self.folder}/with", self.settings(self.vault.address))
        self.stops.append(lambda: cluster.ctl("stop"))
        cluster.sql("""
            CREATE EXTENSION tenant_vault;
            CREATE ROLE plain LOGIN;
            CREATE TABLE reference (id int PRIMARY KEY, value text);
            INSERT INTO reference SELECT i, repeat('x', 150) FROM generate_series(1, 100000) i;
            GRANT SELECT ON reference TO plain;
            VACUUM ANALYZE reference;
            SELECT tenant_vault.grant_tenant('bench000000', 'plain');""")
        cluster.await_login()
        return cluster

    @functools.cached_property
    def without(self):
        cluster = Cluster(f"{self.folder}/without", {})
        self.stops.append(lambda: cluster.ctl("stop"))
        cluster.sql("CREATE ROLE plain LOGIN")
        return cluster

    def stop(self):
        for stop in reversed(self.stops):
            stop()

    def settings(self, address, **more):
        return {
            "shared_preload_libraries": "tenant_vault",
            "tenant_vault.address": address,
            "tenant_vault.auth_method": "token_file",
            "tenant_vault.token_file": f"{self.folder}/token",
            "tenant_vault.cache_ttl": "1h",  # nothing is refreshed behind the measurements
            "tenant_vault.max_request_rate": "100000",
            **more,
        }

    def reconfigure(self, address, **more):
        cluster = self.with_library
        cluster.configure(self.settings(address, **more))
        cluster.ctl("restart")
        cluster.await_login()

    def add(self, what, ratio, limit, measured, at_least=False):
        met = ratio >= limit if at_least else ratio <= limit
        self.rows.append((what, f"{ratio:.3f}", f"{'>=' if at_least else '<='} {limit}", "met" if met else "MISSED", measured))
        print(f"{what}: {ratio:.3f} ({self.rows[-1][2]}, {self.rows[-1][3]}): {measured}", flush=True)

    def pairs(self, reference, measure, count=PAIRS):
        """Medians of both sides, measured in turn."""
        sides = [(reference(), measure()) for _ in range(count)]
        return [statistics.median(side) for side in zip(*sides)]
