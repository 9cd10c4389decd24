/*
 * hba_file.h - the file for pg_hba.conf that names the login group while the library is loaded.
 *
 *   hostssl all @/run/postgresql/tenant_vault.5432 all trust
 *
 * The line says trust, and login.c turns that into a SCRAM exchange. Without the library it would
 * be what it says: so the file that it needs is there only while the library is, whatever ends the
 * server. PostgreSQL does not start with an HBA file that names a missing one.
 *
 * Beside it lies a second, with ".conf" added to its name, that holds whole lines, for
 *
 *   include_if_exists /run/postgresql/tenant_vault.5432.conf
 *
 * which PostgreSQL has from 16 on: without the library only the enrolled roles stay out then.
 */
#ifndef TV_HBA_FILE_H
#define TV_HBA_FILE_H

#include "postgres.h"

/*
 * From _PG_init in the postmaster, which reads pg_hba.conf after that: writes the file, and has it
 * removed when the postmaster exits. Where the place is open to others than the server's user the
 * file is not written, and the log says so: whoever can put a file there would decide who gets in
 * unchecked.
 */
extern void tv_hba_file_create(void);

/* Where it is, or "" where there is none. */
extern const char *tv_hba_file_path(void);

/*
 * Removes the file if it is still this server's. Called by whoever outlives the postmaster, for
 * tidiness: with it gone nobody can read the file any more.
 */
extern void tv_hba_file_remove(void);

#endif
