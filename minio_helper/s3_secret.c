/*
 * s3_secret.c - an s3 secret's fields to credentials (s3_secret.h).
 */
#include "s3_secret.h"

#include <stddef.h>
#include <string.h>

#include "control_character.h"
#include "s3_location.h"
#include "secret_buffer.h"

#define ARN_MAX 2048 /* the STS API's limit for RoleArn */

enum kind { KIND_KEY, KIND_URL, KIND_BUCKET, KIND_PREFIX, KIND_REGION, KIND_ARN };

struct field {
    const char *name;
    size_t offset; /* in struct s3_credentials */
    enum kind kind;
};

static const struct field fields[] = {
    {"access_key_id", offsetof(struct s3_credentials, access_key), KIND_KEY},
    {"secret_access_key", offsetof(struct s3_credentials, secret_key), KIND_KEY},
    {"endpoint_url", offsetof(struct s3_credentials, endpoint_url), KIND_URL},
    {"bucket_name", offsetof(struct s3_credentials, bucket), KIND_BUCKET},
    {"prefix", offsetof(struct s3_credentials, prefix), KIND_PREFIX},
    {"region", offsetof(struct s3_credentials, region), KIND_REGION},
    {"sts_endpoint_url", offsetof(struct s3_credentials, sts_endpoint_url), KIND_URL},
    {"sts_role_arn", offsetof(struct s3_credentials, sts_role_arn), KIND_ARN},
};

/* What is wrong with a key or ARN in any format; NULL: nothing. */
static const char *text_fault(const char *value, size_t max)
{
    size_t len = strlen(value);

    if (len == 0)
        return "is empty";
    if (value[len - 1] == '\n')
        return "ends in a newline";
    if (has_control_character(value))
        return "holds a control character";
    return len > max ? "is too long" : NULL;
}

static const char *value_fault(enum kind kind, const char *value)
{
    const char *fault = text_fault(value, kind == KIND_KEY ? S3_KEY_MAX : ARN_MAX);

    if (fault != NULL)
        return fault;
    switch (kind) {
    case KIND_KEY:
    case KIND_ARN:
        return NULL;
    case KIND_URL:
        return s3_url_valid(value) ? NULL : "is not http(s)://host[:port]";
    case KIND_BUCKET:
        return s3_bucket_valid(value) ? NULL
                                      : "is not a bucket's name ([a-z0-9.-], 3 to 63 characters)";
    case KIND_PREFIX:
        return s3_prefix_valid(value)
                   ? NULL
                   : "is not a prefix (segments of [a-z0-9._=-], each followed by a slash)";
    case KIND_REGION:
        return s3_region_valid(value) ? NULL : "is not a region ([A-Za-z0-9._-])";
    }
    return "is of an unknown kind";
}

static enum vc_code refuse(const char *path, const struct field *field, const char *fault,
                           struct vc_error *err)
{
    vc_error_set(err, VC_BAD_SECRET, "secret \"%s\": field %s %s", path, field->name, fault);
    if (strstr(fault, "newline") != NULL)
        vc_error_hint(err, "write it again without the newline: printf %%s VALUE | "
                           "minio-helper put does not add one, echo does");
    return VC_BAD_SECRET;
}

static const char *type_fault(const cJSON *item)
{
    if (cJSON_IsNull(item))
        return "is null";
    return cJSON_IsNumber(item) ? "is a number, not a string" : "is not a string";
}

/* In place of the value: URLs lose slashes at their end, prefixes get theirs. */
static bool normalize(enum kind kind, const char *value, struct vc_buf *out)
{
    size_t len = strlen(value);

    while (kind == KIND_URL && len > 0 && value[len - 1] == '/')
        len--;
    vc_buf_append(out, value, len);
    if (kind == KIND_PREFIX && len > 0 && value[len - 1] != '/')
        vc_buf_append_text(out, "/");
    return vc_buf_append_text(out, "");
}

static enum vc_code read_field(const cJSON *item, const char *path, const struct field *field,
                               struct s3_credentials *credentials, struct vc_error *err)
{
    char **target = (char **)((char *)credentials + field->offset);
    enum vc_code code = VC_OK;
    struct vc_buf value;
    const char *fault;

    if (!cJSON_IsString(item))
        return refuse(path, field, type_fault(item), err);
    vc_buf_init(&value, credentials->allocator, (size_t)S3_KEY_MAX + 1);
    if (!normalize(field->kind, item->valuestring, &value)) {
        code = value.too_large
                   ? refuse(path, field, "is too long", err)
                   : vc_error_set(err, VC_NO_MEMORY, "out of memory while reading \"%s\"", path);
        goto cleanup;
    }
    fault = value_fault(field->kind, vc_buf_text(&value));
    if (fault != NULL)
        code = refuse(path, field, fault, err);
    else if (!s3_credentials_set(credentials, target, vc_buf_text(&value)))
        code = vc_error_set(err, VC_NO_MEMORY, "out of memory while reading \"%s\"", path);
cleanup:
    vc_buf_free(&value);
    return code;
}

enum vc_code s3_secret_read(const cJSON *data, const char *path, struct s3_credentials *credentials,
                            struct vc_error *err)
{
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(data, fields[i].name);
        enum vc_code code;

        if (item == NULL)
            continue;
        code = read_field(item, path, &fields[i], credentials, err);
        if (code != VC_OK)
            return code;
    }
    if ((credentials->access_key == NULL) != (credentials->secret_key == NULL)) {
        vc_error_set(err, VC_BAD_SECRET, "secret \"%s\": field %s is missing", path,
                     credentials->access_key == NULL ? "access_key_id" : "secret_access_key");
        vc_error_hint(err, "a tenant has both keys, or none and temporary ones by STS");
        return VC_BAD_SECRET;
    }
    return VC_OK;
}
