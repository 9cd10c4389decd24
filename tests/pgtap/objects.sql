-- The extension's objects: what there is, and how each function is declared.
BEGIN;
SELECT plan(36);

SELECT is(extversion, '1.0', 'the version is 1.0') FROM pg_extension WHERE extname = 'tenant_vault';
SELECT is(extnamespace::regnamespace::text, 'tenant_vault', 'it lives in the schema tenant_vault')
    FROM pg_extension WHERE extname = 'tenant_vault';
SELECT is(extrelocatable, false, 'it cannot be moved to another schema')
    FROM pg_extension WHERE extname = 'tenant_vault';
SELECT is(superuser AND NOT trusted, true, 'only a superuser can install it')
    FROM pg_available_extension_versions WHERE name = 'tenant_vault' AND version = '1.0';

SELECT functions_are('tenant_vault', ARRAY[
    'credentials', 'conninfo', 'database_url', 'tenants', 'secret', 'secret_value',
    'grant_tenant', 'revoke_tenant', 'tenant_grant_changed', 'refresh', 'flush', 'restart_fetcher',
    'get_status', 'get_cached_secrets',
    'enroll', 'unenroll', 'unenroll_all', 'pgbouncer_auth', 'get_hba_file', '_begin_enrollment', '_remove_labels',
    'create_tenant', 'rotate_password', 'drop_tenant', '_begin_tenant_change', '_create_secret',
    '_rotate_secret', '_remove_secret', '_roles_of', '_end_sessions',
    '_authority_of']);
SELECT tables_are('tenant_vault', ARRAY['tenant_grant']);
SELECT views_are('tenant_vault', ARRAY['status', 'cached_secrets', 'hba_findings']);

-- What a caller relies on: names and types of arguments and results.
PREPARE signatures AS
    SELECT p.proname || '(' || pg_get_function_arguments(p.oid) || ') ' || pg_get_function_result(p.oid)
    FROM pg_proc p
    WHERE p.pronamespace = 'tenant_vault'::regnamespace AND p.proname !~ '^get_|^_|_changed$';
SELECT set_eq('signatures', ARRAY[
    'credentials(tenant text, OUT host text, OUT port text, OUT dbname text, OUT username text, '
        || 'OUT password text, OUT sslmode text, OUT version bigint, '
        || 'OUT expires_at timestamp with time zone) record',
    'conninfo(tenant text) text',
    'database_url(tenant text) text',
    'tenants() SETOF text',
    'secret(path text, version bigint DEFAULT 0) jsonb',
    'secret_value(path text, key text) text',
    'grant_tenant(tenant text, role regrole) void',
    'revoke_tenant(tenant text, role regrole) void',
    'refresh(path text) bigint',
    'flush() bigint',
    'restart_fetcher() void',
    'enroll(role regrole, tenant text, force boolean DEFAULT false) void',
    'unenroll(role regrole) void',
    'unenroll_all() bigint',
    'create_tenant(tenant text, role text DEFAULT NULL::text, host text DEFAULT NULL::text, '
        || 'port integer DEFAULT NULL::integer, dbname text DEFAULT NULL::text) bigint',
    'rotate_password(tenant text, terminate boolean DEFAULT false) bigint',
    'drop_tenant(tenant text, terminate boolean DEFAULT false, destroy boolean DEFAULT false) bigint',
    'pgbouncer_auth(name name, OUT usename name, OUT passwd text) SETOF record'], 'signatures are as documented');

PREPARE not_volatile AS
    SELECT proname FROM pg_proc
    WHERE pronamespace = 'tenant_vault'::regnamespace AND provolatile <> 'v';
SELECT is_empty('not_volatile', 'every function is volatile: no secret is folded into a plan');

PREPARE not_strict AS
    SELECT proname FROM pg_proc
    WHERE pronamespace = 'tenant_vault'::regnamespace AND NOT proisstrict
        AND prorettype <> 'trigger'::regtype;
SELECT set_eq('not_strict', ARRAY['create_tenant', '_create_secret']::name[],
    'every function gives NULL for NULL, but those with arguments that need not be given');
SELECT is(tenant_vault.create_tenant(NULL), NULL, 'which give NULL for no tenant');

PREPARE parallel_safe AS
    SELECT proname FROM pg_proc
    WHERE pronamespace = 'tenant_vault'::regnamespace AND proparallel = 's';
SELECT set_eq('parallel_safe',
    ARRAY['credentials', 'conninfo', 'database_url', 'tenants', 'secret', 'secret_value',
        'get_status', 'get_cached_secrets']::name[],
    'what only reads may run in parallel workers, what changes something may not');

PREPARE definer AS
    SELECT proname FROM pg_proc WHERE pronamespace = 'tenant_vault'::regnamespace AND prosecdef;
SELECT set_eq('definer',
    ARRAY['grant_tenant', 'revoke_tenant', 'create_tenant', 'rotate_password', 'drop_tenant']::name[],
    'only what writes grants and what makes tenants runs as the owner');
