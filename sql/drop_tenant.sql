/*
 * drop_tenant.sql - a tenant goes: its logins, its sessions, its DATABASE WITH ALL DATA, its roles and its
 * secret.
 *
 *   psql -X -d postgres -v tenant=acme -v confirm=acme -f drop_tenant.sql
 *
 * tenant     required
 * confirm    required: the database's name once more
 * database   of the tenant (the tenant's name)
 * owner      of the database (<tenant>_owner)
 * role       of the application (<tenant>_app)
 * destroy    on: Vault forgets all versions of the secret; off: they can be undeleted (off)
 *
 * To be run by a superuser, in the database that has the extension. Running it again does what is left.
 * Everything that can be refused is refused before anything is done. Exit status: 0 done; 3 an error,
 * which is the last thing on standard error.
 */

\set ON_ERROR_STOP on
\set AUTOCOMMIT on
\set QUIET on
SET client_min_messages = warning;
/* A function of somebody else's in another schema could fit a call here better than PostgreSQL's own. */
SET search_path = pg_catalog, pg_temp;

\if :{?tenant} \else \set tenant '' \endif
\if :{?confirm} \else \set confirm '' \endif
\if :{?database} \else \set database :tenant \endif
\if :{?owner} \else \set owner :tenant _owner \endif
\if :{?role} \else \set role :tenant _app \endif
\if :{?destroy} \else \set destroy off \endif

/* A DO block sees no variables of psql's. */
SELECT set_config('provision.tenant', :'tenant', false), set_config('provision.database', :'database', false),
    set_config('provision.owner', :'owner', false), set_config('provision.role', :'role', false),
    set_config('provision.confirm', :'confirm', false), set_config('provision.destroy', :'destroy'::boolean::text, false)
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
    IF tenant !~ '^[a-z0-9][a-z0-9_-]{0,62}$' THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('"%s" is no name of a tenant', left(tenant, 100)),
            HINT = 'psql -v tenant=acme -v confirm=acme -f drop_tenant.sql';
    END IF;
    IF current_setting('provision.confirm') <> database THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('dropping database "%s" is not confirmed', left(database, 100)),
            HINT = 'Name the database once more: -v confirm=' || left(database, 100);
    END IF;
    IF database IN ('postgres', 'template0', 'template1', current_database()) THEN
        RAISE invalid_parameter_value USING MESSAGE = format('database "%s" is no tenant''s', database);
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE insufficient_privilege USING MESSAGE = 'only a superuser can drop a tenant with its database';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'tenant_vault') THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('database "%s" does not have the extension tenant_vault', current_database()),
            HINT = 'Connect to the database that has it.';
    END IF;

    /* Nothing that is somebody else's goes. */
    SELECT r.rolname INTO name FROM pg_database AS d JOIN pg_roles AS r ON r.oid = d.datdba
        WHERE d.datname = database AND r.rolname <> owner;
    IF FOUND THEN
        RAISE invalid_parameter_value USING MESSAGE = format('database "%s" belongs to "%s"', database, name);
    END IF;
    IF EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = owner AND (r.rolsuper OR r.rolcanlogin)) THEN
        RAISE invalid_parameter_value USING MESSAGE = format('role "%s" can log in: it is no tenant''s owner', owner);
    END IF;
    SELECT l.label INTO bound_to FROM pg_shseclabel AS l JOIN pg_roles AS r ON r.oid = l.objoid
        WHERE l.provider = 'tenant_vault' AND l.classoid = 'pg_authid'::regclass AND r.rolname = app;
    /* One without a label is what an earlier run has left: it has no password. */
    IF bound_to <> tenant OR EXISTS (
        SELECT FROM pg_authid AS a
        WHERE a.rolname = app AND (a.rolsuper OR a.rolreplication OR a.rolpassword IS NOT NULL)
    ) THEN
        RAISE invalid_parameter_value USING MESSAGE = format('role "%s" is not tenant "%s"''s', app, tenant);
    END IF;
END
$$;

/* First the part in Vault: where its policy is missing, nothing has come of it. */
SELECT tenant_vault.drop_tenant(:'tenant', terminate => true, destroy => current_setting('provision.destroy')::boolean)
\g /dev/null

SELECT format('DROP DATABASE %I WITH (FORCE)', :'database')
WHERE EXISTS (SELECT FROM pg_database WHERE datname = :'database')
\gexec
DROP ROLE IF EXISTS :"role";
DROP ROLE IF EXISTS :"owner";

\echo tenant :tenant is dropped, with database :database
