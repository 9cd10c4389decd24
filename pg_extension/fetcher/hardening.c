/*
 * hardening.c - what the process gives up before it touches the first secret (hardening.h).
 */
#include "hardening.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* LeakSanitizer attaches to its own process at the end. */
#if defined(__SANITIZE_ADDRESS__)
#define TRACEABLE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TRACEABLE 1
#endif
#endif
#ifndef TRACEABLE
#define TRACEABLE 0
#endif

#define FREED_BYTE 0x5a /* any value but 0; glibc fills freed memory with its complement */

/* close_range is in Linux 5.9; where it is missing, this many descriptors are tried one by one. */
#define DESCRIPTORS_TRIED 65536

static void close_descriptors_above(int last)
{
    if (close_range((unsigned)last + 1, ~0u, 0) == 0)
        return;
    for (int fd = last + 1; fd < DESCRIPTORS_TRIED; fd++)
        close(fd);
}

/*
 * HTTPS_PROXY would redirect secrets, PG* reach libpq, OPENSSL_CONF load code; unsetenv alone
 * leaves the strings in /proc/PID/environ. Nothing is kept: no locale is ever set.
 */
static void wipe_environment(void)
{
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
        explicit_bzero(*entry, strlen(*entry));
    clearenv();
}

static bool forbid_inspection(void)
{
    const struct rlimit none = {0, 0};

    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return false;
    return TRACEABLE || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0;
}

/* The mask and the ignored signals come through exec as the keeper had them. */
static int set_signals(void)
{
    static const int ignored[] = {SIGPIPE, SIGHUP, SIGINT, SIGUSR1, SIGUSR2, SIGALRM};
    sigset_t mask;

    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        signal(ignored[i], SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    if (sigprocmask(SIG_SETMASK, &mask, NULL) != 0)
        return -1;
    return signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

int hardening_apply(int keep_fd)
{
    setsid(); /* fails only for a group leader, which is a session of its own already */
    close_descriptors_above(keep_fd);
    wipe_environment();
    umask(S_IRWXG | S_IRWXO);
    /* libpq and OpenSSL free without wiping and take no allocator for all of it. */
    mallopt(M_PERTURB, FREED_BYTE);
    if (!forbid_inspection())
        return -1;
    return set_signals();
}
