/*
 * secret_lookup.c - a backend's way to a secret.
 *
 * A hit is one shared lock, one comparison and one copy. A miss goes on the ring; the backend then
 * sleeps on the key's condition variable until the entry answers it, and looks again whenever it is
 * woken: a wake-up says nothing by itself. It asks again by itself where the keeper was restarted,
 * or where its request may have been lost.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/builtins.h"

#include "compat.h"
#include "guc.h"
#include "miss_ring.h"
#include "report.h"
#include "secret_cache.h"
#include "secret_lookup.h"

/* ms */
/* The fetcher's own answer to a timeout, which knows more, is to arrive before this backend gives
 * up. */
#define HAND_OVER 500
/* A request that is under way is not repeated by the keeper, so this may be often. */
#define ASK_AGAIN 1500
/* Where the ring is full. */
#define RING_FULL_WAIT 10
/* A sleep is never longer, so that a lost wake-up costs no more than this. */
#define SLEEP_MAX 500

/* An answer that a backend makes itself: a message and a hint. */
#define OWN_ANSWER_SIZE (TV_STATUS_TEXT + 512)

typedef struct Question {
    TvKey key;
    bool refresh;
    vc_msec max_age;    /* of a value; TV_ANY_AGE: what cache_ttl allows */
    vc_msec timeout;    /* for Vault, from asking on */
    vc_msec hand_over;  /* for the answer, after that */
    uint64 ticket;      /* 0: not asked yet, what is in the cache will do */
    vc_msec deadline;   /* for Vault */
    vc_msec give_up_at; /* for this backend */
    uint64 epoch;       /* of the keeper that was asked */
    vc_msec ask_again_at;
} Question;

/* ---- the cache ---- */

static void count(const TvKey *key, enum freshness_verdict verdict)
{
    TvCounters *counters = &tv_control->counters[tv_key_partition(key)];

    if (verdict == FRESH_SERVE_STALE)
        pg_atomic_fetch_add_u64(&counters->stale_served, 1);
    else
        pg_atomic_fetch_add_u64(&counters->hits, 1);
}

static void mark_used(TvSlot *slot, vc_msec now)
{
    if (now - (vc_msec)pg_atomic_read_u64(&slot->last_used) >= TV_USE_TICK)
        pg_atomic_write_u64(&slot->last_used, now);
}

/* What the slot holds for this question. */
static enum freshness_verdict judge(const TvSlot *slot, const Question *question, vc_msec now)
{
    struct freshness_settings settings = tv_freshness_settings_within(question->max_age);
    bool answers_me =
        question->ticket != 0 &&
        (question->refresh ? slot->started_ticket : slot->answered_ticket) > question->ticket;

    if (!question->refresh)
        return freshness_judge(&slot->state, &settings, answers_me, tv_outage_now(now), now);
    if (!answers_me)
        return FRESH_ASK;
    /* Who asked for Vault's word is not content with less, though the value may carry on. */
    return slot->state.outcome == VC_OK ? FRESH_SERVE_VALUE : FRESH_SERVE_FAILURE;
}

static TimestampTz lease_end(const TvSlot *slot, vc_msec now)
{
    if (!slot->state.has_value || slot->state.lease_end == 0)
        return 0;
    return GetCurrentTimestamp() + (slot->state.lease_end - now) * 1000;
}

/* A copy of a blob's payload, NULL where memory is short: nothing may be thrown under the lock. */
static bool copy_payload(dsa_pointer pointer, TvAnswer *answer)
{
    const TvBlob *blob;
    unsigned char *copy;

    answer->payload = NULL;
    answer->len = 0;
    if (!DsaPointerIsValid(pointer))
        return true;
    blob = tv_blob(pointer);
    copy = palloc_extended(Max(blob->payload_len, 1), MCXT_ALLOC_NO_OOM);
    if (copy == NULL)
        return false;
    memcpy(copy, tv_blob_payload(blob), blob->payload_len);
    answer->payload = copy;
    answer->len = blob->payload_len;
    return true;
}

static int64 version_of(dsa_pointer pointer)
{
    const TvBlob *blob = tv_blob(pointer);

    return frame_find_number(tv_blob_payload(blob), blob->payload_len, TAG_VERSION, 0);
}

