/*
 * status.c - what the status and cached_secrets views show: the keeper writes it, backends read it.
 */
#include "postgres.h"

#include "guc.h"
#include "miss_ring.h"
#include "secret_cache.h"
#include "status.h"

/* Requests per second are counted over windows of this length (us), and shown while the next one
 * runs. */
#define RATE_WINDOW (5 * USECS_PER_SEC)

/* Grows with the cache: rows are copied in portions of this many. */
#define ROWS_FIRST 256

/* ---- written by the keeper ---- */

/* What earlier fetchers of this keeper have counted, and the window of the rate. Private to the
 * keeper. */
static struct {
    int64 requests, logins, login_failures, renewals, renewal_failures, failures;
    TimestampTz window_start;
    int64 window_requests;
} counted;

static void keep_counts(const TvStatus *status)
{
    counted.requests = status->vault_requests;
    counted.logins = status->logins;
    counted.login_failures = status->login_failures;
    counted.renewals = status->renewals;
    counted.renewal_failures = status->renewal_failures;
    counted.failures = status->failures;
}

void tv_status_keeper_started(int pid)
{
    TvStatus *status = &tv_control->status;

    LWLockAcquire(tv_status_lock, LW_EXCLUSIVE);
    status->keeper_pid = pid;
    status->keeper_started_at = GetCurrentTimestamp();
    status->fetcher_pid = 0;
    status->inflight = 0;
    keep_counts(status);
    if (PgReloadTime > tv_control->refusal_at) /* a reload while there was no keeper */
        tv_control->refusal_len = 0;
    LWLockRelease(tv_status_lock);
}

static void forget_fetcher(TvStatus *status)
{
    keep_counts(status);
    status->fetcher_pid = 0;
    status->fetcher_started_at = 0;
    status->inflight = 0;
    status->logged_in = false;
    status->token_expires_at = 0;
}

void tv_status_keeper_ended(void)
{
    LWLockAcquire(tv_status_lock, LW_EXCLUSIVE);
    tv_control->status.keeper_pid = 0;
    tv_control->status.keeper_started_at = 0;
    forget_fetcher(&tv_control->status);
    LWLockRelease(tv_status_lock);
}

void tv_status_fetcher_started(int pid)
{
    LWLockAcquire(tv_status_lock, LW_EXCLUSIVE);
    tv_control->status.fetcher_pid = pid;
    tv_control->status.fetcher_started_at = GetCurrentTimestamp();
    tv_control->status.fetcher_starts++;
    tv_control->fetcher_trouble[0] = '\0';
    LWLockRelease(tv_status_lock);
}

void tv_status_fetcher_ended(const char *trouble)
{
    LWLockAcquire(tv_status_lock, LW_EXCLUSIVE);
    forget_fetcher(&tv_control->status);
    strlcpy(tv_control->fetcher_trouble, trouble, sizeof(tv_control->fetcher_trouble));
    if (trouble[0] != '\0') {
        strlcpy(tv_control->status.last_error, trouble, sizeof(tv_control->status.last_error));
        tv_control->status.last_error_at = GetCurrentTimestamp();
    }
    LWLockRelease(tv_status_lock);
}

void tv_status_fetches_under_way(int count)
{
    /* Read without the lock: the keeper alone writes it. */
    if (tv_control->status.inflight == count)
        return;
    LWLockAcquire(tv_status_lock, LW_EXCLUSIVE);
    tv_control->status.inflight = count;
    LWLockRelease(tv_status_lock);
}

/*
 * A text field, cut to fit. The views show it as it is, in whatever encoding a database has: what
 * is not printable ASCII is replaced.
 */
static void copy_text(const unsigned char *payload, size_t len, uint8 tag, char *to, size_t size)
{
    struct frame_field field = {.len = 0};
    size_t n;

    (void)frame_find(payload, len, tag, &field);
    n = Min(field.len, size - 1);
    for (size_t i = 0; i < n; i++)
        to[i] = field.data[i] < 0x20 || field.data[i] >= 0x7f ? '?' : field.data[i];
    to[n] = '\0';
}

static TimestampTz ms_from_now(TimestampTz now, int64 ms)
{
    /* A hostile number must not overflow: 100 years are for ever. */
    const int64 most = INT64CONST(100) * 366 * SECS_PER_DAY * 1000;

    return now + Max(-most, Min(ms, most)) * 1000;
}

static void copy_token(TvStatus *status, const unsigned char *payload, size_t len, TimestampTz now)
{
    int64 ttl = frame_find_number(payload, len, TAG_ST_TOKEN_TTL, 0);

    status->logged_in = frame_find_number(payload, len, TAG_ST_LOGGED_IN, 0) != 0;
    status->can_log_in_again = frame_find_number(payload, len, TAG_ST_CAN_LOG_IN, 0) != 0;
    status->token_renewable = frame_find_number(payload, len, TAG_ST_TOKEN_RENEWABLE, 0) != 0;
    status->token_never_expires =
        frame_find_number(payload, len, TAG_ST_TOKEN_NEVER_EXPIRES, 0) != 0;
    status->token_expires_at = ttl > 0 ? ms_from_now(now, ttl) : 0;
}

