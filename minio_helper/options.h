/*
 * options.h - a command's options: one table makes both its parser and its --help.
 */
#ifndef MH_OPTIONS_H
#define MH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#define OPTIONS_MAX 32 /* of one command; the longest list has 16 */

struct option_text {
    const char *name;  /* "output" */
    char letter;       /* 'o'; 0: none */
    const char *value; /* what follows, for the help: "FILE"; NULL: nothing follows */
    const char *help;  /* lines; those below the first are indented by the help */
    int id;            /* from 1, unique within a command */
};

struct usage {
    const char *command;   /* "credentials" */
    const char *arguments; /* behind the options: "PATH"; "" */
    const char *summary;   /* one sentence */
    const char *notes;     /* below the options: examples; "" */
    int operands_least;
    int operands_most; /* -1: any number */
    const struct option_text *options;
    size_t option_count;
};

enum options_outcome {
    OPTIONS_READY, /* the command may run */
    OPTIONS_HELP,  /* the help was printed: done */
    OPTIONS_WRONG  /* what is wrong was said on standard error: STATUS_USAGE */
};

/* Takes an option's value (NULL for a flag); false: it is wrong, and that was said. */
typedef bool (*option_take)(void *ctx, int id, const char *value);

/*
 * Hands each option to take. argv[0] is the command's name; parsing stops at the first operand, as
 * for `env CMD --option`. operands: set to what is behind the options, of which there
 * are as many as usage says, and a NULL. Each command has --help without naming it.
 */
enum options_outcome options_parse(const struct usage *usage, int argc, char **argv,
                                   option_take take, void *ctx, char ***operands);

/* "COMMAND: what "which"" on standard error, with a hint; for take. Returns false. */
bool options_refuse(const char *command, const char *what, const char *which, const char *hint);

/* A number of seconds or a count, 0 to 2^31-1, digits only; false otherwise. */
bool options_number(const char *text, long *value);
/* Go's durations ("15m") or seconds, in whole seconds; false otherwise. */
bool options_seconds(const char *text, long *seconds);

#endif
