/*
 * vault_policy.c - what explains a 403 or a 404: capabilities-self, and a mount's type and version.
 *
 * Refuses words that are no capability, because they go into a message. Called by vault_client when
 * a read was refused or found nothing.
 */
#include "vault_policy.h"

#include <stdio.h>
#include <string.h>

#include "json.h"

#define DOING_SIZE (VC_PATH_MAX + VC_MOUNT_MAX + 64)

enum vc_code vc_capabilities_request(struct vc_request *request, const char *path,
                                     struct vc_error *err)
{
    enum vc_code code = vc_request_begin(request, VC_POST,
                                         (const char *const[]){"sys/capabilities-self", NULL}, err);

    if (code != VC_OK)
        return code;
    request->repeatable = true;
    vc_buf_append_text(&request->body, "{\"paths\":[");
    vc_buf_append_json(&request->body, path);
    vc_buf_append_text(&request->body, "]}");
    return vc_request_body_check(request, VC_BAD_NAME, err);
}

static bool is_capability(const cJSON *item)
{
    return cJSON_IsString(item) && item->valuestring[0] != '\0' &&
           strspn(item->valuestring, "abcdefghijklmnopqrstuvwxyz") == strlen(item->valuestring);
}

/* False: one of them is no capability, or they do not fit into size. */
static bool join_capabilities(const cJSON *list, char *out, size_t size)
{
    size_t used = 0;
    const cJSON *item;

    out[0] = '\0';
    cJSON_ArrayForEach (item, list) {
        int len;

        if (!is_capability(item))
            return false;
        len = snprintf(out + used, size - used, "%s%s", used == 0 ? "" : ",", item->valuestring);
        if (len < 0 || (size_t)len >= size - used)
            return false;
        used += (size_t)len;
    }
    return used > 0;
}

enum vc_code vc_capabilities_read(const struct vc_reply *reply, const char *path, char *out,
                                  size_t size, struct vc_error *err)
{
    char doing[DOING_SIZE];
    struct vc_envelope envelope;
    const cJSON *list;
    enum vc_code code = vc_envelope_parse(&envelope, reply, err);

    out[0] = '\0';
    if (code != VC_OK)
        goto cleanup;
    snprintf(doing, sizeof(doing), "ask for the capabilities on %s", path);
    if (reply->status >= 300) {
        code = vc_envelope_error(&envelope, reply, doing, err);
        goto cleanup;
    }
    /* By the path where Vault gives it; "capabilities" is that of a single path. */
    list = vc_json_array(envelope.data, path);
    if (list == NULL)
        list = vc_json_array(envelope.data, "capabilities");
    if (!join_capabilities(list, out, size)) {
        out[0] = '\0';
        code = vc_envelope_malformed(&envelope, reply, doing, "a list of capabilities", err);
    }

cleanup:
    vc_envelope_free(&envelope);
    return code;
}

enum vc_code vc_mount_request(struct vc_request *request, const char *mount, struct vc_error *err)
{
    enum vc_code code = vc_mount_check(mount, "kv_mount", err);

    if (code != VC_OK)
        return code;
    return vc_request_begin(request, VC_GET,
                            (const char *const[]){"sys/internal/ui/mounts", mount, NULL}, err);
}

/* Vault answers for the mount that holds the path: "secret/" for secret/foo as well. */
static bool is_mount(const char *path, const char *mount)
{
    size_t len = strlen(mount);

    return strncmp(path, mount, len) == 0 && strcmp(path + len, "/") == 0;
}

/* options is null on a KV v1 mount, or lacks the version; "generic" is what v1 was once called. */
static int kv_version(const cJSON *data, const char *type)
{
    const char *version = vc_json_string(vc_json_object(data, "options"), "version");

    if (strcmp(type, "kv") != 0 && strcmp(type, "generic") != 0)
        return 0;
    return version != NULL && strcmp(version, "2") == 0 ? 2 : 1;
}

static enum vc_code read_mount(const struct vc_envelope *envelope, const struct vc_reply *reply,
                               const char *mount, const char *doing, int *kv, struct vc_error *err)
{
    const char *path = vc_json_string(envelope->data, "path");
    const char *type = vc_json_string(envelope->data, "type");

    if (path == NULL || type == NULL)
        return vc_envelope_malformed(envelope, reply, doing, "the mount's path and type", err);
    if (!is_mount(path, mount)) {
        vc_error_set(err, VC_NO_MOUNT, "there is no mount \"%s\", the path lies in mount \"%.*s\"",
                     mount, VC_MOUNT_MAX, path);
        return VC_NO_MOUNT;
    }
    *kv = kv_version(envelope->data, type);
    return VC_OK;
}

enum vc_code vc_mount_read(const struct vc_reply *reply, const char *mount, int *kv,
                           struct vc_error *err)
{
    char doing[DOING_SIZE];
    struct vc_envelope envelope;
    enum vc_code code = vc_envelope_parse(&envelope, reply, err);

    *kv = 0;
    if (code != VC_OK)
        goto cleanup;
    snprintf(doing, sizeof(doing), "ask for the mount %s", mount);
    if (reply->status < 300)
        code = read_mount(&envelope, reply, mount, doing, kv, err);
    else
        code = vc_envelope_error(&envelope, reply, doing, err);
    if (code == VC_NOT_FOUND) {
        code = VC_NO_MOUNT;
        if (err != NULL)
            err->code = code;
    }

cleanup:
    vc_envelope_free(&envelope);
    return code;
}
