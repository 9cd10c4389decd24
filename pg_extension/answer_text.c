/*
 * answer_text.c - the texts in an answer, made fit for this database.
 *
 * Refuses bytes that are not valid UTF-8, or that the database's encoding has no character for,
 * without repeating them: PostgreSQL's own error would show the bytes, and they may be a
 * password's.
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#include "answer_text.h"
#include "sql_function.h"

static bool database_speaks_utf8(void)
{
    int encoding = GetDatabaseEncoding();

    return encoding == PG_UTF8 || encoding == PG_SQL_ASCII; /* the latter takes any bytes */
}

/* A palloc'd, NUL-terminated copy of valid UTF-8 in the database's encoding; NULL: not possible. */
static char *convert(const char *source, size_t len)
{
    int encoding = GetDatabaseEncoding();
    Oid procedure = FindDefaultConversionProc(PG_UTF8, encoding);
    size_t size = len * MAX_CONVERSION_GROWTH + 1;
    char *out;

    if (!OidIsValid(procedure))
        return NULL;
    out = palloc(size);
    if (pg_do_encoding_conversion_buf(procedure, PG_UTF8, encoding, (unsigned char *)source,
                                      (int)len, (unsigned char *)out, (int)size, true) == (int)len)
        return out;
    explicit_bzero(out, size);
    pfree(out);
    return NULL;
}

_Noreturn static void refuse(const char *what, const char *name)
{
    ereport(ERROR, (errcode(ERRCODE_UNTRANSLATABLE_CHARACTER),
                    errmsg("%s of \"%s\" cannot be represented in this database's encoding \"%s\"",
                           what, name, GetDatabaseEncodingName()),
                    errhint("Use a database with encoding UTF8, or ASCII characters in Vault.")));
    pg_unreachable();
}

static text *to_datum(const char *bytes, size_t len, const char *what, const char *name)
{
    char *converted;
    text *datum;

    if (!pg_verify_mbstr(PG_UTF8, bytes, (int)len, true))
        refuse(what, name);
    if (database_speaks_utf8())
        return cstring_to_text_with_len(bytes, (int)len);
    converted = convert(bytes, len);
    if (converted == NULL)
        refuse(what, name);
    datum = cstring_to_text(converted);
    explicit_bzero(converted, strlen(converted));
    pfree(converted);
    return datum;
}

text *tv_answer_text(const TvAnswer *answer, enum frame_tag tag, const char *what, const char *name)
{
    struct frame_field field;

    if (!frame_find(answer->payload, answer->len, tag, &field))
        return NULL;
    return to_datum((const char *)field.data, field.len, what, name);
}

text *tv_text_from_utf8(text *value, const char *what, text *name)
{
    const char *bytes = VARDATA_ANY(value);
    size_t len = VARSIZE_ANY_EXHDR(value);
    text *datum;

    if (database_speaks_utf8() && pg_verify_mbstr(PG_UTF8, bytes, (int)len, true))
        return value;
    datum = to_datum(bytes, len, what, text_to_cstring(name));
    explicit_bzero(VARDATA_ANY(value), len);
    return datum;
}

/* In place: control characters, and where all_ascii every byte beyond ASCII, become "?". */
static void make_printable(char *line, bool all_ascii)
{
    for (unsigned char *c = (unsigned char *)line; *c != '\0'; c++)
        if (*c < ' ' || *c == 0x7F || (all_ascii && *c > 0x7F))
            *c = '?';
}

char *tv_answer_message(const TvAnswer *answer, enum frame_tag tag, size_t max)
{
    struct frame_field field;
    const char *bytes;
    char *line;
    size_t len;

    if (!frame_find(answer->payload, answer->len, tag, &field) || field.len == 0)
        return NULL;
    bytes = (const char *)field.data;
    len = Min(field.len, max);
    line = NULL;
    if (pg_verify_mbstr(PG_UTF8, bytes, (int)len, true))
        line = database_speaks_utf8() ? pnstrdup(bytes, len) : convert(bytes, len);
    if (line != NULL) {
        make_printable(line, false);
        return line;
    }
    line = palloc(len + 1); /* not pnstrdup: it stops at a NUL byte */
    memcpy(line, bytes, len);
    line[len] = '\0';
    make_printable(line, true);
    return line;
}

char *tv_sentence(const char *clause)
{
    size_t len = strlen(clause);
    /* Nothing after a bracket or a quotation mark: what stands there is to be copied. */
    bool open_ended = len > 0 && isalnum((unsigned char)clause[len - 1]);
    char *sentence = psprintf("%s%s", clause, open_ended ? "." : "");

    sentence[0] = (char)pg_ascii_toupper((unsigned char)sentence[0]);
    return sentence;
}
