/*
 * credential_source.c - where a tenant's credentials come from (credential_source.h). Called by
 * credentials, exec, serve and check.
 */
#include "credential_source.h"

#include <stdlib.h>
#include <string.h>

#include "s3_secret.h"
#include "secret_file.h"
#include "session_policy.h"
#include "sts.h"
#include "tenant_layout.h"

#define AWS_STS_ENDPOINT "https://sts.amazonaws.com"

static enum vc_code no_memory(struct vc_error *err)
{
    return vc_error_set(err, VC_NO_MEMORY, "out of memory while reading credentials");
}

/* Adds what the s3 secret of a tenant, or the platform's (NULL), says. */
static enum vc_code read_secret(struct vault_session *session, const char *tenant, const char *name,
                                struct s3_credentials *credentials,
                                struct credential_origin *origin, struct vc_error *err)
{
    struct vc_kv_secret secret;
    enum vc_code code = vault_session_path(session, tenant, name, origin->path, err);

    if (code == VC_OK)
        code = vault_session_read(session, origin->path, 0, &secret, err);
    if (code != VC_OK)
        return code;
    origin->version = secret.version;
    memcpy(origin->created_time, secret.created_time, sizeof(origin->created_time));
    code = s3_secret_read(secret.data, origin->path, credentials, err);
    vc_kv_secret_free(&secret);
    return code;
}

/* Fills what the tenant leaves open. A bucket belongs to its endpoint, and is not lent to another.
 */
static enum vc_code borrow_location(struct s3_credentials *credentials,
                                    const struct s3_credentials *platform, struct vc_error *err)
{
    bool own_endpoint = credentials->endpoint_url != NULL;
    const struct {
        char **field;
        const char *value;
        bool lent;
    } fields[] = {
        {&credentials->endpoint_url, platform->endpoint_url, !own_endpoint},
        {&credentials->bucket, platform->bucket, !own_endpoint},
        {&credentials->region, platform->region, !own_endpoint},
        {&credentials->sts_endpoint_url, platform->sts_endpoint_url, !own_endpoint},
        {&credentials->sts_role_arn, platform->sts_role_arn, true},
    };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (*fields[i].field == NULL && fields[i].lent &&
            !s3_credentials_set(credentials, fields[i].field, fields[i].value))
            return no_memory(err);
    return VC_OK;
}

static enum vc_code refuse_sts_options(const struct credential_request *request,
                                       struct vc_error *err)
{
    if (request->policy == NULL && request->duration == 0)
        return VC_OK;
    vc_error_set(err, VC_BAD_SETTING, "these are static keys: %s is for temporary ones",
                 request->policy != NULL ? "--policy" : "--duration");
    vc_error_hint(err, "without keys in the tenant's secret, STS gives temporary ones");
    return VC_BAD_SETTING;
}

/* The tenant has keys of its own. */
static enum vc_code complete_static(struct vault_session *session,
                                    const struct credential_request *request,
                                    struct s3_credentials *credentials, struct vc_error *err)
{
    struct credential_origin unused;
    struct s3_credentials platform;
    enum vc_code code = refuse_sts_options(request, err);

    if (code != VC_OK || !request->needs_location || credentials->endpoint_url != NULL)
        return code;
    s3_credentials_init(&platform, credentials->allocator);
    code = read_secret(session, NULL, CREDENTIAL_SECRET, &platform, &unused, err);
    if (code == VC_OK)
        code = borrow_location(credentials, &platform, err);
    else if (code == VC_NOT_FOUND)
        code = VC_OK; /* then AWS itself is meant */
    else if (code == VC_PERMISSION_DENIED)
        vc_error_hint(err, "write endpoint_url into the tenant's secret, or permit the platform's");
    s3_credentials_free(&platform);
    return code;
}

/* A CA of the STS server's, by the variable that the AWS CLI and SDKs have for it. */
static const char *sts_ca(void)
{
    const char *path = getenv("AWS_CA_BUNDLE");

    return path != NULL && path[0] != '\0' ? path : NULL;
}

