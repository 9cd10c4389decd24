/*
 * vault_client_internal.h - what the files of the client share; nobody else includes it.
 *
 *   vault_client.c            the public functions, settings, status, log
 *   vault_client_call.c       one request until it has an answer: addresses, retries, redirects,
 * rate vault_client_login.c      the token: credentials, login, renewal, revocation
 *   vault_client_operation.c  what callers ask for: reads, writes, lists
 *   vault_client_diagnosis.c  why something was refused or not found
 *
 * Data flows down: operation -> login and diagnosis -> call -> transport. Callbacks come back up,
 * always out of vc_client_run or vc_client_shutdown, never out of a function that starts something.
 */
#ifndef VC_VAULT_CLIENT_INTERNAL_H
#define VC_VAULT_CLIENT_INTERNAL_H

#include <stdint.h>

#include "rate_limit.h"
#include "retry.h"
#include "secret_file.h"
#include "token_lifecycle.h"
#include "transport.h"
#include "vault_auth.h"
#include "vault_client.h"

#define NEVER INT64_MAX

/* ---- a request until it has an answer ---- */

struct call;

/*
 * outcome: VC_OK with a reply of status below 300; an answer that is final as it is, with the
 * reply; or what kept Vault from answering, reply NULL or the last one. VC_TOKEN_INVALID without a
 * reply: the token went before the call's turn came. Whoever is called may start the call again or
 * free it.
 */
typedef void (*call_done)(struct call *call, const struct vc_reply *reply,
                          const struct vc_error *outcome);

enum call_state {
    CALL_IDLE,
    CALL_QUEUED,  /* until a transfer ends */
    CALL_WAITING, /* until wake_at: backoff, Retry-After, rate */
    CALL_SENT
};

struct call {
    struct call *prev, *next;
    struct call_list *list;
    struct vc_client *client;
    enum call_state state;
    struct vc_request request; /* owned by whoever owns the call */
    const char *token;         /* instead of the client's; NULL: the client's */
    const char
        *fixed_origin; /* the only one to ask, without retries; NULL: the settings' addresses */
    const char *fixed_namespace; /* that goes with fixed_origin */
    bool hurried;                /* began in an outage: each address is asked once */
    bool counted;                /* among the transfers that VC_TRANSPORT_MAX_CONNECTIONS bounds */
    call_done done;
    void *owner;

    vc_msec deadline;
    vc_msec wake_at;
    unsigned round;                 /* of all addresses, from 1 */
    unsigned tried;                 /* addresses in this round, as bits */
    size_t address;                 /* that is asked, or was last */
    bool redirected;                /* by a standby, to address */
    bool given_up;                  /* waits only for its callback, with outcome */
    unsigned long token_generation; /* of the token that it was last sent with */
    vc_msec sent_at;
    struct vc_transfer *transfer;
    struct vc_error outcome; /* of the last try */
};

struct call_list {
    struct call *head, *tail;
    vc_msec due_at; /* not later than the first of them is */
};

/* call_init once; call_start as often as wanted, request filled in before. */
void call_init(struct call *call, struct vc_client *client, call_done done, void *owner);
void call_start(struct call *call, vc_msec deadline);
void call_cancel(struct call *call); /* no callback */
void call_free(struct call *call);
bool call_active(const struct call *call);
/* Empties the request for the next one. */
void call_new_request(struct call *call);
/* Sends what may go now; returns when the next one is due. */
vc_msec calls_tick(struct vc_client *client, vc_msec now);

/* ---- the token ---- */

enum login_step {
    LOGIN_IDLE,
    LOGIN_CHECK_KIND,     /* a token from outside: is it a wrapping token? */
    LOGIN_LOOKUP,         /* a token from outside or the store: how long does it live? */
    LOGIN_LOOKUP_WRAPPED, /* a wrapped secret_id: who made it? */
    LOGIN_UNWRAP,
    LOGIN_SEND
};

/* Files that a login reads. */
enum {
    FILE_ROLE_ID,
    FILE_SECRET_ID,
    FILE_TOKEN,
    FILE_JWT,
    FILE_CLIENT_CERT,
    FILE_CLIENT_KEY,
    FILE_CA_CERT,
    CREDENTIAL_FILES
};

