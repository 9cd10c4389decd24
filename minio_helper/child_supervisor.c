/*
 * child_supervisor.c - runs exec's command (child_supervisor.h). Called by exec.
 *
 * One loop over two descriptors: the signals that are passed on (SIGCHLD among them), and the
 * client of Vault, which renews the token meanwhile.
 */
#include "child_supervisor.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "exit_status.h"
#include "report.h"

#define MSEC_PER_SEC 1000
#define LONGEST_SLEEP (60 * MSEC_PER_SEC)
#define CHECK_INTERVAL 250                /* while it is not yet to be told */
#define RESTART_GRACE (10 * MSEC_PER_SEC) /* between SIGTERM and SIGKILL, as docker stop */

struct supervisor {
    const struct child_supervision *what;
    pid_t pid; /* 0: none */
    bool restarting;
    bool stopping;        /* it failed a check: its end is the end, with the check's status */
    vc_msec check_at;     /* the next check; 0: none is due */
    vc_msec check_before; /* it is stopped where it is not checked by then */
    vc_msec kill_at;      /* a child that is to be restarted or stopped, and does not end */
    int ordered;          /* the signal by which it was first told to end; 0: none */
    vc_msec remind_at;    /* it is said that it goes on all the same; 0: was said, or no order */
    int status;           /* to exit with */
    bool ended;
};

/* ---- what to do on a change ---- */

/* "HUP" or "SIGHUP"; 0: no such signal. */
static int signal_number(const char *name)
{
    if (strncmp(name, "SIG", 3) == 0)
        name += 3;
    for (int number = 1; number < NSIG; number++) {
        const char *known = sigabbrev_np(number);

        if (known != NULL && strcmp(known, name) == 0)
            return number;
    }
    return 0;
}

bool change_action_parse(const char *text, struct change_action *action)
{
    *action = (struct change_action){.change = CHANGE_NONE};
    if (strcmp(text, "none") == 0)
        return true;
    if (strcmp(text, "restart") == 0) {
        action->change = CHANGE_RESTART;
        return true;
    }
    if (strncmp(text, "signal:", 7) == 0) {
        action->change = CHANGE_SIGNAL;
        action->signal = signal_number(text + 7);
        return action->signal != 0;
    }
    if (strncmp(text, "command:", 8) != 0)
        return false;
    action->change = CHANGE_COMMAND;
    action->command = text + 8;
    return action->command[0] != '\0';
}

/* ---- the child ---- */

static bool may_start(struct supervisor *supervisor)
{
    const struct child_checks *checks = supervisor->what->checks;
    struct vc_error err = {.code = VC_OK};

    if (checks == NULL || checks->before(checks->ctx, &err) == VC_OK)
        return true;
    supervisor->status = (int)report_error(&err);
    supervisor->ended = true;
    return false;
}

static bool start_child(struct supervisor *supervisor)
{
    const struct child_supervision *what = supervisor->what;
    struct vc_error err = {.code = VC_OK};
    pid_t pid;

    supervisor->restarting = false;
    if (!may_start(supervisor))
        return false;
    pid = child_start(what->command, what->secrets->environment.list, what->inheritance,
                      &supervisor->status, &err);
    supervisor->pid = pid > 0 ? pid : 0;
    if (what->checks != NULL) {
        supervisor->check_at = vc_now() + CHECK_INTERVAL;
        supervisor->check_before = vc_now() + what->checks->within;
    }
    if (pid > 0)
        return true;
    report_error(&err);
    supervisor->ended = true;
    return false;
}

static void run_change_command(struct supervisor *supervisor)
{
    char shell[] = "/bin/sh", option[] = "-c";
    char *argv[] = {shell, option, (char *)supervisor->what->on_change->command, NULL};
    struct vc_error err = {.code = VC_OK};
    int status;

    if (child_start(argv, supervisor->what->secrets->environment.list,
                    supervisor->what->inheritance, &status, &err) < 0)
        report_error(&err);
}

static void end_child(struct supervisor *supervisor)
{
    supervisor->kill_at = vc_now() + RESTART_GRACE;
    kill(supervisor->pid, SIGTERM);
}

static void secrets_changed(struct supervisor *supervisor)
{
    struct vc_error err = {.code = VC_OK};

    if (child_secrets_reload(supervisor->what->secrets, &err) != VC_OK) {
        report_note("exec: new credentials cannot be had: %s", err.message);
        return;
    }
    switch (supervisor->what->on_change->change) {
    case CHANGE_NONE:
        break;
    case CHANGE_RESTART:
        supervisor->restarting = true;
        end_child(supervisor);
        break;
    case CHANGE_SIGNAL:
        kill(supervisor->pid, supervisor->what->on_change->signal);
        break;
    case CHANGE_COMMAND:
        run_change_command(supervisor);
        break;
    }
}

static bool is_to_end(const struct supervisor *supervisor)
{
    return supervisor->restarting || supervisor->stopping;
}

