/*
 * s3_secret.h - the fields of an s3 secret in Vault (design section 3) to credentials.
 *
 * Refuses what no S3 client could use: values that are no strings, keys with control characters (a
 * stored newline is named as such), names that s3_location refuses. Called by credential_source.
 */
#ifndef MH_S3_SECRET_H
#define MH_S3_SECRET_H

#include <cjson/cJSON.h>

#include "error.h"
#include "s3_credentials.h"

#define S3_KEY_MAX (1 << 16) /* bytes of one key; a session token has 2 kB */

/*
 * Adds what the secret says to credentials (initialised by the caller): access_key_id,
 * secret_access_key, endpoint_url, bucket_name, prefix (its final slash is added), region,
 * sts_endpoint_url, sts_role_arn. Other fields are left alone: the secret may serve others too.
 * Both keys may be absent. path is for messages only.
 *
 * VC_BAD_SECRET: a field is null, a number, empty, malformed; one key without the other. Messages
 * name path, field and fault, never a value. VC_NO_MEMORY.
 */
enum vc_code s3_secret_read(const cJSON *data, const char *path, struct s3_credentials *credentials,
                            struct vc_error *err);

#endif