struct session {
    struct vc_buf token;
    unsigned long generation; /* of token: grows with each new one and with its loss */
    bool own;                 /* we logged in for it: ours to revoke */
    bool stored;              /* it is in token_store: not revoked at shutdown */
    bool batch;
    bool looked_up;                        /* lookup-self was allowed: it may ask about itself */
    bool proven;                           /* something was read with it */
    char proven_path[VC_REQUEST_PATH_MAX]; /* what, or "" */
    bool forced; /* a 403 has forced a login, and nothing was read since */
    struct vc_token_state life;
    vc_msec spread; /* jitter of the present backoff */
    vc_msec act_at; /* its end and the jitter; 0: it has not ended */

    enum login_step step;
    struct call call;
    struct vc_buf candidate; /* the token or wrapping token that is being looked at */
    struct vc_buf unwrapped; /* the secret_id out of the wrapped one */
    bool store_tried;
    struct vc_file_stamp stamp[CREDENTIAL_FILES]; /* as they were at the last login */
    vc_msec files_checked_at;
    struct vc_error error; /* of the last login; VC_OK: it succeeded */

    struct call renewal;    /* at shutdown: our own token's revocation */
    struct call revocation; /* of the token before the settings changed */
    struct vc_buf old_token;
    char old_origin[VC_ADDRESS_MAX + 1];
    char *old_namespace;
};

void session_init(struct vc_client *client);
void session_free(struct vc_client *client);
/* After a change of settings. kept: the token is of use under the new ones. */
void session_reconfigure(struct vc_client *client, bool kept);

/* A login has given this token, or failed. known: what Vault said of it, or NULL where we may not
 * ask. */
void token_adopt(struct vc_client *client, const struct vc_buf *value, const struct vc_token *known,
                 bool own);
void token_login_failed(struct vc_client *client, const struct vc_error *err);

/* Starts a login; ends in one of the two above, at once where a credential cannot be read. */
void login_begin(struct vc_client *client);
/* The callback of session.call. */
void login_call_done(struct call *call, const struct vc_reply *reply,
                     const struct vc_error *outcome);
/* Since the last login began. */
bool login_file_changed(const struct vc_client *client, int file);
bool login_credentials_changed(const struct vc_client *client);

enum token_answer {
    TOKEN_HERE,
    TOKEN_COMING, /* a login is under way or will be tried again soon */
    TOKEN_NONE    /* none before something changes: session.error says why */
};
/* Asked by whoever needs a token; starts a login where none runs and one is allowed. */
enum token_answer session_demand(struct vc_client *client, vc_msec now);
/* A 403 proved the token of that generation dead. False: no new login for it, the answer stands. */
bool session_reject(struct vc_client *client, unsigned long generation);
/* Vault served something to the token of that generation. path: of a read, or NULL. */
void session_prove(struct vc_client *client, unsigned long generation, const char *path);
/* Renews and logs in ahead of time; returns when it is to be called again. */
vc_msec session_tick(struct vc_client *client, vc_msec now);
/* Starts revoking our own token where that is to be done at shutdown. */
void session_revoke(struct vc_client *client, vc_msec deadline);

/* ---- operations ---- */

enum operation_kind { OP_READ, OP_LIST, OP_WRITE, OP_REMOVE, OP_LOGIN, OP_HEALTH };

enum operation_step {
    STEP_TOKEN,        /* waits for a token */
    STEP_FAILED,       /* waits for its callback, with refusal */
    STEP_REQUEST,      /* its own request is under way */
    STEP_MOUNT,        /* asks for the KV version of the mount */
    STEP_CAPABILITIES, /* asks what the token may do where it was refused */
    STEP_PROBE,        /* reads what the token could read before */
    STEP_SEAL          /* asks whether a Vault that says it is sealed was ever initialized */
};

