/*
 * retry.h - may this request be sent again, to whom, and when: a pure function.
 */
#ifndef VC_RETRY_H
#define VC_RETRY_H

#include "monotonic.h"
#include "vault_message.h"
#include "error.h"

#define VC_RETRY_AFTER_MAX 60 /* seconds: a longer Retry-After is cut to this */

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
 * outcome: of the try. sent: bytes of the request may have reached a server. attempt: 1 for the first.
 * Reads: 412, 429, 5xx but 501, and every transport failure. Writes: only where nothing was done: not sent,
 * sealed, 429, 472, 473, 412. Logins: only where nothing was sent. 501 and VC_TLS only at another address.
 */
struct vc_retry vc_retry_decide(const struct vc_request *request, const struct vc_error *outcome, bool sent,
                                long retry_after, unsigned attempt, unsigned max_retries,
                                unsigned untried_addresses);

#endif
