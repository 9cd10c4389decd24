/*
 * status.h - what the status and cached_secrets views show, read out of shared memory.
 */
#ifndef TV_STATUS_H
#define TV_STATUS_H

#include "postgres.h"
#include "utils/timestamp.h"

#include "../common/error.h"
#include "frame.h"

#define TV_STATUS_TEXT 512

/* How the logins of enrolled roles end. */
enum tv_login_end { TV_LOGIN_OK, TV_LOGIN_REFUSED, TV_LOGIN_UNCHECKED, TV_LOGIN_ENDS };

/* A copy; times are 0 where there is none. */
typedef struct TvStatus {
    int keeper_pid, fetcher_pid; /* 0: not running */
    TimestampTz keeper_started_at, fetcher_started_at;
    int64 fetcher_starts;
    int waiters;  /* backends that wait for an answer now */
    int inflight; /* fetches under way */

    char vault_address[TV_STATUS_TEXT];
    char vault_health[32];
    bool vault_reachable, logged_in, can_log_in_again, token_renewable, token_never_expires;
    TimestampTz token_expires_at;
    int64 vault_requests;
    int64 logins, login_failures, renewals, renewal_failures, failures; /* the fetcher's own */
    double requests_per_second; /* over the last 10 s or so */
    TimestampTz last_status_at; /* when the fetcher last reported */
    char last_error[TV_STATUS_TEXT];
    TimestampTz last_error_at;

    int64 cache_entries, cache_slots, cache_bytes, cache_size;
    int64 hits, misses, stale_served, evictions;
    int64 role_logins[TV_LOGIN_ENDS];
    bool outage; /* Vault cannot be asked; cached entries carry on */
} TvStatus;
extern void tv_status_get(TvStatus *status);
/* By the backend whose client wanted to log in as an enrolled role. */
extern void tv_status_count_login(enum tv_login_end end);

typedef struct TvCachedRow {
    enum frame_kind kind;
    char name[512 + 1]; /* tenant or path */
    int64 wanted_version, version;
    char created_time[48];
    TimestampTz fetched_at, last_used_at, fresh_until, expires_at;
    enum vc_code outcome;
    char request_id[64];
    int64 bytes;
} TvCachedRow;
/* The keeper's part. */
extern void tv_status_keeper_started(int pid);
extern void tv_status_keeper_ended(void);
extern void tv_status_fetcher_started(int pid);
extern void tv_status_fetcher_ended(const char *trouble);
extern void tv_status_fetches_under_way(int count);
/* Copies a STATUS frame's valid payload. */
extern void tv_status_from_fetcher(const unsigned char *payload, size_t len);
/* A refused login that a fetcher has reported, for the next fetcher's settings; a reload ends it.
 */
extern void tv_status_put_refusal(struct frame_writer *writer);
extern void tv_status_forget_refusal(void);
extern bool tv_status_has_refusal(void);
/* Why there is no fetcher, into text; "" where there is one, or nothing is known. */
extern void tv_status_fetcher_trouble(char *text, size_t size);

/* All entries of the present scope, palloc'd; partition by partition, so not one instant's picture.
 */
extern TvCachedRow *tv_cached_rows(int *count);

#endif
