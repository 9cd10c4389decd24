/*
 * fuzz_vault_reply.c - any status and body, to every reader of Vault's replies.
 *
 * The first byte picks the status ('a' is 200, see below), the second whether Retry-After was
 * there, the rest is the body. Whatever comes, an error has words of one clean line, and a success
 * holds what the reader's header promises of it.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "json.h"
#include "utf8.h"
#include "vault_auth.h"
#include "vault_health.h"
#include "vault_kv.h"
#include "vault_policy.h"
#include "vault_wrapping.h"

static const long statuses[] = {200, 204, 307, 400, 401, 403, 404, 405, 412, 413, 429, 472,
                                473, 474, 500, 501, 502, 503, 504, 530, 100, 299, 0,   999};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void require_clean(const char *text)
{
    require(vc_utf8_valid(text, strlen(text)));
    for (; *text != '\0'; text++)
        require((unsigned char)*text >= 0x20 && *text != 0x7F);
}

/* What every reader promises of its error. */
static void check_outcome(enum vc_code code, const struct vc_error *err)
{
    if (code == VC_OK)
        return;
    require(err->code == code);
    require(err->message[0] != '\0');
    require_clean(err->message);
    require_clean(err->hint);
    require_clean(err->request_id);
}

static void check_time(const char *time)
{
    require(time[0] != '\0' && strlen(time) < VC_CREATED_TIME_SIZE);
    require(strspn(time, "0123456789-+:.TZtz") == strlen(time));
}

static void read_envelope(const struct vc_reply *reply)
{
    struct vc_envelope envelope;
    struct vc_error err = {.code = VC_OK};
    enum vc_code code = vc_envelope_parse(&envelope, reply, &err);

    check_outcome(code, &err);
    require_clean(envelope.words);
    require_clean(envelope.warning);
    vc_envelope_hide_credentials(&envelope);
    require_clean(envelope.words);
    if (code == VC_OK) {
        code = vc_envelope_error(&envelope, reply, "fuzz", &err);
        require(code != VC_OK && err.http_status == reply->status);
        check_outcome(code, &err);
    }
    vc_envelope_free(&envelope);
}

static void read_health(const struct vc_reply *reply)
{
    struct vc_error err = {.code = VC_OK};
    enum vc_health health;
    struct vc_seal_status status;
    enum vc_code code = vc_health_read(reply, &health, &err);

    check_outcome(code, &err);
    require((code == VC_OK) == (health != VC_HEALTH_UNKNOWN));
    code = vc_seal_status_read(reply, &status, &err);
    check_outcome(code, &err);
    require(code == VC_OK || status.sealed);
    require(status.shares >= 0 && status.shares <= 255);
}

static void check_token(const struct vc_token *token, bool has_value)
{
    const char *value = vc_buf_text(&token->value);

    require(token->ttl >= 0 && token->ttl <= VC_TTL_MAX);
    require(token->creation_ttl >= 0 && token->creation_ttl <= VC_TTL_MAX);
    require(token->num_uses >= 0);
    require((token->value.len > 0) == has_value);
    require(token->value.len <= VC_TOKEN_MAX && strlen(value) == token->value.len);
    for (; *value != '\0'; value++)
        require(*value > ' ' && *value <= '~');
}

static void read_token(const struct vc_reply *reply)
{
    struct vc_error err = {.code = VC_OK};
    struct vc_token token;
    enum vc_code code;

    vc_token_init(&token, &vc_wiping_allocator);
    code = vc_login_read(reply, &token, &err);
    check_outcome(code, &err);
    check_token(&token, code == VC_OK);
    code = vc_token_lookup_read(reply, &token, &err);
    check_outcome(code, &err);
    check_token(&token, false);
    code = vc_token_renew_read(reply, &token, &err);
    check_outcome(code, &err);
    check_token(&token, false);
    check_outcome(vc_token_revoke_read(reply, &err), &err);
    vc_token_free(&token);
}

