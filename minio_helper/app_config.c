/*
 * app_config.c - the platform's secrets to an application's variables (app_config.h). Called by
 * app-config and by exec --app.
 */
#include "app_config.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

static enum vc_code refuse(const struct app_config *config, const struct app_variable *variable,
                           const char *field, const char *fault, struct vc_error *err)
{
    vc_error_set(err, VC_BAD_SECRET, "secret \"%s\": field %s %s (it is for %s)",
                 config->origins[variable->secret].path, field, fault, variable->name);
    return VC_BAD_SECRET;
}

/* A number of seconds may be a number in Vault; nothing else may. */
static const char *text_of(struct app_config *config, size_t index, const cJSON *item)
{
    if (cJSON_IsString(item))
        return item->valuestring;
    if (!cJSON_IsNumber(item) || app_variables[index].kind != APP_SECONDS ||
        item->valuedouble < 0 || item->valuedouble > INT_MAX ||
        item->valuedouble != (double)(int)item->valuedouble)
        return NULL;
    snprintf(config->numbers[index], APP_NUMBER_SIZE, "%d", (int)item->valuedouble);
    return config->numbers[index];
}

static enum vc_code take_value(struct app_config *config, size_t index, struct vc_error *err)
{
    const struct app_variable *variable = &app_variables[index];
    const cJSON *data = config->secrets[variable->secret].data;
    const char *field = variable->field;
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(data, field);
    const char *text, *fault;

    if (item == NULL && variable->otherwise != NULL) {
        field = variable->otherwise;
        item = cJSON_GetObjectItemCaseSensitive(data, field);
    }
    if (item == NULL)
        return VC_OK;
    text = text_of(config, index, item);
    if (text == NULL)
        return refuse(config, variable, field,
                      variable->kind == APP_SECONDS ? "is not a whole number of seconds above 0"
                                                    : "is not a string",
                      err);
    fault = app_variable_fault(variable, text);
    if (fault != NULL)
        return refuse(config, variable, field, fault, err);
    config->list[index].value = text;
    return VC_OK;
}

static enum vc_code read_secret(struct app_config *config, struct vault_session *session,
                                enum app_secret which, struct vc_error *err)
{
    struct credential_origin *origin = &config->origins[which];
    enum vc_code code =
        vault_session_path(session, NULL, app_secret_name(which), origin->path, err);

    if (code == VC_OK)
        code = vault_session_read(session, origin->path, 0, &config->secrets[which], err);
    if (code != VC_OK)
        return code;
    origin->version = config->secrets[which].version;
    memcpy(origin->created_time, config->secrets[which].created_time, sizeof(origin->created_time));
    return VC_OK;
}

static enum vc_code refuse_environment(const struct vault_session *session, struct vc_error *err)
{
    vc_error_set(
        err, VC_NOT_FOUND, "environment \"%s\" has no secrets: none of %s, %s, %s below %s/%s",
        session->settings.environment, app_secret_name(APP_DATABASE), app_secret_name(APP_JWT),
        app_secret_name(APP_S3), session->settings.secret_prefix, session->settings.environment);
    vc_error_hint(err,
                  "VAULT_ENVIRONMENT chooses another one; minio-helper import fills one from an "
                  ".env file");
    return VC_NOT_FOUND;
}

static void say_absent(const struct app_config *config)
{
    for (int which = 0; which < APP_SECRETS; which++)
        if (config->secrets[which].data == NULL)
            report_note("there is no secret \"%s\": what it is for stays unset",
                        config->origins[which].path);
}

enum vc_code app_config_read(struct app_config *config, struct vault_session *session,
                             struct vc_error *err)
{
    enum vc_code code = VC_OK;
    int found = 0;

    memset(config, 0, sizeof(*config));
    for (int which = 0; which < APP_SECRETS; which++) {
        code = read_secret(config, session, which, err);
        if (code == VC_OK)
            found++;
        else if (code != VC_NOT_FOUND)
            return code;
    }
    if (found == 0)
        return refuse_environment(session, err);
    say_absent(config);
    code = VC_OK;
    for (size_t i = 0; code == VC_OK && i < APP_VARIABLES; i++) {
        config->list[i].name = app_variables[i].name;
        code = take_value(config, i, err);
    }
    return code;
}

void app_config_from_environment(struct app_config *config)
{
    memset(config, 0, sizeof(*config));
    for (size_t i = 0; i < APP_VARIABLES; i++)
        config->list[i] = (struct env_variable){.name = app_variables[i].name,
                                                .value = getenv(app_variables[i].name)};
}

void app_config_free(struct app_config *config)
{
    for (int which = 0; which < APP_SECRETS; which++)
        if (config->secrets[which].data != NULL)
            vc_kv_secret_free(&config->secrets[which]);
    explicit_bzero(config, sizeof(*config));
}
