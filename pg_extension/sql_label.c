/*
 * sql_label.c - _remove_labels(): the labels' part of unenroll_all().
 */
#include "postgres.h"

#include "fmgr.h"

#include "role_label.h"
#include "sql_function.h"

TV_SQL_FUNCTION(tv_remove_labels);

Datum tv_remove_labels(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT64(tv_role_labels_remove());
}
