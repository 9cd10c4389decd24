/*
 * minio_root.c - a MinIO server's root credentials (minio_root.h). Called by child_secrets and
 * exec.
 */
#include "minio_root.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format.h"
#include "s3_probe.h"
#include "secret_file.h"
#include "secret_folder.h"

#define FILE_NAME "minio.env"
#define DEFAULT_ADDRESS ":9000" /* MinIO's own */
#define PROBE_TIMEOUT 1000 /* milliseconds: it is on this machine, and signals wait meanwhile */

/* What MinIO takes root credentials from besides, old names and files among them. */
static const char *const other_sources[] = {
    "MINIO_ROOT_USER",  "MINIO_ROOT_PASSWORD", "MINIO_ROOT_USER_FILE",  "MINIO_ROOT_PASSWORD_FILE",
    "MINIO_ACCESS_KEY", "MINIO_SECRET_KEY",    "MINIO_ACCESS_KEY_FILE", "MINIO_SECRET_KEY_FILE",
};

/* ---- where it will answer ---- */

/* The value of --address in the server's own arguments, or NULL. */
static const char *address_of(char *const *command)
{
    static const char option[] = "--address";
    size_t len = sizeof(option) - 1;

    for (char *const *word = command; *word != NULL; word++) {
        if (strncmp(*word, option, len) != 0)
            continue;
        if ((*word)[len] == '=')
            return *word + len + 1;
        if ((*word)[len] == '\0')
            return word[1];
    }
    return getenv("MINIO_ADDRESS");
}

static enum vc_code url_of_address(const char *address, char *url, struct vc_error *err)
{
    const char *colon = strrchr(address, ':');
    int host_len = colon != NULL ? (int)(colon - address) : 0;
    bool any =
        host_len == 0 || strncmp(address, "0.0.0.0:", 8) == 0 || strncmp(address, "[::]:", 5) == 0;
    int len;

    if (colon == NULL || colon[1] == '\0')
        return vc_error_set(err, VC_BAD_SETTING, "exec: not an address of MinIO's: \"%s\"",
                            address);
    len = any ? snprintf(url, MINIO_ROOT_URL_MAX, "http://127.0.0.1%s", colon)
              : snprintf(url, MINIO_ROOT_URL_MAX, "http://%s", address);
    if (len >= MINIO_ROOT_URL_MAX)
        return vc_error_set(err, VC_BAD_SETTING, "exec: the address of MinIO is too long");
    return VC_OK;
}

enum vc_code minio_root_init(struct minio_root *minio, const char *url, char *const *command,
                             struct vc_error *err)
{
    const char *address = address_of(command);

    minio->path[0] = '\0';
    s3_credentials_init(&minio->root, &vc_wiping_allocator);
    if (getenv("MINIO_CONFIG_ENV_FILE") != NULL) {
        vc_error_set(err, VC_BAD_SETTING,
                     "exec: MINIO_CONFIG_ENV_FILE is set, and --minio sets it");
        vc_error_hint(err, "put the other settings of that file into the environment");
        return VC_BAD_SETTING;
    }
    if (url == NULL)
        return url_of_address(address != NULL ? address : DEFAULT_ADDRESS, minio->url, err);
    if (snprintf(minio->url, sizeof(minio->url), "%s", url) >= (int)sizeof(minio->url))
        return vc_error_set(err, VC_BAD_SETTING, "exec: the URL of --endpoint is too long");
    return VC_OK;
}

/* ---- the file ---- */

static enum vc_code write_file(const struct minio_root *minio, const char *folder,
                               struct vc_error *err)
{
    const struct format_request request = {.credentials = &minio->root};
    struct vc_buf text;
    enum vc_code code;

    vc_buf_init(&text, &vc_wiping_allocator, FORMAT_OUTPUT_MAX);
    code = format_find("minio")->render(&request, &text, err);
    if (code == VC_OK)
        code = secret_folder_write(
            folder, &(struct env_variable){.name = FILE_NAME, .value = vc_buf_text(&text)}, 1, err);
    vc_buf_free(&text);
    return code;
}

static bool set_environment(const struct minio_root *minio, struct child_environment *environment)
{
    for (size_t i = 0; i < sizeof(other_sources) / sizeof(other_sources[0]); i++)
        child_environment_set(environment, other_sources[i], NULL);
    return child_environment_set(environment, "MINIO_CONFIG_ENV_FILE", minio->path);
}

