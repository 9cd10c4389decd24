-- What Vault refuses, and the SQLSTATE, message, detail and hint that it becomes. The last part seals Vault
-- and unseals it again.
BEGIN;
SELECT plan(27);

CREATE TYPE pg_temp.refusal AS (state text, message text, detail text, hint text);
CREATE FUNCTION pg_temp.report_of(statement text) RETURNS pg_temp.refusal LANGUAGE plpgsql AS $$
DECLARE
    got pg_temp.refusal;
BEGIN
    EXECUTE statement;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS got.state = RETURNED_SQLSTATE, got.message = MESSAGE_TEXT,
        got.detail = PG_EXCEPTION_DETAIL, got.hint = PG_EXCEPTION_HINT;
    RETURN got;
END
$$;

\! tests/pgtap/vault_api DELETE secret/metadata/saas-project/dev/pgtap/gone
\! tests/pgtap/vault_api POST secret/data/saas-project/dev/pgtap/gone '{"data": {"k": "v1"}}'
\! tests/pgtap/vault_api POST secret/data/saas-project/dev/pgtap/gone '{"data": {"k": "v2"}}'
\! tests/pgtap/vault_api POST secret/data/saas-project/dev/pgtap/gone '{"data": {"k": "v3"}}'
\! tests/pgtap/vault_api POST secret/delete/saas-project/dev/pgtap/gone '{"versions": [2]}'
\! tests/pgtap/vault_api PUT secret/destroy/saas-project/dev/pgtap/gone '{"versions": [3]}'

CREATE TEMP TABLE report AS
SELECT what, (pg_temp.report_of(statement)).*
FROM (VALUES
    ('missing', 'SELECT tenant_vault.secret(''dev/pgtap/nowhere'')'),
    ('deleted', 'SELECT tenant_vault.secret(''dev/pgtap/gone'', 2)'),
    ('destroyed', 'SELECT tenant_vault.secret(''dev/pgtap/gone'', 3)'),
    ('forbidden', 'SELECT tenant_vault.secret(''prod/jwt'')')) AS call (what, statement);

SELECT is(state, '42704', 'a missing secret is an undefined object') FROM report WHERE what = 'missing';
SELECT matches(message, '^could not read secret "dev/pgtap/nowhere": .*dev/pgtap/nowhere',
    'the message says what was being done, and the whole path') FROM report WHERE what = 'missing';
SELECT matches(detail, '^Vault answered with HTTP status 404', 'the detail has Vault''s status')
    FROM report WHERE what = 'missing';
SELECT matches(hint, '^[A-Z].*\.$', 'the hint is a sentence') FROM report WHERE what = 'missing';
SELECT is(state, '42704', 'so is a deleted version') FROM report WHERE what = 'deleted';
SELECT matches(message, 'deleted', 'and the message says deleted') FROM report WHERE what = 'deleted';
SELECT matches(detail, 'request ID [0-9a-f-]{36}', 'the detail has Vault''s request ID') FROM report WHERE what = 'deleted';
SELECT matches(hint, '[Uu]ndelete', 'the hint says how to have it back') FROM report WHERE what = 'deleted';
SELECT is(state, '42704', 'so is a destroyed version') FROM report WHERE what = 'destroyed';
SELECT matches(message, 'destroyed', 'and the message says destroyed') FROM report WHERE what = 'destroyed';
SELECT unalike(hint, '%ndelete%', 'and the hint does not promise it back') FROM report WHERE what = 'destroyed';
SELECT is(count(DISTINCT message), 3::bigint, 'the three are told apart') FROM report WHERE state = '42704';
SELECT is(state, '42501', 'a path beyond the policy is a matter of privileges') FROM report WHERE what = 'forbidden';
SELECT matches(message, 'prod/jwt.*permission denied', 'the message ends with Vault''s words')
    FROM report WHERE what = 'forbidden';
SELECT matches(message || hint, 'read', 'and names the capability that is missing') FROM report WHERE what = 'forbidden';
SELECT is(count(*), 0::bigint, 'no report is cut off or empty') FROM report
    WHERE message = '' OR hint = '' OR length(message) > 700;

-- A negative answer is remembered, for a while.
SELECT vault_requests AS before FROM tenant_vault.status \gset
SELECT throws_ok('SELECT tenant_vault.secret(''dev/pgtap/nowhere'')', '42704', NULL, 'asked again: the same')
    FROM generate_series(1, 3);
SELECT cmp_ok(vault_requests - :before, '<=', 2::bigint, 'of which Vault hears little') FROM tenant_vault.status;

-- An exception block catches it by name, and the session goes on.
SELECT lives_ok($do$ DO $$ BEGIN PERFORM tenant_vault.secret('dev/pgtap/nowhere');
    EXCEPTION WHEN undefined_object THEN NULL; END $$ $do$, 'PL/pgSQL catches undefined_object');
SELECT lives_ok($do$ DO $$ BEGIN PERFORM tenant_vault.secret('prod/jwt');
    EXCEPTION WHEN insufficient_privilege THEN NULL; END $$ $do$, 'and insufficient_privilege');

-- Sealed: the cache carries on, what is not in it is refused with a way out.
SELECT tenant_vault.conninfo('acme') AS cached \gset
\! tests/setup/vault_server seal "$VAULT_DIR"
SELECT is(tenant_vault.conninfo('acme'), :'cached', 'while Vault is sealed, the cache carries on');
TRUNCATE report;
INSERT INTO report SELECT 'sealed', (pg_temp.report_of('SELECT tenant_vault.secret(''dev/pgtap/cold'')')).*;
\! tests/setup/vault_server unseal "$VAULT_DIR"
SELECT is(state, '58000', 'what is not cached cannot be had now') FROM report;
SELECT matches(message, 'sealed', 'the message says why') FROM report;
SELECT matches(hint, '[Uu]nseal', 'the hint says what to do') FROM report;
SELECT lives_ok('SELECT tenant_vault.refresh(''acme'')', 'after unsealing all is as before');

SELECT * FROM finish();
ROLLBACK;
