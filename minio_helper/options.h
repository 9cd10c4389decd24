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
    const char *help;  /* lines, each below the first indented by options_help */
    int id;            /* what options_next returns; from 1, unique within a command */
};

struct usage {
    const char *command;   /* "credentials" */
    const char *arguments; /* behind the options: "PATH"; "" */
    const char *summary;   /* one sentence */
    const char *notes;     /* below the options: examples; "" */
    const struct option_text *options;
    size_t option_count;
};

enum { OPTION_END = 0, OPTION_HELP = -1, OPTION_WRONG = -2 };

struct options {
    const struct usage *usage;
    int argc;
    char **argv;
    const char *value; /* of the option just returned */
    int first_operand; /* index into argv, once OPTION_END was returned */
};

/* argv[0] is the command's name. Parsing stops at the first operand, as for `env CMD --option`. */
void options_begin(struct options *options, const struct usage *usage, int argc, char **argv);
/*
 * The next option's id; OPTION_END. OPTION_HELP: the help was printed to standard output, the
 * command is done. OPTION_WRONG: what is wrong was said on standard error (STATUS_USAGE). Each
 * command has --help without naming it.
 */
int options_next(struct options *options);
/*
 * After OPTION_END: false, and says so on standard error, where not exactly that many operands are
 * left. An option behind an operand is named as such.
 */
bool options_operands(const struct options *options, int count);

/* A number of seconds or a count, 0 to 2^31-1, digits only; false otherwise. */
bool options_number(const char *text, long *value);
/* Go's durations ("15m") or seconds, in whole seconds; false otherwise. */
bool options_seconds(const char *text, long *seconds);

#endif
