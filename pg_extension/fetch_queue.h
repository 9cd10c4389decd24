/*
 * fetch_queue.h - the keeper's own list of what is to be fetched and what is under way.
 *
 * One key is fetched once, however many ask: single flight. Readers come before refreshes that
 * nobody waits for. Bounded: where it is full, requests stay on the ring. Called by the keeper
 * alone.
 */
#ifndef TV_FETCH_QUEUE_H
#define TV_FETCH_QUEUE_H

#include "postgres.h"

#include "lib/ilist.h"

#include "secret_cache.h"

/* Towards the fetcher at once; it has its own bound on connections, and this keeps its queue short.
 */
#define TV_FETCHES_SENT_MAX 256
/* Of these, refreshes that nobody waits for. */
#define TV_BACKGROUND_SENT_MAX 32
/* Known in all: more than backends can ask at once on nearly all clusters, and some 5 MB at most.
 */
#define TV_FETCHES_MAX 4096
/* Waiting refreshes; the sweep finds the others again. */
#define TV_BACKGROUND_MAX 256
/* While Vault is out of reach: enough to notice that it is back. */
#define TV_BACKGROUND_OUTAGE_MAX 2

typedef struct TvFetch {
    dlist_node same_bucket;
    dlist_node list; /* of readers' fetches, of refreshes, or of those sent */
    TvKey key;       /* its texts follow the struct */
    uint64 id;       /* of the frame; 0: not sent */
    bool background; /* nobody waits for it */
    bool anew;       /* by a refresh: from Vault whole, the platform's template too */
    uint64 started_ticket;
    vc_msec started_at;
    vc_msec not_before;  /* held back until then */
    vc_msec deadline;    /* for Vault's answer */
    uint64 again_ticket; /* a refresh asked for while it was under way: fetch once more */
    vc_msec again_deadline;
    int deaths; /* fetchers that ended with it */
    int held;   /* times that it was held back because the settings had changed */
    char text[FLEXIBLE_ARRAY_MEMBER];
} TvFetch;

extern void tv_fetches_init(void);

/* False where no more fetches are taken on. */
extern bool tv_fetches_room(void);

/*
 * Someone wants it: joins the fetch under way where its read can answer him, else begins one.
 * refresh: only a read that begins after ticket can. Needs tv_fetches_room().
 */
extern void tv_fetch_want(const TvKey *key, bool refresh, uint64 ticket, vc_msec deadline);

/* A refresh that nobody waits for. False where no more of these are taken on. */
extern bool tv_fetch_refresh(const TvKey *key, vc_msec deadline);

/* The next one to be sent, NULL where there is none or enough are under way. It stays where it is.
 */
extern TvFetch *tv_fetch_next(vc_msec now);

/* Gives it an id and counts it as under way. The read begins now. */
extern void tv_fetch_sent(TvFetch *fetch, vc_msec now);

/* The one under way with this id, or NULL. */
extern TvFetch *tv_fetch_by_id(uint64 id);

/* The one under way for this key, or NULL. */
extern TvFetch *tv_fetch_sent_for(const TvKey *key);

/* The oldest under way, NULL where there is none. */
extern TvFetch *tv_fetch_oldest_sent(void);

/* The first that waits to be sent whose deadline is over, or any where all is true; or NULL. */
extern TvFetch *tv_fetch_waiting_over(vc_msec now, bool all);

/* It is answered: forgets it, or puts it back where a refresh was asked for meanwhile. */
extern void tv_fetch_done(TvFetch *fetch);

/* Back among those to be sent, not before not_before. */
extern void tv_fetch_put_back(TvFetch *fetch, vc_msec not_before);

/* When the first of those held back is to be sent, 0 where none is held back. */
extern vc_msec tv_fetch_held_until(vc_msec now);

extern int tv_fetches_sent(void);

#endif
