/*
 * child_environment.c - the environment that a child is started with (child_environment.h). Called
 * by exec.
 */
#include "child_environment.h"

#include <string.h>

#include "allocator.h"
#include "secret_buffer.h"

#define GROWTH 16              /* a set of variables has at most as many */
#define VARIABLE_MAX (1 << 17) /* Linux: MAX_ARG_STRLEN, which execve refuses beyond */

extern char **environ;

static bool reserve(struct child_environment *environment, size_t count)
{
    size_t capacity = count + GROWTH;
    char **list;

    if (count < environment->capacity)
        return true;
    list = vc_alloc(&vc_wiping_allocator, capacity * sizeof(*list));
    if (list == NULL)
        return false;
    if (environment->count > 0)
        memcpy(list, environment->list, environment->count * sizeof(*list));
    vc_free(&vc_wiping_allocator, environment->list, environment->capacity * sizeof(*list));
    environment->list = list;
    environment->capacity = capacity;
    return true;
}

/* Takes text over, also where it fails. */
static bool append(struct child_environment *environment, char *text)
{
    if (text == NULL || !reserve(environment, environment->count + 1)) {
        vc_strfree(&vc_wiping_allocator, text);
        return false;
    }
    environment->list[environment->count++] = text;
    environment->list[environment->count] = NULL;
    return true;
}

bool child_environment_init(struct child_environment *environment)
{
    *environment = (struct child_environment){.list = NULL};
    if (!reserve(environment, 1))
        return false;
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
        if (!append(environment, vc_strdup(&vc_wiping_allocator, *entry)))
            return false;
    return true;
}

void child_environment_free(struct child_environment *environment)
{
    for (size_t i = 0; i < environment->count; i++)
        vc_strfree(&vc_wiping_allocator, environment->list[i]);
    vc_free(&vc_wiping_allocator, environment->list,
            environment->capacity * sizeof(*environment->list));
    *environment = (struct child_environment){.list = NULL};
}

static void remove_variable(struct child_environment *environment, const char *name)
{
    size_t len = strlen(name);
    size_t kept = 0;

    for (size_t i = 0; i < environment->count; i++) {
        char *entry = environment->list[i];

        if (strncmp(entry, name, len) == 0 && entry[len] == '=')
            vc_strfree(&vc_wiping_allocator, entry);
        else
            environment->list[kept++] = entry;
    }
    environment->count = kept;
    environment->list[kept] = NULL;
}

bool child_environment_set(struct child_environment *environment, const char *name,
                           const char *value)
{
    struct vc_buf text;
    bool added;

    remove_variable(environment, name);
    if (value == NULL)
        return true;
    vc_buf_init(&text, &vc_wiping_allocator, VARIABLE_MAX);
    vc_buf_append_format(&text, "%s=%s", name, value);
    added =
        !text.failed && append(environment, vc_strdup(&vc_wiping_allocator, vc_buf_text(&text)));
    vc_buf_free(&text);
    return added;
}