SELECT is(proconfig, ARRAY['search_path=pg_catalog, pg_temp'], proname || ' pins its search_path')
    FROM pg_proc WHERE pronamespace = 'tenant_vault'::regnamespace AND prosecdef ORDER BY proname;

PREPARE libraries AS
    SELECT DISTINCT probin FROM pg_proc
    WHERE pronamespace = 'tenant_vault'::regnamespace AND probin IS NOT NULL;
SELECT set_eq('libraries', ARRAY['tenant_vault'],
    'functions name the library without a folder, so that dynamic_library_path finds it');

PREPARE uncommented AS
    SELECT p.oid::regprocedure::text FROM pg_proc p
    WHERE p.pronamespace = 'tenant_vault'::regnamespace
        AND obj_description(p.oid, 'pg_proc') IS NULL
    UNION ALL
    SELECT c.oid::regclass::text FROM pg_class c
    WHERE c.relnamespace = 'tenant_vault'::regnamespace AND c.relkind IN ('r', 'v')
        AND obj_description(c.oid, 'pg_class') IS NULL;
SELECT is_empty('uncommented', 'every object has a comment');

-- The grants.
SELECT col_is_pk('tenant_vault', 'tenant_grant', ARRAY['tenant', 'role'], 'a grant is a pair');
SELECT col_type_is('tenant_vault', 'tenant_grant', 'role', 'regrole', 'a role is kept as itself, not by name');
SELECT col_not_null('tenant_vault', 'tenant_grant', 'granted_by', 'a grant says who gave it');
SELECT col_not_null('tenant_vault', 'tenant_grant', 'granted_at', 'a grant says when it was given');
SELECT is(collname, 'C', 'tenants are compared byte by byte')
    FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation
    WHERE attrelid = 'tenant_vault.tenant_grant'::regclass AND attname = 'tenant';
SELECT is(count(*), 2::bigint, 'triggers that end cached decisions fire on replicas too')
    FROM pg_trigger WHERE tgrelid = 'tenant_vault.tenant_grant'::regclass AND tgenabled = 'A';
SELECT is(extconfig, ARRAY['tenant_vault.tenant_grant'::regclass::oid], 'pg_dump takes the grants along')
    FROM pg_extension WHERE extname = 'tenant_vault';
SELECT matches(extcondition[1], 'pg_roles', 'but not those of roles that are gone')
    FROM pg_extension WHERE extname = 'tenant_vault';

-- The views.
SELECT columns_are('tenant_vault', 'status', ARRAY[
    'keeper_pid', 'keeper_started_at', 'fetcher_pid', 'fetcher_started_at', 'fetcher_starts',
    'waiters', 'inflight', 'vault_address', 'vault_health', 'vault_reachable', 'outage',
    'logged_in', 'can_log_in_again', 'token_renewable', 'token_expires_at', 'token_ttl',
    'vault_requests', 'requests_per_second', 'logins', 'login_failures', 'renewals',
    'renewal_failures', 'failures', 'last_error', 'last_error_at', 'cache_entries', 'cache_slots', 'cache_bytes', 'cache_size',
    'hits', 'misses', 'stale_served', 'evictions',
    'role_logins', 'role_logins_refused', 'role_logins_unchecked']);
SELECT columns_are('tenant_vault', 'hba_findings', ARRAY['finding', 'subject', 'explanation']);
PREPARE open_search_path AS
    SELECT p.proname FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
    WHERE p.pronamespace = 'tenant_vault'::regnamespace AND l.lanname = 'plpgsql'
        AND p.proconfig IS DISTINCT FROM ARRAY['search_path=pg_catalog, pg_temp'];
SELECT is_empty('open_search_path', 'every function that is written in SQL pins its search_path');
SELECT columns_are('tenant_vault', 'cached_secrets', ARRAY[
    'kind', 'name', 'wanted_version', 'version', 'created_time', 'fetched_at', 'last_used_at',
    'fresh_until', 'expires_at', 'outcome', 'request_id', 'bytes']);

-- Installing.
SELECT throws_ok('CREATE EXTENSION tenant_vault', '42710', NULL, 'it is installed once per database');
SELECT throws_ok('ALTER EXTENSION tenant_vault SET SCHEMA public', '0A000', NULL,
    'it stays in its schema');
DROP EXTENSION tenant_vault;
SELECT lives_ok('CREATE EXTENSION tenant_vault', 'it can be dropped and made again');

DROP EXTENSION tenant_vault;
CREATE ROLE landlord;
ALTER SCHEMA tenant_vault OWNER TO landlord;
SELECT throws_ok('CREATE EXTENSION tenant_vault', '42501',
    'schema "tenant_vault" is open to others than superusers',
    'it is not installed into a schema of somebody who is no superuser');

SELECT * FROM finish();
ROLLBACK;
