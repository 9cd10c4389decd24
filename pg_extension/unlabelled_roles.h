/*
 * unlabelled_roles.h - roles that are known to have no label, in shared memory.
 *
 * Every login asks whether its role has a label, and nearly all have none. Reading the catalog for
 * that is 2 to 4 % of a connection; a mark here is two loads. Marks are only ever "there was none":
 * whoever finds no mark reads the catalog. They are void as soon as anybody has begun to write a
 * label, all together, and while that transaction is open there are none. A standby makes none,
 * because labels come to it without anybody writing them there.
 *
 * A label that a superuser writes into pg_shseclabel past SECURITY LABEL (allow_system_table_mods)
 * is not seen here until a label is written properly or the server is restarted.
 */
#ifndef TV_UNLABELLED_ROLES_H
#define TV_UNLABELLED_ROLES_H

#include "postgres.h"

/* True where the role was seen without a label and none has been written since. */
extern bool tv_role_known_unlabelled(Oid role);

/*
 * Around a look into the catalog: the first two before its snapshot is taken, and where the first
 * is true and there was no label, the generation to the third. (A server that is promoted between
 * snapshot and mark would else keep what it saw as a standby.)
 */
extern bool tv_labels_written_here(void);
extern uint32 tv_label_generation(void);
extern void tv_role_note_unlabelled(Oid role, uint32 generation);

/* This transaction writes a label: no mark holds from now on. */
extern void tv_labels_change(void);

#endif
