/*
 * wipe_recorder.c - explicit_bzero, with a memory of its last calls.
 */
#include "wipe_recorder.h"

#include <stdint.h>

#define REMEMBERED 256

static struct {
    uintptr_t start;
    size_t len;
} calls[REMEMBERED];
static size_t next_call;

void explicit_bzero(void *ptr, size_t len);
void __explicit_bzero_chk(void *ptr, size_t len, size_t room);

void explicit_bzero(void *ptr, size_t len)
{
    volatile char *bytes = ptr;

    for (size_t i = 0; i < len; i++)
        bytes[i] = 0;
    calls[next_call % REMEMBERED].start = (uintptr_t)ptr;
    calls[next_call % REMEMBERED].len = len;
    next_call++;
}

/* What _FORTIFY_SOURCE makes of it. */
void __explicit_bzero_chk(void *ptr, size_t len, size_t room)
{
    explicit_bzero(ptr, len < room ? len : room);
}

void wipes_forget(void)
{
    next_call = 0;
    for (size_t i = 0; i < REMEMBERED; i++)
        calls[i].len = 0;
}

bool wiped(const void *ptr, size_t len)
{
    for (size_t i = 0; i < REMEMBERED; i++)
        if (calls[i].start == (uintptr_t)ptr && calls[i].len >= len)
            return true;
    return false;
}

bool wiped_somewhere(size_t len)
{
    for (size_t i = 0; i < REMEMBERED; i++)
        if (calls[i].len >= len)
            return true;
    return false;
}
