/*
 * vault_session.h - one run's conversation with Vault: settings from the environment, blocking
 * operations, and a token that is given back at the end.
 */
#ifndef MH_VAULT_SESSION_H
#define MH_VAULT_SESSION_H

#include "settings.h"
#include "vault_client.h"

struct vault_session {
    struct vc_settings settings;
    struct vc_client *client; /* NULL: not open */
    bool tells_events;        /* as the options say; may be changed at any time */
    int interrupt;            /* a descriptor that ends waits for Vault, and for STS on its behalf;
                                 -1: none, as vault_session_open leaves it */
};

struct vault_session_options {
    const char *token_cache; /* a file in which the token outlives the run, or NULL */
    bool long_lived;         /* the token is asked for its TTL first, and renewed */
    bool tells_events;       /* each login, renewal, ... is a line on standard error */
    bool anonymous;          /* for vault_session_alive alone: no credentials are needed */
};

/*
 * Reads the settings (settings.h) from the environment, then wipes those variables that carry
 * credentials. Asks nobody yet. VC_BAD_SETTING, VC_BAD_FILE, VC_NO_MEMORY. vault_session_close in
 * any case.
 */
enum vc_code vault_session_open(struct vault_session *session,
                                const struct vault_session_options *options, struct vc_error *err);
/*
 * Reads the settings' files anew, after SIGHUP: other addresses, another role, refused logins may
 * be tried again. What stood in the environment itself is as it was. On failure the old settings
 * stand.
 */
enum vc_code vault_session_reload(struct vault_session *session, struct vc_error *err);
/*
 * Revokes the token, where this run logged in for it and no cache keeps it, and frees everything.
 * May be called again.
 */
void vault_session_close(struct vault_session *session);

/*
 * These block until Vault has answered, the settings' request_timeout has passed, or interrupt has
 * become readable (VC_CANCELLED). Paths are below
 * the KV mount. Errors: vault_client.h.
 *
 * The caller frees secret (vc_kv_secret_free) and names (cJSON_Delete) after VC_OK only.
 */
enum vc_code vault_session_read(struct vault_session *session, const char *path, long long version,
                                struct vc_kv_secret *secret, struct vc_error *err);
enum vc_code vault_session_list(struct vault_session *session, const char *path, cJSON **names,
                                struct vc_error *err);
/*
 * VC_BAD_SECRET: data holds a number that would be written as another one (vc_json_exact).
 * vault_session_write refuses it by itself.
 */
enum vc_code vault_session_check_data(const char *path, const cJSON *data, struct vc_error *err);
/* cas: vault_kv.h. version: the one written. */
enum vc_code vault_session_write(struct vault_session *session, const char *path, const cJSON *data,
                                 long long cas, long long *version, struct vc_error *err);
/* until: a point in time, before which there is an answer as well; 0: request_timeout alone. */
enum vc_code vault_session_login(struct vault_session *session, vc_msec until,
                                 struct vc_error *err);
/*
 * VC_OK where that one of the settings' addresses is active or a standby; health says which.
 * VC_SEALED, VC_NOT_INITIALIZED with a hint; others as above.
 */
enum vc_code vault_session_alive(struct vault_session *session, size_t address, vc_msec until,
                                 enum vc_health *health, struct vc_error *err);

/*
 * The path of a tenant's secret `what` ("s3", "database"), or of the platform's where tenant is
 * NULL; into out of VC_PATH_MAX + 1 bytes. VC_BAD_NAME.
 */
enum vc_code vault_session_path(const struct vault_session *session, const char *tenant,
                                const char *what, char *out, struct vc_error *err);

#endif
