/*
 * json.c - cJSON with its traps closed.
 *
 * The text is first checked by a scanner of our own against the grammar of RFC 8259, without
 * recursion and without memory; only what passes does cJSON get to see. So nothing depends on how
 * cJSON treats a bad text, and its recursion is as deep as VC_JSON_MAX_DEPTH at most. Called by
 * everything that reads a reply.
 */
#include "json.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "utf8.h"

#define NUMBER_MAX_BYTES 63              /* cJSON's own buffer for a number; a double needs 24 */
#define FEW_NAMES 8                      /* so many are compared in pairs, without memory */
#define LARGEST_EXACT 9007199254740992.0 /* 2^53: beyond it a double skips integers */

struct scanner {
    const char *start;
    const char *at;
    const char *end;
    const char *fault; /* what is wrong, for a person; NULL: nothing yet */
};

static bool fault(struct scanner *scan, const char *what)
{
    scan->fault = what;
    return false;
}

static bool peek_is(const struct scanner *scan, char c)
{
    return scan->at < scan->end && *scan->at == c;
}

static bool skip_char(struct scanner *scan, char c)
{
    if (!peek_is(scan, c))
        return false;
    scan->at++;
    return true;
}

static void skip_whitespace(struct scanner *scan)
{
    while (peek_is(scan, ' ') || peek_is(scan, '\t') || peek_is(scan, '\n') || peek_is(scan, '\r'))
        scan->at++;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The four digits after \u. */
static bool scan_code_unit(struct scanner *scan, unsigned *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = scan->at < scan->end ? hex_value(*scan->at) : -1;

        if (digit < 0)
            return fault(scan, "malformed \\u escape");
        *unit = *unit * 16 + (unsigned)digit;
        scan->at++;
    }
    return true;
}

/* After \u: one code unit, or the two of a surrogate pair. */
static bool scan_unicode_escape(struct scanner *scan)
{
    unsigned unit;

    if (!scan_code_unit(scan, &unit))
        return false;
    if (unit == 0)
        return fault(scan, "\\u0000 in a string");
    if (unit < 0xD800 || unit > 0xDFFF)
        return true;
    if (unit > 0xDBFF || !skip_char(scan, '\\') || !skip_char(scan, 'u'))
        return fault(scan, "lone surrogate in a string");
    if (!scan_code_unit(scan, &unit))
        return false;
    return (unit >= 0xDC00 && unit <= 0xDFFF) || fault(scan, "lone surrogate in a string");
}

/* After a backslash. */
static bool scan_escape(struct scanner *scan)
{
    if (skip_char(scan, 'u'))
        return scan_unicode_escape(scan);
    if (scan->at == scan->end || *scan->at == '\0' || strchr("\"\\/bfnrt", *scan->at) == NULL)
        return fault(scan, "unknown escape in a string");
    scan->at++;
    return true;
}

static bool scan_string(struct scanner *scan)
{
    if (!skip_char(scan, '"'))
        return fault(scan, "a string was expected");
    while (!skip_char(scan, '"')) {
        size_t step;

        if (scan->at == scan->end)
            return fault(scan, "a string does not end");
        if (skip_char(scan, '\\')) {
            if (!scan_escape(scan))
                return false;
            continue;
        }
        if ((unsigned char)*scan->at < 0x20)
            return fault(scan, "control character in a string");
        step = vc_utf8_char(scan->at, (size_t)(scan->end - scan->at));
        if (step == 0)
            return fault(scan, "invalid UTF-8");
        scan->at += step;
    }
    return true;
}

static size_t skip_digits(struct scanner *scan)
{
    const char *first = scan->at;

    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
        scan->at++;
    return (size_t)(scan->at - first);
}

static bool scan_number(struct scanner *scan)
{
    const char *first = scan->at;

    skip_char(scan, '-');
    if (!skip_char(scan, '0') && skip_digits(scan) == 0)
        return fault(scan, "a value was expected");
    if (skip_char(scan, '.') && skip_digits(scan) == 0)
        return fault(scan, "malformed number");
    if (skip_char(scan, 'e') || skip_char(scan, 'E')) {
        if (!skip_char(scan, '+'))
            skip_char(scan, '-');
        if (skip_digits(scan) == 0)
            return fault(scan, "malformed number");
    }
    if (scan->at - first > NUMBER_MAX_BYTES)
        return fault(scan, "number too long");
    return true;
}

