/*
 * raw_client.c - the reference of the benchmarks: the plainest program that reads (or writes) the
 * same secrets from the same Vault with libcurl, over as many kept-alive connections as it is told.
 *
 * Called by tests/bench/run. Prints the microseconds from the first request to the last reply; the
 * connections are opened (and, over TLS, shaken hands) before the clock starts, as the fetcher's
 * are.
 *
 *   raw_client read|write CONNECTIONS FIRST COUNT      tenants bench<FIRST> ... in turn
 *
 * From the environment: VAULT_ADDR, VAULT_CACERT, VAULT_TOKEN_FILE.
 */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_CONNECTIONS 64
#define TIMEOUT_SECONDS 300L /* a run that takes longer is of no use */

struct reply {
    char bytes[65536]; /* the secrets of the benchmark are below 1 kB */
    size_t len;
};

struct connection {
    CURL *easy;
    struct reply reply;
    char body[512];
};

struct run {
    bool write;
    int next, end;
    const char *address;
    struct curl_slist *headers;
    struct connection connections[MAX_CONNECTIONS];
};

static void fail(const char *what)
{
    fprintf(stderr, "raw_client: %s\n", what);
    exit(1);
}

static size_t receive(char *bytes, size_t size, size_t count, void *ctx)
{
    struct reply *reply = ctx;

    if (size * count > sizeof reply->bytes - reply->len)
        return 0;
    memcpy(reply->bytes + reply->len, bytes, size * count);
    reply->len += size * count;
    return size * count;
}

static double now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void prepare(struct run *run, struct connection *connection, int tenant)
{
    char url[512];

    snprintf(url, sizeof url, "%s/v1/secret/data/saas-project/dev/tenants/bench%06d/database",
             run->address, tenant);
    connection->reply.len = 0;
    curl_easy_setopt(connection->easy, CURLOPT_URL, url);
    if (run->write) {
        snprintf(connection->body, sizeof connection->body,
                 "{\"data\":{\"username\":\"bench%06d\","
                 "\"password\":\"x7Kq0vZr3mWc9TgUa5LpYd2N-%06d\"}}",
                 tenant, tenant);
        curl_easy_setopt(connection->easy, CURLOPT_POSTFIELDS, connection->body);
    }
}

static void check(struct connection *connection)
{
    long status = 0;

    curl_easy_getinfo(connection->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
        fprintf(stderr, "raw_client: status %ld\n", status);
        exit(1);
    }
}

static void open_connection(struct run *run, struct connection *connection)
{
    const char *ca = getenv("VAULT_CACERT");

    connection->easy = curl_easy_init();
    if (connection->easy == NULL)
        fail("no memory");
    curl_easy_setopt(connection->easy, CURLOPT_HTTPHEADER, run->headers);
    curl_easy_setopt(connection->easy, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(connection->easy, CURLOPT_WRITEDATA, &connection->reply);
    curl_easy_setopt(connection->easy, CURLOPT_PRIVATE, connection);
    curl_easy_setopt(connection->easy, CURLOPT_TIMEOUT, TIMEOUT_SECONDS);
    curl_easy_setopt(connection->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(connection->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    if (ca != NULL)
        curl_easy_setopt(connection->easy, CURLOPT_CAINFO, ca);
}

/* One connection: curl_easy_perform in a loop, the shortest way that there is. */
static double run_serially(struct run *run)
{
    struct connection *connection = &run->connections[0];
    double start;

    prepare(run, connection, run->next); /* opens the connection */
    if (curl_easy_perform(connection->easy) != CURLE_OK)
        fail("no reply");
    start = now_us();
    for (; run->next < run->end; run->next++) {
        prepare(run, connection, run->next);
        if (curl_easy_perform(connection->easy) != CURLE_OK)
            fail("no reply");
        check(connection);
    }
    return now_us() - start;
}

/* Hands the next tenant to a connection that is free; false where none is left. */
static bool hand_out(struct run *run, CURLM *multi, struct connection *connection)
{
    if (run->next >= run->end)
        return false;
    prepare(run, connection, run->next++);
    curl_multi_add_handle(multi, connection->easy);
    return true;
}

static int collect(struct run *run, CURLM *multi)
{
    CURLMsg *message;
    int left, ended = 0;

    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        struct connection *connection;

        if (message->msg != CURLMSG_DONE)
            continue;
        if (message->data.result != CURLE_OK)
            fail(curl_easy_strerror(message->data.result));
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&connection);
        check(connection);
        curl_multi_remove_handle(multi, connection->easy);
        ended++;
        hand_out(run, multi, connection);
    }
    return ended;
}

static void drive(struct run *run, CURLM *multi, int wanted)
{
    int running;

    for (int ended = 0; ended < wanted;) {
        curl_multi_perform(multi, &running);
        ended += collect(run, multi);
        if (ended < wanted)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
}

static double run_in_parallel(struct run *run, int connections)
{
    CURLM *multi = curl_multi_init();
    int first = run->next, end = run->end;
    double start;

    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)MAX_CONNECTIONS);
    /* Every connection once, untimed, so that all of them are open. */
    run->end = first + connections;
    for (int i = 0; i < connections; i++)
        hand_out(run, multi, &run->connections[i]);
    drive(run, multi, connections);

    run->next = first;
    run->end = end;
    start = now_us();
    for (int i = 0; i < connections; i++)
        hand_out(run, multi, &run->connections[i]);
    drive(run, multi, end - first);
    return now_us() - start;
}

static struct curl_slist *read_headers(void)
{
    char token[256] = "", header[300];
    const char *path = getenv("VAULT_TOKEN_FILE");
    FILE *file = path == NULL ? NULL : fopen(path, "r");

    if (file == NULL || fgets(token, sizeof token, file) == NULL)
        fail("VAULT_TOKEN_FILE cannot be read");
    fclose(file);
    token[strcspn(token, "\n")] = '\0';
    snprintf(header, sizeof header, "X-Vault-Token: %s", token);
    return curl_slist_append(NULL, header);
}

int main(int argc, char **argv)
{
    static struct run run;
    int connections;

    if (argc != 5)
        fail("usage: raw_client read|write CONNECTIONS FIRST COUNT");
    run.write = strcmp(argv[1], "write") == 0;
    connections = (int)strtol(argv[2], NULL, 10);
    run.next = (int)strtol(argv[3], NULL, 10);
    run.end = run.next + (int)strtol(argv[4], NULL, 10);
    if (connections < 1 || connections > MAX_CONNECTIONS || connections > run.end - run.next)
        fail("1 to 64 connections, and no more than requests");
    run.address = getenv("VAULT_ADDR");
    if (run.address == NULL)
        fail("VAULT_ADDR is not set");

    curl_global_init(CURL_GLOBAL_DEFAULT);
    run.headers = read_headers();
    for (int i = 0; i < connections; i++)
        open_connection(&run, &run.connections[i]);
    printf("%.0f\n", connections == 1 ? run_serially(&run) : run_in_parallel(&run, connections));
    return 0;
}
