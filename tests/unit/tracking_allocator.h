/*
 * tracking_allocator.h - an allocator for tests: fails where it is told to, and notices what is
 * left over, freed with another size than it was asked for with, or used before it was written.
 */
#ifndef TEST_TRACKING_ALLOCATOR_H
#define TEST_TRACKING_ALLOCATOR_H

#include <stddef.h>

#include "allocator.h"

struct tracking {
    struct vc_allocator allocator; /* to be handed to the module under test */
    size_t blocks;                 /* allocated and not freed */
    unsigned long allocations;     /* so far, the failed ones included */
    unsigned long fail_from;       /* this allocation fails and each later one; 0: none */
    unsigned long wrong_sizes;     /* frees and moves with another old_size than the block has */
};

/* tracking must stay where it is: the allocator points into it. */
void tracking_init(struct tracking *tracking);

#endif
