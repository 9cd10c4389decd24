/*
 * write_slot.h - writes to Vault that backends have ordered, in shared memory.
 *
 * A backend takes a slot, the keeper hands what is in it to the fetcher and puts the answer in, and
 * the backend that waits for it, and no other, takes that out. Nothing secret is in a slot: the
 * fetcher makes the password. A write that is under way is never sent a second time.
 */
#ifndef TV_WRITE_SLOT_H
#define TV_WRITE_SLOT_H

#include "postgres.h"

#include "../common/error.h"
#include "../common/monotonic.h"
#include "../common/tenant_layout.h"
#include "secret_cache.h"

/*
 * Under way at once, all tenants together; who comes later waits. One write takes some 5 ms, and
 * the fetcher takes more than this (write.h).
 */
#define TV_WRITES_MAX 32
/* Bytes of a WRITE's fields: the scope, and below 1 kB of names and numbers. */
#define TV_WRITE_ORDER_SIZE (TV_KEY_TEXT_MAX + 1024)
/* Bytes of a WRITTEN's fields: three texts of struct vc_error and a few numbers. */
#define TV_WRITE_ANSWER_SIZE (VC_MESSAGE_SIZE + VC_HINT_SIZE + VC_REQUEST_ID_SIZE + 256)

enum tv_write_state {
    TV_WRITE_FREE,
    TV_WRITE_ORDERED,  /* waits for the keeper */
    TV_WRITE_SENT,     /* the fetcher is at it */
    TV_WRITE_ANSWERED, /* waits for the backend */
    TV_WRITE_ABANDONED /* sent, and the backend has gone: the answer is nobody's */
};

/* Under tv_write_lock. */
typedef struct TvWrite {
    enum tv_write_state state;
    uint64 id;        /* of the slot's present use, and of the frame */
    vc_msec deadline; /* for Vault */
    char tenant[VC_TENANT_NAME_MAX + 1];
    uint16 order_len, answer_len;
    unsigned char order[TV_WRITE_ORDER_SIZE]; /* fields of a WRITE, but TIMEOUT */
    unsigned char answer[TV_WRITE_ANSWER_SIZE];
} TvWrite;

extern Size tv_writes_size(void);
extern void tv_writes_init(void);

/* ---- the backend's end ---- */

/* Orders it, under an id of its own, and wakes the keeper. False where all slots are taken. */
extern bool tv_write_order(TvWrite *write);
/* Takes the answer out and frees the slot. False where there is none yet. */
extern bool tv_write_take(uint64 id, unsigned char answer[TV_WRITE_ANSWER_SIZE], Size *len);
/* The backend does not wait any longer: what has not been sent will not be. */
extern void tv_write_abandon(uint64 id);

/* ---- the keeper's end ---- */

/* A copy of the oldest that is ordered, which counts as sent from now on. False: there is none. */
extern bool tv_write_next(TvWrite *copy);
/* It could not be sent: the next call of tv_write_next gives it again. */
extern void tv_write_put_back(uint64 id);
/* Which tenant the write is about. False where no such write is under way. */
extern bool tv_write_under_way(uint64 id, char tenant[VC_TENANT_NAME_MAX + 1]);
/* Puts the answer in and wakes the backend, where one waits for it. */
extern void tv_write_answer(uint64 id, const unsigned char *answer, Size len);
/* Any write in that state whose deadline is before the given time; 0: none. */
extern uint64 tv_write_overdue(enum tv_write_state state, vc_msec before);

#endif
