/*
 * tracking_allocator.c - an allocator for tests. Each block is preceded by its size, and new bytes
 * are never zero.
 */
#include "tracking_allocator.h"

#include <stdlib.h>
#include <string.h>

#define HEADER 16 /* keeps the alignment of malloc */
#define UNWRITTEN 0xAA

static size_t size_of(const void *ptr)
{
    size_t size;

    memcpy(&size, (const char *)ptr - HEADER, sizeof(size));
    return size;
}

static void release(struct tracking *tracking, void *ptr, size_t old_size)
{
    if (ptr == NULL)
        return;
    if (size_of(ptr) != old_size)
        tracking->wrong_sizes++;
    tracking->blocks--;
    free((char *)ptr - HEADER);
}

static void *tracking_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    struct tracking *tracking = ctx;
    char *block = NULL;

    if (new_size > 0) {
        tracking->allocations++;
        if (tracking->fail_from != 0 && tracking->allocations >= tracking->fail_from)
            return NULL;
        block = malloc(HEADER + new_size);
        if (block == NULL)
            abort();
        memcpy(block, &new_size, sizeof(new_size));
        block += HEADER;
        memset(block, UNWRITTEN, new_size);
        if (ptr != NULL)
            memcpy(block, ptr, old_size < new_size ? old_size : new_size);
        tracking->blocks++;
    }
    release(tracking, ptr, old_size);
    return block;
}

void tracking_init(struct tracking *tracking)
{
    *tracking = (struct tracking){.allocator = {.resize = tracking_resize, .ctx = tracking}};
}
