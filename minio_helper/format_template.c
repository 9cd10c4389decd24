/*
 * format_template.c - fills in a user's template (format_template.h). Called by
 * command_credentials.
 */
#include "format_template.h"

#include <string.h>

#include "format_quote.h"

#define SHOWN_MAX 64 /* bytes of a wrong placeholder that a message repeats */

static const char *value_of(const struct s3_credentials *credentials, const char *name, size_t len,
                            bool *known)
{
    const struct {
        const char *name;
        const char *value;
    } values[] = {
        {"access_key_id", credentials->access_key},
        {"secret_access_key", credentials->secret_key},
        {"session_token", credentials->session_token},
        {"expiration", credentials->expiration},
        {"endpoint_url", credentials->endpoint_url},
        {"bucket_name", credentials->bucket},
        {"prefix", credentials->prefix},
        {"region", credentials->region},
        {"tenant", credentials->tenant},
    };

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        if (strlen(values[i].name) == len && memcmp(values[i].name, name, len) == 0) {
            *known = true;
            return values[i].value;
        }
    }
    *known = false;
    return NULL;
}

/* False: no such quoting. */
static bool append_quoted(struct vc_buf *out, const char *quoting, size_t len, const char *value)
{
    if (len == 0)
        vc_buf_append_text(out, value);
    else if (len == 4 && memcmp(quoting, "json", len) == 0)
        vc_buf_append_json(out, value);
    else if (len == 2 && memcmp(quoting, "sh", len) == 0)
        quote_sh(out, value);
    else if (len == 3 && memcmp(quoting, "url", len) == 0)
        vc_buf_append_percent(out, value);
    else
        return false;
    return true;
}

static enum vc_code refuse(size_t line, const char *what, const char *text, size_t len,
                           struct vc_error *err)
{
    return vc_error_set(err, VC_BAD_SETTING, "template, line %zu: %s: {{%.*s", line, what,
                        (int)(len < SHOWN_MAX ? len : SHOWN_MAX), text);
}

/* One placeholder, without its braces. *absent is set where its value is. */
static enum vc_code append_placeholder(const struct s3_credentials *credentials, const char *text,
                                       size_t len, size_t line, struct vc_buf *out, bool *absent,
                                       struct vc_error *err)
{
    const char *bar = memchr(text, '|', len);
    size_t name_len = bar != NULL ? (size_t)(bar - text) : len;
    const char *quoting = bar != NULL ? bar + 1 : "";
    bool known;
    const char *value = value_of(credentials, text, name_len, &known);

    if (!known)
        return refuse(line, "no such value", text, len, err);
    if (value == NULL)
        *absent = true;
    if (!append_quoted(out, quoting, bar != NULL ? len - name_len - 1 : 0,
                       value != NULL ? value : ""))
        return refuse(line, "no such quoting", text, len, err);
    return VC_OK;
}

/* The line's text without its newline, filled in. */
static enum vc_code fill_line(const struct s3_credentials *credentials, const char *text,
                              size_t len, size_t number, struct vc_buf *out, bool *absent,
                              struct vc_error *err)
{
    const char *end = text + len;

    *absent = false;
    while (text < end) {
        const char *open = memmem(text, (size_t)(end - text), "{{", 2);
        const char *close;
        enum vc_code code;

        if (open == NULL) {
            vc_buf_append(out, text, (size_t)(end - text));
            break;
        }
        vc_buf_append(out, text, (size_t)(open - text));
        close = memmem(open, (size_t)(end - open), "}}", 2);
        if (close == NULL)
            return refuse(number, "}} is missing", open + 2, (size_t)(end - open) - 2, err);
        code = append_placeholder(credentials, open + 2, (size_t)(close - open) - 2, number, out,
                                  absent, err);
        if (code != VC_OK)
            return code;
        text = close + 2;
    }
    return VC_OK;
}

enum vc_code format_template(const struct s3_credentials *credentials, const char *template_text,
                             struct vc_buf *out, struct vc_error *err)
{
    enum vc_code code = VC_OK;
    struct vc_buf line;
    size_t number = 0;

    vc_buf_init(&line, credentials->allocator, FORMAT_OUTPUT_MAX);
    while (*template_text != '\0' && code == VC_OK) {
        size_t len = strcspn(template_text, "\n");
        bool absent;

        vc_buf_reset(&line);
        code = fill_line(credentials, template_text, len, ++number, &line, &absent, err);
        if (code == VC_OK)
            code = format_ended(&line, err);
        if (code == VC_OK && !absent) {
            vc_buf_append(out, vc_buf_text(&line), line.len);
            vc_buf_append_text(out, "\n");
        }
        template_text += len + (template_text[len] == '\n');
    }
    vc_buf_free(&line);
    return code == VC_OK ? format_ended(out, err) : code;
}
