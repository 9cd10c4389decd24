/*
 * vault_client_login.c - the token: where it comes from, how it is kept alive, when it goes.
 *
 * When to log in or renew is token_lifecycle's word; here it is done. One login at a time, and none
 * with a credential that Vault has refused before its file changes. Called by vault_client and by
 * operations.
 */
#include <stdio.h>
#include <string.h>

#include "token_store.h"
#include "vault_client_internal.h"
#include "vault_wrapping.h"

#define BACKOFF_MIN 1000 /* milliseconds; also between two logins for operations that wait */
#define BACKOFF_MAX 60000
#define FILE_LOOK_INTERVAL                                                                         \
    1000 /* between two looks at the token file while its token is of use                          \
          */
#define MSEC_PER_SEC 1000

static void on_login_call(struct call *call, const struct vc_reply *reply,
                          const struct vc_error *outcome);
static void on_renewal(struct call *call, const struct vc_reply *reply,
                       const struct vc_error *outcome);
static void on_revocation(struct call *call, const struct vc_reply *reply,
                          const struct vc_error *outcome);
static void begin_own_login(struct vc_client *client);

static struct session *session_of(struct vc_client *client)
{
    return &client->session;
}

static bool logs_in_itself(const struct vc_client *client)
{
    return client->settings.auth_method != VC_AUTH_TOKEN &&
           client->settings.auth_method != VC_AUTH_TOKEN_FILE;
}

static bool token_usable(const struct session *session, vc_msec now)
{
    return session->token.len > 0 &&
           (session->life.expires_at == 0 || now < session->life.expires_at);
}

static bool copy_into(struct vc_buf *to, const char *text, size_t len)
{
    vc_buf_reset(to);
    return vc_buf_append(to, text, len);
}

static void clear_request(struct call *call)
{
    const struct vc_allocator *allocator = call->client->allocator;

    vc_request_free(&call->request);
    vc_request_init(&call->request, allocator);
}

/* ---- files ---- */

static const char *credential_file(const struct vc_client *client, int file)
{
    const struct vc_settings *settings = &client->settings;

    switch (file) {
    case FILE_ROLE_ID:
        return settings->auth_method == VC_AUTH_APPROLE ? settings->role_id_file : NULL;
    case FILE_SECRET_ID:
        return settings->auth_method == VC_AUTH_APPROLE ? settings->secret_id_file : NULL;
    case FILE_TOKEN:
        return settings->auth_method == VC_AUTH_TOKEN_FILE ? settings->token_file : NULL;
    case FILE_JWT:
        return settings->auth_method == VC_AUTH_JWT ? settings->jwt_file : NULL;
    default:
        return settings->auth_method == VC_AUTH_CERT ? settings->client_cert : NULL;
    }
}

static bool file_changed(const struct vc_client *client, int file)
{
    const char *path = credential_file(client, file);
    struct vc_file_stamp stamp;

    if (path == NULL)
        return false;
    vc_file_stamp_get(path, &stamp);
    return !vc_file_stamp_equal(&stamp, &client->session.stamp[file]);
}

static bool any_file_changed(const struct vc_client *client)
{
    for (int file = 0; file < CREDENTIAL_FILES; file++)
        if (file_changed(client, file))
            return true;
    return false;
}

/* Before they are read: a change in between then shows as a change, not as nothing. */
static void stamp_files(struct vc_client *client)
{
    for (int file = 0; file < CREDENTIAL_FILES; file++) {
        const char *path = credential_file(client, file);

        if (path != NULL)
            vc_file_stamp_get(path, &client->session.stamp[file]);
    }
}

/* ---- how a login ends ---- */

static void begin_event(struct session *session, enum vc_token_event event, bool failure)
{
    struct vc_token_state *life = &session->life;

    life->failures = !failure ? 0 : life->last == event ? life->failures + 1 : 1;
    life->last = event;
    life->last_at = vc_now();
    session->spread = failure && event != VC_TOKEN_REVOKED ? vc_jitter(1, BACKOFF_MIN / 2) : 0;
    session->act_at = 0;
}

