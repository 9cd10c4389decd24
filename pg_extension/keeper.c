/*
 * keeper.c - the background worker that owns the cache and the fetcher.
 *
 * One loop: take requests off the ring, hand fetches and writes to the fetcher, put its answers
 * into the cache, look after the fetcher's life, and go over the cache for what is over or should
 * be read again.
 *
 * A fetch that a fetcher leaves behind is given to the next one; what two of them have ended with
 * is not tried a third time.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/pmsignal.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "../common/rate_limit.h"
#include "../common/token_lifecycle.h"
#include "cache_writer.h"
#include "compat.h"
#include "fetch_queue.h"
#include "fetcher_log.h"
#include "fetcher_process.h"
#include "guc.h"
#include "hba_file.h"
#include "keeper.h"
#include "miss_ring.h"
#include "write_relay.h"

#define RESTART_SECONDS 1

/* ms */
#define SWEEP_EVERY 250
#define IDLE_TICK 1000
/* How long a fetch is held back where the settings differ between who asks and who is asked, and
 * how often. */
#define HOLD_BACK 100
#define HOLD_BACK_MAX 10
/* After its deadline the fetcher has this long to say so itself. */
#define ANSWER_GRACE 1000
/* So long after the last failure Vault counts as out of reach, beside request_timeout (the next
 * failure takes that long to come): while entries are in use, one is tried every few seconds. */
#define OUTAGE_MEMORY 10000
/* Entries read again for failed logins, all together: a hundred guessers are no load on Vault. */
#define SUSPECTS_PER_SECOND 20
/* A lease beyond this is a lie or for ever. */
#define LEASE_MAX (INT64CONST(10) * 365 * 24 * 3600 * 1000)

/* Times that a refused login is tried again by reloads within VC_LOCKOUT_WAIT, settings unchanged.
 */
#define LOGINS_BY_RELOAD 2

/* Fetchers that a fetch may outlive. */
#define DEATHS_MAX 2

/* All settings with long paths and eight addresses are some 10 kB. */
#define SETTINGS_SIZE (128 * 1024)
#define FETCH_SIZE (FRAME_HEADER_SIZE + TV_KEY_TEXT_MAX + 256)
#define OWN_ANSWER_SIZE 1024

static WaitEventSet *wait_set = NULL; /* NULL: the fetcher has changed, or there is none yet */
static int socket_event;              /* in wait_set; -1: no socket */
static vc_msec flushed_at = 0;        /* 0: never */
static uint64 restarted_ticket = 0;   /* of the last restart that somebody asked for */

/* ---- answers that the keeper makes itself ---- */

static void answer_with_failure(TvFetch *fetch, enum vc_code code, const char *message,
                                const char *hint)
{
    unsigned char frame[OWN_ANSWER_SIZE];
    struct frame_writer writer;
    TvCacheAnswer answer;

    frame_begin(&writer, frame, sizeof(frame), FRAME_ANSWER, 0);
    frame_put_number(&writer, TAG_OUTCOME, code);
    frame_put_text(&writer, TAG_MESSAGE, message);
    frame_put_text(&writer, TAG_HINT, hint);
    answer = (TvCacheAnswer){
        .outcome = code,
        .payload = frame + FRAME_HEADER_SIZE,
        .len = frame_end(&writer) - FRAME_HEADER_SIZE,
        .started_ticket = tv_next_ticket(),
        .started_at = vc_now(),
        .for_reader = !fetch->background,
    };
    tv_cache_record(&fetch->key, &answer);
    tv_fetch_done(fetch);
}

/* ---- is Vault there? ---- */

static void note_outage(void)
{
    pg_atomic_write_u64(&tv_control->outage_until, vc_now() + tv_request_timeout + OUTAGE_MEMORY);
}

static void note_outcome(enum vc_code code)
{
    if (freshness_code_is_outage_of_all(code))
        note_outage();
    else if (freshness_code_shows_vault(code))
        pg_atomic_write_u64(&tv_control->outage_until, 0);
}

