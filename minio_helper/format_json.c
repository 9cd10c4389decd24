/*
 * format_json.c - credentials as JSON: the AWS SDKs' credential_process, and our own names.
 *
 * credential_process: AWS SDKs and Tools Reference Guide, "Process credential provider". Reader of
 * both: any JSON parser; nothing is refused that is UTF-8.
 */
#include "format.h"

struct member {
    const char *name;
    const char *value; /* NULL: left out */
};

static void append_members(struct vc_buf *out, const struct member *members, size_t count,
                           bool first)
{
    for (size_t i = 0; i < count; i++) {
        if (members[i].value == NULL)
            continue;
        vc_buf_append_format(out, "%s\n  \"%s\": ", first ? "" : ",", members[i].name);
        vc_buf_append_json(out, members[i].value);
        first = false;
    }
    vc_buf_append_text(out, "\n}\n");
}

enum vc_code format_process(const struct format_request *request, struct vc_buf *out,
                            struct vc_error *err)
{
    const struct s3_credentials *credentials = request->credentials;
    const struct member members[] = {
        {"AccessKeyId", credentials->access_key},
        {"SecretAccessKey", credentials->secret_key},
        {"SessionToken", credentials->session_token},
        {"Expiration", credentials->expiration},
    };

    vc_buf_append_text(out, "{\n  \"Version\": 1");
    append_members(out, members, sizeof(members) / sizeof(members[0]), false);
    return format_ended(out, err);
}

enum vc_code format_json(const struct format_request *request, struct vc_buf *out,
                         struct vc_error *err)
{
    const struct s3_credentials *credentials = request->credentials;
    const struct member members[] = {
        {"access_key_id", credentials->access_key},
        {"secret_access_key", credentials->secret_key},
        {"session_token", credentials->session_token},
        {"expiration", credentials->expiration},
        {"endpoint_url", credentials->endpoint_url},
        {"bucket_name", credentials->bucket},
        {"prefix", credentials->prefix},
        {"region", credentials->region},
    };

    vc_buf_append_text(out, "{");
    append_members(out, members, sizeof(members) / sizeof(members[0]), true);
    return format_ended(out, err);
}