static void drop_token(struct vc_client *client)
{
    struct session *session = session_of(client);

    vc_buf_reset(&session->token);
    session->generation++;
    session->life.expires_at = 0;
    session->own = session->stored = false;
    client->status.changes++;
}

static enum vc_token_event failure_event(enum vc_code code)
{
    if (code == VC_LOGIN_LOCKED)
        return VC_TOKEN_LOGIN_LOCKED;
    return vc_code_is_outage(code) || code == VC_INTERNAL || code == VC_REDIRECT_REFUSED
               ? VC_TOKEN_LOGIN_FAILED
               : VC_TOKEN_LOGIN_REFUSED;
}

static void login_ended(struct vc_client *client)
{
    struct session *session = session_of(client);

    session->step = LOGIN_IDLE;
    session->life.credential_changed = false;
    vc_buf_free(&session->candidate);
    clear_request(&session->call);
    client->status.changes++;
    operations_login_ended(client);
}

static void login_failed(struct vc_client *client, const struct vc_error *err)
{
    struct session *session = session_of(client);
    enum vc_token_event event = failure_event(err->code);
    bool first = session->error.code != err->code;

    session->error = *err;
    begin_event(session, event, true);
    if (!token_usable(session, vc_now()))
        session->life.expires_at = 0;
    if (event == VC_TOKEN_LOGIN_LOCKED)
        session->life.blocked_until = session->life.last_at + VC_LOCKOUT_WAIT;
    if (event == VC_TOKEN_LOGIN_REFUSED)
        session->life.login_refused = true;
    client_note_outcome(client, err);
    /* An outage has its own line, once. */
    if (first && event != VC_TOKEN_LOGIN_FAILED)
        client_log(client, VC_LOG_WARNING, "login to Vault: %s%s", err->message,
                   event == VC_TOKEN_LOGIN_LOCKED
                       ? "; not tried again before the lock-out ends or the credential changes"
                       : "; not tried again before the credential changes");
    login_ended(client);
}

static void store_token(struct vc_client *client)
{
    struct session *session = session_of(client);
    struct vc_error err = {.code = VC_OK};

    session->stored = false;
    if (client->settings.token_store == NULL || !session->own)
        return;
    if (vc_token_store_write(client->settings.token_store, session->token.data, &err) == VC_OK)
        session->stored = true;
    else
        client_log(client, VC_LOG_WARNING, "%s: the token is not kept", err.message);
}

static void revoke_old_token(struct vc_client *client)
{
    struct session *session = session_of(client);

    if (session->old_token.len == 0 || call_active(&session->revocation))
        return;
    clear_request(&session->revocation);
    vc_token_revoke_request(&session->revocation.request);
    session->revocation.token = session->old_token.data;
    session->revocation.fixed_origin = session->old_origin;
    session->revocation.fixed_namespace = session->old_namespace;
    call_start(&session->revocation, vc_now() + client->settings.request_timeout);
}

static void forget_old_token(struct session *session, const struct vc_allocator *allocator)
{
    vc_buf_free(&session->old_token);
    vc_strfree(allocator, session->old_namespace);
    session->old_namespace = NULL;
}

static void log_new_token(struct vc_client *client)
{
    const struct session *session = session_of(client);
    const char *what = session->step == LOGIN_SEND ? "logged in to"
                       : session->own              ? "using the stored token with"
                                                   : "using the token given with";
    const char *origin = client->settings.addresses[client->address];
    vc_msec left = session->life.expires_at - session->life.last_at;

    if (session->step == LOGIN_SEND)
        client->status.logins++;
    if (session->life.expires_at == 0)
        client_log(client, VC_LOG_INFO, "%s Vault at %s", what, origin);
    else
        client_log(client, VC_LOG_INFO, "%s Vault at %s, token valid for %lld s, %s", what, origin,
                   (long long)((left + MSEC_PER_SEC - 1) / MSEC_PER_SEC),
                   session->life.renewable ? "renewable" : "not renewable");
}

