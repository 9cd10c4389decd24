/*
 * options.h - a command's options: one table makes both its parser and its --help. A row names what
 * takes the option's value, and into which member of the command's own struct.
 */
#ifndef MH_OPTIONS_H
#define MH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#define OPTIONS_MAX 32 /* of one command; the longest list has 16 */

struct usage;

/*
 * Takes an option's value (NULL for a flag) into the member that its row names; false: it is wrong,
 * and that was said (options_refuse).
 */
typedef bool (*option_take)(const struct usage *usage, const char *value, void *member);

struct option_row {
    const char *name;  /* "output" */
    char letter;       /* 'o'; 0: none */
    const char *value; /* what follows, for the help: "FILE"; NULL: nothing follows */
    const char *help;  /* lines; those below the first are indented by the help */
    option_take take;
    size_t member; /* offset in the struct that options_parse fills */
};

struct usage {
    const char *command;   /* "credentials" */
    const char *arguments; /* behind the options: "PATH"; "" */
    const char *summary;   /* one sentence */
    const char *notes;     /* below the options: examples; "" */
    int operands_least;
    int operands_most; /* -1: any number */
    const struct option_row *options;
    size_t option_count;
};

/*
 * Hands each option's value to its row's take; wanted is the struct that members are of. argv[0] is
 * the command's name; parsing stops at the first operand, as for `env CMD --option`. operands: set
 * to what is behind the options, of which there are as many as usage says, and a NULL. Each command
 * has --help without naming it.
 *
 * True: the command may run. False: *status is what to exit with (exit_status.h): the help was
 * printed, or what is wrong was said on standard error.
 */
bool options_parse(const struct usage *usage, int argc, char **argv, void *wanted, char ***operands,
                   int *status);

/* The takes for what several commands have. */
bool option_take_text(const struct usage *usage, const char *value,
                      void *member); /* const char * */
bool option_take_flag(const struct usage *usage, const char *value, void *member); /* bool */
/* "15m", "1h" or seconds, above 0, in seconds. */
bool option_take_seconds(const struct usage *usage, const char *value, void *member); /* long */

/* "COMMAND: what "which"" on standard error, with a hint. Returns false. */
bool options_refuse(const struct usage *usage, const char *what, const char *which,
                    const char *hint);

/* A number of seconds or a count, 0 to 2^31-1, digits only; false otherwise. */
bool options_number(const char *text, long *value);

#endif
