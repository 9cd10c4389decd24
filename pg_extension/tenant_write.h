/*
 * tenant_write.h - a backend's way to change a tenant's secret in Vault.
 *
 * Called by the SQL functions. The backend neither makes nor sees the password: it says what is to
 * be done, and is told the outcome.
 */
#ifndef TV_TENANT_WRITE_H
#define TV_TENANT_WRITE_H

#include "postgres.h"

#include "frame.h"
#include "secret_lookup.h"

/* Texts are NULL where not given; all but operation and tenant are for OPERATION_CREATE. */
typedef struct TvWriteOrder {
    enum frame_operation operation;
    const char *tenant; /* valid */
    const char *username, *host, *port, *dbname;
} TvWriteOrder;

/*
 * Has it done and waits, within tenant_vault.request_timeout. answer->version is the one written,
 * found or removed; TAG_EXISTED in it tells a creation that found a secret there. Does not ereport
 * for an outcome of Vault's; does for cancellation. From the answer on, what was cached of the
 * tenant is not used any more.
 */
extern void tv_write_tenant(const TvWriteOrder *order, TvAnswer *answer);

#endif