/* ---- what the fetcher says ---- */

/* The settings on the two sides differ: most likely a reload has reached one side only so far. */
static void hold_back(TvFetch *fetch)
{
    if (fetch->background)
        tv_fetch_done(fetch);
    else if (++fetch->held > HOLD_BACK_MAX)
        answer_with_failure(fetch, VC_CANCELLED,
                            "the settings have changed since the statement began", "Try again.");
    else
        tv_fetch_put_back(fetch, vc_now() + HOLD_BACK);
}

static enum vc_code outcome_of(const unsigned char *payload, size_t len)
{
    int64 code = frame_find_number(payload, len, TAG_OUTCOME, VC_INTERNAL);

    return code >= VC_OK && code <= VC_BAD_TEMPLATE ? (enum vc_code)code : VC_INTERNAL;
}

/* A lease that is there and over already lives for one more millisecond. */
static vc_msec lease_of(const unsigned char *payload, size_t len)
{
    struct frame_field field;

    if (!frame_find(payload, len, TAG_LEASE, &field))
        return 0;
    return Max(1, Min(frame_find_number(payload, len, TAG_LEASE, 1), LEASE_MAX));
}

static void take_answer(uint64 id, const unsigned char *payload, size_t len)
{
    TvFetch *fetch = tv_fetch_by_id(id);
    enum vc_code outcome = outcome_of(payload, len);
    TvCacheAnswer answer;

    if (fetch == NULL) /* given up meanwhile */
        return;
    if (outcome == VC_CANCELLED) {
        hold_back(fetch);
        return;
    }
    note_outcome(outcome);
    answer = (TvCacheAnswer){
        .outcome = outcome,
        .payload = payload,
        .len = len,
        .started_ticket = fetch->started_ticket,
        .started_at = fetch->started_at,
        .lease = lease_of(payload, len),
        .for_reader = !fetch->background,
    };
    tv_cache_record(&fetch->key, &answer);
    tv_fetch_done(fetch);
}

static void send_cancel(uint64 id);

/* A read that has begun may bring what is not so any more: it begins anew. */
static void begin_anew(TvFetch *fetch)
{
    send_cancel(fetch->id);
    tv_fetch_put_back(fetch, 0);
}

static void forget_key(enum frame_kind kind, const char *name)
{
    TvFetch *fetch;
    TvKey key;

    if (!tv_key_make(&key, kind, name, strlen(name), 0))
        return;
    tv_cache_drop(&key);
    fetch = tv_fetch_sent_for(&key);
    if (fetch != NULL)
        begin_anew(fetch);
}

/* What is cached carries on until it has been read. */
static void read_again(const char *tenant)
{
    TvFetch *fetch;
    TvKey key;

    if (!tv_key_make(&key, KIND_TENANT, tenant, strlen(tenant), 0))
        return;
    fetch = tv_fetch_sent_for(&key);
    if (fetch != NULL)
        begin_anew(fetch);
    else
        (void)tv_fetch_refresh(&key, vc_now() + tv_request_timeout);
}

/*
 * TvWriteEnded. What is cached of the tenant's secret has been replaced; nobody is to log in by it.
 * After a failure it may have been: it is read again.
 */
static void tenant_written(const char *tenant, enum vc_code outcome)
{
    char *path = psprintf("%s/tenants/%s/database", tv_environment, tenant);

    if (outcome == VC_OK) {
        forget_key(KIND_TENANT, tenant);
        forget_key(KIND_SECRET, path);
        forget_key(KIND_LIST, "");
    } else {
        read_again(tenant);
    }
    pfree(path);
}

static void take_frame(const struct frame_header *header, const unsigned char *payload)
{
    switch (header->type) {
    case FRAME_ANSWER:
        take_answer(header->id, payload, header->length);
        break;
    case FRAME_WRITTEN:
        note_outcome(outcome_of(payload, header->length));
        tv_writes_take_answer(header->id, payload, header->length, tenant_written);
        break;
    case FRAME_STATUS:
        tv_status_from_fetcher(payload, header->length);
        break;
    case FRAME_LOG:
        tv_fetcher_log(payload, header->length);
        break;
    default: /* a PONG has done its duty by being heard */
        break;
    }
}

