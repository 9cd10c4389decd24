/*
 * use_vault.c - the variable USE_VAULT (use_vault.h). Called by exec and app-config.
 *
 * Refuses what is no boolean: "USE_VAULT=no" must not be taken for yes, nor for no by guessing.
 */
#include "use_vault.h"

#include <stdlib.h>

#include "setting_value.h"

bool use_vault(const struct usage *usage, bool *use)
{
    const char *text = getenv("USE_VAULT");

    *use = true;
    if (text == NULL || text[0] == '\0' || vc_parse_bool(text, use))
        return true;
    return options_refuse(
        usage, "USE_VAULT is neither true nor false", NULL,
        "true: the secrets come from Vault; false: the environment stays as it is");
}
