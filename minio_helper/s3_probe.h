/*
 * s3_probe.h - one request to an S3 server, to see whether it lets these credentials in.
 */
#ifndef MH_S3_PROBE_H
#define MH_S3_PROBE_H

#include "s3_credentials.h"

#include "error.h"

/* How the server is asked. */
struct s3_probe_server {
    const char *ca_cert; /* a file; NULL: the system's */
    long timeout;        /* milliseconds for the whole request; 0: 10 s */
};

/* A CA of the S3 server's, by the variable that the AWS CLI and SDKs have for it; NULL: none. */
const char *s3_probe_ca(void);

/*
 * Lists at most one object of bucket below prefix (NULL: all of it), or the buckets where bucket is
 * NULL (ListObjectsV2 and ListBuckets of the S3 API, signed by AWS Signature Version 4, path
 * style). VC_OK: 200. VC_PERMISSION_DENIED: 401 and 403. VC_NOT_FOUND: 404. VC_UNREACHABLE,
 * VC_TIMEOUT, VC_TLS, VC_SERVER_ERROR, VC_BAD_REQUEST (also: the clock is so wrong that any key
 * would be refused). The body is not read.
 */
enum vc_code s3_probe_list(const struct s3_credentials *credentials, const char *bucket,
                           const char *prefix, const struct s3_probe_server *server,
                           struct vc_error *err);
/* The same for the buckets, with MinIO's documented default instead of the keys: VC_OK is bad. */
enum vc_code s3_probe_default_password(const struct s3_credentials *place,
                                       const struct s3_probe_server *server, struct vc_error *err);

#endif
