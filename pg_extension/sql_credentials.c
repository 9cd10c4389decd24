/*
 * sql_credentials.c - credentials(), conninfo(), database_url(), tenants(): a tenant's way in.
 *
 * Refuses whoever has no grant for the tenant, before anything is looked up: whether a tenant
 * exists is not told to a stranger. tenants() is guarded by its EXECUTE privilege alone.
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "../common/tenant_layout.h"
#include "answer_json.h"
#include "answer_text.h"
#include "report.h"
#include "secret_lookup.h"
#include "sql_function.h"
#include "tenant_access.h"

TV_SQL_FUNCTION(tv_conninfo);
TV_SQL_FUNCTION(tv_database_url);
TV_SQL_FUNCTION(tv_credentials);
TV_SQL_FUNCTION(tv_tenants);

/* What may be read of a tenant is a matter of grants; name is the palloc'd name for messages. */
static char *authorized_tenant(text *tenant)
{
    tv_require_preloaded();
    tv_require_tenant_access(VARDATA_ANY(tenant), VARSIZE_ANY_EXHDR(tenant));
    return text_to_cstring(tenant);
}

static void look_up_tenant(const char *name, TvAnswer *answer)
{
    tv_lookup(KIND_TENANT, name, strlen(name), 0, answer);
    if (!answer->found)
        tv_report_answer(KIND_TENANT, name, answer);
}

/* The way by the keeper, where the cache has no fresh entry. */
static text *fetch_one_field(text *tenant, enum frame_tag tag, const char *what)
{
    char *name = text_to_cstring(tenant);
    TvAnswer answer;
    text *value;

    look_up_tenant(name, &answer);
    value = tv_answer_text(&answer, tag, what, name);
    if (value == NULL)
        tv_report_bad_secret(KIND_TENANT, name, psprintf("there is no %s", what));
    tv_answer_wipe(&answer);
    return value;
}

/* The hot path of the extension: the access decision, one look into the cache, nothing else. */
static Datum one_field(text *tenant, enum frame_tag tag, const char *what)
{
    const char *name = VARDATA_ANY(tenant);
    size_t len = VARSIZE_ANY_EXHDR(tenant);
    text *value;

    tv_require_preloaded();
    tv_require_tenant_access(name, len);
    value = tv_lookup_cached_text(KIND_TENANT, name, len, 0, tag);
    if (likely(value != NULL))
        return PointerGetDatum(tv_text_from_utf8(value, what, tenant));
    return PointerGetDatum(fetch_one_field(tenant, tag, what));
}

Datum tv_conninfo(PG_FUNCTION_ARGS)
{
    return one_field(PG_GETARG_TEXT_PP(0), TAG_CONNINFO, "connection string");
}

Datum tv_database_url(PG_FUNCTION_ARGS)
{
    return one_field(PG_GETARG_TEXT_PP(0), TAG_URL, "URL");
}

/* One column of credentials(). */
static void put_text(Datum *values, bool *nulls, int column, const TvAnswer *answer,
                     enum frame_tag tag, const char *what, const char *name)
{
    text *value = tv_answer_text(answer, tag, what, name);

    nulls[column] = value == NULL;
    values[column] = PointerGetDatum(value);
}

Datum tv_credentials(PG_FUNCTION_ARGS)
{
    enum { HOST, PORT, DBNAME, USERNAME, PASSWORD, SSLMODE, VERSION, EXPIRES_AT, COLUMNS };
    char *name = authorized_tenant(PG_GETARG_TEXT_PP(0));
    Datum values[COLUMNS] = {0};
    bool nulls[COLUMNS] = {false};
    TupleDesc description;
    TvAnswer answer;

    if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE ||
        description->natts != COLUMNS)
        elog(ERROR, "credentials() must be declared to return %d columns", COLUMNS);
    look_up_tenant(name, &answer);

    put_text(values, nulls, HOST, &answer, TAG_HOST, "host", name);
    put_text(values, nulls, PORT, &answer, TAG_PORT, "port", name);
    put_text(values, nulls, DBNAME, &answer, TAG_DBNAME, "dbname", name);
    put_text(values, nulls, USERNAME, &answer, TAG_USERNAME, "username", name);
    put_text(values, nulls, PASSWORD, &answer, TAG_PASSWORD, "password", name);
    put_text(values, nulls, SSLMODE, &answer, TAG_SSLMODE, "sslmode", name);
    values[VERSION] = Int64GetDatum(frame_find_number(answer.payload, answer.len, TAG_VERSION, 0));
    nulls[VERSION] = DatumGetInt64(values[VERSION]) == 0; /* a template alone has none */
    values[EXPIRES_AT] = TimestampTzGetDatum(answer.expires_at);
    nulls[EXPIRES_AT] = answer.expires_at == 0;
    tv_answer_wipe(&answer);

    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls));
}

/* Vault lists a folder as "acme/". NULL where the entry is none that can be a tenant's. */
static text *listed_tenant(const JsonbValue *entry)
{
    const char *name;
    size_t len;

    if (entry->type != jbvString)
        return NULL;
    name = entry->val.string.val;
    len = entry->val.string.len;
    if (len > 0 && name[len - 1] == '/')
        len--;
    return vc_tenant_name_valid(name, len) ? cstring_to_text_with_len(name, (int)len) : NULL;
}

Datum tv_tenants(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
    JsonbIterator *iterator;
    JsonbIteratorToken token;
    JsonbValue entry;
    TvAnswer answer;
    Jsonb *names;

    tv_require_preloaded();
    InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
    tv_lookup(KIND_LIST, "", 0, 0, &answer);
    if (!answer.found)
        tv_report_answer(KIND_LIST, "", &answer);

    names = tv_answer_json(&answer, KIND_LIST, "");
    iterator = JsonbIteratorInit(&names->root);
    while ((token = JsonbIteratorNext(&iterator, &entry, true)) != WJB_DONE) {
        text *name = token == WJB_ELEM ? listed_tenant(&entry) : NULL;
        Datum value = PointerGetDatum(name);
        bool isnull = false;

        if (name != NULL)
            tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
    }
    return (Datum)0;
}
