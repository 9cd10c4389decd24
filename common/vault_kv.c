/*
 * vault_kv.c - KV version 1 and 2.
 *
 * Refuses paths that are not plain (tenant_layout.h), and replies without what identifies a
 * version. Each error names the path as a policy would, "secret/data/x". Called by vault_client.
 */
#include "vault_kv.h"

#include <stdio.h>
#include <string.h>

#include "json.h"
#include "utf8.h"

#define DOING_SHOWN_MAX 300 /* of VC_MESSAGE_SIZE: the rest says what went wrong */
#define DOING_SIZE (VC_PATH_MAX + VC_MOUNT_MAX + 64)
#define VERSION_TEXT_SIZE 32 /* "?version=" and 2^53 */
/* Of the warning with which a v2 mount answers a v1 path (404). */
#define WRONG_VERSION_WARNING "Invalid path for a versioned K/V"

/* What was being done, as a clause for an error. infix is "data/", "metadata/" or "". */
static void describe(char out[DOING_SIZE], const char *verb, const char *mount, const char *infix,
                     const char *path)
{
    snprintf(out, DOING_SIZE, "%s %.*s/%s%.*s", verb, VC_MOUNT_MAX, mount, infix, VC_PATH_MAX,
             path);
}

static const char *data_infix(int kv)
{
    return kv == 1 ? "" : "data/";
}

/* infix: "data", "metadata", ..., or NULL on v1. path may be "" where a list may take the whole
 * mount. */
static enum vc_code begin(struct vc_request *request, enum vc_method method, const char *mount,
                          const char *infix, const char *path, struct vc_error *err)
{
    const char *v2[] = {mount, infix, path[0] == '\0' ? NULL : path, NULL};
    const char *v1[] = {mount, v2[2], NULL};
    enum vc_code code = vc_mount_check(mount, "kv_mount", err);

    if (code == VC_OK && path[0] != '\0')
        code = vc_path_check(path, strlen(path), err);
    if (code != VC_OK)
        return code;
    return vc_request_begin(request, method, infix == NULL ? v1 : v2, err);
}

static enum vc_code begin_at_path(struct vc_request *request, enum vc_method method,
                                  const char *mount, const char *infix, const char *path,
                                  struct vc_error *err)
{
    if (path == NULL || path[0] == '\0')
        return vc_error_set(err, VC_BAD_NAME, "path is empty");
    return begin(request, method, mount, infix, path, err);
}

enum vc_code vc_kv_read_request(struct vc_request *request, int kv, const char *mount,
                                const char *path, long long version, struct vc_error *err)
{
    char query[VERSION_TEXT_SIZE];
    size_t len;
    enum vc_code code = begin_at_path(request, VC_GET, mount, kv == 1 ? NULL : "data", path, err);

    if (code != VC_OK || kv == 1 || version <= 0)
        return code;
    snprintf(query, sizeof(query), "?version=%lld", version);
    len = strlen(request->path);
    if (len + strlen(query) >= sizeof(request->path))
        return vc_error_set(err, VC_BAD_NAME, "a request's path is too long");
    memcpy(request->path + len, query, strlen(query) + 1);
    return VC_OK;
}

void vc_kv_secret_free(struct vc_kv_secret *secret)
{
    vc_envelope_free(&secret->envelope);
    *secret = (struct vc_kv_secret){.version = 0};
}

/* Changes what vc_envelope_error has set, but keeps status and request_id. */
static enum vc_code refine(struct vc_error *err, enum vc_code code, const char *hint)
{
    if (err == NULL)
        return code;
    err->code = code;
    vc_error_hint(err, "%s", hint);
    return code;
}

/* An answer that is told by more than its status. doing is "read secret/data/x". */
static enum vc_code verdict(const struct vc_envelope *envelope, const struct vc_reply *reply,
                            enum vc_code code, const char *doing, const char *what,
                            struct vc_error *err)
{
    vc_error_set(err, code, "could not %.*s: %s", DOING_SHOWN_MAX, doing, what);
    if (err == NULL)
        return code;
    err->http_status = reply->status;
    memcpy(err->request_id, envelope->request_id, sizeof(err->request_id));
    return code;
}

