/*
 * container_endpoint.c - gives out credentials over HTTP, from a cache (container_endpoint.h).
 *
 * libmicrohttpd with a thread for each connection: a fetch that takes long holds up nobody whose
 * answer is in the cache.
 */
#include "container_endpoint.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "listen_socket.h"
#include "monotonic.h"
#include "secret_buffer.h"

#define CONNECTIONS_MAX 64      /* at once; one SDK keeps one */
#define CONNECTION_SECONDS 10   /* one that says nothing for longer is closed */
#define CONNECTION_MEMORY 16384 /* bytes for a request's head: an authorization has 100 */
#define BODY_MAX (256 * 1024)   /* three keys, each byte escaped */
#define STATIC_SECONDS 300      /* how long static keys are given out without asking again */
#define STATIC_LIFETIME 1200    /* what is told of them: SDKs ask again 15 to 5 minutes before */
#define LAST_USE_SECONDS 60     /* temporary ones are given out up to this before their end */
#define FAILURE_MSEC 1000       /* a failed fetch counts for those who ask meanwhile */
#define STOP_MSEC 5000          /* for those that are being answered when it is to end, */
#define STOP_LOOK_MSEC 10       /* looked for this often */
#define EXPIRATION_SIZE sizeof("2026-01-01T00:00:00Z")

struct entry {
    const char *tenant;
    char *token;
    pthread_cond_t fetched;
    bool fetching;
    bool outdated;      /* what is being fetched was asked for before it was to be renewed */
    struct vc_buf body; /* JSON; empty: nothing yet */
    time_t renew_at;    /* by the wall clock, as Expiration is */
    time_t ends_at;
    vc_msec failed_at; /* 0: the last fetch succeeded */
    struct vc_error err;
};

struct container_endpoint {
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock; /* all of the entries */
    container_endpoint_fetch fetch;
    void *fetch_ctx;
    char address[LISTEN_ADDRESS_MAX];
    struct entry *entries;
    size_t entry_count;
};

/* ---- one tenant's answer ---- */

static bool format_time(time_t at, char out[EXPIRATION_SIZE])
{
    struct tm parts;

    return gmtime_r(&at, &parts) != NULL &&
           strftime(out, EXPIRATION_SIZE, "%Y-%m-%dT%H:%M:%SZ", &parts) > 0;
}

/* Of RFC 3339's form, as sts_reply.h promises; -1: it is not. */
static time_t parse_time(const char *text)
{
    struct tm parts = {.tm_year = 0};

    return strptime(text, "%Y-%m-%dT%H:%M:%S", &parts) != NULL ? timegm(&parts) : -1;
}

/* botocore demands all four members, a token too: an empty one counts as none. */
static bool write_body(const struct s3_credentials *credentials, const char *expiration,
                       struct vc_buf *body)
{
    const char *token = credentials->session_token;

    vc_buf_reset(body);
    vc_buf_append_text(body, "{\"AccessKeyId\":");
    vc_buf_append_json(body, credentials->access_key);
    vc_buf_append_text(body, ",\"SecretAccessKey\":");
    vc_buf_append_json(body, credentials->secret_key);
    vc_buf_append_text(body, ",\"Token\":");
    vc_buf_append_json(body, token != NULL ? token : "");
    vc_buf_append_text(body, ",\"Expiration\":");
    vc_buf_append_json(body, expiration);
    return vc_buf_append_text(body, "}\n");
}

static enum vc_code keep(struct entry *entry, const struct s3_credentials *credentials)
{
    char told[EXPIRATION_SIZE];
    const char *expiration = credentials->expiration;
    time_t now = time(NULL);

