/*
 * vault_auth.c - logging in, and a token's own life.
 *
 * Refuses a token that could not be a header, and shows of a refusal only Vault's errors[], with
 * whatever in them looks like a credential hidden. Called by vault_client.
 */
#include "vault_auth.h"

#include <stdio.h>
#include <string.h>

#include "json.h"
#include "utf8.h"

#define LOGIN "log in to Vault"
#define CAPPED_WARNING "capped accordingly" /* how Vault and OpenBao end it */

void vc_token_init(struct vc_token *token, const struct vc_allocator *allocator)
{
    *token = (struct vc_token){.ttl = 0};
    vc_buf_init(&token->value, allocator, VC_TOKEN_MAX);
}

void vc_token_free(struct vc_token *token)
{
    vc_buf_free(&token->value);
}

/* Everything but the value's memory, so that no number of an earlier reply remains. */
static void reset_token(struct vc_token *token)
{
    struct vc_buf value = token->value;

    *token = (struct vc_token){.value = value};
    vc_buf_reset(&token->value);
}

static enum vc_code begin_login(struct vc_request *request, const char *mount, struct vc_error *err)
{
    enum vc_code code = vc_mount_check(mount, "auth_mount", err);

    if (code != VC_OK)
        return code;
    code = vc_request_begin(request, VC_POST, (const char *const[]){"auth", mount, "login", NULL},
                            err);
    request->with_token = false;
    request->login = true;
    return code;
}

/* A JSON string is UTF-8: other bytes would arrive as another credential. */
static enum vc_code check_credential(const char *what, const char *value, struct vc_error *err)
{
    if (value == NULL || value[0] == '\0')
        return vc_error_set(err, VC_BAD_SETTING, "%s is not set", what);
    if (!vc_utf8_valid(value, strlen(value)))
        return vc_error_set(err, VC_BAD_SETTING, "%s is not valid UTF-8", what);
    return VC_OK;
}

/* Appends a member; the first one without a comma. */
static void append_member(struct vc_buf *body, const char *name, const char *value)
{
    vc_buf_append_text(body, body->len == 1 ? "" : ",");
    vc_buf_append_json(body, name);
    vc_buf_append_text(body, ":");
    vc_buf_append_json(body, value);
}

enum vc_code vc_login_approle_request(struct vc_request *request, const char *mount,
                                      const char *role_id, const char *secret_id,
                                      struct vc_error *err)
{
    enum vc_code code = begin_login(request, mount, err);

    if (code == VC_OK)
        code = check_credential("role_id", role_id, err);
    if (code == VC_OK && secret_id != NULL)
        code = check_credential("secret_id", secret_id, err);
    if (code != VC_OK)
        return code;
    vc_buf_append_text(&request->body, "{");
    append_member(&request->body, "role_id", role_id);
    if (secret_id != NULL)
        append_member(&request->body, "secret_id", secret_id);
    vc_buf_append_text(&request->body, "}");
    return vc_request_body_check(request, VC_BAD_SETTING, err);
}

enum vc_code vc_login_cert_request(struct vc_request *request, const char *mount, const char *role,
                                   struct vc_error *err)
{
    enum vc_code code = begin_login(request, mount, err);

    if (code == VC_OK && role != NULL)
        code = check_credential("role", role, err);
    if (code != VC_OK)
        return code;
    vc_buf_append_text(&request->body, "{");
    if (role != NULL)
        append_member(&request->body, "name", role);
    vc_buf_append_text(&request->body, "}");
    return vc_request_body_check(request, VC_BAD_SETTING, err);
}

enum vc_code vc_login_jwt_request(struct vc_request *request, const char *mount, const char *role,
                                  const char *jwt, struct vc_error *err)
{
    enum vc_code code = begin_login(request, mount, err);

    if (code == VC_OK && role != NULL)
        code = check_credential("role", role, err);
    if (code == VC_OK)
        code = check_credential("jwt", jwt, err);
    if (code != VC_OK)
        return code;
    vc_buf_append_text(&request->body, "{");
    if (role != NULL)
        append_member(&request->body, "role", role);
    append_member(&request->body, "jwt", jwt);
    vc_buf_append_text(&request->body, "}");
    return vc_request_body_check(request, VC_BAD_SETTING, err);
}

