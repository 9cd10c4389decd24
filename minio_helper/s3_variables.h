/*
 * s3_variables.h - which variable carries which part of the credentials, for each program that
 * takes them from its environment.
 */
#ifndef MH_S3_VARIABLES_H
#define MH_S3_VARIABLES_H

#include "env_variable.h"
#include "error.h"
#include "s3_credentials.h"
#include "secret_buffer.h"

#define S3_VARIABLES_MAX 16
#define S3_DERIVED_MAX                                                                             \
    2048 /* an endpoint, a bucket and a prefix of full length, and some words                      \
          */

struct s3_variables {
    struct env_variable list[S3_VARIABLES_MAX]; /* the whole set, absent ones included */
    size_t count;
    struct vc_buf derived[S3_VARIABLES_MAX]; /* values that are put together */
};

struct s3_names; /* a set of names */

/* Those of s3_names_all, and "fields": the names in Vault. NULL: no such set. */
const struct s3_names *s3_names_find(const char *name);
/* "aws, app, ..." for help and errors; static. */
const char *s3_names_all(void);

/* The name of the set's variable at index, or NULL behind the last. */
const char *s3_names_variable(const struct s3_names *names, size_t index);

/*
 * The variables of the set, with those that have no value. Values point into credentials and into
 * variables. VC_BAD_SECRET: the program cannot be told so (pgBackRest speaks
 * TLS only). VC_NO_MEMORY. Free in any case.
 */
enum vc_code s3_variables_fill(struct s3_variables *variables, const struct s3_names *names,
                               const struct s3_credentials *credentials, struct vc_error *err);
void s3_variables_free(struct s3_variables *variables);

#endif
