/*
 * vault_client_token.c - the token's life: who may have it, when it is renewed or replaced, when it
 * goes.
 *
 * When to log in or renew is token_lifecycle's word; here it is done. One login at a time, and none
 * with a credential that Vault has refused before its file changes. Called by vault_client and by
 * operations.
 */
#include <stdio.h>
#include <string.h>

#include "token_store.h"
#include "vault_client_internal.h"

#define BACKOFF_MIN 1000 /* milliseconds; also between two logins for operations that wait */
#define BACKOFF_MAX 60000
#define FILE_LOOK_INTERVAL 1000 /* between two looks at a file while its token is of use */
#define MSEC_PER_SEC 1000

static struct session *session_of(struct vc_client *client)
{
    return &client->session;
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
    call_new_request(&session->call);
    client->status.changes++;
    operations_login_ended(client);
}

void token_login_failed(struct vc_client *client, const struct vc_error *err)
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
    client->status.login_failures++;
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
    call_new_request(&session->revocation);
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
        token_login_failed(client, &err);
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

void token_adopt(struct vc_client *client, const struct vc_buf *value, const struct vc_token *known,
                 bool own)
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

void token_take(struct vc_client *client, const struct vc_buf *value, bool stored)
{
    adopt(client, value, NULL, stored);
    if (client->session.error.code != VC_OK)
        return;
    client->session.stored = stored;
    login_ended(client);
}

/* ---- renewal and revocation ---- */

static void begin_renewal(struct vc_client *client)
{
    struct session *session = session_of(client);

    if (call_active(&session->renewal))
        return;
    call_new_request(&session->renewal);
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

    client->status.renewal_failures++;
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
    call_new_request(&session->renewal);
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
    call_init(&session->call, client, login_call_done, NULL);
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
    life->credential_changed = login_credentials_changed(client);
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
    return login_file_changed(client, FILE_TOKEN);
}

static void token_at_hand(struct vc_client *client, vc_msec now)
{
    if (client->session.step == LOGIN_IDLE && token_file_changed(client, now))
        login_begin(client);
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
    login_begin(client);
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
    if (client->settings.auth_method == VC_AUTH_TOKEN_FILE &&
        !login_file_changed(client, FILE_TOKEN))
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

/* After a refusal. Whoever asks looks at once; without anybody this is how a new file is noticed.
 */
static void look_for_new_credentials(struct vc_client *client, vc_msec now)
{
    struct session *session = session_of(client);

    if (!session->life.login_refused && session->life.blocked_until <= now)
        return;
    if (now - session->files_checked_at < FILE_LOOK_INTERVAL)
        return;
    session->files_checked_at = now;
    login_blocked(client, now);
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
        login_begin(client);
        return NEVER;
    }
    look_for_new_credentials(client, now);
    decision = decide(client, now);
    if (decision.action == VC_TOKEN_LOGIN)
        login_begin(client);
    else if (decision.action == VC_TOKEN_RENEW)
        begin_renewal(client);
    if (decision.action == VC_TOKEN_LOGIN || call_active(&session->renewal))
        return NEVER;
    if (client->tokenless.head != NULL && session->life.last == VC_TOKEN_LOGIN_FAILED &&
        session->life.last_at + BACKOFF_MIN + session->spread < decision.next_at)
        return session->life.last_at + BACKOFF_MIN + session->spread;
    return decision.next_at;
}