static void read_wrapping(const struct vc_reply *reply)
{
    struct vc_error err = {.code = VC_OK};
    struct vc_buf secret_id;
    enum vc_code code;

    vc_buf_init(&secret_id, &vc_wiping_allocator, VC_SECRET_ID_MAX);
    check_outcome(vc_wrapping_lookup_read(reply, "approle", &err), &err);
    code = vc_wrapping_unwrap_read(reply, &secret_id, &err);
    check_outcome(code, &err);
    require((code == VC_OK) == (secret_id.len > 0));
    vc_buf_free(&secret_id);
}

static void read_secret(const struct vc_reply *reply, int kv)
{
    struct vc_error err = {.code = VC_OK};
    struct vc_kv_secret secret;
    long long version;
    enum vc_code code = vc_kv_read_read(reply, kv, "secret", "a/b", &secret, &err);

    check_outcome(code, &err);
    require((code == VC_OK) == (secret.data != NULL));
    require((code == VC_OK) == (secret.envelope.root != NULL));
    if (code == VC_OK && kv == 2) {
        require(secret.version > 0);
        check_time(secret.created_time);
    }
    vc_kv_secret_free(&secret);
    code = vc_kv_write_read(reply, kv, "secret", "a/b", &version, &err);
    check_outcome(code, &err);
    require(code == VC_OK && kv == 2 ? version > 0 : version == 0);
}

static void read_names(const struct vc_reply *reply)
{
    struct vc_error err = {.code = VC_OK};
    cJSON *names;
    enum vc_code code = vc_kv_list_read(reply, "secret", "a/b", &names, &err);

    check_outcome(code, &err);
    require((code == VC_OK) == (names != NULL));
    for (const cJSON *name = names == NULL ? NULL : names->child; name != NULL; name = name->next)
        require(cJSON_IsString(name));
    cJSON_Delete(names);
}

static void read_metadata(const struct vc_reply *reply)
{
    struct vc_error err = {.code = VC_OK};
    struct vc_kv_metadata metadata;
    enum vc_code code = vc_kv_metadata_read(reply, "secret", "a/b", &metadata, &err);

    check_outcome(code, &err);
    if (code == VC_OK) {
        require(metadata.current_version >= 0 && metadata.oldest_version >= 0);
        check_time(metadata.created_time);
        check_time(metadata.updated_time);
    }
    check_outcome(vc_kv_remove_read(reply, "secret", "a/b", &err), &err);
}

static void read_policy(const struct vc_reply *reply)
{
    struct vc_error err = {.code = VC_OK};
    char capabilities[32];
    int kv;
    enum vc_code code =
        vc_capabilities_read(reply, "secret/data/x", capabilities, sizeof(capabilities), &err);

    check_outcome(code, &err);
    require((code == VC_OK) == (capabilities[0] != '\0'));
    require(strlen(capabilities) < sizeof(capabilities));
    require_clean(capabilities);
    code = vc_mount_read(reply, "secret", &kv, &err);
    check_outcome(code, &err);
    require(kv >= 0 && kv <= 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vc_reply reply;

    if (size < 2)
        return 0;
    vc_json_use_wiping_hooks();
    vc_reply_init(&reply, &vc_wiping_allocator);
    reply.status = statuses[(unsigned char)(data[0] - 'a') % (sizeof(statuses) / sizeof(long))];
    reply.retry_after = data[1] == 'r' ? 4 : -1;
    if (size > 2)
        vc_buf_append(&reply.body, data + 2, size - 2);
    read_envelope(&reply);
    read_health(&reply);
    read_token(&reply);
    read_wrapping(&reply);
    read_secret(&reply, 1);
    read_secret(&reply, 2);
    read_names(&reply);
    read_metadata(&reply);
    read_policy(&reply);
    vc_reply_free(&reply);
    return 0;
}
