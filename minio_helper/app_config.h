/*
 * app_config.h - an application's configuration: the values of its variables, out of the platform's
 * three secrets in Vault.
 */
#ifndef MH_APP_CONFIG_H
#define MH_APP_CONFIG_H

#include "app_variable.h"
#include "credential_source.h"
#include "env_variable.h"
#include "vault_session.h"

#define APP_NUMBER_SIZE 16 /* seconds: 2^31 has 10 digits */

struct app_config {
    struct env_variable list[APP_VARIABLES];       /* as app_variables; absent ones included */
    struct credential_origin origins[APP_SECRETS]; /* version 0: there is no such secret */
    struct vc_kv_secret secrets[APP_SECRETS];      /* what the values point into */
    char numbers[APP_VARIABLES][APP_NUMBER_SIZE];
};

/*
 * Reads the secrets of the session's environment. One that is not there leaves its variables
 * absent, which is said on standard error; VC_NOT_FOUND where none is there. VC_BAD_SECRET: a value
 * of the wrong type or form. Others: vault_session.h. Free in any case.
 */
enum vc_code app_config_read(struct app_config *config, struct vault_session *session,
                             struct vc_error *err);
/* The same variables as this process has them, unexamined. Needs no free. */
void app_config_from_environment(struct app_config *config);
/* Wipes. */
void app_config_free(struct app_config *config);

#endif
