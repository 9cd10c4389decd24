/*
 * format_env_file.c - variables as lines of a file that no shell reads: systemd, docker run, Docker
 * Compose, the MinIO server.
 *
 * Each of these readers has rules of its own, noted at its function; none of them carries a
 * newline.
 */
#include "control_character.h"
#include "format.h"
#include "format_quote.h"
#include "s3_variables.h"

#include <string.h>

#define LINE_MAX_BYTES                                                                             \
    65535                    /* Go's bufio.Scanner, in docker and in MinIO, ends at a longer line  \
                              */
#define MINIO_USER_MIN 3     /* MinIO refuses to start with less, */
#define MINIO_PASSWORD_MIN 8 /* or falls back to its default */

/* Appends the value as the reader wants it; NULL, or why that cannot be. */
typedef const char *(*append_value)(struct vc_buf *out, const char *value);

bool breaks_line(const char *value)
{
    size_t len = strlen(value);

    if (len == 0)
        return false;
    return value[0] == ' ' || value[len - 1] == ' ' || has_control_character(value);
}

static void append_escaped(struct vc_buf *out, const char *value, const char *special)
{
    vc_buf_append_text(out, "\"");
    for (const char *c = value; *c != '\0'; c++) {
        if (strchr(special, *c) != NULL)
            vc_buf_append_text(out, "\\");
        vc_buf_append(out, c, 1);
    }
    vc_buf_append_text(out, "\"");
}

/* systemd.exec(5), EnvironmentFile=; src/basic/env-file.c: a backslash escapes these four only. */
static const char *append_systemd(struct vc_buf *out, const char *value)
{
    if (has_control_character(value))
        return "systemd drops lines with control characters";
    append_escaped(out, value, "\"\\`$");
    return NULL;
}

/* docker run --env-file: what follows the first '=' is the value, quotes and all. */
static const char *append_docker_run(struct vc_buf *out, const char *value)
{
    if (has_control_character(value))
        return "it holds a control character, and docker reads lines";
    if (strlen(value) > LINE_MAX_BYTES - 64) /* and a name */
        return "docker reads no line of more than 64 kB";
    vc_buf_append_text(out, value);
    return NULL;
}

/*
 * Compose's env_file. Version 1 (python-dotenv) fills in ${X} even in single quotes and keeps \$ in
 * double ones; version 2 (compose-go) knows no escape in single quotes and fills in $X in double
 * ones. What is written here both read alike; what neither way fits is refused.
 */
static const char *append_compose(struct vc_buf *out, const char *value)
{
    if (has_control_character(value))
        return "it holds a control character";
    if (strpbrk(value, "'\\") == NULL && strstr(value, "${") == NULL) {
        vc_buf_append_format(out, "'%s'", value);
        return NULL;
    }
    if (strchr(value, '$') != NULL)
        return "Compose's versions disagree about $ beside { or a quote or a backslash";
    /* Which would stand before the closing quote, and version 1 look for a later one. */
    if (value[strlen(value) - 1] == '\\')
        return "version 1 takes a backslash at the end for part of the quote";
    append_escaped(out, value, "\"\\");
    return NULL;
}

/* MinIO, cmd/common-main.go: trims, takes one pair of quotes off, unescapes nothing. */
static const char *append_minio(struct vc_buf *out, const char *value)
{
    if (breaks_line(value))
        return "MinIO trims it, or reads it as two lines";
    if (strncmp(value, "env", 3) == 0)
        return "MinIO drops values that begin with env, and starts with its default password";
    if (strlen(value) > LINE_MAX_BYTES - 64)
        return "MinIO reads no line of more than 64 kB";
    vc_buf_append_format(out, "\"%s\"", value);
    return NULL;
}

static enum vc_code write_lines(const struct env_variable *variables, size_t count,
                                const char *format, append_value append, struct vc_buf *out,
                                struct vc_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const char *why;

        if (variables[i].value == NULL)
            continue;
        vc_buf_append_format(out, "%s=", variables[i].name);
        why = append(out, variables[i].value);
        if (why != NULL)
            return format_refuse(format, variables[i].name, why, err);
        vc_buf_append_text(out, "\n");
    }
    return format_ended(out, err);
}

enum vc_code format_systemd(const struct format_request *request, struct vc_buf *out,
                            struct vc_error *err)
{
    return write_lines(request->variables, request->variable_count, "systemd", append_systemd, out,
                       err);
}

enum vc_code format_docker_run(const struct format_request *request, struct vc_buf *out,
                               struct vc_error *err)
{
    return write_lines(request->variables, request->variable_count, "docker-run", append_docker_run,
                       out, err);
}

enum vc_code format_compose(const struct format_request *request, struct vc_buf *out,
                            struct vc_error *err)
{
    return write_lines(request->variables, request->variable_count, "compose", append_compose, out,
                       err);
}

enum vc_code format_minio(const struct format_request *request, struct vc_buf *out,
                          struct vc_error *err)
{
    const struct s3_credentials *credentials = request->credentials;
    struct s3_variables variables;
    enum vc_code code;

    if (credentials->session_token != NULL)
        return format_refuse("minio", "session token", "a root user has none", err);
    if (strlen(credentials->access_key) < MINIO_USER_MIN)
        return format_refuse("minio", "access_key_id", "MinIO wants at least 3 characters", err);
    if (strlen(credentials->secret_key) < MINIO_PASSWORD_MIN)
        return format_refuse("minio", "secret_access_key", "MinIO wants at least 8 characters",
                             err);
    code = s3_variables_fill(&variables, s3_names_find("minio"), credentials, err);
    if (code == VC_OK)
        code = write_lines(variables.list, variables.count, "minio", append_minio, out, err);
    s3_variables_free(&variables);
    return code;
}
