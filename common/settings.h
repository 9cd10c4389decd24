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
#include "vault_address.h"

#define VC_MAX_ADDRESSES 8 /* a raft cluster has 3 to 7 nodes */

enum vc_auth_method {
    VC_AUTH_APPROLE,
    VC_AUTH_TOKEN,
    VC_AUTH_TOKEN_FILE,
    VC_AUTH_CERT,
    VC_AUTH_JWT
};

/*
 * Strings are owned by the struct, NULL where not set. Read it, change it by vc_settings_set only.
 */
struct vc_settings {
    const struct vc_allocator *allocator;

    char *addresses[VC_MAX_ADDRESSES]; /* "https://host:port" as vc_address_parse writes it */
    size_t address_count;
    char *namespace_path; /* without slashes at the ends */
    char *ca_cert, *ca_path, *client_cert, *client_key, *tls_server_name;
    bool skip_verify;

    enum vc_auth_method auth_method;
    char *auth_mount; /* below auth/; not given: that of the method, which is its name */
    bool auth_mount_given;
    const char *default_auth_mount; /* static text */
    char *auth_role; /* cert and jwt: role or certificate name; may be NULL for cert */
    char *role_id, *role_id_file;
    char *secret_id, *secret_id_file;
    bool secret_id_wrapped;
    char *token, *token_file;
    char *jwt_file;
    char *token_store; /* file in which the token outlives the process, or NULL */
    /*
     * false: a token given or stored is used without asking Vault about it first. For a process
     * that ends before the token could be renewed, this saves one or two requests.
     */
    bool check_token;

    char *kv_mount;      /* "secret" */
    char *secret_prefix; /* "saas-project"; may be several segments; may not be empty */
    char *environment;   /* "dev" */

    vc_msec request_timeout;      /* over all tries of one operation; 10 s */
    vc_msec connect_timeout;      /* of one try; 3 s */
    int max_retries;              /* 2, as Vault's own client */
    double renew_threshold;       /* share of the TTL after which a token is renewed; 0.75 */
    vc_msec renew_check_interval; /* 60 s */
    double max_request_rate;      /* requests per second to Vault, all together; 1000 */
};

/*
 * Sets the defaults above. Free with vc_settings_free. Where there was no memory for a default,
 * vc_settings_check says so.
 */
void vc_settings_init(struct vc_settings *settings, const struct vc_allocator *allocator);
/* Wipes every string. The struct may be freed again, or initialised. */
void vc_settings_free(struct vc_settings *settings);
/*
 * Copies all strings. What to held before is not freed: it is memory that was never initialised, or
 * was freed. After VC_NO_MEMORY it holds nothing.
 */
enum vc_code vc_settings_copy(struct vc_settings *to, const struct vc_settings *from,
                              struct vc_error *err);

/*
 * Sets one by name; an empty or NULL value restores the default. After an error the old value
 * stands. Names: address, namespace, ca_cert, ca_path, client_cert, client_key, tls_server_name,
 * skip_verify, auth_method (approle, token, token_file, cert, jwt; kubernetes is jwt at another
 * mount), auth_mount, role, role_id, role_id_file, secret_id, secret_id_file, secret_id_wrapped,
 * token, token_file, jwt_file, token_store, check_token, kv_mount, prefix, environment,
 * request_timeout, connect_timeout, max_retries, renew_threshold, renew_check_interval,
 * max_request_rate. Durations and booleans: setting_value.h. Slashes at the ends of mounts, prefix
 * and namespace are taken off. VC_BAD_SETTING names the setting and the rule, and never quotes a
 * value.
 */
enum vc_code vc_settings_set(struct vc_settings *settings, const char *name, const char *value,
                             struct vc_error *err);

/*
 * Fills it from the environment variables of design section 2 (VAULT_ADDR or BAO_ADDR, ...). An
 * empty variable counts as not set. NAME_FILE beside each NAME: the value stands in that file;
 * files of role_id, secret_id and token are read at each login, not here. Both NAME and NAME_FILE:
 * VC_BAD_SETTING. Without VAULT_AUTH_METHOD the method follows from the credentials given, and
 * those of two kinds are refused (VC_BAD_SETTING). VC_BAD_FILE: secret_file.h. lookup is
 * getenv-shaped, so that tests need no environment; what it returns is used before it is called
 * again.
 */
enum vc_code vc_settings_from_environment(struct vc_settings *settings,
                                          const char *(*lookup)(const char *name),
                                          struct vc_error *err);

/*
 * What must hold between settings: an address, and what the auth method needs. VC_BAD_SETTING with
 * a hint; VC_NO_MEMORY where vc_settings_init had none.
 */
enum vc_code vc_settings_check(const struct vc_settings *settings, struct vc_error *err);

/*
 * True where a token got under a is of use under b: the same set of addresses, namespace, server
 * name, client certificate and login. Other CA files are no other identity: a CA is replaced
 * without a login.
 */
bool vc_settings_same_identity(const struct vc_settings *a, const struct vc_settings *b);

#endif
