/*
 * s3_location.h - which buckets, prefixes, endpoints and regions are taken from a secret.
 *
 * Design section 3: what is not of these forms would widen a session policy, whose language has no
 * escape, or mean something else to one of the clients that read our output. Called by s3_secret,
 * and again by session_policy for what goes into a policy.
 */
#ifndef MH_S3_LOCATION_H
#define MH_S3_LOCATION_H

#include <stdbool.h>

#define S3_BUCKET_MAX 63  /* the S3 API's limit for a bucket's name */
#define S3_PREFIX_MAX 512 /* leaves a policy of three statements below its 2,048 bytes */
#define S3_URL_MAX 512
#define S3_REGION_MAX 64

bool s3_bucket_valid(const char *bucket); /* [a-z0-9][a-z0-9.-]{1,61}[a-z0-9] */
/* ([a-z0-9._=-]+/)+ without "." and ".." segments; the final slash must be there. */
bool s3_prefix_valid(const char *prefix);
/*
 * http:// or https://, a host name or address, perhaps a port, perhaps a path: [A-Za-z0-9._~/-].
 * No user, no query, no fragment, no slash at the end.
 */
bool s3_url_valid(const char *url);
bool s3_region_valid(const char *region); /* [A-Za-z0-9._-]+ */

#endif
