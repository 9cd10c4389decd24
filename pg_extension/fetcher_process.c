/*
 * fetcher_process.c - the keeper's child: started, talked to, watched, ended.
 */
#include "postgres.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "fetcher_process.h"

#define FETCHER_FD 3

/* Several times what TV_FETCHES_SENT_MAX requests need (some 1.2 kB each at most). */
#define OUT_MAX (1 << 20)
/* Most answers are below 1 kB; a larger one makes the buffer grow, up to one frame's greatest size.
 */
#define IN_FIRST (64 * 1024)
#define IN_MAX (FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX)
/* Reads in one turn, so that a flood of frames cannot keep the keeper from its other duties. */
#define READS_PER_TURN 16

/* ms */
#define PING_EVERY 2000
/*
 * A machine under load or a process under valgrind is slow, but not this slow; and with
 * request_timeout's default, who waits can still be served by the next one. So many PINGs must have
 * gone unanswered besides: after the machine has slept, the time alone says nothing.
 */
#define SILENCE_MAX 8000
#define SILENCE_PINGS 4
/* What the fetcher has for revoking its token (1 s), and a little for getting there. */
#define END_WAIT 1500
#define END_POLL 5
#define BACKOFF_FIRST 1000
#define BACKOFF_LAST 60000
/* Who lived this long was not a failed start. */
#define LIVED_WELL 60000
/* From this failure in a row on (3 s of waiting so far), nobody is left waiting for the next start.
 */
#define FAILURES_TOLD 4

typedef struct Fetcher {
    pid_t pid; /* 0: none */
    pgsocket sock;
    vc_msec started_at, start_at;
    int failures;    /* ends in a row without having lived well */
    int start_errno; /* of the last start that failed, for logging it once; 0: none failed */
    char trouble[256];

    unsigned char *out;
    Size out_first, out_used; /* [out_first, out_used) waits to be written */
    unsigned char *in;
    Size in_size, in_used;

    vc_msec heard_at, pinged_at;
    uint64 pings;
    int unanswered; /* PINGs sent since it was last heard */
    bool spoken;    /* it was heard at all */
} Fetcher;

static Fetcher fetcher = {.sock = PGINVALID_SOCKET};

bool tv_fetcher_running(void)
{
    return fetcher.pid != 0;
}

int tv_fetcher_pid(void)
{
    return fetcher.pid;
}

pgsocket tv_fetcher_socket(void)
{
    return fetcher.sock;
}

bool tv_fetcher_wants_write(void)
{
    return fetcher.out_used > fetcher.out_first;
}

const char *tv_fetcher_trouble(void)
{
    return fetcher.trouble;
}

vc_msec tv_fetcher_start_at(void)
{
    return fetcher.start_at;
}

bool tv_fetcher_had_spoken(void)
{
    return fetcher.spoken;
}

bool tv_fetcher_failing(void)
{
    return fetcher.pid == 0 && (fetcher.start_errno != 0 || fetcher.failures >= FAILURES_TOLD);
}

/* ---- the child between fork and exec: async-signal-safe calls only ---- */

/* What libcurl, the C library and the dynamic linker may need; nothing that could hold a secret. */
static const char *const passed_on[] = {
    "PATH=",          "TZ=",           "LANG=",           "LC_ALL=", "LC_CTYPE=",
    "SSL_CERT_FILE=", "SSL_CERT_DIR=", "LD_LIBRARY_PATH="};

static void pick_environment(char **environment)
{
    int n = 0;

    for (int i = 0; i < lengthof(passed_on); i++) {
        for (char **variable = environ; *variable != NULL; variable++) {
            if (strncmp(*variable, passed_on[i], strlen(passed_on[i])) == 0) {
                environment[n++] = *variable;
                break;
            }
        }
    }
    environment[n] = NULL;
}

static void default_signals(void)
{
    sigset_t none;

    for (int signo = 1; signo < NSIG; signo++)
        signal(signo, SIG_DFL); /* fails for those that cannot be changed, and that is right */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void close_from(int lowest)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
    closefrom(lowest);
#else
    long max = sysconf(_SC_OPEN_MAX);

    for (int fd = lowest; fd < max; fd++)
        close(fd);
#endif
}

