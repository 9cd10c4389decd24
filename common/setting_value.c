/*
 * setting_value.c - text to booleans, numbers and durations.
 *
 * Refuses signs, spaces, exponents, "inf" and "nan", and asks no locale: strtod would do all of
 * that. Called by settings.
 */
#include "setting_value.h"

#include <stddef.h>
#include <string.h>

struct unit {
    const char *name;
    double msec;
};

/* Longer names before those that they begin with. "µ" is U+00B5 or U+03BC, as in Go. */
static const struct unit units[] = {
    {.name = "ns", .msec = 1e-6},        {.name = "us", .msec = 1e-3},
    {.name = "\xC2\xB5s", .msec = 1e-3}, {.name = "\xCE\xBCs", .msec = 1e-3},
    {.name = "ms", .msec = 1},           {.name = "s", .msec = 1000},
    {.name = "m", .msec = 60 * 1000},    {.name = "h", .msec = 60 * 60 * 1000},
};

#define DEFAULT_UNIT_MSEC 1000.0

static bool is_one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

bool vc_parse_bool(const char *text, bool *value)
{
    static const char *const yes[] = {"1", "t", "T", "TRUE", "true", "True"};
    static const char *const no[] = {"0", "f", "F", "FALSE", "false", "False"};

    if (is_one_of(text, yes, sizeof(yes) / sizeof(yes[0]))) {
        *value = true;
        return true;
    }
    if (is_one_of(text, no, sizeof(no) / sizeof(no[0]))) {
        *value = false;
        return true;
    }
    return false;
}

/* Moves *at past the decimal number there; false where there is none. */
static bool scan_decimal(const char **at, double *value)
{
    /* Wider than the result, so that a double written in 17 digits comes back as itself. */
    long double whole = 0;
    long double scale = 1;
    bool point = false;
    bool digits = false;

    for (;; (*at)++) {
        char c = **at;

        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9')
            break;
        digits = true;
        whole = whole * 10 + (c - '0');
        if (point)
            scale *= 10;
    }
    *value = (double)(whole / scale);
    return digits;
}

bool vc_parse_number(const char *text, double *value)
{
    double number;

    if (!scan_decimal(&text, &number) || *text != '\0')
        return false;
    *value = number;
    return true;
}

static const struct unit *scan_unit(const char **at)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t len = strlen(units[i].name);

        if (strncmp(*at, units[i].name, len) == 0) {
            *at += len;
            return &units[i];
        }
    }
    return NULL;
}

bool vc_parse_duration(const char *text, double *msec)
{
    double total = 0;
    double number;

    if (vc_parse_number(text, &number)) {
        *msec = number * DEFAULT_UNIT_MSEC;
        return true;
    }
    do {
        const struct unit *unit;

        if (!scan_decimal(&text, &number))
            return false;
        unit = scan_unit(&text);
        if (unit == NULL)
            return false;
        total += number * unit->msec;
    } while (*text != '\0');
    *msec = total;
    return true;
}
