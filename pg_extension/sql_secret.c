/*
 * sql_secret.c - secret() and secret_value(): any secret below the prefix.
 *
 * For administrators: guarded by their EXECUTE privilege, which nobody has at first. Refuses paths
 * that Vault would read as other paths (percent signs, "..", empty segments) before anything is
 * asked.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "answer_json.h"
#include "name_check.h"
#include "report.h"
#include "secret_lookup.h"
#include "sql_function.h"

TV_SQL_FUNCTION(tv_secret);
TV_SQL_FUNCTION(tv_secret_value);

static void require_version(int64 version)
{
    if (version < 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("secret version " INT64_FORMAT " is not valid", version),
                        errhint("Versions count from 1; 0 stands for the newest.")));
}

static Jsonb *look_up_secret(const char *path, int64 version)
{
    TvAnswer answer;
    Jsonb *secret;

    tv_lookup(KIND_SECRET, path, strlen(path), version, &answer);
    if (!answer.found)
        tv_report_answer(KIND_SECRET, path, &answer);
    secret = tv_answer_json(&answer, KIND_SECRET, path);
    tv_answer_wipe(&answer);
    return secret;
}

Datum tv_secret(PG_FUNCTION_ARGS)
{
    char *path = text_to_cstring(PG_GETARG_TEXT_PP(0));
    int64 version = PG_GETARG_INT64(1);

    tv_require_secret_path(path);
    require_version(version);
    tv_require_preloaded();
    PG_RETURN_JSONB_P(look_up_secret(path, version));
}

/* A string as it is, anything else as its JSON text; NULL for null. */
static text *json_value_text(const JsonbValue *value)
{
    switch (value->type) {
    case jbvNull:
        return NULL;
    case jbvString:
        return cstring_to_text_with_len(value->val.string.val, value->val.string.len);
    case jbvNumeric:
        return cstring_to_text(
            DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric))));
    case jbvBool:
        return cstring_to_text(value->val.boolean ? "true" : "false");
    case jbvBinary:
        return cstring_to_text(JsonbToCString(NULL, value->val.binary.data, value->val.binary.len));
    default:
        elog(ERROR, "unexpected type of jsonb value: %d", (int)value->type);
    }
}

/* The value of a key; raises 42704 where there is none. */
static JsonbValue *find_value(Jsonb *secret, text *key, const char *path)
{
    JsonbValue *value = NULL;

    if (JB_ROOT_IS_OBJECT(secret))
        value = getKeyJsonValueFromContainer(&secret->root, VARDATA_ANY(key),
                                             VARSIZE_ANY_EXHDR(key), NULL);
    if (value == NULL)
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("secret \"%s\" has no key \"%s\"", path, text_to_cstring(key)),
                        errhint("Keys are case-sensitive.")));
    return value;
}

Datum tv_secret_value(PG_FUNCTION_ARGS)
{
    char *path = text_to_cstring(PG_GETARG_TEXT_PP(0));
    text *key = PG_GETARG_TEXT_PP(1);
    Jsonb *secret;
    text *result;

    tv_require_secret_path(path);
    tv_require_preloaded();
    secret = look_up_secret(path, 0);
    result = json_value_text(find_value(secret, key, path));
    explicit_bzero(secret, VARSIZE(secret));
    if (result == NULL)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(result);
}
