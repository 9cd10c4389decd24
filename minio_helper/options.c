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

/* Beside the ids of options, which are above 0. */
enum { END = 0, WRONG = -1, HELP_ID = 1000 };

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

bool options_refuse(const char *command, const char *what, const char *which, const char *hint)
{
    report_note("%s: %s%s%s%s", command, what, which != NULL ? " \"" : "",
                which != NULL ? which : "", which != NULL ? "\"" : "");
    if (hint != NULL)
        fprintf(stderr, "hint: %s\n", hint);
    else
        fprintf(stderr, "hint: minio-helper %s --help\n", command);
    return false;
}

/* True where the word is a long option cut short, which getopt_long would take. */
static bool is_abbreviated(const char *word, const char *name)
{
    return strncmp(word, "--", 2) == 0 && strlen(name) != strcspn(word + 2, "=");
}

static int id_of_letter(const struct usage *usage, int letter)
{
    for (size_t i = 0; i < usage->option_count; i++)
        if (usage->options[i].letter == letter)
            return usage->options[i].id;
    return 0;
}

/* The next option: its id, END, HELP_ID, or WRONG, which was said. */
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
        options_refuse(usage->command, "a value is missing behind", argv[at], NULL);
        return WRONG;
    }
    if (found == '?' || (index >= 0 && is_abbreviated(argv[at], longs[index].name))) {
        options_refuse(usage->command, "no such option, or not with a value:", argv[at], NULL);
        return WRONG;
    }
    if (found == 'h')
        return HELP_ID;
    return index >= 0 ? found : id_of_letter(usage, found);
}

static bool check_operands(const struct usage *usage, int count, char **operands)
{
    if (count < usage->operands_least)
        return options_refuse(usage->command, "missing:", usage->arguments, NULL);
    if (usage->operands_most < 0 || count <= usage->operands_most)
        return true;
    for (int i = 0; i < count; i++)
        if (operands[i][0] == '-' && operands[i][1] != '\0')
            return options_refuse(usage->command, "options stand before operands:", operands[i],
                                  NULL);
    return options_refuse(usage->command, "one operand too many:", operands[usage->operands_most],
                          NULL);
}

enum options_outcome options_parse(const struct usage *usage, int argc, char **argv,
                                   option_take take, void *ctx, char ***operands)
{
    int id;

    optind = 0; /* glibc: start afresh */
    opterr = 0;
    while ((id = next_option(usage, argc, argv)) != END) {
        if (id == HELP_ID) {
            print_help(usage);
            return OPTIONS_HELP;
        }
        if (id == WRONG || !take(ctx, id, optarg))
            return OPTIONS_WRONG;
    }
    if (!check_operands(usage, argc - optind, argv + optind))
        return OPTIONS_WRONG;
    *operands = argv + optind;
    return OPTIONS_READY;
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
