/*
 * vault_client_diagnosis.c - why something was refused or not found.
 *
 * A 403 has three meanings (a dead token, a policy, a KV v1 mount whose policy names other paths),
 * a 404 two (nothing there, a KV v1 mount). Two questions tell them apart: which KV version the
 * mount has, and what the token may do at the path. The first answer is remembered. And a Vault
 * that was never initialized says "sealed" to everything but sys/seal-status. Called by operations.
 */
#include <stdio.h>
#include <string.h>

#include "vault_client_internal.h"
#include "vault_policy.h"

#define MOUNT_ASK_INTERVAL 60000 /* ms: how long "Vault does not tell" is remembered */
#define TOKENS_MAX 2             /* an operation that two tokens were refused for is refused */
#define CAPABILITIES_MAX 128     /* all that there are, joined: about 60 bytes */
#define SEAL_TIMEOUT 1000 /* ms, beyond the operation's own deadline: Vault has just answered */

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

/* The path as a policy names it: without "/v1/" and query, decoded, and for a list with a slash at
 * its end. */
static void policy_path(const struct vc_request *request, char *out, size_t size)
{
    const char *at = request->path + strlen("/v1/");
    size_t len = 0;

    for (; *at != '\0' && *at != '?' && len + 2 < size; at++) {
        if (at[0] == '%' && hex_value(at[1]) >= 0 && hex_value(at[2]) >= 0) {
            out[len++] = (char)(hex_value(at[1]) * 16 + hex_value(at[2]));
            at += 2;
        } else {
            out[len++] = *at;
        }
    }
    if (request->method == VC_LIST && len > 0 && out[len - 1] != '/')
        out[len++] = '/';
    out[len] = '\0';
}

static const char *needed_capability(const struct vc_operation *operation)
{
    switch (operation->kind) {
    case OP_LIST:
        return "list";
    case OP_WRITE:
        return operation->cas == 0 ? "create" : "update";
    case OP_REMOVE:
        return operation->removal == VC_KV_DELETE || operation->removal == VC_KV_DELETE_METADATA
                   ? "delete"
                   : "update";
    default:
        return "read";
    }
}

static void restart_request(struct vc_operation *operation)
{
    operation->call.token = NULL;
    operation->refusal.code = VC_OK;
    operation_continue(operation);
}

/* Another operation has found out already, and what an answer is about now is another token. */
static bool try_with_newer_token(struct vc_operation *operation)
{
    if (operation->refused_generation == operation->client->session.generation ||
        operation->tokens >= TOKENS_MAX)
        return false;
    operation->tokens++;
    restart_request(operation);
    return true;
}

static void new_request(struct vc_operation *operation, enum operation_step step)
{
    struct vc_request *request = &operation->call.request;

    vc_request_free(request);
    vc_request_init(request, operation->client->allocator);
    operation->step = step;
}

static void ask_capabilities(struct vc_operation *operation)
{
    struct vc_error err;

    new_request(operation, STEP_CAPABILITIES);
    if (vc_capabilities_request(&operation->call.request, operation->refused_path, &err) != VC_OK) {
        operation_fail(operation, &operation->refusal);
        return;
    }
    call_start(&operation->call, operation->deadline);
}

bool diagnosis_ask_mount(struct vc_operation *operation)
{
    struct vc_client *client = operation->client;
    struct vc_error err;

    if (client->kv != 0 || operation->mount_asked || vc_now() < client->kv_denied_until)
        return false;
    operation->mount_asked = true;
    new_request(operation, STEP_MOUNT);
    if (vc_mount_request(&operation->call.request, client->settings.kv_mount, &err) != VC_OK)
        return false;
    call_start(&operation->call, operation->deadline);
    return true;
}

static void explain(struct vc_operation *operation)
{
    if (operation->refusal.code == VC_PERMISSION_DENIED)
        ask_capabilities(operation);
    else if (operation->refusal.code != VC_OK)
        operation_fail(operation, &operation->refusal);
    else
        restart_request(operation);
}

static void mount_known(struct vc_operation *operation, int kv)
{
    struct vc_client *client = operation->client;
    struct vc_error err;

    if (kv == 0) {
        vc_error_set(&err, VC_NO_MOUNT, "the mount \"%s\" is no key/value store",
                     client->settings.kv_mount);
        vc_error_hint(&err, "set kv_mount to the path of a KV secrets engine");
        operation_fail(operation, &err);
        return;
    }
    client->kv = kv;
    /* A request in the other version's form was asked in vain. */
    if (operation->kv != kv)
        restart_request(operation);
    else
        explain(operation);
}

void diagnosis_mount_done(struct vc_operation *operation, const struct vc_reply *reply,
                          const struct vc_error *outcome)
{
    struct vc_error err = *outcome;
    int kv = 0;
    enum vc_code code = outcome->code;

    if (reply != NULL)
        code = vc_mount_read(reply, operation->client->settings.kv_mount, &kv, &err);
    if (code == VC_OK) {
        mount_known(operation, kv);
        return;
    }
    if (code == VC_NO_MOUNT) {
        operation_fail(operation, &err);
        return;
    }
    if (code == VC_PERMISSION_DENIED)
        operation->client->kv_denied_until = vc_now() + MOUNT_ASK_INTERVAL;
    else if (operation->refusal.code == VC_OK) {
        operation_fail(operation, &err);
        return;
    }
    explain(operation);
}

