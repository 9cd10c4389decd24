/*
 * cache_writer.h - the shared cache as the keeper sees it: inserting, evicting, wiping.
 *
 * The keeper is the only process that calls this; whatever it writes, it writes under the
 * partition's exclusive lock and in such an order that an ERROR between any two statements leaves
 * each slot either in its chain and whole, or free.
 */
#ifndef TV_CACHE_WRITER_H
#define TV_CACHE_WRITER_H

#include "postgres.h"

#include "secret_cache.h"

/* Takes over what an earlier keeper left. Before anything else here. */
extern void tv_cache_adopt(void);

/* An answer of the fetcher's, or one of the keeper's own. */
typedef struct TvCacheAnswer {
    enum vc_code outcome;
    const unsigned char *payload; /* valid by frame_payload_valid */
    Size len;
    uint64 started_ticket; /* taken when the read began */
    vc_msec started_at;
    vc_msec lease;   /* ms from now; 0: none */
    bool for_reader; /* counts as a use */
} TvCacheAnswer;

/*
 * Stores it, evicts what must go, and wakes those who wait for the key. A value that the whole area
 * cannot hold becomes the answer VC_REPLY_TOO_LARGE. Returns what was stored.
 */
extern enum vc_code tv_cache_record(const TvKey *key, const TvCacheAnswer *answer);

/*
 * Keeps what a login derived of the entry's password beside it, as TAG_DERIVED_VERIFIER; a later
 * read that brings the same password keeps it. Nothing happens where the entry has been read or
 * failed since the read with that ticket, or has one already.
 */
extern void tv_cache_keep_verifier(const TvKey *key, uint64 read_ticket, const char *verifier);

/*
 * True where a request for this key, asked with ticket, has its answer already. How old an answer
 * from before the ticket may be is the backend's to say, which has looked at it by its own
 * settings: these may differ from the keeper's while a reload is under way.
 */
extern bool tv_cache_answers(const TvKey *key, bool refresh, uint64 ticket);

/* When the key was last read or answered, 0 where nothing is known of it. */
extern vc_msec tv_cache_answered_at(const TvKey *key);

/* Wipes the key's entry, where there is one. */
extern void tv_cache_drop(const TvKey *key);

/* Wipes every entry. Returns how many there were. */
extern int64 tv_cache_drop_all(void);

/*
 * Goes over some more slots: wipes what is over, and calls due() for an entry in use that should be
 * read again, until due() returns false: it can take no more this time. The key is valid during the
 * call.
 */
extern void tv_cache_sweep(bool (*due)(const TvKey *key));

#endif
