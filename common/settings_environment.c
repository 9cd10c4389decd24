/*
 * settings_environment.c - settings from VAULT_* environment variables.
 *
 * Refuses a value given twice, and credentials of two kinds where VAULT_AUTH_METHOD does not say
 * which of them to use. Declared in settings.h; called by command-line programs.
 */
#include "settings.h"

#include <stdio.h>
#include <string.h>

#include "secret_buffer.h"
#include "secret_file.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define VARIABLE_NAME_SIZE 64 /* the longest, VAULT_SECRET_ID_WRAPPED_FILE, has 28 bytes */

typedef const char *(*lookup_function)(const char *name);

struct variable {
    const char *name;
    const char *setting;
    const char *file_setting; /* takes the path of NAME_FILE; NULL: the file is read here */
    const char *yields_to;    /* ignored where this other variable is given */
};

static const struct variable variables[] = {
    {.name = "VAULT_ADDR", .setting = "address"},
    {.name = "BAO_ADDR", .setting = "address", .yields_to = "VAULT_ADDR"},
    {.name = "VAULT_NAMESPACE", .setting = "namespace"},
    {.name = "VAULT_CACERT", .setting = "ca_cert"},
    {.name = "VAULT_CAPATH", .setting = "ca_path"},
    {.name = "VAULT_CLIENT_CERT", .setting = "client_cert"},
    {.name = "VAULT_CLIENT_KEY", .setting = "client_key"},
    {.name = "VAULT_TLS_SERVER_NAME", .setting = "tls_server_name"},
    {.name = "VAULT_SKIP_VERIFY", .setting = "skip_verify"},
    {.name = "VAULT_CLIENT_TIMEOUT", .setting = "request_timeout"},
    {.name = "VAULT_MAX_RETRIES", .setting = "max_retries"},
    {.name = "VAULT_AUTH_METHOD", .setting = "auth_method"},
    {.name = "VAULT_AUTH_MOUNT", .setting = "auth_mount"},
    {.name = "VAULT_ROLE", .setting = "role"},
    {.name = "VAULT_ROLE_ID", .setting = "role_id", .file_setting = "role_id_file"},
    {.name = "VAULT_SECRET_ID", .setting = "secret_id", .file_setting = "secret_id_file"},
    {.name = "VAULT_SECRET_ID_WRAPPED", .setting = "secret_id_wrapped"},
    {.name = "VAULT_TOKEN", .setting = "token", .file_setting = "token_file"},
    {.name = "VAULT_JWT", .file_setting = "jwt_file"},
    {.name = "VAULT_KV_MOUNT", .setting = "kv_mount"},
    {.name = "VAULT_SECRET_PREFIX", .setting = "prefix"},
    {.name = "VAULT_ENVIRONMENT", .setting = "environment"},
};

/* Which method a credential speaks for, by the order in which a message names them. */
struct credential {
    const char *variable;
    const char *method;
};

static const struct credential credentials[] = {
    {.variable = "VAULT_ROLE_ID", .method = "approle"},
    {.variable = "VAULT_ROLE_ID_FILE", .method = "approle"},
    {.variable = "VAULT_SECRET_ID", .method = "approle"},
    {.variable = "VAULT_SECRET_ID_FILE", .method = "approle"},
    {.variable = "VAULT_TOKEN", .method = "token"},
    {.variable = "VAULT_TOKEN_FILE", .method = "token_file"},
    {.variable = "VAULT_JWT_FILE", .method = "jwt"},
};

