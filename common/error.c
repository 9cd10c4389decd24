/*
 * error.c - the outcomes of everything the core does, and the text that goes with them.
 *
 * Text is always one line of valid UTF-8: control characters and broken bytes become '?', so that
 * neither a reply nor a file name can forge a log line or reach a client in the wrong encoding.
 * Called by all modules.
 */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

#define SEPARATOR ": "
#define CHAR_MAX_BYTES                                                                             \
    4 /* so much more is formatted than fits: the cut never shows as half a character */

const char *vc_code_text(enum vc_code code)
{
    switch (code) {
    case VC_OK:
        return "ok";
    case VC_NO_MEMORY:
        return "out of memory";
    case VC_INTERNAL:
        return "internal error";
    case VC_CANCELLED:
        return "cancelled";
    case VC_BAD_NAME:
        return "invalid name";
    case VC_BAD_SETTING:
        return "invalid setting";
    case VC_BAD_FILE:
        return "unusable file";
    case VC_UNREACHABLE:
        return "unreachable";
    case VC_TIMEOUT:
        return "timed out";
    case VC_TLS:
        return "TLS failure";
    case VC_SEALED:
        return "sealed";
    case VC_NOT_INITIALIZED:
        return "not initialized";
    case VC_NOT_ACTIVE:
        return "no active node";
    case VC_RATE_LIMITED:
        return "rate limited";
    case VC_SERVER_ERROR:
        return "server error";
    case VC_BAD_REPLY:
        return "malformed reply";
    case VC_REPLY_TOO_LARGE:
        return "reply too large";
    case VC_REDIRECT_REFUSED:
        return "redirect refused";
    case VC_LOGIN_REFUSED:
        return "login refused";
    case VC_LOGIN_LOCKED:
        return "login locked out or not permitted";
    case VC_WRAPPING_SPENT:
        return "wrapping token already used";
    case VC_WRAPPING_FOREIGN:
        return "wrapping token of unexpected origin";
    case VC_TOKEN_INVALID:
        return "token invalid";
    case VC_PERMISSION_DENIED:
        return "permission denied";
    case VC_NOT_FOUND:
        return "not found";
    case VC_VERSION_DELETED:
        return "version deleted";
    case VC_VERSION_DESTROYED:
        return "version destroyed";
    case VC_NO_MOUNT:
        return "no such mount";
    case VC_NO_NAMESPACE:
        return "no such namespace";
    case VC_KV_V1_PATH:
        return "wrong KV version for this mount";
    case VC_CAS_MISMATCH:
        return "check-and-set mismatch";
    case VC_CAS_REQUIRED:
        return "check-and-set required";
    case VC_BAD_REQUEST:
        return "request refused";
    case VC_BAD_SECRET:
        return "malformed secret";
    case VC_BAD_TEMPLATE:
        return "malformed template";
    }
    return "unknown error";
}

bool vc_code_is_outage(enum vc_code code)
{
    switch (code) {
    /* Nobody was asked, or nobody answered: the next try may go well. */
    case VC_NO_MEMORY:
    case VC_CANCELLED:
    case VC_UNREACHABLE:
    case VC_TIMEOUT:
    case VC_TLS:
    case VC_SEALED:
    case VC_NOT_INITIALIZED:
    case VC_NOT_ACTIVE:
    case VC_RATE_LIMITED:
    case VC_SERVER_ERROR:
    /* Whatever stands before Vault has answered in its place. */
    case VC_BAD_REPLY:
    case VC_REPLY_TOO_LARGE:
    case VC_REDIRECT_REFUSED:
    /* Ends by itself, and anyone who knows the role_id can bring it about. */
    case VC_LOGIN_LOCKED:
        return true;
    default:
        return false;
    }
}

/* Bytes of the character at text that may be shown as they are, or 0: C0, DEL, C1, broken UTF-8. */
static size_t printable_char(const char *text, size_t len)
{
    size_t size = vc_utf8_char(text, len);
    unsigned char first = (unsigned char)text[0];

    if (size == 1 && (first < 0x20 || first == 0x7F))
        return 0;
    if (size == 2 && first == 0xC2 && (unsigned char)text[1] < 0xA0)
        return 0;
    return size;
}

/* Appends to the text in out (size bytes in all) what fits of source, made printable, in whole
 * characters. */
static void append_printable(char *out, size_t size, const char *source)
{
    size_t used = strlen(out);
    size_t len = strlen(source);

    while (len > 0) {
        size_t step = printable_char(source, len);
        size_t shown = step == 0 ? 1 : step;

        if (used + shown >= size)
            break;
        if (step == 0)
            out[used] = '?';
        else
            memcpy(out + used, source, step);
        used += shown;
        source += shown;
        len -= shown;
    }
    out[used] = '\0';
}

void vc_error_clear(struct vc_error *err)
{
    if (err != NULL)
        memset(err, 0, sizeof(*err));
}

enum vc_code vc_error_set(struct vc_error *err, enum vc_code code, const char *format, ...)
{
    /* Formatted apart from err first: an argument may be the old message. */
    char text[VC_MESSAGE_SIZE + CHAR_MAX_BYTES];
    va_list args;
    int len;

    if (err == NULL)
        return code;
    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);

    vc_error_clear(err);
    err->code = code;
    append_printable(err->message, sizeof(err->message), len < 0 ? vc_code_text(code) : text);
    return code;
}

void vc_error_hint(struct vc_error *err, const char *format, ...)
{
    char text[VC_HINT_SIZE + CHAR_MAX_BYTES];
    va_list args;
    int len;

    if (err == NULL)
        return;
    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    err->hint[0] = '\0';
    if (len >= 0)
        append_printable(err->hint, sizeof(err->hint), text);
}

void vc_error_server_words(struct vc_error *err, const char *words)
{
    if (err == NULL || words == NULL || words[0] == '\0')
        return;
    if (err->message[0] != '\0')
        append_printable(err->message, sizeof(err->message), SEPARATOR);
    append_printable(err->message, sizeof(err->message), words);
}