/* value: the token itself. known: what Vault said of it, or NULL where it was not allowed to ask.
 */
static void adopt(struct vc_client *client, const struct vc_buf *value,
                  const struct vc_token *known, bool own)
{
    struct session *session = session_of(client);
    struct vc_token_state *life = &session->life;
    bool same = session->token.len == value->len && value->len > 0 &&
                memcmp(session->token.data, value->data, value->len) == 0;

    if (!same && !copy_into(&session->token, value->data, value->len)) {
        struct vc_error err;

        drop_token(client);
        vc_error_set(&err, VC_NO_MEMORY, "out of memory for the token");
        login_failed(client, &err);
        return;
    }
    if (!same) {
        session->generation++;
        session->proven = false;
        session->proven_path[0] = '\0';
    }
    begin_event(session, VC_TOKEN_LOGGED_IN, false);
    session->own = own;
    session->looked_up = known != NULL;
    if (known == NULL)
        session->proven = false;
    client->kv_denied_until = 0;
    session->batch = known != NULL && known->batch;
    life->expires_at = known == NULL || known->never_expires
                           ? 0
                           : session->call.sent_at + (vc_msec)known->ttl * MSEC_PER_SEC;
    life->ttl_at_issue =
        known == NULL
            ? 0
            : (vc_msec)(known->creation_ttl > 0 ? known->creation_ttl : known->ttl) * MSEC_PER_SEC;
    life->renewable = known != NULL && known->renewable && !known->batch;
    life->capped = false;
    life->login_refused = false;
    life->blocked_until = 0;
    vc_error_clear(&session->error);
    session->error.code = VC_OK;
    log_new_token(client);
}

static void adopt_and_end(struct vc_client *client, const struct vc_buf *value,
                          const struct vc_token *known, bool own)
{
    adopt(client, value, known, own);
    if (client->session.error.code != VC_OK)
        return;
    if (own)
        store_token(client);
    revoke_old_token(client);
    client_note_outcome(client, &(struct vc_error){.code = VC_OK});
    login_ended(client);
}

/* ---- the steps of a login ---- */

static void send_step(struct vc_client *client, enum login_step step, const char *token)
{
    struct session *session = session_of(client);

    session->step = step;
    session->call.token = token;
    call_start(&session->call, vc_now() + client->settings.request_timeout);
}

/* A token that we have not seen yet: whether it is a wrapping token is asked without spending it.
 */
static void begin_check_kind(struct vc_client *client)
{
    struct session *session = session_of(client);

    clear_request(&session->call);
    vc_wrapping_lookup_request(&session->call.request, session->candidate.data);
    send_step(client, LOGIN_CHECK_KIND, NULL);
}

static void begin_lookup(struct vc_client *client)
{
    struct session *session = session_of(client);

    clear_request(&session->call);
    vc_token_lookup_request(&session->call.request);
    send_step(client, LOGIN_LOOKUP, session->candidate.data);
}

static void kind_checked(struct vc_client *client, const struct vc_reply *reply)
{
    struct vc_error err = {.code = VC_OK};
    enum vc_code code = vc_wrapping_lookup_read(
        reply, "approle", &err); /* any mount: only whether it is one counts */

    if (code == VC_OK || code == VC_WRAPPING_FOREIGN) {
        vc_error_set(&err, VC_TOKEN_INVALID, "the token given is a wrapping token");
        vc_error_hint(&err, "unwrap it first, or set secret_id_wrapped where it wraps a secret_id");
        login_failed(client, &err);
        return;
    }
    if (code == VC_WRAPPING_SPENT)
        begin_lookup(client);
    else
        adopt_and_end(client, &client->session.candidate, NULL, false);
}

