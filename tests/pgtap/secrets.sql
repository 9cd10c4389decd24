-- secret(), secret_value(), tenants(): what is in Vault below the prefix.
BEGIN;
SELECT plan(26);

\! tests/pgtap/vault_api DELETE secret/metadata/saas-project/dev/pgtap/types
\! tests/pgtap/vault_api POST secret/data/saas-project/dev/pgtap/types '{"data": {"old": "first"}}'
\! tests/pgtap/vault_api POST secret/data/saas-project/dev/pgtap/types '{"data": {"text": "line\nbreak \"é\"", "number": 1.5, "whole": 4711, "yes": true, "no": false, "nothing": null, "object": {"b": [1, "x"]}, "list": [1, null], "empty": "", "Text": "capital"}}'

SELECT is(tenant_vault.secret('dev/jwt'),
    '{"secret_key": "jwt-signing-key-of-the-platform", "access_token_expires": "3600"}'::jsonb,
    'secret() gives all keys of a secret');
SELECT is(tenant_vault.secret('dev/tenants/acme/database') ->> 'password', 'acme-password-1',
    'a tenant''s secret is a secret like any other');
SELECT is(tenant_vault.secret('dev/pgtap/types') -> 'object', '{"b": [1, "x"]}'::jsonb, 'with its structure');
SELECT is(tenant_vault.secret('dev/pgtap/types', 1), '{"old": "first"}'::jsonb, 'an older version can be had');
SELECT is(tenant_vault.secret('dev/pgtap/types', 2), tenant_vault.secret('dev/pgtap/types'),
    'no version means the newest');
SELECT is(tenant_vault.secret('dev/pgtap/types', 0), tenant_vault.secret('dev/pgtap/types'), 'so does 0');
SELECT is(tenant_vault.secret(path => 'dev/pgtap/types', version => 1), '{"old": "first"}'::jsonb,
    'arguments have names');
SELECT throws_ok('SELECT tenant_vault.secret(''dev/pgtap/types'', 3)', '42704', NULL,
    'a version that was never written is not there');
SELECT is(tenant_vault.secret(NULL), NULL, 'of NULL comes NULL');
SELECT is(tenant_vault.secret('dev/jwt', NULL), NULL, 'a NULL version is no version');

SELECT is(tenant_vault.secret_value('dev/pgtap/types', key), value, format('secret_value() gives %s', what))
    FROM (VALUES
        ('text', E'line\nbreak "é"', 'a string as it is'),
        ('number', '1.5', 'a number as JSON writes it'),
        ('whole', '4711', 'an integer'),
        ('yes', 'true', 'true'),
        ('no', 'false', 'false'),
        ('nothing', NULL, 'NULL for null'),
        ('object', '{"b": [1, "x"]}', 'an object as JSON'),
        ('list', '[1, null]', 'a list as JSON'),
        ('empty', '', 'an empty string as one'),
        ('Text', 'capital', 'the key as it is spelt')) AS expected (key, value, what);
SELECT throws_ok('SELECT tenant_vault.secret_value(''dev/jwt'', ''nokey'')', '42704',
    'secret "dev/jwt" has no key "nokey"', 'a missing key is an error that names key and path');
SELECT is(tenant_vault.secret_value('dev/jwt', NULL), NULL, 'a NULL key has no value');

SELECT ok(ARRAY(SELECT tenant_vault.tenants()) @> ARRAY['acme', 'globex'], 'tenants() lists what Vault lists');
SELECT is_empty('SELECT t FROM tenant_vault.tenants() AS t WHERE t !~ ''^[a-z0-9][a-z0-9_-]*$''',
    'as names, without Vault''s slashes');
SELECT is(count(*), count(DISTINCT t), 'each once') FROM tenant_vault.tenants() AS t;
SELECT results_eq('SELECT t FROM tenant_vault.tenants() AS t LIMIT 1', 'SELECT tenant_vault.tenants() LIMIT 1',
    'in the select list as in FROM');

SELECT * FROM finish();
ROLLBACK;
