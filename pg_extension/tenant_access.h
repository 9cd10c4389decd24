/*
 * tenant_access.h - who may read which tenant's credentials.
 *
 * A superuser may, and a role that is bound to the tenant by its label; anybody else needs a row of
 * tenant_vault.tenant_grant that names the tenant and a role whose privileges he has. Called by the
 * functions that give out a tenant's credentials, before anything is looked up.
 */
#ifndef TV_TENANT_ACCESS_H
#define TV_TENANT_ACCESS_H

#include "postgres.h"

/*
 * Returns where the current user may read the tenant's credentials. Otherwise raises 42501, or
 * 22023 where the name is none that a tenant can have. Decisions are kept in the session; each call
 * looks for catalog changes first, so that a revocation holds from the next call on, inside a
 * running transaction too.
 */
extern void tv_require_tenant_access(const char *tenant, size_t len);

/* The table of grants in the current database, InvalidOid where the extension is not installed. */
extern Oid tv_grant_table(void);

#endif