/* ---- what the fetcher is told ---- */

static void put_setting(void *writer, const char *name, const char *value)
{
    frame_put_text(writer, TAG_SETTING_NAME, name);
    frame_put_text(writer, TAG_SETTING_VALUE, value != NULL ? value : "");
}

static void send_settings(void)
{
    unsigned char *frame = palloc(SETTINGS_SIZE);
    struct frame_writer writer;
    size_t scope_len, size;
    const char *scope = tv_scope(&scope_len);

    frame_begin(&writer, frame, SETTINGS_SIZE, FRAME_SETTINGS, 0);
    frame_put(&writer, TAG_SCOPE, scope, scope_len);
    frame_put_number(&writer, TAG_CACHE_TTL, tv_cache_ttl);
    frame_put_number(&writer, TAG_NEGATIVE_TTL, tv_negative_ttl);
    tv_status_put_refusal(&writer);
    tv_guc_for_each_fetcher_setting(put_setting, &writer);
    size = frame_end(&writer);
    if (size == 0 || !tv_fetcher_send(frame, size))
        ereport(WARNING, (errmsg("tenant_vault: the settings could not be handed to the fetcher"),
                          errhint("Shorten them, or call restart_fetcher().")));
    explicit_bzero(frame, SETTINGS_SIZE);
    pfree(frame);
}

/*
 * How old the platform's template may be that the fetcher builds a connection with: read since the
 * last flush, and for a refresh read now.
 */
static vc_msec template_age_max(const TvFetch *fetch, vc_msec now)
{
    vc_msec since_flush = flushed_at != 0 ? now - flushed_at : tv_cache_ttl;

    return fetch->anew ? 0 : Min(since_flush, tv_cache_ttl);
}

/* False where the fetcher takes no more now. */
static bool send_fetch(TvFetch *fetch, vc_msec now)
{
    unsigned char frame[FETCH_SIZE];
    struct frame_writer writer;
    size_t size;

    tv_fetch_sent(fetch, now);
    frame_begin(&writer, frame, sizeof(frame), FRAME_FETCH, fetch->id);
    frame_put_number(&writer, TAG_KIND, fetch->key.kind);
    frame_put(&writer, TAG_SCOPE, fetch->key.scope, fetch->key.scope_len);
    frame_put(&writer, TAG_NAME, fetch->key.name, fetch->key.name_len);
    frame_put_number(&writer, TAG_WANTED_VERSION, fetch->key.wanted_version);
    frame_put_number(&writer, TAG_TIMEOUT, Max(1, fetch->deadline - now));
    frame_put_number(&writer, TAG_CACHE_TTL, template_age_max(fetch, now));
    size = frame_end(&writer);
    if (size > 0 && tv_fetcher_send(frame, size))
        return true;
    tv_fetch_put_back(fetch, 0);
    return false;
}

static void send_cancel(uint64 id)
{
    unsigned char frame[FRAME_HEADER_SIZE];
    struct frame_writer writer;

    frame_begin(&writer, frame, sizeof(frame), FRAME_CANCEL, id);
    /* Where it cannot be sent, the answer comes and is not heard. */
    (void)tv_fetcher_send(frame, frame_end(&writer));
}

static void send_fetches(void)
{
    vc_msec now = vc_now();
    TvFetch *fetch;

    if (!tv_fetcher_running())
        return;
    while ((fetch = tv_fetch_next(now)) != NULL) {
        if (!tv_key_in_scope(&fetch->key))
            hold_back(fetch);
        else if (!send_fetch(fetch, now))
            break;
    }
}

/* ---- the fetcher's life ---- */

static void forget_wait_set(void)
{
    if (wait_set != NULL)
        FreeWaitEventSet(wait_set);
    wait_set = NULL;
}

