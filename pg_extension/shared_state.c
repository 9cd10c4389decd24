/*
 * shared_state.c - lays out and initialises what lies in the main shared memory segment.
 */
#include "postgres.h"

#include <sys/mman.h>
#include <unistd.h>

#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/ipc.h"
#include "storage/pg_shmem.h"
#include "storage/shmem.h"
#include "utils/memutils.h"

#include "guc.h"
#include "miss_ring.h"
#include "secret_cache.h"
#include "shared_state.h"
#include "write_slot.h"

/*
 * Slots beside max_tenants: other paths, the list, tenants whose name is wrong. An eighth, and on a
 * small cluster no fewer than a hundred-odd.
 */
#define SPARE_SLOTS_DIVISOR 8
#define SPARE_SLOTS_MIN 128

/* A huge page larger than this (1 GB ones) would waste more than the cache has. */
#define ALIGNMENT_MAX ((Size)64 << 20)

#define PARTITION_TRANCHE "TenantVaultCache"
#define RING_TRANCHE "TenantVaultRing"
#define STATUS_TRANCHE "TenantVaultStatus"
#define WRITE_TRANCHE "TenantVaultWrite"
#define AREA_TRANCHE "TenantVaultArea"

TvControl *tv_control = NULL;
TvSlot *tv_slots = NULL;
TvBucket *tv_buckets = NULL;
struct TvRing *tv_ring = NULL;
struct TvWrite *tv_writes = NULL;
LWLockPadded *tv_partition_locks = NULL;
LWLock *tv_ring_lock = NULL, *tv_status_lock = NULL, *tv_write_lock = NULL;

char *tv_area_place = NULL;
static dsa_area *attached_area = NULL;

/* ---- sizes ---- */

static int slot_count(void)
{
    return tv_max_tenants + Max(tv_max_tenants / SPARE_SLOTS_DIVISOR, SPARE_SLOTS_MIN);
}

/* Twice as many as slots, so that most chains have one entry: each further one is a visit to cold
 * memory. */
static uint32 bucket_count(void)
{
    return pg_nextpower2_32(Max(2 * slot_count(), TV_PARTITIONS));
}

/*
 * What the area begins and ends at: MADV_DONTDUMP needs a boundary of the pages in use, and with
 * huge_pages = try nobody knows yet whether they will be huge.
 */
static Size area_alignment(void)
{
    Size page = sysconf(_SC_PAGESIZE);
    Size huge = 0;

    if (huge_pages == HUGE_PAGES_OFF)
        return page;
    GetHugePageSize(&huge, NULL);
    return huge > page && huge <= ALIGNMENT_MAX ? huge : page;
}

static Size area_size(void)
{
    return TYPEALIGN(area_alignment(), (Size)tv_cache_size * 1024);
}

void tv_shmem_request(void)
{
    Size size = MAXALIGN(sizeof(TvControl));

    size = add_size(size, MAXALIGN(mul_size(slot_count(), sizeof(TvSlot))));
    size = add_size(size, MAXALIGN(mul_size(bucket_count(), sizeof(TvBucket))));
    size = add_size(size, MAXALIGN(tv_ring_size()));
    size = add_size(size, MAXALIGN(tv_writes_size()));
    size = add_size(size, area_size() + area_alignment());
    RequestAddinShmemSpace(size);

    RequestNamedLWLockTranche(PARTITION_TRANCHE, TV_PARTITIONS);
    RequestNamedLWLockTranche(RING_TRANCHE, 1);
    RequestNamedLWLockTranche(STATUS_TRANCHE, 1);
    RequestNamedLWLockTranche(WRITE_TRANCHE, 1);
    RequestNamedLWLockTranche(AREA_TRANCHE, 1); /* the area's locks are its own; this names them */
}

/* ---- initialising ---- */

