/*
 * sql_provision.c - what create_tenant(), rotate_password() and drop_tenant() need of the server
 * and of Vault; the roles are the SQL functions' own part (tenant_vault--1.0.sql).
 *
 * Refuses on a standby and in a read-only transaction: what is written in Vault must not come from
 * where nothing else can. Guarded by their EXECUTE privilege, which nobody has at first.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "tcop/utility.h"
#include "utils/builtins.h"

#include "answer_text.h"
#include "guc.h"
#include "name_check.h"
#include "report.h"
#include "sql_function.h"
#include "tenant_write.h"

TV_SQL_FUNCTION(tv_begin_enrollment);
TV_SQL_FUNCTION(tv_begin_tenant_change);
TV_SQL_FUNCTION(tv_create_secret);
TV_SQL_FUNCTION(tv_rotate_secret);
TV_SQL_FUNCTION(tv_remove_secret);

/* Bytes. */
#define HOST_MAX 255
#define PORT_MAX 5

/* The fourth field of an advisory lock's tag: users' own have 1 and 2 there. */
#define LOCK_CLASS 4
/*
 * A lock is waited for so many times request_timeout, with 55P03 at the end: whoever has it may
 * wait for Vault twice, for the change and for reading it back. Without a bound, many who wait for
 * a Vault that is silent would do so one after the other.
 */
#define LOCK_WAITS 2

/*
 * One change of a tenant after the other, in the whole cluster (an advisory lock of a user's holds
 * in one database), until the end of the transaction.
 */
static void lock_name(const char *name)
{
    uint64 hash = hash_bytes_extended((const unsigned char *)name, strlen(name), 0);
    int callers_timeout = LockTimeout;
    int longest = LOCK_WAITS * tv_request_timeout;
    LOCKTAG tag;

    SET_LOCKTAG_ADVISORY(tag, InvalidOid, (uint32)(hash >> 32), (uint32)hash, LOCK_CLASS);
    PG_TRY();
    {
        if (LockTimeout == 0 || LockTimeout > longest)
            LockTimeout = longest;
        (void)LockAcquire(&tag, ExclusiveLock, false, false);
    }
    PG_FINALLY();
    {
        LockTimeout = callers_timeout;
    }
    PG_END_TRY();
}

/* Everything that can be refused without having done anything. */
Datum tv_begin_tenant_change(PG_FUNCTION_ARGS)
{
    char *tenant = text_to_cstring(PG_GETARG_TEXT_PP(0));
    char *command = text_to_cstring(PG_GETARG_TEXT_PP(1));

    tv_require_preloaded();
    PreventCommandIfReadOnly(command);
    PreventCommandDuringRecovery(command);
    tv_require_tenant_name(tenant, strlen(tenant));
    lock_name(tenant);
    PG_RETURN_VOID();
}

/* The empty name is no tenant's. */
Datum tv_begin_enrollment(PG_FUNCTION_ARGS)
{
    lock_name("");
    PG_RETURN_VOID();
}

/*
 * NULL for NULL. The SQL functions have checked it; max is what the fetcher takes (write.c).
 *
 * Not converted: a client names role and database by the secret's bytes, and PostgreSQL compares
 * these with the catalog's as they are.
 */
static char *text_argument(FunctionCallInfo fcinfo, int number, Size max)
{
    char *argument;

    if (PG_ARGISNULL(number))
        return NULL;
    argument = text_to_cstring(PG_GETARG_TEXT_PP(number));
    if (strlen(argument) > max)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("argument %d is longer than %zu bytes", number + 1, max)));
    if (!pg_verify_mbstr(PG_UTF8, argument, (int)strlen(argument), true))
        ereport(ERROR, (errcode(ERRCODE_CHARACTER_NOT_IN_REPERTOIRE),
                        errmsg("\"%s\" cannot stand in a secret, whose texts are UTF-8", argument),
                        errhint("Use a name in ASCII, or a database with encoding UTF8.")));
    return argument;
}

static char *tenant_argument(FunctionCallInfo fcinfo)
{
    char *tenant = PG_ARGISNULL(0) ? pstrdup("") : text_to_cstring(PG_GETARG_TEXT_PP(0));

    tv_require_tenant_name(tenant, strlen(tenant));
    return tenant;
}

