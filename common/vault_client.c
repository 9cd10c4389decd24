/*
 * vault_client.c - a client of one Vault: settings, run, status, log, shutdown.
 *
 * Called by the fetcher's event loop and by command-line programs.
 */
#include "vault_client.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "vault_client_internal.h"

#define RATE_BURST_SECONDS                                                                         \
    1.0 /* so many seconds' worth of requests may leave at once after a quiet time */
#define LOG_LINE_MAX (VC_MESSAGE_SIZE + 256)
#define RUN_ROUNDS                                                                                 \
    4 /* times that a run may make more work for itself before the loop gets its turn */
#define MSEC_PER_SEC 1000

/* ---- for the other files ---- */

void client_log(struct vc_client *client, enum vc_log_level level, const char *format, ...)
{
    char line[LOG_LINE_MAX];
    va_list args;

    if (client->log == NULL)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    client->log(client->log_ctx, level, line);
}

void client_wake(struct vc_client *client)
{
    if (client->wake_at == 0)
        return;
    client->wake_at = 0;
    /* A run sets the alarm once, at its end. */
    if (!client->running)
        vc_transport_alarm(client->transport, 0);
}

static void set_health(struct vc_client *client, enum vc_health health)
{
    if (client->status.health == health)
        return;
    client->status.health = health;
    client->status.changes++;
}

static void set_reachable(struct vc_client *client, bool reachable)
{
    if (client->status.reachable == reachable)
        return;
    client->status.reachable = reachable;
    client->status.changes++;
}

static enum vc_health implied_health(enum vc_code code, enum vc_health before)
{
    switch (code) {
    case VC_SEALED:
        return VC_HEALTH_SEALED;
    case VC_NOT_INITIALIZED:
        return VC_HEALTH_NOT_INITIALIZED;
    case VC_NOT_ACTIVE:
    case VC_REDIRECT_REFUSED:
        return VC_HEALTH_STANDBY;
    case VC_SERVER_ERROR:
    case VC_TLS:
    case VC_BAD_REPLY:
        return before;
    default:
        /* A standby that serves a read looks the same. */
        return before == VC_HEALTH_STANDBY ? before : VC_HEALTH_ACTIVE;
    }
}

void client_note_reply(struct vc_client *client, size_t address, enum vc_code code)
{
    const char *origin;

    if (address >= client->settings.address_count)
        return;
    origin = client->settings.addresses[address];
    set_reachable(client, true);
    set_health(client, code == VC_OK && client->status.health == VC_HEALTH_STANDBY &&
                               client->settings.address_count == 1
                           ? VC_HEALTH_ACTIVE
                           : implied_health(code, client->status.health));
    if (code == VC_SEALED || code == VC_NOT_INITIALIZED || code == VC_TLS)
        return;
    if (client->address == address && client->status.address[0] != '\0')
        return;
    client->address = address;
    snprintf(client->status.address, sizeof(client->status.address), "%s", origin);
    client->status.changes++;
}

void client_note_silence(struct vc_client *client, size_t address)
{
    if (client->address == address && client->settings.address_count > 0)
        client->address = (address + 1) % client->settings.address_count;
    set_reachable(client, false);
    set_health(client, VC_HEALTH_UNKNOWN);
}

/* A quota, a lock-out and our own lack of memory are no outage of Vault. */
static bool begins_outage(enum vc_code code)
{
    return vc_code_is_outage(code) && code != VC_RATE_LIMITED && code != VC_NO_MEMORY &&
           code != VC_CANCELLED && code != VC_LOGIN_LOCKED;
}

static void end_outage(struct vc_client *client)
{
    if (!client->outage)
        return;
    client->outage = false;
    client_log(client, VC_LOG_INFO, "Vault answers again after %lld s",
               (long long)((vc_now() - client->outage_since) / MSEC_PER_SEC));
}

static void begin_outage(struct vc_client *client, const struct vc_error *outcome)
{
    if (client->outage)
        return;
    client->outage = true;
    client->outage_since = vc_now();
    client_log(client, VC_LOG_WARNING, "Vault cannot be asked: %s", outcome->message);
}

void client_note_outcome(struct vc_client *client, const struct vc_error *outcome)
{
    if (outcome->code == VC_CANCELLED)
        return;
    if (begins_outage(outcome->code))
        begin_outage(client, outcome);
    /* Names, files and settings are refused without asking anybody. */
    else if (outcome->code == VC_OK || outcome->http_status != 0)
        end_outage(client);
    if (outcome->code == VC_OK)
        return;
    client->status.failures++;
    client->status.last_error = *outcome;
    client->status.last_error_at = vc_now();
    client->status.changes++;
}

/* ---- settings ---- */

struct vc_client *vc_client_new(const struct vc_allocator *allocator, vc_client_log log, void *ctx,
                                struct vc_error *err)
{
    struct vc_client *client = vc_alloc(allocator, sizeof(*client));

    if (client == NULL) {
        vc_error_set(err, VC_NO_MEMORY, "cannot allocate a client");
        return NULL;
    }
    client->allocator = allocator;
    client->log = log;
    client->log_ctx = ctx;
    client->wake_at = NEVER;
    client->queued.due_at = client->waiting.due_at = NEVER;
    vc_settings_init(&client->settings, allocator);
    session_init(client);
    client->transport = vc_transport_new(allocator, err);
    if (client->transport == NULL) {
        vc_client_free(client);
        return NULL;
    }
    return client;
}

/* The token of the settings before is revoked once the new login has succeeded, at the address it
 * came from. */
