/*
 * cache_writer.c - inserting, evicting, wiping. Called by the keeper alone.
 *
 * An entry is evicted by second chance: a hand goes round, passes by each entry that was used since
 * it last came there, and takes the first that was not. An entry without a value gets no second
 * chance.
 */
#include "postgres.h"

#include "cache_writer.h"

/* Slots looked at in one turn of the keeper's loop: some 50 us, and 100,000 slots in 25 turns. */
#define SWEEP_SLOTS 4096

/*
 * A value beyond this share of the area would, with the space between others' values, cost nearly
 * all of them: it counts as one that does not fit.
 */
#define VALUE_SHARE_OF_AREA 4

/* What the keeper answers in place of a value that does not fit, and its hint. */
#define TOO_LARGE_MESSAGE "the secret does not fit into the cache"
#define TOO_LARGE_HINT "Raise tenant_vault.cache_size."
#define TOO_LARGE_PAYLOAD_SIZE 256

static int32 free_slots = -1; /* a list by TvSlot.next */
static int32 hand = 0;        /* of eviction */
static int32 sweep_at = 0;

/* ---- slots ---- */

static void add_to(pg_atomic_uint64 *counter, int64 n)
{
    pg_atomic_write_u64(counter, pg_atomic_read_u64(counter) + n);
}

static TvBucket *bucket_of(const TvSlot *slot)
{
    return &tv_buckets[slot->hash & (tv_control->bucket_count - 1)];
}

static LWLock *lock_of(const TvSlot *slot)
{
    return &tv_partition_locks[slot->hash % TV_PARTITIONS].lock;
}

static int32 index_of(const TvSlot *slot)
{
    return slot - tv_slots;
}

void tv_cache_adopt(void)
{
    int64 entries = 0, bytes = 0;

    free_slots = -1;
    for (int32 i = tv_control->slot_count - 1; i >= 0; i--) {
        TvSlot *slot = &tv_slots[i];

        if (!tv_slot_in_use(slot)) {
            slot->next = free_slots;
            free_slots = i;
            continue;
        }
        entries++;
        if (DsaPointerIsValid(slot->value))
            bytes += tv_blob_size(tv_blob(slot->value));
        if (DsaPointerIsValid(slot->failure))
            bytes += tv_blob_size(tv_blob(slot->failure));
    }
    pg_atomic_write_u64(&tv_control->cache_entries, entries);
    pg_atomic_write_u64(&tv_control->cache_bytes, bytes);
}

static void point_to_likely_value(TvBucket *bucket)
{
    bucket->likely = bucket->first >= 0 ? tv_slots[bucket->first].value : InvalidDsaPointer;
}

/* The lock is held. */
static void unlink_slot(TvSlot *slot)
{
    TvBucket *bucket = bucket_of(slot);
    int32 *link = &bucket->first;

    while (*link != index_of(slot))
        link = &tv_slots[*link].next;
    *link = slot->next;
    point_to_likely_value(bucket);
}

static void wipe_blob(dsa_pointer pointer)
{
    TvBlob *blob;
    Size size;

    if (!DsaPointerIsValid(pointer))
        return;
    blob = tv_area_address(pointer);
    size = tv_blob_size(blob);
    explicit_bzero(blob, size);
    add_to(&tv_control->cache_bytes, -(int64)size);
    dsa_free(tv_area(), pointer);
}

static void drop_slot(TvSlot *slot)
{
    LWLock *lock = lock_of(slot);
    dsa_pointer value = slot->value, failure = slot->failure;

    LWLockAcquire(lock, LW_EXCLUSIVE);
    unlink_slot(slot);
    slot->value = slot->failure = InvalidDsaPointer;
    LWLockRelease(lock);

    slot->next = free_slots;
    free_slots = index_of(slot);
    add_to(&tv_control->cache_entries, -1);
    wipe_blob(value);
    wipe_blob(failure);
}

/* ---- eviction ---- */

static bool has_second_chance(TvSlot *slot)
{
    vc_msec used = pg_atomic_read_u64(&slot->last_used);
    bool used_since = used != slot->seen_used;

    slot->seen_used = used;
    return used_since && slot->state.has_value;
}

