/*
 * scripted_server.c - an HTTP server in a thread that sends exactly the bytes it is told. Called by
 * test_transport and test_vault_client.
 */
#include "scripted_server.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RULES_MAX 64
#define REQUESTS_MAX 512
#define CONNECTIONS_MAX 128
#define REQUEST_MAX 65536
#define REPLY_MAX ((size_t)8 << 20)
#define ENDLESS_TAIL 1024
#define TICK 20 /* milliseconds between two looks at whether to stop */

struct connection {
    struct scripted_server *server;
    pthread_t thread;
    int fd;
    bool open;
};

struct scripted_server {
    pthread_mutex_t lock;
    pthread_t thread;
    int listener;
    unsigned port;
    char address[64];
    bool stopping;
    struct scripted_reply rules[RULES_MAX];
    unsigned used[RULES_MAX];
    size_t rule_count;
    char *requests[REQUESTS_MAX];
    size_t request_count;
    struct connection connections[CONNECTIONS_MAX];
    size_t connection_count;
};

static void lock(struct scripted_server *server)
{
    pthread_mutex_lock(&server->lock);
}

static void unlock(struct scripted_server *server)
{
    pthread_mutex_unlock(&server->lock);
}

static bool stopping(struct scripted_server *server)
{
    bool answer;

    lock(server);
    answer = server->stopping;
    unlock(server);
    return answer;
}

static void pause_for(unsigned milliseconds)
{
    struct timespec time = {.tv_sec = milliseconds / 1000,
                            .tv_nsec = milliseconds % 1000 * 1000000L};

    nanosleep(&time, NULL);
}

/* Waits until the client sends or is gone; false: gone, or the server stops. */
static bool wait_readable(struct connection *connection)
{
    struct pollfd event = {.fd = connection->fd, .events = POLLIN};

    while (!stopping(connection->server))
        if (poll(&event, 1, TICK) > 0)
            return true;
    return false;
}

static size_t body_length(const char *head)
{
    const char *field = strcasestr(head, "\r\nContent-Length:");

    return field == NULL ? 0 : strtoul(field + strlen("\r\nContent-Length:"), NULL, 10);
}

/* One request, NUL-terminated, or NULL where the client is gone. The caller frees it. */
static char *read_request(struct connection *connection)
{
    char *request = calloc(1, REQUEST_MAX);
    size_t len = 0;

    while (request != NULL && wait_readable(connection)) {
        ssize_t got = recv(connection->fd, request + len, REQUEST_MAX - 1 - len, 0);
        char *end;

        if (got <= 0)
            break;
        len += (size_t)got;
        end = strstr(request, "\r\n\r\n");
        if (end != NULL && len >= (size_t)(end + 4 - request) + body_length(request))
            return request;
    }
    free(request);
    return NULL;
}

