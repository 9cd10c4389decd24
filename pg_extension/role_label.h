/*
 * role_label.h - security labels that bind a role to a tenant, and who may write them.
 *
 *   SECURITY LABEL FOR tenant_vault ON ROLE acme_app IS 'acme'
 *
 * A label is authority: whoever knows the tenant's password in Vault gets in as the role. Labels
 * lie in pg_shseclabel, which PostgreSQL keeps readable before a database is open; pg_dumpall
 * writes them, standbys have them.
 */
#ifndef TV_ROLE_LABEL_H
#define TV_ROLE_LABEL_H

#include "postgres.h"

#include "access/htup.h"

/*
 * From _PG_init: registers the provider, and, where the library is preloaded, has passwords on
 * labelled roles refused (check_password_hook).
 */
extern void tv_role_label_init(void);

/*
 * The tenant that the role is bound to, palloc'd; NULL where it has no label. A label that was
 * written past the provider (into the catalog itself) may be no tenant's name: no look-up takes
 * it. Reads the catalog at each call; needs a transaction, but no database.
 */
extern char *tv_role_tenant(Oid role);

/*
 * Removes the label of each role that has one, and returns how many had. Needs a superuser. Not by
 * SECURITY LABEL, which locks each role until the transaction's end: of some 10,000 locks the
 * server's table is full, for everybody.
 */
extern int64 tv_role_labels_remove(void);

/* True where the role's VALID UNTIL is over; role is its pg_authid tuple. */
extern bool tv_role_expired(HeapTuple role);

#endif
