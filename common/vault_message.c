/*
 * vault_message.c - one request to Vault and its reply, as plain memory.
 *
 * Refuses mounts that are no plain path and paths that do not fit. Called by the vault_* modules,
 * which build requests, and by vault_client, which owns requests and replies.
 */
#include "vault_message.h"

#include <stdio.h>
#include <string.h>

#define API_ROOT "/v1"

/* Bytes: shorter values are no secrets, and so many of a longer one in a row are no coincidence. */
#define SHORTEST_VALUE 4
#define ECHO_MIN 8
/* What a longer error reply says fits into no message, and comparing it would take 0.1 s. */
#define ERROR_BODY_MAX 16384

void vc_request_init(struct vc_request *request, const struct vc_allocator *allocator)
{
    *request = (struct vc_request){.method = VC_GET};
    vc_buf_init(&request->body, allocator, VC_REQUEST_BODY_MAX);
}

void vc_request_free(struct vc_request *request)
{
    vc_buf_free(&request->body);
}

void vc_reply_init(struct vc_reply *reply, const struct vc_allocator *allocator)
{
    *reply = (struct vc_reply){.retry_after = -1};
    vc_buf_init(&reply->body, allocator, VC_REPLY_BODY_MAX);
}

void vc_reply_free(struct vc_reply *reply)
{
    vc_buf_free(&reply->body);
}

/* RFC 3986 section 2.3, and the slash. */
static bool stays_as_it_is(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~/", c) != NULL);
}

/* Appends text percent-encoded to the path of used bytes; false: it does not fit. */
static bool append_encoded(char *path, size_t *used, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";

    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = stays_as_it_is(*text);

        if (*used + (plain ? 1 : 3) >= VC_REQUEST_PATH_MAX)
            return false;
        if (plain) {
            path[(*used)++] = *text;
            continue;
        }
        path[(*used)++] = '%';
        path[(*used)++] = hex[c >> 4];
        path[(*used)++] = hex[c & 0x0F];
    }
    path[*used] = '\0';
    return true;
}

enum vc_code vc_request_begin(struct vc_request *request, enum vc_method method,
                              const char *const *parts, struct vc_error *err)
{
    size_t used = 0;

    request->method = method;
    request->with_token = true;
    request->with_namespace = true;
    request->repeatable = method == VC_GET || method == VC_LIST;
    request->login = false;
    append_encoded(request->path, &used, API_ROOT);
    for (; *parts != NULL; parts++) {
        if (append_encoded(request->path, &used, "/") &&
            append_encoded(request->path, &used, *parts))
            continue;
        request->path[0] = '\0';
        return vc_error_set(err, VC_BAD_NAME, "a request's path is longer than %d bytes",
                            VC_REQUEST_PATH_MAX - 1);
    }
    return VC_OK;
}

enum vc_code vc_mount_check(const char *mount, const char *what, struct vc_error *err)
{
    size_t len = mount == NULL ? 0 : strlen(mount);

    if (len > VC_MOUNT_MAX)
        return vc_error_set(err, VC_BAD_SETTING, "%s has %zu bytes, at most %d are allowed", what,
                            len, VC_MOUNT_MAX);
    if (vc_path_valid(mount, len))
        return VC_OK;
    vc_error_set(err, VC_BAD_SETTING, "%s is not a valid path: \"%s\"", what,
                 mount == NULL ? "" : mount);
    vc_error_hint(err, "write it without a slash at either end, for example \"secret\"");
    return VC_BAD_SETTING;
}

enum vc_code vc_request_body_check(const struct vc_request *request, enum vc_code otherwise,
                                   struct vc_error *err)
{
    if (!request->body.failed)
        return VC_OK;
    if (request->body.too_large)
        return vc_error_set(err, otherwise, "a request's body is longer than %d bytes",
                            VC_REQUEST_BODY_MAX);
    return vc_error_set(err, VC_NO_MEMORY, "out of memory while building a request");
}

/* ---- what a reply repeats ---- */

/* In steps, so that a value cut anywhere is found by any 15 bytes that are left of it. */
static bool repeats_value(const struct vc_buf *body, const char *value, size_t len)
{
    size_t piece = len < ECHO_MIN ? len : ECHO_MIN;

    if (len < SHORTEST_VALUE)
        return false;
    for (size_t at = 0; at + piece <= len; at += piece) {
        if (memmem(body->data, body->len, value + at, piece) != NULL)
            return true;
    }
    return false;
}

/* The quote that ends the string, or end. */
static const char *string_end(const char *at, const char *end)
{
    while (at < end && *at != '"')
        at += *at == '\\' && end - at > 1 ? 2 : 1;
    return at;
}

/* json is ours: well-formed, without blanks outside of strings. */
static bool repeats_any_value(const struct vc_buf *body, const struct vc_buf *json)
{
    const char *end = json->data + json->len;
    const char *quote = memchr(json->data, '"', json->len);

    while (quote != NULL) {
        const char *value = quote + 1;
        const char *stop = string_end(value, end);
        bool is_name = end - stop > 1 && stop[1] == ':';

        if (!is_name && repeats_value(body, value, (size_t)(stop - value)))
            return true;
        quote = end - stop > 1 ? memchr(stop + 1, '"', (size_t)(end - stop - 1)) : NULL;
    }
    return false;
}

void vc_reply_drop_echo(struct vc_reply *reply, const struct vc_request *request)
{
    if (reply->status < 300 || !request->secret_values || reply->body.len == 0 ||
        request->body.len == 0)
        return;
    if (reply->body.len > ERROR_BODY_MAX || repeats_any_value(&reply->body, &request->body))
        vc_buf_reset(&reply->body);
}