/* Whatever the verdict serves, from a slot whose lock is held. False: out of memory. */
static bool fill_answer(const TvSlot *slot, enum freshness_verdict verdict,
                        const Question *question, vc_msec now, TvAnswer *answer)
{
    bool value = verdict != FRESH_SERVE_FAILURE;

    answer->found = value;
    answer->read_ticket = slot->started_ticket;
    answer->outcome = value ? VC_OK : slot->state.outcome;
    answer->version = 0;
    answer->fetched_at = 0;
    answer->expires_at = 0;
    if (value) {
        answer->version = version_of(slot->value);
        answer->fetched_at = GetCurrentTimestamp() - (now - slot->state.fetched_at) * 1000;
        answer->expires_at = lease_end(slot, now);
    }
    if (value && question->refresh)
        return copy_payload(InvalidDsaPointer, answer);
    return copy_payload(value ? slot->value : slot->failure, answer);
}

static pg_noinline void out_of_memory(void)
{
    ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory"),
                    errdetail("Failed while copying a secret out of tenant_vault's cache.")));
}

/* False: nothing there that would do. at_last: the backend gives up, and takes what an outage would
 * allow. */
static bool answer_from_cache(const Question *question, bool at_last, TvAnswer *answer)
{
    struct freshness_settings settings = tv_freshness_settings_within(question->max_age);
    enum freshness_verdict verdict = FRESH_ASK;
    LWLock *lock = tv_key_lock(&question->key);
    bool copied = true;
    vc_msec now;
    TvSlot *slot;

    LWLockAcquire(lock, LW_SHARED);
    now = vc_now();
    slot = tv_cache_find(&question->key);
    if (slot != NULL) {
        verdict = judge(slot, question, now);
        if (verdict == FRESH_ASK && at_last && freshness_value_usable(&slot->state, &settings, now))
            verdict = FRESH_SERVE_STALE;
        if (verdict != FRESH_ASK)
            copied = fill_answer(slot, verdict, question, now, answer);
        if (question->ticket == 0 && verdict != FRESH_ASK)
            mark_used(slot, now);
    }
    LWLockRelease(lock);

    if (!copied)
        out_of_memory();
    if (verdict == FRESH_SERVE_STALE || (verdict != FRESH_ASK && question->ticket == 0))
        count(&question->key, verdict);
    return verdict != FRESH_ASK;
}

/* ---- answers of the backend's own ---- */

static void make_answer(enum vc_code code, const char *message, const char *hint, TvAnswer *answer)
{
    unsigned char *frame = palloc(OWN_ANSWER_SIZE);
    struct frame_writer writer;

    frame_begin(&writer, frame, OWN_ANSWER_SIZE, FRAME_ANSWER, 0);
    frame_put_number(&writer, TAG_OUTCOME, code);
    frame_put_text(&writer, TAG_MESSAGE, message);
    frame_put_text(&writer, TAG_HINT, hint);
    answer->found = false;
    answer->read_ticket = 0;
    answer->outcome = code;
    answer->len = frame_end(&writer) - FRAME_HEADER_SIZE;
    answer->payload = frame + FRAME_HEADER_SIZE;
    answer->version = 0;
    answer->fetched_at = answer->expires_at = 0;
}

static void give_up(const Question *question, TvAnswer *answer)
{
    char trouble[TV_STATUS_TEXT];

    if (!question->refresh && answer_from_cache(question, true, answer))
        return;
    tv_status_fetcher_trouble(trouble, sizeof(trouble));
    if (tv_ring_keeper_pid() == 0)
        make_answer(VC_UNREACHABLE, "the keeper is not running",
                    "The server starts it again by itself; see the server's log for why it ends.",
                    answer);
    else if (trouble[0] != '\0')
        make_answer(VC_UNREACHABLE, trouble, "See the server's log.", answer);
    else
        make_answer(VC_TIMEOUT, "no answer came within tenant_vault.request_timeout",
                    "Check Vault and the network to it.", answer);
}

/* ---- waiting ---- */

static uint32 wait_event(void)
{
    static uint32 event = 0;

    if (event == 0)
        event = tv_wait_event("TenantVaultAnswer");
    return event;
}

static void stop_waiting(int code, Datum argument)
{
    pg_atomic_fetch_sub_u32(&tv_control->waiters, 1);
}

/* Where the ring is full, the question comes again soon. */
static void ask(Question *question, vc_msec now)
{
    TvRequest request = {
        .command = question->refresh ? TV_COMMAND_REFRESH : TV_COMMAND_FETCH,
        .ticket = question->ticket,
        .deadline = question->deadline,
        .key = question->key,
    };

    question->epoch = pg_atomic_read_u64(&tv_control->keeper_epoch);
    question->ask_again_at = now + (tv_ring_put(&request) ? ASK_AGAIN : RING_FULL_WAIT);
}

