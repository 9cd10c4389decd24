/*
 * allocator.h - where the core's memory comes from.
 *
 * The allocator is a parameter, so that memory that held a secret is always wiped before it goes
 * back, and so that a test can make any single allocation fail.
 */
#ifndef VC_ALLOCATOR_H
#define VC_ALLOCATOR_H

#include <stddef.h>

/*
 * One function does all three jobs: ptr NULL allocates, new_size 0 frees, anything else resizes.
 * old_size is the size that was asked for before (0 when ptr is NULL). Memory that is given up is
 * wiped first. Returns NULL when nothing is left (ptr then stays valid) or when it freed.
 */
struct vc_allocator {
    void *(*resize)(void *ctx, void *ptr, size_t old_size, size_t new_size);
    void *ctx;
};

/* malloc and free, with explicit_bzero before each free and each move. */
extern const struct vc_allocator vc_wiping_allocator;

void *vc_alloc(const struct vc_allocator *allocator, size_t size); /* zeroed; NULL: no memory */
void vc_free(const struct vc_allocator *allocator, void *ptr, size_t size); /* ptr may be NULL */
char *vc_strdup(const struct vc_allocator *allocator, const char *text);    /* text may be NULL */
char *vc_strndup(const struct vc_allocator *allocator, const char *text, size_t len);
void vc_strfree(const struct vc_allocator *allocator, char *text); /* wipes strlen + 1 bytes */

/*
 * malloc-shaped functions for libraries that take such hooks (cJSON_InitHooks,
 * curl_global_init_mem). They wipe what they free, by malloc_usable_size.
 */
void *vc_hook_malloc(size_t size);
void *vc_hook_calloc(size_t count, size_t size);
void *vc_hook_realloc(void *ptr, size_t size);
char *vc_hook_strdup(const char *text);
void vc_hook_free(void *ptr);

/*
 * For tests: the hook functions above fail at the nth allocation from now (1 is the next) and at
 * each later one; 0 switches this off.
 */
void vc_hook_fail_from(unsigned long nth);

#endif
