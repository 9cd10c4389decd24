/*
 * monotonic.c - the clock for ages and deadlines, and jitter. Called by transport, lifecycle, rate
 * limit.
 */
#include "monotonic.h"

#include <sys/random.h>
#include <time.h>

#define MSEC_PER_SEC 1000
#define NSEC_PER_MSEC 1000000

vc_msec vc_now(void)
{
    struct timespec now;

    /* Linux has it since 2.6.39; a sandbox that forbids it still has the plain monotonic clock. */
    if (clock_gettime(CLOCK_BOOTTIME, &now) != 0)
        clock_gettime(CLOCK_MONOTONIC, &now);
    return (vc_msec)now.tv_sec * MSEC_PER_SEC + now.tv_nsec / NSEC_PER_MSEC;
}

/* Linux has no coarse clock that counts sleep: the coarse one tells when to read the exact one. */
vc_msec vc_now_coarse(void)
{
    static struct timespec tick;
    static vc_msec now = -1;
    struct timespec current;

    if (clock_gettime(CLOCK_MONOTONIC_COARSE, &current) != 0)
        return vc_now();
    if (now < 0 || current.tv_nsec != tick.tv_nsec || current.tv_sec != tick.tv_sec) {
        tick = current;
        now = vc_now();
    }
    return now;
}

static uint64_t random_bits(void)
{
    uint64_t bits;
    struct timespec now;

    if (getrandom(&bits, sizeof(bits), GRND_NONBLOCK) == (ssize_t)sizeof(bits))
        return bits;
    /* Early at boot: the nanoseconds spread well enough. */
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_nsec * UINT64_C(0x9E3779B97F4A7C15) >> 20;
}

vc_msec vc_jitter(vc_msec low, vc_msec high)
{
    uint64_t span;

    if (high <= low)
        return low;
    span = (uint64_t)high - (uint64_t)low + 1;
    /* span is 0 where the two bounds are the whole range of the type. */
    return (vc_msec)((uint64_t)low + (span == 0 ? random_bits() : random_bits() % span));
}
