/*
 * child_secrets.c - the secrets that exec's command is given (child_secrets.h). Called by exec and
 * child_supervisor.
 */
#include "child_secrets.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report.h"
#include "secret_folder.h"

#define OWN_FOLDER "/dev/shm/minio-helper.%d.XXXXXX"
#define MSEC_PER_SEC 1000
#define NAME_SIZE 128   /* of a variable; the longest of ours has 33 bytes */
#define REFRESH_SHARE 4 /* of a lifetime, the last quarter is for refreshing */
#define REFRESH_RETRY (30 * MSEC_PER_SEC)
#define BUSY_LOOK 100 /* milliseconds between looks whether an SDK's fetch has ended */

/* By either name: what stood there before belongs to other credentials. */
static enum vc_code set_variable(struct child_secrets *secrets, const struct env_variable *variable,
                                 struct vc_error *err)
{
    const char *folder = secrets->options->folder;
    char file_name[NAME_SIZE];
    char path[PATH_MAX];
    bool set = true;

    snprintf(file_name, sizeof(file_name), "%s_FILE", variable->name);
    child_environment_set(&secrets->environment, variable->name, NULL);
    child_environment_set(&secrets->environment, file_name, NULL);
    if (variable->value != NULL && folder == NULL) {
        set = child_environment_set(&secrets->environment, variable->name, variable->value);
    } else if (variable->value != NULL) {
        snprintf(path, sizeof(path), "%s/%s", folder, variable->name);
        set = child_environment_set(&secrets->environment, file_name, path);
    }
    if (set)
        return VC_OK;
    return vc_error_set(err, VC_BAD_SECRET, "%s is too long for an environment, or memory is out",
                        variable->name);
}

static enum vc_code put_in_place(struct child_secrets *secrets,
                                 const struct env_variable *variables, size_t count,
                                 struct vc_error *err)
{
    const char *folder = secrets->options->folder;
    enum vc_code code = VC_OK;

    if (folder != NULL)
        code = secret_folder_write(folder, variables, count, err);
    for (size_t i = 0; code == VC_OK && i < count; i++)
        code = set_variable(secrets, &variables[i], err);
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

/* A restart would give the application less than it has, because somebody deleted a secret. */
static enum vc_code refuse_loss(const struct child_secrets *secrets,
                                const struct app_config *config, struct vc_error *err)
{
    for (size_t i = 0; i < APP_SECRETS && secrets->origins.count > 0; i++)
        if (config->origins[i].version == 0 && secrets->origins.list[i].version != 0)
            return vc_error_set(err, VC_NOT_FOUND, "secret \"%s\" was there, and is gone",
                                config->origins[i].path);
    return VC_OK;
}

static enum vc_code load_app(struct child_secrets *secrets, struct origins *origins,
                             struct vc_error *err)
{
    struct app_config config;
    enum vc_code code = app_config_read(&config, &secrets->session, err);

    if (code == VC_OK)
        code = refuse_loss(secrets, &config, err);
    if (code == VC_OK) {
        memcpy(&origins->list[origins->count], config.origins, sizeof(config.origins));
        origins->count += APP_SECRETS;
        code = put_in_place(secrets, config.list, APP_VARIABLES, err);
    }
    app_config_free(&config);
    return code;
}

static enum vc_code load_credentials(struct child_secrets *secrets, struct origins *origins,
                                     struct vc_error *err)
{
    const struct child_secrets_options *options = secrets->options;
    struct s3_credentials credentials;
    struct s3_variables variables = {.count = 0};
    enum vc_code code;

    s3_credentials_init(&credentials, &vc_wiping_allocator);
    code = credential_source_get(&secrets->session, &options->request, &credentials,
                                 &origins->list[origins->count++], err);
    if (code == VC_OK) {
        code = s3_variables_fill(&variables, options->names, &credentials, err);
        if (code == VC_OK)
            code = put_in_place(secrets, variables.list, variables.count, err);
        s3_variables_free(&variables);
    }
    if (code == VC_OK)
        code = plan_refresh(secrets, &credentials, err);
    s3_credentials_free(&credentials);
    return code;
}

static const char *minio_folder(const struct child_secrets *secrets)
{
    return secrets->own_folder[0] != '\0' ? secrets->own_folder : secrets->options->folder;
}

static enum vc_code load_minio(struct child_secrets *secrets, struct origins *origins,
                               struct vc_error *err)
{
    const struct child_secrets_options *options = secrets->options;
    struct s3_credentials credentials;
    enum vc_code code;

    s3_credentials_init(&credentials, &vc_wiping_allocator);
    code = credential_source_get(&secrets->session, &options->request, &credentials,
                                 &origins->list[origins->count++], err);
    if (code == VC_OK)
        code = minio_root_put(options->minio, minio_folder(secrets), &credentials,
                              &secrets->environment, err);
    s3_credentials_free(&credentials);
    return code;
}

/* Asks Vault, and puts what it says where children find it. A tenant's S3_* replace the platform's.
 */
static enum vc_code load(struct child_secrets *secrets, struct vc_error *err)
{
    struct origins origins = {.count = 0};
    enum vc_code code = VC_OK;

