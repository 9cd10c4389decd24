/*
 * tenant_vault 1.0: the objects of one database.
 *
 * Everything is closed to everybody but superusers; what is open to others stands at the end, and
 * grant_tenant() opens one tenant to one role. The functions are VOLATILE, so that no secret is folded
 * into a plan, and STRICT: of NULL comes NULL, and nothing is asked. Errors carry these SQLSTATEs
 * (report.c has the table by cause):
 *
 *   58000 Vault cannot be asked now (not reachable, sealed, no leader, timeout): try again
 *   58030 what answered makes no sense      53400 Vault's rate limit
 *   28000 Vault does not let this server log in
 *   F0000 a setting, or a file that one names, is of no use
 *   42501 no grant here, or no policy in Vault
 *   42704 no such secret, key, version, mount, namespace
 *   42809 the mount's KV version is another
 *   22000 the secret or the template is of no use
 *   22023 a tenant name or path that is none
 *   22P05 the database's encoding lacks a character of the secret
 *   55000 the library is not in shared_preload_libraries
 */

\echo Use "CREATE EXTENSION tenant_vault" to load this file. \quit

/* A schema that was there before: whoever can create or drop in it could stand in for these objects. */
DO $$
BEGIN
    IF EXISTS (
        SELECT
        FROM pg_catalog.pg_namespace AS n
        JOIN pg_catalog.pg_roles AS owner ON owner.oid = n.nspowner
        LEFT JOIN LATERAL pg_catalog.aclexplode(n.nspacl) AS a
            ON a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner
        WHERE n.nspname = 'tenant_vault' AND (NOT owner.rolsuper OR a.grantee IS NOT NULL)
    ) THEN
        RAISE insufficient_privilege USING
            MESSAGE = 'schema "tenant_vault" is open to others than superusers',
            HINT = 'Drop it, or make a superuser its owner and revoke CREATE on it from everybody else.';
    END IF;
END
$$;

/* ---- grants ---- */

