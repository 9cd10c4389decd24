/*
 * secret_input.c - a secret's fields from standard input (secret_input.h). Called by put.
 */
#include "secret_input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "secret_buffer.h"
#include "utf8.h"

#define CHUNK_SIZE 4096
#define NAME_MAX_BYTES 256 /* a field's name; the longest of ours has 21 */

static enum vc_code refuse(const char *why, struct vc_error *err)
{
    return vc_error_set(err, VC_BAD_SETTING, "standard input %s", why);
}

static enum vc_code refuse_line(size_t line, const char *why, struct vc_error *err)
{
    return vc_error_set(err, VC_BAD_SETTING, "standard input, line %zu: %s", line, why);
}

static enum vc_code no_memory(struct vc_error *err)
{
    return vc_error_set(err, VC_NO_MEMORY, "out of memory while reading standard input");
}

static enum vc_code read_all(int fd, struct vc_buf *text, struct vc_error *err)
{
    char chunk[CHUNK_SIZE];
    enum vc_code code = VC_OK;
    ssize_t got;

    do {
        got = read(fd, chunk, sizeof(chunk));
        if (got < 0 && errno != EINTR)
            code = vc_error_set(err, VC_BAD_SETTING, "cannot read standard input: %m");
        else if (got > 0 && !vc_buf_append(text, chunk, (size_t)got))
            code = text->too_large ? refuse("is longer than 1 MiB", err) : no_memory(err);
    } while (code == VC_OK && got != 0);
    explicit_bzero(chunk, sizeof(chunk));
    return code;
}

static enum vc_code add_line(cJSON *data, char *text, size_t len, size_t line, struct vc_error *err)
{
    char *equals = memchr(text, '=', len);
    size_t name_len;

    if (len == 0 || text[0] == '#')
        return VC_OK;
    if (equals == NULL)
        return refuse_line(line, "no = in it", err);
    name_len = (size_t)(equals - text);
    if (name_len == 0 || name_len > NAME_MAX_BYTES)
        return refuse_line(line, "no name, or a very long one, before the =", err);
    *equals = '\0';
    if (strpbrk(text, " \t\"'") != NULL)
        return refuse_line(line, "a space or a quote in the name before the =", err);
    if (cJSON_GetObjectItemCaseSensitive(data, text) != NULL)
        return refuse_line(line, "this name was given before", err);
    if (cJSON_AddStringToObject(data, text, equals + 1) == NULL)
        return no_memory(err);
    return VC_OK;
}

/* The text's newlines become NULs: each line is a string in its place, and no copy of it remains.
 */
static enum vc_code read_lines(struct vc_buf *text, cJSON **data, struct vc_error *err)
{
    enum vc_code code = VC_OK;
    char *at = text->data;
    char *end = text->data + text->len;
    size_t line = 0;

    *data = cJSON_CreateObject();
    if (*data == NULL)
        return no_memory(err);
    while (at < end && code == VC_OK) {
        char *newline = memchr(at, '\n', (size_t)(end - at));
        char *stop = newline != NULL ? newline : end;

        *stop = '\0';
        code = add_line(*data, at, (size_t)(stop - at), ++line, err);
        at = stop + 1;
    }
    if (code == VC_OK && (*data)->child == NULL)
        code = refuse("has no fields", err);
    return code;
}

static enum vc_code read_json(const struct vc_buf *text, cJSON **data, struct vc_error *err)
{
    *data = vc_json_parse(text->data, text->len, err);
    if (*data == NULL) {
        char words[VC_MESSAGE_SIZE];

        memcpy(words, err->message, sizeof(words));
        if (err->code == VC_NO_MEMORY)
            return err->code;
        vc_error_set(err, VC_BAD_SETTING, "standard input is not the JSON object it begins as");
        vc_error_server_words(err, words);
        return err->code;
    }
    return cJSON_IsObject(*data) && (*data)->child != NULL ? VC_OK : refuse("has no fields", err);
}

enum vc_code secret_input_read(int fd, cJSON **data, struct vc_error *err)
{
    struct vc_buf text;
    enum vc_code code;
    const char *first;

    *data = NULL;
    vc_buf_init(&text, &vc_wiping_allocator, SECRET_INPUT_MAX);
    code = read_all(fd, &text, err);
    if (code != VC_OK)
        goto cleanup;
    if (text.len == 0 || memchr(text.data, '\0', text.len) != NULL ||
        !vc_utf8_valid(text.data, text.len)) {
        code = refuse(text.len == 0 ? "is empty" : "is not text in UTF-8", err);
        goto cleanup;
    }
    first = text.data + strspn(text.data, " \t\r\n");
    code = *first == '{' ? read_json(&text, data, err) : read_lines(&text, data, err);
cleanup:
    vc_buf_free(&text);
    if (code != VC_OK) {
        cJSON_Delete(*data);
        *data = NULL;
    }
    return code;
}