struct vc_operation {
    struct vc_operation *prev, *next;
    struct operation_list *list;
    struct vc_client *client;
    enum operation_kind kind;
    enum operation_step step;
    char path[VC_PATH_MAX + 2]; /* one more than is valid */
    long long version;
    cJSON *data;
    long long cas;
    enum vc_kv_removal removal;
    union {
        vc_secret_done secret;
        vc_names_done names;
        vc_written_done written;
        vc_health_done health;
    } done;
    void *ctx;
    char *origin; /* OP_HEALTH, STEP_SEAL: whose */
    vc_msec deadline;
    struct call call;
    int kv;           /* version of the KV API that the request speaks */
    bool mount_asked; /* STEP_MOUNT was taken */
    bool seal_asked;  /* STEP_SEAL was taken */
    unsigned tokens;  /* that were refused so far */
    unsigned login_failures;
    bool hurried;                           /* began in an outage */
    unsigned long refused_generation;       /* of the token that the refusal is about */
    struct vc_error refusal;                /* the 403 or 404 that is being explained */
    char refused_path[VC_REQUEST_PATH_MAX]; /* as a policy would name it */
};

struct operation_list {
    struct vc_operation *head, *tail;
};

/* Goes on: with a token to the request, without one to the list of those that wait for one. */
void operation_continue(struct vc_operation *operation);
/* Among those under way: something is asked for it. */
void operation_under_way(struct vc_operation *operation);
/* Ends it with err, once it is known what err means; the callback is called. */
void operation_fail(struct vc_operation *operation, const struct vc_error *err);
/* A login has ended: go on, or fail with session.error. */
void operations_login_ended(struct vc_client *client);
/* Ends those whose deadline has passed while they waited for a token; returns the next deadline. */
vc_msec operations_tick(struct vc_client *client, vc_msec now);
void operations_cancel_all(struct vc_client *client);

/* ---- why ---- */

/* Takes over an operation whose answer is a 403, or a 404 that may be a KV v1 mount's. */
void diagnose(struct vc_operation *operation, const struct vc_error *refusal);
void diagnosis_mount_done(struct vc_operation *operation, const struct vc_reply *reply,
                          const struct vc_error *outcome);
void diagnosis_capabilities_done(struct vc_operation *operation, const struct vc_reply *reply,
                                 const struct vc_error *outcome);
void diagnosis_probe_done(struct vc_operation *operation, const struct vc_reply *reply,
                          const struct vc_error *outcome);
/* Takes over an operation that ends with VC_SEALED. False: it is told already what that means. */
bool diagnosis_ask_seal(struct vc_operation *operation, const struct vc_error *err);
void diagnosis_seal_done(struct vc_operation *operation, const struct vc_reply *reply);
/* Asks for the mount's KV version. False: it is known, or was asked in vain a moment ago. */
bool diagnosis_ask_mount(struct vc_operation *operation);

/* ---- the client ---- */

struct vc_client {
    const struct vc_allocator *allocator;
    vc_client_log log;
    void *log_ctx;
    struct vc_settings settings;
    struct vc_transport *transport;
    struct vc_rate_limit rate;
    struct call_list queued, waiting;
    unsigned in_flight;       /* of the counted calls */
    vc_msec wake_at;          /* what the transport's alarm is set to */
    size_t address;           /* that answered last: asked first */
    char index[VC_INDEX_MAX]; /* of the last write or login: reads must see it */
    int kv;                   /* version of the mount; 0: not known yet */
    vc_msec kv_denied_until;  /* Vault does not tell: not asked again before */
    struct session session;
    struct operation_list operations; /* under way */
    struct operation_list tokenless;  /* waiting for a token */
    bool token_news;                  /* they have something to look at */
    bool running;                     /* vc_client_run is on the stack */
    bool shutting_down;
    bool outage;
    vc_msec outage_since;
    struct vc_client_status status;
};

void client_log(struct vc_client *client, enum vc_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Has vc_client_run called as soon as the loop gets to it. */
void client_wake(struct vc_client *client);
/* An address answered (any status), or did not. */
void client_note_reply(struct vc_client *client, size_t address, enum vc_code code);
void client_note_silence(struct vc_client *client, size_t address);
/* What an operation, login or renewal came to: begins and ends outages, keeps the last error. */
void client_note_outcome(struct vc_client *client, const struct vc_error *outcome);

#endif
