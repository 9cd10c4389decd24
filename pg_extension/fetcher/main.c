/*
 * main.c - tenant-vault-fetcher: asks Vault for the keeper of the PostgreSQL extension
 * tenant_vault.
 *
 * Started by the keeper (pg_extension/keeper.c) with a socketpair's other end as descriptor 3, null
 * devices as standard input and output, PostgreSQL's log as standard error. Takes no arguments and
 * no environment; settings come over the socket. Refuses to be run in any other way.
 *
 * Exit status: 0 the keeper has closed the socket, or SIGTERM; 1 it could not go on (memory,
 * system); 2 it was not started by a keeper, or what came over the socket was no frame.
 */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "allocator.h"
#include "fetcher.h"
#include "hardening.h"
#include "json.h"

#define KEEPER_SOCKET 3
#define EXIT_MISUSE 2

/* True where descriptor 3 is a Unix stream socket, which is non-blocking from now on. */
static bool take_socket(void)
{
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof(address);
    int flags = fcntl(KEEPER_SOCKET, F_GETFL);

    if (flags < 0 || getsockname(KEEPER_SOCKET, (struct sockaddr *)&address, &length) != 0 ||
        address.ss_family != AF_UNIX)
        return false;
    return fcntl(KEEPER_SOCKET, F_SETFL, flags | O_NONBLOCK) == 0 &&
           fcntl(KEEPER_SOCKET, F_SETFD, FD_CLOEXEC) == 0;
}

/* The allocators of both libraries wipe what they free. */
static bool start_libraries(void)
{
    vc_json_use_wiping_hooks();
    return curl_global_init_mem(CURL_GLOBAL_DEFAULT, vc_hook_malloc, vc_hook_free, vc_hook_realloc,
                                vc_hook_strdup, vc_hook_calloc) == CURLE_OK;
}

static int exit_status(enum fetcher_end end)
{
    switch (end) {
    case FETCHER_DONE:
        return EXIT_SUCCESS;
    case FETCHER_FAILED:
        return EXIT_FAILURE;
    case FETCHER_MALFORMED:
        return EXIT_MISUSE;
    }
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    enum fetcher_end end;
    int terminate;

    (void)argv;
    if (argc != 1 || !take_socket()) {
        fprintf(stderr, "tenant-vault-fetcher: is started by PostgreSQL's extension tenant_vault, "
                        "not by hand\n");
        return EXIT_MISUSE;
    }
    terminate = hardening_apply(KEEPER_SOCKET);
    if (terminate < 0) {
        fprintf(stderr, "tenant-vault-fetcher: cannot shut itself off: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    if (!start_libraries()) {
        fprintf(stderr, "tenant-vault-fetcher: cannot start libcurl\n");
        return EXIT_FAILURE;
    }
    end = fetcher_run(KEEPER_SOCKET, terminate);
    curl_global_cleanup();
    return exit_status(end);
}
