/*
 * tls_server.c - `openssl s_server` with certificates made for one test. Called by test_transport
 * and test_vault_client.
 */
#include "tls_server.h"

#include <arpa/inet.h>
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "scripted_server.h"

#define COMMAND_MAX 2048
#define VALIDITY_MAX 80 /* options with two dates */
#define START_TRIES 200 /* of 10 ms */

static void run(const char *command)
{
    ck_assert_msg(system(command) == 0, "%s", command);
}

void tls_make_authority(const char *folder, const char *name)
{
    char command[COMMAND_MAX];

    snprintf(command, sizeof(command),
             "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
             "-days 2 "
             "-subj '/CN=%s' -keyout %s.key -out %s.crt 2>/dev/null",
             folder, name, name, name);
    run(command);
}

void tls_make_certificate(const char *folder, const char *authority, const char *name,
                          const char *subject_alt_name, int days)
{
    char command[COMMAND_MAX];
    char validity[VALIDITY_MAX] = "-startdate 20200101000000Z -enddate 20200102000000Z";

    if (days > 0)
        snprintf(validity, sizeof(validity), "-days %d", days);
    snprintf(command, sizeof(command),
             "cd %s && openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "
             "'/CN=%s' -keyout %s.key -out %s.csr 2>/dev/null",
             folder, name, name, name);
    run(command);
    /* Not `openssl x509`, which cannot be given dates in the past in all its versions. */
    snprintf(command, sizeof(command),
             "cd %s && echo 'subjectAltName=%s' >%s.ext && : >%s.index && "
             "printf '[ca]\ndefault_ca=test\n[test]\ndatabase=%s.index\nnew_certs_dir=.\n"
             "rand_serial=yes\ndefault_md=sha256\npolicy=any\n[any]\ncommonName=supplied\n' "
             ">%s.conf && openssl ca -batch -notext -config %s.conf -cert %s.crt -keyfile %s.key "
             "-in %s.csr -extfile %s.ext %s -out %s.crt 2>/dev/null",
             folder, subject_alt_name, name, name, name, name, name, authority, authority, name,
             name, validity, name);
    run(command);
}

static void wait_until_it_listens(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)port)};

    for (int i = 0; i < START_TRIES; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int connected = connect(fd, (struct sockaddr *)&address, sizeof(address));

        close(fd);
        if (connected == 0)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    ck_abort_msg("openssl s_server does not listen");
}

struct tls_server tls_server_start(const char *folder, const char *certificate, const char *options)
{
    struct tls_server server = {.port = scripted_closed_port()};
    char command[COMMAND_MAX];

    snprintf(server.address, sizeof(server.address), "https://127.0.0.1:%u", server.port);
    snprintf(command, sizeof(command),
             "cd %s && exec openssl s_server -quiet -HTTP -accept %u -cert %s.crt -key %s.key %s "
             "</dev/null >/dev/null 2>&1",
             folder, server.port, certificate, certificate, options);
    server.pid = fork();
    ck_assert_int_ge(server.pid, 0);
    if (server.pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    wait_until_it_listens(server.port);
    return server;
}

void tls_server_stop(struct tls_server *server)
{
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
}
