/*
 * miss_ring.h - what backends ask of the keeper: a bounded ring in shared memory.
 *
 * Refuses nothing but when it is full; the backend then tries again until its own deadline.
 */
#ifndef TV_MISS_RING_H
#define TV_MISS_RING_H

#include "postgres.h"

#include "secret_cache.h"

/* The keeper empties it at each turn of its loop; 512 backends missing at once is a busy cluster.
 */
#define TV_RING_SIZE 512

/*
 * Ms. An entry is not read again for a failed login sooner than this after it was read: as often as
 * an administrator tries whether his new password works.
 */
#define TV_SUSPECT_AGE 250

enum tv_command {
    TV_COMMAND_FETCH,
    TV_COMMAND_REFRESH,  /* a fetch that must be a read begun after it was asked for */
    TV_COMMAND_SUSPECT,  /* a login failed by it: read it again, nobody waits */
    TV_COMMAND_VERIFIER, /* what a login derived of the entry's password, to be kept beside it */
    TV_COMMAND_FLUSH,
    TV_COMMAND_RESTART_FETCHER
};

typedef struct TvRequest {
    enum tv_command command;
    uint64 ticket;
    vc_msec deadline; /* until which Vault may be asked; the backend itself waits a little longer */
    TvKey key;        /* of all but flush and restart */
    char verifier[TV_VERIFIER_SIZE]; /* ticket is then the read's that brought the password */
} TvRequest;

/* A request taken out, with its key's text. */
typedef struct TvRingPlace {
    TvRequest request;
    char text[TV_KEY_TEXT_MAX];
} TvRingPlace;

extern Size tv_ring_size(void);
extern void tv_ring_init(void);

/* Puts a copy on the ring and wakes the keeper. False where the ring is full. */
extern bool tv_ring_put(const TvRequest *request);

/* Has the keeper look at what is there for it, here or elsewhere. */
extern void tv_ring_wake_keeper(void);

/* The keeper's end: takes the oldest out. False where there is none. */
extern bool tv_ring_take(TvRingPlace *place);
/* Says whose latch is to be set, NULL for nobody's. */
extern void tv_ring_set_keeper(int pid, Latch *latch);
extern int tv_ring_keeper_pid(void);

#endif
