/*
 * login.h - who may log in with a password that only Vault holds.
 *
 * ClientAuthentication_hook, which PostgreSQL calls when a connection's line of pg_hba.conf has
 * been gone through. It acts where that line says trust and
 * - names the login group (tenant_vault.login_group), or
 * - the role has a label.
 * Then the client must prove a password by SCRAM-SHA-256, or -PLUS over TLS, before it is let in:
 * - a labelled role the tenant's in Vault, by a cached secret no older than login_max_age where
 * Vault can be asked, and stale_limit where it cannot;
 * - any other role pg_authid's;
 * - where there is neither, or VALID UNTIL is over, the exchange goes on as if there were one, and
 *   fails (PostgreSQL's own mock exchange).
 * Refused with 57P03 before any exchange: a labelled role whose secret cannot be asked for and is
 * not cached. All other lines and roles are left alone.
 */
#ifndef TV_LOGIN_H
#define TV_LOGIN_H

#include "postgres.h"

/* From _PG_init, where the library is preloaded. */
extern void tv_login_init(void);

#endif