static void say_what_is_missing(struct vc_operation *operation, const char *capabilities)
{
    const char *needed = needed_capability(operation);
    struct vc_error err;

    vc_error_set(&err, VC_PERMISSION_DENIED,
                 "permission denied on \"%s\": token has [%s], needs [%s]", operation->refused_path,
                 capabilities, needed);
    vc_error_hint(&err, "add to a policy of the token: path \"%s\" { capabilities = [\"%s\"] }",
                  operation->refused_path, needed);
    err.http_status = operation->refusal.http_status;
    memcpy(err.request_id, operation->refusal.request_id, sizeof(err.request_id));
    operation_fail(operation, &err);
}

/* Even the question about itself is refused: the token is dead, or has not even the default policy.
 */
static void token_refused(struct vc_operation *operation)
{
    struct vc_client *client = operation->client;

    if (operation->tokens < TOKENS_MAX && session_reject(client, operation->refused_generation)) {
        operation->tokens++;
        restart_request(operation);
        return;
    }
    if (client->session.looked_up || !client->session.proven) {
        vc_error_hint(&operation->refusal,
                      "the token may have been revoked or have expired, or lack a "
                      "policy for this path");
        if (client->settings.auth_method == VC_AUTH_TOKEN ||
            client->settings.auth_method == VC_AUTH_TOKEN_FILE)
            operation->refusal.code = VC_TOKEN_INVALID;
    }
    operation_fail(operation, &operation->refusal);
}

/*
 * Even the question about itself is refused: the token is dead, or lacks the default policy. What
 * it could read before tells which, so that a token without that policy does not cost a login for
 * each refusal.
 */
static bool ask_again_what_was_read(struct vc_operation *operation)
{
    struct vc_client *client = operation->client;
    const struct session *session = &client->session;
    struct vc_request *request = &operation->call.request;
    const char *const none[] = {NULL};

    if (session->proven_path[0] == '\0' || operation->refused_generation != session->generation)
        return false;
    new_request(operation, STEP_PROBE);
    if (vc_request_begin(request, VC_GET, none, NULL) != VC_OK)
        return false;
    memcpy(request->path, session->proven_path, sizeof(request->path));
    call_start(&operation->call, operation->deadline);
    return true;
}

void diagnosis_probe_done(struct vc_operation *operation, const struct vc_reply *reply,
                          const struct vc_error *outcome)
{
    if (try_with_newer_token(operation))
        return;
    if (reply != NULL && outcome->code == VC_PERMISSION_DENIED) {
        token_refused(operation);
        return;
    }
    if (reply != NULL && (reply->status < 300 || reply->status == 404))
        vc_error_hint(&operation->refusal, "a policy of the token must allow \"%s\" on \"%s\"",
                      needed_capability(operation), operation->refused_path);
    operation_fail(operation, &operation->refusal);
}

void diagnosis_capabilities_done(struct vc_operation *operation, const struct vc_reply *reply,
                                 const struct vc_error *outcome)
{
    char capabilities[CAPABILITIES_MAX];
    struct vc_error err = *outcome;
    enum vc_code code = outcome->code;

    if (try_with_newer_token(operation))
        return;
    if (reply != NULL)
        code = vc_capabilities_read(reply, operation->refused_path, capabilities,
                                    sizeof(capabilities), &err);
    if (code == VC_OK)
        say_what_is_missing(operation, capabilities);
    else if (code != VC_PERMISSION_DENIED)
        operation_fail(operation, &operation->refusal);
    else if (!ask_again_what_was_read(operation))
        token_refused(operation);
}

bool diagnosis_ask_seal(struct vc_operation *operation, const struct vc_error *err)
{
    struct vc_client *client = operation->client;
    const struct call *answered =
        operation->step == STEP_TOKEN ? &client->session.call : &operation->call;

    if (err->code != VC_SEALED || operation->seal_asked || operation->kind == OP_HEALTH ||
        answered->address >= client->settings.address_count)
        return false;
    operation->seal_asked = true;
    operation->origin = vc_strdup(client->allocator, client->settings.addresses[answered->address]);
    if (operation->origin == NULL)
        return false;
    operation->refusal = *err;
    new_request(operation, STEP_SEAL);
    vc_seal_status_request(&operation->call.request);
    operation->call.fixed_origin = operation->origin;
    operation_under_way(operation);
    call_start(&operation->call, vc_now() + SEAL_TIMEOUT);
    return true;
}

/* No answer is one too: it was sealed a moment ago. */
void diagnosis_seal_done(struct vc_operation *operation, const struct vc_reply *reply)
{
    struct vc_seal_status seal;
    struct vc_error err;

    if (reply != NULL && vc_seal_status_read(reply, &seal, &err) == VC_OK && !seal.initialized) {
        vc_error_set(&err, VC_NOT_INITIALIZED, "Vault is not initialized");
        vc_error_hint(&err, "initialize Vault with \"vault operator init\" and unseal it");
        operation->refusal = err;
    }
    operation_fail(operation, &operation->refusal);
}

static void diagnose_refusal(struct vc_operation *operation)
{
    operation->refused_generation = operation->call.token_generation;
    if (try_with_newer_token(operation))
        return;
    policy_path(&operation->call.request, operation->refused_path, sizeof(operation->refused_path));
    if (!diagnosis_ask_mount(operation))
        ask_capabilities(operation);
}

void diagnose(struct vc_operation *operation, const struct vc_error *refusal)
{
    operation->refusal = *refusal;
    switch (refusal->code) {
    case VC_PERMISSION_DENIED:
        diagnose_refusal(operation);
        return;
    case VC_KV_V1_PATH:
        operation->client->kv = 0;
        break;
    case VC_NO_MOUNT:
        operation->client->kv = 0;
        operation_fail(operation, refusal);
        return;
    case VC_NOT_FOUND:
        break;
    default:
        operation_fail(operation, refusal);
        return;
    }
    if (!diagnosis_ask_mount(operation))
        operation_fail(operation, &operation->refusal);
}
