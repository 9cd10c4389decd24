-- A tenant's credentials, part by part, as keyword string and as URL.
BEGIN;
SELECT plan(23);

CREATE FUNCTION pg_temp.explain_analyze(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE 'EXPLAIN (ANALYZE, VERBOSE) ' || query;
END
$$;

-- Tenants of this file's own; fixed names, so that a second run writes their next versions.
\! tests/pgtap/vault_api POST secret/data/saas-project/dev/tenants/pgtap-odd/database '{"data": {"username": "odd \"user\"", "password": "a b\u0027c\"d\\e@:/?#%&=+é", "dbname": "odd db", "sslmode": "require"}}'
\! tests/pgtap/vault_api DELETE secret/metadata/saas-project/dev/tenants/pgtap-plain
\! tests/pgtap/vault_api POST secret/data/saas-project/dev/tenants/pgtap-number/database '{"data": {"username": "u", "password": 4711}}'

SELECT results_eq(
    'SELECT host, port, dbname, username, password, sslmode FROM tenant_vault.credentials(''acme'')',
    'SELECT ''127.0.0.1'', current_setting(''port''), ''acme'', ''acme_app'', ''acme-password-1'', NULL::text',
    'credentials() gives what stands in Vault');
SELECT cmp_ok(version, '>=', 1::bigint, 'and which version it is') FROM tenant_vault.credentials('acme');
SELECT is(expires_at, NULL, 'a secret without a lease does not expire') FROM tenant_vault.credentials('acme');
SELECT is(count(*), 1::bigint, 'it is one row') FROM tenant_vault.credentials('globex');

SELECT set_eq($$SELECT regexp_matches(tenant_vault.conninfo('acme'), '(\w+)=(\S+)', 'g')$$,
    format($$VALUES ('{host,127.0.0.1}'::text[]), ('{port,%s}'), ('{dbname,acme}'), ('{user,acme_app}'),
        ('{password,acme-password-1}')$$, current_setting('port')),
    'conninfo() has the same as libpq''s keywords');
SELECT is(tenant_vault.database_url('acme'),
    format('postgresql://acme_app:acme-password-1@127.0.0.1:%s/acme', current_setting('port')),
    'database_url() has the same as a URL');
SELECT is(tenant_vault.conninfo('acme'), tenant_vault.conninfo('acme'), 'a cached answer is the same again');

-- No secret of its own: the platform's template.
SELECT results_eq(
    'SELECT dbname, username, version FROM tenant_vault.credentials(''pgtap-plain'')',
    'SELECT ''pgtap-plain'', ''platform'', NULL::bigint',
    'a tenant without a secret gets the platform''s template, which has no version');

-- What quoting can go wrong with.
SELECT is(password, 'a b''c"d\e@:/?#%&=+é', 'any character arrives in credentials()')
    FROM tenant_vault.credentials('pgtap-odd');
SELECT is(username, 'odd "user"', 'in the user''s name too') FROM tenant_vault.credentials('pgtap-odd');
SELECT is(dbname, 'odd db', 'and in the database''s') FROM tenant_vault.credentials('pgtap-odd');
SELECT is(sslmode, 'require', 'sslmode is handed on') FROM tenant_vault.credentials('pgtap-odd');
SELECT ok(strpos(tenant_vault.conninfo('pgtap-odd'), $$password='a b\'c"d\\e@:/?#%&=+é'$$) > 0,
    'conninfo() quotes as libpq unquotes');
SELECT ok(strpos(tenant_vault.database_url('pgtap-odd'), 'a%20b%27c%22d%5Ce%40%3A%2F%3F%23%25%26%3D%2B%C3%A9@') > 0,
    'database_url() encodes as libpq decodes');

-- Secrets of no use.
SELECT throws_ok('SELECT tenant_vault.conninfo(''pgtap-number'')', '22000', NULL, 'a password that is a number is refused');
SELECT throws_like('SELECT tenant_vault.conninfo(''pgtap-number'')', '%pgtap-number%password%',
    'the error names tenant and field');
SELECT throws_matching('SELECT tenant_vault.conninfo(''pgtap-number'')', '^((?!4711).)*$', 'and not its value');

SELECT is(tenant_vault.conninfo(NULL), NULL, 'of NULL comes NULL');

-- Parallel workers see what the leader sees.
CREATE TABLE many AS SELECT 'acme'::text AS tenant FROM generate_series(1, 20000);
ANALYZE many;
SET LOCAL parallel_setup_cost = 0;
SET LOCAL parallel_tuple_cost = 0;
SET LOCAL min_parallel_table_scan_size = 0;
SELECT matches(string_agg(line, ' '), 'Workers Launched: [1-9]', 'the query below runs in workers')
    FROM (SELECT * FROM pg_temp.explain_analyze('SELECT count(tenant_vault.conninfo(tenant)) FROM many')) AS plan (line);
SELECT is(count(tenant_vault.conninfo(tenant)), 20000::bigint, 'workers read credentials') FROM many;
CREATE ROLE worker;
GRANT SELECT ON many TO worker;
SELECT tenant_vault.grant_tenant('acme', 'worker');
SET ROLE worker;
SELECT is(count(tenant_vault.conninfo(tenant)), 20000::bigint, 'by the leader''s grants, uncommitted ones too') FROM many;
RESET ROLE;
SELECT tenant_vault.revoke_tenant('acme', 'worker');
SELECT tenant_vault.grant_tenant('globex', 'worker');
SET ROLE worker;
SELECT throws_ok('SELECT count(tenant_vault.conninfo(tenant)) FROM many', '42501', NULL, 'and not without');
RESET ROLE;

-- What the planner makes of it.
PREPARE twice AS SELECT tenant_vault.conninfo('acme') FROM generate_series(1, 2);
SELECT unalike(string_agg(line, ' '), '%acme-password%', 'no plan holds a secret')
    FROM (SELECT * FROM pg_temp.explain_analyze('EXECUTE twice')) AS plan (line);

SELECT * FROM finish();
ROLLBACK;
