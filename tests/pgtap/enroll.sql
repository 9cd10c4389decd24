-- Binding roles to tenants: labels, enroll(), unenroll(), unenroll_all(), pgbouncer_auth().
BEGIN;
SET LOCAL client_min_messages = error;
SELECT plan(54);

CREATE ROLE app LOGIN PASSWORD 'built-in';
CREATE ROLE dba SUPERUSER LOGIN;
CREATE ROLE copier REPLICATION LOGIN;
CREATE ROLE team LOGIN;
CREATE ROLE member LOGIN IN ROLE team;
CREATE ROLE creator CREATEROLE LOGIN;
CREATE ROLE chief SUPERUSER;
CREATE ROLE admins IN ROLE chief;
CREATE ROLE climber LOGIN IN ROLE admins;
CREATE ROLE runner LOGIN IN ROLE pg_execute_server_program;

-- Labels are authority.
SET ROLE creator;
SELECT throws_ok($$SECURITY LABEL FOR tenant_vault ON ROLE app IS 'acme'$$, '42501', NULL,
    'CREATEROLE is not enough to write a label');
SELECT throws_ok($$SECURITY LABEL FOR tenant_vault ON ROLE app IS NULL$$, '42501', NULL, 'nor to take one away');
RESET ROLE;
SELECT throws_ok($$SECURITY LABEL FOR tenant_vault ON ROLE dba IS 'acme'$$, '42P17', NULL, 'a superuser cannot be bound');
SELECT throws_ok($$SECURITY LABEL FOR tenant_vault ON ROLE app IS '../acme'$$, '22023', NULL,
    'a label must be a tenant''s name');
SELECT throws_ok($$SECURITY LABEL FOR tenant_vault ON ROLE app IS ''$$, '22023', NULL, 'an empty one is none');
SELECT throws_ok($$SECURITY LABEL FOR tenant_vault ON TABLE tenant_vault.tenant_grant IS 'acme'$$, '42809', NULL,
    'only roles are bound');
SELECT lives_ok($$SECURITY LABEL FOR tenant_vault ON ROLE app IS 'globex'$$, 'a superuser writes a label');
SELECT lives_ok($$SECURITY LABEL FOR tenant_vault ON ROLE app IS NULL$$, 'and takes it away');

-- enroll()
SELECT lives_ok($$SELECT tenant_vault.enroll('app', 'acme')$$, 'enroll() binds a role');
SELECT is(label, 'acme', 'by its label') FROM pg_seclabels WHERE provider = 'tenant_vault' AND objname = 'app';
SELECT ok(pg_has_role('app', 'tenant_vault_login', 'MEMBER'), 'makes it a member of the login group');
SELECT is(rolpassword, NULL, 'and takes its password away') FROM pg_authid WHERE rolname = 'app';
SELECT is(rolcanlogin, false, 'the group itself cannot log in') FROM pg_roles WHERE rolname = 'tenant_vault_login';
SELECT lives_ok($$SELECT tenant_vault.enroll('app', 'acme')$$, 'enrolling twice is no error');
SELECT lives_ok($$SELECT tenant_vault.enroll('app', 'globex')$$, 'a role can be bound to another tenant');
SELECT is(label, 'globex', 'which counts from then on') FROM pg_seclabels WHERE objname = 'app';
SELECT lives_ok($$SELECT tenant_vault.enroll('app', 'acme')$$, 'and back');
SELECT throws_ok($$SELECT tenant_vault.enroll('app', 'ACME')$$, '22023', NULL, 'a wrong tenant name is refused');
SELECT throws_ok($$SELECT tenant_vault.enroll('nobody', 'acme')$$, '42704', NULL, 'an unknown role is refused');
SELECT throws_ok($$SELECT tenant_vault.enroll('tenant_vault_login', 'acme')$$, '22023', NULL, 'the group itself is refused');
SELECT throws_ok($$SELECT tenant_vault.enroll('dba', 'acme')$$, '42P17', NULL, 'a superuser is refused');
SELECT throws_ok($$SELECT tenant_vault.enroll('dba', 'acme', force => true)$$, '42P17', NULL, 'even by force');
SELECT throws_like($$SELECT tenant_vault.enroll('copier', 'acme')$$, '%REPLICATION%', 'a role with REPLICATION is refused');
SELECT throws_like($$SELECT tenant_vault.enroll('team', 'acme')$$, '%members (member)%', 'a role with members is refused');
SELECT throws_like($$SELECT tenant_vault.enroll('climber', 'acme')$$, '%membership of chief%', 'a role that can become a superuser is refused');
SELECT throws_like($$SELECT tenant_vault.enroll('runner', 'acme')$$, '%membership of pg_execute_server_program%', 'one that can become the server''s user');
SELECT throws_like($$SELECT tenant_vault.enroll('creator', 'acme')$$, '%CREATEROLE%', 'one that makes roles');
SELECT is(count(*), 1::bigint, 'and nothing was bound by that') FROM pg_seclabels WHERE provider = 'tenant_vault';
SELECT lives_ok($$SELECT tenant_vault.enroll('copier', 'acme', force => true)$$, 'unless forced');
SELECT lives_ok($$SELECT tenant_vault.enroll('runner', 'acme', true)$$, 'which is forced as well');
SELECT is(explanation, 'The role has membership of pg_execute_server_program: whoever can write the secret of tenant "acme" in Vault has it too.', 'and is a finding')
    FROM tenant_vault.hba_findings WHERE finding = 'enrolled role with authority' AND subject = 'runner';