/* sock and report are moved out of the way first: either may be one of the numbers that are filled.
 */
_Noreturn static void become_fetcher(const char *path, char **environment, int sock, int report)
{
    char *argv[] = {(char *)TV_FETCHER_PROGRAM, NULL};
    int null = open("/dev/null", O_RDWR);
    int err;

    sock = fcntl(sock, F_DUPFD_CLOEXEC, FETCHER_FD + 2);
    report = fcntl(report, F_DUPFD_CLOEXEC, FETCHER_FD + 2);
    if (null >= 0 && sock >= 0 && report >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
        dup2(null, STDOUT_FILENO) >= 0 && dup2(sock, FETCHER_FD) >= 0 &&
        dup2(report, FETCHER_FD + 1) >= 0 && fcntl(FETCHER_FD + 1, F_SETFD, FD_CLOEXEC) == 0) {
        close_from(FETCHER_FD + 2);
        report = FETCHER_FD + 1;
        default_signals();
        execve(path, argv, environment);
    }
    err = errno;
    /* Where even this fails, the parent sees end of file and takes it for a success that ends at
     * once. */
    if (write(report, &err, sizeof(err)) < 0)
        _exit(126);
    _exit(127);
}

/* ---- starting ---- */

static void describe_trouble(const char *format, ...) pg_attribute_printf(1, 2);

static void describe_trouble(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(fetcher.trouble, sizeof(fetcher.trouble), format, args);
    va_end(args);
}

static void back_off(void)
{
    vc_msec delay = 0;

    if (fetcher.failures > 0)
        delay = BACKOFF_FIRST << Min(fetcher.failures - 1, 16);
    fetcher.failures++;
    fetcher.start_at = vc_now() + Min(delay, BACKOFF_LAST);
}

/* Logs a reason once, not at each try. Returns false for the caller to return. */
static bool start_failed(const char *path, int err)
{
    fetcher.failures = Max(fetcher.failures, 1);
    back_off();
    describe_trouble("the fetcher cannot be started: %s", strerror(err));
    errno = err;
    if (fetcher.start_errno != err)
        ereport(WARNING,
                (errmsg("tenant_vault: could not start the fetcher \"%s\": %m", path),
                 errhint("Install it again (make install); it is tried again all the time.")));
    fetcher.start_errno = err;
    return false;
}

/* Forks and executes. Returns the pid, or -1 with errno. sock stays the caller's. */
static pid_t spawn(const char *path, int sock)
{
    char *environment[lengthof(passed_on) + 1];
    sigset_t all, before;
    int report[2], err = 0;
    ssize_t got;
    pid_t pid;

    if (pipe2(report, O_CLOEXEC) != 0)
        return -1;
    pick_environment(environment);
    fflush(NULL);

    /* No handler of the server's may run in the child. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0)
        become_fetcher(path, environment, sock, report[1]);
    err = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(report[1]);
    if (pid < 0) {
        close(report[0]);
        errno = err;
        return -1;
    }

    /* End of file: executed. */
    do {
        got = read(report[0], &err, sizeof(err));
    } while (got < 0 && errno == EINTR);
    close(report[0]);
    if (got != sizeof(err))
        return pid;
    waitpid(pid, NULL, 0);
    errno = err;
    return -1;
}

static void prepare_buffers(void)
{
    if (fetcher.out == NULL)
        fetcher.out = MemoryContextAlloc(TopMemoryContext, OUT_MAX);
    if (fetcher.in == NULL) {
        fetcher.in = MemoryContextAlloc(TopMemoryContext, IN_FIRST);
        fetcher.in_size = IN_FIRST;
    }
    fetcher.out_first = fetcher.out_used = fetcher.in_used = 0;
}

