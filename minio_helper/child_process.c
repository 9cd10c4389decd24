/*
 * child_process.c - one child: started, signalled, reaped (child_process.h). Called by exec.
 */
#include "child_process.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "protection.h"

#define KILL_LOOK_MSEC 10 /* between looks whether those that were killed have left others, */
#define KILL_LOOKS 100    /* which takes as many as they are deep */

/* What a user or a supervisor sends; what a program does to itself (SIGSEGV, ...) is not here. */
static const int passed_on[] = {SIGHUP,  SIGINT,  SIGQUIT,  SIGTERM, SIGUSR1,
                                SIGUSR2, SIGALRM, SIGWINCH, SIGPWR,  SIGCHLD};

/* Those that a child would have had; by one system call, where asking for each takes a thousand. */
static void remember_descriptors(fd_set *descriptors)
{
    struct pollfd looks[FD_SETSIZE];
    struct rlimit limit;
    nfds_t count = FD_SETSIZE;
    bool told;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < count)
        count = (nfds_t)limit.rlim_cur; /* poll takes no more */
    for (nfds_t i = 0; i < count; i++)
        looks[i] = (struct pollfd){.fd = (int)i};
    told = poll(looks, count, 0) >= 0;
    FD_ZERO(descriptors);
    for (int fd = 0; fd < (int)count; fd++) {
        int flags = told && (looks[fd].revents & POLLNVAL) != 0 ? -1 : fcntl(fd, F_GETFD);

        if (flags >= 0 && (flags & FD_CLOEXEC) == 0)
            FD_SET(fd, descriptors);
    }
}

int child_signals_open(struct child_inheritance *inheritance)
{
    sigset_t set;

    remember_descriptors(&inheritance->descriptors);
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
        sigaddset(&set, passed_on[i]);
    for (int rt = SIGRTMIN; rt <= SIGRTMAX; rt++)
        sigaddset(&set, rt);
    if (sigprocmask(SIG_BLOCK, &set, &inheritance->mask) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int child_signals_stop(int signals)
{
    struct signalfd_siginfo info;

    while (read(signals, &info, sizeof(info)) == sizeof(info))
        if (info.ssi_signo != SIGCHLD && info.ssi_signo != SIGWINCH)
            return (int)info.ssi_signo;
    return 0;
}

/* libcurl's sockets are not all close-on-exec. */
static void keep_descriptors(const fd_set *descriptors)
{
    bool all = close_range(0, ~0u, CLOSE_RANGE_CLOEXEC) == 0;

    for (int fd = 0; fd < FD_SETSIZE; fd++)
        if (FD_ISSET(fd, descriptors))
            fcntl(fd, F_SETFD, 0);
        else if (!all) /* before Linux 5.11 */
            fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* In the child. What stops it goes through the pipe, which a successful exec closes. */
static _Noreturn void become(char *const *argv, char *const *environment,
                             const struct child_inheritance *inheritance, int pipe_end)
{
    int fault;
    ssize_t written;

    protection_restore_inherited();
    keep_descriptors(&inheritance->descriptors);
    sigprocmask(SIG_SETMASK, &inheritance->mask, NULL);
    execvpe(argv[0], argv, environment);
    fault = errno;
    written = write(pipe_end, &fault, sizeof(fault));
    _exit(written < 0 || fault == ENOENT ? CHILD_NOT_FOUND : CHILD_NOT_EXECUTABLE);
}

/* 0 where the exec went well, else the errno that came through the pipe. */
static int exec_fault(int pipe_end)
{
    int fault = 0;
    ssize_t got;

    do
        got = read(pipe_end, &fault, sizeof(fault));
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof(fault) ? fault : 0;
}

pid_t child_start(char *const *argv, char *const *environment,
                  const struct child_inheritance *inheritance, int *status, struct vc_error *err)
{
    int ends[2];
    pid_t pid;
    int fault;

    *status = 1;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        vc_error_set(err, VC_INTERNAL, "cannot make a pipe: %m");
        return -1;
    }
    pid = fork();
    if (pid == 0)
        become(argv, environment, inheritance, ends[1]);
    close(ends[1]);
    fault = pid > 0 ? exec_fault(ends[0]) : errno;
    close(ends[0]);
    if (fault == 0)
        return pid;
    errno = fault;
    vc_error_set(err, VC_INTERNAL, "cannot run \"%s\": %m", argv[0]);
    if (pid > 0) {
        waitpid(pid, NULL, 0);
        *status = fault == ENOENT ? CHILD_NOT_FOUND : CHILD_NOT_EXECUTABLE;
    }
    return -1;
}

static int meaning(int wait_status)
{
    return WIFSIGNALED(wait_status) ? CHILD_BY_SIGNAL + WTERMSIG(wait_status)
                                    : WEXITSTATUS(wait_status);
}

bool child_reap(pid_t pid, int *status)
{
    bool ended = false;
    int wait_status;
    pid_t reaped;

    while ((reaped = waitpid(-1, &wait_status, WNOHANG)) > 0) {
        if (reaped != pid)
            continue;
        *status = meaning(wait_status);
        ended = true;
    }
    return ended;
}

bool child_adopt(void)
{
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0;
}

/* False: there are none, or the system does not tell. As many as fit; the rest is for the next
 * look. */
static bool kill_children(void)
{
    char path[64], text[4096] = "";
    char *at = text;
    char *end;
    bool any = false;
    FILE *list;
    long pid;

    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    list = fopen(path, "re");
    if (list == NULL)
        return false;
    text[fread(text, 1, sizeof(text) - 1, list)] = '\0';
    fclose(list);
    end = strrchr(text, ' '); /* stands behind each number: what has none is cut off */
    *(end != NULL ? end : text) = '\0';
    for (; (pid = strtol(at, &end, 10)) > 0; at = end)
        any = kill((pid_t)pid, SIGKILL) == 0 || any;
    return any;
}

void child_kill_all(void)
{
    const struct timespec look = {.tv_nsec = KILL_LOOK_MSEC * 1000000L};

    for (int i = 0; i < KILL_LOOKS && kill_children(); i++) {
        nanosleep(&look, NULL);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
    }
}
