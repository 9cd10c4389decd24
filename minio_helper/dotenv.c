/*
 * dotenv.c - reads .env files (dotenv.h). Called by import.
 *
 * How the readers differ was taken from their documentation: python-dotenv (README, "File format"),
 * Node's dotenv (README, "Rules"), Docker Compose ("Environment variables: .env file syntax"), and
 * POSIX sh (2.2 Quoting).
 */
#include "dotenv.h"

#include <string.h>

#include "secret_buffer.h"
#include "utf8.h"

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"
#define GROWTH 32

static const char doubt_quote[] =
    "a backslash before a quote or a backslash within single quotes is text to some programs and "
    "an escape to others: use double quotes";
static const char doubt_escape[] =
    "\\' \\a \\b \\f \\v or a backslash at the end of a line within double quotes is text to some "
    "programs and an escape to others";
static const char doubt_comment[] = "# right behind = and a blank is a comment to some programs "
                                    "and the value to others: use quotes";
static const char doubt_continuation[] =
    "a backslash at the end joins the next line in a shell, and is text elsewhere: use quotes";

static const char doubt_control[] = "a carriage return or another control character ends the value "
                                    "for some programs: use double quotes, and \\r for it";

struct reader {
    const char *source;
    const char *at, *end;
    size_t line;
    struct dotenv_entry entry; /* being read; its strings are in the buffers */
    struct vc_buf name, value;
    struct vc_error *err;
};

static enum vc_code refuse_at(const struct reader *reader, size_t line, const char *why)
{
    return vc_error_set(reader->err, VC_BAD_SETTING, "\"%s\", line %zu: %s", reader->source, line,
                        why);
}

static enum vc_code refuse(const struct reader *reader, const char *why)
{
    return refuse_at(reader, reader->line, why);
}

/* ---- characters ---- */

/* The next one, with CRLF as a newline; -1 at the end. */
static int peek(const struct reader *reader)
{
    if (reader->at == reader->end)
        return -1;
    if (reader->at[0] == '\r' && reader->at + 1 < reader->end && reader->at[1] == '\n')
        return '\n';
    return (unsigned char)reader->at[0];
}

static int next(struct reader *reader)
{
    int c = peek(reader);

    if (c == -1)
        return c;
    reader->at += reader->at[0] == '\r' && c == '\n' ? 2 : 1;
    if (c == '\n')
        reader->line++;
    return c;
}

static bool take(struct reader *reader, const char *text)
{
    size_t len = strlen(text);

    if ((size_t)(reader->end - reader->at) < len || memcmp(reader->at, text, len) != 0)
        return false;
    reader->at += len;
    return true;
}

static bool is_blank(int c)
{
    return c == ' ' || c == '\t';
}

static bool ends_line(int c)
{
    return c == -1 || c == '\n';
}

/* True where there were some. */
static bool skip_blanks(struct reader *reader)
{
    bool skipped = false;

    for (; is_blank(peek(reader)); skipped = true)
        next(reader);
    return skipped;
}

static void skip_line(struct reader *reader)
{
    while (!ends_line(peek(reader)))
        next(reader);
    next(reader);
}

static void append(struct vc_buf *buf, int c)
{
    char byte = (char)c;

    vc_buf_append(buf, &byte, 1);
}

/* ---- names ---- */