/* A 404 with metadata: the version existed. */
static enum vc_code gone_error(const struct vc_envelope *envelope, const struct vc_reply *reply,
                               const char *doing, struct vc_error *err)
{
    bool destroyed = vc_json_bool(envelope->metadata, "destroyed", false);
    long long version = vc_json_integer(envelope->metadata, "version", 0);
    char what[VERSION_TEXT_SIZE + sizeof("version is destroyed")];

    if (version <= 0) /* whoever writes in its place checks and sets on it */
        return vc_envelope_malformed(envelope, reply, doing, "version", err);
    snprintf(what, sizeof(what), "version %lld is %s", version,
             destroyed ? "destroyed" : "deleted");
    verdict(envelope, reply, destroyed ? VC_VERSION_DESTROYED : VC_VERSION_DELETED, doing, what,
            err);
    if (err != NULL)
        err->version = version;
    vc_error_hint(err, destroyed ? "write a new version" : "undelete it, or write a new version");
    return destroyed ? VC_VERSION_DESTROYED : VC_VERSION_DELETED;
}

/* What a status >= 300 means for any KV request. */
static enum vc_code kv_error(const struct vc_envelope *envelope, const struct vc_reply *reply,
                             const char *doing, struct vc_error *err)
{
    enum vc_code code = vc_envelope_error(envelope, reply, doing, err);

    if (code == VC_NOT_FOUND && vc_envelope_warns(envelope, WRONG_VERSION_WARNING)) {
        vc_error_server_words(err, "the mount is KV version 2, the path one of version 1");
        return refine(err, VC_KV_V1_PATH, "ask for the path as KV version 2");
    }
    if (code == VC_NOT_FOUND) {
        vc_error_server_words(err, "nothing is there");
        return refine(err, code, "check mount, path and namespace");
    }
    return code;
}

/* False where it is missing or not what RFC 3339 is made of: it goes into views. */
static bool copy_time(char out[VC_CREATED_TIME_SIZE], const cJSON *object, const char *name)
{
    const char *text = vc_json_string(object, name);
    size_t len = text == NULL ? 0 : strlen(text);

    if (len == 0 || len >= VC_CREATED_TIME_SIZE || strspn(text, "0123456789-+:.TZtz") != len)
        return false;
    memcpy(out, text, len + 1);
    return true;
}

static enum vc_code read_v2(const struct vc_reply *reply, const char *doing,
                            struct vc_kv_secret *secret, struct vc_error *err)
{
    const struct vc_envelope *envelope = &secret->envelope;
    const cJSON *data = cJSON_GetObjectItemCaseSensitive(envelope->data, "data");

    secret->data = vc_json_object(envelope->data, "data");
    secret->version = vc_json_integer(envelope->metadata, "version", 0);
    if (envelope->data == NULL)
        return vc_envelope_malformed(envelope, reply, doing, "\"data\"", err);
    if (data == NULL && envelope->metadata == NULL) {
        verdict(envelope, reply, VC_KV_V1_PATH, doing, "this is no secret of KV version 2", err);
        return refine(err, VC_KV_V1_PATH, "the mount seems to be KV version 1");
    }
    if ((data == NULL || cJSON_IsNull(data)) && envelope->metadata != NULL)
        return gone_error(envelope, reply, doing, err);
    if (secret->data == NULL || secret->version <= 0 ||
        !copy_time(secret->created_time, envelope->metadata, "created_time"))
        return vc_envelope_malformed(envelope, reply, doing, "fields, version or created_time",
                                     err);
    return VC_OK;
}

static enum vc_code read_v1(const struct vc_reply *reply, const char *doing,
                            struct vc_kv_secret *secret, struct vc_error *err)
{
    secret->data = secret->envelope.data;
    if (secret->data == NULL)
        return vc_envelope_malformed(&secret->envelope, reply, doing, "\"data\"", err);
    return VC_OK;
}

enum vc_code vc_kv_read_read(const struct vc_reply *reply, int kv, const char *mount,
                             const char *path, struct vc_kv_secret *secret, struct vc_error *err)
{
    char doing[DOING_SIZE];
    struct vc_envelope *envelope = &secret->envelope;
    enum vc_code code;

    *secret = (struct vc_kv_secret){.version = 0};
    describe(doing, "read", mount, data_infix(kv), path);
    code = vc_envelope_parse(envelope, reply, err);
    if (code != VC_OK)
        goto cleanup;
    if (reply->status == 404 && kv != 1 && envelope->metadata != NULL)
        code = gone_error(envelope, reply, doing, err);
    else if (reply->status >= 300)
        code = kv_error(envelope, reply, doing, err);
    else
        code = kv == 1 ? read_v1(reply, doing, secret, err) : read_v2(reply, doing, secret, err);
    memcpy(secret->request_id, envelope->request_id, sizeof(secret->request_id));

cleanup:
    if (code != VC_OK)
        vc_kv_secret_free(secret);
    return code;
}

