/*
 * rotate_tenant.sql - a tenant gets a new password, which only Vault holds.
 *
 *   psql -X -d postgres -v tenant=acme -v terminate=on -f rotate_tenant.sql
 *
 * tenant     required
 * terminate  on: the sessions of the tenant's roles are ended (off)
 *
 * To be run by whoever may execute tenant_vault.rotate_password(), in the database that has the
 * extension. Running it again gives yet another password. Exit status: 0 done; 3 an error, which is the
 * last thing on standard error: the old password then still logs in, unless it says otherwise.
 */

\set ON_ERROR_STOP on
\set AUTOCOMMIT on
\set QUIET on
SET search_path = pg_catalog, pg_temp;

\if :{?tenant} \else \set tenant '' \endif
\if :{?terminate} \else \set terminate off \endif

SELECT tenant_vault.rotate_password(:'tenant', :'terminate'::boolean) AS version
\gset

\echo tenant :tenant has a new password: version :version in Vault