static void init_control(void)
{
    memset(tv_control, 0, sizeof(*tv_control));
    tv_control->slot_count = slot_count();
    tv_control->bucket_count = bucket_count();
    tv_control->area_size = area_size();

    pg_atomic_init_u64(&tv_control->ticket, 0);
    pg_atomic_init_u64(&tv_control->keeper_epoch, 0);
    pg_atomic_init_u64(&tv_control->outage_until, 0);
    pg_atomic_init_u32(&tv_control->waiters, 0);
    pg_atomic_init_u64(&tv_control->cache_entries, 0);
    pg_atomic_init_u64(&tv_control->cache_bytes, 0);
    pg_atomic_init_u64(&tv_control->evictions, 0);

    for (int i = 0; i < TV_WAIT_QUEUES; i++)
        ConditionVariableInit(&tv_control->answered[i]);
    ConditionVariableInit(&tv_control->flushed);
    ConditionVariableInit(&tv_control->written);

    pg_atomic_init_u32(&tv_control->label_writers, 0);
    pg_atomic_init_u32(&tv_control->label_generation, 0);
    for (int i = 0; i < TV_UNLABELLED_MAX; i++)
        pg_atomic_init_u64(&tv_control->unlabelled[i], 0);

    for (int i = 0; i < TV_PARTITIONS; i++) {
        pg_atomic_init_u64(&tv_control->counters[i].hits, 0);
        pg_atomic_init_u64(&tv_control->counters[i].misses, 0);
        pg_atomic_init_u64(&tv_control->counters[i].stale_served, 0);
    }
    for (int i = 0; i < TV_LOGIN_ENDS; i++)
        pg_atomic_init_u64(&tv_control->role_logins[i], 0);
}

static void init_slots(void)
{
    memset(tv_slots, 0, sizeof(TvSlot) * tv_control->slot_count);
    for (int i = 0; i < tv_control->slot_count; i++) {
        pg_atomic_init_u64(&tv_slots[i].last_used, 0);
        tv_slots[i].next = -1;
    }
    for (uint32 i = 0; i < tv_control->bucket_count; i++)
        tv_buckets[i] = (TvBucket){.first = -1};
}

/* The area never grows: its limit is its size, so that no segment of its own ever comes to be. */
static void init_area(void)
{
    Size size = tv_control->area_size;
    dsa_area *area = dsa_create_in_place(tv_area_place, size,
                                         GetNamedLWLockTranche(AREA_TRANCHE)->lock.tranche, NULL);

    dsa_pin(area);
    dsa_set_size_limit(area, size);
    dsa_detach(area);
}

/* Where this fails, a core file of any server process would hold every tenant's password. */
static void keep_area_out_of_core_dumps(void)
{
#ifdef MADV_DONTDUMP
    if (madvise(tv_area_place, tv_control->area_size, MADV_DONTDUMP) == 0)
        return;
    ereport(WARNING, (errmsg("could not keep tenant_vault's cache out of core dumps: %m"),
                      errhint("Switch off core dumps of the server, or huge pages.")));
#else
    ereport(WARNING, (errmsg("tenant_vault's cache cannot be kept out of core dumps here"),
                      errhint("Switch off core dumps of the server.")));
#endif
}

void tv_shmem_startup(void)
{
    Size alignment = area_alignment();
    char *place;
    bool found;

    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);

    tv_control = ShmemInitStruct("tenant_vault control", sizeof(TvControl), &found);
    if (!found)
        init_control();
    tv_slots =
        ShmemInitStruct("tenant_vault slots", sizeof(TvSlot) * tv_control->slot_count, &found);
    tv_buckets = ShmemInitStruct("tenant_vault buckets",
                                 sizeof(TvBucket) * tv_control->bucket_count, &found);
    if (!found)
        init_slots();
    tv_ring = ShmemInitStruct("tenant_vault ring", tv_ring_size(), &found);
    if (!found)
        tv_ring_init();
    tv_writes = ShmemInitStruct("tenant_vault writes", tv_writes_size(), &found);
    if (!found)
        tv_writes_init();
    place = ShmemInitStruct("tenant_vault values", tv_control->area_size + alignment, &found);
    tv_area_place = (char *)TYPEALIGN(alignment, place);
    if (!found) {
        init_area();
        keep_area_out_of_core_dumps();
    }

    tv_partition_locks = GetNamedLWLockTranche(PARTITION_TRANCHE);
    tv_ring_lock = &GetNamedLWLockTranche(RING_TRANCHE)->lock;
    tv_status_lock = &GetNamedLWLockTranche(STATUS_TRANCHE)->lock;
    tv_write_lock = &GetNamedLWLockTranche(WRITE_TRANCHE)->lock;

    LWLockRelease(AddinShmemInitLock);
}

dsa_area *tv_area(void)
{
    MemoryContext before;

    if (likely(attached_area != NULL))
        return attached_area;

    before = MemoryContextSwitchTo(TopMemoryContext);
    attached_area = dsa_attach_in_place(tv_area_place, NULL);
    dsa_pin_mapping(attached_area);
    MemoryContextSwitchTo(before);
    on_shmem_exit(dsa_on_shmem_exit_release_in_place, PointerGetDatum(tv_area_place));
    return attached_area;
}