/* 403 proves neither life nor death: the token is taken, and the first read will tell. */
static void looked_up(struct vc_client *client, const struct vc_reply *reply)
{
    struct session *session = session_of(client);
    struct vc_error err = {.code = VC_OK};
    bool own = logs_in_itself(client);
    struct vc_token known;
    enum vc_code code;

    vc_token_init(&known, client->allocator);
    code = vc_token_lookup_read(reply, &known, &err);
    if (code == VC_OK)
        adopt_and_end(client, &session->candidate, &known, own);
    else if (code == VC_PERMISSION_DENIED || code == VC_BAD_REQUEST)
        adopt_and_end(client, &session->candidate, NULL, own);
    else
        login_failed(client, &err);
    /* It came from the store: it is there. */
    if (own && session->token.len > 0)
        session->stored = client->settings.token_store != NULL;
    vc_token_free(&known);
}

static void begin_unwrap(struct vc_client *client)
{
    struct session *session = session_of(client);

    clear_request(&session->call);
    vc_wrapping_unwrap_request(&session->call.request);
    send_step(client, LOGIN_UNWRAP, session->candidate.data);
}

static const char *auth_mount(const struct vc_client *client)
{
    static const char *const defaults[] = {[VC_AUTH_APPROLE] = "approle",
                                           [VC_AUTH_TOKEN] = "token",
                                           [VC_AUTH_TOKEN_FILE] = "token",
                                           [VC_AUTH_CERT] = "cert",
                                           [VC_AUTH_JWT] = "jwt"};

    return client->settings.auth_mount != NULL ? client->settings.auth_mount
                                               : defaults[client->settings.auth_method];
}

static void wrapped_looked_up(struct vc_client *client, const struct vc_reply *reply)
{
    struct vc_error err = {.code = VC_OK};

    if (vc_wrapping_lookup_read(reply, auth_mount(client), &err) == VC_OK)
        begin_unwrap(client);
    else
        login_failed(client, &err);
}

static void unwrapped(struct vc_client *client, const struct vc_reply *reply)
{
    struct session *session = session_of(client);
    struct vc_error err = {.code = VC_OK};

    if (vc_wrapping_unwrap_read(reply, &session->unwrapped, &err) == VC_OK)
        begin_own_login(client);
    else
        login_failed(client, &err);
}

static void logged_in(struct vc_client *client, const struct vc_reply *reply)
{
    struct vc_error err = {.code = VC_OK};
    struct vc_token token;

    vc_token_init(&token, client->allocator);
    if (vc_login_read(reply, &token, &err) == VC_OK) {
        /* A read must not reach a standby that has yet to hear of this token. */
        if (reply->index[0] != '\0')
            memcpy(client->index, reply->index, sizeof(client->index));
        adopt_and_end(client, &token.value, &token, true);
    } else {
        login_failed(client, &err);
    }
    vc_token_free(&token);
}

static void on_login_call(struct call *call, const struct vc_reply *reply,
                          const struct vc_error *outcome)
{
    struct vc_client *client = call->client;

    if (reply == NULL || vc_code_is_outage(outcome->code) || outcome->code == VC_REDIRECT_REFUSED) {
        /* 500 "missing role_id" is a matter of settings, which the reader knows. */
        if (reply == NULL || client->session.step != LOGIN_SEND ||
            outcome->code != VC_SERVER_ERROR) {
            login_failed(client, outcome);
            return;
        }
    }
    switch (client->session.step) {
    case LOGIN_CHECK_KIND:
        kind_checked(client, reply);
        break;
    case LOGIN_LOOKUP:
        looked_up(client, reply);
        break;
    case LOGIN_LOOKUP_WRAPPED:
        wrapped_looked_up(client, reply);
        break;
    case LOGIN_UNWRAP:
        unwrapped(client, reply);
        break;
    case LOGIN_SEND:
        logged_in(client, reply);
        break;
    case LOGIN_IDLE:
        break;
    }
}

/* A value that stands in the settings, or in a file. out is initialised here. */
static enum vc_code read_credential(struct vc_client *client, const char *value, const char *file,
                                    bool secret, struct vc_buf *out, struct vc_error *err)
{
    vc_buf_init(out, client->allocator, VC_SECRET_FILE_MAX);
    if (file != NULL)
        return vc_secret_file_read(file, secret, out, NULL, err);
    if (value != NULL && !vc_buf_append_text(out, value))
        return vc_error_set(err, VC_NO_MEMORY, "out of memory for a credential");
    return VC_OK;
}

