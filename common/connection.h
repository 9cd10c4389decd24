/*
 * connection.h - a tenant's secret and the platform's template to libpq parameters, URL and keyword
 * string.
 *
 * Parsing and quoting are libpq's own (PQconninfoParse; libpq documentation, "Connection Strings").
 * This module alone links libpq. Called by the fetcher and by minio-helper.
 */
#ifndef VC_CONNECTION_H
#define VC_CONNECTION_H

#include <cjson/cJSON.h>

#include "allocator.h"
#include "error.h"
#include "secret_buffer.h"

#define VC_CONNECTION_VALUE_MAX                                                                    \
    8192 /* bytes of one value; libpq and SASLprep take 1,024 for a password */
#define VC_CONNECTION_TEXT_MAX 65536 /* bytes of a whole URL or keyword string */

/* All strings owned by the struct, NULL where not given (dbname never is). */
struct vc_connection {
    const struct vc_allocator *allocator;
    char *host; /* NULL where only a hostaddr is given; libpq's list where there are several */
    char *port; /* libpq's list where there are several */
    char *dbname, *username, *password, *sslmode;
    char *scram_verifier;   /* of the tenant's secret, not part of conninfo */
    char *credentials_path; /* set: dynamic credentials, username and password come from there */
    struct vc_buf conninfo; /* every parameter, as a keyword string; libpq's quoting */
    struct vc_buf url;      /* every parameter, as postgresql://... */
};

struct vc_connection_source {
    const char *tenant;      /* valid by tenant_layout.h */
    const char *environment; /* valid by tenant_layout.h */
    const cJSON *platform;   /* data of .../database, or NULL where that does not exist */
    const cJSON *secret; /* data of .../tenants/<tenant>/database, or NULL where there is none */
};

/*
 * Builds the connection. Each placeholder of the platform's tenant_url_template is filled in,
 * percent-encoded: {tenant}, {env}, {database_name} (the secret's dbname, else the tenant's name),
 * {username} and {password} (the secret's). The tenant's secret then replaces single parameters; a
 * secret with `url` replaces the template as a whole. dbname defaults to the tenant's name. Other
 * fields of the platform's secret (main_url) are not looked at.
 *
 * Fields of a tenant's secret: username (or user), password, libpq's keywords, or url instead of
 * these; beside them scram_verifier or credentials_path. Any other name is refused, because it may
 * be a misspelt sslmode: notes belong into the secret's custom_metadata. Of libpq's keywords those
 * are refused that make a client read a file of the secret's choice, run something or ask a third
 * party (service, servicefile, passfile, sslkeylogfile, oauth_*), and replication; sslcert, sslkey
 * and sslpassword name the client's own key and may stand in the template only.
 *
 * A password that stands literally in the template goes to the template's host and port only.
 *
 * VC_NOT_FOUND: neither template nor secret, or no secret where the template needs it.
 * VC_BAD_TEMPLATE: unknown placeholder, unbalanced brace, nothing that tells tenants apart
 * (every tenant would share one database), not a URL that libpq takes.
 * VC_BAD_SECRET: a value that is not a string (a port may be a number), that is empty, or longer
 * than VC_CONNECTION_VALUE_MAX; an unknown or refused field; url beside keywords; no username or
 * no host (libpq would silently take its own process's); a malformed url, port or sslmode.
 * VC_NO_MEMORY. Messages name the field and the kind of fault, never a value.
 *
 * On error nothing is left to free; connection may be passed to vc_connection_free all the same.
 */
enum vc_code vc_connection_build(struct vc_connection *connection,
                                 const struct vc_allocator *allocator,
                                 const struct vc_connection_source *source, struct vc_error *err);
/* Wipes and frees. connection may be NULL, and may be freed again. */
void vc_connection_free(struct vc_connection *connection);

#endif