    if (expiration != NULL) {
        entry->ends_at = parse_time(expiration);
        entry->renew_at = now + (entry->ends_at - now) / 2;
        entry->ends_at -= LAST_USE_SECONDS;
    } else {
        entry->renew_at = now + STATIC_SECONDS;
        entry->ends_at = entry->renew_at; /* Vault's word counts: not served beyond */
        if (!format_time(now + STATIC_LIFETIME, told))
            return VC_INTERNAL;
        expiration = told;
    }
    return write_body(credentials, expiration, &entry->body) ? VC_OK : VC_NO_MEMORY;
}

/* Called with lock held, which is given up meanwhile. */
static void fetch(struct container_endpoint *endpoint, struct entry *entry)
{
    struct s3_credentials credentials;
    struct vc_error err = {.code = VC_OK};
    enum vc_code code;

    entry->fetching = true;
    entry->outdated = false;
    pthread_mutex_unlock(&endpoint->lock);
    s3_credentials_init(&credentials, &vc_wiping_allocator);
    code = endpoint->fetch(endpoint->fetch_ctx, entry->tenant, &credentials, &err);
    pthread_mutex_lock(&endpoint->lock);
    if (code == VC_OK)
        code = keep(entry, &credentials);
    if (code == VC_OK) {
        entry->failed_at = 0;
        if (entry->outdated)
            entry->renew_at = 0;
    } else {
        entry->failed_at = vc_now();
        entry->err = err;
        /* Vault or STS has answered: what was given before is no more. */
        if (!vc_code_is_outage(code))
            vc_buf_reset(&entry->body);
    }
    s3_credentials_free(&credentials);
    entry->fetching = false;
    pthread_cond_broadcast(&entry->fetched);
}

static bool is_due(const struct entry *entry)
{
    if (entry->failed_at != 0 && vc_now() - entry->failed_at < FAILURE_MSEC)
        return false;
    return entry->body.len == 0 || entry->failed_at != 0 || time(NULL) >= entry->renew_at;
}

/* A copy of the answer into body, or the failure into err. */
static enum vc_code answer(struct container_endpoint *endpoint, struct entry *entry,
                           struct vc_buf *body, struct vc_error *err)
{
    enum vc_code code = VC_OK;

    pthread_mutex_lock(&endpoint->lock);
    if (entry->fetching) {
        while (entry->fetching)
            pthread_cond_wait(&entry->fetched, &endpoint->lock);
    } else if (is_due(entry)) {
        fetch(endpoint, entry);
    }
    if (entry->body.len > 0 && (entry->failed_at == 0 || time(NULL) < entry->ends_at)) {
        if (!vc_buf_append(body, entry->body.data, entry->body.len))
            code = VC_NO_MEMORY;
    } else {
        *err = entry->err;
        code = err->code != VC_OK ? err->code : VC_INTERNAL;
    }
    pthread_mutex_unlock(&endpoint->lock);
    return code;
}

/* ---- HTTP ---- */

static void wipe_reply(void *ctx)
{
    struct vc_buf *body = ctx;

    vc_buf_free(body);
    vc_free(&vc_wiping_allocator, body, sizeof(*body));
}

/* Takes body over. */
static enum MHD_Result send_reply(struct MHD_Connection *connection, unsigned int status,
                                  struct vc_buf *body)
{
    struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback_cls(
        body->len, body->data, wipe_reply, body);
    enum MHD_Result sent;

