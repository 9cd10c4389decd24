/*
 * vault_session.c - one run's conversation with Vault (vault_session.h). Called by every command
 * that asks Vault.
 */
#include "vault_session.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "protection.h"
#include "report.h"
#include "tenant_layout.h"

/* Beyond the settings' own bound, which the client keeps: only a fault in the client waits so. */
#define WAIT_MARGIN 5000
#define REVOKE_TIMEOUT                                                                             \
    800 /* at the end of each run that logged in; one that is told to end does so within 1 s */

/* What a callback leaves behind for the function that waits for it. */
struct answer {
    bool finished;
    struct vc_error err;
    struct vc_kv_secret *secret;
    cJSON *names;
    long long version;
    enum vc_health health;
};

static const char *lookup(const char *name)
{
    return getenv(name);
}

/* What Vault's client has to say beside the outcome. A tool that ends at once keeps it to itself.
 */
static void log_event(void *ctx, enum vc_log_level level, const char *message)
{
    const struct vault_session *session = ctx;

    (void)level;
    if (session->tells_events)
        report_event(message);
}

/* The client insists on some: sys/health is sent none of them. */
static enum vc_code use_no_credentials(struct vc_settings *settings, struct vc_error *err)
{
    enum vc_code code = vc_settings_set(settings, "token", "none", err);

    return code == VC_OK ? vc_settings_set(settings, "auth_method", "token", err) : code;
}

static enum vc_code open_client(struct vault_session *session,
                                const struct vault_session_options *options, struct vc_error *err)
{
    enum vc_code code = vc_settings_from_environment(&session->settings, lookup, err);

    if (code == VC_OK && options->token_cache != NULL)
        code = vc_settings_set(&session->settings, "token_store", options->token_cache, err);
    if (code == VC_OK && options->anonymous)
        code = use_no_credentials(&session->settings, err);
    if (code == VC_OK && !options->long_lived)
        code = vc_settings_set(&session->settings, "check_token", "false", err);
    if (code != VC_OK)
        return code;
    session->client = vc_client_new(&vc_wiping_allocator, log_event, session, err);
    if (session->client == NULL)
        return err->code;
    return vc_client_configure(session->client, &session->settings, err);
}

enum vc_code vault_session_open(struct vault_session *session,
                                const struct vault_session_options *options, struct vc_error *err)
{
    enum vc_code code;

    session->client = NULL;
    session->tells_events = options->tells_events;
    session->interrupt = -1;
    vc_settings_init(&session->settings, &vc_wiping_allocator);
    code = open_client(session, options, err);
    protection_wipe_environment();
    return code;
}

enum vc_code vault_session_reload(struct vault_session *session, struct vc_error *err)
{
    struct vc_settings settings;
    enum vc_code code = vc_settings_copy(&settings, &session->settings, err);

    if (code != VC_OK)
        return code;
    code = vc_settings_from_environment(&settings, lookup, err);
    /* The variables that it was chosen by may be wiped. */
    settings.auth_method = session->settings.auth_method;
    if (code == VC_OK)
        code = vc_client_configure(session->client, &settings, err);
    if (code != VC_OK) {
        vc_settings_free(&settings);
        return code;
    }
    vc_settings_free(&session->settings);
    session->settings = settings;
    return VC_OK;
}

void vault_session_close(struct vault_session *session)
{
    if (session->client != NULL)
        vc_client_shutdown(session->client, REVOKE_TIMEOUT);
    vc_client_free(session->client);
    session->client = NULL;
    vc_settings_free(&session->settings);
}

/* ---- one operation at a time ---- */

enum end_of_wait { WAIT_FINISHED, WAIT_TOO_LONG, WAIT_INTERRUPTED };

/* As vc_client_wait, with the interruption. poll passes over a negative descriptor. */
static enum end_of_wait wait_until(struct vault_session *session, const bool *finished,
                                   vc_msec deadline)
{
    struct pollfd events[] = {{.fd = vc_client_fd(session->client), .events = POLLIN},
                              {.fd = session->interrupt, .events = POLLIN}};

    while (!*finished) {
        vc_msec left = deadline - vc_now();

        if (left <= 0 ||
            (poll(events, 2, left > INT_MAX ? INT_MAX : (int)left) < 0 && errno != EINTR))
            return WAIT_TOO_LONG;
        if (events[1].revents != 0)
            return WAIT_INTERRUPTED;
        vc_client_run(session->client);
    }
    return WAIT_FINISHED;
}

static enum vc_code wait_for(struct vault_session *session, struct vc_operation *operation,
                             struct answer *answer, struct vc_error *err)
{
    vc_msec deadline = vc_now() + session->settings.request_timeout + WAIT_MARGIN;

    if (operation == NULL)
        return vc_error_set(err, VC_NO_MEMORY, "out of memory while asking Vault");
    switch (wait_until(session, &answer->finished, deadline)) {
    case WAIT_FINISHED:
        *err = answer->err;
        return err->code;
    case WAIT_TOO_LONG:
        vc_client_cancel(session->client, operation);
        return vc_error_set(err, VC_TIMEOUT, "Vault did not answer in time");
    case WAIT_INTERRUPTED:
        vc_client_cancel(session->client, operation);
        return vc_error_set(err, VC_CANCELLED, "interrupted while asking Vault");
    }
    return VC_INTERNAL;
}

