/*
 * tenant_write.c - a backend's way to change a tenant's secret in Vault.
 *
 * An order goes into a slot; the backend sleeps until the slot has its answer. A backend that ends
 * or is cancelled abandons its slot: what has not been sent then never is, and what has is answered
 * to nobody.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"

#include "compat.h"
#include "guc.h"
#include "report.h"
#include "scram_verifier.h"
#include "tenant_write.h"
#include "write_slot.h"

/* ms; as secret_lookup.c's */
/* The keeper gives up a write that has had no answer so long after its deadline (keeper.c), and
 * says what it knows: that is to arrive before this backend gives up. */
#define HAND_OVER 2500
#define SLEEP_MAX 500

/* Of a verifier that the fetcher is to make: it serves nobody meanwhile, some 80 ms. */
#define ITERATIONS_MAX 100000

static uint32 wait_event(void)
{
    static uint32 event = 0;

    if (event == 0)
        event = tv_wait_event("TenantVaultWrite");
    return event;
}

/* ---- the order ---- */

static void put_new_secret(struct frame_writer *writer, const TvWriteOrder *order)
{
    uint8 salt[SCRAM_DEFAULT_SALT_LEN];

    if (!tv_scram_salt(order->tenant, salt))
        ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
                        errmsg("the salt of tenant \"%s\" could not be computed", order->tenant)));
    frame_put(writer, TAG_SALT, salt, sizeof(salt));
    frame_put_number(writer, TAG_ITERATIONS, Min(tv_scram_mock_iterations(), ITERATIONS_MAX));
    frame_put_text(writer, TAG_USERNAME, order->username);
    frame_put_text(writer, TAG_HOST, order->host);
    frame_put_text(writer, TAG_PORT, order->port);
    frame_put_text(writer, TAG_DBNAME, order->dbname);
}

static void make_order(TvWrite *write, const TvWriteOrder *order)
{
    unsigned char frame[FRAME_HEADER_SIZE + TV_WRITE_ORDER_SIZE];
    struct frame_writer writer;
    size_t scope_len, size;
    const char *scope = tv_scope(&scope_len);

    frame_begin(&writer, frame, sizeof(frame), FRAME_WRITE, 0);
    frame_put_number(&writer, TAG_OPERATION, order->operation);
    frame_put(&writer, TAG_SCOPE, scope, scope_len);
    frame_put_text(&writer, TAG_NAME, order->tenant);
    if (order->operation == OPERATION_CREATE || order->operation == OPERATION_ROTATE)
        put_new_secret(&writer, order);
    size = frame_end(&writer);
    if (size == 0)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("names and settings are too long together"),
                        errhint("Shorten host, tenant_vault.namespace or tenant_vault.prefix.")));
    write->order_len = size - FRAME_HEADER_SIZE;
    memcpy(write->order, frame + FRAME_HEADER_SIZE, write->order_len);
    strlcpy(write->tenant, order->tenant, sizeof(write->tenant));
    write->deadline = vc_now() + tv_request_timeout;
}

/* ---- waiting ---- */

/* False: give_up_at has come. */
static bool sleep_a_while(vc_msec give_up_at)
{
    vc_msec now = vc_now();

    if (now >= give_up_at)
        return false;
    ConditionVariableTimedSleep(&tv_control->written, Max(1, Min(give_up_at - now, SLEEP_MAX)),
                                wait_event());
    return true;
}

static void place_order(TvWrite *write)
{
    for (;;) {
        ConditionVariablePrepareToSleep(&tv_control->written);
        if (tv_write_order(write))
            break;
        if (!sleep_a_while(write->deadline))
            ereport(ERROR,
                    (errcode(ERRCODE_SYSTEM_ERROR),
                     errmsg("too many tenants are being changed at the same time"),
                     errdetail("%d changes are under way, the most that can be.", TV_WRITES_MAX),
                     errhint("Try again.")));
    }
    ConditionVariableCancelSleep();
}

static bool wait_for_answer(const TvWrite *write, unsigned char *fields, Size *len)
{
    bool answered;

    do {
        ConditionVariablePrepareToSleep(&tv_control->written);
        answered = tv_write_take(write->id, fields, len);
    } while (!answered && sleep_a_while(write->deadline + HAND_OVER));
    ConditionVariableCancelSleep();
    return answered;
}

static void abandon(int code, Datum write)
{
    pg_atomic_fetch_sub_u32(&tv_control->waiters, 1);
    tv_write_abandon(((TvWrite *)DatumGetPointer(write))->id);
}

/* ---- the answer ---- */

static void fill_answer(TvAnswer *answer, const unsigned char *fields, Size len)
{
    *answer = (TvAnswer){.outcome = frame_find_number(fields, len, TAG_OUTCOME, VC_INTERNAL),
                         .payload = fields,
                         .len = len,
                         .version = frame_find_number(fields, len, TAG_VERSION, 0)};
    answer->found = answer->outcome == VC_OK;
}

_Noreturn static void give_up(const TvWriteOrder *order)
{
    ereport(ERROR, (errcode(ERRCODE_SYSTEM_ERROR),
                    errmsg("no answer came about tenant \"%s\" within tenant_vault.request_timeout",
                           order->tenant),
                    errdetail("Whether Vault has made the change is not known."),
                    errhint("See the server's log, then call the function again: it finds out, and "
                            "finishes what is missing.")));
    pg_unreachable();
}

void tv_write_tenant(const TvWriteOrder *order, TvAnswer *answer)
{
    TvWrite *write = palloc0(sizeof(TvWrite));
    unsigned char *fields = palloc(TV_WRITE_ANSWER_SIZE);
    bool answered;
    Size len = 0;

    tv_require_preloaded();
    make_order(write, order);
    pg_atomic_fetch_add_u32(&tv_control->waiters, 1);
    PG_ENSURE_ERROR_CLEANUP(abandon, PointerGetDatum(write));
    {
        place_order(write);
        answered = wait_for_answer(write, fields, &len);
    }
    PG_END_ENSURE_ERROR_CLEANUP(abandon, PointerGetDatum(write));
    abandon(0, PointerGetDatum(write)); /* an answer that was taken out has left nothing there */
    if (!answered)
        give_up(order);
    fill_answer(answer, fields, len);
    pfree(write);
}
