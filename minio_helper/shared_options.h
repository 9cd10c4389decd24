/*
 * shared_options.h - rows for the options that several commands have, each text once. A row takes
 * the command's struct and the member that the option goes to.
 */
#ifndef MH_SHARED_OPTIONS_H
#define MH_SHARED_OPTIONS_H

#include <stddef.h>

#include "options.h"

#define OPTION_TENANT_OWN_KEYS "the tenant; without it, the platform's own keys"

#define OPTION_TENANT(type, member, help)                                                          \
    {                                                                                              \
        "tenant", 't', "NAME", help, option_take_text, offsetof(type, member)                      \
    }

/* Of s3_variables.h, which the member points to. */
#define OPTION_NAMES(type, member)                                                                 \
    {                                                                                              \
        "names", 'n', "SET",                                                                       \
            "names of the variables: aws (where none is given), app,\n"                            \
            "pgbackrest, wal-g, restic, litestream, minio",                                        \
            shared_option_take_names, offsetof(type, member)                                       \
    }

/* member: struct credential_request */
#define OPTION_SECRET(type, member)                                                                \
    {                                                                                              \
        "secret", 0, "NAME", "read this secret instead of s3", option_take_text,                   \
            offsetof(type, member.secret)                                                          \
    }

#define OPTION_DURATION(type, member)                                                              \
    {                                                                                              \
        "duration", 'd', "TIME", "lifetime of temporary keys: 15m, 1h, or seconds",                \
            option_take_seconds, offsetof(type, member)                                            \
    }

/* member: struct output, of these two */
#define OPTION_OUTPUT(type, member)                                                                \
    {                                                                                              \
        "output", 'o', "FILE", "write FILE, whole or not at all, mode 0600", option_take_text,     \
            offsetof(type, member.path)                                                            \
    }
#define OPTION_SHOW(type, member)                                                                  \
    {                                                                                              \
        "show", 0, NULL, "print values even if standard output is a terminal", option_take_flag,   \
            offsetof(type, member.show)                                                            \
    }

/* member: struct vault_session_options; every command that asks Vault has it */
#define OPTION_TOKEN_CACHE(type, member)                                                           \
    {                                                                                              \
        "token-cache", 0, "FILE",                                                                  \
            "keep the token that was logged in for in FILE (0600; on a\n"                          \
            "tmpfs), for the next run, instead of revoking it",                                    \
            option_take_text, offsetof(type, member.token_cache)                                   \
    }

bool shared_option_take_names(const struct usage *usage, const char *value, void *member);

#endif
