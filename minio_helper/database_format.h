/*
 * database_format.h - a PostgreSQL connection in the forms that libpq's clients read.
 */
#ifndef MH_DATABASE_FORMAT_H
#define MH_DATABASE_FORMAT_H

#include "error.h"
#include "secret_buffer.h"

#define DATABASE_FORMATS "uri, conninfo, env, pgpass, service"

/* A connection as libpq's own parser and writer know it. */
struct database_text {
    const char *url;      /* postgresql://... */
    const char *conninfo; /* a keyword string, or the URL once more: libpq takes both */
    const char *service;  /* the section's name for format service */
};

typedef enum vc_code (*database_render)(const struct database_text *text, struct vc_buf *out,
                                        struct vc_error *err);

/* NULL: no such format. */
database_render database_format_find(const char *name);

/*
 * The names of the parameters that are given, one a line. VC_BAD_SECRET: libpq does not take the
 * text.
 */
enum vc_code database_format_names(const struct database_text *text, struct vc_buf *out,
                                   struct vc_error *err);

#endif
