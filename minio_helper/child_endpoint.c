/*
 * child_endpoint.c - the endpoint from which exec's command refreshes its credentials
 * (child_endpoint.h). Called by exec.
 */
#include "child_endpoint.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "report.h"

#define FREE_PORT "127.0.0.1:0"
#define ADDRESS_MAX 256 /* http://127.0.0.1:<port>/credentials/<tenant> */

static enum vc_code fetch(void *ctx, const char *tenant, struct s3_credentials *out,
                          struct vc_error *err)
{
    struct child_endpoint *endpoint = ctx;
    enum vc_code code;

    pthread_mutex_lock(&endpoint->lock);
    endpoint->session->interrupt = endpoint->cancel;
    code = credential_source_get(endpoint->session, endpoint->request, out, NULL, err);
    endpoint->session->interrupt = -1;
    pthread_mutex_unlock(&endpoint->lock);
    if (code != VC_OK && code != VC_CANCELLED)
        report_note("exec: tenant \"%s\": %s", tenant, err->message);
    return code;
}

void child_endpoint_init(struct child_endpoint *endpoint, struct vault_session *session,
                         const struct credential_request *request)
{
    *endpoint = (struct child_endpoint){.session = session, .request = request, .cancel = -1};
    pthread_mutex_init(&endpoint->lock, NULL);
}

static bool make_token(char *text)
{
    unsigned char random[CHILD_TOKEN_BYTES];
    bool done = getrandom(random, sizeof(random), 0) == (ssize_t)sizeof(random);

    for (size_t i = 0; i < sizeof(random); i++)
        snprintf(text + 2 * i, 3, "%02x", random[i]);
    explicit_bzero(random, sizeof(random));
    return done;
}

enum vc_code child_endpoint_start(struct child_endpoint *endpoint, struct vc_error *err)
{
    const char *const tenants[] = {endpoint->request->tenant};
    const char *const tokens[] = {endpoint->token};
    const struct container_endpoint_options options = {
        .listen = FREE_PORT,
        .tenants = tenants,
        .tokens = tokens,
        .tenant_count = 1,
        .fetch = fetch,
        .fetch_ctx = endpoint,
    };

    if (!make_token(endpoint->token))
        return vc_error_set(err, VC_INTERNAL, "the system has no random bytes: %m");
    endpoint->cancel = eventfd(0, EFD_CLOEXEC);
    if (endpoint->cancel < 0)
        return vc_error_set(err, VC_INTERNAL, "cannot make an eventfd: %m");
    endpoint->endpoint = container_endpoint_start(&options, err);
    return endpoint->endpoint != NULL ? VC_OK : err->code;
}

bool child_endpoint_announce(const struct child_endpoint *endpoint,
                             struct child_environment *environment)
{
    /* In the order of the SDKs' "credential provider chain", these come before the endpoint. */
    static const char *const before[] = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY",
                                         "AWS_SESSION_TOKEN", "AWS_CREDENTIAL_EXPIRATION",
                                         "AWS_PROFILE",       "AWS_DEFAULT_PROFILE"};
    char address[ADDRESS_MAX];

    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
        child_environment_set(environment, before[i], NULL);
    snprintf(address, sizeof(address), "%s" CONTAINER_ENDPOINT_PATH "%s",
             container_endpoint_address(endpoint->endpoint), endpoint->request->tenant);
    return child_environment_set(environment, "AWS_CONTAINER_CREDENTIALS_FULL_URI", address) &&
           child_environment_set(environment, "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                                 endpoint->token) &&
           child_environment_set(environment, "AWS_SHARED_CREDENTIALS_FILE", "/dev/null") &&
           child_environment_set(environment, "AWS_CONFIG_FILE", "/dev/null");
}

void child_endpoint_stop(struct child_endpoint *endpoint)
{
    /* At once: the command, for whom they are, has ended. */
    if (endpoint->cancel >= 0)
        eventfd_write(endpoint->cancel, 1);
    container_endpoint_stop(endpoint->endpoint, endpoint->cancel);
    endpoint->endpoint = NULL;
    if (endpoint->cancel >= 0)
        close(endpoint->cancel);
    endpoint->cancel = -1;
    explicit_bzero(endpoint->token, sizeof(endpoint->token));
    pthread_mutex_destroy(&endpoint->lock);
}
