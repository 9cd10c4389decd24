/*
 * vault_auth.h - logging in, and a token's own life: lookup-self, renew-self, revoke-self.
 *
 * Vault API: /auth/approle/login, /auth/cert/login, /auth/jwt/login, /auth/token. lookup-self's
 * data.id is the token itself: it is wiped with the reply and never copied.
 */
#ifndef VC_VAULT_AUTH_H
#define VC_VAULT_AUTH_H

#include "vault_reply.h"

/* Bytes: service tokens have 26 to 95, batch tokens a few hundred and more. */
#define VC_TOKEN_MAX 4096
/* Seconds: a longer TTL is cut to a hundred years, so that no sum of milliseconds overflows. */
#define VC_TTL_MAX (100L * 365 * 24 * 3600)

/* What a login, renewal or lookup said of a token. */
struct vc_token {
    struct vc_buf value; /* empty after renew and lookup */
    long ttl;            /* seconds left; 0 with never_expires */
    long creation_ttl;   /* seconds at issue; 0 where unknown (renew) */
    bool never_expires;  /* root-like: TTL 0 and no expire_time */
    bool renewable;
    bool batch;    /* cannot be renewed or revoked */
    long num_uses; /* 0: unlimited */
    bool capped;   /* the renewal warned that the TTL is capped by max TTL; also where it was only
                    * the increment asked for that goes beyond: compare ttl with that at issue */
};
void vc_token_init(struct vc_token *token, const struct vc_allocator *allocator);
void vc_token_free(struct vc_token *token);

/*
 * The bodies hold secrets. VC_BAD_SETTING: mount is no plain path, or a credential is missing,
 * empty or no UTF-8. secret_id may be NULL (a role with bind_secret_id off); role may be NULL (the
 * certificate's or the mount's own choice).
 */
enum vc_code vc_login_approle_request(struct vc_request *request, const char *mount,
                                      const char *role_id, const char *secret_id,
                                      struct vc_error *err);
enum vc_code vc_login_cert_request(struct vc_request *request, const char *mount, const char *role,
                                   struct vc_error *err);
enum vc_code vc_login_jwt_request(struct vc_request *request, const char *mount, const char *role,
                                  const char *jwt, struct vc_error *err);
/*
 * 400 is VC_LOGIN_REFUSED, 403 VC_LOGIN_LOCKED, 500 "missing role_id" VC_BAD_SETTING; a reply that
 * demands MFA is VC_LOGIN_REFUSED. A token that is empty, too long or holds a byte outside visible
 * ASCII is VC_BAD_REPLY (it would become a header).
 */
enum vc_code vc_login_read(const struct vc_reply *reply, struct vc_token *token,
                           struct vc_error *err);

/*
 * 403 is VC_PERMISSION_DENIED and proves nothing: a living token without the default policy is
 * refused too. Not for a token of unknown kind: lookup-self spends a wrapping token.
 */
void vc_token_lookup_request(struct vc_request *request);
enum vc_code vc_token_lookup_read(const struct vc_reply *reply, struct vc_token *token,
                                  struct vc_error *err);
/*
 * increment: seconds, 0 for the role's own (one that is greater only brings the warning). 400
 * "lease is not renewable", "batch tokens cannot be renewed": VC_BAD_REQUEST; 403, also after max
 * TTL: VC_PERMISSION_DENIED.
 */
void vc_token_renew_request(struct vc_request *request, long increment);
enum vc_code vc_token_renew_read(const struct vc_reply *reply, struct vc_token *token,
                                 struct vc_error *err);
/* Batch tokens cannot be revoked: 400, VC_BAD_REQUEST. A dead token: VC_PERMISSION_DENIED. */
void vc_token_revoke_request(struct vc_request *request);
enum vc_code vc_token_revoke_read(const struct vc_reply *reply, struct vc_error *err);

#endif