enum vc_code minio_root_put(struct minio_root *minio, const char *folder,
                            const struct s3_credentials *credentials,
                            struct child_environment *environment, struct vc_error *err)
{
    struct s3_credentials *root = &minio->root;
    enum vc_code code;

    if (snprintf(minio->path, sizeof(minio->path), "%s/" FILE_NAME, folder) >=
        (int)sizeof(minio->path))
        return vc_error_set(err, VC_BAD_FILE, "the path of the folder is too long");
    if (!s3_credentials_set(root, &root->access_key, credentials->access_key) ||
        !s3_credentials_set(root, &root->secret_key, credentials->secret_key) ||
        !s3_credentials_set(root, &root->session_token, credentials->session_token) ||
        !s3_credentials_set(root, &root->region, credentials->region) ||
        !s3_credentials_set(root, &root->endpoint_url, minio->url))
        return vc_error_set(err, VC_NO_MEMORY, "out of memory for MinIO's credentials");
    code = write_file(minio, folder, err);
    if (code == VC_OK && !set_environment(minio, environment))
        code = vc_error_set(err, VC_NO_MEMORY, "out of memory for the environment");
    return code;
}

/* One pair of quotes goes, and nothing within is unescaped. line is cut up. */
static const char *value_of(char *line, const char *name)
{
    size_t name_len = strlen(name);
    size_t len;
    char *value;

    if (strncmp(line, name, name_len) != 0 || line[name_len] != '=')
        return NULL;
    value = line + name_len + 1;
    len = strlen(value);
    if (len < 2 || value[0] != '"' || value[len - 1] != '"')
        return value;
    value[len - 1] = '\0';
    return value + 1;
}

/* True: the text has exactly these two lines. text is cut up. */
static bool names_root(char *text, const struct s3_credentials *root)
{
    char *rest = text;
    char *line;
    int found = 0;

    while ((line = strsep(&rest, "\n")) != NULL && line[0] != '\0') {
        const char *user = value_of(line, "MINIO_ROOT_USER");
        const char *password = value_of(line, "MINIO_ROOT_PASSWORD");

        if ((user == NULL || strcmp(user, root->access_key) != 0) &&
            (password == NULL || strcmp(password, root->secret_key) != 0))
            return false;
        found++;
    }
    return found == 2;
}

enum vc_code minio_root_check_file(const struct minio_root *minio, struct vc_error *err)
{
    struct vc_error why = {.code = VC_OK};
    struct vc_buf text;
    bool good;

    vc_buf_init(&text, &vc_wiping_allocator, VC_SECRET_FILE_MAX);
    good = vc_secret_file_read(minio->path, true, &text, NULL, &why) == VC_OK &&
           names_root(text.data, &minio->root);
    vc_buf_free(&text);
    if (good)
        return VC_OK;
    vc_error_set(err, VC_BAD_FILE, "MinIO would start with minioadmin: %s",
                 why.code != VC_OK ? why.message : "its file does not hold these credentials");
    vc_error_hint(err, "who else writes or cleans up \"%s\"?", minio->path);
    return VC_BAD_FILE;
}

/* ---- the server ---- */

static enum vc_code refuse_server(const char *what, const char *hint, struct vc_error *err)
{
    vc_error_set(err, VC_PERMISSION_DENIED, "MinIO was stopped: %s", what);
    vc_error_hint(err, "%s", hint);
    return VC_PERMISSION_DENIED;
}

enum vc_code minio_root_check_server(const struct minio_root *minio, struct vc_error *err)
{
    const struct s3_probe_server server = {.ca_cert = s3_probe_ca(), .timeout = PROBE_TIMEOUT};
    enum vc_code code = s3_probe_default_password(&minio->root, &server, err);

    if (code == VC_OK)
        return refuse_server("it takes minioadmin, and is open to everyone",
                             "does something remove the file that it reads at its start?", err);
    if (code == VC_PERMISSION_DENIED) {
        code = s3_probe_list(&minio->root, NULL, NULL, &server, err);
        if (code == VC_PERMISSION_DENIED)
            return refuse_server("it does not take the root credentials out of Vault",
                                 "does another server answer at its address?", err);
    }
    if (code == VC_OK)
        return VC_OK;
    vc_error_hint(err, "%s is where MinIO was asked: --endpoint URL for another place", minio->url);
    if (code != VC_BAD_REQUEST && code != VC_TLS)
        err->code = VC_UNREACHABLE;
    return err->code;
}

void minio_root_free(struct minio_root *minio)
{
    if (minio->path[0] != '\0')
        unlink(minio->path);
    s3_credentials_free(&minio->root);
}
