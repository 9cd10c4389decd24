/*
 * child_endpoint.h - the endpoint from which exec's command refreshes temporary credentials.
 *
 * An environment cannot be refreshed: instead of keys it then holds the endpoint's address and what
 * to send there. Nothing else may give the command keys, or an SDK would take those first.
 */
#ifndef MH_CHILD_ENDPOINT_H
#define MH_CHILD_ENDPOINT_H

#include <pthread.h>

#include "child_environment.h"
#include "container_endpoint.h"
#include "credential_source.h"

#define CHILD_TOKEN_BYTES 32 /* random; twice as many hexadecimal digits */

struct child_endpoint {
    pthread_mutex_t lock; /* whose turn it is with session: the endpoint's threads, or ours */
    struct vault_session *session;
    const struct credential_request *request;
    struct container_endpoint *endpoint; /* NULL: not started */
    int cancel;                          /* an eventfd: ends a fetch; -1: not started */
    char token[2 * CHILD_TOKEN_BYTES + 1];
};

void child_endpoint_init(struct child_endpoint *endpoint, struct vault_session *session,
                         const struct credential_request *request);
/* On a free port of 127.0.0.1. Errors: container_endpoint.h. */
enum vc_code child_endpoint_start(struct child_endpoint *endpoint, struct vc_error *err);
/* Puts it into the environment, and takes what SDKs would look at before. False: no memory. */
bool child_endpoint_announce(const struct child_endpoint *endpoint,
                             struct child_environment *environment);
/* Also where it was not started. */
void child_endpoint_stop(struct child_endpoint *endpoint);

#endif