static bool send_all(int fd, const char *bytes, size_t len, unsigned drip)
{
    while (len > 0) {
        ssize_t sent;

        if (drip > 0)
            pause_for(drip);
        sent = send(fd, bytes, drip > 0 ? 1 : len, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        len -= (size_t)sent;
    }
    return true;
}

/* The rule for a request, by value; all zero where there is none. */
static struct scripted_reply take_rule(struct scripted_server *server, char *request)
{
    struct scripted_reply rule = {.bytes = NULL};

    lock(server);
    if (server->request_count < REQUESTS_MAX)
        server->requests[server->request_count++] = strdup(request);
    for (size_t i = 0; i < server->rule_count; i++) {
        const struct scripted_reply *candidate = &server->rules[i];

        if (candidate->when != NULL && strstr(request, candidate->when) == NULL)
            continue;
        if (candidate->times > 0 && server->used[i] >= candidate->times)
            continue;
        server->used[i]++;
        rule = *candidate;
        break;
    }
    unlock(server);
    return rule;
}

static void reset_connection(int fd)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

/* False: the connection is over. */
static bool answer(struct connection *connection, const struct scripted_reply *rule)
{
    const char *tail =
        rule->len > ENDLESS_TAIL ? rule->bytes + rule->len - ENDLESS_TAIL : rule->bytes;

    if (rule->bytes == NULL || rule->reset) {
        reset_connection(connection->fd);
        return false;
    }
    if (rule->hang)
        return true;
    pause_for(rule->delay);
    if (!send_all(connection->fd, rule->bytes, rule->len, rule->drip))
        return false;
    while (rule->endless && !stopping(connection->server))
        if (!send_all(connection->fd, tail, (size_t)(rule->bytes + rule->len - tail), rule->drip))
            return false;
    return !rule->close;
}

static void *serve(void *ctx)
{
    struct connection *connection = ctx;
    char *request;

    while ((request = read_request(connection)) != NULL) {
        struct scripted_reply rule = take_rule(connection->server, request);

        free(request);
        if (!answer(connection, &rule))
            break;
    }
    lock(connection->server);
    close(connection->fd);
    connection->open = false;
    unlock(connection->server);
    return NULL;
}

static void *listen_on(void *ctx)
{
    struct scripted_server *server = ctx;

    while (!stopping(server)) {
        struct pollfd event = {.fd = server->listener, .events = POLLIN};
        struct connection *connection;
        int fd;

        if (poll(&event, 1, TICK) <= 0 || (fd = accept(server->listener, NULL, NULL)) < 0)
            continue;
        lock(server);
        if (server->connection_count >= CONNECTIONS_MAX) {
            close(fd);
            unlock(server);
            continue;
        }
        connection = &server->connections[server->connection_count++];
        *connection = (struct connection){.server = server, .fd = fd, .open = true};
        pthread_create(&connection->thread, NULL, serve, connection);
        unlock(server);
    }
    return NULL;
}

static int bound_socket(unsigned *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

struct scripted_server *scripted_server_start(void)
{
    struct scripted_server *server = calloc(1, sizeof(*server));

    ck_assert_ptr_nonnull(server);
    pthread_mutex_init(&server->lock, NULL);
    server->listener = bound_socket(&server->port);
    ck_assert_int_eq(listen(server->listener, SOMAXCONN), 0);
    snprintf(server->address, sizeof(server->address), "http://127.0.0.1:%u", server->port);
    ck_assert_int_eq(pthread_create(&server->thread, NULL, listen_on, server), 0);
    return server;
}

void scripted_server_add(struct scripted_server *server, const struct scripted_reply *reply)
{
    struct scripted_reply copy = *reply;

    if (copy.bytes == NULL)
        copy.bytes = "";
    if (copy.len == 0)
        copy.len = strlen(copy.bytes);
    ck_assert_uint_le(copy.len, REPLY_MAX);
    copy.bytes = memcpy(calloc(1, copy.len + 1), copy.bytes, copy.len);
    if (copy.when != NULL)
        copy.when = strdup(copy.when);
    lock(server);
    ck_assert_uint_lt(server->rule_count, RULES_MAX);
    server->rules[server->rule_count++] = copy;
    unlock(server);
}

void scripted_server_answer(struct scripted_server *server, const char *when, int status,
                            const char *headers, const char *body)
{
    size_t size = strlen(headers) + strlen(body) + 256;
    char *bytes = calloc(1, size);

    snprintf(
        bytes, size,
        "HTTP/1.1 %d Scripted\r\nContent-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n%s",
        status, headers, strlen(body), body);
    scripted_server_add(server, &(struct scripted_reply){.when = when, .bytes = bytes});
    free(bytes);
}

static void stop_listening(struct scripted_server *server)
{
    if (server->listener >= 0)
        close(server->listener);
    server->listener = -1;
}

void scripted_server_deafen(struct scripted_server *server)
{
    lock(server);
    server->stopping = true;
    unlock(server);
    pthread_join(server->thread, NULL);
    stop_listening(server);
    server->thread = 0;
    scripted_server_hang_up(server);
}

void scripted_server_hang_up(struct scripted_server *server)
{
    lock(server);
    for (size_t i = 0; i < server->connection_count; i++)
        if (server->connections[i].open)
            shutdown(server->connections[i].fd, SHUT_RDWR);
    unlock(server);
}

void scripted_server_stop(struct scripted_server *server)
{
    lock(server);
    server->stopping = true;
    unlock(server);
    if (server->thread != 0)
        pthread_join(server->thread, NULL);
    stop_listening(server);
    scripted_server_hang_up(server);
    for (size_t i = 0; i < server->connection_count; i++)
        pthread_join(server->connections[i].thread, NULL);
    for (size_t i = 0; i < server->rule_count; i++) {
        free((char *)server->rules[i].bytes);
        free((char *)server->rules[i].when);
    }
    for (size_t i = 0; i < server->request_count; i++)
        free(server->requests[i]);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

const char *scripted_server_address(const struct scripted_server *server)
{
    return server->address;
}

unsigned scripted_server_requests(struct scripted_server *server, const char *text)
{
    unsigned count = 0;

    lock(server);
    for (size_t i = 0; i < server->request_count; i++)
        count += text == NULL || strstr(server->requests[i], text) != NULL;
    unlock(server);
    return count;
}

unsigned scripted_server_connections(struct scripted_server *server)
{
    unsigned count;

    lock(server);
    count = (unsigned)server->connection_count;
    unlock(server);
    return count;
}

unsigned scripted_closed_port(void)
{
    unsigned port;

    close(bound_socket(&port));
    return port;
}
