/*
 * write_relay.c - the keeper hands backends' writes to the fetcher, and its answers back.
 */
#include "postgres.h"

#include "fetcher_process.h"
#include "write_relay.h"
#include "write_slot.h"

#define UNKNOWN "whether Vault has made the change is not known"
#define UNKNOWN_HINT "Call the function again: it finds out, and finishes what is missing."

static enum vc_code outcome_of(const unsigned char *payload, Size len)
{
    int64 code = frame_find_number(payload, len, TAG_OUTCOME, VC_INTERNAL);

    return code >= VC_OK && code <= VC_BAD_TEMPLATE ? (enum vc_code)code : VC_INTERNAL;
}

/*
 * In this order: when the backend hears of it, nothing of the tenant's old secret is cached any
 * more.
 */
static void end_write(uint64 id, enum vc_code outcome, const unsigned char *answer, Size len,
                      TvWriteEnded ended)
{
    char tenant[VC_TENANT_NAME_MAX + 1];

    if (!tv_write_under_way(id, tenant)) /* given up meanwhile */
        return;
    if (ended != NULL)
        ended(tenant, outcome);
    tv_write_answer(id, answer, len);
}

static void answer_with_failure(uint64 id, enum vc_code code, const char *message, const char *hint,
                                TvWriteEnded ended)
{
    unsigned char frame[FRAME_HEADER_SIZE + TV_WRITE_ANSWER_SIZE];
    struct frame_writer writer;
    Size size;

    frame_begin(&writer, frame, sizeof(frame), FRAME_WRITTEN, id);
    frame_put_number(&writer, TAG_OUTCOME, code);
    frame_put_text(&writer, TAG_MESSAGE, message);
    frame_put_text(&writer, TAG_HINT, hint);
    size = frame_end(&writer);
    end_write(id, code, frame + FRAME_HEADER_SIZE, size - FRAME_HEADER_SIZE, ended);
}

/* False where the fetcher takes no more now. */
static bool send_write(const TvWrite *write)
{
    unsigned char frame[FRAME_HEADER_SIZE + TV_WRITE_ORDER_SIZE + 64];
    struct frame_writer writer;
    struct frame_field field;
    size_t offset = 0, size;

    frame_begin(&writer, frame, sizeof(frame), FRAME_WRITE, write->id);
    frame_put_number(&writer, TAG_TIMEOUT, Max(1, write->deadline - vc_now()));
    while (frame_next(write->order, write->order_len, &offset, &field))
        frame_put(&writer, field.tag, field.data, field.len);
    size = frame_end(&writer);
    return size > 0 && tv_fetcher_send(frame, size);
}

void tv_writes_send(void)
{
    static TvWrite write; /* too large for the stack of a loop */

    while (tv_fetcher_running() && tv_write_next(&write)) {
        if (send_write(&write))
            continue;
        tv_write_put_back(write.id);
        break;
    }
}

void tv_writes_take_answer(uint64 id, const unsigned char *payload, Size len, TvWriteEnded ended)
{
    if (len > TV_WRITE_ANSWER_SIZE)
        answer_with_failure(id, VC_BAD_REPLY, "the fetcher's answer makes no sense: " UNKNOWN,
                            UNKNOWN_HINT, ended);
    else
        end_write(id, outcome_of(payload, len), payload, len, ended);
}

void tv_writes_lost(TvWriteEnded ended)
{
    const enum tv_write_state states[] = {TV_WRITE_SENT, TV_WRITE_ABANDONED};
    uint64 id;

    for (int i = 0; i < lengthof(states); i++) {
        while ((id = tv_write_overdue(states[i], PG_INT64_MAX)) != 0)
            answer_with_failure(id, VC_CANCELLED, "the fetcher ended meanwhile: " UNKNOWN,
                                UNKNOWN_HINT, ended);
    }
}

void tv_writes_refuse(const char *why)
{
    uint64 id;

    while ((id = tv_write_overdue(TV_WRITE_ORDERED, PG_INT64_MAX)) != 0)
        answer_with_failure(id, VC_UNREACHABLE, why, "See the server's log.", NULL);
}

void tv_writes_end_overdue(vc_msec grace, TvWriteEnded ended)
{
    vc_msec now = vc_now();
    uint64 id;

    while ((id = tv_write_overdue(TV_WRITE_ORDERED, now)) != 0)
        answer_with_failure(id, VC_TIMEOUT, "the fetcher could not be asked in time", NULL, NULL);
    while ((id = tv_write_overdue(TV_WRITE_SENT, now - grace)) != 0)
        answer_with_failure(id, VC_TIMEOUT, "the fetcher has not answered in time: " UNKNOWN,
                            UNKNOWN_HINT, ended);
    while ((id = tv_write_overdue(TV_WRITE_ABANDONED, now - grace)) != 0)
        answer_with_failure(id, VC_TIMEOUT, "the fetcher has not answered in time", NULL, ended);
}
