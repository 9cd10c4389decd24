/*
 * vault_wrapping.h - a wrapped secret_id: look at the wrapping token's creation path, then
 * unwrap it.
 *
 * Vault API: /sys/wrapping/lookup, /sys/wrapping/unwrap. The lookup takes the wrapping token in the
 * body and no X-Vault-Token. The unwrapping takes it as X-Vault-Token and nothing in the body: in
 * the body it needs another token's permission (OpenBao 2.7.2: 403), and in both places it is spent
 * without a result.
 */
#ifndef VC_VAULT_WRAPPING_H
#define VC_VAULT_WRAPPING_H

#include "vault_reply.h"

#define VC_SECRET_ID_MAX 4096 /* generated ones are UUIDs of 36 bytes, custom ones are free */

/* wrapping_token: UTF-8. */
void vc_wrapping_lookup_request(struct vc_request *request, const char *wrapping_token);
/*
 * VC_OK where the creation path is auth/<mount>/role/<anything>/secret-id; else
 * VC_WRAPPING_FOREIGN, naming the path. 400: VC_WRAPPING_SPENT, with a hint that somebody else may
 * hold the secret_id.
 */
enum vc_code vc_wrapping_lookup_read(const struct vc_reply *reply, const char *approle_mount,
                                     struct vc_error *err);
/* Sent with the wrapping token as its token, once: it is spent before the reply arrives. */
void vc_wrapping_unwrap_request(struct vc_request *request);
/*
 * data.secret_id into secret_id (at most VC_SECRET_ID_MAX bytes). 400: VC_WRAPPING_SPENT, as above.
 * VC_BAD_REPLY where it is missing, empty or too long.
 */
enum vc_code vc_wrapping_unwrap_read(const struct vc_reply *reply, struct vc_buf *secret_id,
                                     struct vc_error *err);

#endif