SELECT lives_ok($$SELECT tenant_vault.unenroll('runner')$$, 'until it is unbound');
SELECT lives_ok($$SELECT tenant_vault.enroll('team', 'acme', true)$$, 'unless forced, here too');
CREATE ROLE "Odd role; --" LOGIN;
SELECT lives_ok($$SELECT tenant_vault.enroll('"Odd role; --"', 'acme')$$, 'any name of a role will do');
GRANT USAGE ON SCHEMA tenant_vault TO creator;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA tenant_vault TO creator;
SET ROLE creator;
SELECT throws_ok($$SELECT tenant_vault.enroll('creator', 'acme')$$, '42501', NULL,
    'who may call it is no more than he is: the label needs a superuser');
SELECT throws_ok($$SELECT tenant_vault.unenroll_all()$$, '42501', NULL, 'to take all away, too');
RESET ROLE;

-- Passwords of enrolled roles.
SELECT throws_like($$ALTER ROLE app PASSWORD 'x'$$, '%Vault%', 'an enrolled role is given no password here');
SELECT throws_like($$ALTER ROLE app PASSWORD 'md5c4ca4238a0b923820dcc509a6f75849b'$$, '%Vault%', 'nor a hashed one');
SELECT lives_ok($$ALTER ROLE app PASSWORD NULL$$, 'none can be set');
SELECT lives_ok($$ALTER ROLE creator PASSWORD 'x'$$, 'others are given theirs');
SET ROLE app;
SELECT throws_like($$ALTER ROLE app PASSWORD 'x'$$, '%Vault%', 'the role itself is refused as well');

-- A tenant's own credentials.
SELECT lives_ok($$SELECT tenant_vault.conninfo('acme')$$, 'an enrolled role reads its own tenant''s conninfo');
SELECT throws_ok($$SELECT tenant_vault.conninfo('globex')$$, '42501', NULL, 'and no other''s');
SELECT throws_ok($$SELECT * FROM tenant_vault.pgbouncer_auth('app')$$, '42501', NULL, 'and no verifiers');
RESET ROLE;

-- pgbouncer_auth()
SELECT is(usename::text, 'app', 'pgbouncer_auth() names the role') FROM tenant_vault.pgbouncer_auth('app');
SELECT matches(passwd, '^SCRAM-SHA-256\$4096:[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/=]{44}:[A-Za-z0-9+/=]{44}$', 'and gives its verifier')
    FROM tenant_vault.pgbouncer_auth('app');
SELECT is(a.passwd, b.passwd, 'always the same one')
    FROM tenant_vault.pgbouncer_auth('app') AS a, tenant_vault.pgbouncer_auth('team') AS b;
SELECT is_empty($$SELECT * FROM tenant_vault.pgbouncer_auth('dba')$$, 'but none of a role that is not enrolled');
SELECT is_empty($$SELECT * FROM tenant_vault.pgbouncer_auth('nobody')$$, 'nor of an unknown one');
ALTER ROLE team VALID UNTIL '2001-01-01';
SELECT is_empty($$SELECT * FROM tenant_vault.pgbouncer_auth('team')$$, 'nor of an expired one');

-- unenroll(), unenroll_all()
SELECT lives_ok($$SELECT tenant_vault.unenroll('app')$$, 'unenroll() unbinds a role');
SELECT ok(NOT pg_has_role('app', 'tenant_vault_login', 'MEMBER'), 'and takes it out of the group');
SELECT lives_ok($$ALTER ROLE app PASSWORD 'built-in again'$$, 'which can then be given a password');
SELECT is(tenant_vault.unenroll_all(), 3::bigint, 'unenroll_all() unbinds all others');

SELECT * FROM finish();
ROLLBACK;
