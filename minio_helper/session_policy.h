/*
 * session_policy.h - the policy that confines a tenant's temporary credentials.
 *
 * AWS IAM's policy language, of which the actions and the condition here are what MinIO and
 * SeaweedFS both understand. The language has no escape for its wildcards, so a bucket or prefix
 * that holds anything but its strict form (s3_location.h) is refused, never quoted.
 */
#ifndef MH_SESSION_POLICY_H
#define MH_SESSION_POLICY_H

#include "error.h"
#include "secret_buffer.h"

#define SESSION_POLICY_MAX 2048 /* bytes; AssumeRole's limit for Policy */

/*
 * The policy for one bucket (prefix NULL) or for what lies below bucket/prefix, listing included,
 * into out (initialised by the caller with at least SESSION_POLICY_MAX).
 *
 * VC_BAD_SECRET: bucket is NULL or not valid, prefix is not valid (it must end in a slash).
 * VC_NO_MEMORY.
 */
enum vc_code session_policy_confine(const char *bucket, const char *prefix, struct vc_buf *out,
                                    struct vc_error *err);
/*
 * What must hold for any policy before it is sent, the user's own (--policy) too: one JSON object
 * with Version and Statement, of 1 to SESSION_POLICY_MAX bytes. NULL is refused. VC_BAD_SETTING,
 * VC_NO_MEMORY.
 */
enum vc_code session_policy_check(const char *policy, struct vc_error *err);

#endif