static bool begins_name(int c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool is_of_name(int c)
{
    return begins_name(c) || (c >= '0' && c <= '9') || c == '.' || c == '-';
}

/* "export" is a name itself where no blank and no other name follows. */
static void skip_export(struct reader *reader)
{
    struct reader ahead = *reader;

    if (take(&ahead, "export") && skip_blanks(&ahead) && begins_name(peek(&ahead)))
        reader->at = ahead.at;
}

static enum vc_code read_name(struct reader *reader)
{
    skip_export(reader);
    if (!begins_name(peek(reader)))
        return refuse(reader, "no name before the =");
    while (is_of_name(peek(reader)))
        append(&reader->name, next(reader));
    if (reader->name.too_large)
        return refuse(reader, "the name is longer than 255 bytes");
    skip_blanks(reader);
    if (peek(reader) != '=')
        return refuse(reader,
                      ends_line(peek(reader)) ? "no =" : "a name is [A-Za-z_][A-Za-z0-9_.-]*");
    next(reader);
    return VC_OK;
}

/* ---- values ---- */

static void note_reference(struct reader *reader, int c)
{
    int behind = peek(reader);

    if (c == '$' && (behind == '{' || begins_name(behind)))
        reader->entry.has_reference = true;
}

static void read_bare(struct reader *reader, bool after_blank)
{
    struct vc_buf *value = &reader->value;
    size_t len = 0; /* of the value without blanks at its end */
    bool blank = after_blank;

    if (after_blank && peek(reader) == '#')
        reader->entry.doubt = doubt_comment;
    while (!ends_line(peek(reader)) && !(blank && peek(reader) == '#')) {
        int c = next(reader);

        blank = is_blank(c);
        if (c < ' ' && c != '\t')
            reader->entry.doubt = doubt_control;
        note_reference(reader, c);
        append(value, c);
        if (!blank)
            len = value->len;
    }
    if (value->data == NULL || value->failed)
        return;
    explicit_bzero(value->data + len, value->len - len);
    value->len = len;
    if (len > 0 && value->data[len - 1] == '\\')
        reader->entry.doubt = doubt_continuation;
}

/* What stands behind a quoted value. */
static bool at_end_of_value(const struct reader *reader)
{
    struct reader ahead = *reader;
    bool blank = skip_blanks(&ahead);

    return ends_line(peek(&ahead)) || (blank && peek(&ahead) == '#');
}

/* False at the value's end. */
static bool read_single_character(struct reader *reader)
{
    int c = next(reader);

    if (c == '\'')
        return take(reader, "\\''") && (append(&reader->value, '\''), true);
    if (c == '\\' && (peek(reader) == '\'' || peek(reader) == '\\')) {
        struct reader ahead = *reader;

        /* Both stay: which is meant is not ours to say. */
        reader->entry.doubt = doubt_quote;
        append(&reader->value, c);
        /* A quote that ends the value all the same: 'C:\' */
        if (next(&ahead) == '\'' && at_end_of_value(&ahead))
            return true;
        c = next(reader);
    }
    append(&reader->value, c);
    return true;
}

/* The character that an escape stands for; -1: it is none. */
static int unescape(int c)
{
    switch (c) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case '"':
    case '\\':
    case '$':
    case '`':
        return c;
    default:
        return -1;
    }
}

static bool read_double_character(struct reader *reader)
{
    int c = next(reader);
    int meant;

    if (c == '"')
        return false;
    if (c != '\\') {
        note_reference(reader, c);
        append(&reader->value, c);
        return true;
    }
    meant = unescape(peek(reader));
    if (meant == -1) {
        if (peek(reader) == '\n' || (peek(reader) != -1 && strchr("'abfv", peek(reader)) != NULL))
            reader->entry.doubt = doubt_escape;
        append(&reader->value, c);
        return true;
    }
    next(reader);
    append(&reader->value, meant);
    return true;
}

static enum vc_code read_quoted(struct reader *reader, bool (*read_character)(struct reader *))
{
    next(reader);
    do
        if (reader->at == reader->end)
            return refuse_at(reader, reader->entry.line, "the quote that opens here is not closed");
    while (read_character(reader));
    if (!at_end_of_value(reader))
        return refuse(reader, "text behind the closing quote");
    return VC_OK;
}

static enum vc_code read_value(struct reader *reader)
{
    bool after_blank = skip_blanks(reader);

    if (peek(reader) == '\'')
        return read_quoted(reader, read_single_character);
    if (peek(reader) == '"')
        return read_quoted(reader, read_double_character);
    read_bare(reader, after_blank);
    return VC_OK;
}

/* ---- entries ---- */

