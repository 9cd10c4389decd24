/*
 * app_variable.h - which variable of an application stands for which field of the platform's
 * secrets (database, jwt, s3), and which values it can have.
 */
#ifndef MH_APP_VARIABLE_H
#define MH_APP_VARIABLE_H

#include <stdbool.h>

enum app_secret { APP_DATABASE, APP_JWT, APP_S3 };
#define APP_SECRETS 3

enum app_value {
    APP_LINE,   /* without control characters: URLs, names, keys of S3 */
    APP_TEXT,   /* anything: signing keys, which may be PEM */
    APP_SECONDS /* a whole number above 0; in Vault a string or a number */
};

#define APP_VARIABLES 10

struct app_variable {
    const char *name; /* "JWT_SECRET_KEY" */
    enum app_secret secret;
    const char *field;     /* "secret_key" */
    const char *otherwise; /* the field that counts where field is absent; NULL: none */
    enum app_value kind;
};

/* All APP_VARIABLES of them, those of one secret together. */
extern const struct app_variable app_variables[APP_VARIABLES];

/* The secret's name below the environment: "database". */
const char *app_secret_name(enum app_secret secret);
/* NULL: no such variable. */
const struct app_variable *app_variable_find(const char *name);
/* What is wrong with the value, to stand behind its name: "is empty"; NULL: nothing. */
const char *app_variable_fault(const struct app_variable *variable, const char *value);

#endif
