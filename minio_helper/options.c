/*
 * options.c - a command's options by getopt_long, and its --help (options.h).
 *
 * Refuses abbreviated names: a script that says --out would mean something else once another option
 * begins like that. Called by every command.
 */
#include "options.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "exit_status.h"
#include "report.h"
#include "setting_value.h"

#define HELP_COLUMN 26 /* where the explanations begin; longer options have a line of their own */
#define MSEC_PER_SEC 1000.0

/* What next_option returns beside the index of a row. */
enum { END = -1, WRONG = -2, HELP = OPTIONS_MAX };
#define LONG_ONLY 0x100 /* getopt_long's value of row 0's long name: beyond all letters */

static void print_help_text(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        putchar(*c);
        if (*c == '\n')
            printf("%*s", HELP_COLUMN, "");
    }
    putchar('\n');
}

static void print_option(const struct option_row *option)
{
    char left[128];
    int width = 0;

    if (option->letter != 0)
        width =
            snprintf(left, sizeof(left), "  -%c, --%s%s%s", option->letter, option->name,
                     option->value != NULL ? " " : "", option->value != NULL ? option->value : "");
    else
        width =
            snprintf(left, sizeof(left), "      --%s%s%s", option->name,
                     option->value != NULL ? " " : "", option->value != NULL ? option->value : "");
    if (width >= HELP_COLUMN - 1)
        printf("%s\n%*s", left, HELP_COLUMN, "");
    else
        printf("%-*s", HELP_COLUMN, left);
    print_help_text(option->help);
}

static void print_help(const struct usage *usage)
{
    static const struct option_row help = {.name = "help", .letter = 'h', .help = "show this"};

    printf("usage: minio-helper %s [OPTION]...%s%s\n\n%s\n\n", usage->command,
           usage->arguments[0] != '\0' ? " " : "", usage->arguments, usage->summary);
    for (size_t i = 0; i < usage->option_count; i++)
        print_option(&usage->options[i]);
    print_option(&help);
    if (usage->notes[0] != '\0')
        printf("\n%s\n", usage->notes);
}

static void fill_tables(const struct usage *usage, struct option *longs, char *shorts)
{
    size_t n = 0;
    char *s = shorts;

    *s++ = '+'; /* stop at the first operand */
    *s++ = ':'; /* tell a missing value from an unknown option */
    *s++ = 'h';
    for (; n < usage->option_count && n < OPTIONS_MAX - 1; n++) {
        const struct option_row *option = &usage->options[n];

        longs[n] =
            (struct option){.name = option->name,
                            .has_arg = option->value != NULL ? required_argument : no_argument,
                            .val = LONG_ONLY + (int)n};
        if (option->letter == 0)
            continue;
        *s++ = option->letter;
        if (option->value != NULL)
            *s++ = ':';
    }
    longs[n] = (struct option){.name = "help", .has_arg = no_argument, .val = LONG_ONLY + HELP};
    longs[n + 1] = (struct option){.name = NULL};
    *s = '\0';
}

bool options_refuse(const struct usage *usage, const char *what, const char *which,
                    const char *hint)
{
    report_note("%s: %s%s%s%s", usage->command, what, which != NULL ? " \"" : "",
                which != NULL ? which : "", which != NULL ? "\"" : "");
    if (hint != NULL)
        fprintf(stderr, "hint: %s\n", hint);
    else
        fprintf(stderr, "hint: minio-helper %s --help\n", usage->command);
    return false;
}

/* True where the word is a long option cut short, which getopt_long would take. */
static bool is_abbreviated(const char *word, const char *name)
{
    return strncmp(word, "--", 2) == 0 && strlen(name) != strcspn(word + 2, "=");
}

static int row_of_letter(const struct usage *usage, int letter)
{
    for (size_t i = 0; i < usage->option_count; i++)
        if (usage->options[i].letter == letter)
            return (int)i;
    return HELP; /* 'h' is the only letter beside theirs */
}

/* The index of the next option's row, END, HELP, or WRONG, which was said. */
static int next_option(const struct usage *usage, int argc, char **argv)
{
    struct option longs[OPTIONS_MAX + 1];
    char shorts[2 * OPTIONS_MAX + 4];
    int at = optind == 0 ? 1 : optind;
    int index = -1;
    int found;

    fill_tables(usage, longs, shorts);
    found = getopt_long(argc, argv, shorts, longs, &index);
    if (found == -1)
        return END;
    if (found == ':') {
        options_refuse(usage, "a value is missing behind", argv[at], NULL);
        return WRONG;
    }
    if (found == '?' || (index >= 0 && is_abbreviated(argv[at], longs[index].name))) {
        options_refuse(usage, "no such option, or not with a value:", argv[at], NULL);
        return WRONG;
    }
    return index >= 0 ? found - LONG_ONLY : row_of_letter(usage, found);
}

static bool check_operands(const struct usage *usage, int count, char **operands)
{
    if (count < usage->operands_least)
        return options_refuse(usage, "missing:", usage->arguments, NULL);
    if (usage->operands_most < 0 || count <= usage->operands_most)
        return true;
    for (int i = 0; i < count; i++)
        if (operands[i][0] == '-' && operands[i][1] != '\0')
            return options_refuse(usage, "options stand before operands:", operands[i], NULL);
    return options_refuse(usage, "one operand too many:", operands[usage->operands_most], NULL);
}

static bool take(const struct usage *usage, const struct option_row *row, const char *value,
                 void *wanted)
{
    return row->take(usage, value, (char *)wanted + row->member);
}

bool options_parse(const struct usage *usage, int argc, char **argv, void *wanted, char ***operands,
                   int *status)
{
    int found;

    optind = 0; /* glibc: start afresh */
    opterr = 0;
    *status = STATUS_USAGE;
    while ((found = next_option(usage, argc, argv)) != END) {
        if (found == HELP) {
            print_help(usage);
            *status = STATUS_DONE;
            return false;
        }
        if (found == WRONG || !take(usage, &usage->options[found], optarg, wanted))
            return false;
    }
    *operands = argv + optind;
    return check_operands(usage, argc - optind, argv + optind);
}

bool option_take_text(const struct usage *usage, const char *value, void *member)
{
    (void)usage;
    *(const char **)member = value;
    return true;
}

bool option_take_flag(const struct usage *usage, const char *value, void *member)
{
    (void)usage;
    (void)value;
    *(bool *)member = true;
    return true;
}

bool options_number(const char *text, long *value)
{
    double number;

    if (strchr(text, '.') != NULL || !vc_parse_number(text, &number) || number > INT_MAX)
        return false;
    *value = (long)number;
    return true;
}

bool option_take_seconds(const struct usage *usage, const char *value, void *member)
{
    double msec;
    long seconds;

    if (!vc_parse_duration(value, &msec) || msec > INT_MAX * MSEC_PER_SEC ||
        (seconds = (long)(msec / MSEC_PER_SEC)) == 0)
        return options_refuse(usage, "no such time", value, "15m, 1h, or a number of seconds");
    *(long *)member = seconds;
    return true;
}
