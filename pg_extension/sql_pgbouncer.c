/*
 * sql_pgbouncer.c - pgbouncer_auth(name): what PgBouncer's auth_query asks for.
 *
 * Gives the very verifier that a login uses, so that PgBouncer's SCRAM pass-through, which needs
 * the same salt and iterations on both sides, works. Refuses (by no row) whoever has no label,
 * cannot log in, or is beyond VALID UNTIL; guarded by its EXECUTE privilege.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "guc.h"
#include "report.h"
#include "role_label.h"
#include "scram_verifier.h"
#include "secret_lookup.h"
#include "sql_function.h"

TV_SQL_FUNCTION(tv_pgbouncer_auth);

/* The tenant that the name logs in as now; NULL: none. */
static char *tenant_of_login(const char *name)
{
    HeapTuple role = SearchSysCache1(AUTHNAME, CStringGetDatum(name));
    char *tenant = NULL;

    if (!HeapTupleIsValid(role))
        return NULL;
    if (((Form_pg_authid)GETSTRUCT(role))->rolcanlogin && !tv_role_expired(role))
        tenant = tv_role_tenant(((Form_pg_authid)GETSTRUCT(role))->oid);
    ReleaseSysCache(role);
    return tenant;
}

static text *verifier_of(const char *tenant)
{
    const char *why = NULL;
    char *verifier;
    TvAnswer answer;
    text *result;

    tv_lookup_tenant_within(tenant, tv_login_max_age, tv_request_timeout, &answer);
    if (!answer.found)
        tv_report_answer(KIND_TENANT, tenant, &answer);
    verifier = tv_scram_verifier(tenant, &answer, &why);
    tv_answer_wipe(&answer);
    if (verifier == NULL)
        tv_report_bad_secret(KIND_TENANT, tenant, why);
    result = cstring_to_text(verifier);
    explicit_bzero(verifier, strlen(verifier));
    return result;
}

Datum tv_pgbouncer_auth(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
    const char *name = NameStr(*PG_GETARG_NAME(0));
    char *tenant;

    tv_require_preloaded();
    InitMaterializedSRF(fcinfo, 0);
    tenant = tenant_of_login(name);
    if (tenant != NULL) {
        Datum values[] = {NameGetDatum(PG_GETARG_NAME(0)), PointerGetDatum(verifier_of(tenant))};
        bool nulls[] = {false, false};

        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    return (Datum)0;
}