/* False where there is nothing left to evict. */
static bool evict_one(void)
{
    /* The second time round only those have a chance left who are used this very moment. */
    for (int64 steps = 0; steps < 3 * (int64)tv_control->slot_count; steps++) {
        TvSlot *slot = &tv_slots[hand];

        hand = (hand + 1) % tv_control->slot_count;
        if (!tv_slot_in_use(slot) || has_second_chance(slot))
            continue;
        drop_slot(slot);
        add_to(&tv_control->evictions, 1);
        return true;
    }
    return false;
}

/* ---- blobs ---- */

static dsa_pointer allocate(Size size, bool evict)
{
    dsa_pointer pointer;

    for (;;) {
        pointer = dsa_allocate_extended(tv_area(), size, DSA_ALLOC_NO_OOM);
        if (DsaPointerIsValid(pointer) || !evict || !evict_one())
            break;
    }
    if (DsaPointerIsValid(pointer) &&
        tv_area_address(pointer) != dsa_get_address(tv_area(), pointer))
        elog(ERROR, "the cache's area is not one segment");
    return pointer;
}

/* What a verifier needs in a payload; 0 where there is none. */
static Size verifier_size(const char *verifier)
{
    return verifier[0] != '\0' ? FRAME_FIELD_HEADER_SIZE + strlen(verifier) : 0;
}

static void append_verifier(char *at, const char *verifier)
{
    uint32 len = strlen(verifier);

    if (len == 0)
        return;
    *at++ = TAG_DERIVED_VERIFIER;
    memcpy(at, &len, sizeof(len));
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): a field's text carries no NUL */
    memcpy(at + sizeof(len), verifier, len);
}

/* Invalid where it does not fit. verifier: to be added to the payload, or "". */
static dsa_pointer make_blob(const TvKey *key, const unsigned char *payload, Size len,
                             const char *verifier, bool evict)
{
    Size payload_len = len + verifier_size(verifier);
    Size size = offsetof(TvBlob, bytes) + key->scope_len + key->name_len + payload_len;
    dsa_pointer pointer;
    TvBlob *blob;
    char *at;

    if (size > tv_control->area_size / VALUE_SHARE_OF_AREA)
        return InvalidDsaPointer;
    pointer = allocate(size, evict);
    if (!DsaPointerIsValid(pointer))
        return pointer;

    blob = tv_area_address(pointer);
    blob->wanted_version = key->wanted_version;
    blob->payload_len = payload_len;
    blob->scope_len = key->scope_len;
    blob->name_len = key->name_len;
    blob->kind = key->kind;
    at = blob->bytes;
    memcpy(at, key->scope, key->scope_len);
    memcpy(at + key->scope_len, key->name, key->name_len);
    at += key->scope_len + key->name_len;
    memcpy(at, payload, len);
    append_verifier(at + len, verifier);
    add_to(&tv_control->cache_bytes, size);
    return pointer;
}

/* ---- recording ---- */

static TvSlot *take_free_slot(void)
{
    TvSlot *slot;

    while (free_slots < 0) {
        if (!evict_one())
            return NULL;
    }
    slot = &tv_slots[free_slots];
    free_slots = slot->next;
    return slot;
}

/* Everything of a new slot but its blobs and its place in the chain. */
static void prepare_slot(TvSlot *slot, const TvKey *key)
{
    slot->hash = key->hash;
    slot->state = (struct freshness_entry){.outcome = VC_OK};
    slot->seen_used = 0;
    pg_atomic_write_u64(&slot->last_used, 0);
}

/* The lock is held. */
static void link_slot(TvSlot *slot)
{
    TvBucket *bucket = bucket_of(slot);

    slot->next = bucket->first;
    bucket->first = index_of(slot);
}

/* What will be known of the key with this answer; slot is NULL where nothing is yet. */
static struct freshness_entry state_with(const TvSlot *slot, const TvCacheAnswer *answer)
{
    struct freshness_settings settings = tv_freshness_settings();
    struct freshness_entry state = {.outcome = VC_OK};

    if (slot != NULL)
        state = slot->state;
    freshness_record(&state, &settings, answer->outcome, answer->started_at, vc_now(),
                     answer->lease);
    return state;
}

