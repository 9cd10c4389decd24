/*
 * container_endpoint.h - an HTTP endpoint from which S3 clients refresh their credentials by
 * themselves.
 *
 * AWS SDKs and Tools Reference Guide, "Container credential provider": GET of
 * AWS_CONTAINER_CREDENTIALS_FULL_URI with the content of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE as
 * its Authorization header. Listens on loopback or a Unix socket and nowhere else; each tenant has
 * a token of its own, so that no tenant's application gets another's keys. Called by
 * command_serve.
 */
#ifndef MH_CONTAINER_ENDPOINT_H
#define MH_CONTAINER_ENDPOINT_H

#include "s3_credentials.h"

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

#define CONTAINER_ENDPOINT_TENANTS_MAX 256 /* named on one command line */
#define CONTAINER_ENDPOINT_PATH "/credentials/"

struct container_endpoint;

/*
 * Fetches a tenant's credentials into out (initialised; freed by the caller in any case). Called
 * from several threads, at once where the tenants are different.
 */
typedef enum vc_code (*container_endpoint_fetch)(void *ctx, const char *tenant,
                                                 struct s3_credentials *out, struct vc_error *err);

struct container_endpoint_options {
    const char *listen; /* "127.0.0.1:8099", "[::1]:0" (0: any free port), or "/path/of/socket" */
    const char *const *tenants; /* valid names; they stay the caller's */
    const char *const *tokens;  /* of each tenant: its whole Authorization header; copied */
    size_t tenant_count;        /* 1 to CONTAINER_ENDPOINT_TENANTS_MAX */
    container_endpoint_fetch fetch;
    void *fetch_ctx;
};

/*
 * Begins to serve, in threads of its own: signals must be blocked before. Answers of one tenant
 * are cached: temporary credentials until half their life is over (and, where there is no new one
 * to be had, until a minute before its end), static keys for five minutes. Who asks while they are
 * fetched waits for that one fetch.
 *
 * NULL with VC_BAD_SETTING (listen is not loopback, in use, or malformed), VC_NO_MEMORY,
 * VC_INTERNAL.
 */
struct container_endpoint *
container_endpoint_start(const struct container_endpoint_options *options, struct vc_error *err);
/* "http://127.0.0.1:8099", or the socket's path. */
const char *container_endpoint_address(const struct container_endpoint *endpoint);
/*
 * The tenant at that index has another token from now on (NULL: the same), and its credentials are
 * fetched anew for who asks next; what is cached stands where that cannot be done. False: no
 * memory, nothing has changed.
 */
bool container_endpoint_renew(struct container_endpoint *endpoint, size_t tenant,
                              const char *token);
/*
 * Takes no new requests, finishes those that run within 5 s, wipes what was cached. cancel: an
 * eventfd that is written to for a fetch that takes longer, and is to end then; -1: none. NULL is
 * permitted.
 */
void container_endpoint_stop(struct container_endpoint *endpoint, int cancel);

#endif