static bool scan_word(struct scanner *scan, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, word, len) != 0)
        return fault(scan, "a value was expected");
    scan->at += len;
    return true;
}

static bool scan_scalar(struct scanner *scan)
{
    if (scan->at == scan->end)
        return fault(scan, "a value was expected");
    switch (*scan->at) {
    case '"':
        return scan_string(scan);
    case 't':
        return scan_word(scan, "true");
    case 'f':
        return scan_word(scan, "false");
    case 'n':
        return scan_word(scan, "null");
    default:
        return scan_number(scan);
    }
}

/* The name and colon before a member's value. */
static bool scan_name(struct scanner *scan)
{
    skip_whitespace(scan);
    if (!scan_string(scan))
        return false;
    skip_whitespace(scan);
    return skip_char(scan, ':') || fault(scan, "a colon was expected");
}

/*
 * After a value: closes as many arrays and objects as end here, and stands before the next value,
 * or at the text's end with *depth 0. closers is a stack of the brackets awaited.
 */
static bool scan_after_value(struct scanner *scan, const char *closers, int *depth)
{
    while (*depth > 0) {
        skip_whitespace(scan);
        if (skip_char(scan, ','))
            return closers[*depth - 1] == ']' || scan_name(scan);
        if (!skip_char(scan, closers[*depth - 1]))
            return fault(scan, "a comma or a closing bracket was expected");
        (*depth)--;
    }
    return true;
}

/* An opening bracket was skipped: stands before the first value, or sets *empty where there is
 * none. */
static bool scan_opened(struct scanner *scan, char closer, bool *empty)
{
    skip_whitespace(scan);
    *empty = skip_char(scan, closer);
    return *empty || closer == ']' || scan_name(scan);
}

