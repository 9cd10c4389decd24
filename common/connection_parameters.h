/*
 * connection_parameters.h - the parameters of one connection, by libpq's keywords, and how they are
 * written as a keyword string and as a URL.
 *
 * What parameters a connection may have is decided here, by a list of those that are allowed;
 * where their values come from is connection.c's matter. Called by connection.c alone.
 */
#ifndef VC_CONNECTION_PARAMETERS_H
#define VC_CONNECTION_PARAMETERS_H

#include <stdbool.h>
#include <stddef.h>

#include "allocator.h"
#include "secret_buffer.h"

/* Those that are used by name, in the order in which they are written. */
enum keyword { KW_HOST, KW_HOSTADDR, KW_PORT, KW_DBNAME, KW_USER, KW_PASSWORD, KW_SSLMODE };

#define KEYWORDS 40
#define NO_KEYWORD KEYWORDS

struct keyword_rule {
    const char *name;
    bool template_only; /* names a file of the client's: the platform's word, not a tenant's */
};

/* An allow-list: a libpq to come may know keywords that read files or run something. */
extern const struct keyword_rule connection_keywords[KEYWORDS];

/* One value for each keyword, NULL where not given. Owned, from the allocator of its user. */
struct connection_parameters {
    char *value[KEYWORDS];
};

/* Its place in connection_keywords, or NO_KEYWORD. */
size_t connection_find_keyword(const char *name);
/* Wipes and frees the values. */
void connection_parameters_free(const struct vc_allocator *allocator,
                                struct connection_parameters *parameters);

/* libpq documentation, "Keyword/Value Connection Strings". Failure shows in out->failed. */
void connection_write_conninfo(const struct connection_parameters *parameters, struct vc_buf *out);
/* RFC 3986, and libpq documentation, "Connection URIs". dbname must be there. */
void connection_write_url(const struct connection_parameters *parameters, struct vc_buf *out);

#endif
