/*
 * vault_wrapping.c - a wrapped secret_id: look at the wrapping token's creation path, then unwrap
 * it.
 *
 * Refuses a wrapping token that was not made by the AppRole mount: whoever opened the true one can
 * wrap something of their own and put that in its place. Called by vault_client at a login.
 */
#include "vault_wrapping.h"

#include <string.h>

#include "json.h"

#define LOOKUP "look up the wrapping token of the secret_id"
#define UNWRAP "unwrap the secret_id"
#define PATH_SHOWN_MAX 200

void vc_wrapping_lookup_request(struct vc_request *request, const char *wrapping_token)
{
    vc_request_begin(request, VC_POST, (const char *const[]){"sys/wrapping/lookup", NULL}, NULL);
    request->with_token = false;
    request->repeatable = true;
    vc_buf_append_text(&request->body, "{\"token\":");
    vc_buf_append_json(&request->body, wrapping_token);
    vc_buf_append_text(&request->body, "}");
}

static bool skip(const char **at, const char *text)
{
    size_t len = strlen(text);

    if (strncmp(*at, text, len) != 0)
        return false;
    *at += len;
    return true;
}

/* auth/<mount>/role/<one segment>/secret-id */
static bool made_by_approle(const char *path, const char *mount)
{
    const char *at = path;
    size_t role;

    if (!skip(&at, "auth/") || !skip(&at, mount) || !skip(&at, "/role/"))
        return false;
    role = strcspn(at, "/");
    at += role;
    return role > 0 && strcmp(at, "/secret-id") == 0;
}

static enum vc_code wrapping_error(struct vc_envelope *envelope, const struct vc_reply *reply,
                                   const char *doing, struct vc_error *err)
{
    enum vc_code code;

    vc_envelope_hide_credentials(envelope);
    code = vc_envelope_error(envelope, reply, doing, err);
    if (code != VC_BAD_REQUEST || reply->status != 400)
        return code;
    vc_error_hint(err,
                  "it expired, or somebody else opened it and may hold the secret_id: find out "
                  "who, destroy that secret_id and issue a new one");
    if (err != NULL)
        err->code = VC_WRAPPING_SPENT;
    return VC_WRAPPING_SPENT;
}

static enum vc_code check_creation_path(const struct vc_envelope *envelope,
                                        const struct vc_reply *reply, const char *mount,
                                        struct vc_error *err)
{
    const char *path = vc_json_string(envelope->data, "creation_path");

    if (path == NULL)
        return vc_envelope_malformed(envelope, reply, LOOKUP, "its creation path", err);
    if (made_by_approle(path, mount))
        return VC_OK;
    vc_error_set(err, VC_WRAPPING_FOREIGN,
                 "the wrapping token was made by \"%.*s\", not by auth/%.*s/role/.../secret-id",
                 PATH_SHOWN_MAX, path, VC_MOUNT_MAX, mount);
    vc_error_hint(err, "somebody may have replaced it; it is not opened: issue a new secret_id");
    return VC_WRAPPING_FOREIGN;
}

enum vc_code vc_wrapping_lookup_read(const struct vc_reply *reply, const char *approle_mount,
                                     struct vc_error *err)
{
    struct vc_envelope envelope;
    enum vc_code code = vc_envelope_parse(&envelope, reply, err);

    if (code != VC_OK)
        goto cleanup;
    if (reply->status >= 300)
        code = wrapping_error(&envelope, reply, LOOKUP, err);
    else
        code = check_creation_path(&envelope, reply, approle_mount, err);

cleanup:
    vc_envelope_free(&envelope);
    return code;
}

void vc_wrapping_unwrap_request(struct vc_request *request)
{
    vc_request_begin(request, VC_POST, (const char *const[]){"sys/wrapping/unwrap", NULL}, NULL);
    request->login = true;
}

static enum vc_code take_secret_id(const struct vc_envelope *envelope, const struct vc_reply *reply,
                                   struct vc_buf *secret_id, struct vc_error *err)
{
    const char *value = vc_json_string(envelope->data, "secret_id");
    size_t len = value == NULL ? 0 : strlen(value);

    if (len == 0 || len > VC_SECRET_ID_MAX)
        return vc_envelope_malformed(envelope, reply, UNWRAP, "a usable secret_id", err);
    if (!vc_buf_append(secret_id, value, len))
        return vc_error_set(err, VC_NO_MEMORY, "out of memory while unwrapping the secret_id");
    return VC_OK;
}

enum vc_code vc_wrapping_unwrap_read(const struct vc_reply *reply, struct vc_buf *secret_id,
                                     struct vc_error *err)
{
    struct vc_envelope envelope;
    enum vc_code code = vc_envelope_parse(&envelope, reply, err);

    vc_buf_reset(secret_id);
    if (code != VC_OK)
        goto cleanup;
    if (reply->status >= 300)
        code = wrapping_error(&envelope, reply, UNWRAP, err);
    else
        code = take_secret_id(&envelope, reply, secret_id, err);

cleanup:
    vc_envelope_free(&envelope);
    return code;
}