/* Unwraps first where that has not been done. False: the request is not there yet, or err is set.
 */
static bool prepare_secret_id(struct vc_client *client, struct vc_buf *secret_id,
                              struct vc_error *err)
{
    const struct vc_settings *settings = &client->settings;
    struct session *session = session_of(client);

    if (settings->secret_id_wrapped && session->unwrapped.len > 0) {
        vc_buf_init(secret_id, client->allocator, VC_SECRET_FILE_MAX);
        if (vc_buf_append(secret_id, session->unwrapped.data, session->unwrapped.len))
            return true;
        vc_error_set(err, VC_NO_MEMORY, "out of memory for a credential");
        return false;
    }
    if (read_credential(client, settings->secret_id, settings->secret_id_file, true, secret_id,
                        err) != VC_OK)
        return false;
    if (!settings->secret_id_wrapped)
        return true;
    vc_buf_free(&session->candidate);
    session->candidate = *secret_id;
    vc_buf_init(secret_id, client->allocator, 0);
    clear_request(&session->call);
    vc_wrapping_lookup_request(&session->call.request, vc_buf_text(&session->candidate));
    send_step(client, LOGIN_LOOKUP_WRAPPED, NULL);
    return false;
}

/* True: the call's request is a login. False: another step was begun, or err is set. */
static bool prepare_approle(struct vc_client *client, struct vc_error *err)
{
    const struct vc_settings *settings = &client->settings;
    struct session *session = session_of(client);
    struct vc_buf role_id, secret_id;
    bool prepared = false;

    vc_buf_init(&secret_id, client->allocator, 0);
    if (read_credential(client, settings->role_id, settings->role_id_file, false, &role_id, err) ==
            VC_OK &&
        prepare_secret_id(client, &secret_id, err)) {
        clear_request(&session->call);
        prepared = vc_login_approle_request(
                       &session->call.request, auth_mount(client), vc_buf_text(&role_id),
                       secret_id.len > 0 ? secret_id.data : NULL, err) == VC_OK;
    }
    vc_buf_free(&role_id);
    vc_buf_free(&secret_id);
    return prepared;
}

static bool prepare_jwt(struct vc_client *client, struct vc_error *err)
{
    struct session *session = session_of(client);
    struct vc_buf jwt;
    bool prepared = false;

    if (read_credential(client, NULL, client->settings.jwt_file, true, &jwt, err) == VC_OK) {
        clear_request(&session->call);
        prepared =
            vc_login_jwt_request(&session->call.request, auth_mount(client),
                                 client->settings.auth_role, vc_buf_text(&jwt), err) == VC_OK;
    }
    vc_buf_free(&jwt);
    return prepared;
}

static bool prepare_cert(struct vc_client *client, struct vc_error *err)
{
    struct session *session = session_of(client);

    clear_request(&session->call);
    return vc_login_cert_request(&session->call.request, auth_mount(client),
                                 client->settings.auth_role, err) == VC_OK;
}

static void begin_own_login(struct vc_client *client)
{
    struct vc_error err = {.code = VC_OK};
    bool prepared;

    switch (client->settings.auth_method) {
    case VC_AUTH_JWT:
        prepared = prepare_jwt(client, &err);
        break;
    case VC_AUTH_CERT:
        prepared = prepare_cert(client, &err);
        break;
    default:
        prepared = prepare_approle(client, &err);
        break;
    }
    if (err.code != VC_OK)
        login_failed(client, &err);
    else if (prepared)
        send_step(client, LOGIN_SEND, NULL);
}

