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
/* The same, up to one tick of the kernel behind (10 ms at the most), for a quarter of the cost: for
 * what is asked millions of times. In a process with threads: of one of them only. */
vc_msec vc_now_coarse(void);
/* A number in [low, high], not for cryptography: spreads retries of many clients. */
vc_msec vc_jitter(vc_msec low, vc_msec high);

#endif
