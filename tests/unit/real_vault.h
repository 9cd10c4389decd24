/*
 * real_vault.h - a real OpenBao for a test, by tests/setup/vault_server, and its API as root.
 */
#ifndef REAL_VAULT_H
#define REAL_VAULT_H

#include <cjson/cJSON.h>

struct real_vault {
    char folder[64];
    char address[128];
    char token[128]; /* root's */
};

/* options: of vault_server start. Ends the test where it does not start. */
void real_vault_start(struct real_vault *vault, const char *options);
void real_vault_stop(struct real_vault *vault);
/* vault_server's seal, unseal, stop, restart. */
void real_vault_command(const struct real_vault *vault, const char *command);

/*
 * One request as root (token NULL) or as another; body: JSON or NULL. The reply, which the caller
 * frees, an empty object where there is no body. Ends the test on a status above 399.
 */
cJSON *real_vault_api(const struct real_vault *vault, const char *method, const char *path,
                      const char *body);
void real_vault_do(const struct real_vault *vault, const char *method, const char *path,
                   const char *body);
/* Only the status, whatever it is. */
long real_vault_status(const struct real_vault *vault, const char *method, const char *path,
                       const char *body, const char *token);
/* Copies a string member of data (or of wrap_info) out of a reply, which is freed. */
void real_vault_take(cJSON *reply, const char *member, char *out, size_t size);
/* Requests to path that the audit log holds; started with --audit. */
unsigned real_vault_count(const struct real_vault *vault, const char *path);

/*
 * What the tests work on: KV v2 at secret/, v1 at kv1/, AppRole, and the policy "app": everything
 * below secret/app/ and kv1/, nothing else. secret/app/a and kv1/a hold {"x": "1"}.
 */
void real_vault_furnish(const struct real_vault *vault);
#define ID_SIZE 64
/* Makes a role of AppRole with these parameters (JSON members, such as "\"token_ttl\":\"4s\"")
 * besides the policy. */
void real_vault_role(const struct real_vault *vault, const char *name, const char *parameters,
                     char *role_id, char *secret_id);
void real_vault_secret_id(const struct real_vault *vault, const char *name, char *secret_id);

#endif
