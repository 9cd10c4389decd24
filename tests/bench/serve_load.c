/*
 * serve_load.c - asks an HTTP server at a given rate, and tells how long the answers take.
 *
 * Called by tests/bench/rows_helper.py. Each of the connections is kept alive and asks at its own
 * fixed times: a late answer makes the next one late, and that counts. Prints the answers per
 * second and the 50th and 99th percentile in microseconds.
 *
 *   serve_load PORT PATH AUTHORIZATION RATE SECONDS
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS 10
#define MAX_REQUESTS 200000

struct client {
    pthread_t thread;
    int index;
};

static int port, rate, seconds;
static char request[1024];
static double took[MAX_REQUESTS];
static double begun;

static void fail(const char *what)
{
    fprintf(stderr, "serve_load: %s\n", what);
    exit(1);
}

static double now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void sleep_until(double at)
{
    double left = at - now_us();
    struct timespec ts;

    if (left <= 0)
        return;
    ts = (struct timespec){.tv_sec = (time_t)(left / 1e6),
                           .tv_nsec = (long)(left * 1e3) % 1000000000L};
    nanosleep(&ts, NULL);
}

static int connect_once(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
        fail("cannot connect");
    return fd;
}

/* Reads one answer: its head, and as much body as that says. */
static void read_answer(int fd)
{
    char bytes[16384];
    size_t len = 0, wanted = 0;

    while (wanted == 0 || len < wanted) {
        ssize_t got = read(fd, bytes + len, sizeof bytes - 1 - len);
        char *body, *length;

        if (got <= 0)
            fail("no answer");
        len += (size_t)got;
        bytes[len] = '\0';
        body = strstr(bytes, "\r\n\r\n");
        length = strcasestr(bytes, "\r\nContent-Length:");
        if (body != NULL && length != NULL)
            wanted = (size_t)(body + 4 - bytes) + strtoul(length + 17, NULL, 10);
    }
    if (strncmp(bytes, "HTTP/1.1 200", 12) != 0)
        fail("not 200");
}

static void *ask(void *ctx)
{
    const struct client *client = ctx;

    for (int i = client->index; i < rate * seconds; i += CLIENTS) {
        double at = begun + i * 1e6 / rate;
        int fd;

        sleep_until(at);
        fd = connect_once();
        if (write(fd, request, strlen(request)) != (ssize_t)strlen(request))
            fail("cannot ask");
        read_answer(fd);
        took[i] = now_us() - at;
        close(fd);
    }
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    double first = *(const double *)a, second = *(const double *)b;

    return (first > second) - (first < second);
}

int main(int argc, char **argv)
{
    static struct client clients[CLIENTS];
    size_t count;
    double elapsed;

    if (argc != 6)
        fail("usage: serve_load PORT PATH AUTHORIZATION RATE SECONDS");
    port = (int)strtol(argv[1], NULL, 10);
    rate = (int)strtol(argv[4], NULL, 10);
    seconds = (int)strtol(argv[5], NULL, 10);
    if (rate < 1 || seconds < 1 || rate > MAX_REQUESTS / seconds)
        fail("too many requests");
    count = (size_t)(rate * seconds);
    snprintf(request, sizeof request,
             "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: %s\r\n\r\n", argv[2], argv[3]);
    begun = now_us() + 1e5; /* by then all have started */
    for (int i = 0; i < CLIENTS; i++) {
        clients[i].index = i;
        pthread_create(&clients[i].thread, NULL, ask, &clients[i]);
    }
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i].thread, NULL);
    elapsed = now_us() - begun;
    qsort(took, count, sizeof took[0], by_size);
    printf("%.0f %.0f %.0f\n", (double)count / elapsed * 1e6, took[count / 2],
           took[count * 99 / 100]);
    return 0;
}
