/*
 * settings.h - everything that says which Vault is asked, as whom, and for how long.
 *
 * One struct for all consumers: command-line programs fill it from the environment, the fetcher
 * from the name/value pairs that the keeper made of PostgreSQL's GUCs. Both go through the same
 * setter, so each value is validated in one place.
 */
#ifndef VC_SETTINGS_H
#define VC_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "allocator.h"
#include "error.h"
#include "monotonic.h"

#define VC_MAX_ADDRESSES 8 /* a raft cluster has 3 to 7 nodes */
#define VC_ADDRESS_MAX 512 /* bytes of one address */

enum vc_auth_method { VC_AUTH_APPROLE, VC_AUTH_TOKEN, VC_AUTH_TOKEN_FILE, VC_AUTH_CERT, VC_AUTH_JWT };

/*
 * Strings are owned by the struct, NULL where not set. Read it, change it by vc_settings_set only.
 */
struct vc_settings {
    const struct vc_allocator *allocator;

    char *addresses[VC_MAX_ADDRESSES]; /* "https://host:port", no slash at the end, lower-case scheme */
    size_t address_count;
    char *namespace_path; /* without slashes at the ends */
    char *ca_cert, *ca_path, *client_cert, *client_key, *tls_server_name;
    bool skip_verify;

    enum vc_auth_method auth_method;
    char *auth_mount; /* default: approle, cert or jwt by the method */
    char *auth_role;  /* cert and jwt: role or certificate name; may be NULL for cert */
    char *role_id, *role_id_file;
    char *secret_id, *secret_id_file;
    bool secret_id_wrapped;
    char *token, *token_file;
    char *jwt_file;
    char *token_store; /* file in which the token outlives the process, or NULL */

    char *kv_mount;      /* "secret" */
    char *secret_prefix; /* "saas-project"; may be several segments; may not be empty */
    char *environment;   /* "dev" */

    vc_msec request_timeout; /* over all tries of one operation; 10 s */
    vc_msec connect_timeout; /* of one try; 3 s */
    int max_retries;         /* 2, as Vault's own client */
    double renew_threshold;  /* share of the TTL after which a token is renewed; 0.75 */
    vc_msec renew_check_interval; /* 60 s */
    double max_request_rate;      /* requests per second to Vault, all together; 1000 */
};

/* Sets the defaults above. Free with vc_settings_free. */
void vc_settings_init(struct vc_settings *settings, const struct vc_allocator *allocator);
void vc_settings_free(struct vc_settings *settings);
enum vc_code vc_settings_copy(struct vc_settings *to, const struct vc_settings *from, struct vc_error *err);

/*
 * Sets one by name; an empty or NULL value restores the default. Names: address, namespace, ca_cert,
 * ca_path, client_cert, client_key, tls_server_name, skip_verify, auth_method, auth_mount, role, role_id,
 * role_id_file, secret_id, secret_id_file, secret_id_wrapped, token, token_file, jwt_file, token_store,
 * kv_mount, prefix, environment, request_timeout, connect_timeout, max_retries, renew_threshold,
 * renew_check_interval, max_request_rate. Durations: Go's syntax as in Vault ("90s", "1m30s", "250ms") or a
 * bare number of seconds. Booleans: strconv.ParseBool's words. VC_BAD_SETTING names the setting, never the
 * value of secret_id or token.
 */
enum vc_code vc_settings_set(struct vc_settings *settings, const char *name, const char *value,
                             struct vc_error *err);

/*
 * Fills it from the environment variables of design section 2 (VAULT_ADDR or BAO_ADDR, ...; NAME_FILE reads
 * the value from a file by the rule of secret_file.h). lookup is getenv-shaped, so that tests need no
 * environment.
 */
enum vc_code vc_settings_from_environment(struct vc_settings *settings, const char *(*lookup)(const char *name),
                                          struct vc_error *err);

/* What must hold between settings: an address, and what the auth method needs. VC_BAD_SETTING with a hint. */
enum vc_code vc_settings_check(const struct vc_settings *settings, struct vc_error *err);

/* True where a token got under a is of use under b: same addresses' set, namespace, TLS identity, login. */
bool vc_settings_same_identity(const struct vc_settings *a, const struct vc_settings *b);

#endif
