/*
 * app_variable.c - an application's variables and the fields behind them (app_variable.h). Called
 * by app_config and by import.
 */
#include "app_variable.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "control_character.h"
#include "options.h"

/*
 * One key signs sessions and JWTs unless the application has two: JWT libraries fall back to
 * SECRET_KEY themselves (Flask-JWT-Extended, "Configuration Options: JWT_SECRET_KEY").
 */
const struct app_variable app_variables[APP_VARIABLES] = {
    {"DATABASE_URL", APP_DATABASE, "main_url", NULL, APP_LINE},
    {"TENANT_DATABASE_URL_TEMPLATE", APP_DATABASE, "tenant_url_template", NULL, APP_LINE},
    {"JWT_SECRET_KEY", APP_JWT, "secret_key", NULL, APP_TEXT},
    {"SECRET_KEY", APP_JWT, "app_secret_key", "secret_key", APP_TEXT},
    {"JWT_ACCESS_TOKEN_EXPIRES", APP_JWT, "access_token_expires", NULL, APP_SECONDS},
    {"S3_ENDPOINT_URL", APP_S3, "endpoint_url", NULL, APP_LINE},
    {"S3_ACCESS_KEY_ID", APP_S3, "access_key_id", NULL, APP_LINE},
    {"S3_SECRET_ACCESS_KEY", APP_S3, "secret_access_key", NULL, APP_LINE},
    {"S3_BUCKET_NAME", APP_S3, "bucket_name", NULL, APP_LINE},
    {"S3_REGION", APP_S3, "region", NULL, APP_LINE},
};

const char *app_secret_name(enum app_secret secret)
{
    static const char *const names[APP_SECRETS] = {"database", "jwt", "s3"};

    return names[secret];
}

const struct app_variable *app_variable_find(const char *name)
{
    for (size_t i = 0; i < APP_VARIABLES; i++)
        if (strcmp(app_variables[i].name, name) == 0)
            return &app_variables[i];
    return NULL;
}

const char *app_variable_fault(const struct app_variable *variable, const char *value)
{
    size_t len = strlen(value);
    long seconds;

    if (len == 0)
        return "is empty";
    switch (variable->kind) {
    case APP_TEXT:
        return NULL;
    case APP_SECONDS:
        return options_number(value, &seconds) && seconds > 0
                   ? NULL
                   : "is not a whole number of seconds above 0";
    case APP_LINE:
        if (value[len - 1] == '\n')
            return "ends in a newline";
        return has_control_character(value) ? "holds a control character" : NULL;
    }
    return "is of an unknown kind";
}