static const char *given(lookup_function lookup, const char *name)
{
    const char *value = lookup(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* NAME_FILE's value, and its name in file_name. */
static const char *given_as_file(lookup_function lookup, const char *name,
                                 char file_name[VARIABLE_NAME_SIZE])
{
    snprintf(file_name, VARIABLE_NAME_SIZE, "%s_FILE", name);
    return given(lookup, file_name);
}

static bool given_somehow(lookup_function lookup, const char *name)
{
    char file_name[VARIABLE_NAME_SIZE];

    return given(lookup, name) != NULL || given_as_file(lookup, name, file_name) != NULL;
}

/* Sets, and says in an error which variable it was. */
static enum vc_code set_from(struct vc_settings *settings, const char *variable,
                             const char *setting, const char *value, struct vc_error *err)
{
    struct vc_error cause = {0};
    enum vc_code code = vc_settings_set(settings, setting, value, &cause);

    if (code == VC_OK)
        return VC_OK;
    return vc_error_set(err, code, "environment variable %s: %s", variable, cause.message);
}

static enum vc_code set_from_content(struct vc_settings *settings, const char *variable,
                                     const char *setting, const char *path, struct vc_error *err)
{
    struct vc_buf content;
    enum vc_code code;

    vc_buf_init(&content, settings->allocator, VC_SECRET_FILE_MAX);
    /* None of the values that are read here is a secret: the mode does not matter. */
    code = vc_secret_file_read(path, false, &content, NULL, err);
    if (code == VC_OK)
        code = set_from(settings, variable, setting, vc_buf_text(&content), err);
    vc_buf_free(&content);
    return code;
}

static enum vc_code read_variable(struct vc_settings *settings, const struct variable *variable,
                                  lookup_function lookup, struct vc_error *err)
{
    char file_name[VARIABLE_NAME_SIZE];
    const char *path;

    if (variable->yields_to != NULL && given_somehow(lookup, variable->yields_to))
        return VC_OK;
    if (variable->setting != NULL && given(lookup, variable->name) != NULL) {
        if (given_as_file(lookup, variable->name, file_name) == NULL)
            return set_from(settings, variable->name, variable->setting,
                            given(lookup, variable->name), err);
        vc_error_set(err, VC_BAD_SETTING, "both %s and %s are set", variable->name, file_name);
        vc_error_hint(err, "unset one of them");
        return VC_BAD_SETTING;
    }
    path = given_as_file(lookup, variable->name, file_name);
    if (path == NULL)
        return VC_OK;
    if (variable->file_setting != NULL)
        return set_from(settings, file_name, variable->file_setting, path, err);
    return set_from_content(settings, file_name, variable->setting, path, err);
}

static enum vc_code refuse_two_kinds(const struct credential *a, const struct credential *b,
                                     struct vc_error *err)
{
    vc_error_set(err, VC_BAD_SETTING, "both %s and %s are set, and VAULT_AUTH_METHOD is not",
                 a->variable, b->variable);
    vc_error_hint(err, "set VAULT_AUTH_METHOD to %s or %s, or unset one of the two", a->method,
                  b->method);
    return VC_BAD_SETTING;
}

/* VAULT_AUTH_METHOD is not given: what was given must speak for one method. */
static enum vc_code choose_method(struct vc_settings *settings, lookup_function lookup,
                                  struct vc_error *err)
{
    const struct credential *chosen = NULL;
    const char *method;

    for (size_t i = 0; i < COUNT(credentials); i++) {
        if (given(lookup, credentials[i].variable) == NULL)
            continue;
        if (chosen == NULL)
            chosen = &credentials[i];
        else if (strcmp(chosen->method, credentials[i].method) != 0)
            return refuse_two_kinds(chosen, &credentials[i], err);
    }
    if (chosen != NULL)
        method = chosen->method;
    else
        method = settings->client_cert != NULL ? "cert" : NULL;
    return vc_settings_set(settings, "auth_method", method, err);
}

enum vc_code vc_settings_from_environment(struct vc_settings *settings, lookup_function lookup,
                                          struct vc_error *err)
{
    for (size_t i = 0; i < COUNT(variables); i++) {
        enum vc_code code = read_variable(settings, &variables[i], lookup, err);

        if (code != VC_OK)
            return code;
    }
    if (given_somehow(lookup, "VAULT_AUTH_METHOD"))
        return VC_OK;
    return choose_method(settings, lookup, err);
}
