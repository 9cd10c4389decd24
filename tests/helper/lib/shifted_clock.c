/*
 * shifted_clock.c - a time() that is CLOCK_SHIFT seconds off, for LD_PRELOAD: libcurl signs by it.
 * Compiled by tests/helper/sts.t.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <time.h>

time_t time(time_t *out)
{
    const char *shift = getenv("CLOCK_SHIFT");
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec += shift != NULL ? strtol(shift, NULL, 10) : 0;
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}
