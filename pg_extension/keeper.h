/*
 * keeper.h - the background worker that owns the cache and the fetcher.
 *
 * It parses nothing from outside but frames, serves no client and reads no table; it runs on a
 * standby and in recovery too. An ERROR ends it; the postmaster starts it again, and the cache is
 * still there.
 */
#ifndef TV_KEEPER_H
#define TV_KEEPER_H

#include "postgres.h"

#include "sql_function.h"

/* From _PG_init while the library is being preloaded; not in a binary upgrade. */
extern void tv_keeper_register(void);

extern PGDLLEXPORT void tv_keeper_main(Datum argument);

#endif
