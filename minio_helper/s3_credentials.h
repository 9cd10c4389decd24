/*
 * s3_credentials.h - one set of S3 credentials and where they apply.
 *
 * What every output format consumes. Filled by s3_secret (static keys, out of Vault) and by sts
 * (temporary ones, out of AssumeRole), which replaces the keys and leaves the place as it is.
 */
#ifndef MH_S3_CREDENTIALS_H
#define MH_S3_CREDENTIALS_H

#include <stdbool.h>

#include "allocator.h"

/* All strings are owned by the struct, valid UTF-8, and NULL where there is none; never "". */
struct s3_credentials {
    const struct vc_allocator *allocator;

    /* the keys */
    char *access_key;
    char *secret_key;
    char *session_token; /* NULL: static keys */
    char *expiration;    /* RFC 3339, UTC, as the server gave it; NULL: static keys */

    /* where they apply */
    char *endpoint_url; /* "https://host:port", without a slash at its end; NULL: AWS itself */
    char *bucket;
    char *prefix; /* "acme/", always with the slash; NULL: the whole bucket */
    char *region; /* NULL: not said */

    /* whose they are, and where temporary ones come from */
    char *tenant;           /* NULL: the platform's own */
    char *sts_endpoint_url; /* NULL: endpoint_url serves STS as well */
    char *sts_role_arn;     /* NULL: none is sent */
};

void s3_credentials_init(struct s3_credentials *credentials, const struct vc_allocator *allocator);
/* Wipes and frees all strings; the struct may be freed again, or filled anew. */
void s3_credentials_free(struct s3_credentials *credentials);
/*
 * Replaces one field, given as &credentials->region, by a copy; NULL and "" clear it. What stood
 * there is wiped. text may be the field's old value. False: no memory, the old value stands.
 */
bool s3_credentials_set(struct s3_credentials *credentials, char **field, const char *text);

/*
 * Seconds from now until the expiration; negative where it is over. False: static keys, or no
 * RFC 3339 time in UTC.
 */
bool s3_credentials_seconds_left(const struct s3_credentials *credentials, long *seconds);

#endif