static void start_fetcher(void)
{
    if (!tv_fetcher_start()) {
        tv_status_fetcher_ended(tv_fetcher_trouble());
        return;
    }
    forget_wait_set();
    tv_status_fetcher_started(tv_fetcher_pid());
    send_settings();
}

/* What was under way goes to the next fetcher, but not to a third. */
static void return_fetches(bool blame)
{
    TvFetch *fetch;

    while ((fetch = tv_fetch_oldest_sent()) != NULL) {
        if (blame)
            fetch->deaths++;
        if (fetch->deaths >= DEATHS_MAX)
            answer_with_failure(fetch, VC_BAD_REPLY, "the fetcher ended twice while it read this",
                                "See the server's log.");
        else
            tv_fetch_put_back(fetch, 0);
    }
}

static void fetcher_has_ended(void)
{
    forget_wait_set();
    tv_status_fetcher_ended(tv_fetcher_trouble());
    tv_writes_lost(tenant_written);
    /* One that dies of starting would end each fetch's chances at once. */
    return_fetches(tv_fetcher_had_spoken());
}

static void restart_fetcher(uint64 ticket)
{
    /* One that was asked for before the present fetcher began: there it is. */
    if (ticket < restarted_ticket)
        return;
    forget_wait_set();
    tv_fetcher_end();
    restarted_ticket = tv_next_ticket();
    tv_status_fetcher_ended("");
    tv_writes_lost(tenant_written);
    return_fetches(false);
    start_fetcher();
}

/* Nobody waits for a fetcher that does not come. */
static void tell_trouble(void)
{
    TvFetch *fetch;

    note_outage();
    while ((fetch = tv_fetch_waiting_over(0, true)) != NULL)
        answer_with_failure(fetch, VC_UNREACHABLE, tv_fetcher_trouble(), "See the server's log.");
    tv_writes_refuse(tv_fetcher_trouble());
}

static void look_after_fetcher(void)
{
    if (tv_fetcher_running() && !tv_fetcher_serve(take_frame))
        fetcher_has_ended();
    if (!tv_fetcher_running() && vc_now() >= tv_fetcher_start_at())
        start_fetcher();
    if (tv_fetcher_failing())
        tell_trouble();
}

static void end_overdue_fetches(void)
{
    vc_msec now = vc_now();
    TvFetch *fetch;

    while ((fetch = tv_fetch_oldest_sent()) != NULL && now >= fetch->deadline + ANSWER_GRACE) {
        send_cancel(fetch->id);
        answer_with_failure(fetch, VC_TIMEOUT, "the fetcher has not answered in time", NULL);
    }
    while ((fetch = tv_fetch_waiting_over(now, false)) != NULL)
        answer_with_failure(fetch, VC_TIMEOUT, "the fetcher could not be asked in time", NULL);
    tv_writes_end_overdue(ANSWER_GRACE, tenant_written);
}

/* ---- what backends ask for ---- */

static void flush(uint64 ticket)
{
    TvFlushResult result = {.ticket = ticket};
    TvFetch *fetch;

    flushed_at = vc_now();
    result.dropped = tv_cache_drop_all();
    while ((fetch = tv_fetch_oldest_sent()) != NULL)
        begin_anew(fetch);
    LWLockAcquire(tv_status_lock, LW_EXCLUSIVE);
    tv_control->flushes[tv_control->next_flush] = result;
    tv_control->next_flush = (tv_control->next_flush + 1) % TV_FLUSH_RESULTS;
    LWLockRelease(tv_status_lock);
    ConditionVariableBroadcast(&tv_control->flushed);
}

static void want(const TvRequest *request)
{
    bool refresh = request->command == TV_COMMAND_REFRESH;

    /* The answer may have come between the backend's look and its asking. */
    if (tv_cache_answers(&request->key, refresh, request->ticket))
        ConditionVariableBroadcast(tv_key_wait_queue(&request->key));
    else
        tv_fetch_want(&request->key, refresh, request->ticket, request->deadline);
}