/* Where the command is not what it must be, it is stopped. */
static void check_child(struct supervisor *supervisor)
{
    const struct child_checks *checks = supervisor->what->checks;
    struct vc_error err = {.code = VC_OK};
    enum vc_code code;

    if (supervisor->check_at == 0 || vc_now() < supervisor->check_at || supervisor->pid == 0 ||
        is_to_end(supervisor))
        return;
    code = checks->running(checks->ctx, &err);
    supervisor->check_at = code == VC_OK ? 0 : vc_now() + CHECK_INTERVAL;
    if (code == VC_OK || (code == VC_UNREACHABLE && vc_now() < supervisor->check_before))
        return;
    supervisor->status = (int)report_error(&err);
    supervisor->stopping = true;
    end_child(supervisor);
}

static void child_ended(struct supervisor *supervisor)
{
    supervisor->pid = 0;
    if (supervisor->stopping)
        child_kill_all();
    if (supervisor->restarting)
        start_child(supervisor);
    else
        supervisor->ended = true;
}

/* A terminal's Ctrl-C has reached the child already: it is in the same process group. */
static bool came_from_terminal(const struct signalfd_siginfo *info)
{
    return info->ssi_code == SI_KERNEL &&
           (info->ssi_signo == SIGINT || info->ssi_signo == SIGQUIT || info->ssi_signo == SIGWINCH);
}

/* Of the first, so that one who asks again and again hears of it all the same. */
static void note_order(struct supervisor *supervisor, int number)
{
    if (supervisor->ordered != 0)
        return;
    supervisor->ordered = number;
    supervisor->remind_at = vc_now() + RESTART_GRACE;
}

/* Whoever sent it may wonder; how long the command may take is theirs to say. */
static void tell_of_the_unwilling(struct supervisor *supervisor)
{
    if (supervisor->remind_at == 0 || supervisor->pid == 0 || vc_now() < supervisor->remind_at)
        return;
    supervisor->remind_at = 0;
    report_note("exec: \"%s\" has been told to end by SIG%s, and goes on; SIGKILL would end it",
                supervisor->what->command[0], sigabbrev_np(supervisor->ordered));
}

static void take_signal(struct supervisor *supervisor, const struct signalfd_siginfo *info)
{
    int number = (int)info->ssi_signo;

    if (number == SIGCHLD) {
        int status;

        if (!child_reap(supervisor->pid, &status))
            return;
        if (!supervisor->stopping)
            supervisor->status = status;
        child_ended(supervisor);
        return;
    }
    if (number == SIGTERM || number == SIGINT || number == SIGQUIT || number == SIGHUP)
        supervisor->restarting = false; /* it is meant to end */
    if (number == SIGTERM || number == SIGINT || number == SIGQUIT)
        note_order(supervisor, number);
    if (supervisor->pid > 0 && !came_from_terminal(info))
        kill(supervisor->pid, number);
}

static void take_signals(struct supervisor *supervisor)
{
    struct signalfd_siginfo info;

    while (!supervisor->ended &&
           read(supervisor->what->signals, &info, sizeof(info)) == sizeof(info))
        take_signal(supervisor, &info);
}

static int sleep_until(const struct supervisor *supervisor)
{
    vc_msec now = vc_now();
    vc_msec until = child_secrets_next_at(supervisor->what->secrets, now + LONGEST_SLEEP);

    if (is_to_end(supervisor)) {
        if (supervisor->kill_at < until)
            until = supervisor->kill_at;
    } else if (supervisor->check_at != 0 && supervisor->check_at < until) {
        until = supervisor->check_at;
    }
    if (supervisor->remind_at != 0 && supervisor->remind_at < until)
        until = supervisor->remind_at;
    return until <= now ? 0 : (int)(until - now);
}

static void kill_the_unwilling(struct supervisor *supervisor)
{
    if (!is_to_end(supervisor) || supervisor->pid == 0 || vc_now() < supervisor->kill_at)
        return;
    kill(supervisor->pid, SIGKILL);
    supervisor->kill_at = vc_now() + RESTART_GRACE;
}

static void watch_child(struct supervisor *supervisor)
{
    struct pollfd events[] = {{.fd = supervisor->what->signals, .events = POLLIN},
                              {.events = POLLIN}};

    while (!supervisor->ended) {
        events[1].fd = child_secrets_fd(supervisor->what->secrets);
        if (poll(events, 2, sleep_until(supervisor)) < 0 && errno != EINTR)
            break;
        if (child_secrets_run(supervisor->what->secrets) && !is_to_end(supervisor))
            secrets_changed(supervisor);
        check_child(supervisor);
        take_signals(supervisor);
        kill_the_unwilling(supervisor);
        tell_of_the_unwilling(supervisor);
    }
}

int child_supervisor_run(const struct child_supervision *what)
{
    struct supervisor supervisor = {.what = what, .status = STATUS_INTERNAL};
    int stop = child_signals_stop(what->signals);

    if (stop != 0)
        return CHILD_BY_SIGNAL + stop;
    if (what->checks != NULL && !child_adopt())
        report_note("exec: what \"%s\" leaves behind cannot be stopped: %s", what->command[0],
                    strerror(errno));
    if (start_child(&supervisor))
        watch_child(&supervisor);
    return supervisor.status;
}