static void secret_done(void *ctx, struct vc_kv_secret *secret, const struct vc_error *err)
{
    struct answer *answer = ctx;

    answer->finished = true;
    answer->err = *err;
    if (err->code != VC_OK)
        return;
    /* Taken: the client frees what is left, which is nothing. */
    *answer->secret = *secret;
    memset(secret, 0, sizeof(*secret));
}

enum vc_code vault_session_read(struct vault_session *session, const char *path, long long version,
                                struct vc_kv_secret *secret, struct vc_error *err)
{
    struct answer answer = {.secret = secret};

    return wait_for(session,
                    vc_client_read(session->client, path, version, 0, secret_done, &answer),
                    &answer, err);
}

static void names_done(void *ctx, const cJSON *names, const struct vc_error *err)
{
    struct answer *answer = ctx;

    answer->finished = true;
    answer->err = *err;
    if (err->code != VC_OK)
        return;
    answer->names = cJSON_Duplicate(names, true);
    if (answer->names == NULL)
        vc_error_set(&answer->err, VC_NO_MEMORY, "out of memory while listing");
}

enum vc_code vault_session_list(struct vault_session *session, const char *path, cJSON **names,
                                struct vc_error *err)
{
    struct answer answer = {.names = NULL};
    enum vc_code code = wait_for(
        session, vc_client_list(session->client, path, 0, names_done, &answer), &answer, err);

    *names = answer.names;
    return code;
}

static void version_done(void *ctx, long long version, const struct vc_error *err)
{
    struct answer *answer = ctx;

    answer->finished = true;
    answer->err = *err;
    answer->version = version;
}

enum vc_code vault_session_check_data(const char *path, const cJSON *data, struct vc_error *err)
{
    const cJSON *field;

    cJSON_ArrayForEach (field, data) {
        if (vc_json_exact(field))
            continue;
        vc_error_set(
            err, VC_BAD_SECRET,
            "secret \"%s\": field %s holds a number of more digits than JSON's readers keep", path,
            field->string);
        vc_error_hint(err, "nothing is written; a string has all of its digits");
        return VC_BAD_SECRET;
    }
    return VC_OK;
}

enum vc_code vault_session_write(struct vault_session *session, const char *path, const cJSON *data,
                                 long long cas, long long *version, struct vc_error *err)
{
    struct answer answer = {.version = 0};
    enum vc_code code = vault_session_check_data(path, data, err);

    if (code == VC_OK)
        code = wait_for(session,
                        vc_client_write(session->client, path, data, cas, 0, version_done, &answer),
                        &answer, err);
    *version = answer.version;
    return code;
}

/* What is left for an operation: 0 is the settings' request_timeout, as for the client. */
static vc_msec time_left(const struct vault_session *session, vc_msec until)
{
    vc_msec left = until - vc_now();

    if (until == 0 || left >= session->settings.request_timeout)
        return 0;
    return left > 0 ? left : 1;
}

enum vc_code vault_session_login(struct vault_session *session, vc_msec until, struct vc_error *err)
{
    struct answer answer = {.version = 0};
    vc_msec left = time_left(session, until);

    return wait_for(session, vc_client_login(session->client, left, version_done, &answer), &answer,
                    err);
}

static void health_done(void *ctx, enum vc_health health, const struct vc_error *err)
{
    struct answer *answer = ctx;

    answer->finished = true;
    answer->err = *err;
    answer->health = health;
}

enum vc_code vault_session_alive(struct vault_session *session, size_t address, vc_msec until,
                                 enum vc_health *health, struct vc_error *err)
{
    struct answer answer = {.health = VC_HEALTH_UNKNOWN};
    vc_msec left = time_left(session, until);
    enum vc_code code =
        wait_for(session, vc_client_health(session->client, address, left, health_done, &answer),
                 &answer, err);

    *health = answer.health;
    if (code != VC_OK || vc_health_alive(answer.health))
        return code;
    code = answer.health == VC_HEALTH_SEALED ? VC_SEALED : VC_NOT_INITIALIZED;
    vc_error_set(err, code, "Vault at %s is %s", session->settings.addresses[address],
                 vc_health_text(answer.health));
    vc_error_hint(err, code == VC_SEALED ? "unseal it: vault operator unseal"
                                         : "initialise it: vault operator init");
    return code;
}

enum vc_code vault_session_path(const struct vault_session *session, const char *tenant,
                                const char *what, char *out, struct vc_error *err)
{
    const struct vc_settings *settings = &session->settings;

    if (tenant == NULL)
        return vc_platform_path(out, VC_PATH_MAX + 1, settings->secret_prefix,
                                settings->environment, what, err);
    return vc_tenant_path(out, VC_PATH_MAX + 1, settings->secret_prefix, settings->environment,
                          tenant, what, err);
}
