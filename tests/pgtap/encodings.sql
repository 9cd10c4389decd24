-- Databases whose encoding is not UTF8: each character arrives, or an error says that it cannot, without
-- showing it. Not in a transaction, because CREATE DATABASE cannot be.
SELECT plan(6);

\! tests/pgtap/vault_api POST secret/data/saas-project/dev/tenants/pgtap-latin/database '{"data": {"username": "u", "password": "h\u00e9"}}'
\! tests/pgtap/vault_api POST secret/data/saas-project/dev/tenants/pgtap-euro/database '{"data": {"username": "u", "password": "hidden\u20ac"}}'
\! tests/pgtap/vault_api POST secret/data/saas-project/dev/pgtap/euro '{"data": {"k": "hidden\u20ac"}}'
SET client_min_messages = warning;
DROP DATABASE IF EXISTS pgtap_latin;
CREATE DATABASE pgtap_latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C';
\! psql -qXd pgtap_latin -c 'CREATE EXTENSION tenant_vault'

\set got `psql -qXAtd pgtap_latin -c "SELECT convert_to(password, 'UTF8') FROM tenant_vault.credentials('pgtap-latin')"`
SELECT is(:'got'::bytea, convert_to('hé', 'UTF8'), 'a character that LATIN1 has arrives');
\set got `psql -qXAtd pgtap_latin -c "SELECT convert_to(tenant_vault.conninfo('pgtap-latin'), 'LATIN1')" -c "SELECT convert_to(tenant_vault.conninfo('pgtap-latin'), 'LATIN1')" | sort -u`
SELECT matches(encode(:'got'::bytea, 'escape'), 'password=.?h\\351.?$', 'from Vault and from the cache alike');
\set got `psql -qXAtd pgtap_latin -v VERBOSITY=sqlstate -c "SELECT tenant_vault.conninfo('pgtap-euro')" 2>&1`
SELECT is(:'got'::text, 'ERROR:  22P05', 'one that it lacks is an error');
\set got `psql -qXAtd pgtap_latin -v VERBOSITY=verbose -c "SELECT password FROM tenant_vault.credentials('pgtap-euro')" 2>&1`
SELECT matches(:'got'::text, 'password of "pgtap-euro" cannot be represented .* "LATIN1"', 'which names field and encoding');
SELECT unalike(:'got'::text, '%hidden%', 'and does not show the value');
\set got `psql -qXAtd pgtap_latin -v VERBOSITY=verbose -c "SELECT tenant_vault.secret('dev/pgtap/euro')" 2>&1`
SELECT ok(:'got'::text ~ '22P05' AND :'got'::text !~ 'hidden|e2', 'the same for a secret');

DROP DATABASE pgtap_latin;
SELECT * FROM finish();
