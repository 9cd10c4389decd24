-- Names that Vault could read as other names are refused, each with 22023, before Vault is asked.
BEGIN;
SELECT plan(61);

SELECT vault_requests AS requests_before FROM tenant_vault.status \gset

CREATE TEMP TABLE bad_tenant (name text, what text);
INSERT INTO bad_tenant VALUES
    ('', 'an empty name'), ('..', 'the parent'), ('.', 'the folder itself'), ('a/b', 'a slash'),
    ('acme/../globex', 'a way round'), ('a%2fb', 'an encoded slash'), ('%2e%2e', 'an encoded parent'),
    ('Acme', 'upper case'), ('-acme', 'a leading hyphen'), ('_acme', 'a leading underscore'),
    ('acme.', 'a dot'), ('ac me', 'a space'), ('acme' || chr(10), 'a newline at the end'),
    ('acmé', 'a letter beyond ASCII'), ('a{b}', 'a placeholder'), ('a?b', 'a query'), ('a#b', 'a fragment'),
    (repeat('a', 64), '64 characters');
SELECT throws_ok(format('SELECT tenant_vault.%s(%L)', function, name), '22023', NULL,
    format('%s() refuses %s', function, what))
    FROM bad_tenant, unnest(ARRAY['conninfo', 'credentials']) AS function;
SELECT lives_ok(format('DO $do$ BEGIN PERFORM tenant_vault.conninfo(%L); EXCEPTION
    WHEN invalid_parameter_value THEN RAISE; WHEN OTHERS THEN NULL; END $do$', repeat('a', 63)),
    'a name of 63 characters is a name');

CREATE TEMP TABLE bad_path (path text);
INSERT INTO bad_path VALUES
    (''), ('/dev/jwt'), ('dev/jwt/'), ('dev//jwt'), ('dev/../prod/jwt'), ('dev/./jwt'), ('dev%2fjwt'),
    ('dev\jwt'), ('dev/jwt?version=1'), (repeat('a/', 256) || 'b');
SELECT throws_ok(format('SELECT tenant_vault.%s', call), '22023', NULL,
    format('%s is refused', left(call, 40)))
    FROM bad_path, LATERAL (VALUES (format('secret(%L)', path)), (format('secret_value(%L, ''k'')', path)))
        AS calls (call);
SELECT throws_ok('SELECT tenant_vault.secret(''dev/jwt'', -1)', '22023', NULL, 'versions count from 1');

SELECT is_empty('SELECT name FROM tenant_vault.cached_secrets
    WHERE name IN (SELECT name FROM bad_tenant UNION ALL SELECT path FROM bad_path) AND kind <> ''list''',
    'the refusal is not left to others: no such name gets as far as the cache');

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
SELECT matches(hint_of('SELECT tenant_vault.conninfo(''Acme'')'), '^Use lower-case letters',
    'the hint says what a name is made of');

SELECT cmp_ok(vault_requests - :requests_before, '<=', 3::bigint,
    'Vault was asked about the one good name only (and perhaps about its own health)')
    FROM tenant_vault.status;

SELECT * FROM finish();
ROLLBACK;
