/*
 * use_vault.h - USE_VAULT, by which an application is taken off Vault, and put back on.
 */
#ifndef MH_USE_VAULT_H
#define MH_USE_VAULT_H

#include <stdbool.h>

#include "options.h"

/*
 * *use: what USE_VAULT says; true where it is unset or empty. False: it is neither true nor false
 * (setting_value.h), and that was said: STATUS_USAGE.
 */
bool use_vault(const struct usage *usage, bool *use);

#endif