static void copy_error(TvStatus *status, const unsigned char *payload, size_t len, TimestampTz now)
{
    struct frame_field field;

    if (!frame_find(payload, len, TAG_ST_ERROR, &field))
        return; /* the last one stays the last one */
    copy_text(payload, len, TAG_ST_ERROR, status->last_error, sizeof(status->last_error));
    status->last_error_at = ms_from_now(now, -frame_find_number(payload, len, TAG_ST_ERROR_AGE, 0));
}

static void copy_refusal(const unsigned char *payload, size_t len, TimestampTz now)
{
    struct frame_field field;

    tv_control->refusal_len = 0;
    if (!frame_find(payload, len, TAG_ST_REFUSAL, &field) || field.len > TV_REFUSAL_SIZE)
        return;
    memcpy(tv_control->refusal, field.data, field.len);
    tv_control->refusal_len = field.len;
    tv_control->refusal_at = now;
}

static void update_rate(TvStatus *status, TimestampTz now)
{
    TimestampTz passed = now - counted.window_start;

    /* A clock that was set back begins a new window. */
    if (counted.window_start != 0 && passed >= 0 && passed < RATE_WINDOW)
        return;
    if (counted.window_start != 0 && passed > 0)
        status->requests_per_second =
            (double)(status->vault_requests - counted.window_requests) * USECS_PER_SEC / passed;
    counted.window_start = now;
    counted.window_requests = status->vault_requests;
}

static void add_counts(TvStatus *status, const unsigned char *payload, size_t len)
{
    const struct {
        int64 *sum, before;
        uint8 tag;
    } counts[] = {
        {&status->vault_requests, counted.requests, TAG_ST_REQUESTS},
        {&status->logins, counted.logins, TAG_ST_LOGINS},
        {&status->login_failures, counted.login_failures, TAG_ST_LOGIN_FAILURES},
        {&status->renewals, counted.renewals, TAG_ST_RENEWALS},
        {&status->renewal_failures, counted.renewal_failures, TAG_ST_RENEWAL_FAILURES},
        {&status->failures, counted.failures, TAG_ST_FAILURES},
    };

    for (size_t i = 0; i < lengthof(counts); i++)
        *counts[i].sum = counts[i].before + frame_find_number(payload, len, counts[i].tag, 0);
}

void tv_status_from_fetcher(const unsigned char *payload, size_t len)
{
    TvStatus *status = &tv_control->status;
    TimestampTz now = GetCurrentTimestamp();

    LWLockAcquire(tv_status_lock, LW_EXCLUSIVE);
    copy_text(payload, len, TAG_ST_ADDRESS, status->vault_address, sizeof(status->vault_address));
    copy_text(payload, len, TAG_ST_HEALTH, status->vault_health, sizeof(status->vault_health));
    status->vault_reachable = frame_find_number(payload, len, TAG_ST_REACHABLE, 0) != 0;
    copy_token(status, payload, len, now);
    add_counts(status, payload, len);
    copy_error(status, payload, len, now);
    copy_refusal(payload, len, now);
    status->last_status_at = now;
    update_rate(status, now);
    LWLockRelease(tv_status_lock);
}

void tv_status_put_refusal(struct frame_writer *writer)
{
    LWLockAcquire(tv_status_lock, LW_SHARED);
    if (tv_control->refusal_len > 0)
        frame_put(writer, TAG_REFUSAL, tv_control->refusal, tv_control->refusal_len);
    LWLockRelease(tv_status_lock);
}

void tv_status_forget_refusal(void)
{
    LWLockAcquire(tv_status_lock, LW_EXCLUSIVE);
    tv_control->refusal_len = 0;
    LWLockRelease(tv_status_lock);
}

/* Read without the lock: the keeper alone writes it. */
bool tv_status_has_refusal(void)
{
    return tv_control->refusal_len > 0;
}

/* ---- read by backends ---- */

void tv_status_fetcher_trouble(char *text, size_t size)
{
    LWLockAcquire(tv_status_lock, LW_SHARED);
    strlcpy(text, tv_control->fetcher_trouble, size);
    LWLockRelease(tv_status_lock);
}

static void sum_counters(TvStatus *status)
{
    status->hits = status->misses = status->stale_served = 0;
    for (int i = 0; i < TV_LOGIN_ENDS; i++)
        status->role_logins[i] = pg_atomic_read_u64(&tv_control->role_logins[i]);
    for (int i = 0; i < TV_PARTITIONS; i++) {
        status->hits += pg_atomic_read_u64(&tv_control->counters[i].hits);
        status->misses += pg_atomic_read_u64(&tv_control->counters[i].misses);
        status->stale_served += pg_atomic_read_u64(&tv_control->counters[i].stale_served);
    }
}

