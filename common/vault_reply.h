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
    char words[VC_HINT_SIZE];   /* errors[] joined by "; ", cleaned; "" where there are none */
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
 * Replaces what may be a credential (20 or more of [A-Za-z0-9_+=-] with a digit among them) in
 * words by
 * "[hidden]": for replies to requests that carried one.
 */
void vc_envelope_hide_credentials(struct vc_envelope *envelope);

/*
 * What a status >= 300 means in general; the modules refine 400, 403 and 404 for their own calls.
 * Sets http_status, request_id and the server's words. doing is a clause such as "read
 * secret/data/x". 3xx VC_REDIRECT_REFUSED; 403 VC_PERMISSION_DENIED; 404 "no handler for route"
 * VC_NO_MOUNT, "namespace not found" VC_NO_NAMESPACE, else VC_NOT_FOUND; 412, 472, 473
 * VC_NOT_ACTIVE; 429 with words or Retry-After VC_RATE_LIMITED, else VC_NOT_ACTIVE; other 4xx
 * VC_BAD_REQUEST; 500 of a standby without a leader VC_NOT_ACTIVE; 501 VC_NOT_INITIALIZED; 503
 * "Vault is sealed" VC_SEALED; other 5xx VC_SERVER_ERROR. 400, 403, 404 and other 4xx whose body is
 * no JSON object, and every status below 300: VC_BAD_REPLY. Whatever stands before Vault has
 * answered then, and its word must not end a cached entry.
 */
enum vc_code vc_envelope_error(const struct vc_envelope *envelope, const struct vc_reply *reply,
                               const char *doing, struct vc_error *err);
/* VC_BAD_REPLY: a reply of a good status that lacks what it must have, for example "a version
 * number". */
enum vc_code vc_envelope_malformed(const struct vc_envelope *envelope, const struct vc_reply *reply,
                                   const char *doing, const char *missing, struct vc_error *err);

#endif
