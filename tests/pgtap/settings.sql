-- The settings: contexts, units, bounds, defaults, and what is refused. Not in a transaction, because
-- ALTER SYSTEM cannot be. What psql says of each refusal is its bare SQLSTATE.
\set ON_ERROR_STOP off
SELECT plan(57);

CREATE TEMP TABLE expected (name text, context text, unit text, low text, high text, def text);
INSERT INTO expected VALUES
    ('address', 'sighup', NULL, NULL, NULL, ''),
    ('namespace', 'sighup', NULL, NULL, NULL, ''),
    ('ca_cert', 'sighup', NULL, NULL, NULL, ''),
    ('client_cert', 'sighup', NULL, NULL, NULL, ''),
    ('client_key', 'sighup', NULL, NULL, NULL, ''),
    ('tls_server_name', 'sighup', NULL, NULL, NULL, ''),
    ('auth_method', 'sighup', NULL, NULL, NULL, 'approle'),
    ('auth_mount', 'sighup', NULL, NULL, NULL, ''),
    ('auth_role', 'sighup', NULL, NULL, NULL, ''),
    ('role_id', 'sighup', NULL, NULL, NULL, ''),
    ('role_id_file', 'sighup', NULL, NULL, NULL, ''),
    ('secret_id_file', 'sighup', NULL, NULL, NULL, ''),
    ('secret_id_wrapped', 'sighup', NULL, NULL, NULL, 'off'),
    ('token_file', 'sighup', NULL, NULL, NULL, ''),
    ('jwt_file', 'sighup', NULL, NULL, NULL, ''),
    ('token_store', 'sighup', NULL, NULL, NULL, ''),
    ('kv_mount', 'sighup', NULL, NULL, NULL, 'secret'),
    ('prefix', 'sighup', NULL, NULL, NULL, 'saas-project'),
    ('environment', 'sighup', NULL, NULL, NULL, 'dev'),
    ('request_timeout', 'sighup', 'ms', '1', '3600000', '10000'),
    ('connect_timeout', 'sighup', 'ms', '1', '3600000', '3000'),
    ('cache_ttl', 'sighup', 'ms', '0', '2147483647', '300000'),
    ('stale_limit', 'sighup', 'ms', '0', '2147483647', '3600000'),
    ('negative_ttl', 'sighup', 'ms', '0', '3600000', '5000'),
    ('renew_check_interval', 'sighup', 'ms', '100', '86400000', '60000'),
    ('renew_threshold', 'sighup', NULL, '0.05', '0.95', '0.75'),
    ('max_request_rate', 'sighup', NULL, '1', '1000000', '1000'),
    ('login_max_age', 'sighup', 'ms', '0', '2147483647', '30000'),
    ('login_group', 'postmaster', NULL, NULL, NULL, 'tenant_vault_login'),
    ('hba_file', 'postmaster', NULL, NULL, NULL, ''),
    ('cache_size', 'postmaster', 'kB', '1024', '2147483647', '65536'),
    ('max_tenants', 'postmaster', NULL, '100', '1000000', '10000');

SELECT is(
    (SELECT (context, unit, min_val, max_val, boot_val)::text FROM pg_settings
        WHERE pg_settings.name = 'tenant_vault.' || expected.name),
    (context, unit, low, high, def)::text,
    format('tenant_vault.%s has its context, unit, bounds and default', name))
    FROM expected;
SELECT set_eq('SELECT name FROM pg_settings WHERE name LIKE ''tenant_vault.%''',
    'SELECT ''tenant_vault.'' || name FROM expected', 'there are no other settings');
SELECT is_empty('SELECT name FROM pg_settings
    WHERE name LIKE ''tenant_vault.%'' AND (short_desc IS NULL OR short_desc !~ ''\.$'')',
    'each setting is described in a sentence');
SELECT is((SELECT enumvals FROM pg_settings WHERE name = 'tenant_vault.auth_method'),
    ARRAY['approle', 'token_file', 'cert', 'jwt'], 'a token cannot be a setting');