void tv_status_count_login(enum tv_login_end end)
{
    pg_atomic_fetch_add_u64(&tv_control->role_logins[end], 1);
}

void tv_status_get(TvStatus *status)
{
    TimestampTz now = GetCurrentTimestamp();

    LWLockAcquire(tv_status_lock, LW_SHARED);
    *status = tv_control->status;
    LWLockRelease(tv_status_lock);

    /* The rate of a time in which no frame came is 0, not that of the last window with requests. */
    if (now - status->last_status_at > 2 * RATE_WINDOW)
        status->requests_per_second = 0;
    status->waiters = pg_atomic_read_u32(&tv_control->waiters);
    status->cache_entries = pg_atomic_read_u64(&tv_control->cache_entries);
    status->cache_slots = tv_control->slot_count;
    status->cache_bytes = pg_atomic_read_u64(&tv_control->cache_bytes);
    status->cache_size = tv_control->area_size;
    status->evictions = pg_atomic_read_u64(&tv_control->evictions);
    status->outage = tv_outage_now(vc_now());
    sum_counters(status);
}

static TimestampTz wall_clock(vc_msec at, vc_msec now, TimestampTz wall_now)
{
    return at == 0 ? 0 : ms_from_now(wall_now, at - now);
}

static void fill_row(TvCachedRow *row, const TvSlot *slot, const TvKey *key)
{
    struct freshness_settings settings = tv_freshness_settings();
    vc_msec now = vc_now();
    TimestampTz wall_now = GetCurrentTimestamp();
    const TvBlob *blob = tv_blob(DsaPointerIsValid(slot->value) ? slot->value : slot->failure);
    const unsigned char *payload = tv_blob_payload(blob);
    vc_msec used = pg_atomic_read_u64(unconstify(pg_atomic_uint64 *, &slot->last_used));

    memset(row, 0, sizeof(*row));
    row->kind = key->kind;
    memcpy(row->name, key->name, Min(key->name_len, sizeof(row->name) - 1));
    row->wanted_version = key->wanted_version;
    row->version = frame_find_number(payload, blob->payload_len, TAG_VERSION, 0);
    copy_text(payload, blob->payload_len, TAG_CREATED_TIME, row->created_time,
              sizeof(row->created_time));
    copy_text(payload, blob->payload_len, TAG_REQUEST_ID, row->request_id, sizeof(row->request_id));
    row->fetched_at = wall_clock(slot->state.has_value ? slot->state.fetched_at : 0, now, wall_now);
    row->last_used_at = wall_clock(used, now, wall_now);
    row->fresh_until = wall_clock(freshness_fresh_until(&slot->state, &settings), now, wall_now);
    row->expires_at = wall_clock(slot->state.has_value ? slot->state.lease_end : 0, now, wall_now);
    row->outcome = slot->state.outcome;
    row->bytes = tv_blob_size(blob) + sizeof(TvSlot);
}

typedef struct Rows {
    TvCachedRow *rows;
    int count, room;
} Rows;

/* Adds the chain's entries of the present scope. False where there is no room: make some, and come
 * again. */
static bool add_chain(Rows *rows, uint32 bucket)
{
    int before = rows->count;

    for (int32 i = tv_buckets[bucket].first; i >= 0; i = tv_slots[i].next) {
        TvKey key;

        tv_slot_key(&tv_slots[i], &key);
        if (!tv_key_in_scope(&key))
            continue;
        if (rows->count == rows->room) {
            rows->count = before;
            return false;
        }
        fill_row(&rows->rows[rows->count++], &tv_slots[i], &key);
    }
    return true;
}

TvCachedRow *tv_cached_rows(int *count)
{
    Rows rows = {.room = ROWS_FIRST};
    bool fits;

    rows.rows = palloc(sizeof(TvCachedRow) * rows.room);
    for (uint32 bucket = 0; bucket < tv_control->bucket_count; bucket++) {
        LWLock *lock = &tv_partition_locks[bucket % TV_PARTITIONS].lock;

        if (tv_buckets[bucket].first < 0) /* a glance without the lock: most are empty */
            continue;
        /* No memory is allocated under the lock: that could fail, or wait. */
        for (;;) {
            LWLockAcquire(lock, LW_SHARED);
            fits = add_chain(&rows, bucket);
            LWLockRelease(lock);
            if (fits)
                break;
            rows.room *= 2;
            rows.rows = repalloc_huge(rows.rows, sizeof(TvCachedRow) * rows.room);
        }
    }
    *count = rows.count;
    return rows.rows;
}
