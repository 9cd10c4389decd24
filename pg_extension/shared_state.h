/*
 * shared_state.h - what lies in the main shared memory segment, and who may touch which part of it.
 *
 * Nothing is ever allocated later: slots, ring and value area have their size from the start, so
 * that a full cache is normal and never an error. The value area alone holds secrets; it begins and
 * ends at a page boundary of its own and is kept out of core dumps. A crash restart builds
 * everything anew.
 *
 * Called by the hooks of tenant_vault.c, and by every module that reads or writes the shared state.
 */
#ifndef TV_SHARED_STATE_H
#define TV_SHARED_STATE_H

#include "postgres.h"

#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "utils/dsa.h"
#include "utils/timestamp.h"

#include "../common/monotonic.h"
#include "status.h"

/* So many backends can change or read different entries at once; a power of two. */
#define TV_PARTITIONS 64
/* Sleepers are told apart by their key's hash: enough that an answer wakes few who did not wait for
 * it, where a few hundred wait. Some 12 kB. */
#define TV_WAIT_QUEUES 1024
/* Results of the last flushes, for the backends that asked for them. */
#define TV_FLUSH_RESULTS 8
/* Roles that a cluster's applications log in as at the same time; two that fall together only read
 * the catalog more often. 8 kB. */
#define TV_UNLABELLED_MAX 1024
/* What a fetcher says of a refused login, some 1.2 kB. */
#define TV_REFUSAL_SIZE 2048

struct TvSlot;
struct TvRing;
struct TvWrite;

/* A line of its own for each partition: readers of different entries do not disturb each other. */
typedef union TvCounters {
    struct {
        pg_atomic_uint64 hits, misses, stale_served;
    };
    char line[PG_CACHE_LINE_SIZE];
} TvCounters;

typedef struct TvFlushResult {
    uint64 ticket;
    int64 dropped;
} TvFlushResult;

typedef struct TvControl {
    /* Constant after start. */
    int slot_count;
    uint32 bucket_count; /* a power of two, at least TV_PARTITIONS */
    Size area_size;

    /*
     * Numbers questions, beginnings of reads and answers in one order: an answer is one to a
     * question where its number is higher. A clock would not do: two of them can fall into one
     * tick.
     */
    pg_atomic_uint64 ticket;

    pg_atomic_uint64 keeper_epoch; /* another one: the keeper has forgotten what it was asked */
    pg_atomic_uint64 outage_until; /* vc_msec; before it Vault counts as out of reach */
    pg_atomic_uint32 waiters;
    pg_atomic_uint64 cache_entries, cache_bytes, evictions; /* the keeper writes them */

    /* Under tv_ring_lock. */
    int keeper_pid;
    Latch *keeper_latch; /* NULL: no keeper */

    /* Under tv_status_lock. The keeper fills in its own and the fetcher's part; see status.c. */
    TvStatus status;
    char fetcher_trouble[TV_STATUS_TEXT]; /* why there is no fetcher now, or "" */
    /* Of the last STATUS frame, for the next fetcher; it survives fetcher and keeper. 0: none. */
    Size refusal_len;
    TimestampTz refusal_at;
    char refusal[TV_REFUSAL_SIZE];
    TvFlushResult flushes[TV_FLUSH_RESULTS];
    int next_flush;

    ConditionVariable answered[TV_WAIT_QUEUES];
    ConditionVariable flushed;
    ConditionVariable written; /* an answer to a write has come, or a slot is free */

    /* See unlabelled_roles.c. */
    pg_atomic_uint32 label_writers, label_generation;
    pg_atomic_uint64 unlabelled[TV_UNLABELLED_MAX];

    TvCounters counters[TV_PARTITIONS];
    pg_atomic_uint64 role_logins[TV_LOGIN_ENDS];
} TvControl;

/* NULL where the library is not preloaded. */
extern TvControl *tv_control;
extern struct TvSlot *tv_slots;     /* slot_count of them */
extern struct TvBucket *tv_buckets; /* bucket_count of them */
extern struct TvRing *tv_ring;
extern struct TvWrite *tv_writes;        /* TV_WRITES_MAX of them */
extern LWLockPadded *tv_partition_locks; /* TV_PARTITIONS of them */
extern char *tv_area_place;
extern LWLock *tv_ring_lock, *tv_status_lock, *tv_write_lock;

/* The bodies of shmem_request_hook and shmem_startup_hook; the caller calls the previous hook. */
extern void tv_shmem_request(void);
extern void tv_shmem_startup(void);

/* The value area, for allocating in: the keeper alone. Attached to at the first call. */
extern dsa_area *tv_area(void);

/*
 * Where a pointer into the area leads, without attaching to it, which costs each backend 40 kB and
 * as many microseconds as a look-up. The area is one segment, in place, and the number of that one
 * is 0: its pointers are offsets (DSA_MAKE_POINTER in PostgreSQL's dsa.c). The keeper, which alone
 * allocates, sees to it that this holds for every pointer that it hands out.
 */
static inline void *tv_area_address(dsa_pointer pointer)
{
    return tv_area_place + pointer;
}

static inline uint64 tv_next_ticket(void)
{
    return pg_atomic_add_fetch_u64(&tv_control->ticket, 1);
}

static inline bool tv_outage_now(vc_msec now)
{
    return now < (vc_msec)pg_atomic_read_u64(&tv_control->outage_until);
}

#endif