CREATE TABLE tenant_vault.tenant_grant (
    tenant text COLLATE "C" NOT NULL CHECK (tenant ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    role pg_catalog.regrole NOT NULL,
    granted_by name NOT NULL, -- as it was named then: whoever it was may be gone
    granted_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT tenant_grant_pkey PRIMARY KEY (tenant, role)
);
COMMENT ON TABLE tenant_vault.tenant_grant IS
    'which role may read which tenant''s credentials; written by grant_tenant() and revoke_tenant()';

/* The number that stands for a role that is gone could be another role's where the dump is restored. */
SELECT pg_catalog.pg_extension_config_dump(
    'tenant_vault.tenant_grant',
    'WHERE EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.oid = tenant_grant.role)'
);

CREATE FUNCTION tenant_vault.tenant_grant_changed() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'tv_tenant_grant_changed';
COMMENT ON FUNCTION tenant_vault.tenant_grant_changed() IS
    'makes all sessions forget their decisions about tenants';

/* Per row and ALWAYS: changes that come by logical replication count too. */
CREATE TRIGGER tenant_grant_changed
    AFTER INSERT OR UPDATE OR DELETE ON tenant_vault.tenant_grant
    FOR EACH ROW EXECUTE FUNCTION tenant_vault.tenant_grant_changed();
ALTER TABLE tenant_vault.tenant_grant ENABLE ALWAYS TRIGGER tenant_grant_changed;
CREATE TRIGGER tenant_grant_truncated
    AFTER TRUNCATE ON tenant_vault.tenant_grant
    FOR EACH STATEMENT EXECUTE FUNCTION tenant_vault.tenant_grant_changed();
ALTER TABLE tenant_vault.tenant_grant ENABLE ALWAYS TRIGGER tenant_grant_truncated;

CREATE FUNCTION tenant_vault.grant_tenant(tenant text, role pg_catalog.regrole) RETURNS void
    LANGUAGE c VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'tv_grant_tenant';
COMMENT ON FUNCTION tenant_vault.grant_tenant(text, pg_catalog.regrole) IS
    'lets a role read a tenant''s credentials';

CREATE FUNCTION tenant_vault.revoke_tenant(tenant text, role pg_catalog.regrole) RETURNS void
    LANGUAGE c VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'tv_revoke_tenant';
COMMENT ON FUNCTION tenant_vault.revoke_tenant(text, pg_catalog.regrole) IS
    'takes a tenant''s credentials from a role again';

/* ---- a tenant's credentials ---- */

/* host and port are texts: libpq takes lists for both. */
CREATE FUNCTION tenant_vault.credentials(
    tenant text,
    OUT host text, OUT port text, OUT dbname text, OUT username text, OUT password text,
    OUT sslmode text, OUT version bigint, OUT expires_at timestamptz
) LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tv_credentials';
COMMENT ON FUNCTION tenant_vault.credentials(text) IS
    'a tenant''s database credentials, part by part';

CREATE FUNCTION tenant_vault.conninfo(tenant text) RETURNS text
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tv_conninfo';
COMMENT ON FUNCTION tenant_vault.conninfo(text) IS
    'a tenant''s database credentials as a libpq keyword string';

CREATE FUNCTION tenant_vault.database_url(tenant text) RETURNS text
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tv_database_url';
COMMENT ON FUNCTION tenant_vault.database_url(text) IS
    'a tenant''s database credentials as a URL';

CREATE FUNCTION tenant_vault.tenants() RETURNS SETOF text
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE ROWS 100 AS 'MODULE_PATHNAME', 'tv_tenants';
COMMENT ON FUNCTION tenant_vault.tenants() IS
    'the tenants that Vault lists for this environment';

/* ---- any secret ---- */

CREATE FUNCTION tenant_vault.secret(path text, version bigint DEFAULT 0) RETURNS jsonb
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tv_secret';
COMMENT ON FUNCTION tenant_vault.secret(text, bigint) IS
    'a secret below tenant_vault.prefix; version 0 is the newest';

CREATE FUNCTION tenant_vault.secret_value(path text, key text) RETURNS text
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tv_secret_value';
COMMENT ON FUNCTION tenant_vault.secret_value(text, text) IS
    'one value of a secret below tenant_vault.prefix';

/* ---- control ---- */

CREATE FUNCTION tenant_vault.refresh(path text) RETURNS bigint
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'tv_refresh';
COMMENT ON FUNCTION tenant_vault.refresh(text) IS
    'asks Vault anew for a tenant (a name without slash) or a path, and returns its version';

CREATE FUNCTION tenant_vault.flush() RETURNS bigint
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'tv_flush';
COMMENT ON FUNCTION tenant_vault.flush() IS
    'drops all that is cached, and returns how many entries that were';

CREATE FUNCTION tenant_vault.restart_fetcher() RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'tv_restart_fetcher';
COMMENT ON FUNCTION tenant_vault.restart_fetcher() IS
    'ends the process that speaks with Vault and starts another; the cache stays';

/* ---- views ---- */

CREATE FUNCTION tenant_vault.get_status(
    OUT keeper_pid integer, OUT keeper_started_at timestamptz,
    OUT fetcher_pid integer, OUT fetcher_started_at timestamptz, OUT fetcher_starts bigint,
    OUT waiters integer, OUT inflight integer,
    OUT vault_address text, OUT vault_health text, OUT vault_reachable boolean, OUT outage boolean,
    OUT logged_in boolean, OUT can_log_in_again boolean,
    OUT token_renewable boolean, OUT token_expires_at timestamptz,
    OUT vault_requests bigint, OUT requests_per_second double precision,
    OUT logins bigint, OUT renewals bigint, OUT failures bigint,
    OUT last_error text, OUT last_error_at timestamptz,
    OUT cache_entries bigint, OUT cache_slots bigint,
    OUT cache_bytes bigint, OUT cache_size bigint,
    OUT hits bigint, OUT misses bigint, OUT stale_served bigint, OUT evictions bigint
) LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tv_get_status';
COMMENT ON FUNCTION tenant_vault.get_status() IS 'what the view status shows';

CREATE VIEW tenant_vault.status AS
    SELECT
        s.keeper_pid, s.keeper_started_at,
        s.fetcher_pid, s.fetcher_started_at, s.fetcher_starts,
        s.waiters, s.inflight,
        s.vault_address, s.vault_health, s.vault_reachable, s.outage,
        s.logged_in, s.can_log_in_again, s.token_renewable, s.token_expires_at,
        CASE WHEN pg_catalog.isfinite(s.token_expires_at)
            THEN s.token_expires_at - pg_catalog.clock_timestamp() END AS token_ttl,
        s.vault_requests, s.requests_per_second, s.logins, s.renewals, s.failures,
        s.last_error, s.last_error_at,
        s.cache_entries, s.cache_slots, s.cache_bytes, s.cache_size,
        s.hits, s.misses, s.stale_served, s.evictions
    FROM tenant_vault.get_status() AS s;
COMMENT ON VIEW tenant_vault.status IS
    'keeper, fetcher, token, Vault''s health, last error and counters of this cluster: one row';

CREATE FUNCTION tenant_vault.get_cached_secrets(
    OUT kind text, OUT name text, OUT wanted_version bigint, OUT version bigint,
    OUT created_time text, OUT fetched_at timestamptz, OUT last_used_at timestamptz,
    OUT fresh_until timestamptz, OUT expires_at timestamptz, OUT outcome text,
    OUT request_id text, OUT bytes bigint
) RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE ROWS 1000
    AS 'MODULE_PATHNAME', 'tv_get_cached_secrets';
COMMENT ON FUNCTION tenant_vault.get_cached_secrets() IS 'what the view cached_secrets shows';

CREATE VIEW tenant_vault.cached_secrets AS
    SELECT
        c.kind, c.name, c.wanted_version, c.version, c.created_time, c.fetched_at,
        c.last_used_at, c.fresh_until, c.expires_at, c.outcome, c.request_id, c.bytes
    FROM tenant_vault.get_cached_secrets() AS c;
COMMENT ON VIEW tenant_vault.cached_secrets IS
    'what is cached in this cluster: names, versions and times, no values';

/* ---- privileges ---- */

/* From PUBLIC, and from whomever ALTER DEFAULT PRIVILEGES has opened new objects to. */
DO $$
DECLARE
    revocation text;
BEGIN
    FOR revocation IN
        SELECT pg_catalog.format('REVOKE ALL ON %s FROM %s', target.name,
            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(grantee.rolname) END)
        FROM (
            SELECT pg_catalog.format('FUNCTION %I.%I(%s)', 'tenant_vault', proname,
                    pg_catalog.pg_get_function_identity_arguments(oid)) AS name,
                pronamespace AS namespace, proowner AS owner,
                COALESCE(proacl, pg_catalog.acldefault('f', proowner)) AS acl
            FROM pg_catalog.pg_proc
            UNION ALL
            SELECT pg_catalog.format('TABLE %I.%I', 'tenant_vault', relname),
                relnamespace, relowner, relacl
            FROM pg_catalog.pg_class
            WHERE relkind IN ('r', 'v')
        ) AS target
        CROSS JOIN LATERAL pg_catalog.aclexplode(target.acl) AS a
        LEFT JOIN pg_catalog.pg_roles AS grantee ON grantee.oid = a.grantee
        WHERE target.namespace = 'tenant_vault'::pg_catalog.regnamespace
            AND a.grantee <> target.owner
    LOOP
        EXECUTE revocation;
    END LOOP;
END
$$;

/* Monitoring sees how things are, but no names. */
GRANT USAGE ON SCHEMA tenant_vault TO pg_monitor;
GRANT EXECUTE ON FUNCTION tenant_vault.get_status() TO pg_monitor;
GRANT SELECT ON tenant_vault.status TO pg_monitor;
