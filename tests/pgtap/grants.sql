-- Who may read whose credentials: grant_tenant(), revoke_tenant(), and what changes a decision.
BEGIN;
SET LOCAL client_min_messages = error; -- granting twice is a NOTICE, revoking twice a WARNING
SELECT plan(48);

CREATE ROLE app;
CREATE ROLE other;
CREATE ROLE team;
CREATE ROLE dba SUPERUSER;

-- Granting.
SELECT lives_ok('SELECT tenant_vault.grant_tenant(''acme'', ''app'')', 'a superuser grants a tenant to a role');
SELECT results_eq('SELECT tenant, role::text, granted_by::text FROM tenant_vault.tenant_grant',
    'SELECT ''acme''::text COLLATE "C", ''app''::text, current_user::text', 'the grant is recorded with its giver');
SELECT lives_ok('SELECT tenant_vault.grant_tenant(''acme'', ''app'')', 'granting twice is no error');
SELECT is(count(*), 1::bigint, 'and changes nothing') FROM tenant_vault.tenant_grant;

SET ROLE app;
SELECT lives_ok('SELECT tenant_vault.conninfo(''acme'')', 'the role reads the tenant''s conninfo');
SELECT lives_ok('SELECT tenant_vault.database_url(''acme'')', 'and its URL');
SELECT lives_ok('SELECT * FROM tenant_vault.credentials(''acme'')', 'and its credentials');
SELECT throws_ok('SELECT tenant_vault.conninfo(''globex'')', '42501', 'permission denied for tenant "globex"',
    'but not another tenant''s');
SELECT throws_ok('SELECT tenant_vault.conninfo(''nowhere'')', '42501', 'permission denied for tenant "nowhere"',
    'a tenant that does not exist is refused in the same words');
SELECT throws_ok('SELECT tenant_vault.secret(''dev/tenants/acme/database'')', '42501', NULL,
    'a grant opens the tenant, not Vault''s paths');
SELECT throws_ok('SELECT tenant_vault.grant_tenant(''globex'', ''app'')', '42501', NULL,
    'whoever has a grant cannot give any');
SELECT throws_ok('SELECT * FROM tenant_vault.tenant_grant', '42501', NULL,
    'nor look at who has which');
RESET ROLE;
SET ROLE other;
SELECT throws_ok('SELECT tenant_vault.conninfo(''acme'')', '42501', NULL, 'another role reads nothing');
RESET ROLE;
SET ROLE dba;
SELECT lives_ok('SELECT tenant_vault.conninfo(''globex'')', 'a superuser reads any tenant without a grant');
SELECT tenant_vault.grant_tenant('globex', 'dba');
RESET ROLE;
SELECT is(granted_by, 'dba', 'the giver is who asked, not who owns the function')
    FROM tenant_vault.tenant_grant WHERE tenant = 'globex';
SELECT tenant_vault.revoke_tenant('globex', 'dba');

-- The hint says how to get out of it, ready to be pasted.
CREATE FUNCTION hint_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE statement;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN hint;
END
$$;
CREATE ROLE "Odd ""role's" IN ROLE app;
SET ROLE "Odd ""role's";
SELECT is(hint_of('SELECT tenant_vault.conninfo(''globex'')'),
    'A superuser can grant it: SELECT tenant_vault.grant_tenant(''globex'', ''"Odd ""role''''s"'');',
    'the hint names the role as SQL wants it');
RESET ROLE;
SELECT lives_ok('SELECT tenant_vault.grant_tenant(''globex'', ''"Odd ""role''''s"'')',
    'a role with quotes in its name can be granted a tenant');
SET ROLE "Odd ""role's";
SELECT lives_ok('SELECT tenant_vault.conninfo(''globex'')', 'and reads it');
RESET ROLE;

