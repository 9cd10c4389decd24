/*
 * sts.h - temporary S3 credentials out of AssumeRole, confined by a session policy.
 *
 * AWS STS API reference, "AssumeRole" (Version 2011-06-15), as MinIO and SeaweedFS serve it too.
 * What AssumeRole gives without a policy is all that the caller may do: a request without one is
 * refused before it leaves. Called by credential_source.
 */
#ifndef MH_STS_H
#define MH_STS_H

#include "error.h"
#include "monotonic.h"
#include "s3_credentials.h"

#define STS_DEFAULT_REGION "us-east-1" /* MinIO's and SeaweedFS's where none is configured */
#define STS_DURATION_MIN 900           /* seconds; AssumeRole's bounds, as all servers have them */
#define STS_DURATION_MAX 31536000      /* MinIO's; AWS itself stops at 12 hours */

/* All strings stay the caller's. They may be out's own. */
struct sts_request {
    const char *endpoint_url; /* "https://host:port[/path]" (s3_url_valid) */
    const char *region;       /* NULL: STS_DEFAULT_REGION */
    const char *access_key;   /* the caller's: a user's, not a service account's */
    const char *secret_key;
    const char *role_arn;     /* NULL: none is sent, which MinIO ignores anyway */
    const char *session_name; /* the tenant: RoleSessionName, which audit logs show */
    const char *policy;       /* session_policy.h; never NULL or "" */
    long duration;            /* seconds; 0: not sent, the server's default */
    const char *ca_file;      /* PEM, instead of the system's authorities; NULL. AWS_CA_BUNDLE is
                                 what the SDKs call it */
    vc_msec timeout;          /* of the whole; 0: STS_TIMEOUT_DEFAULT */
    int interrupt;            /* a descriptor that ends it when it becomes readable; -1: none */
};

#define STS_TIMEOUT_DEFAULT 10000 /* as VAULT_CLIENT_TIMEOUT's default here */

/*
 * Asks once and blocks. Into out: access_key, secret_key, session_token and expiration; its other
 * fields stay. out is initialised by the caller, and unchanged after an error.
 * vc_transport_global_init must have been called.
 *
 * VC_BAD_SETTING: no policy, or a duration outside the bounds; VC_BAD_SECRET: endpoint, keys, ARN
 * or region of no use; both before any request. VC_UNREACHABLE, VC_TIMEOUT, VC_TLS, VC_BAD_FILE
 * (ca_file), VC_SERVER_ERROR (also: a server without STS), VC_RATE_LIMITED, VC_BAD_REPLY,
 * VC_REPLY_TOO_LARGE, VC_REDIRECT_REFUSED. VC_PERMISSION_DENIED: keys, region, clock, or a caller
 * who may not assume a role; the hint tells which. VC_BAD_REQUEST: any other 400. VC_CANCELLED:
 * interrupt. VC_NO_MEMORY.
 */
enum vc_code sts_assume_role(const struct sts_request *request, struct s3_credentials *out,
                             struct vc_error *err);

#endif