/* Beside this library, wherever that was loaded from. */
static void find_program(char *path, Size size)
{
    char directory[MAXPGPATH];
    Dl_info library;

    strlcpy(directory, pkglib_path, sizeof(directory));
    if (dladdr(&fetcher, &library) != 0 && library.dli_fname[0] == '/') {
        strlcpy(directory, library.dli_fname, sizeof(directory));
        get_parent_directory(directory);
    }
    snprintf(path, size, "%s/%s", directory, TV_FETCHER_PROGRAM);
}

bool tv_fetcher_start(void)
{
    char path[MAXPGPATH];
    int ends[2];
    pid_t pid;

    find_program(path, sizeof(path));
    prepare_buffers();
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return start_failed(path, errno);
    if (!pg_set_noblock(ends[0]) || (pid = spawn(path, ends[1])) < 0) {
        int err = errno;

        close(ends[0]);
        close(ends[1]);
        return start_failed(path, err);
    }
    close(ends[1]);

    fetcher.pid = pid;
    fetcher.sock = ends[0];
    fetcher.started_at = fetcher.heard_at = fetcher.pinged_at = vc_now();
    fetcher.unanswered = 0;
    fetcher.spoken = false;
    fetcher.start_errno = 0;
    fetcher.trouble[0] = '\0';
    return true;
}

/* ---- ending ---- */

static void close_socket(void)
{
    if (fetcher.sock != PGINVALID_SOCKET)
        close(fetcher.sock);
    fetcher.sock = PGINVALID_SOCKET;
    if (fetcher.in != NULL)
        explicit_bzero(fetcher.in, fetcher.in_used);
    fetcher.in_used = fetcher.out_first = fetcher.out_used = 0;
}

static bool reap(int flags, int *status)
{
    pid_t pid;

    do {
        pid = waitpid(fetcher.pid, status, flags);
    } while (pid < 0 && errno == EINTR);
    /* ECHILD: somebody else has reaped it, and how it ended is not to be known. */
    if (pid < 0)
        *status = 0;
    return pid != 0;
}

static int wait_or_kill(void)
{
    vc_msec give_up_at = vc_now() + END_WAIT;
    int status;

    while (!reap(WNOHANG, &status)) {
        if (vc_now() >= give_up_at) {
            kill(fetcher.pid, SIGKILL);
            reap(0, &status);
            break;
        }
        pg_usleep(END_POLL * 1000);
    }
    return status;
}

void tv_fetcher_end(void)
{
    if (fetcher.pid == 0)
        return;
    close_socket();
    wait_or_kill();
    fetcher.pid = 0;
    fetcher.failures = 0;
    fetcher.start_at = vc_now();
}

void tv_fetcher_abandon(void)
{
    close_socket();
    fetcher.pid = 0;
}

/* It has ended, or is to be ended because of why (NULL: it went by itself). */
static bool ended(const char *why)
{
    bool lived_well = vc_now() - fetcher.started_at >= LIVED_WELL;
    int pid = fetcher.pid, status = 0;
    char *how;

    close_socket();
    if (why != NULL)
        kill(fetcher.pid, SIGKILL);
    status = wait_or_kill();
    how = wait_result_to_str(status);
    fetcher.pid = 0;
    if (lived_well)
        fetcher.failures = 0;
    back_off();
    describe_trouble("the fetcher has ended: %s", why != NULL ? why : how);
    ereport(LOG,
            (errmsg("tenant_vault: fetcher (PID %d) has ended: %s", pid, why != NULL ? why : how),
             errdetail("The next one is started in %d s; the cache carries on.",
                       (int)((fetcher.start_at - vc_now() + 999) / 1000))));
    pfree(how);
    return false;
}

/* ---- talking ---- */

bool tv_fetcher_send(const unsigned char *frame, Size len)
{
    if (fetcher.pid == 0 || len > OUT_MAX)
        return false;
    if (fetcher.out_first > 0 && OUT_MAX - fetcher.out_used < len) {
        memmove(fetcher.out, fetcher.out + fetcher.out_first, fetcher.out_used - fetcher.out_first);
        fetcher.out_used -= fetcher.out_first;
        fetcher.out_first = 0;
    }
    if (OUT_MAX - fetcher.out_used < len)
        return false;
    memcpy(fetcher.out + fetcher.out_used, frame, len);
    fetcher.out_used += len;
    return true;
}