/* What Vault said of a refused login, as the codes that token_lifecycle distinguishes. */
static enum vc_code login_error(struct vc_envelope *envelope, const struct vc_reply *reply,
                                struct vc_error *err)
{
    enum vc_code code;

    vc_envelope_hide_credentials(envelope);
    code = vc_envelope_error(envelope, reply, LOGIN, err);
    if (code == VC_BAD_REQUEST && reply->status == 400) {
        code = VC_LOGIN_REFUSED;
        vc_error_hint(err, "the credential is wrong, expired, used up or bound to another address; "
                           "replace it, no login is tried before that");
    } else if (code == VC_PERMISSION_DENIED) {
        code = VC_LOGIN_LOCKED;
        vc_error_hint(err, "the role is locked out after refused logins, or the auth mount or the "
                           "namespace does not exist");
    } else if (reply->status == 500 && strstr(envelope->words, "missing role_id") != NULL) {
        code = VC_BAD_SETTING;
        vc_error_hint(err, "set role_id");
    }
    if (err != NULL)
        err->code = code;
    return code;
}

static bool token_valid(const char *value)
{
    size_t len = strlen(value);

    if (len == 0 || len > VC_TOKEN_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (value[i] <= ' ' || value[i] > '~')
            return false;
    return true;
}

static long ttl_of(const cJSON *object, const char *name)
{
    long long seconds = vc_json_integer(object, name, -1);

    return seconds > VC_TTL_MAX ? VC_TTL_MAX : (long)seconds;
}

static bool text_is(const cJSON *object, const char *name, const char *text)
{
    const char *value = vc_json_string(object, name);

    return value != NULL && strcmp(value, text) == 0;
}

static bool demands_mfa(const cJSON *auth)
{
    return vc_json_object(auth, "mfa_requirement") != NULL;
}

static enum vc_code read_login_auth(const struct vc_envelope *envelope,
                                    const struct vc_reply *reply, struct vc_token *token,
                                    struct vc_error *err)
{
    const cJSON *auth = envelope->auth;
    const char *value = vc_json_string(auth, "client_token");
    long ttl = ttl_of(auth, "lease_duration");

    if (demands_mfa(auth)) {
        vc_error_set(err, VC_LOGIN_REFUSED,
                     "could not " LOGIN ": the login demands a second factor");
        vc_error_hint(err, "use a role without login MFA");
        return VC_LOGIN_REFUSED;
    }
    if (value == NULL || !token_valid(value))
        return vc_envelope_malformed(envelope, reply, LOGIN, "a usable token", err);
    if (ttl < 0)
        return vc_envelope_malformed(envelope, reply, LOGIN, "the token's TTL", err);
    if (!vc_buf_append_text(&token->value, value))
        return vc_error_set(err, VC_NO_MEMORY, "out of memory while keeping the token");
    token->ttl = ttl;
    token->creation_ttl = ttl;
    token->renewable = vc_json_bool(auth, "renewable", false);
    token->never_expires = ttl == 0 && !token->renewable;
    token->batch = text_is(auth, "token_type", "batch");
    token->num_uses = (long)vc_json_integer(auth, "num_uses", 0);
    return VC_OK;
}

enum vc_code vc_login_read(const struct vc_reply *reply, struct vc_token *token,
                           struct vc_error *err)
{
    struct vc_envelope envelope;
    enum vc_code code = vc_envelope_parse(&envelope, reply, err);

    reset_token(token);
    if (code != VC_OK)
        goto cleanup;
    if (reply->status >= 300)
        code = login_error(&envelope, reply, err);
    else
        code = read_login_auth(&envelope, reply, token, err);

cleanup:
    vc_envelope_free(&envelope);
    return code;
}

/* The paths below are constants that always fit. */
static void begin_self(struct vc_request *request, enum vc_method method, const char *what)
{
    vc_request_begin(request, method, (const char *const[]){"auth/token", what, NULL}, NULL);
    /* Repeating any of the three does no harm. */
    request->repeatable = true;
}

void vc_token_lookup_request(struct vc_request *request)
{
    begin_self(request, VC_GET, "lookup-self");
}

static enum vc_code read_lookup_data(const struct vc_envelope *envelope,
                                     const struct vc_reply *reply, struct vc_token *token,
                                     struct vc_error *err)
{
    const cJSON *data = envelope->data;
    long ttl = ttl_of(data, "ttl");
    long creation_ttl = ttl_of(data, "creation_ttl");

    if (ttl < 0)
        return vc_envelope_malformed(envelope, reply, "look up the token", "its TTL", err);
    token->ttl = ttl;
    token->creation_ttl = creation_ttl < 0 ? 0 : creation_ttl;
    token->never_expires = ttl == 0 && vc_json_string(data, "expire_time") == NULL;
    token->renewable = vc_json_bool(data, "renewable", false);
    token->batch = text_is(data, "type", "batch");
    token->num_uses = (long)vc_json_integer(data, "num_uses", 0);
    return VC_OK;
}

enum vc_code vc_token_lookup_read(const struct vc_reply *reply, struct vc_token *token,
                                  struct vc_error *err)
{
    struct vc_envelope envelope;
    enum vc_code code = vc_envelope_parse(&envelope, reply, err);

    reset_token(token);
    if (code != VC_OK)
        goto cleanup;
    vc_envelope_hide_credentials(&envelope);
    if (reply->status >= 300)
        code = vc_envelope_error(&envelope, reply, "look up the token", err);
    else
        code = read_lookup_data(&envelope, reply, token, err);

cleanup:
    vc_envelope_free(&envelope);
    return code;
}

void vc_token_renew_request(struct vc_request *request, long increment)
{
    begin_self(request, VC_POST, "renew-self");
    if (increment > 0)
        vc_buf_append_format(&request->body, "{\"increment\":%ld}", increment);
    else
        vc_buf_append_text(&request->body, "{}");
}

static enum vc_code read_renew_auth(const struct vc_envelope *envelope,
                                    const struct vc_reply *reply, struct vc_token *token,
                                    struct vc_error *err)
{
    long ttl = ttl_of(envelope->auth, "lease_duration");

    if (ttl < 0)
        return vc_envelope_malformed(envelope, reply, "renew the token", "its TTL", err);
    token->ttl = ttl;
    token->renewable = vc_json_bool(envelope->auth, "renewable", false);
    token->batch = text_is(envelope->auth, "token_type", "batch");
    token->num_uses = (long)vc_json_integer(envelope->auth, "num_uses", 0);
    token->capped = vc_envelope_warns(envelope, CAPPED_WARNING);
    return VC_OK;
}

enum vc_code vc_token_renew_read(const struct vc_reply *reply, struct vc_token *token,
                                 struct vc_error *err)
{
    struct vc_envelope envelope;
    enum vc_code code = vc_envelope_parse(&envelope, reply, err);

    reset_token(token);
    if (code != VC_OK)
        goto cleanup;
    vc_envelope_hide_credentials(&envelope);
    if (reply->status >= 300)
        code = vc_envelope_error(&envelope, reply, "renew the token", err);
    else
        code = read_renew_auth(&envelope, reply, token, err);

cleanup:
    vc_envelope_free(&envelope);
    return code;
}

void vc_token_revoke_request(struct vc_request *request)
{
    begin_self(request, VC_POST, "revoke-self");
}

enum vc_code vc_token_revoke_read(const struct vc_reply *reply, struct vc_error *err)
{
    struct vc_envelope envelope;
    enum vc_code code = vc_envelope_parse(&envelope, reply, err);

    if (code == VC_OK && reply->status >= 300) {
        vc_envelope_hide_credentials(&envelope);
        code = vc_envelope_error(&envelope, reply, "revoke the token", err);
    }
    vc_envelope_free(&envelope);
    return code;
}
