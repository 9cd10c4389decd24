/*
 * vault_client.h - a client of one Vault: it keeps a token alive and carries out operations.
 *
 * Owned by one event loop: nothing blocks, one descriptor tells when there is work. Command-line
 * programs use vc_client_wait, which polls until an operation has ended.
 *
 * It logs in when an operation needs a token (one login per credential, see token_lifecycle.h),
 * fails over between addresses, retries what may be retried, limits the overall rate, follows one
 * redirect within the listed origins, and finds out why a read was refused or found nothing
 * (capabilities-self, the mount's version), so that its errors name the missing capability or the
 * kind of absence.
 */
#ifndef VC_VAULT_CLIENT_H
#define VC_VAULT_CLIENT_H

#include "secret_file.h"
#include "settings.h"
#include "vault_health.h"
#include "vault_kv.h"

struct vc_client;

enum vc_log_level { VC_LOG_INFO, VC_LOG_WARNING };
/* One event a line: logged in, renewed (with TTL), login refused, outage begins and ends. Never a
 * secret. */
typedef void (*vc_client_log)(void *ctx, enum vc_log_level level, const char *message);

struct vc_client *vc_client_new(const struct vc_allocator *allocator, vc_client_log log, void *ctx,
                                struct vc_error *err);
/*
 * Copies. Operations under way end under the old ones. The token is kept where
 * vc_settings_same_identity says so; otherwise the old one is revoked as soon as the new login has
 * succeeded. Also resets every refusal
 * ("after SIGHUP"). VC_BAD_SETTING leaves the old settings in force.
 */
enum vc_code vc_client_configure(struct vc_client *client, const struct vc_settings *settings,
                                 struct vc_error *err);
const struct vc_settings *vc_client_settings(const struct vc_client *client);

int vc_client_fd(const struct vc_client *client);
void vc_client_run(struct vc_client *client); /* never blocks; calls the callbacks below */

/* An operation under way. Each ends with exactly one callback, or with vc_client_cancel and none.
 */
struct vc_operation;

/* err->code VC_OK: the result is valid during the call only (the callee may take what it needs). */
typedef void (*vc_secret_done)(void *ctx, struct vc_kv_secret *secret, const struct vc_error *err);
typedef void (*vc_names_done)(void *ctx, const cJSON *names, const struct vc_error *err);
typedef void (*vc_written_done)(void *ctx, long long version, const struct vc_error *err);

/*
 * path: below the KV mount. version 0: the newest. timeout: over all tries; 0: the settings'
 * request_timeout. Failure to start is reported through the callback as well, on the next run; NULL
 * only without memory.
 */
struct vc_operation *vc_client_read(struct vc_client *client, const char *path, long long version,
                                    vc_msec timeout, vc_secret_done done, void *ctx);
struct vc_operation *vc_client_list(struct vc_client *client, const char *path, vc_msec timeout,
                                    vc_names_done done, void *ctx);
/* data is copied. cas as in vault_kv.h. Reads that follow on this client see the write
 * (X-Vault-Index). */
struct vc_operation *vc_client_write(struct vc_client *client, const char *path, const cJSON *data,
                                     long long cas, vc_msec timeout, vc_written_done done,
                                     void *ctx);
struct vc_operation *vc_client_remove(struct vc_client *client, const char *path,
                                      enum vc_kv_removal what, long long version, vc_msec timeout,
                                      vc_written_done done, void *ctx);
/* Logs in (or checks the token) without any other request. */
struct vc_operation *vc_client_login(struct vc_client *client, vc_msec timeout,
                                     vc_written_done done, void *ctx);
/* Asks one address for its health; no token, no namespace, no retry. */
typedef void (*vc_health_done)(void *ctx, enum vc_health health, const struct vc_error *err);
struct vc_operation *vc_client_health(struct vc_client *client, size_t address, vc_msec timeout,
                                      vc_health_done done, void *ctx);
void vc_client_cancel(struct vc_client *client, struct vc_operation *operation);
/* Polls and runs until *finished (set by the caller's callback) or deadline; false: deadline. */
bool vc_client_wait(struct vc_client *client, const bool *finished, vc_msec deadline);

struct vc_client_status {
    char address[VC_ADDRESS_MAX + 1]; /* the one that answered last, or "" */
    enum vc_health
        health;     /* as the last replies imply; UNKNOWN before the first and in an outage */
    bool reachable; /* the last try got an HTTP reply */
    bool logged_in;
    bool token_renewable, token_never_expires;
    vc_msec token_expires_at; /* 0 without a token */
    bool can_log_in_again;    /* false: refused, locked, spent, or a bare token */
    unsigned long requests;   /* sent to Vault, of every kind */
    unsigned long logins, renewals;
    unsigned long login_failures, renewal_failures; /* refused, or Vault could not be asked */
    unsigned long failures;                         /* of every kind, those two included */
    struct vc_error last_error;                     /* code VC_OK: none yet */
    vc_msec last_error_at;
    unsigned long changes; /* grows with each change of anything above but requests */
};
void vc_client_status(const struct vc_client *client, struct vc_client_status *status);

#define VC_REFUSAL_FILES 7
/* A refused login: as plain bytes it may outlive the process, on the same machine. No secret. */
struct vc_login_refusal {
    struct vc_error error;
    vc_msec blocked_until;                        /* of a lock-out */
    struct vc_file_stamp stamp[VC_REFUSAL_FILES]; /* the credential's files as they were */
};
/* False where no refusal stands. refusal may be NULL. */
bool vc_client_refusal(const struct vc_client *client, struct vc_login_refusal *refusal);
/*
 * To a client that has its settings and no token yet, the same settings that were refused: as if it
 * had been refused itself. The bytes may be anything.
 */
void vc_client_recall_refusal(struct vc_client *client, const struct vc_login_refusal *refusal);

/*
 * Ends all operations (VC_CANCELLED), revokes a token that the client itself logged in for, unless
 * it is kept in token_store, and returns when that is done or after timeout. Blocks.
 */
void vc_client_shutdown(struct vc_client *client, vc_msec timeout);
void vc_client_free(struct vc_client *client);

#endif
