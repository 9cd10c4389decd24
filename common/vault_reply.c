/*
 * vault_reply.c - the envelope that all of Vault's replies share, and what a status code means.
 *
 * Refuses what is no JSON object where Vault sends one. Called by the vault_* modules that read
 * replies.
 */
#include "vault_reply.h"

#include <stdio.h>
#include <string.h>

#include "json.h"
#include "utf8.h"

#define DOING_SHOWN_MAX 300 /* of VC_MESSAGE_SIZE: the rest is for the server's words */
#define OPAQUE_MIN 20 /* a service token has 26 bytes, a UUID 36; words with digits are shorter */
#define HIDDEN "[hidden]"
#define UTF8_MAX 4 /* bytes of a character */

/*
 * Several errors come as one: "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n",
 * and one sometimes as a list of one. Skips the count; false where text is no such list.
 */
static bool skip_error_count(const char **text)
{
    const char *at = *text + strspn(*text, "0123456789");
    const char *one = " error occurred:";
    const char *more = " errors occurred:";

    if (at == *text)
        return false;
    if (strncmp(at, one, strlen(one)) == 0)
        *text = at + strlen(one);
    else if (strncmp(at, more, strlen(more)) == 0)
        *text = at + strlen(more);
    else
        return false;
    return true;
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7F;
}

/*
 * Appends to out (VC_HINT_SIZE bytes) what fits of text, in whole characters, on one line: a run of
 * control characters becomes a space, and before a new item of a list a semicolon as well.
 */
static void append_clean(char *out, const char *text)
{
    size_t start = strlen(out);
    size_t used = start;
    const char *gap = "";
    bool list = skip_error_count(&text);

    while (*text != '\0') {
        size_t step = vc_utf8_char(text, strnlen(text, UTF8_MAX));

        /* cJSON gives whole characters; 1 is only for going on in any case. */
        if (step == 0)
            step = 1;
        if (is_control(*text)) {
            gap = used > start ? " " : "";
        } else if (list && is_control(text[-1]) && strncmp(text, "* ", 2) == 0) {
            gap = used > start ? "; " : "";
            step = 2;
        } else {
            if (used + strlen(gap) + step >= VC_HINT_SIZE)
                break;
            memcpy(out + used, gap, strlen(gap));
            used += strlen(gap);
            gap = "";
            memcpy(out + used, text, step);
            used += step;
        }
        text += step;
    }
    out[used] = '\0';
}

static void read_errors(struct vc_envelope *envelope)
{
    const cJSON *errors = vc_json_array(envelope->root, "errors");
    const cJSON *item;

    envelope->errors_empty = errors != NULL && errors->child == NULL;
    cJSON_ArrayForEach (item, errors) {
        if (!cJSON_IsString(item) || item->valuestring[0] == '\0')
            continue;
        if (envelope->words[0] != '\0')
            append_clean(envelope->words, "; ");
        append_clean(envelope->words, item->valuestring);
    }
}

static void read_first_warning(struct vc_envelope *envelope)
{
    const cJSON *warnings = vc_json_array(envelope->root, "warnings");

    if (warnings != NULL && cJSON_IsString(warnings->child))
        append_clean(envelope->warning, warnings->child->valuestring);
}

/* It goes into logs and views: what is not one word of visible ASCII is left out. */
static void read_request_id(struct vc_envelope *envelope)
{
    const char *id = vc_json_string(envelope->root, "request_id");
    size_t len = id == NULL ? 0 : strlen(id);

    if (len >= sizeof(envelope->request_id))
        return;
    for (size_t i = 0; i < len; i++)
        if (id[i] <= ' ' || id[i] > '~')
            return;
    memcpy(envelope->request_id, id == NULL ? "" : id, len + 1);
}

enum vc_code vc_envelope_parse(struct vc_envelope *envelope, const struct vc_reply *reply,
                               struct vc_error *err)
{
    struct vc_error fault = {.code = VC_OK};

    *envelope = (struct vc_envelope){.root = NULL};
    if (reply->body.len == 0)
        return VC_OK;
    envelope->root = vc_json_parse(reply->body.data, reply->body.len, &fault);
    if (envelope->root == NULL && fault.code == VC_NO_MEMORY)
        return vc_error_set(err, VC_NO_MEMORY, "out of memory while reading Vault's reply");
    if (!cJSON_IsObject(envelope->root)) {
        vc_envelope_free(envelope);
        if (reply->status >= 300)
            return VC_OK;
        vc_error_set(err, VC_BAD_REPLY, "Vault's reply cannot be used: %s",
                     fault.code == VC_OK ? "not a JSON object" : fault.message);
        if (err != NULL)
            err->http_status = reply->status;
        return VC_BAD_REPLY;
    }
    envelope->data = vc_json_object(envelope->root, "data");
    envelope->auth = vc_json_object(envelope->root, "auth");
    envelope->wrap_info = vc_json_object(envelope->root, "wrap_info");
    envelope->metadata = vc_json_object(envelope->data, "metadata");
    read_request_id(envelope);
    read_errors(envelope);
    read_first_warning(envelope);
    return VC_OK;
}

void vc_envelope_free(struct vc_envelope *envelope)
{
    cJSON_Delete(envelope->root);
    *envelope = (struct vc_envelope){.root = NULL};
}

bool vc_envelope_warns(const struct vc_envelope *envelope, const char *text)
{
    const cJSON *item;

    cJSON_ArrayForEach (item, vc_json_array(envelope->root, "warnings")) {
        if (cJSON_IsString(item) && strstr(item->valuestring, text) != NULL)
            return true;
    }
    return false;
}

