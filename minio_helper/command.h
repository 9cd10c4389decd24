/*
 * command.h - the commands of minio-helper. Each parses its own options and returns the exit
 * status.
 */
#ifndef MH_COMMAND_H
#define MH_COMMAND_H

#include "exit_status.h"
#include "options.h"

/* argv[0] is the command's name. */
typedef enum exit_status (*command_run)(int argc, char **argv);

enum exit_status command_credentials(int argc, char **argv);
enum exit_status command_get(int argc, char **argv);
enum exit_status command_list(int argc, char **argv);
enum exit_status command_put(int argc, char **argv);
enum exit_status command_database(int argc, char **argv);

/* The option that every command that asks Vault has. */
#define OPTION_TEXT_TOKEN_CACHE(an_id)                                                             \
    {                                                                                              \
        .name = "token-cache", .value = "FILE", .id = (an_id),                                     \
        .help = "keep the token that was logged in for in FILE (0600; on a\n"                      \
                "tmpfs), for the next run, instead of revoking it"                                 \
    }

#endif
