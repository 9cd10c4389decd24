/*
 * vault_reply.h - the envelope that all of Vault's replies share, and what a status code means.
 *
 * Vault API, "HTTP status codes" and "Error response".
 */
#ifndef VC_VAULT_REPLY_H
#define VC_VAULT_REPLY_H

#include <cjson/cJSON.h>

#include "error.h"
#include "vault_message.h"

struct vc_envelope {
    cJSON *root;                          /* owned; NULL for an empty body (204) */
    const cJSON *data, *auth, *wrap_info; /* into root; NULL where absent, null or no object */
    const cJSON *metadata;                /* data.metadata, as KV v2 has it */
    char request_id[VC_REQUEST_ID_SIZE];
    char words[VC_HINT_SIZE];   /* errors[] joined by "; " on one line; "" where there are none */
    char warning[VC_HINT_SIZE]; /* the first warning, or "" */
    bool errors_empty;          /* "errors": [] was there */
};

/*
 * Parses the body. VC_BAD_REPLY where a status below 300 has a body that is no JSON object (a
 * redirect's may be HTML, an error's as well, where something else than Vault has answered: root is
 * then NULL). VC_NO_MEMORY. The envelope may be freed whatever this returned.
 */
enum vc_code vc_envelope_parse(struct vc_envelope *envelope, const struct vc_reply *reply,
                               struct vc_error *err);
void vc_envelope_free(struct vc_envelope *envelope);
/* True where one of the warnings contains text. */
bool vc_envelope_warns(const struct vc_envelope *envelope, const char *text);
/*
 * For replies to requests that carried a credential: replaces what may be one (20 or more of
 * [A-Za-z0-9_+=-] with a digit among them) in words by "[hidden]".
 */
void vc_envelope_hide_credentials(struct vc_envelope *envelope);

/*
 * What a status >= 300 means in general; the modules refine 400, 403 and 404 for their own calls.
 * Sets http_status, request_id and the server's words. doing is a clause such as "read
 * secret/data/x".
 *
 *   3xx            VC_REDIRECT_REFUSED
 *   403            VC_PERMISSION_DENIED
 *   404            VC_NO_MOUNT ("no handler for route"), VC_NO_NAMESPACE ("namespace not found"),
 *                  else VC_NOT_FOUND
 *   412, 472-474   VC_NOT_ACTIVE
 *   429            VC_RATE_LIMITED with words or Retry-After, else VC_NOT_ACTIVE: a lagging standby
 *   other 4xx      VC_BAD_REQUEST
 *   500            VC_NOT_ACTIVE where a standby knows no leader, else VC_SERVER_ERROR
 *   501            VC_NOT_INITIALIZED
 *   503            VC_SEALED ("Vault is sealed"), else VC_SERVER_ERROR
 *   other 5xx      VC_SERVER_ERROR
 *
 * VC_BAD_REPLY: a status below 300 or above 599; and 400, 401, 403, 404, 405 whose body is no JSON
 * object: then something else than Vault has answered, and its word must not end a cached entry.
 */
enum vc_code vc_envelope_error(const struct vc_envelope *envelope, const struct vc_reply *reply,
                               const char *doing, struct vc_error *err);
/* VC_BAD_REPLY: a reply with a good status lacks what it must have, say "a version number". */
enum vc_code vc_envelope_malformed(const struct vc_envelope *envelope, const struct vc_reply *reply,
                                   const char *doing, const char *missing, struct vc_error *err);

#endif