/* True: a token out of the store is being looked at. An unusable store is said, and passed over. */
static bool begin_with_stored_token(struct vc_client *client)
{
    struct session *session = session_of(client);
    const char *path = client->settings.token_store;
    struct vc_file_stamp stamp;
    struct vc_error err = {.code = VC_OK};

    if (path == NULL || session->store_tried)
        return false;
    session->store_tried = true;
    vc_file_stamp_get(path, &stamp);
    if (!stamp.present)
        return false;
    vc_buf_free(&session->candidate);
    vc_buf_init(&session->candidate, client->allocator, VC_TOKEN_MAX);
    if (vc_secret_file_read(path, true, &session->candidate, NULL, &err) != VC_OK) {
        client_log(client, VC_LOG_WARNING, "token store not used: %s", err.message);
        return false;
    }
    begin_lookup(client);
    return true;
}

static void begin_with_given_token(struct vc_client *client)
{
    struct session *session = session_of(client);
    const struct vc_settings *settings = &client->settings;
    bool from_file = settings->auth_method == VC_AUTH_TOKEN_FILE;
    struct vc_error err = {.code = VC_OK};

    vc_buf_free(&session->candidate);
    if (read_credential(client, settings->token, from_file ? settings->token_file : NULL, true,
                        &session->candidate, &err) != VC_OK) {
        login_failed(client, &err);
        return;
    }
    if (session->token.len > 0 &&
        strcmp(session->token.data, vc_buf_text(&session->candidate)) == 0)
        begin_lookup(client);
    else
        begin_check_kind(client);
}

static void begin_login(struct vc_client *client)
{
    struct session *session = session_of(client);

    if (session->unwrapped.len > 0 && file_changed(client, FILE_SECRET_ID))
        vc_buf_free(&session->unwrapped);
    stamp_files(client);
    session->files_checked_at = vc_now();
    if (!logs_in_itself(client))
        begin_with_given_token(client);
    else if (!begin_with_stored_token(client))
        begin_own_login(client);
}

/* ---- renewal and revocation ---- */

static void begin_renewal(struct vc_client *client)
{
    struct session *session = session_of(client);

    if (call_active(&session->renewal))
        return;
    clear_request(&session->renewal);
    vc_token_renew_request(&session->renewal.request, 0);
    call_start(&session->renewal, vc_now() + client->settings.request_timeout);
}

static void renewed(struct vc_client *client, const struct vc_token *token)
{
    struct session *session = session_of(client);
    struct vc_token_state *life = &session->life;
    vc_msec ttl = (vc_msec)token->ttl * MSEC_PER_SEC;

    begin_event(session, VC_TOKEN_RENEWED, false);
    life->expires_at = token->never_expires ? 0 : session->renewal.sent_at + ttl;
    life->renewable = token->renewable;
    /* A second less is rounding. */
    life->capped = token->capped || ttl + MSEC_PER_SEC < life->ttl_at_issue;
    client->status.renewals++;
    client->status.changes++;
    client_log(client, VC_LOG_INFO, "renewed the token, valid for %ld s%s", token->ttl,
               life->capped ? ", its maximum: a new login will follow" : "");
}

static void renewal_failed(struct vc_client *client, const struct vc_error *err)
{
    struct session *session = session_of(client);
    bool refused = !vc_code_is_outage(err->code);

    begin_event(session, refused ? VC_TOKEN_RENEW_REFUSED : VC_TOKEN_RENEW_FAILED, true);
    if (refused) {
        session->life.renewable = false;
        client_log(client, VC_LOG_WARNING, "the token is not renewed any more: %s", err->message);
    }
    client_note_outcome(client, err);
}

static void on_renewal(struct call *call, const struct vc_reply *reply,
                       const struct vc_error *outcome)
{
    struct vc_client *client = call->client;
    struct vc_error err = *outcome;
    struct vc_token token;

    if (client->shutting_down || call->token_generation != client->session.generation) {
        client_wake(client);
        return;
    }
    vc_token_init(&token, client->allocator);
    if (reply != NULL && vc_token_renew_read(reply, &token, &err) == VC_OK)
        renewed(client, &token);
    else
        renewal_failed(client, &err);
    vc_token_free(&token);
    client_wake(client);
}

