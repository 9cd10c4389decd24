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
    cJSON *root; /* owned; NULL for an empty body (204) */
    const cJSON *data, *auth, *wrap_info, *metadata; /* into root; NULL where absent or null */
    char request_id[VC_REQUEST_ID_SIZE];
    char words[VC_HINT_SIZE];   /* errors[] joined by "; ", cleaned; "" where there are none */
    char warning[VC_HINT_SIZE]; /* the first warning, or "" */
    bool errors_empty;          /* "errors": [] was there */
};

/* Parses the body. VC_BAD_REPLY where a status below 400 has a body that is no JSON object. */
enum vc_code vc_envelope_parse(struct vc_envelope *envelope, const struct vc_reply *reply, struct vc_error *err);
void vc_envelope_free(struct vc_envelope *envelope);

/*
 * What a status >= 300 means in general; the modules refine 400, 403 and 404 for their own calls. Sets
 * http_status, request_id and the server's words. doing is a clause such as "read secret/data/x".
 *   429 with words VC_RATE_LIMITED, without VC_NOT_ACTIVE; 472, 473 VC_NOT_ACTIVE; 501 VC_NOT_INITIALIZED;
 *   503 "Vault is sealed" VC_SEALED, else VC_SERVER_ERROR; 412 VC_NOT_ACTIVE; 413 VC_BAD_REQUEST;
 *   3xx VC_REDIRECT_REFUSED.
 */
enum vc_code vc_envelope_error(const struct vc_envelope *envelope, const struct vc_reply *reply,
                               const char *doing, struct vc_error *err);

#endif