/*
 * Somebody could not log in with what is cached: it may have been rotated in Vault since. Whoever
 * tries passwords is not to make Vault work: an entry that was just read stays, and all entries
 * together have a rate.
 */
static void suspect(const TvKey *key)
{
    static struct vc_rate_limit limit;
    vc_msec now = vc_now();

    if (limit.per_second == 0)
        vc_rate_limit_init(&limit, SUSPECTS_PER_SECOND, SUSPECTS_PER_SECOND, now);
    if (tv_key_in_scope(key) && now - tv_cache_answered_at(key) >= TV_SUSPECT_AGE &&
        vc_rate_limit_take(&limit, now) == 0)
        (void)tv_fetch_refresh(key, now + tv_request_timeout);
}

static void take_requests(void)
{
    static TvRingPlace place; /* too large for the stack of a loop */

    while (tv_fetches_room() && tv_ring_take(&place)) {
        switch (place.request.command) {
        case TV_COMMAND_FETCH:
        case TV_COMMAND_REFRESH:
            want(&place.request);
            break;
        case TV_COMMAND_SUSPECT:
            suspect(&place.request.key);
            break;
        case TV_COMMAND_VERIFIER:
            tv_cache_keep_verifier(&place.request.key, place.request.ticket,
                                   place.request.verifier);
            explicit_bzero(place.request.verifier, TV_VERIFIER_SIZE);
            break;
        case TV_COMMAND_FLUSH:
            flush(place.request.ticket);
            break;
        case TV_COMMAND_RESTART_FETCHER:
            restart_fetcher(place.request.ticket);
            break;
        }
    }
}

/* ---- the loop ---- */

static bool refresh_due(const TvKey *key)
{
    /* An entry of other settings ages until it is over. */
    return !tv_key_in_scope(key) || tv_fetch_refresh(key, vc_now() + tv_request_timeout);
}

static void sweep(void)
{
    static vc_msec swept_at = 0;
    vc_msec now = vc_now();

    if (now - swept_at < SWEEP_EVERY)
        return;
    swept_at = now;
    tv_cache_sweep(refresh_due);
}

static void hash_setting(void *hash, const char *name, const char *value)
{
    uint64 *sum = hash;

    *sum = hash_bytes_extended((const unsigned char *)name, strlen(name), *sum);
    if (value != NULL)
        *sum = hash_bytes_extended((const unsigned char *)value, strlen(value), *sum);
}

/*
 * A reload is to try a refused login again, but Vault locks a role out at the fifth refusal: the
 * same settings get only so many more. A change of the credential's file is the fetcher's to see.
 */
static bool may_retry_login(void)
{
    static struct {
        uint64 settings;
        vc_msec since;
        int count;
    } retried;
    uint64 settings = 0;
    vc_msec now = vc_now();

    if (!tv_status_has_refusal())
        return true;
    tv_guc_for_each_fetcher_setting(hash_setting, &settings);
    if (settings != retried.settings || now - retried.since >= VC_LOCKOUT_WAIT) {
        retried.settings = settings;
        retried.since = now;
        retried.count = 0;
    }
    return retried.count++ < LOGINS_BY_RELOAD;
}

static void reload(void)
{
    ConfigReloadPending = false;
    ProcessConfigFile(PGC_SIGHUP);
    if (may_retry_login())
        tv_status_forget_refusal();
    else
        ereport(LOG, (errmsg("tenant_vault: this reload does not try the refused login again"),
                      errdetail("Vault locks a role out after five refused logins."),
                      errhint("Supply another credential, or reload again later.")));
    if (tv_fetcher_running())
        send_settings();
}

static bool idle(void)
{
    return tv_fetches_sent() == 0 && pg_atomic_read_u64(&tv_control->cache_entries) == 0;
}

static long time_to_wait(void)
{
    vc_msec now = vc_now();
    vc_msec wake_at = now + (idle() ? IDLE_TICK : SWEEP_EVERY);
    vc_msec held_until = tv_fetch_held_until(now);

    if (held_until != 0)
        wake_at = Min(wake_at, held_until);
    if (!tv_fetcher_running())
        wake_at = Min(wake_at, tv_fetcher_start_at());
    return Max(0, wake_at - now);
}