    secrets->session.interrupt = secrets->options->signals;
    if (secrets->options->minio != NULL)
        code = load_minio(secrets, &origins, err);
    if (secrets->options->app)
        code = load_app(secrets, &origins, err);
    if (code == VC_OK && secrets->options->minio == NULL && secrets->options->names != NULL)
        code = load_credentials(secrets, &origins, err);
    /* The endpoint's threads leave signals to the supervisor. */
    secrets->session.interrupt = -1;
    if (code == VC_OK)
        secrets->origins = origins;
    return code;
}

/* Through signals that mean nothing as long as there is no child. */
static enum vc_code load_first(struct child_secrets *secrets, struct vc_error *err)
{
    enum vc_code code;

    do
        code = load(secrets, err);
    while (code == VC_CANCELLED &&
           (secrets->stopped_by = child_signals_stop(secrets->options->signals)) == 0);
    return code;
}

static enum vc_code open_folder(struct child_secrets *secrets, struct vc_error *err)
{
    const char *folder = secrets->options->folder;
    char *name = secrets->own_folder;

    if (folder != NULL)
        return secret_folder_open(folder, true, err);
    if (secrets->options->minio == NULL)
        return VC_OK;
    snprintf(name, sizeof(secrets->own_folder), OWN_FOLDER, (int)getpid());
    if (mkdtemp(name) == NULL) {
        vc_error_set(err, VC_BAD_FILE, "cannot make the folder \"%s\": %m", name);
        name[0] = '\0';
        vc_error_hint(err, "--files FOLDER names one, on a tmpfs");
        return VC_BAD_FILE;
    }
    return secret_folder_open(name, true, err);
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
    if (code == VC_OK)
        code = open_folder(secrets, err);
    if (code == VC_OK)
        code = load_first(secrets, err);
    for (size_t i = 0; code == VC_OK && i < secrets->origins.count; i++)
        secret_watch_start(&secrets->watches[i], secrets->session.client, &secrets->origins.list[i],
                           options->watch_interval);
    return code;
}

/* Another version is in Vault, or temporary keys come to their end. */
static bool has_news(struct child_secrets *secrets)
{
    vc_msec now = vc_now();
    bool news = secrets->refresh_at != 0 && now >= secrets->refresh_at;

    for (size_t i = 0; secrets->options->watch_interval != 0 && i < secrets->origins.count; i++)
        news |= secret_watch_run(&secrets->watches[i], now);
    return news;
}

bool child_secrets_run(struct child_secrets *secrets)
{
    bool news;

    secrets->busy = pthread_mutex_trylock(&secrets->endpoint.lock) != 0;
    if (secrets->busy)
        return false;
    vc_client_run(secrets->session.client);
    news = has_news(secrets);
    pthread_mutex_unlock(&secrets->endpoint.lock);
    return news;
}

enum vc_code child_secrets_reload(struct child_secrets *secrets, struct vc_error *err)
{
    enum vc_code code;

    if (pthread_mutex_trylock(&secrets->endpoint.lock) != 0) {
        secrets->refresh_at = secrets->refresh_at != 0 ? vc_now() + REFRESH_RETRY : 0;
        return vc_error_set(err, VC_CANCELLED, "the command itself is asking at this moment");
    }
    code = load(secrets, err);
    if (code != VC_OK && secrets->refresh_at != 0)
        secrets->refresh_at = vc_now() + REFRESH_RETRY;
    for (size_t i = 0; i < secrets->origins.count; i++)
        secret_watch_set(&secrets->watches[i], &secrets->origins.list[i]);
    pthread_mutex_unlock(&secrets->endpoint.lock);
    return code;
}

int child_secrets_fd(const struct child_secrets *secrets)
{
    return secrets->busy ? -1 : vc_client_fd(secrets->session.client);
}

vc_msec child_secrets_next_at(const struct child_secrets *secrets, vc_msec until)
{
    vc_msec look = vc_now() + BUSY_LOOK;

    if (secrets->busy)
        return look < until ? look : until;
    for (size_t i = 0; secrets->options->watch_interval != 0 && i < secrets->origins.count; i++)
        if (secrets->watches[i].next_at < until)
            until = secrets->watches[i].next_at;
    if (secrets->refresh_at != 0 && secrets->refresh_at < until)
        until = secrets->refresh_at;
    return until;
}

static void remove_files(const struct child_secrets_options *options)
{
    const char *name;

    if (options->app)
        for (size_t i = 0; i < APP_VARIABLES; i++)
            secret_folder_remove(options->folder, app_variables[i].name);
    if (options->names != NULL)
        for (size_t i = 0; (name = s3_names_variable(options->names, i)) != NULL; i++)
            secret_folder_remove(options->folder, name);
}

void child_secrets_close(struct child_secrets *secrets)
{
    child_endpoint_stop(&secrets->endpoint);
    for (size_t i = 0; i < CHILD_SECRETS_MAX; i++)
        secret_watch_stop(&secrets->watches[i]);
    child_environment_free(&secrets->environment);
    if (secrets->options->minio != NULL)
        minio_root_free(secrets->options->minio);
    else if (secrets->options->folder != NULL)
        remove_files(secrets->options);
    if (secrets->own_folder[0] != '\0')
        rmdir(secrets->own_folder);
    vault_session_close(&secrets->session);
}
