/*
 * session_policy.c - the policy that confines a tenant's temporary credentials (session_policy.h).
 *
 * Refuses what would widen it. Called by credential_source, and by sts before anything is sent.
 */
#include "session_policy.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "s3_location.h"

#define ARN "arn:aws:s3:::"
#define PATTERN_MAX (sizeof(ARN) + S3_BUCKET_MAX + S3_PREFIX_MAX + sizeof("/*"))
#define POLICY_START "{\"Version\":\"2012-10-17\",\"Statement\":["
#define STATEMENT_START "{\"Effect\":\"Allow\",\"Action\":["

/* What a statement names: all of it valid by s3_location, and short enough by that. */
struct patterns {
    char bucket[PATTERN_MAX];  /* arn:aws:s3:::bucket */
    char objects[PATTERN_MAX]; /* arn:aws:s3:::bucket/prefix/ and a star */
    char listing[PATTERN_MAX]; /* prefix/ and a star; "" for the whole bucket */
};

static enum vc_code no_memory(struct vc_error *err)
{
    return vc_error_set(err, VC_NO_MEMORY, "out of memory while making a session policy");
}

/* Escaped as JSON, although no character that gets here needs it. */
static void append_statement(struct vc_buf *out, const char *actions, const char *resource)
{
    vc_buf_append_text(out, STATEMENT_START);
    vc_buf_append_text(out, actions);
    vc_buf_append_text(out, "],\"Resource\":[");
    vc_buf_append_json(out, resource);
    vc_buf_append_text(out, "]");
}

/*
 * Listing. In a prefix ListBucketMultipartUploads is left out: MinIO refuses the whole request
 * where it has the condition s3:prefix, and without it the other tenants' uploads would show.
 */
static void append_listing(struct vc_buf *out, const struct patterns *patterns)
{
    if (patterns->listing[0] == '\0') {
        append_statement(out,
                         "\"s3:GetBucketLocation\",\"s3:ListBucket\","
                         "\"s3:ListBucketMultipartUploads\"",
                         patterns->bucket);
        vc_buf_append_text(out, "},");
        return;
    }
    append_statement(out, "\"s3:GetBucketLocation\"", patterns->bucket);
    vc_buf_append_text(out, "},");
    append_statement(out, "\"s3:ListBucket\"", patterns->bucket);
    vc_buf_append_text(out, ",\"Condition\":{\"StringLike\":{\"s3:prefix\":[");
    vc_buf_append_json(out, patterns->listing);
    vc_buf_append_text(out, "]}}},");
}

static enum vc_code refuse(const char *what, struct vc_error *err)
{
    vc_error_set(err, VC_BAD_SECRET, "temporary credentials cannot be confined: %s", what);
    vc_error_hint(err, "write bucket_name, and prefix where tenants share a bucket, into the "
                       "tenant's secret");
    return VC_BAD_SECRET;
}

enum vc_code session_policy_confine(const char *bucket, const char *prefix, struct vc_buf *out,
                                    struct vc_error *err)
{
    struct patterns patterns = {.bucket = ""};

    if (bucket == NULL)
        return refuse("no bucket is given", err);
    if (!s3_bucket_valid(bucket))
        return refuse("this is no bucket's name", err);
    if (prefix != NULL && !s3_prefix_valid(prefix))
        return refuse("this is no prefix", err);
    snprintf(patterns.bucket, PATTERN_MAX, ARN "%s", bucket);
    snprintf(patterns.objects, PATTERN_MAX, ARN "%s/%s*", bucket, prefix != NULL ? prefix : "");
    if (prefix != NULL)
        snprintf(patterns.listing, PATTERN_MAX, "%s*", prefix);

    vc_buf_reset(out);
    vc_buf_append_text(out, POLICY_START);
    append_listing(out, &patterns);
    append_statement(out,
                     "\"s3:GetObject\",\"s3:PutObject\",\"s3:DeleteObject\","
                     "\"s3:AbortMultipartUpload\",\"s3:ListMultipartUploadParts\"",
                     patterns.objects);
    vc_buf_append_text(out, "}]}");
    if (out->failed)
        return no_memory(err);
    return session_policy_check(vc_buf_text(out), err);
}

static enum vc_code refuse_policy(const char *fault, const char *hint, struct vc_error *err)
{
    vc_error_set(err, VC_BAD_SETTING, "session policy %s", fault);
    vc_error_hint(err, "%s", hint);
    return VC_BAD_SETTING;
}

static enum vc_code check_members(const cJSON *policy, struct vc_error *err)
{
    const char *version = vc_json_string(policy, "Version");
    const cJSON *statement = cJSON_GetObjectItemCaseSensitive(policy, "Statement");

    if (version == NULL || version[0] == '\0')
        return refuse_policy("has no Version", "write \"Version\": \"2012-10-17\" into it", err);
    if (!cJSON_IsArray(statement) && !cJSON_IsObject(statement))
        return refuse_policy("has no Statement", "without one it permits nothing", err);
    return VC_OK;
}

static enum vc_code check_length(const char *text, struct vc_error *err)
{
    if (strlen(text) <= SESSION_POLICY_MAX)
        return VC_OK;
    vc_error_set(err, VC_BAD_SETTING, "session policy has %zu bytes, and AssumeRole takes %d",
                 strlen(text), SESSION_POLICY_MAX);
    vc_error_hint(err, "write it without white space, or name fewer resources");
    return VC_BAD_SETTING;
}

enum vc_code session_policy_check(const char *policy, struct vc_error *err)
{
    struct vc_error fault = {.code = VC_OK};
    enum vc_code code;
    cJSON *root;

    if (policy == NULL || policy[strspn(policy, " \t\r\n")] == '\0')
        return refuse_policy("is empty",
                             "without a policy, temporary credentials may do all that the "
                             "platform's may: no such request is sent",
                             err);
    root = vc_json_parse(policy, strlen(policy), &fault);
    if (root == NULL && fault.code == VC_NO_MEMORY)
        return no_memory(err);
    if (root == NULL)
        return refuse_policy("is not JSON", "it is a document of IAM's policy language", err);
    code = check_members(root, err);
    cJSON_Delete(root);
    return code == VC_OK ? check_length(policy, err) : code;
}
