/*
 * rate_limit.c - one token bucket. A pure function of its state and the time it is given. Called by
 * the transport, which bounds all requests to Vault together.
 */
#include "rate_limit.h"

#define MSEC_PER_SEC 1000.0
#define SLOWEST_RATE 0.001 /* per second; below, a wait would be longer than anybody's patience */
#define SMALLEST_BURST 1.0 /* less could never pay for one request */
#define ROUNDING 1e-6 /* the waits handed out are whole milliseconds: no second wait for dust */

void vc_rate_limit_init(struct vc_rate_limit *limit, double per_second, double burst, vc_msec now)
{
    /* Written so that a NaN ends at the safe bound. */
    limit->per_second = per_second > SLOWEST_RATE ? per_second : SLOWEST_RATE;
    limit->burst = burst > SMALLEST_BURST ? burst : SMALLEST_BURST;
    limit->level = limit->burst;
    limit->filled_at = now;
}

/* A clock that goes backwards neither gives nor takes. */
static void fill(struct vc_rate_limit *limit, vc_msec now)
{
    if (now <= limit->filled_at)
        return;
    limit->level += (double)(now - limit->filled_at) / MSEC_PER_SEC * limit->per_second;
    if (limit->level > limit->burst)
        limit->level = limit->burst;
    limit->filled_at = now;
}

vc_msec vc_rate_limit_take(struct vc_rate_limit *limit, vc_msec now)
{
    fill(limit, now);
    if (limit->level >= 1.0 - ROUNDING) {
        limit->level = limit->level > 1.0 ? limit->level - 1.0 : 0.0;
        return 0;
    }
    /* One more than the whole milliseconds: rounded up, and never 0. */
    return (vc_msec)((1.0 - limit->level) / limit->per_second * MSEC_PER_SEC - ROUNDING) + 1;
}