/* False where the other end is gone. */
static bool write_out(void)
{
    while (fetcher.out_used > fetcher.out_first) {
        ssize_t written = send(fetcher.sock, fetcher.out + fetcher.out_first,
                               fetcher.out_used - fetcher.out_first, MSG_NOSIGNAL);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK;
        fetcher.out_first += written;
    }
    fetcher.out_first = fetcher.out_used = 0;
    return true;
}

/* Room for the whole of the frame that has begun. */
static void grow_in(Size needed)
{
    unsigned char *larger;

    if (needed <= fetcher.in_size)
        return;
    larger = MemoryContextAllocHuge(TopMemoryContext, IN_MAX);
    memcpy(larger, fetcher.in, fetcher.in_used);
    explicit_bzero(fetcher.in, fetcher.in_size);
    pfree(fetcher.in);
    fetcher.in = larger;
    fetcher.in_size = IN_MAX;
}

/* Back to the usual size once the large frame is gone. */
static void shrink_in(void)
{
    if (fetcher.in_used > 0 || fetcher.in_size == IN_FIRST)
        return;
    pfree(fetcher.in);
    fetcher.in = MemoryContextAlloc(TopMemoryContext, IN_FIRST);
    fetcher.in_size = IN_FIRST;
}

/* Hands on what is whole. False: malformed. */
static bool take_frames(TvFrameHandler handler)
{
    Size at = 0;
    struct frame_header header;
    int got;

    while ((got = frame_header_read(fetcher.in + at, fetcher.in_used - at, &header)) > 0) {
        const unsigned char *payload = fetcher.in + at + FRAME_HEADER_SIZE;

        if (fetcher.in_used - at - FRAME_HEADER_SIZE < header.length)
            break;
        if (!frame_payload_valid(payload, header.length))
            return false;
        handler(&header, payload);
        at += FRAME_HEADER_SIZE + header.length;
    }
    if (got < 0)
        return false;

    memmove(fetcher.in, fetcher.in + at, fetcher.in_used - at);
    explicit_bzero(fetcher.in + fetcher.in_used - at, at);
    fetcher.in_used -= at;
    if (got > 0)
        grow_in(FRAME_HEADER_SIZE + header.length);
    shrink_in();
    return true;
}

enum read_result { READ_NOTHING, READ_SOME, READ_END, READ_MALFORMED };

static enum read_result read_in(TvFrameHandler handler)
{
    ssize_t got;

    do {
        got =
            recv(fetcher.sock, fetcher.in + fetcher.in_used, fetcher.in_size - fetcher.in_used, 0);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return READ_NOTHING;
    if (got <= 0)
        return READ_END;

    fetcher.in_used += got;
    fetcher.heard_at = vc_now();
    fetcher.unanswered = 0;
    fetcher.spoken = true;
    return take_frames(handler) ? READ_SOME : READ_MALFORMED;
}

static void ping(vc_msec now)
{
    unsigned char frame[FRAME_HEADER_SIZE];
    struct frame_writer writer;

    if (now - fetcher.pinged_at < PING_EVERY)
        return;
    fetcher.pinged_at = now;
    fetcher.unanswered++;
    frame_begin(&writer, frame, sizeof(frame), FRAME_PING, ++fetcher.pings);
    tv_fetcher_send(frame, frame_end(&writer));
}

bool tv_fetcher_serve(TvFrameHandler handler)
{
    enum read_result result = READ_SOME;
    vc_msec now = vc_now();

    for (int i = 0; i < READS_PER_TURN && result == READ_SOME; i++)
        result = read_in(handler);
    if (result == READ_END)
        return ended(NULL);
    if (result == READ_MALFORMED)
        return ended("it sent something malformed");
    if (now - fetcher.heard_at >= SILENCE_MAX && fetcher.unanswered >= SILENCE_PINGS)
        return ended("it did not answer any more");

    ping(now);
    if (!write_out())
        return ended(NULL);
    return true;
}