static bool scan_document(struct scanner *scan)
{
    char closers[VC_JSON_MAX_DEPTH];
    int depth = 0;

    do {
        bool is_array, empty;

        skip_whitespace(scan);
        is_array = peek_is(scan, '[');
        if (is_array || peek_is(scan, '{')) {
            if (depth == VC_JSON_MAX_DEPTH)
                return fault(scan, "nested too deeply");
            scan->at++;
            closers[depth++] = is_array ? ']' : '}';
            if (!scan_opened(scan, closers[depth - 1], &empty))
                return false;
            if (!empty)
                continue;
            depth--;
        } else if (!scan_scalar(scan)) {
            return false;
        }
        if (!scan_after_value(scan, closers, &depth))
            return false;
        if (depth == 0)
            break;
    } while (true);
    skip_whitespace(scan);
    return scan->at == scan->end || fault(scan, "text after the end");
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool few_names_repeat(const cJSON *object)
{
    for (const cJSON *a = object->child; a != NULL; a = a->next)
        for (const cJSON *b = a->next; b != NULL; b = b->next)
            if (strcmp(a->string, b->string) == 0)
                return true;
    return false;
}

/* Sorted, because a hostile reply may hold tens of thousands: comparing in pairs would take
 * minutes. */
static enum vc_code many_names_repeat(const cJSON *object, size_t count, bool *repeat)
{
    const char **names = vc_hook_calloc(count, sizeof(*names));
    size_t filled = 0;

    if (names == NULL)
        return VC_NO_MEMORY;
    for (const cJSON *member = object->child; member != NULL; member = member->next)
        names[filled++] = member->string;
    qsort(names, count, sizeof(*names), compare_names);
    *repeat = false;
    for (size_t i = 1; i < count && !*repeat; i++)
        *repeat = strcmp(names[i - 1], names[i]) == 0;
    vc_hook_free(names);
    return VC_OK;
}

static enum vc_code check_names(const cJSON *object, struct vc_error *err)
{
    size_t count = 0;
    bool repeat = false;

    for (const cJSON *member = object->child; member != NULL; member = member->next)
        count++;
    if (count <= FEW_NAMES)
        repeat = few_names_repeat(object);
    else if (many_names_repeat(object, count, &repeat) != VC_OK)
        return vc_error_set(err, VC_NO_MEMORY, "out of memory while reading JSON");
    if (repeat)
        return vc_error_set(err, VC_BAD_REPLY, "invalid JSON: an object has two equal names");
    return VC_OK;
}

/* Recursion is bounded: the scanner has let through VC_JSON_MAX_DEPTH levels at most. */
static enum vc_code check_tree(const cJSON *value, struct vc_error *err)
{
    if (cJSON_IsNumber(value) && !isfinite(value->valuedouble))
        return vc_error_set(err, VC_BAD_REPLY, "invalid JSON: a number is out of range");
    if (cJSON_IsObject(value)) {
        enum vc_code code = check_names(value, err);

        if (code != VC_OK)
            return code;
    }
    for (const cJSON *child = value->child; child != NULL; child = child->next) {
        enum vc_code code = check_tree(child, err);

        if (code != VC_OK)
            return code;
    }
    return VC_OK;
}

void vc_json_use_wiping_hooks(void)
{
    cJSON_Hooks hooks = {.malloc_fn = vc_hook_malloc, .free_fn = vc_hook_free};

    cJSON_InitHooks(&hooks);
}

cJSON *vc_json_parse(const char *text, size_t len, struct vc_error *err)
{
    struct scanner scan = {.start = text, .at = text, .end = text + len};
    cJSON *root;

    if (!scan_document(&scan)) {
        vc_error_set(err, VC_BAD_REPLY, "invalid JSON at byte %zu of %zu: %s",
                     (size_t)(scan.at - scan.start), len, scan.fault);
        return NULL;
    }
    root = cJSON_ParseWithLengthOpts(text, len, NULL, false);
    if (root == NULL) {
        /* The text is sound and the depth bounded: nothing else is left. */
        vc_error_set(err, VC_NO_MEMORY, "out of memory while reading JSON");
        return NULL;
    }
    if (check_tree(root, err) != VC_OK) {
        cJSON_Delete(root);
        return NULL;
    }
    return root;
}

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
}

const cJSON *vc_json_object(const cJSON *object, const char *name)
{
    const cJSON *item = member(object, name);

    return cJSON_IsObject(item) ? item : NULL;
}

const cJSON *vc_json_array(const cJSON *object, const char *name)
{
    const cJSON *item = member(object, name);

    return cJSON_IsArray(item) ? item : NULL;
}

const char *vc_json_string(const cJSON *object, const char *name)
{
    const cJSON *item = member(object, name);

    return cJSON_IsString(item) ? item->valuestring : NULL;
}

bool vc_json_bool(const cJSON *object, const char *name, bool fallback)
{
    const cJSON *item = member(object, name);

    return cJSON_IsBool(item) ? cJSON_IsTrue(item) : fallback;
}

long long vc_json_integer(const cJSON *object, const char *name, long long fallback)
{
    const cJSON *item = member(object, name);

    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= LARGEST_EXACT))
        return fallback;
    if (item->valuedouble != (double)(long long)item->valuedouble)
        return fallback;
    return (long long)item->valuedouble;
}

static bool number_exact(const cJSON *number)
{
    char text[NUMBER_MAX_BYTES + 1];

    return number->valuedouble > -LARGEST_EXACT && number->valuedouble < LARGEST_EXACT &&
           cJSON_PrintPreallocated((cJSON *)number, text, sizeof(text), false) &&
           strtod(text, NULL) == number->valuedouble;
}

/* No deeper than VC_JSON_MAX_DEPTH, which parsing kept. */
bool vc_json_exact(const cJSON *value)
{
    const cJSON *item;

    if (cJSON_IsNumber(value))
        return number_exact(value);
    cJSON_ArrayForEach (item, value)
        if (!vc_json_exact(item))
            return false;
    return true;
}
