/*
 * credential_source.h - where a tenant's credentials come from: its own static keys, or the
 * platform's keys and STS.
 */
#ifndef MH_CREDENTIAL_SOURCE_H
#define MH_CREDENTIAL_SOURCE_H

#include <stdbool.h>

#include "s3_credentials.h"
#include "tenant_layout.h"
#include "vault_session.h"

#define CREDENTIAL_SECRET "s3" /* the secret's name below a tenant, and below the environment */

struct credential_request {
    const char *tenant;  /* NULL: the platform's own keys */
    const char *secret;  /* CREDENTIAL_SECRET, or another name */
    bool needs_location; /* endpoint, bucket and region are wanted as well as the keys */
    const char *policy;  /* STS: instead of the generated one; NULL */
    long duration;       /* STS: seconds; 0: the server's default */
};

/* Which version of which secret it was: what a change is told by. */
struct credential_origin {
    char path[VC_PATH_MAX + 1];
    long long version;
    char created_time[VC_CREATED_TIME_SIZE];
};

/*
 * A tenant's keys are those of its own secret. Where that has none, STS gives temporary ones for
 * the platform's keys, confined to the tenant's bucket and prefix. What the tenant's secret does
 * not say about the location is the platform's, unless it names an endpoint of its own; the
 * platform's secret is read only where something of it is needed.
 *
 * credentials: initialised by the caller, who frees it in any case. origin: of the secret that was
 * asked for; may be NULL. VC_NOT_FOUND: no such secret.
 * VC_BAD_SECRET: malformed, or nothing that confines the tenant. VC_BAD_SETTING: a policy or a
 * duration for static keys. Others: vault_session.h, sts.h.
 */
enum vc_code credential_source_get(struct vault_session *session,
                                   const struct credential_request *request,
                                   struct s3_credentials *credentials,
                                   struct credential_origin *origin, struct vc_error *err);

#endif
