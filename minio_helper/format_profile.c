/*
 * format_profile.c - credentials as a section of a tool's own configuration file: AWS CLI and SDKs,
 * rclone, s3cmd, pgBackRest.
 *
 * All are "key = value" lines without a common escape: what a reader would strip, expand or take
 * for a comment is refused.
 */
#include "format.h"
#include "format_quote.h"
#include "s3_variables.h"

#include <string.h>

/* Why a reader would change the value; NULL: it does not. */
typedef const char *(*find_fault)(const char *value);

struct line {
    const char *key;
    const char *value; /* NULL: left out */
};

static enum vc_code write_line(struct vc_buf *out, const char *format, const char *key,
                               const char *value, find_fault fault_of, struct vc_error *err)
{
    const char *fault;

    if (value == NULL)
        return VC_OK;
    fault = breaks_line(value) ? "its reader trims spaces and reads lines" : fault_of(value);
    if (fault != NULL)
        return format_refuse(format, key, fault, err);
    vc_buf_append_format(out, "%s = %s\n", key, value);
    return VC_OK;
}

static enum vc_code write_section(struct vc_buf *out, const char *format, const struct line *lines,
                                  size_t count, find_fault fault_of, struct vc_error *err)
{
    for (size_t i = 0; i < count; i++) {
        enum vc_code code = write_line(out, format, lines[i].key, lines[i].value, fault_of, err);

        if (code != VC_OK)
            return code;
    }
    return format_ended(out, err);
}

static bool is_quoted(const char *value, const char *quotes)
{
    size_t len = strlen(value);

    return len >= 2 && strchr(quotes, value[0]) != NULL && value[len - 1] == value[0];
}

/* ---- the AWS CLI and SDKs: ~/.aws/config ---- */

/* botocore keeps quotes and comments in a value, the Go SDK strips them: neither may be there. */
static const char *aws_fault(const char *value)
{
    if (is_quoted(value, "'\""))
        return "some SDKs take the quotes around it off";
    if (strstr(value, " #") != NULL || strstr(value, " ;") != NULL)
        return "some SDKs take the rest for a comment";
    return NULL;
}

