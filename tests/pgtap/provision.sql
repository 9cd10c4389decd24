-- create_tenant(), rotate_password(), drop_tenant(): what is refused before anything has happened,
-- with a policy that only reads. What they do stands in tests/tap/provision.t.
BEGIN;
SET LOCAL client_min_messages = error;
SELECT plan(29);

CREATE ROLE owner_of_nothing LOGIN PASSWORD 'his own';
CREATE TEMP TABLE roles_before AS SELECT count(*) FROM pg_roles;

SELECT throws_ok(format('SELECT tenant_vault.%s(%L)', f, t), '22023', NULL, format('%s(%L) is refused', f, left(t, 20)))
    FROM unnest(ARRAY['create_tenant', 'rotate_password', 'drop_tenant']) AS f,
        unnest(ARRAY['', '..', 'Acme', 'a''b', repeat('a', 64)]) AS t;
SELECT throws_ok($$SELECT tenant_vault.create_tenant('fresh', repeat('a', 64))$$, '22023', NULL, 'a role''s name that is too long');
SELECT throws_ok($$SELECT tenant_vault.create_tenant('fresh', 'pg_fresh')$$, '22023', NULL, 'a reserved one');
SELECT throws_ok($$SELECT tenant_vault.create_tenant('fresh', 'owner_of_nothing')$$, '42710', NULL, 'a role that is not the tenant''s');
SELECT throws_matching($$SELECT tenant_vault.create_tenant('fresh')$$, 'permission denied.*needs \[create\]',
    'a policy that only reads');
SELECT is(count(*), (SELECT count FROM roles_before), 'no role has come of it') FROM pg_roles;
SELECT is(count(*), 0::bigint, 'nor a label') FROM pg_seclabels WHERE provider = 'tenant_vault';

-- What they are made of is no way round them.
SELECT throws_ok(format('SELECT tenant_vault.%s', call), sqlstate, NULL, format('%s is refused', left(call, 40)))
    FROM (VALUES ($$_create_secret(NULL, 'x', NULL, NULL, NULL)$$, '22023'), ($$_create_secret('fresh', NULL, NULL, NULL, NULL)$$, '22023'),
        ($$_create_secret('fresh', repeat('x', 64), NULL, NULL, NULL)$$, '22023'), ($$_create_secret('fresh', 'x', repeat('x', 256), NULL, NULL)$$, '22023'),
        ($$_create_secret('fresh', '', NULL, NULL, NULL)$$, '22023'), ($$_rotate_secret('../x')$$, '22023'), ($$_remove_secret('', true)$$, '22023'))
        AS internal (call, sqlstate);

SET TRANSACTION READ ONLY;
SELECT throws_ok($$SELECT tenant_vault.create_tenant('fresh')$$, '25006', NULL, 'a read-only transaction');

SELECT * FROM finish();
ROLLBACK;
