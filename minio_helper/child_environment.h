/*
 * child_environment.h - the environment that a child is started with: ours, with secrets in it.
 *
 * A list of its own, because setenv(3) would leave each secret in this process for good.
 */
#ifndef MH_CHILD_ENVIRONMENT_H
#define MH_CHILD_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

struct child_environment {
    char **list; /* "NAME=VALUE", NULL behind the last: for execve */
    size_t count;
    size_t capacity;
};

/* A copy of this process's own. False: no memory. Free in any case. */
bool child_environment_init(struct child_environment *environment);
/* Wipes and frees. */
void child_environment_free(struct child_environment *environment);
/* Replaces or adds; value NULL takes the variable out. False: no memory. */
bool child_environment_set(struct child_environment *environment, const char *name,
                           const char *value);

#endif