/* For the platform's keys, and confined by policy: temporary ones into credentials. */
static enum vc_code assume_role(const struct vault_session *session,
                                const struct credential_request *request,
                                const struct s3_credentials *platform, const char *policy,
                                struct s3_credentials *credentials, struct vc_error *err)
{
    const struct sts_request sts = {
        .endpoint_url = credentials->sts_endpoint_url != NULL ? credentials->sts_endpoint_url
                        : credentials->endpoint_url != NULL   ? credentials->endpoint_url
                                                              : AWS_STS_ENDPOINT,
        .region = credentials->region,
        .access_key = platform->access_key,
        .secret_key = platform->secret_key,
        .role_arn = credentials->sts_role_arn,
        .session_name = request->tenant,
        .policy = policy,
        .duration = request->duration,
        .ca_file = sts_ca(),
        .timeout = session->settings.request_timeout,
        .interrupt = session->interrupt,
    };

    return sts_assume_role(&sts, credentials, err);
}

static enum vc_code refuse_unconfined(const char *path, struct vc_error *err)
{
    vc_error_set(err, VC_BAD_SECRET,
                 "secret \"%s\": neither keys, nor a bucket_name or prefix that confines them",
                 path);
    vc_error_hint(err, "write bucket_name or prefix, and STS gives keys for that alone");
    return VC_BAD_SECRET;
}

/* The policy for the tenant's bounds, or the user's own, checked. */
static enum vc_code choose_policy(const struct credential_request *request,
                                  const struct s3_credentials *credentials, struct vc_buf *policy,
                                  struct vc_error *err)
{
    if (request->policy == NULL)
        return session_policy_confine(credentials->bucket, credentials->prefix, policy, err);
    if (!vc_buf_append_text(policy, request->policy))
        return no_memory(err);
    return session_policy_check(request->policy, err);
}

/* The tenant has no keys of its own. path: of its secret. */
static enum vc_code get_temporary(struct vault_session *session,
                                  const struct credential_request *request, const char *path,
                                  struct s3_credentials *credentials, struct vc_error *err)
{
    struct credential_origin origin;
    struct s3_credentials platform;
    struct vc_buf policy;
    enum vc_code code;

    if (credentials->bucket == NULL && credentials->prefix == NULL)
        return refuse_unconfined(path, err);
    s3_credentials_init(&platform, credentials->allocator);
    vc_buf_init(&policy, credentials->allocator, VC_SECRET_FILE_MAX);
    code = read_secret(session, NULL, CREDENTIAL_SECRET, &platform, &origin, err);
    if (code == VC_OK && platform.access_key == NULL)
        code = vc_error_set(err, VC_BAD_SECRET, "secret \"%s\" has no keys", origin.path);
    if (code == VC_OK)
        code = borrow_location(credentials, &platform, err);
    if (code == VC_OK)
        code = choose_policy(request, credentials, &policy, err);
    if (code == VC_OK)
        code = assume_role(session, request, &platform, vc_buf_text(&policy), credentials, err);
    vc_buf_free(&policy);
    s3_credentials_free(&platform);
    return code;
}

enum vc_code credential_source_get(struct vault_session *session,
                                   const struct credential_request *request,
                                   struct s3_credentials *credentials,
                                   struct credential_origin *origin, struct vc_error *err)
{
    struct credential_origin unused;
    enum vc_code code;

    if (origin == NULL)
        origin = &unused;
    code = read_secret(session, request->tenant, request->secret, credentials, origin, err);
    if (code != VC_OK)
        return code;
    if (!s3_credentials_set(credentials, &credentials->tenant, request->tenant))
        return no_memory(err);
    if (credentials->access_key == NULL && request->tenant != NULL)
        return get_temporary(session, request, origin->path, credentials, err);
    if (credentials->access_key == NULL)
        return vc_error_set(err, VC_BAD_SECRET, "secret \"%s\" has no keys", origin->path);
    if (request->tenant != NULL)
        return complete_static(session, request, credentials, err);
    return refuse_sts_options(request, err);
}
