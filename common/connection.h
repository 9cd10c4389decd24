/*
 * connection.h - a tenant's secret and the platform's template to libpq parameters, URL and keyword string.
 *
 * Parsing and quoting are libpq's own (PQconninfoParse; libpq documentation, "Connection Strings"). This
 * module alone links libpq.
 */
#ifndef VC_CONNECTION_H
#define VC_CONNECTION_H

#include <cjson/cJSON.h>

#include "allocator.h"
#include "error.h"
#include "secret_buffer.h"

#define VC_CONNECTION_VALUE_MAX 8192 /* bytes of one value; libpq and SASLprep take 1,024 for a password */
#define VC_CONNECTION_TEXT_MAX 65536 /* bytes of a whole URL or keyword string */

/* All strings owned by the struct, NULL where not given (dbname never is). Free with vc_connection_free. */
struct vc_connection {
    const struct vc_allocator *allocator;
    char *host, *port, *dbname, *username, *password, *sslmode;
    char *scram_verifier;   /* of the tenant's secret, not part of conninfo */
    char *credentials_path; /* set: dynamic credentials, username and password come from there */
    struct vc_buf conninfo; /* every parameter, as a keyword string; libpq's quoting */
    struct vc_buf url;      /* every parameter, as postgresql://... */
};

struct vc_connection_source {
    const char *tenant;
    const char *environment;
    const cJSON *platform; /* data of .../database, or NULL where that does not exist */
    const cJSON *secret;   /* data of .../tenants/<tenant>/database, or NULL where there is none */
};

/*
 * Builds the connection: template filled in (each value percent-encoded), overlaid by the secret's url or
 * keywords, dbname defaulting to the tenant's name. VC_BAD_TEMPLATE: unknown placeholder, unbalanced brace,
 * no placeholder at all (every tenant would share one database), not a URL that libpq takes. VC_BAD_SECRET:
 * a value that is not a string (a port may be a number), empty where something is needed, with a NUL, longer
 * than VC_CONNECTION_VALUE_MAX, an unknown keyword, url beside keywords. VC_NOT_FOUND: neither template nor secret. Messages name the
 * field and the kind of fault, never a value.
 */
enum vc_code vc_connection_build(struct vc_connection *connection, const struct vc_allocator *allocator,
                                 const struct vc_connection_source *source, struct vc_error *err);
void vc_connection_free(struct vc_connection *connection);

#endif
