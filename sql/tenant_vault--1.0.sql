/*
 * tenant_vault 1.0: the objects of one database.
 *
 * Everything is closed to everybody but superusers; what is open to others stands at the end, and
 * grant_tenant() opens one tenant to one role. The functions are VOLATILE, so that no secret is folded
 * into a plan, and STRICT: of NULL comes NULL, and nothing is asked. Errors carry these SQLSTATEs
 * (report.c has the table by cause):
 *
 *   58000 Vault cannot be asked now (not reachable, sealed, no leader, timeout): try again
 *   58030 what answered makes no sense      53400 Vault's rate limit
 *   28000 Vault does not let this server log in
 *   F0000 a setting, or a file that one names, is of no use
 *   42501 no grant here, or no policy in Vault
 *   42704 no such secret, key, version, mount, namespace
 *   42809 the mount's KV version is another
 *   22000 the secret or the template is of no use
 *   22023 a tenant name or path that is none
 *   40001 somebody else has written the secret meanwhile
 *   42710 the role is there already and is not the tenant's
 *   22P05 the database's encoding lacks a character of the secret
 *   55000 the library is not in shared_preload_libraries
 */

\echo Use "CREATE EXTENSION tenant_vault" to load this file. \quit

/* A schema that was there before: whoever can create or drop in it could stand in for these objects. */
DO $$
BEGIN
    IF EXISTS (
        SELECT
        FROM pg_catalog.pg_namespace AS n
        JOIN pg_catalog.pg_roles AS owner ON owner.oid = n.nspowner
        LEFT JOIN LATERAL pg_catalog.aclexplode(n.nspacl) AS a
            ON a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner
        WHERE n.nspname = 'tenant_vault' AND (NOT owner.rolsuper OR a.grantee IS NOT NULL)
    ) THEN
        RAISE insufficient_privilege USING
            MESSAGE = 'schema "tenant_vault" is open to others than superusers',
            HINT = 'Drop it, or make a superuser its owner and revoke CREATE on it from everybody else.';
    END IF;
END
$$;

/* ---- grants ---- */

