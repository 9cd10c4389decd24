/*
 * vault_health.c - sys/health and sys/seal-status.
 *
 * Refuses a reply without the fields that tell. Called by vault_client and by whoever waits for
 * Vault.
 */
#include "vault_health.h"

#include <stddef.h>
#include <string.h>

#include "json.h"

#define KEYS_MAX 255 /* Vault's limit for key shares: Shamir over GF(256) */

const char *vc_health_text(enum vc_health health)
{
    switch (health) {
    case VC_HEALTH_UNKNOWN:
        return "unknown";
    case VC_HEALTH_ACTIVE:
        return "active";
    case VC_HEALTH_STANDBY:
        return "standby";
    case VC_HEALTH_PERFORMANCE_STANDBY:
        return "performance standby";
    case VC_HEALTH_DR_SECONDARY:
        return "disaster recovery secondary";
    case VC_HEALTH_SEALED:
        return "sealed";
    case VC_HEALTH_NOT_INITIALIZED:
        return "not initialized";
    }
    return "unknown";
}

bool vc_health_alive(enum vc_health health)
{
    switch (health) {
    case VC_HEALTH_ACTIVE:
    case VC_HEALTH_STANDBY:
    case VC_HEALTH_PERFORMANCE_STANDBY:
    case VC_HEALTH_DR_SECONDARY:
        return true;
    default:
        return false;
    }
}

/* Both paths are constants that always fit. Vault refuses them with a namespace (400). */
static void begin_unauthenticated(struct vc_request *request, const char *path)
{
    vc_request_begin(request, VC_GET, (const char *const[]){path, NULL}, NULL);
    request->with_token = false;
    request->with_namespace = false;
}

void vc_health_request(struct vc_request *request)
{
    begin_unauthenticated(request, "sys/health");
}

static bool has_bool(const cJSON *object, const char *name)
{
    return vc_json_bool(object, name, true) == vc_json_bool(object, name, false);
}

static enum vc_code unusable(const struct vc_envelope *envelope, const struct vc_reply *reply,
                             const char *doing, struct vc_error *err)
{
    if (reply->status < 300)
        return vc_envelope_malformed(envelope, reply, doing, "the fields of a status", err);
    return vc_envelope_error(envelope, reply, doing, err);
}

/* The order is Vault's own (http/sys_health.go): a sealed node also says standby, a DR one too. */
static enum vc_health health_of_body(const cJSON *body)
{
    const char *dr_mode = vc_json_string(body, "replication_dr_mode");

    if (!has_bool(body, "initialized") || !has_bool(body, "sealed") || !has_bool(body, "standby"))
        return VC_HEALTH_UNKNOWN;
    if (!vc_json_bool(body, "initialized", false))
        return VC_HEALTH_NOT_INITIALIZED;
    if (vc_json_bool(body, "sealed", true))
        return VC_HEALTH_SEALED;
    if (dr_mode != NULL && strcmp(dr_mode, "secondary") == 0)
        return VC_HEALTH_DR_SECONDARY;
    if (vc_json_bool(body, "performance_standby", false))
        return VC_HEALTH_PERFORMANCE_STANDBY;
    return vc_json_bool(body, "standby", true) ? VC_HEALTH_STANDBY : VC_HEALTH_ACTIVE;
}

static enum vc_health health_of_status(long status)
{
    switch (status) {
    case 200:
        return VC_HEALTH_ACTIVE;
    case 429:
    case 474: /* it cannot reach the active node */
        return VC_HEALTH_STANDBY;
    case 472:
        return VC_HEALTH_DR_SECONDARY;
    case 473:
        return VC_HEALTH_PERFORMANCE_STANDBY;
    case 501:
        return VC_HEALTH_NOT_INITIALIZED;
    case 503:
        return VC_HEALTH_SEALED;
    default:
        return VC_HEALTH_UNKNOWN;
    }
}

enum vc_code vc_health_read(const struct vc_reply *reply, enum vc_health *health,
                            struct vc_error *err)
{
    struct vc_envelope envelope;
    enum vc_code code = vc_envelope_parse(&envelope, reply, err);

    *health = VC_HEALTH_UNKNOWN;
    if (code != VC_OK)
        goto cleanup;
    /* A code that sys/health never gives comes from elsewhere, whatever the body says. */
    if (health_of_status(reply->status) != VC_HEALTH_UNKNOWN)
        *health =
            reply->body.len == 0 ? health_of_status(reply->status) : health_of_body(envelope.root);
    if (*health == VC_HEALTH_UNKNOWN)
        code = unusable(&envelope, reply, "ask for Vault's health", err);

cleanup:
    vc_envelope_free(&envelope);
    return code;
}

void vc_seal_status_request(struct vc_request *request)
{
    begin_unauthenticated(request, "sys/seal-status");
}

static bool seal_status_of_body(const cJSON *body, struct vc_seal_status *status)
{
    long long threshold = vc_json_integer(body, "t", -1);
    long long shares = vc_json_integer(body, "n", -1);
    long long progress = vc_json_integer(body, "progress", -1);

    if (!has_bool(body, "initialized") || !has_bool(body, "sealed"))
        return false;
    if (threshold < 0 || threshold > KEYS_MAX || shares < 0 || shares > KEYS_MAX || progress < 0 ||
        progress > KEYS_MAX)
        return false;
    *status = (struct vc_seal_status){
        .initialized = vc_json_bool(body, "initialized", false),
        .sealed = vc_json_bool(body, "sealed", true),
        .threshold = (long)threshold,
        .shares = (long)shares,
        .progress = (long)progress,
    };
    return true;
}

enum vc_code vc_seal_status_read(const struct vc_reply *reply, struct vc_seal_status *status,
                                 struct vc_error *err)
{
    struct vc_envelope envelope;
    enum vc_code code = vc_envelope_parse(&envelope, reply, err);

    *status = (struct vc_seal_status){.sealed = true};
    if (code == VC_OK && (reply->status != 200 || !seal_status_of_body(envelope.root, status)))
        code = unusable(&envelope, reply, "ask for Vault's seal status", err);
    vc_envelope_free(&envelope);
    return code;
}