static void keep_old_token(struct vc_client *client)
{
    struct session *session = &client->session;

    if (session->token.len == 0 || !session->own || session->batch || session->old_token.len > 0)
        return;
    session->old_namespace = vc_strdup(client->allocator, client->settings.namespace_path);
    if (session->old_namespace == NULL && client->settings.namespace_path != NULL)
        return;
    snprintf(session->old_origin, sizeof(session->old_origin), "%s",
             client->settings.addresses[client->address]);
    session->old_token = session->token;
    vc_buf_init(&session->token, client->allocator, VC_TOKEN_MAX);
}

static void take_settings(struct vc_client *client, struct vc_settings *settings)
{
    bool kept = client->settings.address_count > 0 &&
                vc_settings_same_identity(&client->settings, settings);

    if (!kept) {
        keep_old_token(client);
        client->address = 0;
        client->index[0] = '\0';
        client->status.address[0] = '\0';
    }
    vc_settings_free(&client->settings);
    client->settings = *settings;
    client->kv = 0;
    client->kv_denied_until = 0;
    vc_rate_limit_init(&client->rate, settings->max_request_rate,
                       settings->max_request_rate * RATE_BURST_SECONDS, vc_now());
    session_reconfigure(client, kept);
    client->status.changes++;
    client_wake(client);
}

enum vc_code vc_client_configure(struct vc_client *client, const struct vc_settings *settings,
                                 struct vc_error *err)
{
    struct vc_settings copy;
    enum vc_code code = vc_settings_check(settings, err);

    if (code != VC_OK)
        return code;
    code = vc_settings_copy(&copy, settings, err);
    if (code != VC_OK)
        return code;
    code = vc_transport_configure(client->transport, settings, err);
    if (code != VC_OK) {
        vc_settings_free(&copy);
        return code;
    }
    take_settings(client, &copy);
    return VC_OK;
}

const struct vc_settings *vc_client_settings(const struct vc_client *client)
{
    return &client->settings;
}

/* ---- run ---- */

int vc_client_fd(const struct vc_client *client)
{
    return vc_transport_fd(client->transport);
}

static vc_msec earlier(vc_msec a, vc_msec b)
{
    return a < b ? a : b;
}

static vc_msec tick(struct vc_client *client, vc_msec now)
{
    vc_msec next = session_tick(client, now);

    next = earlier(next, operations_tick(client, now));
    return earlier(next, calls_tick(client, now));
}

void vc_client_run(struct vc_client *client)
{
    vc_msec next = 0;

    client->running = true;
    vc_transport_run(client->transport);
    for (int round = 0; round < RUN_ROUNDS; round++) {
        client->wake_at = NEVER;
        next = tick(client, vc_now());
        if (client->wake_at != 0)
            break;
        next = 0; /* where rounds run out, the rest is for the next run */
    }
    client->running = false;
    client->wake_at = next;
    vc_transport_alarm(client->transport, next);
}

bool vc_client_wait(struct vc_client *client, const bool *finished, vc_msec deadline)
{
    struct pollfd event = {.fd = vc_client_fd(client), .events = POLLIN};

    while (!*finished) {
        vc_msec left = deadline - vc_now();

        if (left <= 0)
            return false;
        if (poll(&event, 1, left > INT_MAX ? INT_MAX : (int)left) < 0 && errno != EINTR)
            return false;
        vc_client_run(client);
    }
    return true;
}

/* ---- status ---- */

static bool can_log_in_again(const struct vc_client *client)
{
    const struct vc_token_state *life = &client->session.life;

    return client->settings.auth_method != VC_AUTH_TOKEN && !life->login_refused &&
           life->blocked_until <= vc_now();
}

void vc_client_status(const struct vc_client *client, struct vc_client_status *status)
{
    const struct session *session = &client->session;

    *status = client->status;
    status->logged_in = session->token.len > 0 &&
                        (session->life.expires_at == 0 || session->life.expires_at > vc_now());
    status->token_renewable = status->logged_in && session->life.renewable;
    status->token_never_expires = status->logged_in && session->life.expires_at == 0;
    status->token_expires_at = status->logged_in ? session->life.expires_at : 0;
    status->can_log_in_again = can_log_in_again(client);
}

/* ---- the end ---- */

void vc_client_shutdown(struct vc_client *client, vc_msec timeout)
{
    struct session *session = &client->session;
    vc_msec deadline = vc_now() + timeout;
    bool never = false;

    client->shutting_down = true;
    operations_cancel_all(client);
    call_cancel(&session->call);
    session->step = LOGIN_IDLE;
    if (client->settings.address_count > 0)
        session_revoke(client, deadline);
    while ((call_active(&session->renewal) || call_active(&session->revocation)) &&
           vc_now() < deadline)
        vc_client_wait(client, &never, earlier(deadline, vc_now() + 10));
    call_cancel(&session->renewal);
    call_cancel(&session->revocation);
    vc_buf_reset(&session->token);
    session->generation++;
}

void vc_client_free(struct vc_client *client)
{
    if (client == NULL)
        return;
    client->shutting_down = true;
    /* Without their callbacks: whoever wants these has called vc_client_shutdown. */
    while (client->operations.head != NULL)
        vc_client_cancel(client, client->operations.head);
    while (client->tokenless.head != NULL)
        vc_client_cancel(client, client->tokenless.head);
    session_free(client);
    vc_transport_free(client->transport);
    vc_settings_free(&client->settings);
    vc_free(client->allocator, client, sizeof(*client));
}
