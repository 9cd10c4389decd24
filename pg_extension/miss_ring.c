/*
 * miss_ring.c - what backends ask of the keeper.
 */
#include "postgres.h"

#include "miss_ring.h"

typedef struct TvRing {
    uint32 first, count;
    TvRingPlace places[TV_RING_SIZE];
} TvRing;

Size tv_ring_size(void)
{
    return sizeof(TvRing);
}

void tv_ring_init(void)
{
    tv_ring->first = 0;
    tv_ring->count = 0;
}

/* The key's text moves into the place: in another process the old pointers mean nothing. */
static void copy_into(TvRingPlace *place, const TvRequest *request)
{
    TvKey *key = &place->request.key;

    place->request = *request;
    if (request->key.scope_len > 0)
        memcpy(place->text, request->key.scope, request->key.scope_len);
    if (request->key.name_len > 0)
        memcpy(place->text + request->key.scope_len, request->key.name, request->key.name_len);
    key->scope = place->text;
    key->name = place->text + key->scope_len;
}

/* Under the lock: the keeper cannot go meanwhile. */
static void set_keeper_latch(void)
{
    if (tv_control->keeper_latch != NULL)
        SetLatch(tv_control->keeper_latch);
}

void tv_ring_wake_keeper(void)
{
    LWLockAcquire(tv_ring_lock, LW_SHARED);
    set_keeper_latch();
    LWLockRelease(tv_ring_lock);
}

bool tv_ring_put(const TvRequest *request)
{
    bool fits;

    LWLockAcquire(tv_ring_lock, LW_EXCLUSIVE);
    fits = tv_ring->count < TV_RING_SIZE;
    if (fits) {
        copy_into(&tv_ring->places[(tv_ring->first + tv_ring->count) % TV_RING_SIZE], request);
        tv_ring->count++;
    }
    set_keeper_latch();
    LWLockRelease(tv_ring_lock);
    return fits;
}

bool tv_ring_take(TvRingPlace *place)
{
    bool any;

    LWLockAcquire(tv_ring_lock, LW_EXCLUSIVE);
    any = tv_ring->count > 0;
    if (any) {
        TvRingPlace *from = &tv_ring->places[tv_ring->first];
        TvRequest request = from->request;

        request.key.scope = from->text;
        request.key.name = from->text + request.key.scope_len;
        copy_into(place, &request);
        explicit_bzero(from->request.verifier, TV_VERIFIER_SIZE);
        explicit_bzero(request.verifier, TV_VERIFIER_SIZE);
        tv_ring->first = (tv_ring->first + 1) % TV_RING_SIZE;
        tv_ring->count--;
    }
    LWLockRelease(tv_ring_lock);
    return any;
}

void tv_ring_set_keeper(int pid, Latch *latch)
{
    LWLockAcquire(tv_ring_lock, LW_EXCLUSIVE);
    tv_control->keeper_pid = pid;
    tv_control->keeper_latch = latch;
    LWLockRelease(tv_ring_lock);
}

int tv_ring_keeper_pid(void)
{
    int pid;

    LWLockAcquire(tv_ring_lock, LW_SHARED);
    pid = tv_control->keeper_pid;
    LWLockRelease(tv_ring_lock);
    return pid;
}
