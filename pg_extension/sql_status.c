/*
 * sql_status.c - what the views status and cached_secrets show.
 *
 * Shows names, paths, counts and times, never a value. Guarded by the privileges on views and
 * functions.
 */
#include "postgres.h"

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "report.h"
#include "sql_function.h"
#include "status.h"

TV_SQL_FUNCTION(tv_get_status);
TV_SQL_FUNCTION(tv_get_cached_secrets);

/* One row while its columns are filled in from left to right. */
typedef struct Row {
    Datum *values;
    bool *nulls;
    int column, columns;
} Row;

static void put(Row *row, Datum value, bool isnull)
{
    if (row->column >= row->columns)
        elog(ERROR, "more values than columns");
    row->values[row->column] = value;
    row->nulls[row->column] = isnull;
    row->column++;
}

static void put_time(Row *row, TimestampTz time)
{
    put(row, TimestampTzGetDatum(time), time == 0);
}

static void put_text(Row *row, const char *value)
{
    put(row, value[0] != '\0' ? CStringGetTextDatum(value) : (Datum)0, value[0] == '\0');
}

static void put_count(Row *row, int64 count)
{
    put(row, Int64GetDatum(count), false);
}

static void put_flag(Row *row, bool flag)
{
    put(row, BoolGetDatum(flag), false);
}

static void put_pid(Row *row, int pid)
{
    put(row, Int32GetDatum(pid), pid == 0);
}

static void put_processes(Row *row, const TvStatus *status)
{
    put_pid(row, status->keeper_pid);
    put_time(row, status->keeper_started_at);
    put_pid(row, status->fetcher_pid);
    put_time(row, status->fetcher_started_at);
    put_count(row, status->fetcher_starts);
    put(row, Int32GetDatum(status->waiters), false);
    put(row, Int32GetDatum(status->inflight), false);
}

static void put_vault(Row *row, const TvStatus *status)
{
    put_text(row, status->vault_address);
    put_text(row, status->vault_health);
    put_flag(row, status->vault_reachable);
    put_flag(row, status->outage);
    put_flag(row, status->logged_in);
    put_flag(row, status->can_log_in_again);
    put_flag(row, status->token_renewable);
    put_time(row, status->token_never_expires ? DT_NOEND : status->token_expires_at);
    put_count(row, status->vault_requests);
    put(row, Float8GetDatum(status->requests_per_second), false);
    put_count(row, status->logins);
    put_count(row, status->login_failures);
    put_count(row, status->renewals);
    put_count(row, status->renewal_failures);
    put_count(row, status->failures);
    put_text(row, status->last_error);
    put_time(row, status->last_error_at);
}

static void put_cache(Row *row, const TvStatus *status)
{
    put_count(row, status->cache_entries);
    put_count(row, status->cache_slots);
    put_count(row, status->cache_bytes);
    put_count(row, status->cache_size);
    put_count(row, status->hits);
    put_count(row, status->misses);
    put_count(row, status->stale_served);
    put_count(row, status->evictions);
}

static void put_role_logins(Row *row, const TvStatus *status)
{
    for (int i = 0; i < TV_LOGIN_ENDS; i++)
        put_count(row, status->role_logins[i]);
}

Datum tv_get_status(PG_FUNCTION_ARGS)
{
    enum { COLUMNS = 35 };
    Datum values[COLUMNS];
    bool nulls[COLUMNS];
    Row row = {.values = values, .nulls = nulls, .columns = COLUMNS};
    TupleDesc description;
    TvStatus status;

    tv_require_preloaded();
    if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE ||
        description->natts != COLUMNS)
        elog(ERROR, "get_status() must be declared to return %d columns", COLUMNS);
    tv_status_get(&status);
    put_processes(&row, &status);
    put_vault(&row, &status);
    put_cache(&row, &status);
    put_role_logins(&row, &status);
    Assert(row.column == COLUMNS);
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls));
}

static const char *kind_text(enum frame_kind kind)
{
    switch (kind) {
    case KIND_TENANT:
        return "tenant";
    case KIND_SECRET:
        return "secret";
    case KIND_LIST:
        return "list";
    }
    return "unknown";
}

/* 0 stands for no particular version wanted, and for a value that has none. */
static void put_version(Row *row, int64 version)
{
    put(row, Int64GetDatum(version), version == 0);
}

static void put_cached(Row *row, const TvCachedRow *cached)
{
    put_text(row, kind_text(cached->kind));
    put(row, CStringGetTextDatum(cached->name), false);
    put_version(row, cached->wanted_version);
    put_version(row, cached->version);
    put_text(row, cached->created_time);
    put_time(row, cached->fetched_at);
    put_time(row, cached->last_used_at);
    put_time(row, cached->fresh_until);
    put_time(row, cached->expires_at);
    put_text(row, vc_code_text(cached->outcome));
    put_text(row, cached->request_id);
    put_count(row, cached->bytes);
}

Datum tv_get_cached_secrets(PG_FUNCTION_ARGS)
{
    enum { COLUMNS = 12 };
    ReturnSetInfo *result = (ReturnSetInfo *)fcinfo->resultinfo;
    TvCachedRow *cached;
    int count;

    tv_require_preloaded();
    InitMaterializedSRF(fcinfo, 0);
    if (result->setDesc->natts != COLUMNS)
        elog(ERROR, "get_cached_secrets() must be declared to return %d columns", COLUMNS);
    cached = tv_cached_rows(&count);
    for (int i = 0; i < count; i++) {
        Datum values[COLUMNS];
        bool nulls[COLUMNS];
        Row row = {.values = values, .nulls = nulls, .columns = COLUMNS};

        CHECK_FOR_INTERRUPTS();
        put_cached(&row, &cached[i]);
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    return (Datum)0;
}
