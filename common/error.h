/*
 * error.h - the outcomes of everything the core does, and the text that goes with them.
 *
 * An error never holds a secret: it is built from names, paths, status codes and from Vault's own
 * errors[] strings, of which login and lookup replies contribute nothing but those strings.
 */
#ifndef VC_ERROR_H
#define VC_ERROR_H

#include <stdbool.h>

/* Values are part of the frame format between keeper and fetcher: append, never renumber. */
enum vc_code {
    VC_OK = 0,

    VC_NO_MEMORY = 1,
    VC_INTERNAL = 2,
    VC_CANCELLED = 3,

    /* what the caller or the configuration said */
    VC_BAD_NAME = 10,    /* tenant, environment, path: refused before any request */
    VC_BAD_SETTING = 11, /* a setting is missing or malformed */
    VC_BAD_FILE = 12,    /* a file that holds a secret is missing, empty, or open to others */

    /* Vault cannot be asked: try again later, a cached answer may carry on */
    VC_UNREACHABLE = 20, /* no address answered (refused, DNS, reset) */
    VC_TIMEOUT = 21,
    VC_TLS = 22, /* certificate or handshake */
    VC_SEALED = 23,
    VC_NOT_INITIALIZED = 24,
    VC_NOT_ACTIVE = 25,   /* standby without a leader, or one that lags behind */
    VC_RATE_LIMITED = 26, /* 429 with a text: a quota */
    VC_SERVER_ERROR = 27, /* 5xx */
    VC_BAD_REPLY = 28,    /* not JSON, cut, duplicate keys, \u0000, wrong shape */
    VC_REPLY_TOO_LARGE = 29,
    VC_REDIRECT_REFUSED = 30,

    /* logging in */
    VC_LOGIN_REFUSED = 40,    /* 400: not tried again until the credential changes */
    VC_LOGIN_LOCKED = 41,     /* 403 on login: locked out, or wrong mount or namespace */
    VC_WRAPPING_SPENT = 42,   /* somebody else opened the wrapped secret_id, or it expired */
    VC_WRAPPING_FOREIGN = 43, /* its creation path is not the one expected */
    VC_TOKEN_INVALID = 44,    /* the token given (token, token_file) is refused */

    /* Vault's answer: final, a cached entry ends */
    VC_PERMISSION_DENIED = 50,
    VC_NOT_FOUND = 51, /* nothing at this path */
    VC_VERSION_DELETED = 52,
    VC_VERSION_DESTROYED = 53,
    VC_NO_MOUNT = 54,
    VC_NO_NAMESPACE = 55,
    VC_KV_V1_PATH = 56, /* a KV v1 path on a v2 mount, or the reverse */
    VC_CAS_MISMATCH = 57,
    VC_CAS_REQUIRED = 58,
    VC_BAD_REQUEST = 59, /* any other 400 */

    /* the secret was read and is of no use */
    VC_BAD_SECRET = 70,  /* a field is missing or of the wrong type */
    VC_BAD_TEMPLATE = 71 /* tenant_url_template cannot be filled in */
};

#define VC_MESSAGE_SIZE 512   /* one sentence with a path (<= 300 bytes) and the server's words */
#define VC_HINT_SIZE 256      /* one sentence */
#define VC_REQUEST_ID_SIZE 64 /* Vault's are UUIDs: 36 */

struct vc_error {
    enum vc_code code;
    long http_status;              /* 0: no HTTP reply was involved */
    long long version;             /* that is deleted or destroyed; 0: the error is about none */
    char message[VC_MESSAGE_SIZE]; /* lower case, one clause, ends with the server's own words */
    char hint[VC_HINT_SIZE];       /* what to do next, or "" */
    char request_id[VC_REQUEST_ID_SIZE]; /* Vault's request_id, or "" */
};

/* The name of a code for people and logs, for example "sealed". Never NULL. */
const char *vc_code_text(enum vc_code code);

/*
 * True where Vault could not be asked: a caller may go on with what it has. False where Vault has
 * answered, or where asking again cannot help before somebody changes something. VC_LOGIN_LOCKED is
 * an outage: it ends by itself, and anyone who knows the role_id can bring it about.
 */
bool vc_code_is_outage(enum vc_code code);

/*
 * err may be NULL in all of these. Text that does not fit is cut at a UTF-8 boundary; control
 * characters and what is not UTF-8 become '?', so that neither a reply nor a file's name can forge
 * log lines. An argument may be err's own text.
 */
void vc_error_clear(struct vc_error *err);
enum vc_code vc_error_set(struct vc_error *err, enum vc_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4))); /* clears, then sets; returns code */
void vc_error_hint(struct vc_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Appends ": <words>". NULL and "" add nothing. */
void vc_error_server_words(struct vc_error *err, const char *words);

#endif
