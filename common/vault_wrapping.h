/*
 * vault_wrapping.h - a wrapped secret_id: look at the wrapping token's creation path, then unwrap it.
 *
 * Vault API: /sys/wrapping/lookup, /sys/wrapping/unwrap. Both take the wrapping token in the body and no
 * X-Vault-Token: a lookup-self with it would spend it.
 */
#ifndef VC_VAULT_WRAPPING_H
#define VC_VAULT_WRAPPING_H

#include "vault_reply.h"

void vc_wrapping_lookup_request(struct vc_request *request, const char *wrapping_token);
/*
 * VC_OK where the creation path is auth/<mount>/role/<anything>/secret-id; else VC_WRAPPING_FOREIGN, naming
 * the path. 400: VC_WRAPPING_SPENT, with a hint that somebody else may hold the secret_id.
 */
enum vc_code vc_wrapping_lookup_read(const struct vc_reply *reply, const char *approle_mount,
                                     struct vc_error *err);
void vc_wrapping_unwrap_request(struct vc_request *request, const char *wrapping_token);
/* data.secret_id into out. */
enum vc_code vc_wrapping_unwrap_read(const struct vc_reply *reply, struct vc_buf *secret_id,
                                     struct vc_error *err);

#endif