static bool alias_valid(const char *alias)
{
    return alias[0] != '\0' &&
           strspn(alias, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
               strlen(alias);
}

static enum vc_code refuse_alias(const char *format, struct vc_error *err)
{
    return format_refuse(format, "alias", "it is made of letters, digits, _ and -", err);
}

enum vc_code format_aws(const struct format_request *request, struct vc_buf *out,
                        struct vc_error *err)
{
    const struct s3_credentials *credentials = request->credentials;
    const char *alias = request->alias;
    const struct line lines[] = {
        {"aws_access_key_id", credentials->access_key},
        {"aws_secret_access_key", credentials->secret_key},
        {"aws_session_token", credentials->session_token},
        {"region", credentials->region},
    };
    enum vc_code code;

    if (!alias_valid(alias))
        return refuse_alias("aws", err);
    /* The default profile alone stands without the word. */
    vc_buf_append_format(out, strcmp(alias, "default") == 0 ? "[%s]\n" : "[profile %s]\n", alias);
    code = write_section(out, "aws", lines, sizeof(lines) / sizeof(lines[0]), aws_fault, err);
    if (code != VC_OK || credentials->endpoint_url == NULL)
        return code;
    /* In `services`, so that STS and the rest keep their endpoints. */
    vc_buf_append_format(out, "services = %s-s3\ns3 =\n  addressing_style = path\n\n", alias);
    vc_buf_append_format(out, "[services %s-s3]\ns3 =\n  endpoint_url = %s\n", alias,
                         credentials->endpoint_url);
    return format_ended(out, err);
}

/* ---- rclone: rclone.conf ---- */

/* goconfig strips backticks and """, and fills in %(name)s. */
static const char *rclone_fault(const char *value)
{
    if (value[0] == '`' || strncmp(value, "\"\"\"", 3) == 0)
        return "rclone takes the quotes before it off";
    return strstr(value, "%(") != NULL ? "rclone fills in %(name)s" : NULL;
}

enum vc_code format_rclone(const struct format_request *request, struct vc_buf *out,
                           struct vc_error *err)
{
    const struct s3_credentials *credentials = request->credentials;
    const struct line lines[] = {
        {"type", "s3"},
        {"provider", credentials->endpoint_url != NULL ? "Minio" : "AWS"},
        {"access_key_id", credentials->access_key},
        {"secret_access_key", credentials->secret_key},
        {"session_token", credentials->session_token},
        {"endpoint", credentials->endpoint_url},
        {"region", credentials->region},
        /* Confined to a prefix, asking for the bucket itself is refused; and nobody whose keys
         * come from here is meant to create one. */
        {"no_check_bucket", "true"},
    };

    if (!alias_valid(request->alias) || request->alias[0] == '-')
        return refuse_alias("rclone", err);
    vc_buf_append_format(out, "[%s]\n", request->alias);
    return write_section(out, "rclone", lines, sizeof(lines) / sizeof(lines[0]), rclone_fault, err);
}

/* ---- s3cmd: ~/.s3cfg ---- */

static const char *s3cmd_fault(const char *value)
{
    if (value[0] == '$')
        return "s3cmd takes $NAME for a variable";
    return is_quoted(value, "\"") ? "s3cmd takes the quotes around it off" : NULL;
}

enum vc_code format_s3cmd(const struct format_request *request, struct vc_buf *out,
                          struct vc_error *err)
{
    const struct s3_credentials *credentials = request->credentials;
    const char *endpoint =
        credentials->endpoint_url != NULL ? credentials->endpoint_url : "https://s3.amazonaws.com";
    bool tls = strncmp(endpoint, "https://", strlen("https://")) == 0;
    const char *host = strstr(endpoint, "://") + strlen("://");
    const struct line lines[] = {
        {"access_key", credentials->access_key},
        {"secret_key", credentials->secret_key},
        {"access_token", credentials->session_token},
        {"host_base", host},
        {"host_bucket", host}, /* without %(bucket)s: the bucket goes into the path */
        {"bucket_location", credentials->region},
        {"use_https", tls ? "True" : "False"},
    };

    if (strchr(host, '/') != NULL)
        return format_refuse("s3cmd", "endpoint_url", "s3cmd takes no path in it", err);
    vc_buf_append_text(out, "[default]\n");
    return write_section(out, "s3cmd", lines, sizeof(lines) / sizeof(lines[0]), s3cmd_fault, err);
}

/* ---- pgBackRest: pgbackrest.conf ---- */

static const char *pgbackrest_fault(const char *value)
{
    (void)value;
    return NULL;
}

/* The options are the variables of --names pgbackrest in another spelling. */
static void append_option_name(struct vc_buf *out, const char *variable)
{
    for (const char *c = variable + strlen("PGBACKREST_"); *c != '\0'; c++) {
        char lower = *c == '_' ? '-' : *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;

        vc_buf_append(out, &lower, 1);
    }
}

enum vc_code format_pgbackrest(const struct format_request *request, struct vc_buf *out,
                               struct vc_error *err)
{
    struct s3_variables variables;
    enum vc_code code =
        s3_variables_fill(&variables, s3_names_find("pgbackrest"), request->credentials, err);

    vc_buf_append_text(out, "[global]\n");
    for (size_t i = 0; code == VC_OK && i < variables.count; i++) {
        struct vc_buf key;

        vc_buf_init(&key, request->credentials->allocator, 64);
        append_option_name(&key, variables.list[i].name);
        code = write_line(out, "pgbackrest", vc_buf_text(&key), variables.list[i].value,
                          pgbackrest_fault, err);
        vc_buf_free(&key);
    }
    s3_variables_free(&variables);
    return code == VC_OK ? format_ended(out, err) : code;
}
