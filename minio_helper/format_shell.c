/*
 * format_shell.c - variables as assignments that a shell evaluates: sh, fish, PowerShell.
 *
 * Each value stands in single quotes, in which these shells expand nothing; only what ends or
 * escapes such a string is written differently. They carry every byte but NUL, newlines included.
 */
#include "format.h"
#include "format_quote.h"

#include <string.h>

void quote_sh(struct vc_buf *out, const char *value)
{
    vc_buf_append_text(out, "'");
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '\'')
            vc_buf_append_text(out, "'\\''"); /* POSIX: nothing escapes inside */
        else
            vc_buf_append(out, c, 1);
    }
    vc_buf_append_text(out, "'");
}

/* fish: \' and \\ are the only escapes inside. */
static void quote_fish(struct vc_buf *out, const char *value)
{
    vc_buf_append_text(out, "'");
    for (const char *c = value; *c != '\0'; c++) {
        if (*c == '\'' || *c == '\\')
            vc_buf_append_text(out, "\\");
        vc_buf_append(out, c, 1);
    }
    vc_buf_append_text(out, "'");
}

/* True for U+2018 to U+201B, which PowerShell takes for ' (about_Quoting_Rules). */
static bool is_curly_quote(const char *text)
{
    return strncmp(text, "\xE2\x80", 2) == 0 && (unsigned char)text[2] >= 0x98 &&
           (unsigned char)text[2] <= 0x9B;
}

static void quote_powershell(struct vc_buf *out, const char *value)
{
    vc_buf_append_text(out, "'");
    for (const char *c = value; *c != '\0'; c++) {
        if (is_curly_quote(c))
            vc_buf_append(out, c, 3);
        if (*c == '\'')
            vc_buf_append_text(out, "'");
        vc_buf_append(out, c, 1);
    }
    vc_buf_append_text(out, "'");
}

static enum vc_code write_assignments(const struct format_request *request, const char *before,
                                      const char *between,
                                      void (*quote)(struct vc_buf *, const char *),
                                      struct vc_buf *out, struct vc_error *err)
{
    for (size_t i = 0; i < request->variable_count; i++) {
        const struct env_variable *variable = &request->variables[i];

        if (variable->value == NULL)
            continue;
        vc_buf_append_format(out, "%s%s%s", before, variable->name, between);
        quote(out, variable->value);
        vc_buf_append_text(out, "\n");
    }
    return format_ended(out, err);
}

enum vc_code format_env(const struct format_request *request, struct vc_buf *out,
                        struct vc_error *err)
{
    return write_assignments(request, "export ", "=", quote_sh, out, err);
}

enum vc_code format_env_no_export(const struct format_request *request, struct vc_buf *out,
                                  struct vc_error *err)
{
    return write_assignments(request, "", "=", quote_sh, out, err);
}

enum vc_code format_fish(const struct format_request *request, struct vc_buf *out,
                         struct vc_error *err)
{
    return write_assignments(request, "set -gx ", " ", quote_fish, out, err);
}

enum vc_code format_powershell(const struct format_request *request, struct vc_buf *out,
                               struct vc_error *err)
{
    return write_assignments(request, "$env:", " = ", quote_powershell, out, err);
}
