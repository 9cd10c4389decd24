/*
 * write_slot.c - writes to Vault that backends have ordered, in shared memory.
 *
 * Called by tenant_write.c in backends, and by write_relay.c in the keeper.
 */
#include "postgres.h"

#include "miss_ring.h"
#include "write_slot.h"

Size tv_writes_size(void)
{
    return mul_size(TV_WRITES_MAX, sizeof(TvWrite));
}

void tv_writes_init(void)
{
    memset(tv_writes, 0, tv_writes_size());
}

/* The lock is held. NULL where there is none. */
static TvWrite *find(uint64 id)
{
    for (int i = 0; i < TV_WRITES_MAX; i++) {
        if (tv_writes[i].state != TV_WRITE_FREE && tv_writes[i].id == id)
            return &tv_writes[i];
    }
    return NULL;
}

static TvWrite *find_free(void)
{
    for (int i = 0; i < TV_WRITES_MAX; i++) {
        if (tv_writes[i].state == TV_WRITE_FREE)
            return &tv_writes[i];
    }
    return NULL;
}

/* The lock is held. */
static TvWrite *find_oldest(enum tv_write_state state, vc_msec before)
{
    TvWrite *oldest = NULL;

    for (int i = 0; i < TV_WRITES_MAX; i++) {
        TvWrite *write = &tv_writes[i];

        if (write->state == state && write->deadline < before &&
            (oldest == NULL || write->id < oldest->id))
            oldest = write;
    }
    return oldest;
}

/* ---- the backend's end ---- */

bool tv_write_order(TvWrite *write)
{
    TvWrite *place;

    LWLockAcquire(tv_write_lock, LW_EXCLUSIVE);
    place = find_free();
    if (place != NULL) {
        write->id = tv_next_ticket();
        write->state = TV_WRITE_ORDERED;
        *place = *write;
    }
    LWLockRelease(tv_write_lock);
    if (place != NULL)
        tv_ring_wake_keeper();
    return place != NULL;
}

/* Somebody may wait for a slot. */
static void free_slot(TvWrite *write)
{
    write->state = TV_WRITE_FREE;
    ConditionVariableBroadcast(&tv_control->written);
}

bool tv_write_take(uint64 id, unsigned char answer[TV_WRITE_ANSWER_SIZE], Size *len)
{
    TvWrite *write;
    bool taken;

    LWLockAcquire(tv_write_lock, LW_EXCLUSIVE);
    write = find(id);
    taken = write != NULL && write->state == TV_WRITE_ANSWERED;
    if (taken) {
        *len = write->answer_len;
        memcpy(answer, write->answer, write->answer_len);
        free_slot(write);
    }
    LWLockRelease(tv_write_lock);
    return taken;
}

void tv_write_abandon(uint64 id)
{
    TvWrite *write;

    LWLockAcquire(tv_write_lock, LW_EXCLUSIVE);
    write = find(id);
    if (write != NULL && write->state == TV_WRITE_SENT)
        write->state = TV_WRITE_ABANDONED;
    else if (write != NULL)
        free_slot(write);
    LWLockRelease(tv_write_lock);
}

/* ---- the keeper's end ---- */

bool tv_write_next(TvWrite *copy)
{
    TvWrite *write;

    LWLockAcquire(tv_write_lock, LW_EXCLUSIVE);
    write = find_oldest(TV_WRITE_ORDERED, PG_INT64_MAX);
    if (write != NULL) {
        write->state = TV_WRITE_SENT;
        *copy = *write;
    }
    LWLockRelease(tv_write_lock);
    return write != NULL;
}

void tv_write_put_back(uint64 id)
{
    TvWrite *write;

    LWLockAcquire(tv_write_lock, LW_EXCLUSIVE);
    write = find(id);
    if (write != NULL && write->state == TV_WRITE_SENT)
        write->state = TV_WRITE_ORDERED;
    else if (write != NULL)
        free_slot(write);
    LWLockRelease(tv_write_lock);
}

/* The lock is held. NULL where there is none, or it has its answer. */
static TvWrite *find_under_way(uint64 id)
{
    TvWrite *write = find(id);

    return write != NULL && write->state != TV_WRITE_ANSWERED ? write : NULL;
}

bool tv_write_under_way(uint64 id, char tenant[VC_TENANT_NAME_MAX + 1])
{
    const TvWrite *write;

    LWLockAcquire(tv_write_lock, LW_SHARED);
    write = find_under_way(id);
    if (write != NULL)
        strlcpy(tenant, write->tenant, sizeof(write->tenant));
    LWLockRelease(tv_write_lock);
    return write != NULL;
}

void tv_write_answer(uint64 id, const unsigned char *answer, Size len)
{
    TvWrite *write;

    LWLockAcquire(tv_write_lock, LW_EXCLUSIVE);
    write = find_under_way(id);
    if (write != NULL && write->state == TV_WRITE_ABANDONED) {
        free_slot(write);
    } else if (write != NULL) {
        write->answer_len = Min(len, sizeof(write->answer));
        memcpy(write->answer, answer, write->answer_len);
        write->state = TV_WRITE_ANSWERED;
        ConditionVariableBroadcast(&tv_control->written);
    }
    LWLockRelease(tv_write_lock);
}

uint64 tv_write_overdue(enum tv_write_state state, vc_msec before)
{
    const TvWrite *write;
    uint64 id;

    LWLockAcquire(tv_write_lock, LW_SHARED);
    write = find_oldest(state, before);
    id = write != NULL ? write->id : 0;
    LWLockRelease(tv_write_lock);
    return id;
}
