/*
 * child_secrets.c - the secrets that exec's command is given (child_secrets.h). Called by exec and
 * child_supervisor.
 */
#include "child_secrets.h"

#include <limits.h>
#include <stdio.h>

#include "report.h"
#include "secret_folder.h"

#define MSEC_PER_SEC 1000
#define REFRESH_SHARE 4 /* of a lifetime, the last quarter is for refreshing */
#define REFRESH_RETRY (30 * MSEC_PER_SEC)

static enum vc_code set_variable(struct child_secrets *secrets, const struct s3_variable *variable,
                                 struct vc_error *err)
{
    const char *folder = secrets->options->folder;
    char name[128];
    char path[PATH_MAX];
    bool set;

    if (folder == NULL) {
        set = child_environment_set(&secrets->environment, variable->name, variable->value);
    } else {
        snprintf(name, sizeof(name), "%s_FILE", variable->name);
        snprintf(path, sizeof(path), "%s/%s", folder, variable->name);
        set = child_environment_set(&secrets->environment, name, path);
    }
    if (set)
        return VC_OK;
    return vc_error_set(err, VC_BAD_SECRET, "%s is too long for an environment, or memory is out",
                        variable->name);
}

/* All of the set are taken out first: what stood there before belongs to other credentials. */
static enum vc_code fill_environment(struct child_secrets *secrets,
                                     const struct s3_variables *variables, struct vc_error *err)
{
    const char *name;

    for (size_t i = 0; (name = s3_names_variable(secrets->options->names, i)) != NULL; i++)
        child_environment_set(&secrets->environment, name, NULL);
    for (size_t i = 0; i < variables->count; i++) {
        enum vc_code code = set_variable(secrets, &variables->list[i], err);

        if (code != VC_OK)
            return code;
    }
    return VC_OK;
}

static enum vc_code put_in_place(struct child_secrets *secrets,
                                 const struct s3_credentials *credentials, struct vc_error *err)
{
    const struct child_secrets_options *options = secrets->options;
    struct s3_variables variables;
    enum vc_code code = s3_variables_fill(&variables, options->names, credentials, err);

    if (code == VC_OK && options->folder != NULL)
        code = secret_folder_write(options->folder, options->names, &variables, err);
    if (code == VC_OK)
        code = fill_environment(secrets, &variables, err);
    s3_variables_free(&variables);
    return code;
}

static enum vc_code serve_to_sdks(struct child_secrets *secrets, struct vc_error *err)
{
    enum vc_code code = VC_OK;

    if (secrets->endpoint.endpoint == NULL)
        code = child_endpoint_start(&secrets->endpoint, err);
    if (code == VC_OK && !child_endpoint_announce(&secrets->endpoint, &secrets->environment))
        code = vc_error_set(err, VC_NO_MEMORY, "out of memory for the environment");
    return code;
}

/*
 * Temporary keys: files are written anew before these end, SDKs ask an endpoint, and an environment
 * under other names keeps them.
 */
static enum vc_code plan_refresh(struct child_secrets *secrets,
                                 const struct s3_credentials *credentials, struct vc_error *err)
{
    const struct child_secrets_options *options = secrets->options;
    long left;

    secrets->refresh_at = 0;
    if (!s3_credentials_seconds_left(credentials, &left) || left <= 0)
        return VC_OK;
    if (options->folder == NULL && options->names == s3_names_find(CHILD_SECRETS_SDK_NAMES))
        return serve_to_sdks(secrets, err);
    secrets->refresh_at =
        vc_now() + (vc_msec)left * MSEC_PER_SEC / REFRESH_SHARE * (REFRESH_SHARE - 1);
    if (options->folder == NULL && options->watch_interval == 0 && !secrets->told)
        report_note("exec: these keys end at %s, and an environment cannot be refreshed: --files, "
                    "--names aws, or --on-change restart",
                    credentials->expiration);
    secrets->told = true;
    return VC_OK;
}

/* Asks Vault, and puts what it says where children find it. */
static enum vc_code load(struct child_secrets *secrets, struct vc_error *err)
{
    struct s3_credentials credentials;
    enum vc_code code;

    s3_credentials_init(&credentials, &vc_wiping_allocator);
    code = credential_source_get(&secrets->session, &secrets->options->request, &credentials,
                                 &secrets->origin, err);
    if (code == VC_OK)
        code = put_in_place(secrets, &credentials, err);
    if (code == VC_OK)
        code = plan_refresh(secrets, &credentials, err);
    s3_credentials_free(&credentials);
    return code;
}

enum vc_code child_secrets_open(struct child_secrets *secrets,
                                const struct child_secrets_options *options, struct vc_error *err)
{
    enum vc_code code;

    *secrets = (struct child_secrets){.options = options};
    child_endpoint_init(&secrets->endpoint, &secrets->session, &options->request);
    code = vault_session_open(&secrets->session, &options->session, err);
    /* By now the variables that carry credentials for Vault are gone. */
    if (!child_environment_init(&secrets->environment) && code == VC_OK)
        code = vc_error_set(err, VC_NO_MEMORY, "out of memory for the environment");
    if (code == VC_OK && options->folder != NULL)
        code = secret_folder_open(options->folder, true, err);
    if (code == VC_OK)
        code = load(secrets, err);
    if (code == VC_OK)
        secret_watch_start(&secrets->watch, secrets->session.client, &secrets->origin,
                           options->watch_interval);
    return code;
}

/* Another version is in Vault, or temporary keys come to their end. */
static bool has_news(struct child_secrets *secrets)
{
    vc_msec now = vc_now();

    if (secrets->refresh_at != 0 && now >= secrets->refresh_at)
        return true;
    return secrets->options->watch_interval != 0 && secret_watch_run(&secrets->watch, now);
}

bool child_secrets_run(struct child_secrets *secrets)
{
    bool news;

    pthread_mutex_lock(&secrets->endpoint.lock);
    vc_client_run(secrets->session.client);
    news = has_news(secrets);
    pthread_mutex_unlock(&secrets->endpoint.lock);
    return news;
}

enum vc_code child_secrets_reload(struct child_secrets *secrets, struct vc_error *err)
{
    enum vc_code code;

    pthread_mutex_lock(&secrets->endpoint.lock);
    code = load(secrets, err);
    if (code != VC_OK && secrets->refresh_at != 0)
        secrets->refresh_at = vc_now() + REFRESH_RETRY;
    secret_watch_set(&secrets->watch, &secrets->origin);
    pthread_mutex_unlock(&secrets->endpoint.lock);
    return code;
}

int child_secrets_fd(const struct child_secrets *secrets)
{
    return vc_client_fd(secrets->session.client);
}

vc_msec child_secrets_next_at(const struct child_secrets *secrets, vc_msec until)
{
    if (secrets->options->watch_interval != 0 && secrets->watch.next_at < until)
        until = secrets->watch.next_at;
    if (secrets->refresh_at != 0 && secrets->refresh_at < until)
        until = secrets->refresh_at;
    return until;
}

void child_secrets_close(struct child_secrets *secrets)
{
    const struct child_secrets_options *options = secrets->options;

    child_endpoint_stop(&secrets->endpoint);
    secret_watch_stop(&secrets->watch);
    child_environment_free(&secrets->environment);
    if (options->folder != NULL)
        secret_folder_clear(options->folder, options->names);
    vault_session_close(&secrets->session);
}
