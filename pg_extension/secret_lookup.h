/*
 * secret_lookup.h - a backend's way to a secret: the shared cache, and on a miss the keeper.
 *
 * Called by the SQL functions. Never allocates in shared memory, never talks to Vault. Every wait
 * obeys interrupts and ends by tenant_vault.request_timeout.
 */
#ifndef TV_SECRET_LOOKUP_H
#define TV_SECRET_LOOKUP_H

#include "postgres.h"
#include "utils/timestamp.h"

#include "../common/error.h"
#include "../common/monotonic.h"
#include "frame.h"

typedef struct TvAnswer {
    bool found; /* outcome VC_OK */
    enum vc_code outcome;
    const unsigned char *payload; /* palloc'd copy of the answer's fields: use frame_find */
    size_t len;
    uint64 read_ticket; /* tells this read of Vault from every other; 0: none */
    int64 version;      /* of the value, 0 where it has none */
    TimestampTz fetched_at;
    TimestampTz expires_at; /* end of its lease, 0 where it has none */
} TvAnswer;

/*
 * Looks up and, where needed, waits. The result is in the current memory context; whoever has a
 * secret in it wipes it by tv_answer_wipe where that memory outlives the statement. Never returns
 * an answer older than the settings allow. Does not ereport for an outcome of Vault's (the caller
 * does, by report.h); does for cancellation and for a server that does not preload the library.
 * name has been validated by the caller.
 */
extern void tv_lookup(enum frame_kind kind, const char *name, size_t name_len, int64 version,
                      TvAnswer *answer);

/*
 * The hot path: one text field of a fresh entry, copied once, straight into a text datum. NULL
 * where the entry is not there, not fresh or lacks the field: call tv_lookup then.
 */
extern text *tv_lookup_cached_text(enum frame_kind kind, const char *name, size_t name_len,
                                   int64 version, enum frame_tag tag);

/*
 * Asks Vault anew although an entry may be fresh, and waits like tv_lookup. The answer's version is
 * all that comes of a value: a backend that only refreshes has no use for the secret itself.
 */
extern void tv_lookup_refresh(enum frame_kind kind, const char *name, size_t name_len,
                              int64 version, TvAnswer *answer);
extern void tv_answer_wipe(TvAnswer *answer);

/*
 * For a login: the tenant's connection, read at most max_age ms ago (or as stale_limit allows,
 * where Vault cannot be asked), within budget ms, request_timeout at most.
 */
extern void tv_lookup_tenant_within(const char *tenant, vc_msec max_age, vc_msec budget,
                                    TvAnswer *answer);

/* True while nothing later is known of the tenant than that read: neither another, nor a change. */
extern bool tv_tenant_read_is_current(const char *tenant, uint64 read_ticket);

/*
 * A login failed by what was read at fetched_at: has it read again soon (rate-limited), and does
 * not wait.
 */
extern void tv_suspect_tenant(const char *tenant, TimestampTz fetched_at);

/* Hands what was derived of the answer's password to the keeper, for the next login. */
extern void tv_share_verifier(const char *tenant, const TvAnswer *answer, const char *verifier);

/* Drops every entry and returns when that is done; the number dropped. */
extern int64 tv_cache_flush(void);
/* Asks the keeper to end the fetcher and start another; does not wait. */
extern void tv_fetcher_restart(void);

#endif
