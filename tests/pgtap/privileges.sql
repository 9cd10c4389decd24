-- Who may do what before anybody was granted anything.
BEGIN;
SELECT plan(17);

CREATE ROLE stranger;
CREATE ROLE watcher;
GRANT pg_monitor TO watcher;

PREPARE open_functions AS
    SELECT p.oid::regprocedure FROM pg_proc p
    WHERE p.pronamespace = 'tenant_vault'::regnamespace
        AND has_function_privilege('stranger', p.oid, 'EXECUTE');
SELECT is_empty('open_functions', 'a stranger may call no function');
PREPARE open_relations AS
    SELECT c.oid::regclass FROM pg_class c
    WHERE c.relnamespace = 'tenant_vault'::regnamespace AND c.relkind IN ('r', 'v')
        AND has_table_privilege('stranger', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE');
SELECT is_empty('open_relations', 'a stranger may read and write no table or view');
SELECT ok(NOT has_schema_privilege('stranger', 'tenant_vault', 'USAGE, CREATE'),
    'a stranger may not even use the schema');

-- As he meets it, the schema opened to him by mistake.
GRANT USAGE ON SCHEMA tenant_vault TO stranger;
SET ROLE stranger;
SELECT throws_ok('SELECT tenant_vault.' || call, '42501', NULL, 'a stranger is refused ' || call)
    FROM unnest(ARRAY['conninfo(''acme'')', 'credentials(''acme'')', 'database_url(''acme'')',
        'tenants()', 'secret(''dev/jwt'')', 'secret_value(''dev/jwt'', ''secret_key'')',
        'grant_tenant(''acme'', ''stranger'')', 'refresh(''acme'')', 'flush()']) AS call;
SELECT throws_ok('INSERT INTO tenant_vault.tenant_grant (tenant, role, granted_by) '
    'VALUES (''acme'', ''stranger'', ''stranger'')', '42501', NULL,
    'a stranger cannot write himself a grant');
RESET ROLE;

-- Monitoring.
SET ROLE watcher;
SELECT lives_ok('SELECT * FROM tenant_vault.status', 'a member of pg_monitor may look at status');
SELECT throws_ok('SELECT * FROM tenant_vault.cached_secrets', '42501', NULL,
    'but not at the names in cached_secrets');
RESET ROLE;

-- ALTER DEFAULT PRIVILEGES must not open what the extension creates.
DROP EXTENSION tenant_vault;
ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO stranger;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO stranger;
CREATE EXTENSION tenant_vault;
SELECT is_empty('open_functions', 'default privileges open no function');
SELECT is_empty('open_relations', 'default privileges open no table or view');

SELECT * FROM finish();
ROLLBACK;
