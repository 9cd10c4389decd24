/*
 * monotonic.h - the clock for ages and deadlines, and jitter.
 *
 * CLOCK_BOOTTIME: it never jumps and goes on while the machine sleeps, as a token's TTL does.
 */
#ifndef VC_MONOTONIC_H
#define VC_MONOTONIC_H

#include <stdint.h>

typedef int64_t vc_msec; /* milliseconds; as a point in time: since boot */

vc_msec vc_now(void);
/* A number in [low, high], not for cryptography: spreads retries of many clients. */
vc_msec vc_jitter(vc_msec low, vc_msec high);

#endif