/* Appends data as it is printed by cJSON, whose memory is wiped by the hooks of allocator.h. */
static enum vc_code append_data(struct vc_request *request, const cJSON *data, struct vc_error *err)
{
    char *text = cJSON_PrintUnformatted(data);
    enum vc_code code = VC_OK;

    if (text == NULL)
        return vc_error_set(err, VC_NO_MEMORY, "out of memory while building a request");
    if (vc_utf8_valid(text, strlen(text)))
        vc_buf_append_text(&request->body, text);
    else
        code = vc_error_set(err, VC_BAD_SECRET, "the secret to be written is not valid UTF-8");
    cJSON_free(text);
    return code;
}

enum vc_code vc_kv_write_request(struct vc_request *request, int kv, const char *mount,
                                 const char *path, const cJSON *data, long long cas,
                                 struct vc_error *err)
{
    enum vc_code code = begin_at_path(request, VC_POST, mount, kv == 1 ? NULL : "data", path, err);

    if (code != VC_OK)
        return code;
    if (!cJSON_IsObject(data))
        return vc_error_set(err, VC_BAD_SECRET, "the secret to be written is not a JSON object");
    if (kv == 1 && cas >= 0)
        return vc_error_set(err, VC_BAD_REQUEST, "KV version 1 cannot check and set");
    request->secret_values = true;
    if (kv != 1)
        vc_buf_append_text(&request->body, "{\"data\":");
    code = append_data(request, data, err);
    if (code != VC_OK)
        return code;
    if (kv != 1 && cas >= 0)
        vc_buf_append_format(&request->body, ",\"options\":{\"cas\":%lld}", cas);
    if (kv != 1)
        vc_buf_append_text(&request->body, "}");
    return vc_request_body_check(request, VC_BAD_SECRET, err);
}

static enum vc_code write_error(const struct vc_envelope *envelope, const struct vc_reply *reply,
                                const char *doing, struct vc_error *err)
{
    enum vc_code code = kv_error(envelope, reply, doing, err);

    if (code != VC_BAD_REQUEST)
        return code;
    if (strstr(envelope->words, "check-and-set parameter did not match") != NULL)
        return refine(err, VC_CAS_MISMATCH, "somebody else has written it; read it and try again");
    if (strstr(envelope->words, "check-and-set parameter required") != NULL)
        return refine(err, VC_CAS_REQUIRED, "give the version that is to be replaced");
    return code;
}

enum vc_code vc_kv_write_read(const struct vc_reply *reply, int kv, const char *mount,
                              const char *path, long long *version, struct vc_error *err)
{
    char doing[DOING_SIZE];
    struct vc_envelope envelope;
    enum vc_code code = vc_envelope_parse(&envelope, reply, err);

    *version = 0;
    if (code != VC_OK)
        goto cleanup;
    describe(doing, "write", mount, data_infix(kv), path);
    if (reply->status >= 300) {
        code = write_error(&envelope, reply, doing, err);
    } else if (kv != 1) {
        *version = vc_json_integer(envelope.data, "version", 0);
        if (*version <= 0)
            code = vc_envelope_malformed(&envelope, reply, doing, "the version written", err);
    }

cleanup:
    vc_envelope_free(&envelope);
    return code;
}

enum vc_code vc_kv_list_request(struct vc_request *request, int kv, const char *mount,
                                const char *path, struct vc_error *err)
{
    return begin(request, VC_LIST, mount, kv == 1 ? NULL : "metadata", path, err);
}

static bool all_strings(const cJSON *array)
{
    const cJSON *item;

    cJSON_ArrayForEach (item, array) {
        if (!cJSON_IsString(item))
            return false;
    }
    return true;
}

/* Takes data.keys out of the reply. */
static enum vc_code take_names(struct vc_envelope *envelope, const struct vc_reply *reply,
                               const char *doing, cJSON **names, struct vc_error *err)
{
    cJSON *data = cJSON_GetObjectItemCaseSensitive(envelope->root, "data");
    const cJSON *keys = vc_json_array(envelope->data, "keys");

    if (keys == NULL || !all_strings(keys))
        return vc_envelope_malformed(envelope, reply, doing, "a list of names", err);
    *names = cJSON_DetachItemFromObjectCaseSensitive(data, "keys");
    return VC_OK;
}

enum vc_code vc_kv_list_read(const struct vc_reply *reply, const char *mount, const char *path,
                             cJSON **names, struct vc_error *err)
{
    char doing[DOING_SIZE];
    struct vc_envelope envelope;
    enum vc_code code = vc_envelope_parse(&envelope, reply, err);

    *names = NULL;
    if (code != VC_OK)
        goto cleanup;
    describe(doing, "list", mount, "", path);
    if (reply->status < 300) {
        code = take_names(&envelope, reply, doing, names, err);
    } else if (reply->status == 404 && envelope.errors_empty) {
        *names = cJSON_CreateArray();
        if (*names == NULL)
            code = vc_error_set(err, VC_NO_MEMORY, "out of memory while listing");
    } else {
        code = kv_error(&envelope, reply, doing, err);
    }

cleanup:
    vc_envelope_free(&envelope);
    return code;
}

