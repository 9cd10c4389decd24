/*
 * token_lifecycle.h - when to renew, check or replace a token: a pure function of what is known.
 *
 * Nothing here reads a clock, a socket or a file; tests walk through years in microseconds.
 */
#ifndef VC_TOKEN_LIFECYCLE_H
#define VC_TOKEN_LIFECYCLE_H

#include <stdbool.h>

#include "error.h"
#include "monotonic.h"

/* What happened last. */
enum vc_token_event {
    VC_TOKEN_NONE,      /* nothing yet: there is no token */
    VC_TOKEN_LOGGED_IN, /* a login or a token from outside, looked up or not */
    VC_TOKEN_RENEWED,
    VC_TOKEN_RENEW_REFUSED, /* 4xx on renewal: it will not grow again */
    VC_TOKEN_RENEW_FAILED,  /* Vault could not be asked */
    VC_TOKEN_REVOKED,       /* a read or renewal proved it dead */
    VC_TOKEN_LOGIN_FAILED,  /* 5xx, unreachable: may be tried again after backoff */
    VC_TOKEN_LOGIN_REFUSED, /* 400: not before the credential has changed */
    VC_TOKEN_LOGIN_LOCKED   /* 403: not before the credential has changed or lockout_until */
};

enum vc_token_action {
    VC_TOKEN_WAIT,   /* nothing until next_at */
    VC_TOKEN_LOGIN,  /* log in (or re-read the token file) now */
    VC_TOKEN_RENEW,  /* renew now */
    VC_TOKEN_BLOCKED /* no login before the credential changes; look at its stamp at next_at */
};

struct vc_token_state {
    enum vc_token_event last;
    vc_msec last_at;      /* when that happened */
    vc_msec ttl_at_issue; /* as the login said, 0 unknown */
    vc_msec expires_at; /* of the token in use; 0: never, or there is none (after a failed login) */
    bool renewable;     /* false as well once a renewal was refused */
    bool capped;        /* the last renewal no longer reached ttl_at_issue */
    bool can_log_in;    /* credentials for a new login exist (AppRole, cert, jwt, token file) */
    unsigned failures;  /* in a row, of the same kind */
    /*
     * These three outlive last, so that a renewal in between does not bring the next refusal.
     * blocked_until: end of the lock-out; where it is not after last_at, VC_LOCKOUT_WAIT is taken.
     * login_refused: a 400 on login still stands; a login that succeeds clears it.
     * credential_changed: since the refusal; any login that was tried clears it.
     */
    vc_msec blocked_until;
    bool login_refused;
    bool credential_changed;
};

struct vc_token_policy {
    double renew_threshold;           /* 0.75 */
    vc_msec check_interval;           /* 60 s: the longest wait between two looks */
    vc_msec backoff_min, backoff_max; /* 1 s, 60 s; doubled per failure; the caller adds jitter */
};

struct vc_token_decision {
    enum vc_token_action action;
    vc_msec next_at; /* always > now for WAIT and BLOCKED: never a busy loop */
};

#define VC_LOCKOUT_WAIT (15 * 60 * 1000) /* Vault's default lockout_duration */

/*
 * A token that lives is renewed when renew_threshold of its TTL is over. A renewal that failed is
 * tried again after backoff, until a margin (half of what the threshold leaves, 60 s at most)
 * before the end: then a login. Where a login is refused or locked out, renewing goes on instead.
 *
 * A token that cannot grow (not renewable, batch, capped, renewal refused) is replaced by a login
 * at the same threshold, at once after a refusal, while it still lives. Without credentials for a
 * login it is used until it ends.
 *
 * Without a token: a login, after backoff where the last one failed, never while a login is refused
 * or locked out.
 *
 * A last_at in the future counts as long ago. next_at is now for LOGIN and RENEW, otherwise in
 * (now, now + check_interval]. Values of policy without sense are brought into their range.
 */
struct vc_token_decision vc_token_decide(const struct vc_token_state *state,
                                         const struct vc_token_policy *policy, vc_msec now);

#endif
