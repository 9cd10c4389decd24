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

#include "report.h"
#include "setting_value.h"

#define HELP_COLUMN 26 /* where the explanations begin; longer options have a line of their own */
#define MSEC_PER_SEC 1000.0

/* getopt_long's own value for --help; ids of options are below. */
#define HELP_ID 1000

void options_begin(struct options *options, const struct usage *usage, int argc, char **argv)
{
    *options = (struct options){.usage = usage, .argc = argc, .argv = argv};
    optind = 0; /* glibc: start afresh */
    opterr = 0;
}

static void print_help_text(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        putchar(*c);
        if (*c == '\n')
            printf("%*s", HELP_COLUMN, "");
    }
    putchar('\n');
}

static void print_option(const struct option_text *option)
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
    static const struct option_text help = {.name = "help", .letter = 'h', .help = "show this"};

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
        const struct option_text *option = &usage->options[n];

        longs[n] =
            (struct option){.name = option->name,
                            .has_arg = option->value != NULL ? required_argument : no_argument,
                            .val = option->id};
        if (option->letter == 0)
            continue;
        *s++ = option->letter;
        if (option->value != NULL)
            *s++ = ':';
    }
    longs[n] = (struct option){.name = "help", .has_arg = no_argument, .val = HELP_ID};
    longs[n + 1] = (struct option){.name = NULL};
    *s = '\0';
}

static int wrong(const struct options *options, const char *what, const char *which)
{
    report_note("%s: %s \"%s\"", options->usage->command, what, which);
    fprintf(stderr, "hint: minio-helper %s --help\n", options->usage->command);
    return OPTION_WRONG;
}

/* True where the word is a long option cut short, which getopt_long would take. */
static bool is_abbreviated(const char *word, const char *name)
{
    size_t len;

    if (strncmp(word, "--", 2) != 0)
        return false;
    len = strcspn(word + 2, "=");
    return strlen(name) != len;
}

static int id_of_letter(const struct usage *usage, int letter)
{
    for (size_t i = 0; i < usage->option_count; i++)
        if (usage->options[i].letter == letter)
            return usage->options[i].id;
    return OPTION_WRONG;
}

int options_next(struct options *options)
{
    struct option longs[OPTIONS_MAX + 1];
    char shorts[2 * OPTIONS_MAX + 4];
    int at = optind == 0 ? 1 : optind;
    int index = -1;
    int found;

    fill_tables(options->usage, longs, shorts);
    found = getopt_long(options->argc, options->argv, shorts, longs, &index);
    options->value = optarg;
    if (found == -1) {
        options->first_operand = optind;
        return OPTION_END;
    }
    if (found == ':')
        return wrong(options, "a value is missing behind", options->argv[at]);
    if (found == '?' || (index >= 0 && is_abbreviated(options->argv[at], longs[index].name)))
        return wrong(options, "no such option", options->argv[at]);
    if (found == HELP_ID || found == 'h') {
        print_help(options->usage);
        return OPTION_HELP;
    }
    return index >= 0 ? found : id_of_letter(options->usage, found);
}

bool options_operands(const struct options *options, int count)
{
    int left = options->argc - options->first_operand;

    if (left == count)
        return true;
    if (left < count) {
        report_note("%s: %s is missing", options->usage->command, options->usage->arguments);
        fprintf(stderr, "hint: minio-helper %s --help\n", options->usage->command);
        return false;
    }
    for (int i = options->first_operand; i < options->argc; i++)
        if (options->argv[i][0] == '-' && options->argv[i][1] != '\0')
            return wrong(options, "options stand before operands:", options->argv[i]) == 0;
    return wrong(options, "one operand too many:", options->argv[options->first_operand + count]) ==
           0;
}

bool options_number(const char *text, long *value)
{
    double number;

    if (strchr(text, '.') != NULL || !vc_parse_number(text, &number) || number > INT_MAX)
        return false;
    *value = (long)number;
    return true;
}

bool options_seconds(const char *text, long *seconds)
{
    double msec;

    if (!vc_parse_duration(text, &msec) || msec > INT_MAX * MSEC_PER_SEC)
        return false;
    *seconds = (long)(msec / MSEC_PER_SEC);
    return true;
}