/*
 * Vault has the change; this has the cache know it, and shows that the secret, with the platform's
 * template, makes a connection. elevel: of what is said where it does not.
 */
static void read_back(const char *tenant, int64 version, int elevel)
{
    TvAnswer answer;

    tv_lookup_refresh(KIND_TENANT, tenant, strlen(tenant), 0, &answer);
    if (answer.found)
        return;
    ereport(elevel, (errcode(tv_sqlstate(answer.outcome)),
                     errmsg("version " INT64_FORMAT
                            " of tenant \"%s\" is in Vault, but cannot be used yet: "
                            "%s",
                            version, tenant, tv_message_of(&answer)),
                     errhint("Mend that; then call the function again.")));
}

/*
 * The fetcher has looked at the fields; but the user of a secret that was there may stand in its
 * url, or in the platform's template.
 */
static void require_user(const char *tenant, const char *user)
{
    struct frame_field field;
    TvAnswer answer;
    char *found;
    bool same;

    tv_lookup(KIND_TENANT, tenant, strlen(tenant), 0, &answer);
    same = frame_find(answer.payload, answer.len, TAG_USERNAME, &field) &&
           field.len == strlen(user) && memcmp(field.data, user, field.len) == 0;
    found = tv_answer_message(&answer, TAG_USERNAME, NAMEDATALEN - 1);
    tv_answer_wipe(&answer);
    if (!same)
        ereport(ERROR,
                (errcode(tv_sqlstate(VC_BAD_SECRET)),
                 errmsg("tenant \"%s\" has a secret already, for another user (\"%s\") than \"%s\"",
                        tenant, found != NULL ? found : "", user),
                 errhint("Name that user as the role, or drop the tenant first.")));
}

Datum tv_create_secret(PG_FUNCTION_ARGS)
{
    const TvWriteOrder order = {.operation = OPERATION_CREATE,
                                .tenant = tenant_argument(fcinfo),
                                .username = text_argument(fcinfo, 1, NAMEDATALEN - 1),
                                .host = text_argument(fcinfo, 2, HOST_MAX),
                                .port = text_argument(fcinfo, 3, PORT_MAX),
                                .dbname = text_argument(fcinfo, 4, NAMEDATALEN - 1)};
    TvAnswer answer;
    bool existed;

    if (order.username == NULL || order.username[0] == '\0')
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a secret needs a user")));
    tv_write_tenant(&order, &answer);
    if (!answer.found)
        tv_report_attempt(psprintf("could not create tenant \"%s\"", order.tenant), &answer);
    existed = frame_find_number(answer.payload, answer.len, TAG_EXISTED, 0) != 0;
    if (existed)
        ereport(NOTICE,
                (errmsg("tenant \"%s\" has a secret already, which is kept", order.tenant)));
    /* The role that this is for is rolled back with it. */
    read_back(order.tenant, answer.version, ERROR);
    if (existed)
        require_user(order.tenant, order.username);
    PG_RETURN_INT64(answer.version);
}

Datum tv_rotate_secret(PG_FUNCTION_ARGS)
{
    const TvWriteOrder order = {.operation = OPERATION_ROTATE, .tenant = tenant_argument(fcinfo)};
    TvAnswer answer;

    tv_write_tenant(&order, &answer);
    if (!answer.found)
        tv_report_attempt(psprintf("could not rotate the password of tenant \"%s\"", order.tenant),
                          &answer);
    /* An error would look as if the old password were still good. */
    read_back(order.tenant, answer.version, WARNING);
    PG_RETURN_INT64(answer.version);
}

/* NULL: there was nothing to be removed. */
Datum tv_remove_secret(PG_FUNCTION_ARGS)
{
    const TvWriteOrder order = {.operation =
                                    PG_GETARG_BOOL(1) ? OPERATION_DESTROY : OPERATION_DELETE,
                                .tenant = tenant_argument(fcinfo)};
    TvAnswer answer;

    tv_write_tenant(&order, &answer);
    if (!answer.found)
        tv_report_attempt(psprintf("could not drop tenant \"%s\"", order.tenant), &answer);
    if (answer.version == 0)
        PG_RETURN_NULL();
    PG_RETURN_INT64(answer.version);
}