/* Puts the new blob in place of what it replaces, and wipes that. */
static void put_into(TvSlot *slot, bool is_new, const TvCacheAnswer *answer,
                     const struct freshness_entry *state, dsa_pointer blob)
{
    LWLock *lock = lock_of(slot);
    dsa_pointer old_value = slot->value, old_failure = slot->failure;

    LWLockAcquire(lock, LW_EXCLUSIVE);
    slot->state = *state;
    slot->started_ticket = answer->started_ticket;
    slot->answered_ticket = tv_next_ticket();
    if (answer->outcome == VC_OK) {
        slot->value = blob;
        slot->failure = InvalidDsaPointer;
    } else {
        slot->failure = blob;
        if (!state->has_value)
            slot->value = InvalidDsaPointer;
        else
            old_value = InvalidDsaPointer; /* stays where it is */
    }
    if (is_new)
        link_slot(slot);
    point_to_likely_value(bucket_of(slot));
    LWLockRelease(lock);

    /* As old as the value: what counts for refreshing it is a use after that. */
    if (answer->for_reader)
        pg_atomic_write_u64(&slot->last_used, answer->started_at);
    if (is_new)
        add_to(&tv_control->cache_entries, 1);
    wipe_blob(old_value);
    wipe_blob(old_failure);
}

/* What was derived of the value that is there, where the answer brings the same password; else "".
 */
static void carry_verifier(const TvSlot *slot, const TvCacheAnswer *answer,
                           char verifier[TV_VERIFIER_SIZE])
{
    struct frame_field derived, old_password, new_password;
    const unsigned char *old;
    const TvBlob *blob;

    verifier[0] = '\0';
    if (slot == NULL || !DsaPointerIsValid(slot->value) || answer->outcome != VC_OK)
        return;
    blob = tv_blob(slot->value);
    old = tv_blob_payload(blob);
    if (!frame_find(old, blob->payload_len, TAG_DERIVED_VERIFIER, &derived) ||
        derived.len >= TV_VERIFIER_SIZE ||
        !frame_find(old, blob->payload_len, TAG_PASSWORD, &old_password) ||
        !frame_find(answer->payload, answer->len, TAG_PASSWORD, &new_password) ||
        old_password.len != new_password.len ||
        memcmp(old_password.data, new_password.data, old_password.len) != 0)
        return;
    memcpy(verifier, derived.data, derived.len);
    verifier[derived.len] = '\0';
}

/*
 * Returns false where there is no room. A failure beside a value that carries on evicts nobody: its
 * text is left out where there is no room for it.
 */
static bool store(const TvKey *key, const TvCacheAnswer *answer)
{
    TvSlot *slot = tv_cache_find(key);
    struct freshness_entry state = state_with(slot, answer);
    bool carries_on = answer->outcome != VC_OK && state.has_value;
    char verifier[TV_VERIFIER_SIZE];
    dsa_pointer blob;
    bool is_new;

    carry_verifier(slot, answer, verifier); /* a copy: the old blob may be evicted for the new */
    blob = make_blob(key, answer->payload, answer->len, verifier, !carries_on);
    explicit_bzero(verifier, sizeof(verifier));
    if (!DsaPointerIsValid(blob) && !carries_on)
        return false;
    slot = tv_cache_find(key); /* making room may have evicted the very entry */
    is_new = slot == NULL;
    if (is_new) {
        slot = take_free_slot();
        if (slot == NULL) {
            wipe_blob(blob);
            return false;
        }
        prepare_slot(slot, key);
    }
    put_into(slot, is_new, answer, &state, blob);
    return true;
}

static void store_too_large(const TvKey *key, const TvCacheAnswer *too_large)
{
    unsigned char frame[TOO_LARGE_PAYLOAD_SIZE];
    struct frame_writer writer;
    TvCacheAnswer answer = *too_large;
    TvSlot *slot = tv_cache_find(key);

    /* Older than what Vault holds now, and that is known: no outage. */
    if (slot != NULL)
        drop_slot(slot);
    frame_begin(&writer, frame, sizeof(frame), FRAME_ANSWER, 0);
    frame_put_number(&writer, TAG_OUTCOME, VC_REPLY_TOO_LARGE);
    frame_put_text(&writer, TAG_MESSAGE, TOO_LARGE_MESSAGE);
    frame_put_text(&writer, TAG_HINT, TOO_LARGE_HINT);
    answer.outcome = VC_REPLY_TOO_LARGE;
    answer.lease = 0;
    answer.len = frame_end(&writer) - FRAME_HEADER_SIZE;
    answer.payload = frame + FRAME_HEADER_SIZE;
    store(key, &answer);
}