enum vc_code vc_kv_metadata_request(struct vc_request *request, const char *mount, const char *path,
                                    struct vc_error *err)
{
    return begin_at_path(request, VC_GET, mount, "metadata", path, err);
}

static enum vc_code read_metadata(const struct vc_envelope *envelope, const struct vc_reply *reply,
                                  const char *doing, struct vc_kv_metadata *metadata,
                                  struct vc_error *err)
{
    metadata->current_version = vc_json_integer(envelope->data, "current_version", -1);
    metadata->oldest_version = vc_json_integer(envelope->data, "oldest_version", -1);
    metadata->cas_required = vc_json_bool(envelope->data, "cas_required", false);
    if (metadata->current_version < 0 || metadata->oldest_version < 0 ||
        !copy_time(metadata->created_time, envelope->data, "created_time") ||
        !copy_time(metadata->updated_time, envelope->data, "updated_time"))
        return vc_envelope_malformed(envelope, reply, doing, "versions and times", err);
    return VC_OK;
}

enum vc_code vc_kv_metadata_read(const struct vc_reply *reply, const char *mount, const char *path,
                                 struct vc_kv_metadata *metadata, struct vc_error *err)
{
    char doing[DOING_SIZE];
    struct vc_envelope envelope;
    enum vc_code code = vc_envelope_parse(&envelope, reply, err);

    *metadata = (struct vc_kv_metadata){.current_version = 0};
    if (code != VC_OK)
        goto cleanup;
    describe(doing, "read", mount, "metadata/", path);
    if (reply->status < 300)
        code = read_metadata(&envelope, reply, doing, metadata, err);
    else
        code = kv_error(&envelope, reply, doing, err);

cleanup:
    vc_envelope_free(&envelope);
    return code;
}

static enum vc_code remove_v1_request(struct vc_request *request, enum vc_kv_removal what,
                                      const char *mount, const char *path, struct vc_error *err)
{
    if (what != VC_KV_DELETE)
        return vc_error_set(err, VC_BAD_REQUEST,
                            "KV version 1 has no versions: it can only delete");
    return begin_at_path(request, VC_DELETE, mount, NULL, path, err);
}

/* delete, undelete and destroy of given versions are writes with a body. */
static enum vc_code remove_version_request(struct vc_request *request, const char *infix,
                                           const char *mount, const char *path, long long version,
                                           struct vc_error *err)
{
    enum vc_code code = begin_at_path(request, VC_POST, mount, infix, path, err);

    if (code != VC_OK)
        return code;
    if (version <= 0)
        return vc_error_set(err, VC_BAD_REQUEST, "which version to %s was not said", infix);
    vc_buf_append_format(&request->body, "{\"versions\":[%lld]}", version);
    return vc_request_body_check(request, VC_BAD_REQUEST, err);
}

enum vc_code vc_kv_remove_request(struct vc_request *request, int kv, enum vc_kv_removal what,
                                  const char *mount, const char *path, long long version,
                                  struct vc_error *err)
{
    if (kv == 1)
        return remove_v1_request(request, what, mount, path, err);
    switch (what) {
    case VC_KV_DELETE:
        if (version <= 0)
            return begin_at_path(request, VC_DELETE, mount, "data", path, err);
        return remove_version_request(request, "delete", mount, path, version, err);
    case VC_KV_UNDELETE:
        return remove_version_request(request, "undelete", mount, path, version, err);
    case VC_KV_DESTROY:
        return remove_version_request(request, "destroy", mount, path, version, err);
    case VC_KV_DELETE_METADATA:
        return begin_at_path(request, VC_DELETE, mount, "metadata", path, err);
    }
    return vc_error_set(err, VC_INTERNAL, "unknown kind of removal");
}

enum vc_code vc_kv_remove_read(const struct vc_reply *reply, const char *mount, const char *path,
                               struct vc_error *err)
{
    char doing[DOING_SIZE];
    struct vc_envelope envelope;
    enum vc_code code = vc_envelope_parse(&envelope, reply, err);

    describe(doing, "remove", mount, "", path);
    if (code == VC_OK && reply->status >= 300)
        code = kv_error(&envelope, reply, doing, err);
    vc_envelope_free(&envelope);
    return code;
}