/* It is tried once: a token that cannot be revoked now ends by itself. */
static void on_revocation(struct call *call, const struct vc_reply *reply,
                          const struct vc_error *outcome)
{
    struct vc_client *client = call->client;

    (void)reply;
    if (outcome->code == VC_OK)
        client_log(client, VC_LOG_INFO, "revoked the token of the settings before");
    forget_old_token(session_of(client), client->allocator);
    client_wake(client);
}

void session_revoke(struct vc_client *client, vc_msec deadline)
{
    struct session *session = session_of(client);

    revoke_old_token(client);
    if (session->token.len == 0 || !session->own || session->stored || session->batch)
        return;
    call_cancel(&session->renewal);
    clear_request(&session->renewal);
    vc_token_revoke_request(&session->renewal.request);
    call_start(&session->renewal, deadline);
}

/* ---- for the other files ---- */

void session_init(struct vc_client *client)
{
    struct session *session = session_of(client);

    *session = (struct session){.step = LOGIN_IDLE};
    vc_buf_init(&session->token, client->allocator, VC_TOKEN_MAX);
    vc_buf_init(&session->candidate, client->allocator, VC_TOKEN_MAX);
    vc_buf_init(&session->unwrapped, client->allocator, VC_SECRET_FILE_MAX);
    vc_buf_init(&session->old_token, client->allocator, VC_TOKEN_MAX);
    call_init(&session->call, client, on_login_call, NULL);
    call_init(&session->renewal, client, on_renewal, NULL);
    call_init(&session->revocation, client, on_revocation, NULL);
}

void session_free(struct vc_client *client)
{
    struct session *session = session_of(client);

    call_free(&session->call);
    call_free(&session->renewal);
    call_free(&session->revocation);
    vc_buf_free(&session->token);
    vc_buf_free(&session->candidate);
    vc_buf_free(&session->unwrapped);
    forget_old_token(session, client->allocator);
}

static void reset_refusals(struct vc_client *client)
{
    struct session *session = session_of(client);
    struct vc_token_state *life = &session->life;

    life->can_log_in = client->settings.auth_method != VC_AUTH_TOKEN;
    life->login_refused = false;
    life->blocked_until = 0;
    life->failures = 0;
    session->forced = false;
    session->spread = 0;
    session->error.code = VC_OK;
    if (life->last == VC_TOKEN_LOGIN_FAILED || life->last == VC_TOKEN_LOGIN_REFUSED ||
        life->last == VC_TOKEN_LOGIN_LOCKED)
        life->last = session->token.len > 0 ? VC_TOKEN_LOGGED_IN : VC_TOKEN_NONE;
}

void session_reconfigure(struct vc_client *client, bool kept)
{
    struct session *session = session_of(client);

    if (!kept) {
        call_cancel(&session->call);
        call_cancel(&session->renewal);
        session->step = LOGIN_IDLE;
        drop_token(client);
        session->life = (struct vc_token_state){.last = VC_TOKEN_NONE};
        session->store_tried = false;
        vc_buf_free(&session->unwrapped);
    }
    reset_refusals(client);
    client->token_news = true;
}

/* What a login may be tried for now, by the file that was changed or the time that is over. */
static bool login_blocked(struct vc_client *client, vc_msec now)
{
    struct vc_token_state *life = &client->session.life;

    if (life->credential_changed)
        return false;
    if (!life->login_refused && life->blocked_until <= now)
        return false;
    life->credential_changed = any_file_changed(client);
    return !life->credential_changed;
}

/* An agent has written another token, while the one at hand still works. */
static bool token_file_changed(struct vc_client *client, vc_msec now)
{
    struct session *session = session_of(client);

    if (client->settings.auth_method != VC_AUTH_TOKEN_FILE ||
        now - session->files_checked_at < FILE_LOOK_INTERVAL)
        return false;
    session->files_checked_at = now;
    return file_changed(client, FILE_TOKEN);
}

static void token_at_hand(struct vc_client *client, vc_msec now)
{
    if (client->session.step == LOGIN_IDLE && token_file_changed(client, now))
        begin_login(client);
}

enum token_answer session_demand(struct vc_client *client, vc_msec now)
{
    struct session *session = session_of(client);

