/*
 * main.c - minio-helper: gives S3 clients and applications the secrets that Vault holds.
 *
 * Protects the process, then hands over to the command named first. Exit status: exit_status.h.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "protection.h"
#include "report.h"
#include "version.h"

struct command {
    const char *name;
    const char *summary;
    command_run run;
};

static const struct command commands[] = {
    {"app-config", "an application's variables out of the platform's secrets", command_app_config},
    {"check", "say step by step what works", command_check},
    {"credentials", "S3 credentials in the form that a client wants", command_credentials},
    {"database", "a tenant's PostgreSQL connection for clients", command_database},
    {"exec", "run a command with the secrets in its environment or in files", command_exec},
    {"get", "a secret, or one field of it", command_get},
    {"import", "an application's .env file into Vault", command_import},
    {"list", "the names below a path", command_list},
    {"put", "write a secret from standard input", command_put},
    {"serve", "S3 credentials by HTTP, for SDKs that refresh by themselves", command_serve},
    {"wait", "until Vault is alive, or lets us log in", command_wait},
};

static void print_help(void)
{
    printf("usage: minio-helper COMMAND [OPTION]...\n\n"
           "Gives S3 clients and applications the secrets that Vault holds.\n\n");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        printf("  %-14s %s\n", commands[i].name, commands[i].summary);
    printf("\nminio-helper COMMAND --help explains a command; --version says which this is.\n"
           "Exit status: 0 done, 1 internal, 2 usage or configuration, 3 Vault or STS not\n"
           "reachable (try again), 4 not permitted, 5 not found, 6 malformed secret.\n");
}

static int run_command(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, argv[1]) == 0)
            return commands[i].run(argc - 1, argv + 1);
    report_note("no such command \"%s\"", argv[1]);
    fprintf(stderr, "hint: minio-helper --help\n");
    return STATUS_USAGE;
}

/* A descriptor that is closed would become a socket's, and output would go to Vault. */
static bool reserve_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
            return false;
    return true;
}

/* What --help prints may meet a full disk or a closed descriptor, too. */
static int flush_output(int status)
{
    if (fflush(stdout) == 0 || status != STATUS_DONE)
        return status;
    report_note("cannot write to standard output");
    return STATUS_INTERNAL;
}

int main(int argc, char **argv)
{
    int status;

    if (!reserve_standard_descriptors())
        return STATUS_INTERNAL;
    if (argc < 2) {
        report_note("a command is missing");
        fprintf(stderr, "hint: minio-helper --help\n");
        return STATUS_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help();
        return flush_output(STATUS_DONE);
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("minio-helper %s\n", VC_VERSION);
        return flush_output(STATUS_DONE);
    }
    if (!protection_apply()) {
        report_note("cannot shut itself off from inspection");
        return STATUS_INTERNAL;
    }
    status = run_command(argc, argv);
    protection_end();
    return flush_output(status);
}
