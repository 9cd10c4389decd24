/*
 * compat.h - where PostgreSQL 15 to 18 differ. Every #if PG_VERSION_NUM of the extension is in
 * here.
 */
#ifndef TV_COMPAT_H
#define TV_COMPAT_H

#include "postgres.h"

#include "pgstat.h"
#include "storage/latch.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/wait_event.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
#if PG_VERSION_NUM >= 180000
#include "storage/waiteventset.h"
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

#endif