/* Length of the run at text of characters that tokens, UUIDs and base64 are made of. */
static size_t opaque_run(const char *text, bool *has_digit)
{
    size_t len = 0;

    *has_digit = false;
    for (; text[len] != '\0'; len++) {
        char c = text[len];
        bool digit = c >= '0' && c <= '9';

        if (!digit && !(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') &&
            strchr("_+=-", c) == NULL)
            break;
        *has_digit = *has_digit || digit;
    }
    return len;
}

void vc_envelope_hide_credentials(struct vc_envelope *envelope)
{
    char shown[VC_HINT_SIZE];
    size_t used = 0;
    const char *at = envelope->words;

    while (*at != '\0') {
        bool has_digit;
        size_t run = opaque_run(at, &has_digit);
        bool hide = run >= OPAQUE_MIN && has_digit;
        size_t len = run == 0 ? 1 : run;

        /* Never longer than what it replaces, so that shown always has room. */
        memcpy(shown + used, hide ? HIDDEN : at, hide ? sizeof(HIDDEN) - 1 : len);
        used += hide ? sizeof(HIDDEN) - 1 : len;
        at += len;
    }
    shown[used] = '\0';
    memcpy(envelope->words, shown, used + 1);
}

static bool says(const struct vc_envelope *envelope, const char *text)
{
    return strstr(envelope->words, text) != NULL;
}

static enum vc_code not_found_code(const struct vc_envelope *envelope)
{
    if (says(envelope, "no handler for route"))
        return VC_NO_MOUNT;
    if (says(envelope, "namespace not found"))
        return VC_NO_NAMESPACE;
    return VC_NOT_FOUND;
}

/* A standby that has not caught up answers 429 with "errors": []; a quota says so. */
static enum vc_code too_many_code(const struct vc_envelope *envelope, const struct vc_reply *reply)
{
    bool empty = envelope->root != NULL ? envelope->words[0] == '\0' : reply->body.len == 0;

    return empty && reply->retry_after < 0 ? VC_NOT_ACTIVE : VC_RATE_LIMITED;
}

static enum vc_code server_error_code(const struct vc_envelope *envelope, long status)
{
    if (status == 501)
        return VC_NOT_INITIALIZED;
    if (status == 503 && says(envelope, "Vault is sealed"))
        return VC_SEALED;
    /* What a standby says when it knows no leader to forward to: "local node not active but ..." */
    if (status == 500 && says(envelope, "not active but active") && says(envelope, "not found"))
        return VC_NOT_ACTIVE;
    return VC_SERVER_ERROR;
}

static enum vc_code status_code(const struct vc_envelope *envelope, const struct vc_reply *reply)
{
    long status = reply->status;

    if (status < 300 || status >= 600)
        return VC_BAD_REPLY;
    if (status < 400)
        return VC_REDIRECT_REFUSED;
    if (status >= 500)
        return server_error_code(envelope, status);
    if (status == 412 || (status >= 472 && status <= 474))
        return VC_NOT_ACTIVE;
    if (status == 429)
        return too_many_code(envelope, reply);
    if (status == 413)
        return VC_BAD_REQUEST;
    if (envelope->root == NULL)
        return VC_BAD_REPLY;
    if (status == 403)
        return VC_PERMISSION_DENIED;
    return status == 404 ? not_found_code(envelope) : VC_BAD_REQUEST;
}

static const char *code_hint(enum vc_code code, const struct vc_envelope *envelope)
{
    switch (code) {
    case VC_SEALED:
        return "unseal Vault";
    case VC_NOT_INITIALIZED:
        return "initialize Vault with \"vault operator init\" and unseal it";
    case VC_NOT_ACTIVE:
        return "Vault has no active node at this address yet; it is tried again";
    case VC_RATE_LIMITED:
        return "a rate limit quota of Vault is used up; it is tried again later";
    case VC_REDIRECT_REFUSED:
        return "list the address of every Vault node, or the one that Vault redirects to";
    case VC_PERMISSION_DENIED:
        return "the token's policies do not allow this, or the token is no longer valid";
    case VC_NO_MOUNT:
        return "check the name of the mount, and the namespace";
    case VC_NO_NAMESPACE:
        return "check the name of the namespace";
    case VC_BAD_REPLY:
        return envelope->root == NULL ? "something other than Vault seems to answer at this address"
                                      : "";
    default:
        return "";
    }
}

enum vc_code vc_envelope_error(const struct vc_envelope *envelope, const struct vc_reply *reply,
                               const char *doing, struct vc_error *err)
{
    enum vc_code code = status_code(envelope, reply);

    if (err == NULL)
        return code;
    vc_error_set(err, code, "could not %.*s: Vault answered %ld", DOING_SHOWN_MAX, doing,
                 reply->status);
    vc_error_server_words(err, envelope->words);
    vc_error_hint(err, "%s", code_hint(code, envelope));
    err->http_status = reply->status;
    memcpy(err->request_id, envelope->request_id, sizeof(err->request_id));
    return code;
}

enum vc_code vc_envelope_malformed(const struct vc_envelope *envelope, const struct vc_reply *reply,
                                   const char *doing, const char *missing, struct vc_error *err)
{
    vc_error_set(err, VC_BAD_REPLY, "could not %.*s: Vault's reply lacks %s", DOING_SHOWN_MAX,
                 doing, missing);
    if (err == NULL)
        return VC_BAD_REPLY;
    vc_error_hint(err, "something other than Vault seems to answer at this address");
    err->http_status = reply->status;
    memcpy(err->request_id, envelope->request_id, sizeof(err->request_id));
    return VC_BAD_REPLY;
}