static bool must_ask(const Question *question, vc_msec now)
{
    return now >= question->ask_again_at ||
           question->epoch != pg_atomic_read_u64(&tv_control->keeper_epoch);
}

static void wait_for_answer(Question *question, TvAnswer *answer)
{
    ConditionVariable *queue = tv_key_wait_queue(&question->key);

    for (;;) {
        vc_msec now = vc_now(), until;

        ConditionVariablePrepareToSleep(queue);
        if (answer_from_cache(question, false, answer))
            break;
        if (now >= question->give_up_at) {
            give_up(question, answer);
            break;
        }
        if (must_ask(question, now))
            ask(question, now);
        until = Min(question->ask_again_at, question->give_up_at);
        ConditionVariableTimedSleep(queue, Max(1, Min(until - now, SLEEP_MAX)), wait_event());
    }
    ConditionVariableCancelSleep();
}

static void ask_and_wait(Question *question, TvAnswer *answer)
{
    question->ticket = tv_next_ticket();
    question->deadline = vc_now() + question->timeout;
    question->give_up_at = question->deadline + question->hand_over;
    question->ask_again_at = 0;

    pg_atomic_fetch_add_u32(&tv_control->waiters, 1);
    PG_ENSURE_ERROR_CLEANUP(stop_waiting, (Datum)0);
    {
        wait_for_answer(question, answer);
    }
    PG_END_ENSURE_ERROR_CLEANUP(stop_waiting, (Datum)0);
    stop_waiting(0, (Datum)0);
}

/* ---- the ways in ---- */

static void look_up(Question *question, enum frame_kind kind, const char *name, size_t name_len,
                    int64 version, TvAnswer *answer)
{
    tv_require_preloaded();
    if (!tv_key_make(&question->key, kind, name, name_len, version)) {
        make_answer(VC_BAD_NAME,
                    "namespace, mount, prefix, environment and name are too long together", NULL,
                    answer);
        return;
    }
    if (!question->refresh && answer_from_cache(question, false, answer))
        return;
    pg_atomic_fetch_add_u64(&tv_control->counters[tv_key_partition(&question->key)].misses, 1);
    ask_and_wait(question, answer);
}

static Question statement_question(bool refresh)
{
    return (Question){.refresh = refresh,
                      .max_age = TV_ANY_AGE,
                      .timeout = tv_request_timeout,
                      .hand_over = HAND_OVER};
}

void tv_lookup(enum frame_kind kind, const char *name, size_t name_len, int64 version,
               TvAnswer *answer)
{
    Question question = statement_question(false);

    look_up(&question, kind, name, name_len, version, answer);
}

void tv_lookup_refresh(enum frame_kind kind, const char *name, size_t name_len, int64 version,
                       TvAnswer *answer)
{
    Question question = statement_question(true);

    look_up(&question, kind, name, name_len, version, answer);
}

void tv_lookup_tenant_within(const char *tenant, vc_msec max_age, vc_msec budget, TvAnswer *answer)
{
    /* Where little time is left, the fetcher's answer still comes before this backend gives up. */
    vc_msec hand_over = Min(HAND_OVER, budget / 4);
    Question question = {.max_age = max_age,
                         .timeout = Max(1, Min(tv_request_timeout, budget - hand_over)),
                         .hand_over = hand_over};

    look_up(&question, KIND_TENANT, tenant, strlen(tenant), 0, answer);
}

bool tv_tenant_read_is_current(const char *tenant, uint64 read_ticket)
{
    const TvSlot *slot;
    bool current;
    TvKey key;

    if (!tv_key_make(&key, KIND_TENANT, tenant, strlen(tenant), 0))
        return false;
    LWLockAcquire(tv_key_lock(&key), LW_SHARED);
    slot = tv_cache_find(&key);
    current = slot != NULL && slot->state.has_value && slot->started_ticket == read_ticket;
    LWLockRelease(tv_key_lock(&key));
    return current;
}

/* Nobody waits for what comes of it, and nothing is lost where the ring is full. */
static void tell_keeper(TvRequest *request, const char *tenant)
{
    if (tv_key_make(&request->key, KIND_TENANT, tenant, strlen(tenant), 0))
        (void)tv_ring_put(request);
}

void tv_suspect_tenant(const char *tenant, TimestampTz fetched_at)
{
    TvRequest request = {.command = TV_COMMAND_SUSPECT};

    /* Who guesses in a row is not to wake the keeper each time, which a clock would show. */
    if (TimestampDifferenceExceeds(fetched_at, GetCurrentTimestamp(), TV_SUSPECT_AGE))
        tell_keeper(&request, tenant);
}

