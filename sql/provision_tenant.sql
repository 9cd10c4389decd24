/*
 * provision_tenant.sql - a tenant from nothing: database, owner, application role, privileges, and the
 * password that only Vault holds.
 *
 *   psql -X -d postgres -v tenant=acme -f provision_tenant.sql
 *
 * tenant     required: [a-z0-9][a-z0-9_-]{0,62}
 * database   of the tenant (the tenant's name)
 * owner      of the database; cannot log in, migrations are run after SET ROLE (<tenant>_owner)
 * role       that the application logs in as (<tenant>_app)
 * template   of the database (template1)
 * host, port to be written into the secret, where the platform's template in Vault does not say them
 *
 * To be run by a superuser, in the database that has the extension. Running it again does what is
 * missing. Everything that can be refused is refused before anything is done. Exit status: 0 done; 3 an
 * error, which is the last thing on standard error.
 */

\set ON_ERROR_STOP on
\set AUTOCOMMIT on
\set QUIET on
SET client_min_messages = warning;
/* A function of somebody else's in another schema could fit a call here better than PostgreSQL's own. */
SET search_path = pg_catalog, pg_temp;

\if :{?tenant} \else \set tenant '' \endif
\if :{?database} \else \set database :tenant \endif
\if :{?owner} \else \set owner :tenant _owner \endif
\if :{?role} \else \set role :tenant _app \endif
\if :{?template} \else \set template template1 \endif
\if :{?host} \else \set host '' \endif
\if :{?port} \else \set port '' \endif

/* A DO block sees no variables of psql's. */
SELECT set_config('provision.tenant', :'tenant', false), set_config('provision.database', :'database', false),
    set_config('provision.owner', :'owner', false), set_config('provision.role', :'role', false),
    set_config('provision.template', :'template', false), set_config('provision.port', :'port', false)
\g /dev/null

DO $$
DECLARE
    tenant text := current_setting('provision.tenant');
    database text := current_setting('provision.database');
    owner text := current_setting('provision.owner');
    app text := current_setting('provision.role');
    name text;
    bound_to text;
BEGIN
    IF tenant = '' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'no tenant is named', HINT = 'psql -v tenant=acme -f provision_tenant.sql';
    END IF;
    IF tenant !~ '^[a-z0-9][a-z0-9_-]{0,62}$' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('"%s" is no name of a tenant', left(tenant, 100)),
            HINT = 'It consists of a-z, 0-9, "_" and "-", begins with a letter or digit, and has 63 characters at most.';
    END IF;
    FOREACH name IN ARRAY ARRAY[database, owner, app] LOOP
        IF octet_length(name) NOT BETWEEN 1 AND 63 OR name ~ '^pg_' OR name ~ '[[:cntrl:]]' OR name IN ('public', 'none') THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('"%s" is no name for a database or role of a tenant', left(name, 100)),
                HINT = 'It has 1 to 63 bytes, no control characters, and does not begin with "pg_".';
        END IF;
    END LOOP;
    IF database IN ('postgres', 'template0', 'template1', current_database()) THEN
        RAISE invalid_parameter_value USING MESSAGE = format('database "%s" is no tenant''s', database);
    END IF;
    IF owner = app THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'owner and application role are the same',
            HINT = 'The application must not be able to drop or change the tables of its database.';
    END IF;
    IF current_setting('provision.port') !~ '^([1-9][0-9]{0,4})?$' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'port is no port';
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE insufficient_privilege USING MESSAGE = 'only a superuser can provision a tenant';
    END IF;
    IF pg_is_in_recovery() THEN
        RAISE read_only_sql_transaction USING MESSAGE = 'this server is a standby', HINT = 'Run it on the primary.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'tenant_vault') THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('database "%s" does not have the extension tenant_vault', current_database()),
            HINT = 'Connect to the database that has it.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_database WHERE datname = current_setting('provision.template')) THEN
        RAISE undefined_object USING MESSAGE = format('there is no database "%s" to be the template', current_setting('provision.template'));
    END IF;

    /* Nothing that is somebody else's is taken over. */
    SELECT r.rolname INTO name FROM pg_database AS d JOIN pg_roles AS r ON r.oid = d.datdba
        WHERE d.datname = database AND r.rolname <> owner;
    IF FOUND THEN
        RAISE duplicate_database USING MESSAGE = format('database "%s" is there already and belongs to "%s"', database, name);
    END IF;
    IF EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = owner AND (r.rolsuper OR r.rolcanlogin)) THEN
        RAISE duplicate_object USING
            MESSAGE = format('role "%s" is there already and can log in: it is no tenant''s owner', owner);
    END IF;
    IF EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = app) THEN
        SELECT l.label INTO bound_to FROM pg_shseclabel AS l JOIN pg_roles AS r ON r.oid = l.objoid
            WHERE l.provider = 'tenant_vault' AND l.classoid = 'pg_authid'::regclass AND r.rolname = app;
        IF bound_to IS DISTINCT FROM tenant THEN
            RAISE duplicate_object USING
                MESSAGE = format('role "%s" is there already and is not tenant "%s"''s', app, tenant),
                HINT = format('Name another, or make it the tenant''s: SELECT tenant_vault.enroll(%L, %L);', quote_ident(app), tenant);
        END IF;
    END IF;
END
$$;

/* First the part in Vault: where its policy is missing, nothing has come of it. */
SELECT tenant_vault.create_tenant(:'tenant', :'role', nullif(:'host', ''), nullif(:'port', '')::integer,
    nullif(:'database', :'tenant')) AS version
\gset

SELECT format('CREATE ROLE %I NOLOGIN', :'owner')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'owner')
\gexec
/* A new database is open to everybody: so nobody gets in before that is ended. */
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE %I ALLOW_CONNECTIONS false', :'database', :'owner', :'template')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database')
\gexec

REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE :"database" TO :"role";
SELECT format('ALTER DATABASE %I ALLOW_CONNECTIONS true', :'database')
WHERE EXISTS (SELECT FROM pg_database WHERE datname = :'database' AND NOT datallowconn)
\gexec

/* The rest is done inside. A name with "=" would pass for a connection string: so it is given as one. */
SELECT format('dbname=''%s''', replace(replace(:'database', E'\\', E'\\\\'), '''', E'\\''')) AS target
\gset
\connect -reuse-previous=on :"target"
BEGIN;
SET LOCAL client_min_messages = warning;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO :"role";
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO :"role";
GRANT SELECT, USAGE ON ALL SEQUENCES IN SCHEMA public TO :"role";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO :"role";
ALTER DEFAULT PRIVILEGES FOR ROLE :"owner" GRANT SELECT, USAGE ON SEQUENCES TO :"role";
COMMIT;

\echo tenant :tenant is provisioned: database :database, owner :owner, role :role, version :version in Vault
