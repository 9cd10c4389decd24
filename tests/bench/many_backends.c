/*
 * many_backends.c - N sessions that each send one query at the same moment.
 *
 * Called by tests/bench/run. Opens the sessions first, prepares the statement in each and runs it
 * once, then executes it with tenant bench<number> in all of them and prints the microseconds until
 * the last one has its answer, then the number of sessions whose query failed.
 *
 *   many_backends SESSIONS FIRST STEP      tenants FIRST, FIRST + STEP, ...; STEP 0: all the same
 *
 * Connection settings come from libpq's environment variables.
 */
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MAX_SESSIONS 1000
#define WAIT_MS 60000
#define STATEMENT "look_up"

static PGconn *sessions[MAX_SESSIONS];

static void fail(const char *what)
{
    fprintf(stderr, "many_backends: %s\n", what);
    exit(1);
}

static double now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void expect(PGconn *session, PGresult *result, ExecStatusType status)
{
    if (PQresultStatus(result) != status)
        fail(PQerrorMessage(session));
    PQclear(result);
}

static void open_sessions(int count)
{
    for (int i = 0; i < count; i++) {
        const char *cached = "bench000000";

        sessions[i] = PQconnectdb("");
        if (PQstatus(sessions[i]) != CONNECTION_OK)
            fail(PQerrorMessage(sessions[i]));
        /* The first use of statement and library in a session is not what is measured. */
        expect(sessions[i],
               PQprepare(sessions[i], STATEMENT, "SELECT tenant_vault.conninfo($1)", 1, NULL),
               PGRES_COMMAND_OK);
        expect(sessions[i], PQexecPrepared(sessions[i], STATEMENT, 1, &cached, NULL, NULL, 0),
               PGRES_TUPLES_OK);
    }
}

/* Takes what has arrived; 1: the query has ended. */
static int take(PGconn *session, int *failures)
{
    PGresult *result;

    if (!PQconsumeInput(session))
        fail(PQerrorMessage(session));
    while (!PQisBusy(session)) {
        result = PQgetResult(session);
        if (result == NULL)
            return 1;
        if (PQresultStatus(result) != PGRES_TUPLES_OK)
            ++*failures;
        PQclear(result);
    }
    return 0;
}

static int await_all(int count)
{
    static struct pollfd descriptors[MAX_SESSIONS];
    int open = count, failures = 0;

    for (int i = 0; i < count; i++) {
        descriptors[i].fd = PQsocket(sessions[i]);
        descriptors[i].events = POLLIN;
    }
    while (open > 0) {
        if (poll(descriptors, (nfds_t)count, WAIT_MS) <= 0)
            fail("no answer in time");
        for (int i = 0; i < count; i++) {
            if (descriptors[i].fd >= 0 && descriptors[i].revents != 0 &&
                take(sessions[i], &failures)) {
                descriptors[i].fd = -1;
                open--;
            }
        }
    }
    return failures;
}

int main(int argc, char **argv)
{
    int count, first, step, failures;
    double start, end;

    if (argc != 4)
        fail("usage: many_backends SESSIONS FIRST STEP");
    count = (int)strtol(argv[1], NULL, 10);
    first = (int)strtol(argv[2], NULL, 10);
    step = (int)strtol(argv[3], NULL, 10);
    if (count < 1 || count > MAX_SESSIONS)
        fail("1 to 1000 sessions");

    open_sessions(count);
    start = now_us();
    for (int i = 0; i < count; i++) {
        char tenant[32];
        const char *argument = tenant;

        snprintf(tenant, sizeof tenant, "bench%06d", first + i * step);
        if (!PQsendQueryPrepared(sessions[i], STATEMENT, 1, &argument, NULL, NULL, 0))
            fail(PQerrorMessage(sessions[i]));
    }
    failures = await_all(count);
    end = now_us();
    for (int i = 0; i < count; i++)
        PQfinish(sessions[i]);
    printf("%.0f %d\n", end - start, failures);
    return 0;
}