    if (token_usable(session, now)) {
        token_at_hand(client, now);
        return TOKEN_HERE;
    }
    if (session->step != LOGIN_IDLE)
        return TOKEN_COMING;
    if (session->life.last == VC_TOKEN_LOGIN_FAILED && now - session->life.last_at < BACKOFF_MIN)
        return TOKEN_COMING;
    if (login_blocked(client, now))
        return TOKEN_NONE;
    begin_login(client);
    if (session->step != LOGIN_IDLE)
        return TOKEN_COMING;
    return token_usable(session, now) ? TOKEN_HERE : TOKEN_NONE;
}

bool session_reject(struct vc_client *client, unsigned long generation)
{
    struct session *session = session_of(client);

    if (generation != session->generation)
        return true;
    if (client->settings.auth_method == VC_AUTH_TOKEN || session->forced ||
        login_blocked(client, vc_now()))
        return false;
    if (client->settings.auth_method == VC_AUTH_TOKEN_FILE && !file_changed(client, FILE_TOKEN))
        return false;
    session->forced = true;
    drop_token(client);
    begin_event(session, VC_TOKEN_REVOKED, true);
    client_log(client, VC_LOG_WARNING, "Vault refuses the token: logging in again");
    client_wake(client);
    return true;
}

void session_prove(struct vc_client *client, unsigned long generation, const char *path)
{
    struct session *session = session_of(client);

    if (generation != session->generation)
        return;
    session->proven = true;
    session->forced = false;
    if (session->proven_path[0] == '\0' && path != NULL)
        snprintf(session->proven_path, sizeof(session->proven_path), "%s", path);
}

/* Backoff ends for all clients of one outage at the same time: each goes on a little later than
 * that. */
static struct vc_token_decision spread_out(struct session *session,
                                           struct vc_token_decision decision, vc_msec now)
{
    bool acts = decision.action == VC_TOKEN_LOGIN || decision.action == VC_TOKEN_RENEW;

    if (!acts || session->spread == 0)
        return decision;
    if (session->act_at == 0)
        session->act_at = now + session->spread;
    if (now >= session->act_at)
        return decision;
    return (struct vc_token_decision){.action = VC_TOKEN_WAIT, .next_at = session->act_at};
}

static struct vc_token_decision decide(struct vc_client *client, vc_msec now)
{
    struct session *session = session_of(client);
    struct vc_token_policy policy = {.renew_threshold = client->settings.renew_threshold,
                                     .check_interval = client->settings.renew_check_interval,
                                     .backoff_min = BACKOFF_MIN,
                                     .backoff_max = BACKOFF_MAX};

    return spread_out(session, vc_token_decide(&session->life, &policy, now), now);
}

vc_msec session_tick(struct vc_client *client, vc_msec now)
{
    struct session *session = session_of(client);
    struct vc_token_decision decision;

    /* The first login waits for somebody who needs it. */
    if (session->step != LOGIN_IDLE || session->life.last == VC_TOKEN_NONE || client->shutting_down)
        return NEVER;
    if (client->tokenless.head != NULL && session->life.last == VC_TOKEN_LOGIN_FAILED &&
        now >= session->life.last_at + BACKOFF_MIN + session->spread) {
        begin_login(client);
        return NEVER;
    }
    if (now - session->files_checked_at >= FILE_LOOK_INTERVAL) {
        session->files_checked_at = now;
        login_blocked(client, now);
    }
    decision = decide(client, now);
    if (decision.action == VC_TOKEN_LOGIN)
        begin_login(client);
    else if (decision.action == VC_TOKEN_RENEW)
        begin_renewal(client);
    if (decision.action == VC_TOKEN_LOGIN || call_active(&session->renewal))
        return NEVER;
    if (client->tokenless.head != NULL && session->life.last == VC_TOKEN_LOGIN_FAILED &&
        session->life.last_at + BACKOFF_MIN + session->spread < decision.next_at)
        return session->life.last_at + BACKOFF_MIN + session->spread;
    return decision.next_at;
}