-- What says where secrets are is for superusers' eyes.
CREATE ROLE settings_reader;
SET ROLE settings_reader;
SELECT is_empty('SELECT name FROM pg_settings WHERE name LIKE ''tenant_vault.%''
    AND name !~ ''_(timeout|ttl|limit|interval|threshold|rate|size|tenants|age)$''',
    'others see durations and sizes only');
RESET ROLE;
DROP ROLE settings_reader;

-- What is refused. :SQLSTATE is the last statement's.
\set VERBOSITY sqlstate
ALTER SYSTEM SET tenant_vault.address = 'vault:8200';
SELECT is(:'SQLSTATE'::text, '22023', 'an address without a scheme is refused');
ALTER SYSTEM SET tenant_vault.address = 'https://a:8200,ftp://b';
SELECT is(:'SQLSTATE'::text, '22023', 'a list with a bad address is refused');
ALTER SYSTEM SET tenant_vault.address = 'https://v1,https://v2,https://v3,https://v4,https://v5,https://v6,https://v7,https://v8,https://v9';
SELECT is(:'SQLSTATE'::text, '22023', 'a ninth address is refused');
ALTER SYSTEM SET tenant_vault.environment = 'Dev';
SELECT is(:'SQLSTATE'::text, '22023', 'an environment in capitals is refused');
ALTER SYSTEM SET tenant_vault.environment = '';
SELECT is(:'SQLSTATE'::text, '22023', 'an empty environment is refused');
ALTER SYSTEM SET tenant_vault.environment = 'a/b';
SELECT is(:'SQLSTATE'::text, '22023', 'an environment of two segments is refused');
ALTER SYSTEM SET tenant_vault.prefix = '';
SELECT is(:'SQLSTATE'::text, '22023', 'an empty prefix is refused');
ALTER SYSTEM SET tenant_vault.prefix = 'a/../b';
SELECT is(:'SQLSTATE'::text, '22023', 'a prefix with .. is refused');
ALTER SYSTEM SET tenant_vault.kv_mount = 'a%2fb';
SELECT is(:'SQLSTATE'::text, '22023', 'a mount with a percent sign is refused');
ALTER SYSTEM SET tenant_vault.namespace = 'a//b';
SELECT is(:'SQLSTATE'::text, '22023', 'a namespace with an empty segment is refused');
ALTER SYSTEM SET tenant_vault.tls_server_name = 'a b';
SELECT is(:'SQLSTATE'::text, '22023', 'a server name with a space is refused');
ALTER SYSTEM SET tenant_vault.auth_method = 'token';
SELECT is(:'SQLSTATE'::text, '22023', 'the method token is refused');
ALTER SYSTEM SET tenant_vault.request_timeout = '0';
SELECT is(:'SQLSTATE'::text, '22023', 'a timeout of nothing is refused');
ALTER SYSTEM SET tenant_vault.renew_threshold = 1;
SELECT is(:'SQLSTATE'::text, '22023', 'renewing when it is too late is refused');
ALTER SYSTEM SET tenant_vault.cache_size = '512kB';
SELECT is(:'SQLSTATE'::text, '22023', 'a cache below 1MB is refused');
ALTER SYSTEM SET tenant_vault.login_group = 'a"b';
SELECT is(:'SQLSTATE'::text, '22023', 'a login group that pg_hba.conf could not name is refused');
ALTER SYSTEM SET tenant_vault.hba_file = 'here';
SELECT is(:'SQLSTATE'::text, '22023', 'an HBA file without a folder is refused');
ALTER SYSTEM SET tenant_vault.adress = 'https://vault:8200';
SELECT ok(:'SQLSTATE'::text IN ('42704', '42602'), 'a misspelt setting is refused'); -- 42602: 17 and later
SET tenant_vault.address = 'https://vault:8200';
SELECT is(:'SQLSTATE'::text, '55P02', 'a session cannot change where Vault is');
SET tenant_vault.cache_size = '1GB';
SELECT is(:'SQLSTATE'::text, '55P02', 'a session cannot change the cache''s size');
SELECT is_empty('SELECT name FROM pg_file_settings
    WHERE name LIKE ''tenant_vault.%'' AND sourcefile LIKE ''%auto.conf''', 'nothing of this was kept');

SELECT * FROM finish();
