/*
 * connection_parameters.c - the parameters of one connection, and how they are written.
 */
#include "connection_parameters.h"

#include <string.h>

const struct keyword_rule connection_keywords[] = {
    [KW_HOST] = {.name = "host"},
    [KW_HOSTADDR] = {.name = "hostaddr"},
    [KW_PORT] = {.name = "port"},
    [KW_DBNAME] = {.name = "dbname"},
    [KW_USER] = {.name = "user"},
    [KW_PASSWORD] = {.name = "password"},
    [KW_SSLMODE] = {.name = "sslmode"},
    {.name = "sslnegotiation"},
    {.name = "sslcompression"},
    {.name = "sslrootcert"},
    {.name = "sslcrl"},
    {.name = "sslcrldir"},
    {.name = "sslsni"},
    {.name = "sslcertmode"},
    {.name = "sslcert", .template_only = true},
    {.name = "sslkey", .template_only = true},
    {.name = "sslpassword", .template_only = true},
    {.name = "ssl_min_protocol_version"},
    {.name = "ssl_max_protocol_version"},
    {.name = "channel_binding"},
    {.name = "require_auth"},
    {.name = "requirepeer"},
    {.name = "gssencmode"},
    {.name = "gssdelegation"},
    {.name = "gsslib"},
    {.name = "krbsrvname"},
    {.name = "min_protocol_version"},
    {.name = "max_protocol_version"},
    {.name = "connect_timeout"},
    {.name = "client_encoding"},
    {.name = "options"},
    {.name = "application_name"},
    {.name = "fallback_application_name"},
    {.name = "keepalives"},
    {.name = "keepalives_idle"},
    {.name = "keepalives_interval"},
    {.name = "keepalives_count"},
    {.name = "tcp_user_timeout"},
    {.name = "target_session_attrs"},
    {.name = "load_balance_hosts"},
};

_Static_assert(sizeof(connection_keywords) / sizeof(connection_keywords[0]) == KEYWORDS,
               "KEYWORDS is their number");

size_t connection_find_keyword(const char *name)
{
    for (size_t i = 0; i < KEYWORDS; i++)
        if (strcmp(connection_keywords[i].name, name) == 0)
            return i;
    return NO_KEYWORD;
}

void connection_parameters_free(const struct vc_allocator *allocator,
                                struct connection_parameters *parameters)
{
    for (size_t i = 0; i < KEYWORDS; i++) {
        vc_strfree(allocator, parameters->value[i]);
        parameters->value[i] = NULL;
    }
}

#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static void append_keyword_value(struct vc_buf *out, const char *name, const char *value)
{
    if (out->len > 0)
        vc_buf_append_text(out, " ");
    vc_buf_append_text(out, name);
    vc_buf_append_text(out, "=");
    if (value[strspn(value, LETTERS_AND_DIGITS "._-/,:+@")] == '\0') {
        vc_buf_append_text(out, value);
        return;
    }
    vc_buf_append_text(out, "'");
    while (*value != '\0') {
        size_t plain = strcspn(value, "'\\");

        vc_buf_append(out, value, plain);
        value += plain;
        if (*value != '\0') {
            vc_buf_append_text(out, "\\");
            vc_buf_append(out, value++, 1);
        }
    }
    vc_buf_append_text(out, "'");
}

void connection_write_conninfo(const struct connection_parameters *parameters, struct vc_buf *out)
{
    for (size_t i = 0; i < KEYWORDS; i++)
        if (parameters->value[i] != NULL)
            append_keyword_value(out, connection_keywords[i].name, parameters->value[i]);
}

/* What may stand between "//" and "/" as it is, for libpq and for every driver: one name or
 * address. */
static bool host_is_plain(const char *host)
{
    return host != NULL && host[strspn(host, LETTERS_AND_DIGITS ".-_")] == '\0';
}

static bool host_is_ipv6(const char *host)
{
    return host != NULL && strchr(host, ':') != NULL &&
           host[strspn(host, "0123456789abcdefABCDEF:.")] == '\0';
}

static bool port_is_single(const char *port)
{
    return port == NULL || strchr(port, ',') == NULL;
}

/* Socket directories, lists and all that is odd go into the query: libpq reads it there as well. */
static void write_authority(const struct connection_parameters *parameters, struct vc_buf *out,
                            bool written[KEYWORDS])
{
    const char *const *value = (const char *const *)parameters->value;
    bool ipv6 = host_is_ipv6(value[KW_HOST]);

    if (value[KW_USER] != NULL) {
        vc_buf_append_percent(out, value[KW_USER]);
        if (value[KW_PASSWORD] != NULL) {
            vc_buf_append_text(out, ":");
            vc_buf_append_percent(out, value[KW_PASSWORD]);
            written[KW_PASSWORD] = true;
        }
        vc_buf_append_text(out, "@");
        written[KW_USER] = true;
    }
    if ((!ipv6 && !host_is_plain(value[KW_HOST])) || !port_is_single(value[KW_PORT]))
        return;
    vc_buf_append_format(out, ipv6 ? "[%s]" : "%s", value[KW_HOST]);
    written[KW_HOST] = true;
    if (value[KW_PORT] != NULL)
        vc_buf_append_format(out, ":%s", value[KW_PORT]);
    written[KW_PORT] = true;
}

void connection_write_url(const struct connection_parameters *parameters, struct vc_buf *out)
{
    bool written[KEYWORDS] = {false};
    const char *separator = "?";

    vc_buf_append_text(out, "postgresql://");
    write_authority(parameters, out, written);
    vc_buf_append_text(out, "/");
    vc_buf_append_percent(out, parameters->value[KW_DBNAME]);
    written[KW_DBNAME] = true;
    for (size_t i = 0; i < KEYWORDS; i++) {
        if (parameters->value[i] == NULL || written[i])
            continue;
        vc_buf_append_text(out, separator);
        vc_buf_append_text(out, connection_keywords[i].name);
        vc_buf_append_text(out, "=");
        vc_buf_append_percent(out, parameters->value[i]);
        separator = "&";
    }
}
