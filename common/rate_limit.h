/*
 * rate_limit.h - one token bucket: how many requests may leave now, and when the next may.
 */
#ifndef VC_RATE_LIMIT_H
#define VC_RATE_LIMIT_H

#include "monotonic.h"

struct vc_rate_limit {
    double per_second;
    double burst;
    double level;
    vc_msec filled_at;
};

/* Full at first. A burst below 1 is 1; a rate that is not positive is a very slow one, never none.
 */
void vc_rate_limit_init(struct vc_rate_limit *limit, double per_second, double burst, vc_msec now);
/* 0: one was taken, go on. Else: milliseconds (>= 1) until one can be had; nothing was taken. */
vc_msec vc_rate_limit_take(struct vc_rate_limit *limit, vc_msec now);

#endif