static void prepare_wait_set(void)
{
    int wanted = WL_SOCKET_READABLE | (tv_fetcher_wants_write() ? WL_SOCKET_WRITEABLE : 0);

    if (wait_set == NULL) {
        wait_set = tv_wait_event_set_create(3);
        AddWaitEventToSet(wait_set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
        AddWaitEventToSet(wait_set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
        socket_event = -1;
        if (tv_fetcher_running())
            socket_event = AddWaitEventToSet(wait_set, wanted, tv_fetcher_socket(), NULL, NULL);
    } else if (socket_event >= 0) {
        ModifyWaitEvent(wait_set, socket_event, wanted, NULL);
    }
}

static void wait_for_something(uint32 wait_event)
{
    WaitEvent event;

    prepare_wait_set();
    if (WaitEventSetWait(wait_set, time_to_wait(), &event, 1, wait_event) == 1 &&
        (event.events & WL_LATCH_SET) != 0)
        ResetLatch(MyLatch);
    CHECK_FOR_INTERRUPTS();
}

static void turn(void)
{
    if (ConfigReloadPending)
        reload();
    take_requests();
    look_after_fetcher();
    end_overdue_fetches();
    sweep();
    tv_writes_send();
    send_fetches();
    /* What was just queued leaves now, not at the next turn. */
    if (tv_fetcher_wants_write() && !tv_fetcher_serve(take_frame))
        fetcher_has_ended();
    tv_status_fetches_under_way(tv_fetches_sent());
}

/* ---- beginning and end ---- */

/* Every way out leads here but a signal that nothing survives: then the socket's end tells the
 * fetcher. */
static void clean_up(int code, Datum argument)
{
    /* An ERROR may have come under a lock, and the following needs them. */
    LWLockReleaseAll();
    tv_ring_set_keeper(0, NULL);
    if (PostmasterIsAlive()) {
        tv_fetcher_end();
    } else {
        tv_fetcher_abandon();
        tv_hba_file_remove(); /* the postmaster was killed and could not */
    }
    tv_status_keeper_ended();
}

static void take_over(void)
{
    before_shmem_exit(clean_up, (Datum)0);
    tv_cache_adopt();
    tv_fetches_init();
    tv_writes_lost(tenant_written);
    tv_status_keeper_started(MyProcPid);
    tv_ring_set_keeper(MyProcPid, MyLatch);
    /* Whoever waited for the one before asks again. */
    pg_atomic_fetch_add_u64(&tv_control->keeper_epoch, 1);
    for (int i = 0; i < TV_WAIT_QUEUES; i++)
        ConditionVariableBroadcast(&tv_control->answered[i]);
}

void tv_keeper_main(Datum argument)
{
    MemoryContext turn_context;
    uint32 wait_event;

    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
    BackgroundWorkerUnblockSignals();

    wait_event = tv_wait_event("TenantVaultKeeper");
    turn_context =
        AllocSetContextCreate(TopMemoryContext, "tenant_vault keeper", ALLOCSET_DEFAULT_SIZES);
    take_over();
    while (!ShutdownRequestPending) {
        MemoryContextSwitchTo(turn_context);
        turn();
        wait_for_something(wait_event);
        MemoryContextReset(turn_context);
    }
    /* Not 0: after that the postmaster would never start it again. */
    proc_exit(1);
}

void tv_keeper_register(void)
{
    BackgroundWorker worker = {
        .bgw_flags = BGWORKER_SHMEM_ACCESS,
        .bgw_start_time = BgWorkerStart_PostmasterStart,
        .bgw_restart_time = RESTART_SECONDS,
        .bgw_library_name = "tenant_vault",
        .bgw_function_name = "tv_keeper_main",
        .bgw_name = "tenant_vault keeper",
        .bgw_type = "tenant_vault keeper",
    };

    RegisterBackgroundWorker(&worker);
}
