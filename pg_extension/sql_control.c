/*
 * sql_control.c - refresh(), flush(), restart_fetcher(): what an administrator can make the cache
 * do.
 *
 * Guarded by their EXECUTE privilege, which nobody has at first.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "name_check.h"
#include "report.h"
#include "secret_lookup.h"
#include "sql_function.h"

TV_SQL_FUNCTION(tv_refresh);
TV_SQL_FUNCTION(tv_flush);
TV_SQL_FUNCTION(tv_restart_fetcher);

/*
 * Asks Vault anew for a path (anything with a slash, for example 'dev/jwt') or a tenant's
 * connection, and returns its version. A path's first segment is an environment, so no path of use
 * is without a slash.
 */
Datum tv_refresh(PG_FUNCTION_ARGS)
{
    char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    enum frame_kind kind = strchr(name, '/') != NULL ? KIND_SECRET : KIND_TENANT;
    TvAnswer answer;

    if (kind == KIND_SECRET)
        tv_require_secret_path(name);
    else
        tv_require_tenant_name(name, strlen(name));
    tv_require_preloaded();
    tv_lookup_refresh(kind, name, strlen(name), 0, &answer);
    if (!answer.found)
        tv_report_answer(kind, name, &answer);
    if (answer.version == 0) /* a template alone, and KV v1, have none */
        PG_RETURN_NULL();
    PG_RETURN_INT64(answer.version);
}

Datum tv_flush(PG_FUNCTION_ARGS)
{
    tv_require_preloaded();
    PG_RETURN_INT64(tv_cache_flush());
}

Datum tv_restart_fetcher(PG_FUNCTION_ARGS)
{
    tv_require_preloaded();
    tv_fetcher_restart();
    PG_RETURN_VOID();
}