void tv_share_verifier(const char *tenant, const TvAnswer *answer, const char *verifier)
{
    TvRequest request = {.command = TV_COMMAND_VERIFIER, .ticket = answer->read_ticket};

    if (strlcpy(request.verifier, verifier, TV_VERIFIER_SIZE) < TV_VERIFIER_SIZE)
        tell_keeper(&request, tenant);
    explicit_bzero(request.verifier, TV_VERIFIER_SIZE);
}

void tv_answer_wipe(TvAnswer *answer)
{
    if (answer->payload != NULL)
        explicit_bzero(unconstify(unsigned char *, answer->payload), answer->len);
    answer->len = 0;
}

/* The lock is held; NULL also where memory is short, for tv_lookup to say so. */
static text *text_of_field(const TvSlot *slot, enum frame_tag tag)
{
    const TvBlob *blob = tv_blob(slot->value);
    struct frame_field field;
    text *result;

    if (!frame_find(tv_blob_payload(blob), blob->payload_len, tag, &field))
        return NULL;
    result = palloc_extended(VARHDRSZ + field.len, MCXT_ALLOC_NO_OOM);
    if (result == NULL)
        return NULL;
    SET_VARSIZE(result, VARHDRSZ + field.len);
    memcpy(VARDATA(result), field.data, field.len);
    return result;
}

text *tv_lookup_cached_text(enum frame_kind kind, const char *name, size_t name_len, int64 version,
                            enum frame_tag tag)
{
    struct freshness_settings settings;
    text *result = NULL;
    LWLock *lock;
    TvSlot *slot;
    TvKey key;
    vc_msec now;

    if (tv_control == NULL || !tv_key_make(&key, kind, name, name_len, version))
        return NULL;
    tv_cache_prefetch(&key);
    settings = tv_freshness_settings();
    now = vc_now_coarse();
    lock = tv_key_lock(&key);

    LWLockAcquire(lock, LW_SHARED);
    slot = tv_cache_find(&key);
    if (slot != NULL && now < freshness_fresh_until(&slot->state, &settings)) {
        mark_used(slot, now);
        result = text_of_field(slot, tag);
    }
    LWLockRelease(lock);

    if (result != NULL)
        count(&key, FRESH_SERVE_VALUE);
    return result;
}

/* ---- control ---- */

/* Puts a command on the ring; raises an error where that is not possible within the request
 * timeout. */
static uint64 command(enum tv_command what, vc_msec deadline)
{
    TvRequest request = {.command = what, .ticket = tv_next_ticket(), .deadline = deadline};

    while (!tv_ring_put(&request)) {
        if (vc_now() >= deadline)
            ereport(ERROR,
                    (errcode(ERRCODE_SYSTEM_ERROR), errmsg("the keeper does not take any requests"),
                     errhint("See the server's log.")));
        CHECK_FOR_INTERRUPTS();
        pg_usleep(RING_FULL_WAIT * 1000);
    }
    return request.ticket;
}

static bool flush_result(uint64 ticket, int64 *dropped)
{
    bool done = false;

    LWLockAcquire(tv_status_lock, LW_SHARED);
    for (int i = 0; i < TV_FLUSH_RESULTS; i++) {
        /* A later flush has done what this one was to do. */
        if (tv_control->flushes[i].ticket < ticket)
            continue;
        if (!done || tv_control->flushes[i].ticket == ticket)
            *dropped = tv_control->flushes[i].dropped;
        done = true;
    }
    LWLockRelease(tv_status_lock);
    return done;
}

int64 tv_cache_flush(void)
{
    vc_msec deadline, now;
    int64 dropped = 0;
    uint64 ticket;

    tv_require_preloaded();
    deadline = vc_now() + tv_request_timeout;
    ticket = command(TV_COMMAND_FLUSH, deadline);
    for (;;) {
        ConditionVariablePrepareToSleep(&tv_control->flushed);
        if (flush_result(ticket, &dropped))
            break;
        now = vc_now();
        if (now >= deadline)
            ereport(ERROR, (errcode(ERRCODE_SYSTEM_ERROR), errmsg("the keeper has not answered"),
                            errhint("The cache may not have been flushed. See the server's log.")));
        ConditionVariableTimedSleep(&tv_control->flushed, Min(deadline - now, SLEEP_MAX),
                                    wait_event());
    }
    ConditionVariableCancelSleep();
    return dropped;
}

void tv_fetcher_restart(void)
{
    tv_require_preloaded();
    command(TV_COMMAND_RESTART_FETCHER, vc_now() + tv_request_timeout);
}
