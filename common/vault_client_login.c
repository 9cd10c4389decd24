/*
 * vault_client_login.c - from credentials to a token: AppRole (wrapped or not), certificate, JWT, a
 * token that is given, a token that was stored.
 *
 * One request at a time, each a step of session.step. Reads a credential anew for each login, and
 * wipes it after. Called by vault_client_token.c, which says when.
 */
#include <stdio.h>
#include <string.h>

#include "vault_client_internal.h"
#include "vault_wrapping.h"

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
    /* Of these, each method needs what is set: a login that one of them kept from leaving. */
    case FILE_CLIENT_CERT:
        return settings->client_cert;
    case FILE_CLIENT_KEY:
        return settings->client_key;
    default:
        return settings->ca_cert;
    }
}

bool login_file_changed(const struct vc_client *client, int file)
{
    const char *path = credential_file(client, file);
    struct vc_file_stamp stamp;

    if (path == NULL)
        return false;
    vc_file_stamp_get(path, &stamp);
    return !vc_file_stamp_equal(&stamp, &client->session.stamp[file]);
}

bool login_credentials_changed(const struct vc_client *client)
{
    for (int file = 0; file < CREDENTIAL_FILES; file++)
        if (login_file_changed(client, file))
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

    call_new_request(&session->call);
    vc_wrapping_lookup_request(&session->call.request, session->candidate.data);
    send_step(client, LOGIN_CHECK_KIND, NULL);
}

static void begin_lookup(struct vc_client *client)
{
    struct session *session = session_of(client);

    call_new_request(&session->call);
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
        token_login_failed(client, &err);
        return;
    }
    if (code == VC_WRAPPING_SPENT)
        begin_lookup(client);
    else
        token_adopt(client, &client->session.candidate, NULL, false);
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
        token_adopt(client, &session->candidate, &known, own);
    else if (code == VC_PERMISSION_DENIED || code == VC_BAD_REQUEST)
        token_adopt(client, &session->candidate, NULL, own);
    else
        token_login_failed(client, &err);
    /* It came from the store: it is there. */
    if (own && session->token.len > 0)
        session->stored = client->settings.token_store != NULL;
    vc_token_free(&known);
}

static void begin_unwrap(struct vc_client *client)
{
    struct session *session = session_of(client);

    call_new_request(&session->call);
    vc_wrapping_unwrap_request(&session->call.request);
    send_step(client, LOGIN_UNWRAP, session->candidate.data);
}

static void wrapped_looked_up(struct vc_client *client, const struct vc_reply *reply)
{
    struct vc_error err = {.code = VC_OK};

    if (vc_wrapping_lookup_read(reply, client->settings.auth_mount, &err) == VC_OK)
        begin_unwrap(client);
    else
        token_login_failed(client, &err);
}

static void unwrapped(struct vc_client *client, const struct vc_reply *reply)
{
    struct session *session = session_of(client);
    struct vc_error err = {.code = VC_OK};

    if (vc_wrapping_unwrap_read(reply, &session->unwrapped, &err) == VC_OK)
        begin_own_login(client);
    else
        token_login_failed(client, &err);
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
        token_adopt(client, &token.value, &token, true);
    } else {
        token_login_failed(client, &err);
    }
    vc_token_free(&token);
}

void login_call_done(struct call *call, const struct vc_reply *reply,
                     const struct vc_error *outcome)
{
    struct vc_client *client = call->client;

    if (reply == NULL || vc_code_is_outage(outcome->code) || outcome->code == VC_REDIRECT_REFUSED) {
        /* 500 "missing role_id" is a matter of settings, which the reader knows. */
        if (reply == NULL || client->session.step != LOGIN_SEND ||
            outcome->code != VC_SERVER_ERROR) {
            token_login_failed(client, outcome);
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
    call_new_request(&session->call);
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
        call_new_request(&session->call);
        prepared = vc_login_approle_request(
                       &session->call.request, client->settings.auth_mount, vc_buf_text(&role_id),
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
        call_new_request(&session->call);
        prepared =
            vc_login_jwt_request(&session->call.request, client->settings.auth_mount,
                                 client->settings.auth_role, vc_buf_text(&jwt), err) == VC_OK;
    }
    vc_buf_free(&jwt);
    return prepared;
}

static bool prepare_cert(struct vc_client *client, struct vc_error *err)
{
    struct session *session = session_of(client);

    call_new_request(&session->call);
    return vc_login_cert_request(&session->call.request, client->settings.auth_mount,
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
        token_login_failed(client, &err);
    else if (prepared)
        send_step(client, LOGIN_SEND, NULL);
}

/*
 * True: a token out of the store is being looked at, or taken. An unusable store is said, and
 * passed over.
 */
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
    if (client->settings.check_token)
        begin_lookup(client);
    else
        token_take(client, &session->candidate, true);
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
        token_login_failed(client, &err);
        return;
    }
    if (!settings->check_token)
        token_take(client, &session->candidate, false);
    else if (session->token.len > 0 &&
             strcmp(session->token.data, vc_buf_text(&session->candidate)) == 0)
        begin_lookup(client);
    else
        begin_check_kind(client);
}

void login_begin(struct vc_client *client)
{
    struct session *session = session_of(client);

    if (session->unwrapped.len > 0 && login_file_changed(client, FILE_SECRET_ID))
        vc_buf_free(&session->unwrapped);
    stamp_files(client);
    session->files_checked_at = vc_now();
    if (!logs_in_itself(client))
        begin_with_given_token(client);
    else if (!begin_with_stored_token(client))
        begin_own_login(client);
}
