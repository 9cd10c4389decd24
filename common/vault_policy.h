/*
 * vault_policy.h - what explains a 403 or a 404: capabilities-self, and a mount's type and version.
 *
 * Vault API: /sys/capabilities-self, /sys/internal/ui/mounts.
 */
#ifndef VC_VAULT_POLICY_H
#define VC_VAULT_POLICY_H

#include "vault_reply.h"

/* path as in a policy: "secret/data/x" */
enum vc_code vc_capabilities_request(struct vc_request *request, const char *path,
                                     struct vc_error *err);
/* Comma-separated into out, for example "deny" or "list,read". VC_BAD_REPLY also where too many. */
enum vc_code vc_capabilities_read(const struct vc_reply *reply, const char *path, char *out,
                                  size_t size, struct vc_error *err);

enum vc_code vc_mount_request(struct vc_request *request, const char *mount, struct vc_error *err);
/*
 * kv: 1 or 2; 0 for a mount of another type. VC_NO_MOUNT: the path lies in another mount, or 404.
 * VC_PERMISSION_DENIED: Vault does not tell (OpenBao answers 403 for a mount that is not there).
 */
enum vc_code vc_mount_read(const struct vc_reply *reply, const char *mount, int *kv,
                           struct vc_error *err);

#endif