-- Decisions are kept in the session: each of these must end them at once.
SELECT tenant_vault.grant_tenant('globex', 'team');
GRANT USAGE ON SCHEMA tenant_vault TO other;
GRANT EXECUTE ON FUNCTION tenant_vault.conninfo(text) TO other;
SET ROLE other;
SELECT throws_ok('SELECT tenant_vault.conninfo(''globex'')', '42501', NULL, 'a denial is decided');
RESET ROLE;
GRANT team TO other;
SET ROLE other;
SELECT lives_ok('SELECT tenant_vault.conninfo(''globex'')', 'a membership opens what its role was granted');
RESET ROLE;
REVOKE team FROM other;
SET ROLE other;
SELECT throws_ok('SELECT tenant_vault.conninfo(''globex'')', '42501', NULL, 'its end closes it');
RESET ROLE;
ALTER ROLE other SUPERUSER;
SET ROLE other;
SELECT lives_ok('SELECT tenant_vault.conninfo(''globex'')', 'becoming a superuser opens all');
RESET ROLE;
ALTER ROLE other NOSUPERUSER;
SET ROLE other;
SELECT throws_ok('SELECT tenant_vault.conninfo(''globex'')', '42501', NULL, 'ceasing to be one closes it');
RESET ROLE;
INSERT INTO tenant_vault.tenant_grant (tenant, role, granted_by) VALUES ('globex', 'other', 'me');
SET ROLE other;
SELECT lives_ok('SELECT tenant_vault.conninfo(''globex'')', 'a row written by hand counts');
RESET ROLE;
UPDATE tenant_vault.tenant_grant SET tenant = 'acme' WHERE role = 'other'::regrole;
SET ROLE other;
SELECT throws_ok('SELECT tenant_vault.conninfo(''globex'')', '42501', NULL, 'so does its change');
SELECT lives_ok('SELECT tenant_vault.conninfo(''acme'')', 'in both directions');
RESET ROLE;
SAVEPOINT before;
DELETE FROM tenant_vault.tenant_grant WHERE role = 'other'::regrole;
SET ROLE other;
SELECT throws_ok('SELECT tenant_vault.conninfo(''acme'')', '42501', NULL, 'and its end');
RESET ROLE;
ROLLBACK TO before;
SET ROLE other;
SELECT lives_ok('SELECT tenant_vault.conninfo(''acme'')', 'an end that is rolled back has not been');
RESET ROLE;
SAVEPOINT before;
TRUNCATE tenant_vault.tenant_grant;
SET ROLE other;
SELECT throws_ok('SELECT tenant_vault.conninfo(''acme'')', '42501', NULL, 'TRUNCATE ends all grants');
RESET ROLE;
ROLLBACK TO before;
SET ROLE other;
SELECT lives_ok('SELECT tenant_vault.conninfo(''acme'')', 'until that is rolled back');
RESET ROLE;
SET LOCAL session_replication_role = replica;
DELETE FROM tenant_vault.tenant_grant WHERE role = 'other'::regrole;
SET LOCAL session_replication_role = origin;
SET ROLE other;
SELECT throws_ok('SELECT tenant_vault.conninfo(''acme'')', '42501', NULL,
    'a change that came by replication counts');
RESET ROLE;
-- More tenants than the session keeps decisions for.
SELECT tenant_vault.grant_tenant('t' || n, 'app') FROM generate_series(1, 600) AS n \g /dev/null
SET ROLE app;
SELECT is(count(tenant_vault.conninfo('t' || n)), 1200::bigint, 'any number of tenants can be granted')
    FROM generate_series(1, 600) AS n, generate_series(1, 2);
SELECT throws_ok('SELECT tenant_vault.conninfo(''t601'')', '42501', NULL, 'and not one more is open');
RESET ROLE;
DELETE FROM tenant_vault.tenant_grant WHERE tenant ~ '^t\d';

