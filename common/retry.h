/*
 * retry.h - may this request be sent again, to whom, and when: a pure function.
 */
#ifndef VC_RETRY_H
#define VC_RETRY_H

#include "monotonic.h"
#include "vault_message.h"
#include "error.h"

#define VC_RETRY_AFTER_MAX 60 /* seconds: a longer Retry-After is cut to this */
/* Milliseconds, doubled per round: a raft election takes a second or two. */
#define VC_RETRY_WAIT_MIN 200
#define VC_RETRY_WAIT_MAX 5000 /* half of the default request_timeout */

enum vc_retry_kind {
    VC_RETRY_NO,
    VC_RETRY_NEXT_ADDRESS, /* at once, at the next address (all tried: after the wait) */
    VC_RETRY_SAME          /* after the wait */
};

struct vc_retry {
    enum vc_retry_kind kind;
    vc_msec wait; /* milliseconds, before jitter of half of it */
};

/*
 * outcome: of the try. sent: bytes of the request may have reached a server. retry_after: of the
 * reply, -1 without. untried_addresses: those that this round has not asked yet. attempt: rounds
 * begun, 1 for the first: a move to an untried address stays in the round, every wait begins a new
 * one, and max_retries bounds the rounds after the first.
 *
 * Reads: 412, 429, 5xx but 501, and every transport failure.
 *
 * Writes: only where nothing was done: not sent, sealed, 412, 429, 472, 473, a standby without a
 * leader.
 *
 * Logins: only where nothing was sent, or, at an untried address, where Vault was sealed or not
 * initialised (it looks at no credential then).
 *
 * VC_TLS, VC_NOT_INITIALIZED, VC_REPLY_TOO_LARGE, VC_REDIRECT_REFUSED: only at an untried address.
 * VC_RATE_LIMITED: the same address after Retry-After, since a quota is the cluster's.
 */
struct vc_retry vc_retry_decide(const struct vc_request *request, const struct vc_error *outcome,
                                bool sent, long retry_after, unsigned attempt, unsigned max_retries,
                                unsigned untried_addresses);

#endif