enum vc_code tv_cache_record(const TvKey *key, const TvCacheAnswer *answer)
{
    enum vc_code stored = answer->outcome;

    if (!store(key, answer)) {
        stored = VC_REPLY_TOO_LARGE;
        store_too_large(key, answer);
    }
    ConditionVariableBroadcast(tv_key_wait_queue(key));
    return stored;
}

/* How much of a payload came from Vault: what was derived stands behind it. */
static Size len_from_vault(const TvBlob *blob, struct frame_field *derived)
{
    const unsigned char *payload = tv_blob_payload(blob);

    if (!frame_find(payload, blob->payload_len, TAG_DERIVED_VERIFIER, derived))
        return blob->payload_len;
    return derived->data - FRAME_FIELD_HEADER_SIZE - payload;
}

void tv_cache_keep_verifier(const TvKey *key, uint64 read_ticket, const char *verifier)
{
    TvSlot *slot = tv_cache_find(key);
    struct frame_field derived;
    dsa_pointer old, blob;
    const TvBlob *old_blob;
    Size len;

    if (slot == NULL || !DsaPointerIsValid(slot->value) || slot->started_ticket != read_ticket)
        return;
    old = slot->value;
    old_blob = tv_blob(old);
    len = len_from_vault(old_blob, &derived);
    if (derived.len == strlen(verifier) && memcmp(derived.data, verifier, derived.len) == 0)
        return;
    /* Evicts nobody: it can be derived again. */
    blob = make_blob(key, tv_blob_payload(old_blob), len, verifier, false);
    if (!DsaPointerIsValid(blob))
        return;
    LWLockAcquire(lock_of(slot), LW_EXCLUSIVE);
    slot->value = blob;
    LWLockRelease(lock_of(slot));
    wipe_blob(old);
}

/* ---- asking, flushing, sweeping: the keeper reads without a lock what it alone writes ---- */

bool tv_cache_answers(const TvKey *key, bool refresh, uint64 ticket)
{
    TvSlot *slot = tv_cache_find(key);

    return slot != NULL && (refresh ? slot->started_ticket : slot->answered_ticket) > ticket;
}

vc_msec tv_cache_answered_at(const TvKey *key)
{
    TvSlot *slot = tv_cache_find(key);

    return slot != NULL ? Max(slot->state.answered_at, slot->state.fetched_at) : 0;
}

void tv_cache_drop(const TvKey *key)
{
    TvSlot *slot = tv_cache_find(key);

    if (slot != NULL)
        drop_slot(slot);
}

int64 tv_cache_drop_all(void)
{
    int64 dropped = 0;

    for (int32 i = 0; i < tv_control->slot_count; i++) {
        if (!tv_slot_in_use(&tv_slots[i]))
            continue;
        drop_slot(&tv_slots[i]);
        dropped++;
    }
    return dropped;
}

/* Returns true where the entry is to be read again, with its key. */
static bool sweep_slot(TvSlot *slot, const struct freshness_settings *settings, vc_msec now,
                       TvKey *key)
{
    if (!tv_slot_in_use(slot))
        return false;
    if (freshness_over(&slot->state, settings, now)) {
        drop_slot(slot);
        return false;
    }
    if (!freshness_refresh_due(&slot->state, settings, pg_atomic_read_u64(&slot->last_used),
                               (uint32)(slot->hash >> 32), now))
        return false;
    tv_slot_key(slot, key);
    return true;
}

void tv_cache_sweep(bool (*due)(const TvKey *key))
{
    struct freshness_settings settings = tv_freshness_settings();
    vc_msec now = vc_now();
    int32 steps = Min(SWEEP_SLOTS, tv_control->slot_count);
    bool takes_more = true;
    TvKey key;

    if (pg_atomic_read_u64(&tv_control->cache_entries) == 0)
        return;
    while (steps-- > 0) {
        if (sweep_slot(&tv_slots[sweep_at], &settings, now, &key) && takes_more)
            takes_more = due(&key);
        sweep_at = (sweep_at + 1) % tv_control->slot_count;
    }
}
