-- refresh(), flush(), restart_fetcher().
BEGIN;
SELECT plan(20);

\! tests/pgtap/vault_api DELETE secret/metadata/saas-project/dev/tenants/pgtap-fresh/database
\! tests/pgtap/vault_api POST secret/data/saas-project/dev/tenants/pgtap-fresh/database '{"data": {"username": "u", "password": "old"}}'
SELECT is(tenant_vault.refresh('pgtap-fresh'), 1::bigint, 'refresh() reads a tenant and returns the version');
SELECT is(password, 'old', 'which is what is served') FROM tenant_vault.credentials('pgtap-fresh');
\! tests/pgtap/vault_api POST secret/data/saas-project/dev/tenants/pgtap-fresh/database '{"data": {"username": "u", "password": "new"}}'
SELECT is(password, 'old', 'a change in Vault is not seen while the entry is fresh')
    FROM tenant_vault.credentials('pgtap-fresh');
SELECT is(tenant_vault.refresh('pgtap-fresh'), 2::bigint, 'refresh() sees it');
SELECT is(password, 'new', 'and everybody from then on') FROM tenant_vault.credentials('pgtap-fresh');
SELECT cmp_ok(tenant_vault.refresh('dev/jwt'), '>=', 1::bigint, 'a path is refreshed as a secret');
SELECT is(tenant_vault.refresh('pgtap-unwritten'), NULL, 'a tenant by the template alone has no version');
SELECT throws_ok('SELECT tenant_vault.refresh(''dev/pgtap/nowhere'')', '42704', NULL,
    'refreshing what is not there is an error');
SELECT throws_ok('SELECT tenant_vault.refresh(''Acme'')', '22023', NULL, 'so is a name that is none');
SELECT throws_ok('SELECT tenant_vault.refresh(''dev/../prod'')', '22023', NULL, 'and a path that is none');

-- The platform's template is part of a tenant's connection.
SELECT tenant_vault.conninfo('pgtap-by-template') IS NOT NULL AS warm,
    tenant_vault.secret_value('dev/database', 'tenant_url_template') AS template \gset
\setenv TEMPLATE :template
\! tests/pgtap/vault_api POST secret/data/saas-project/dev/database '{"data": {"tenant_url_template": "postgresql://other:pw@127.0.0.1/{database_name}"}}'
SELECT is(tenant_vault.refresh('pgtap-by-template'), NULL, 'a tenant by template is refreshed');
SELECT is(username, 'other', 'which reads the template anew') FROM tenant_vault.credentials('pgtap-by-template');
\! tests/pgtap/vault_api POST secret/data/saas-project/dev/database "{\"data\": {\"tenant_url_template\": \"$TEMPLATE\", \"main_url\": \"${TEMPLATE%/*}/platform\"}}"
SELECT tenant_vault.flush() AS flushed \gset
SELECT is(username, 'platform', 'flush() forgets the template too') FROM tenant_vault.credentials('pgtap-by-template');
SELECT tenant_vault.conninfo('acme') IS NOT NULL AS warm, tenant_vault.conninfo('globex') IS NOT NULL AS warm_too \gset

SELECT cmp_ok(tenant_vault.flush(), '>=', 2::bigint, 'flush() drops what is cached and counts it');
SELECT is_empty('SELECT name FROM tenant_vault.cached_secrets', 'nothing is left');
SELECT lives_ok('SELECT tenant_vault.conninfo(''acme'')', 'the next look-up asks Vault');

SELECT fetcher_pid AS old_pid FROM tenant_vault.status \gset
CREATE TEMP TABLE starts AS SELECT fetcher_starts AS s FROM tenant_vault.status;
SELECT lives_ok('SELECT tenant_vault.restart_fetcher()', 'the fetcher can be restarted');
SELECT lives_ok('SELECT tenant_vault.conninfo(''acme'')', 'the cache serves meanwhile');
DO $$
BEGIN
    FOR i IN 1..100 LOOP
        EXIT WHEN (SELECT fetcher_pid > 0 AND fetcher_starts > s FROM tenant_vault.status, starts);
        PERFORM pg_sleep(0.1);
    END LOOP;
END
$$;
SELECT isnt(fetcher_pid, :old_pid, 'another process does its work') FROM tenant_vault.status;
SELECT lives_ok('SELECT tenant_vault.refresh(''acme'')', 'and reads secrets');

SELECT * FROM finish();
ROLLBACK;
