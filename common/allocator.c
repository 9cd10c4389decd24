/*
 * allocator.c - where the core's memory comes from; wipes what it gives up.
 *
 * realloc(3) is not used anywhere here: it may move a block and leave the old bytes behind. Called
 * by all modules, and through the hooks by cJSON and libcurl.
 */
#include "allocator.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * The countdown to the first hook allocation that fails: 0 is off, 1 fails now and from now on. A
 * global, because neither cJSON's nor libcurl's hooks have a context argument.
 */
static atomic_ulong hook_countdown;

static void *wiping_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    void *moved = NULL;

    (void)ctx;
    if (new_size > 0) {
        moved = malloc(new_size);
        if (moved == NULL)
            return NULL;
        if (ptr != NULL)
            memcpy(moved, ptr, old_size < new_size ? old_size : new_size);
    }
    if (ptr != NULL) {
        explicit_bzero(ptr, old_size);
        free(ptr);
    }
    return moved;
}

const struct vc_allocator vc_wiping_allocator = {.resize = wiping_resize, .ctx = NULL};

void *vc_alloc(const struct vc_allocator *allocator, size_t size)
{
    void *ptr = allocator->resize(allocator->ctx, NULL, 0, size);

    if (ptr != NULL)
        memset(ptr, 0, size);
    return ptr;
}

void vc_free(const struct vc_allocator *allocator, void *ptr, size_t size)
{
    if (ptr != NULL)
        allocator->resize(allocator->ctx, ptr, size, 0);
}

char *vc_strdup(const struct vc_allocator *allocator, const char *text)
{
    return text == NULL ? NULL : vc_strndup(allocator, text, strlen(text));
}

char *vc_strndup(const struct vc_allocator *allocator, const char *text, size_t len)
{
    char *copy;

    if (text == NULL || len == SIZE_MAX)
        return NULL;
    /* Stop at a NUL, so that strlen + 1 is the size for vc_strfree. */
    len = strnlen(text, len);
    copy = allocator->resize(allocator->ctx, NULL, 0, len + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

void vc_strfree(const struct vc_allocator *allocator, char *text)
{
    if (text != NULL)
        vc_free(allocator, text, strlen(text) + 1);
}

/* True where this allocation has to fail; counts it otherwise. */
static bool hook_must_fail(void)
{
    unsigned long left = atomic_load(&hook_countdown);

    while (left > 1)
        if (atomic_compare_exchange_weak(&hook_countdown, &left, left - 1))
            return false;
    return left == 1;
}

void vc_hook_fail_from(unsigned long nth)
{
    atomic_store(&hook_countdown, nth);
}

void *vc_hook_malloc(size_t size)
{
    return hook_must_fail() ? NULL : malloc(size);
}

void *vc_hook_calloc(size_t count, size_t size)
{
    return hook_must_fail() ? NULL : calloc(count, size);
}

/* As realloc: NULL allocates; where there is no memory, ptr stays valid; size 0 gives a smallest
 * block. */
void *vc_hook_realloc(void *ptr, size_t size)
{
    void *moved = vc_hook_malloc(size == 0 ? 1 : size);

    if (moved == NULL || ptr == NULL)
        return moved;
    size_t held = malloc_usable_size(ptr);
    memcpy(moved, ptr, held < size ? held : size);
    vc_hook_free(ptr);
    return moved;
}

char *vc_hook_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = vc_hook_malloc(size);

    return copy == NULL ? NULL : memcpy(copy, text, size);
}

void vc_hook_free(void *ptr)
{
    if (ptr == NULL)
        return;
    explicit_bzero(ptr, malloc_usable_size(ptr));
    free(ptr);
}