    if (response == NULL) {
        wipe_reply(body);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    /* An SDK asks every few minutes: a connection that it kept would hold up others. */
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    sent = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return sent;
}

static unsigned int status_of(enum vc_code code)
{
    if (code == VC_NOT_FOUND)
        return MHD_HTTP_NOT_FOUND;
    if (code == VC_PERMISSION_DENIED)
        return MHD_HTTP_FORBIDDEN;
    return vc_code_is_outage(code) ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_INTERNAL_SERVER_ERROR;
}

static enum MHD_Result send_failure(struct MHD_Connection *connection, unsigned int status,
                                    const char *message, struct vc_buf *body)
{
    vc_buf_reset(body);
    vc_buf_append_text(body, "{\"code\":");
    vc_buf_append_json(body, status == MHD_HTTP_UNAUTHORIZED ? "Unauthorized" : "NoCredentials");
    vc_buf_append_text(body, ",\"message\":");
    vc_buf_append_json(body, message);
    vc_buf_append_text(body, "}\n");
    return send_reply(connection, status, body);
}

/* In a time that depends on what was given alone, not on how much of it is right. */
static bool equal_in_constant_time(const char *given, const char *expected)
{
    size_t given_len = strlen(given);
    size_t expected_len = strlen(expected);
    volatile unsigned char difference = given_len != expected_len;

    for (size_t i = 0; i < given_len; i++)
        difference |= (unsigned char)(given[i] ^ expected[expected_len > 0 ? i % expected_len : 0]);
    return difference == 0 && given_len > 0;
}

/* The entry that the path names and the header opens. An unknown tenant is not told from a wrong
 * token. */
static struct entry *authorised(struct container_endpoint *endpoint, const char *path,
                                struct MHD_Connection *connection)
{
    const char *given =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
    size_t skip = sizeof(CONTAINER_ENDPOINT_PATH) - 1;
    struct entry *entry = NULL;

    if (given == NULL || strncmp(path, CONTAINER_ENDPOINT_PATH, skip) != 0)
        return NULL;
    pthread_mutex_lock(&endpoint->lock);
    for (size_t i = 0; i < endpoint->entry_count; i++)
        if (strcmp(endpoint->entries[i].tenant, path + skip) == 0)
            entry = &endpoint->entries[i];
    if (entry != NULL && !equal_in_constant_time(given, entry->token))
        entry = NULL;
    pthread_mutex_unlock(&endpoint->lock);
    return entry;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *path,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **state)
{
    struct container_endpoint *endpoint = ctx;
    struct vc_error err = {.code = VC_OK};
    struct entry *entry;
    struct vc_buf *body;
    enum vc_code code;

    (void)version;
    (void)upload;
    (void)state;
    *upload_size = 0; /* a body is passed over */
    body = vc_alloc(&vc_wiping_allocator, sizeof(*body));
    if (body == NULL)
        return MHD_NO;
    vc_buf_init(body, &vc_wiping_allocator, BODY_MAX);
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0)
        return send_failure(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET is served", body);
    entry = authorised(endpoint, path, connection);
    if (entry == NULL)
        return send_failure(connection, MHD_HTTP_UNAUTHORIZED,
                            "no such tenant, or not its Authorization token", body);
    code = answer(endpoint, entry, body, &err);
    if (code == VC_OK)
        return send_reply(connection, MHD_HTTP_OK, body);
    return send_failure(connection, status_of(code), err.message, body);
}

/* ---- start and stop ---- */

static bool make_entries(struct container_endpoint *endpoint,
                         const struct container_endpoint_options *options)
{
    endpoint->entries =
        vc_alloc(&vc_wiping_allocator, options->tenant_count * sizeof(*endpoint->entries));
    if (endpoint->entries == NULL)
        return false;
    endpoint->entry_count = options->tenant_count;
    for (size_t i = 0; i < options->tenant_count; i++) {
        struct entry *entry = &endpoint->entries[i];

        entry->tenant = options->tenants[i];
        entry->token = vc_strdup(&vc_wiping_allocator, options->tokens[i]);
        pthread_cond_init(&entry->fetched, NULL);
        vc_buf_init(&entry->body, &vc_wiping_allocator, BODY_MAX);
    }
    for (size_t i = 0; i < options->tenant_count; i++)
        if (endpoint->entries[i].token == NULL)
            return false;
    return true;
}

static struct MHD_Daemon *start_daemon(struct container_endpoint *endpoint, int fd)
{
    return MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
                                MHD_USE_POLL | MHD_USE_ITC,
                            0, NULL, NULL, on_request, endpoint, MHD_OPTION_LISTEN_SOCKET, fd,
                            MHD_OPTION_CONNECTION_LIMIT, (unsigned int)CONNECTIONS_MAX,
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)CONNECTION_SECONDS,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                            MHD_OPTION_END);
}

