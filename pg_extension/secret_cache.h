/*
 * secret_cache.h - the shared cache as its readers see it: keys, slots, and how to find one.
 *
 * A slot is found by a hash of its key and then by comparison of the whole key, under the lock of
 * its partition. Backends read; the keeper alone writes (cache_writer.h).
 */
#ifndef TV_SECRET_CACHE_H
#define TV_SECRET_CACHE_H

#include "postgres.h"

#include "frame.h"
#include "freshness.h"
#include "shared_state.h"

/*
 * Bytes of scope and name together. Namespace, mount and path have up to 512 bytes each
 * (tenant_layout.h); real ones stay below 200 together, and the ring has room for this many in each
 * place.
 */
#define TV_KEY_TEXT_MAX 1024

/*
 * Bytes of a derived SCRAM verifier and its NUL: mechanism, ten digits of iterations, salt of 16
 * and two keys of 32 bytes in base64, and what separates them are 139.
 */
#define TV_VERIFIER_SIZE 160

typedef struct TvKey {
    uint64 hash;
    int64 wanted_version;
    enum frame_kind kind;
    uint16 scope_len, name_len;
    const char *scope, *name; /* not NUL-terminated; whoever filled it in owns them */
} TvKey;

/* What a slot points to in the value area: the key's text, then the payload of an answer as it
 * came. */
typedef struct TvBlob {
    int64 wanted_version;
    uint32 payload_len;
    uint16 scope_len, name_len;
    uint8 kind;
    char bytes[FLEXIBLE_ARRAY_MEMBER];
} TvBlob;

/*
 * In use where value or failure is set; then linked into its bucket's chain. All but last_used is
 * written under the partition's exclusive lock, seen_used by the keeper without one.
 *
 * With many tenants the cost of a look-up is that of memory that no cache line holds: what a hit
 * needs is in the first line of its slot.
 */
typedef struct TvSlot {
    uint64 hash;
    dsa_pointer value; /* TvBlob of the last good answer */
    pg_atomic_uint64
        last_used; /* vc_msec, of a reader that did not wait; some TV_USE_TICK behind */
    int32 next;    /* in the chain, or among the free ones; -1: the last */
    struct freshness_entry state;
    dsa_pointer
        failure; /* TvBlob of the last answer where it was none, and its text could be kept */
    uint64 started_ticket,
        answered_ticket; /* of the last answer: when its read began, when it came */
    vc_msec seen_used;   /* last_used when the eviction's hand went by */
} __attribute__((aligned(PG_CACHE_LINE_SIZE / 2))) TvSlot;

StaticAssertDecl(offsetof(TvSlot, state) + offsetof(struct freshness_entry, answered_at) <= 64,
                 "what a hit needs must be in one line");

/* The chain of all slots whose hash falls here. Written as slots are. */
typedef struct TvBucket {
    int32 first;        /* slot, or -1 */
    dsa_pointer likely; /* the first one's value: only for fetching it into the processor early */
} TvBucket;

/* last_used is not written more often than this (ms): a line that all write to would be slow to
 * read. */
#define TV_USE_TICK 100

/* Fills in the key in the present scope. False where scope and name are longer than
 * TV_KEY_TEXT_MAX. */
extern bool tv_key_make(TvKey *key, enum frame_kind kind, const char *name, size_t name_len,
                        int64 wanted_version);
/* True where the scope that the key was made in is the present one. */
extern bool tv_key_in_scope(const TvKey *key);

static inline uint32 tv_key_partition(const TvKey *key)
{
    return key->hash % TV_PARTITIONS;
}

static inline LWLock *tv_key_lock(const TvKey *key)
{
    return &tv_partition_locks[tv_key_partition(key)].lock;
}

static inline ConditionVariable *tv_key_wait_queue(const TvKey *key)
{
    return &tv_control->answered[key->hash % TV_WAIT_QUEUES];
}

static inline bool tv_slot_in_use(const TvSlot *slot)
{
    return DsaPointerIsValid(slot->value) || DsaPointerIsValid(slot->failure);
}

/* Before the lock is taken: has the processor fetch what tv_cache_find will look at first. */
extern void tv_cache_prefetch(const TvKey *key);

/* NULL where it is not there. The caller holds the key's lock. */
extern TvSlot *tv_cache_find(const TvKey *key);

/* A blob's address in this process, and its payload. The caller holds the lock of the slot's
 * partition. */
static inline const TvBlob *tv_blob(dsa_pointer pointer)
{
    return tv_area_address(pointer);
}

static inline const unsigned char *tv_blob_payload(const TvBlob *blob)
{
    return (const unsigned char *)blob->bytes + blob->scope_len + blob->name_len;
}

static inline Size tv_blob_size(const TvBlob *blob)
{
    return offsetof(TvBlob, bytes) + blob->scope_len + blob->name_len + blob->payload_len;
}

/* The key of a used slot; its texts point into the slot's blob. */
extern void tv_slot_key(const TvSlot *slot, TvKey *key);

/* The settings that freshness.h needs, as they are now. */
extern struct freshness_settings tv_freshness_settings(void);

/* Any age that cache_ttl allows. */
#define TV_ANY_AGE PG_INT64_MAX

/* The same for a reader who is content with no value older than max_age (ms). */
extern struct freshness_settings tv_freshness_settings_within(vc_msec max_age);

#endif
