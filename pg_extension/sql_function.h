/*
 * sql_function.h - how a C function of this library becomes visible to PostgreSQL's function
 * manager.
 *
 * The library is built with hidden visibility, so that its copy of common/ cannot clash with
 * anybody else's. PostgreSQL 16 and later export what PG_FUNCTION_INFO_V1 and PG_MODULE_MAGIC
 * declare; 15 leaves that to the linker's defaults. Included, after postgres.h, by each file that
 * defines such a symbol.
 */
#ifndef TV_SQL_FUNCTION_H
#define TV_SQL_FUNCTION_H

#include "fmgr.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h" /* VARDATA_ANY and the like: in postgres.h before */
#endif

#if PG_VERSION_NUM < 160000
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#endif

/* Once in the library; from 18 on pg_get_loaded_modules() shows name and version. */
#ifdef PG_MODULE_MAGIC_EXT
#define TV_MODULE_MAGIC(a_name, a_version) PG_MODULE_MAGIC_EXT(.name = a_name, .version = a_version)
#else
#define TV_MODULE_MAGIC(a_name, a_version) PG_MODULE_MAGIC
#endif

/* Before the function's definition: TV_SQL_FUNCTION(tv_conninfo); */
#define TV_SQL_FUNCTION(name)                                                                      \
    extern PGDLLEXPORT Datum name(PG_FUNCTION_ARGS);                                               \
    PG_FUNCTION_INFO_V1(name)

#endif
