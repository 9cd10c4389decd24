/*
 * name_check.h - names that users give, checked before anything is asked.
 */
#ifndef TV_NAME_CHECK_H
#define TV_NAME_CHECK_H

#include "postgres.h"

/* Raises 22023 with a hint where the name is none that a tenant can have. */
extern void tv_require_tenant_name(const char *tenant, size_t len);

/* Raises 22023 with a hint where path is none below tenant_vault.prefix. */
extern void tv_require_secret_path(const char *path);

#endif