CREATE TABLE tenant_vault.tenant_grant (
    tenant text COLLATE "C" NOT NULL CHECK (tenant ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    role pg_catalog.regrole NOT NULL,
    granted_by name NOT NULL, -- as it was named then: whoever it was may be gone
    granted_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT tenant_grant_pkey PRIMARY KEY (tenant, role)
);
COMMENT ON TABLE tenant_vault.tenant_grant IS
    'which role may read which tenant''s credentials; written by grant_tenant() and revoke_tenant()';

/* The number that stands for a role that is gone could be another role's where the dump is restored. */
SELECT pg_catalog.pg_extension_config_dump(
    'tenant_vault.tenant_grant',
    'WHERE EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.oid = tenant_grant.role)'
);

CREATE FUNCTION tenant_vault.tenant_grant_changed() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'tv_tenant_grant_changed';
COMMENT ON FUNCTION tenant_vault.tenant_grant_changed() IS
    'makes all sessions forget their decisions about tenants';

/* Per row and ALWAYS: changes that come by logical replication count too. */
CREATE TRIGGER tenant_grant_changed
    AFTER INSERT OR UPDATE OR DELETE ON tenant_vault.tenant_grant
    FOR EACH ROW EXECUTE FUNCTION tenant_vault.tenant_grant_changed();
ALTER TABLE tenant_vault.tenant_grant ENABLE ALWAYS TRIGGER tenant_grant_changed;
CREATE TRIGGER tenant_grant_truncated
    AFTER TRUNCATE ON tenant_vault.tenant_grant
    FOR EACH STATEMENT EXECUTE FUNCTION tenant_vault.tenant_grant_changed();
ALTER TABLE tenant_vault.tenant_grant ENABLE ALWAYS TRIGGER tenant_grant_truncated;

CREATE FUNCTION tenant_vault.grant_tenant(tenant text, role pg_catalog.regrole) RETURNS void
    LANGUAGE c VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'tv_grant_tenant';
COMMENT ON FUNCTION tenant_vault.grant_tenant(text, pg_catalog.regrole) IS
    'lets a role read a tenant''s credentials';

CREATE FUNCTION tenant_vault.revoke_tenant(tenant text, role pg_catalog.regrole) RETURNS void
    LANGUAGE c VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'tv_revoke_tenant';
COMMENT ON FUNCTION tenant_vault.revoke_tenant(text, pg_catalog.regrole) IS
    'takes a tenant''s credentials from a role again';

/* ---- a tenant's credentials ---- */

/* host and port are texts: libpq takes lists for both. */
CREATE FUNCTION tenant_vault.credentials(
    tenant text,
    OUT host text, OUT port text, OUT dbname text, OUT username text, OUT password text,
    OUT sslmode text, OUT version bigint, OUT expires_at timestamptz
) LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tv_credentials';
COMMENT ON FUNCTION tenant_vault.credentials(text) IS
    'a tenant''s database credentials, part by part';

CREATE FUNCTION tenant_vault.conninfo(tenant text) RETURNS text
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tv_conninfo';
COMMENT ON FUNCTION tenant_vault.conninfo(text) IS
    'a tenant''s database credentials as a libpq keyword string';

CREATE FUNCTION tenant_vault.database_url(tenant text) RETURNS text
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tv_database_url';
COMMENT ON FUNCTION tenant_vault.database_url(text) IS
    'a tenant''s database credentials as a URL';

CREATE FUNCTION tenant_vault.tenants() RETURNS SETOF text
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE ROWS 100 AS 'MODULE_PATHNAME', 'tv_tenants';
COMMENT ON FUNCTION tenant_vault.tenants() IS
    'the tenants that Vault lists for this environment';

/* ---- any secret ---- */

CREATE FUNCTION tenant_vault.secret(path text, version bigint DEFAULT 0) RETURNS jsonb
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tv_secret';
COMMENT ON FUNCTION tenant_vault.secret(text, bigint) IS
    'a secret below tenant_vault.prefix; version 0 is the newest';

CREATE FUNCTION tenant_vault.secret_value(path text, key text) RETURNS text
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tv_secret_value';
COMMENT ON FUNCTION tenant_vault.secret_value(text, text) IS
    'one value of a secret below tenant_vault.prefix';

/* ---- control ---- */

CREATE FUNCTION tenant_vault.refresh(path text) RETURNS bigint
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'tv_refresh';
COMMENT ON FUNCTION tenant_vault.refresh(text) IS
    'asks Vault anew for a tenant (a name without slash) or a path, and returns its version';

CREATE FUNCTION tenant_vault.flush() RETURNS bigint
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'tv_flush';
COMMENT ON FUNCTION tenant_vault.flush() IS
    'drops all that is cached, and returns how many entries that were';

CREATE FUNCTION tenant_vault.restart_fetcher() RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'tv_restart_fetcher';
COMMENT ON FUNCTION tenant_vault.restart_fetcher() IS
    'ends the process that speaks with Vault and starts another; the cache stays';

/* ---- views ---- */

CREATE FUNCTION tenant_vault.get_status(
    OUT keeper_pid integer, OUT keeper_started_at timestamptz,
    OUT fetcher_pid integer, OUT fetcher_started_at timestamptz, OUT fetcher_starts bigint,
    OUT waiters integer, OUT inflight integer,
    OUT vault_address text, OUT vault_health text, OUT vault_reachable boolean, OUT outage boolean,
    OUT logged_in boolean, OUT can_log_in_again boolean,
    OUT token_renewable boolean, OUT token_expires_at timestamptz,
    OUT vault_requests bigint, OUT requests_per_second double precision,
    OUT logins bigint, OUT login_failures bigint,
    OUT renewals bigint, OUT renewal_failures bigint, OUT failures bigint,
    OUT last_error text, OUT last_error_at timestamptz,
    OUT cache_entries bigint, OUT cache_slots bigint,
    OUT cache_bytes bigint, OUT cache_size bigint,
    OUT hits bigint, OUT misses bigint, OUT stale_served bigint, OUT evictions bigint,
    OUT role_logins bigint, OUT role_logins_refused bigint, OUT role_logins_unchecked bigint
) LANGUAGE c VOLATILE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'tv_get_status';
COMMENT ON FUNCTION tenant_vault.get_status() IS 'what the view status shows';

CREATE VIEW tenant_vault.status AS
    SELECT
        s.keeper_pid, s.keeper_started_at,
        s.fetcher_pid, s.fetcher_started_at, s.fetcher_starts,
        s.waiters, s.inflight,
        s.vault_address, s.vault_health, s.vault_reachable, s.outage,
        s.logged_in, s.can_log_in_again, s.token_renewable, s.token_expires_at,
        CASE WHEN pg_catalog.isfinite(s.token_expires_at)
            THEN s.token_expires_at - pg_catalog.clock_timestamp() END AS token_ttl,
        s.vault_requests, s.requests_per_second,
        s.logins, s.login_failures, s.renewals, s.renewal_failures, s.failures,
        s.last_error, s.last_error_at,
        s.cache_entries, s.cache_slots, s.cache_bytes, s.cache_size,
        s.hits, s.misses, s.stale_served, s.evictions,
        s.role_logins, s.role_logins_refused, s.role_logins_unchecked
    FROM tenant_vault.get_status() AS s;
COMMENT ON VIEW tenant_vault.status IS
    'keeper, fetcher, token, Vault''s health, last error and counters of this cluster: one row';

CREATE FUNCTION tenant_vault.get_cached_secrets(
    OUT kind text, OUT name text, OUT wanted_version bigint, OUT version bigint,
    OUT created_time text, OUT fetched_at timestamptz, OUT last_used_at timestamptz,
    OUT fresh_until timestamptz, OUT expires_at timestamptz, OUT outcome text,
    OUT request_id text, OUT bytes bigint
) RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT PARALLEL SAFE ROWS 1000
    AS 'MODULE_PATHNAME', 'tv_get_cached_secrets';
COMMENT ON FUNCTION tenant_vault.get_cached_secrets() IS 'what the view cached_secrets shows';

CREATE VIEW tenant_vault.cached_secrets AS
    SELECT
        c.kind, c.name, c.wanted_version, c.version, c.created_time, c.fetched_at,
        c.last_used_at, c.fresh_until, c.expires_at, c.outcome, c.request_id, c.bytes
    FROM tenant_vault.get_cached_secrets() AS c;
COMMENT ON VIEW tenant_vault.cached_secrets IS
    'what is cached in this cluster: names, versions and times, no values';

/* ---- logging in ---- */

CREATE FUNCTION tenant_vault._begin_enrollment() RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'tv_begin_enrollment';
COMMENT ON FUNCTION tenant_vault._begin_enrollment() IS
    'of enroll(): one enrollment after the other until the end of the transaction';

/* With these a role can become a superuser, or the server's user. CREATEROLE gives itself others before PostgreSQL 16. */
CREATE FUNCTION tenant_vault._authority_of(role oid) RETURNS text
    LANGUAGE sql VOLATILE STRICT SET search_path = pg_catalog, pg_temp
AS $$
    /* Upwards from the role: hba_findings asks for each of them. */
    WITH RECURSIVE above (oid) AS (
        SELECT role
        UNION
        SELECT am.roleid FROM pg_auth_members AS am JOIN above AS a ON a.oid = am.member
    )
    SELECT CASE
        WHEN r.rolsuper THEN 'SUPERUSER'
        WHEN r.rolreplication THEN 'REPLICATION'
        WHEN r.rolcreaterole THEN 'CREATEROLE'
        ELSE (SELECT 'membership of ' || string_agg(quote_ident(g.rolname), ', ' ORDER BY g.rolname)
            FROM above AS a
            JOIN pg_roles AS g ON g.oid = a.oid
            WHERE g.rolsuper OR g.rolreplication OR g.rolcreaterole OR g.rolname IN
                ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files'))
        END
    FROM pg_roles AS r WHERE r.oid = role
$$;
COMMENT ON FUNCTION tenant_vault._authority_of(oid) IS 'what makes a role too powerful to be opened by a tenant''s password; NULL: nothing';

CREATE FUNCTION tenant_vault.enroll(role pg_catalog.regrole, tenant text, force boolean DEFAULT false)
    RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    login_group text := current_setting('tenant_vault.login_group');
    target record;
    doubts text;
BEGIN
    SELECT r.rolname, r.rolsuper, tenant_vault._authority_of(r.oid) AS authority,
            (SELECT string_agg(quote_ident(m.rolname), ', ' ORDER BY m.rolname)
            FROM pg_auth_members AS am JOIN pg_roles AS m ON m.oid = am.member
            WHERE am.roleid = r.oid) AS members
        INTO target FROM pg_roles AS r WHERE r.oid = role;
    IF NOT FOUND THEN
        RAISE undefined_object USING MESSAGE = format('role with OID %s does not exist', role::oid);
    END IF;
    IF target.rolname = login_group THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('role "%s" is the group of enrolled roles, and no role to enroll', login_group);
    END IF;
    doubts := CASE
        WHEN target.authority IS NOT NULL AND NOT target.rolsuper THEN
            format('has %s: whoever can write the tenant''s secret in Vault has it too', target.authority)
        WHEN target.members IS NOT NULL THEN format('has members (%s): they become members of the login group, and need '
            'a password of their own wherever its line of pg_hba.conf comes first', target.members)
        END;
    IF doubts IS NOT NULL AND NOT force THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('role "%s" %s', target.rolname, doubts),
            HINT = format('Use another role, or enroll it all the same: SELECT tenant_vault.enroll(%L, %L, force => true);',
                role, tenant);
    END IF;

    /* First what needs the authority. */
    EXECUTE format('SECURITY LABEL FOR tenant_vault ON ROLE %I IS %L', target.rolname, tenant);
    /* One after the other: the group and its privileges are made but once. */
    PERFORM tenant_vault._begin_enrollment();
    IF to_regrole(quote_ident(login_group)) IS NULL THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN', login_group);
    END IF;
    EXECUTE format('ALTER ROLE %I PASSWORD NULL', target.rolname);
    IF NOT EXISTS (
        SELECT FROM pg_auth_members AS am
        WHERE am.member = role AND am.roleid = to_regrole(quote_ident(login_group))
    ) THEN
        EXECUTE format('GRANT %I TO %I', login_group, target.rolname);
    END IF;
    /* Only where they are missing: two who write the same privileges at once disturb each other. */
    IF NOT has_schema_privilege(login_group, 'tenant_vault', 'USAGE') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA tenant_vault TO %I', login_group);
    END IF;
    IF EXISTS (
        SELECT FROM unnest(ARRAY['credentials', 'conninfo', 'database_url']) AS f (name)
        WHERE NOT has_function_privilege(login_group, format('tenant_vault.%I(text)', f.name), 'EXECUTE')
    ) THEN
        EXECUTE format('GRANT EXECUTE ON FUNCTION tenant_vault.credentials(text), tenant_vault.conninfo(text), '
            'tenant_vault.database_url(text) TO %I', login_group);
    END IF;
END
$$;
COMMENT ON FUNCTION tenant_vault.enroll(pg_catalog.regrole, text, boolean) IS
    'lets a role log in by the password that Vault holds for a tenant';

CREATE FUNCTION tenant_vault.unenroll(role pg_catalog.regrole) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    login_group text := current_setting('tenant_vault.login_group');
    name text := (SELECT r.rolname FROM pg_roles AS r WHERE r.oid = role);
BEGIN
    IF name IS NULL THEN
        RAISE undefined_object USING MESSAGE = format('role with OID %s does not exist', role::oid);
    END IF;
    IF NOT EXISTS (
        SELECT FROM pg_shseclabel AS l
        WHERE l.classoid = 'pg_authid'::regclass AND l.objoid = role AND l.provider = 'tenant_vault'
    ) THEN
        RAISE WARNING 'role "%" is not enrolled', name;
    END IF;
    EXECUTE format('SECURITY LABEL FOR tenant_vault ON ROLE %I IS NULL', name);
    IF EXISTS (
        SELECT FROM pg_auth_members AS am
        WHERE am.member = role AND am.roleid = to_regrole(quote_ident(login_group))
    ) THEN
        EXECUTE format('REVOKE %I FROM %I', login_group, name);
    END IF;
END
$$;
COMMENT ON FUNCTION tenant_vault.unenroll(pg_catalog.regrole) IS
    'ends that: the role has no password then, until it is given one';

CREATE FUNCTION tenant_vault._remove_labels() RETURNS bigint
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'tv_remove_labels';
COMMENT ON FUNCTION tenant_vault._remove_labels() IS
    'of unenroll_all(): removes the labels of all roles, and returns how many there were';

CREATE FUNCTION tenant_vault.unenroll_all() RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    login_group text := current_setting('tenant_vault.login_group');
    enrolled text := (
        SELECT string_agg(quote_ident(r.rolname), ', ')
        FROM pg_auth_members AS am
        JOIN pg_shseclabel AS l
            ON l.classoid = 'pg_authid'::regclass AND l.objoid = am.member AND l.provider = 'tenant_vault'
        JOIN pg_roles AS r ON r.oid = am.member
        WHERE am.roleid = to_regrole(quote_ident(login_group)));
BEGIN
    /* Each at one go, whatever their number: statements for each role would hold a lock for each. */
    IF enrolled IS NOT NULL THEN
        EXECUTE format('REVOKE %I FROM %s', login_group, enrolled);
    END IF;
    RETURN tenant_vault._remove_labels();
END
$$;
COMMENT ON FUNCTION tenant_vault.unenroll_all() IS
    'unenrolls every role of the cluster, and returns how many there were';

/* ---- provisioning ---- */

/*
 * Vault is not part of the transaction. So the server's own part comes first, which can be refused and
 * rolled back; the change in Vault comes last, and each function may be called again after whatever
 * became of it: what is there already is kept.
 *
 * SECURITY DEFINER, because a label demands a superuser: whoever may execute these can create and drop
 * tenants, and roles for them. They touch no role that was there before and is not the tenant's.
 */
CREATE FUNCTION tenant_vault._begin_tenant_change(tenant text, command text) RETURNS void
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'tv_begin_tenant_change';
COMMENT ON FUNCTION tenant_vault._begin_tenant_change(text, text) IS
    'of the functions below: one change of a tenant after the other until the end of the transaction';
CREATE FUNCTION tenant_vault._create_secret(tenant text, username text, host text, port text, dbname text)
    RETURNS bigint
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'tv_create_secret';
COMMENT ON FUNCTION tenant_vault._create_secret(text, text, text, text, text) IS 'of create_tenant(): its part in Vault';
CREATE FUNCTION tenant_vault._rotate_secret(tenant text) RETURNS bigint
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'tv_rotate_secret';
COMMENT ON FUNCTION tenant_vault._rotate_secret(text) IS 'of rotate_password(): its part in Vault';
CREATE FUNCTION tenant_vault._remove_secret(tenant text, destroy boolean) RETURNS bigint
    LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'tv_remove_secret';
COMMENT ON FUNCTION tenant_vault._remove_secret(text, boolean) IS 'of drop_tenant(): its part in Vault';

CREATE FUNCTION tenant_vault._roles_of(tenant text) RETURNS oid[]
    LANGUAGE sql VOLATILE STRICT SET search_path = pg_catalog, pg_temp
AS $$
    SELECT COALESCE(array_agg(r.oid ORDER BY r.rolname), '{}')
    FROM pg_shseclabel AS l JOIN pg_roles AS r ON r.oid = l.objoid
    WHERE l.classoid = 'pg_authid'::regclass AND l.provider = 'tenant_vault' AND l.label = tenant
$$;
COMMENT ON FUNCTION tenant_vault._roles_of(text) IS 'the roles that are bound to a tenant';

/*
 * Those that began before. One that has just proved the old password is not to be seen for a moment: so
 * they are looked for a little longer.
 */
CREATE FUNCTION tenant_vault._end_sessions(roles oid[]) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    now constant timestamptz := clock_timestamp();
    pids integer[];
BEGIN
    LOOP
        PERFORM pg_stat_clear_snapshot();
        SELECT array_agg(a.pid) INTO pids FROM pg_stat_get_activity(NULL) AS a
            WHERE a.usesysid = ANY (roles) AND a.pid <> pg_backend_pid() AND a.backend_start <= now;
        EXIT WHEN clock_timestamp() > now + CASE WHEN pids IS NULL THEN interval '250ms' ELSE interval '5s' END;
        PERFORM pg_terminate_backend(s.pid) FROM unnest(pids) AS s (pid);
        PERFORM pg_sleep(0.05);
    END LOOP;
    IF pids IS NOT NULL THEN
        RAISE WARNING 'sessions with these PIDs have been told to end, and have not yet: %', pids;
    END IF;
END
$$;
COMMENT ON FUNCTION tenant_vault._end_sessions(oid[]) IS 'ends the sessions of these roles, in all databases';

CREATE FUNCTION tenant_vault.create_tenant(
    tenant text, role text DEFAULT NULL, host text DEFAULT NULL, port integer DEFAULT NULL, dbname text DEFAULT NULL
) RETURNS bigint
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    role_name text := COALESCE(role, tenant || '_app');
    bound_to text;
BEGIN
    IF tenant IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM tenant_vault._begin_tenant_change(tenant, 'create_tenant()');
    IF octet_length(role_name) NOT BETWEEN 1 AND 63 OR role_name ~ '^pg_' OR role_name IN ('public', 'none') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('"%s" is no name for a role of tenant "%s"', left(role_name, 100), tenant),
            HINT = 'It has 1 to 63 bytes and does not begin with "pg_".';
    END IF;
    IF octet_length(dbname) NOT BETWEEN 1 AND 63 THEN
        RAISE invalid_parameter_value USING MESSAGE = 'the name of a database has 1 to 63 bytes';
    END IF;
    IF octet_length(host) NOT BETWEEN 1 AND 255 OR host ~ '[^!-~]' THEN
        RAISE invalid_parameter_value USING MESSAGE = 'a host has 1 to 255 printable ASCII characters, without blanks';
    END IF;
    IF port NOT BETWEEN 1 AND 65535 THEN
        RAISE invalid_parameter_value USING MESSAGE = format('%s is no port', port), HINT = 'It is between 1 and 65535.';
    END IF;

    IF to_regrole(quote_ident(role_name)) IS NULL THEN
        EXECUTE format('CREATE ROLE %I LOGIN', role_name);
        PERFORM tenant_vault.enroll(quote_ident(role_name)::regrole, tenant);
    ELSIF NOT to_regrole(quote_ident(role_name)) = ANY (tenant_vault._roles_of(tenant)) THEN
        RAISE duplicate_object USING
            MESSAGE = format('role "%s" exists already and is not tenant "%s"''s', role_name, tenant),
            HINT = format('Name another role, or have a superuser make it the tenant''s: SELECT tenant_vault.enroll(%L, %L);',
                quote_ident(role_name), tenant);
    END IF;
    RETURN tenant_vault._create_secret(tenant, role_name, host, port::text, dbname);
END
$$;
COMMENT ON FUNCTION tenant_vault.create_tenant(text, text, text, integer, text) IS
    'a role that logs in by a new password, which only Vault holds; returns the secret''s version';

CREATE FUNCTION tenant_vault.rotate_password(tenant text, terminate boolean DEFAULT false) RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    version bigint;
BEGIN
    PERFORM tenant_vault._begin_tenant_change(tenant, 'rotate_password()');
    version := tenant_vault._rotate_secret(tenant);
    IF tenant_vault._roles_of(tenant) = '{}' THEN
        RAISE WARNING USING
            MESSAGE = format('no role of this server is bound to tenant "%s": whatever checks its password has to be told the new one', tenant),
            HINT = 'A role that has a password of its own here is bound by enroll(). Vault keeps the version before.';
    END IF;
    /* Now that nobody comes in by the old one. */
    IF terminate THEN
        PERFORM tenant_vault._end_sessions(tenant_vault._roles_of(tenant));
    END IF;
    RETURN version;
END
$$;
COMMENT ON FUNCTION tenant_vault.rotate_password(text, boolean) IS
    'gives a tenant a new password in Vault, and returns its version';

CREATE FUNCTION tenant_vault.drop_tenant(tenant text, terminate boolean DEFAULT false, destroy boolean DEFAULT false)
    RETURNS bigint
    LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    roles oid[];
    dropped oid;
    version bigint;
BEGIN
    PERFORM tenant_vault._begin_tenant_change(tenant, 'drop_tenant()');
    roles := tenant_vault._roles_of(tenant);
    PERFORM tenant_vault.revoke_tenant(g.tenant, g.role)
        FROM tenant_vault.tenant_grant AS g
        WHERE g.tenant = drop_tenant.tenant;
    FOREACH dropped IN ARRAY roles LOOP
        PERFORM tenant_vault.unenroll(dropped::regrole);
        BEGIN
            EXECUTE format('DROP ROLE %s', dropped::regrole);
        EXCEPTION WHEN dependent_objects_still_exist THEN
            /* Without its label it is a role like any other, which a line with trust or peer would let in. */
            EXECUTE format('ALTER ROLE %s NOLOGIN', dropped::regrole);
            RAISE NOTICE 'role % owns something or has privileges, and is kept; it cannot log in any more', dropped::regrole;
        END;
    END LOOP;
    version := tenant_vault._remove_secret(tenant, destroy);
    IF terminate THEN
        PERFORM tenant_vault._end_sessions(roles);
    END IF;
    RETURN version;
END
$$;
COMMENT ON FUNCTION tenant_vault.drop_tenant(text, boolean, boolean) IS
    'ends a tenant''s logins and deletes its secret, whose versions Vault keeps unless they are to be destroyed';

CREATE FUNCTION tenant_vault.pgbouncer_auth(name name, OUT usename name, OUT passwd text)
    RETURNS SETOF record
    LANGUAGE c VOLATILE STRICT ROWS 1 AS 'MODULE_PATHNAME', 'tv_pgbouncer_auth';
COMMENT ON FUNCTION tenant_vault.pgbouncer_auth(name) IS
    'for PgBouncer''s auth_query: the SCRAM verifier that an enrolled role''s login uses';

CREATE FUNCTION tenant_vault.get_hba_file(
    OUT path text, OUT present boolean
) LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'tv_get_hba_file';
COMMENT ON FUNCTION tenant_vault.get_hba_file() IS
    'the file that this server has written for pg_hba.conf; path is NULL where there is none';

CREATE VIEW tenant_vault.hba_findings AS
    WITH RECURSIVE login_group AS (
        SELECT g.name, pg_catalog.to_regrole(pg_catalog.quote_ident(g.name))::oid AS oid
        FROM pg_catalog.current_setting('tenant_vault.login_group') AS g (name)
    ), rule AS (
        /* file_name is there from PostgreSQL 16 on. */
        SELECT pg_catalog.row_number() OVER () AS n, r.*,
            COALESCE(pg_catalog.to_jsonb(r) ->> 'file_name', pg_catalog.current_setting('hba_file')) AS file,
            '+' || g.name = ANY (r.user_name) AS ours,
            'all' = ANY (r.user_name) AS for_all
        FROM pg_catalog.pg_hba_file_rules AS r, login_group AS g
    ), ours AS (
        SELECT rule.*,
            (pg_catalog.string_to_array(pg_catalog.pg_read_file(rule.file, 0, 16777216, true), E'\n'))[rule.line_number] AS text
        FROM rule
        WHERE rule.ours
    ), member AS (
        /* As pg_hba.conf's + counts them: of whatever depth, superusers if they are made members. */
        SELECT am.member AS oid
        FROM pg_catalog.pg_auth_members AS am
        JOIN login_group AS g ON g.oid = am.roleid
        UNION
        SELECT am.member
        FROM pg_catalog.pg_auth_members AS am
        JOIN member AS m ON m.oid = am.roleid
    ), enrolled AS NOT MATERIALIZED (
        SELECT r.oid, r.rolname, r.rolcanlogin, a.rolpassword IS NOT NULL AS has_password,
            l.label AS tenant
        FROM pg_catalog.pg_shseclabel AS l
        JOIN pg_catalog.pg_roles AS r ON r.oid = l.objoid
        JOIN pg_catalog.pg_authid AS a ON a.oid = r.oid
        WHERE l.classoid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND l.provider = 'tenant_vault'
    ), finding (finding, subject, explanation) AS (
        SELECT 'no HBA file', NULL,
            'The library has written no file for pg_hba.conf, so no line can name it: set unix_socket_directories or '
            'tenant_vault.hba_file to a folder that belongs to the server''s user, and restart.'
        FROM tenant_vault.get_hba_file() AS f
        WHERE f.path IS NULL
        UNION ALL
        SELECT 'HBA file missing', f.path,
            'Somebody has removed the file since the server was started: reloading pg_hba.conf fails. Restart the server.'
        FROM tenant_vault.get_hba_file() AS f
        WHERE NOT f.present
        UNION ALL
        SELECT 'no line for the login group', NULL,
            pg_catalog.format('No trust line of pg_hba.conf names the file, so no enrolled role can log in. Add as one of its '
                'first lines: hostssl all @%s all trust', f.path)
        FROM tenant_vault.get_hba_file() AS f
        WHERE f.path IS NOT NULL AND NOT EXISTS (SELECT FROM ours WHERE ours.auth_method = 'trust')
        UNION ALL
        SELECT 'hand-written line', pg_catalog.format('%s:%s', ours.file, ours.line_number),
            'The line names the login group itself instead of the library''s file: without the library it would let '
            'enrolled roles in unchecked. Name the file, with @.'
        FROM ours, tenant_vault.get_hba_file() AS f
        WHERE ours.auth_method = 'trust' AND ours.text !~ '@' AND ours.file <> COALESCE(f.path || '.conf', '')
        UNION ALL
        SELECT 'wrong method', pg_catalog.format('%s:%s', ours.file, ours.line_number),
            pg_catalog.format('The line names the login group with method %s: enrolled roles have no password in this '
                'server, and only trust lines are taken over.', ours.auth_method)
        FROM ours
        WHERE ours.auth_method NOT IN ('trust', 'reject')
        UNION ALL
        SELECT 'no scram line below', NULL,
            'No line for all users with scram-sha-256 stands below that of the login group: a client can tell by the '
            'refusal which roles are enrolled.'
        WHERE EXISTS (SELECT FROM ours WHERE ours.auth_method = 'trust')
            AND NOT EXISTS (
                SELECT FROM rule
                WHERE rule.for_all AND rule.auth_method = 'scram-sha-256' AND rule.n > (SELECT pg_catalog.min(ours.n) FROM ours))
        UNION ALL
        SELECT 'trust line', pg_catalog.format('%s:%s', rule.file, rule.line_number),
            'The line lets every role that is not enrolled in without a password.'
        FROM rule
        WHERE rule.auth_method = 'trust' AND NOT rule.ours
        UNION ALL
        SELECT 'error in pg_hba.conf', pg_catalog.format('%s:%s', rule.file, rule.line_number),
            pg_catalog.format('The server would not start with this line, and goes by the lines from before: %s.', rule.error)
        FROM rule
        WHERE rule.error IS NOT NULL
        UNION ALL
        SELECT 'no local way in', NULL,
            'No line of type local lets a superuser in without Vault: while Vault is down and nothing is cached, nobody '
            'could look after the server.'
        WHERE NOT EXISTS (
            SELECT FROM rule
            WHERE rule.type = 'local' AND rule.auth_method NOT IN ('reject') AND NOT rule.ours
                AND (rule.for_all OR EXISTS (
                    SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolsuper AND r.rolcanlogin AND r.rolname = ANY (rule.user_name))))
        UNION ALL
        SELECT 'member without label', r.rolname::text,
            'The role is a member of the login group, or of an enrolled role, and is bound to no tenant: on the group''s '
            'line it logs in by its own password, and without one not at all.'
        FROM pg_catalog.pg_roles AS r
        JOIN member AS m ON m.oid = r.oid
        WHERE r.rolcanlogin AND NOT EXISTS (SELECT FROM enrolled AS e WHERE e.oid = r.oid)
        UNION ALL
        SELECT 'enrolled role with a password', e.rolname::text,
            'A password of this server''s own opens the role too, on lines with scram-sha-256 or md5. Take it away: '
            'ALTER ROLE ... PASSWORD NULL.'
        FROM enrolled AS e
        WHERE e.has_password
        UNION ALL
        SELECT 'enrolled role with members', e.rolname::text,
            pg_catalog.format('Its members (%s) belong to the login group with it.',
                pg_catalog.string_agg(pg_catalog.quote_ident(m.rolname), ', ' ORDER BY m.rolname))
        FROM enrolled AS e
        JOIN pg_catalog.pg_auth_members AS am ON am.roleid = e.oid
        JOIN pg_catalog.pg_roles AS m ON m.oid = am.member
        GROUP BY e.rolname
        UNION ALL
        SELECT 'enrolled role with authority', e.rolname::text,
            pg_catalog.format('The role has %s: whoever can write the secret of tenant "%s" in Vault has it too.',
                a.authority, e.tenant)
        FROM enrolled AS e, tenant_vault._authority_of(e.oid) AS a (authority)
        WHERE a.authority IS NOT NULL
        UNION ALL
        SELECT 'enrolled role outside the group', e.rolname::text,
            'The role is bound to a tenant and is no member of the login group: its line does not apply to it. '
            'Call enroll() again.'
        FROM enrolled AS e, login_group AS g
        WHERE NOT EXISTS (
            SELECT FROM pg_catalog.pg_auth_members AS am WHERE am.member = e.oid AND am.roleid = g.oid)
    )
    SELECT f.finding, f.subject, f.explanation FROM finding AS f;
COMMENT ON VIEW tenant_vault.hba_findings IS
    'what lets somebody in unchecked or locks somebody out: pg_hba.conf, the login group and its roles; no row: nothing';

/* ---- privileges ---- */

/* From PUBLIC, and from whomever ALTER DEFAULT PRIVILEGES has opened new objects to. */
DO $$
DECLARE
    revocation text;
BEGIN
    FOR revocation IN
        SELECT pg_catalog.format('REVOKE ALL ON %s FROM %s', target.name,
            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(grantee.rolname) END)
        FROM (
            SELECT pg_catalog.format('FUNCTION %I.%I(%s)', 'tenant_vault', proname,
                    pg_catalog.pg_get_function_identity_arguments(oid)) AS name,
                pronamespace AS namespace, proowner AS owner,
                COALESCE(proacl, pg_catalog.acldefault('f', proowner)) AS acl
            FROM pg_catalog.pg_proc
            UNION ALL
            SELECT pg_catalog.format('TABLE %I.%I', 'tenant_vault', relname),
                relnamespace, relowner, relacl
            FROM pg_catalog.pg_class
            WHERE relkind IN ('r', 'v')
        ) AS target
        CROSS JOIN LATERAL pg_catalog.aclexplode(target.acl) AS a
        LEFT JOIN pg_catalog.pg_roles AS grantee ON grantee.oid = a.grantee
        WHERE target.namespace = 'tenant_vault'::pg_catalog.regnamespace
            AND a.grantee <> target.owner
    LOOP
        EXECUTE revocation;
    END LOOP;
END
$$;

/* Monitoring sees how things are, but no names. */
GRANT USAGE ON SCHEMA tenant_vault TO pg_monitor;
GRANT EXECUTE ON FUNCTION tenant_vault.get_status() TO pg_monitor;
GRANT SELECT ON tenant_vault.status TO pg_monitor;
