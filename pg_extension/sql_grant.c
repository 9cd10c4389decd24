/*
 * sql_grant.c - grant_tenant() and revoke_tenant(): who may read whose credentials.
 *
 * A grant is a row of tenant_vault.tenant_grant and, with a role's first tenant, real privileges on
 * the schema and its functions. The privileges make DROP ROLE refuse while a grant exists, so that
 * no later role can come by the dropped one's OID to its grants. Both functions are SECURITY
 * DEFINER with a search_path of their own, guarded by their EXECUTE privilege, which nobody has at
 * first.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "name_check.h"
#include "sql_function.h"
#include "tenant_access.h"

TV_SQL_FUNCTION(tv_grant_tenant);
TV_SQL_FUNCTION(tv_revoke_tenant);

#define GRANTEE_FUNCTIONS                                                                          \
    "tenant_vault.credentials(text), tenant_vault.conninfo(text), tenant_vault.database_url(text)"

/*
 * Rows of roles that are gone (DROP OWNED, then DROP ROLE, leaves them), and those of this role
 * where it has no privilege left that would come with one: they are a former role's of the same
 * OID, or disowned.
 */
static const char forget_leftovers[] =
    "DELETE FROM tenant_vault.tenant_grant AS g"
    " WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.oid = g.role)"
    " OR g.role = $1 AND NOT EXISTS ("
    "SELECT FROM pg_catalog.pg_proc AS p, pg_catalog.aclexplode(p.proacl) AS a"
    " WHERE p.pronamespace = 'tenant_vault'::pg_catalog.regnamespace"
    " AND p.proname IN ('credentials', 'conninfo', 'database_url') AND a.grantee = $1)";

static const char add_grant[] =
    "INSERT INTO tenant_vault.tenant_grant (tenant, role, granted_by) VALUES ($2, $1, $3)"
    " ON CONFLICT (tenant, role) DO NOTHING";

static const char remove_grant[] =
    "DELETE FROM tenant_vault.tenant_grant WHERE role = $1 AND tenant = $2";

static const char any_grant_left[] =
    "SELECT FROM tenant_vault.tenant_grant WHERE role = $1 LIMIT 1";

typedef struct Grant {
    char *tenant;
    Oid role;
} Grant;

/* Runs one of the above with $1 the role, $2 the tenant, $3 whoever called; the number of rows. */
static uint64 run(const char *statement, const Grant *grant)
{
    Oid types[] = {OIDOID, TEXTOID, NAMEOID};
    /* The definer is the current user; the outer one is who asked. */
    Datum values[] = {
        ObjectIdGetDatum(grant->role), CStringGetTextDatum(grant->tenant),
        DirectFunctionCall1(namein, CStringGetDatum(GetUserNameFromId(GetOuterUserId(), false)))};
    int code = SPI_execute_with_args(statement, lengthof(types), types, values, NULL, false, 0);

    if (code < 0)
        elog(ERROR, "could not execute \"%s\": %s", statement, SPI_result_code_string(code));
    return SPI_processed;
}

static void run_utility(const char *command, const char *role_name)
{
    char *statement = psprintf("%s %s", command, quote_identifier(role_name));
    int code = SPI_execute(statement, false, 0);

    if (code != SPI_OK_UTILITY)
        elog(ERROR, "could not change privileges: %s", SPI_result_code_string(code));
}

static void give_privileges(const char *role_name)
{
    run_utility("GRANT USAGE ON SCHEMA tenant_vault TO", role_name);
    run_utility("GRANT EXECUTE ON FUNCTION " GRANTEE_FUNCTIONS " TO", role_name);
}

static void take_privileges(const char *role_name)
{
    run_utility("REVOKE EXECUTE ON FUNCTION " GRANTEE_FUNCTIONS " FROM", role_name);
    run_utility("REVOKE USAGE ON SCHEMA tenant_vault FROM", role_name);
}

/* One change after the other: no grant may come between the last row's DELETE and the REVOKE. */
static void begin(const char *command, const Grant *grant)
{
    Oid table = tv_grant_table();

    PreventCommandIfReadOnly(command);
    tv_require_tenant_name(grant->tenant, strlen(grant->tenant));
    if (!OidIsValid(table))
        elog(ERROR, "table tenant_vault.tenant_grant does not exist");
    LockRelationOid(table, ShareRowExclusiveLock);
    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "could not connect to SPI");
}

Datum tv_grant_tenant(PG_FUNCTION_ARGS)
{
    const Grant grant = {.tenant = text_to_cstring(PG_GETARG_TEXT_PP(0)), .role = PG_GETARG_OID(1)};
    char *role_name = GetUserNameFromId(grant.role, false);

    begin("grant_tenant()", &grant);
    run(forget_leftovers, &grant);
    if (run(add_grant, &grant) == 0)
        ereport(NOTICE, (errmsg("role \"%s\" has already been granted tenant \"%s\"", role_name,
                                grant.tenant)));
    give_privileges(role_name);
    SPI_finish();
    PG_RETURN_VOID();
}

Datum tv_revoke_tenant(PG_FUNCTION_ARGS)
{
    const Grant grant = {.tenant = text_to_cstring(PG_GETARG_TEXT_PP(0)), .role = PG_GETARG_OID(1)};
    /* A role that is gone has left its rows, if anything. */
    char *role_name = GetUserNameFromId(grant.role, true);

    begin("revoke_tenant()", &grant);
    if (run(remove_grant, &grant) == 0)
        ereport(WARNING,
                (errmsg("role \"%s\" has not been granted tenant \"%s\"",
                        role_name != NULL ? role_name : psprintf("%u", grant.role), grant.tenant)));
    else if (role_name != NULL && run(any_grant_left, &grant) == 0)
        take_privileges(role_name);
    SPI_finish();
    PG_RETURN_VOID();
}
