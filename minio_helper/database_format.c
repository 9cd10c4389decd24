/*
 * database_format.c - a PostgreSQL connection in the forms that libpq's clients read
 * (database_format.h). Called by command_database.
 *
 * What a parameter is called in an environment variable is asked of libpq, so that each one that it
 * knows is carried. A value that a file's reader would change is refused.
 */
#include "database_format.h"

#include <libpq-fe.h>
#include <string.h>

#include "format_quote.h"

#define DEFAULT_PORT "5432"

static enum vc_code refuse(const char *format, const char *what, const char *why,
                           struct vc_error *err)
{
    return vc_error_set(err, VC_BAD_SECRET, "format %s cannot carry this %s: %s", format, what,
                        why);
}

static enum vc_code ended(const struct vc_buf *out, struct vc_error *err)
{
    if (!out->failed)
        return VC_OK;
    return vc_error_set(err, out->too_large ? VC_BAD_SECRET : VC_NO_MEMORY,
                        "the connection is too long, or memory is out");
}

/* The parameters; the caller frees by PQconninfoFree. NULL, with err. */
static PQconninfoOption *parse(const struct database_text *text, struct vc_error *err)
{
    char *words = NULL;
    PQconninfoOption *options = PQconninfoParse(text->conninfo, &words);

    /* libpq's words may quote the text: not shown. */
    PQfreemem(words);
    if (options == NULL)
        vc_error_set(err, VC_BAD_SECRET, "libpq does not take this connection string");
    return options;
}

static bool is_given(const PQconninfoOption *option)
{
    return option->val != NULL && option->val[0] != '\0';
}

static const char *value_of(const PQconninfoOption *options, const char *keyword)
{
    for (const PQconninfoOption *at = options; at->keyword != NULL; at++)
        if (strcmp(at->keyword, keyword) == 0)
            return is_given(at) ? at->val : NULL;
    return NULL;
}

static enum vc_code render_url(const struct database_text *text, struct vc_buf *out,
                               struct vc_error *err)
{
    vc_buf_append_text(out, text->url);
    vc_buf_append_text(out, "\n");
    return ended(out, err);
}

static enum vc_code render_conninfo(const struct database_text *text, struct vc_buf *out,
                                    struct vc_error *err)
{
    vc_buf_append_text(out, text->conninfo);
    vc_buf_append_text(out, "\n");
    return ended(out, err);
}

static enum vc_code render_env(const struct database_text *text, struct vc_buf *out,
                               struct vc_error *err)
{
    PQconninfoOption *options = parse(text, err);
    enum vc_code code = options != NULL ? VC_OK : VC_BAD_SECRET;

    for (const PQconninfoOption *at = options; code == VC_OK && at->keyword != NULL; at++) {
        if (!is_given(at))
            continue;
        if (at->envvar == NULL) {
            code = refuse("env", at->keyword, "libpq has no variable for it", err);
            break;
        }
        vc_buf_append_format(out, "export %s=", at->envvar);
        quote_sh(out, at->val);
        vc_buf_append_text(out, "\n");
    }
    PQconninfoFree(options);
    return code == VC_OK ? ended(out, err) : code;
}

/* libpq, "The Password File": a backslash before each colon and backslash. */
static void append_pgpass(struct vc_buf *out, const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (value[i] == ':' || value[i] == '\\')
            vc_buf_append_text(out, "\\");
        vc_buf_append(out, value + i, 1);
    }
}

static bool has_newline(const char *value)
{
    return strpbrk(value, "\r\n") != NULL;
}

/* libpq's lists of hosts and ports go in step; a single port is for all hosts. */
static const char *next_port(const char *ports)
{
    const char *comma = strchr(ports, ',');

    return comma != NULL ? comma + 1 : ports;
}

static enum vc_code pgpass_lines(const PQconninfoOption *options, struct vc_buf *out,
                                 struct vc_error *err)
{
    const char *host = value_of(options, "host");
    const char *port = value_of(options, "port");
    const char *dbname = value_of(options, "dbname");
    const char *user = value_of(options, "user");
    const char *password = value_of(options, "password");

    if (host == NULL)
        host = value_of(options, "hostaddr");
    if (port == NULL)
        port = DEFAULT_PORT;
    if (host == NULL || dbname == NULL || user == NULL || password == NULL)
        return refuse("pgpass", "connection", "it lacks a host, dbname, user or password", err);
    if (has_newline(password) || has_newline(user) || has_newline(dbname))
        return refuse("pgpass", "value", "it holds a newline", err);
    while (*host != '\0') {
        size_t len = strcspn(host, ",");

        append_pgpass(out, host, len);
        vc_buf_append_format(out, ":%.*s:", (int)strcspn(port, ","), port);
        append_pgpass(out, dbname, strlen(dbname));
        vc_buf_append_text(out, ":");
        append_pgpass(out, user, strlen(user));
        vc_buf_append_text(out, ":");
        append_pgpass(out, password, strlen(password));
        vc_buf_append_text(out, "\n");
        host += len + (host[len] == ',');
        port = next_port(port);
    }
    return ended(out, err);
}

static enum vc_code render_pgpass(const struct database_text *text, struct vc_buf *out,
                                  struct vc_error *err)
{
    PQconninfoOption *options = parse(text, err);
    enum vc_code code = options != NULL ? pgpass_lines(options, out, err) : VC_BAD_SECRET;

    PQconninfoFree(options);
    return code;
}

/* libpq, fe-connect.c: lines KEYWORD=VALUE; blanks at a line's end are taken off. */
static enum vc_code render_service(const struct database_text *text, struct vc_buf *out,
                                   struct vc_error *err)
{
    PQconninfoOption *options = parse(text, err);
    enum vc_code code = options != NULL ? VC_OK : VC_BAD_SECRET;

    vc_buf_append_format(out, "[%s]\n", text->service);
    for (const PQconninfoOption *at = options; code == VC_OK && at->keyword != NULL; at++) {
        if (!is_given(at))
            continue;
        if (has_newline(at->val) || strchr(" \t\v\f", at->val[strlen(at->val) - 1]) != NULL)
            code = refuse("service", at->keyword, "libpq strips blanks at its end", err);
        vc_buf_append_format(out, "%s=%s\n", at->keyword, at->val);
    }
    PQconninfoFree(options);
    return code == VC_OK ? ended(out, err) : code;
}

database_render database_format_find(const char *name)
{
    static const struct {
        const char *name;
        database_render render;
    } formats[] = {
        {"uri", render_url},       {"conninfo", render_conninfo}, {"env", render_env},
        {"pgpass", render_pgpass}, {"service", render_service},
    };

    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (strcmp(formats[i].name, name) == 0)
            return formats[i].render;
    return NULL;
}

enum vc_code database_format_names(const struct database_text *text, struct vc_buf *out,
                                   struct vc_error *err)
{
    PQconninfoOption *options = parse(text, err);

    if (options == NULL)
        return VC_BAD_SECRET;
    for (const PQconninfoOption *at = options; at->keyword != NULL; at++)
        if (is_given(at))
            vc_buf_append_format(out, "%s\n", at->keyword);
    PQconninfoFree(options);
    return ended(out, err);
}
