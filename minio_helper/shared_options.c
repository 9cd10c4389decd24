/*
 * shared_options.c - what takes an option that several commands have (shared_options.h).
 */
#include "shared_options.h"

#include "s3_variables.h"

bool shared_option_take_names(const struct usage *usage, const char *value, void *member)
{
    const struct s3_names **names = member;

    *names = s3_names_find(value);
    return *names != NULL || options_refuse(usage, "no such set of names", value, s3_names_all());
}
