/*
 * command.h - the commands of minio-helper. Each parses its own options and returns the exit
 * status: one of exit_status.h, or that of the command that exec ran.
 */
#ifndef MH_COMMAND_H
#define MH_COMMAND_H

#include "exit_status.h"
#include "options.h"

/* argv[0] is the command's name. */
typedef int (*command_run)(int argc, char **argv);

int command_app_config(int argc, char **argv);
int command_check(int argc, char **argv);
int command_credentials(int argc, char **argv);
int command_get(int argc, char **argv);
int command_import(int argc, char **argv);
int command_list(int argc, char **argv);
int command_put(int argc, char **argv);
int command_database(int argc, char **argv);
int command_exec(int argc, char **argv);
int command_serve(int argc, char **argv);
int command_wait(int argc, char **argv);

#endif
