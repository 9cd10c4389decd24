/*
 * answer_json.c - the JSON in an answer as jsonb.
 *
 * PostgreSQL's own errors about JSON quote the text that they complain of, and that would be the
 * secret: they are caught here and said in other words.
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

#include "answer_json.h"
#include "answer_text.h"
#include "report.h"
#include "sql_function.h"

/* Errors that come from the value; any other (cancellation, memory) goes on to the caller. */
static bool is_about_the_value(int sqlstate)
{
    return ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_DATA_EXCEPTION ||
           ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_PROGRAM_LIMIT_EXCEEDED;
}

/* NULL where jsonb cannot hold it. jsonb_in allocates memory and nothing else: there is nothing to
 * undo. */
static Jsonb *parse(char *json)
{
    MemoryContext context = CurrentMemoryContext;
    Jsonb *volatile parsed = NULL;

    PG_TRY();
    {
        parsed = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
    }
    PG_CATCH();
    {
        if (!is_about_the_value(geterrcode()))
            PG_RE_THROW();
        MemoryContextSwitchTo(context);
        FlushErrorState();
    }
    PG_END_TRY();
    return parsed;
}

Jsonb *tv_answer_json(const TvAnswer *answer, enum frame_kind kind, const char *name)
{
    text *datum = tv_answer_text(answer, TAG_DATA, "value", name);
    Jsonb *parsed;
    char *json;

    if (datum == NULL)
        tv_report_bad_secret(kind, name, "there are no data");
    json = text_to_cstring(datum);
    parsed = parse(json);
    explicit_bzero(json, strlen(json));
    explicit_bzero(VARDATA_ANY(datum), VARSIZE_ANY_EXHDR(datum));
    pfree(json);
    pfree(datum);
    if (parsed == NULL)
        tv_report_bad_secret(kind, name, "it holds a value that jsonb cannot represent");
    return parsed;
}