struct container_endpoint *
container_endpoint_start(const struct container_endpoint_options *options, struct vc_error *err)
{
    struct container_endpoint *endpoint = vc_alloc(&vc_wiping_allocator, sizeof(*endpoint));
    int fd;

    if (endpoint == NULL) {
        vc_error_set(err, VC_NO_MEMORY, "out of memory while starting to serve");
        return NULL;
    }
    endpoint->fetch = options->fetch;
    endpoint->fetch_ctx = options->fetch_ctx;
    pthread_mutex_init(&endpoint->lock, NULL);
    if (!make_entries(endpoint, options)) {
        vc_error_set(err, VC_NO_MEMORY, "out of memory while starting to serve");
        container_endpoint_stop(endpoint, -1);
        return NULL;
    }
    fd = listen_socket_open(options->listen, endpoint->address, err);
    if (fd >= 0)
        endpoint->daemon = start_daemon(endpoint, fd);
    if (fd >= 0 && endpoint->daemon == NULL) {
        close(fd);
        vc_error_set(err, VC_INTERNAL, "cannot serve HTTP on \"%s\"", options->listen);
    }
    if (endpoint->daemon == NULL) {
        container_endpoint_stop(endpoint, -1);
        return NULL;
    }
    return endpoint;
}

const char *container_endpoint_address(const struct container_endpoint *endpoint)
{
    return endpoint->address;
}

bool container_endpoint_renew(struct container_endpoint *endpoint, size_t tenant, const char *token)
{
    struct entry *entry = &endpoint->entries[tenant];
    char *copy = token != NULL ? vc_strdup(&vc_wiping_allocator, token) : NULL;

    if (token != NULL && copy == NULL)
        return false;
    pthread_mutex_lock(&endpoint->lock);
    if (copy != NULL) {
        vc_strfree(&vc_wiping_allocator, entry->token);
        entry->token = copy;
    }
    entry->renew_at = 0;
    entry->failed_at = 0;
    entry->outdated = entry->fetching;
    pthread_mutex_unlock(&endpoint->lock);
    return true;
}

static bool is_answering(struct MHD_Daemon *daemon)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

    return info != NULL && info->num_connections > 0;
}

/* Nobody new is let in, and who was gets an answer: MHD_stop_daemon alone would cut them off. */
static void stop_daemon(struct MHD_Daemon *daemon, int cancel)
{
    const struct timespec look = {.tv_nsec = STOP_LOOK_MSEC * 1000000L};
    vc_msec until = vc_now() + STOP_MSEC;
    int fd = MHD_quiesce_daemon(daemon);

    while (is_answering(daemon) && vc_now() < until)
        nanosleep(&look, NULL);
    if (cancel >= 0)
        eventfd_write(cancel, 1);
    MHD_stop_daemon(daemon); /* joins its threads */
    if (fd >= 0)
        close(fd);
}

void container_endpoint_stop(struct container_endpoint *endpoint, int cancel)
{
    if (endpoint == NULL)
        return;
    if (endpoint->daemon != NULL) {
        stop_daemon(endpoint->daemon, cancel);
        if (endpoint->address[0] == '/')
            unlink(endpoint->address);
    }
    for (size_t i = 0; i < endpoint->entry_count; i++) {
        vc_strfree(&vc_wiping_allocator, endpoint->entries[i].token);
        vc_buf_free(&endpoint->entries[i].body);
        pthread_cond_destroy(&endpoint->entries[i].fetched);
    }
    vc_free(&vc_wiping_allocator, endpoint->entries,
            endpoint->entry_count * sizeof(*endpoint->entries));
    pthread_mutex_destroy(&endpoint->lock);
    vc_free(&vc_wiping_allocator, endpoint, sizeof(*endpoint));
}