static bool reserve(struct dotenv *dotenv)
{
    size_t capacity = dotenv->capacity + GROWTH;
    struct dotenv_entry *entries;

    if (dotenv->count < dotenv->capacity)
        return true;
    entries =
        dotenv->allocator->resize(dotenv->allocator->ctx, dotenv->entries,
                                  dotenv->capacity * sizeof(*entries), capacity * sizeof(*entries));
    if (entries == NULL)
        return false;
    dotenv->entries = entries;
    dotenv->capacity = capacity;
    return true;
}

static enum vc_code no_memory(const struct reader *reader)
{
    return vc_error_set(reader->err, VC_NO_MEMORY, "out of memory while reading \"%s\"",
                        reader->source);
}

static enum vc_code add_entry(struct dotenv *dotenv, struct reader *reader)
{
    struct dotenv_entry *entry = &reader->entry;

    if (dotenv->count == DOTENV_ENTRIES_MAX)
        return refuse_at(reader, entry->line, "more than 4096 variables");
    if (reader->name.failed || reader->value.failed || !reserve(dotenv))
        return no_memory(reader);
    entry->name = vc_strdup(dotenv->allocator, vc_buf_text(&reader->name));
    entry->value = vc_strdup(dotenv->allocator, vc_buf_text(&reader->value));
    dotenv->entries[dotenv->count++] = *entry;
    return entry->name != NULL && entry->value != NULL ? VC_OK : no_memory(reader);
}

static enum vc_code read_entry(struct dotenv *dotenv, struct reader *reader)
{
    enum vc_code code;

    reader->entry = (struct dotenv_entry){.line = reader->line};
    vc_buf_reset(&reader->name);
    vc_buf_reset(&reader->value);
    code = read_name(reader);
    if (code == VC_OK)
        code = read_value(reader);
    if (code == VC_OK)
        code = add_entry(dotenv, reader);
    if (code == VC_OK)
        skip_line(reader);
    return code;
}

static size_t line_of(const char *text, const char *at)
{
    size_t line = 1;

    for (; text < at; text++)
        line += *text == '\n';
    return line;
}

static enum vc_code check_text(const struct reader *reader, const char *text, size_t len)
{
    const char *end = text + len;

    if (len > DOTENV_TEXT_MAX)
        return vc_error_set(reader->err, VC_BAD_SETTING, "\"%s\" is longer than %d bytes",
                            reader->source, DOTENV_TEXT_MAX);
    for (const char *at = text; at < end;) {
        size_t bytes = vc_utf8_char(at, (size_t)(end - at));

        if (bytes == 0)
            return refuse_at(reader, line_of(text, at), "not text in UTF-8");
        if (*at == '\0')
            return refuse_at(reader, line_of(text, at), "a NUL byte");
        at += bytes;
    }
    return VC_OK;
}

enum vc_code dotenv_parse(struct dotenv *dotenv, const struct vc_allocator *allocator,
                          const char *source, const char *text, size_t len, struct vc_error *err)
{
    struct reader reader = {.source = source, .at = text, .end = text + len, .line = 1, .err = err};
    enum vc_code code = check_text(&reader, text, len);

    *dotenv = (struct dotenv){.allocator = allocator};
    vc_buf_init(&reader.name, allocator, DOTENV_NAME_MAX);
    vc_buf_init(&reader.value, allocator, DOTENV_TEXT_MAX);
    take(&reader, BYTE_ORDER_MARK);
    while (code == VC_OK && reader.at < reader.end) {
        skip_blanks(&reader);
        if (ends_line(peek(&reader)) || peek(&reader) == '#')
            skip_line(&reader);
        else
            code = read_entry(dotenv, &reader);
    }
    vc_buf_free(&reader.name);
    vc_buf_free(&reader.value);
    if (code != VC_OK)
        dotenv_free(dotenv);
    return code;
}

void dotenv_free(struct dotenv *dotenv)
{
    for (size_t i = 0; i < dotenv->count; i++) {
        vc_strfree(dotenv->allocator, dotenv->entries[i].name);
        vc_strfree(dotenv->allocator, dotenv->entries[i].value);
    }
    vc_free(dotenv->allocator, dotenv->entries, dotenv->capacity * sizeof(*dotenv->entries));
    *dotenv = (struct dotenv){.allocator = dotenv->allocator};
}