-- SECURITY DEFINER functions lend their owner's grants, as with any other privilege.
CREATE FUNCTION lent() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT tenant_vault.conninfo(''acme'')';
GRANT CREATE ON SCHEMA public TO app;
ALTER FUNCTION lent() OWNER TO app;
SET ROLE other;
SELECT lives_ok('SELECT lent()', 'a SECURITY DEFINER function reads by its owner''s grant');
RESET ROLE;
DROP FUNCTION lent();
REVOKE CREATE ON SCHEMA public FROM app;

-- Revoking, and what keeps a grant from passing to another role.
SELECT throws_ok('DROP ROLE app', '2BP01', NULL, 'a role with a grant cannot be dropped');
SELECT tenant_vault.grant_tenant('globex', 'app');
SELECT tenant_vault.revoke_tenant('acme', 'app');
SET ROLE app;
SELECT throws_ok('SELECT tenant_vault.conninfo(''acme'')', '42501', 'permission denied for tenant "acme"',
    'a revoked tenant is closed');
SELECT lives_ok('SELECT tenant_vault.conninfo(''globex'')', 'another one is not');
RESET ROLE;
SELECT tenant_vault.revoke_tenant('globex', 'app');
SELECT ok(NOT has_schema_privilege('app', 'tenant_vault', 'USAGE')
    AND NOT has_function_privilege('app', 'tenant_vault.conninfo(text)', 'EXECUTE'),
    'the last revocation takes the privileges away');
SELECT lives_ok('SELECT tenant_vault.revoke_tenant(''globex'', ''app'')', 'revoking twice is no error');
SELECT throws_ok('SELECT tenant_vault.grant_tenant(''acme'', ''nobody'')', '42704', NULL,
    'a role that does not exist is granted nothing');
SELECT throws_ok('SELECT tenant_vault.grant_tenant(''acme'', 4294967295::oid::regrole)', '42704', NULL,
    'nor is a number that is no role''s');
SELECT throws_ok('SELECT tenant_vault.grant_tenant(''Acme'', ''app'')', '22023', NULL,
    'what cannot be a tenant cannot be granted');

-- DROP OWNED takes the privileges but not the row: a new grant must not wake up the old one.
SELECT tenant_vault.grant_tenant('acme', 'team');
DROP OWNED BY team;
SELECT tenant_vault.grant_tenant('globex', 'team');
SELECT results_eq('SELECT tenant FROM tenant_vault.tenant_grant WHERE role = ''team''::regrole',
    'SELECT ''globex''::text COLLATE "C"', 'a grant that DROP OWNED took away does not come back');
DROP OWNED BY team;
DROP ROLE team;
SELECT tenant_vault.grant_tenant('acme', 'app');
SELECT is_empty('SELECT 1 FROM tenant_vault.tenant_grant g
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE oid = g.role)', 'nor one of a role that is gone');

-- A table of that name that is not the extension's grants nothing, and is not written either.
ALTER SCHEMA tenant_vault RENAME TO renamed;
CREATE SCHEMA tenant_vault CREATE TABLE tenant_grant (tenant text PRIMARY KEY, role regrole);
INSERT INTO tenant_vault.tenant_grant VALUES ('globex', 'app');
SET ROLE app;
SELECT throws_ok('SELECT renamed.conninfo(''globex'')', '42501', 'permission denied for tenant "globex"',
    'another table of grants grants nothing');
RESET ROLE;
SELECT throws_ok('SELECT renamed.grant_tenant(''globex'', ''app'')', 'XX000',
    'table tenant_vault.tenant_grant does not exist', 'and is not written');
DROP SCHEMA tenant_vault CASCADE;
ALTER SCHEMA renamed RENAME TO tenant_vault;

-- What cannot be written is refused as any other write.
SET LOCAL transaction_read_only = on;
SELECT throws_ok('SELECT tenant_vault.grant_tenant(''acme'', ''app'')', '25006', NULL,
    'a read-only transaction grants nothing');
SELECT throws_ok('SELECT tenant_vault.revoke_tenant(''acme'', ''app'')', '25006', NULL, 'and revokes nothing');

SELECT * FROM finish();
ROLLBACK;
