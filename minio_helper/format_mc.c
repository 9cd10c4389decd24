/*
 * format_mc.c - credentials for MinIO's client: JSON for `mc alias import`, and MC_HOST_<alias>.
 *
 * mc, cmd/alias-import.go, cmd/config-utils.go (what is valid) and cmd/config.go (MC_HOST_*, which
 * is taken apart by a regular expression and decodes nothing).
 */
#include "format.h"
#include "format_quote.h"

#include <string.h>

#define AWS_ENDPOINT "https://s3.amazonaws.com"
#define ACCESS_KEY_MIN 3 /* mc refuses shorter ones */
#define SECRET_KEY_MIN 8

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static const char *endpoint_of(const struct s3_credentials *credentials)
{
    return credentials->endpoint_url != NULL ? credentials->endpoint_url : AWS_ENDPOINT;
}

static enum vc_code check_for_mc(const char *format, const struct s3_credentials *credentials,
                                 struct vc_error *err)
{
    const char *host = strstr(endpoint_of(credentials), "://") + strlen("://");

    if (strchr(host, '/') != NULL)
        return format_refuse(format, "endpoint_url", "mc takes no path in it", err);
    if (strlen(credentials->access_key) < ACCESS_KEY_MIN)
        return format_refuse(format, "access_key_id", "mc wants at least 3 characters", err);
    if (strlen(credentials->secret_key) < SECRET_KEY_MIN)
        return format_refuse(format, "secret_access_key", "mc wants at least 8 characters", err);
    return VC_OK;
}

static void append_member(struct vc_buf *out, const char *name, const char *value)
{
    vc_buf_append_format(out, "  \"%s\": ", name);
    vc_buf_append_json(out, value);
    vc_buf_append_text(out, ",\n");
}

enum vc_code format_mc(const struct format_request *request, struct vc_buf *out,
                       struct vc_error *err)
{
    const struct s3_credentials *credentials = request->credentials;
    enum vc_code code = check_for_mc("mc", credentials, err);

    if (code != VC_OK)
        return code;
    vc_buf_append_text(out, "{\n");
    append_member(out, "url", endpoint_of(credentials));
    append_member(out, "accessKey", credentials->access_key);
    append_member(out, "secretKey", credentials->secret_key);
    if (credentials->session_token != NULL)
        append_member(out, "sessionToken", credentials->session_token);
    vc_buf_append_text(out, "  \"api\": \"s3v4\",\n  \"path\": \"auto\"\n}\n");
    return format_ended(out, err);
}

/* <scheme>://<access key>:<secret key>[:<token>]@<host> */
static enum vc_code append_host_url(const struct s3_credentials *credentials, struct vc_buf *url,
                                    struct vc_error *err)
{
    const char *endpoint = endpoint_of(credentials);
    const char *host = strstr(endpoint, "://") + strlen("://");

    if (strchr(credentials->access_key, ':') != NULL)
        return format_refuse("mc-host", "access_key_id", "mc splits it at the colon", err);
    if (strchr(credentials->secret_key, ':') != NULL)
        return format_refuse("mc-host", "secret_access_key", "mc splits it at the colon", err);
    vc_buf_append(url, endpoint, (size_t)(host - endpoint));
    vc_buf_append_format(url, "%s:%s", credentials->access_key, credentials->secret_key);
    if (credentials->session_token != NULL)
        vc_buf_append_format(url, ":%s", credentials->session_token);
    vc_buf_append_format(url, "@%s", host);
    return format_ended(url, err);
}

enum vc_code format_mc_host(const struct format_request *request, struct vc_buf *out,
                            struct vc_error *err)
{
    const char *alias = request->alias;
    struct vc_buf url;
    enum vc_code code = check_for_mc("mc-host", request->credentials, err);

    if (code != VC_OK)
        return code;
    if (strspn(alias, LETTERS "0123456789_") != strlen(alias) || alias[0] == '\0' ||
        strchr(LETTERS, alias[0]) == NULL) {
        format_refuse("mc-host", "alias", "a variable's name has letters, digits and _ only", err);
        vc_error_hint(err, "name another one: --alias NAME");
        return VC_BAD_SECRET;
    }
    vc_buf_init(&url, request->credentials->allocator, FORMAT_OUTPUT_MAX);
    code = append_host_url(request->credentials, &url, err);
    if (code == VC_OK) {
        vc_buf_append_format(out, "export MC_HOST_%s=", alias);
        quote_sh(out, vc_buf_text(&url));
        vc_buf_append_text(out, "\n");
        code = format_ended(out, err);
    }
    vc_buf_free(&url);
    return code;
}
