/*
 * compat.h - where PostgreSQL 15 to 18 differ. Every #if PG_VERSION_NUM of the extension is in
 * here.
 */
#ifndef TV_COMPAT_H
#define TV_COMPAT_H

#include "postgres.h"

#include "common/scram-common.h"
#include "libpq/auth.h"
#include "libpq/hba.h"
#include "libpq/libpq-be.h"
#include "libpq/scram.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/postmaster.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
#if PG_VERSION_NUM >= 180000
#include "storage/waiteventset.h"
#include "tcop/backend_startup.h"
#endif
#if PG_VERSION_NUM < 160000
#include "utils/guc.h"
#endif

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "tenant_vault supports PostgreSQL 15 to 18"
#endif

/*
 * A set that lives until FreeWaitEventSet, whatever transaction or resource owner is there: 17
 * replaced the memory context by a resource owner, for which NULL means just that.
 */
static inline WaitEventSet *tv_wait_event_set_create(int nevents)
{
#if PG_VERSION_NUM >= 170000
    return CreateWaitEventSet(NULL, nevents);
#else
    return CreateWaitEventSet(TopMemoryContext, nevents);
#endif
}

/* The wait event's number; before 17 all extensions share one ("Extension"). Once per process and
 * name. */
static inline uint32 tv_wait_event(const char *name)
{
#if PG_VERSION_NUM >= 170000
    return WaitEventExtensionNew(name);
#else
    return PG_WAIT_EXTENSION;
#endif
}

/* ---- SCRAM ---- */

/* What scram_iterations says, a setting since 16, and what it is where nobody has changed it. */
#if PG_VERSION_NUM >= 160000
#define TV_DEFAULT_ITERATIONS SCRAM_SHA_256_DEFAULT_ITERATIONS
#define TV_SET_ITERATIONS scram_sha_256_iterations
#else
#define TV_DEFAULT_ITERATIONS SCRAM_DEFAULT_ITERATIONS
#define TV_SET_ITERATIONS SCRAM_DEFAULT_ITERATIONS
#endif

/* True where the server's own exchange will accept it as SCRAM-SHA-256. */
static inline bool tv_scram_verifier_parses(const char *verifier)
{
    int iterations;
    char *salt = NULL;
#if PG_VERSION_NUM >= 160000
    uint8 stored_key[SCRAM_MAX_KEY_LEN], server_key[SCRAM_MAX_KEY_LEN];
    pg_cryptohash_type hash;
    int key_len;

    return parse_scram_secret(verifier, &iterations, &hash, &key_len, &salt, stored_key,
                              server_key);
#else
    uint8 stored_key[SCRAM_KEY_LEN], server_key[SCRAM_KEY_LEN];

    return parse_scram_secret(verifier, &iterations, &salt, stored_key, server_key);
#endif
}

/* palloc'd; NULL where it cannot be computed. The password has been through SASLprep. */
static inline char *tv_scram_verifier_build(const char *password, const uint8 *salt, int salt_len,
                                            int iterations)
{
    const char *why = NULL;
#if PG_VERSION_NUM >= 180000
    return scram_build_secret(PG_SHA256, SCRAM_SHA_256_KEY_LEN, salt, salt_len, iterations,
                              password, &why);
#elif PG_VERSION_NUM >= 160000
    return scram_build_secret(PG_SHA256, SCRAM_SHA_256_KEY_LEN, (const char *)salt, salt_len,
                              iterations, password, &why);
#else
    return scram_build_secret((const char *)salt, salt_len, iterations, password, &why);
#endif
}

/* ---- who has logged in, and how ---- */

static inline bool tv_logins_are_logged(void)
{
#if PG_VERSION_NUM >= 180000
    return (log_connections & LOG_CONNECTION_AUTHENTICATION) != 0;
#else
    return Log_connections;
#endif
}

/*
 * As the server's own methods do it: SYSTEM_USER and log_connections show port->hba->auth_method
 * beside the identity.
 */
static inline void tv_set_authn_id(Port *port, const char *id)
{
#if PG_VERSION_NUM >= 180000
    set_authn_id(port, id);
#else
#if PG_VERSION_NUM >= 160000
    const char *source = port->hba->sourcefile;

    MyClientConnectionInfo.authn_id = MemoryContextStrdup(TopMemoryContext, id);
    MyClientConnectionInfo.auth_method = port->hba->auth_method;
#else
    const char *source = HbaFileName;

    port->authn_id = MemoryContextStrdup(TopMemoryContext, id);
#endif
    if (Log_connections)
        ereport(LOG, (errmsg("connection authenticated: identity=\"%s\" method=%s (%s:%d)", id,
                             hba_authname(port->hba->auth_method), source, port->hba->linenumber)));
#endif
}

#endif
