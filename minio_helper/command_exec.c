/*
 * command_exec.c - `minio-helper exec`: runs a command with the secrets in its environment, or in
 * files in memory.
 *
 * One loop over two descriptors: the signals that are passed on (SIGCHLD among them), and the
 * client of Vault, which renews the token meanwhile. Refuses to start anything where Vault fails.
 */
#include "command.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "child_endpoint.h"
#include "child_environment.h"
#include "child_process.h"
#include "credential_source.h"
#include "protection.h"
#include "report.h"
#include "s3_variables.h"
#include "secret_folder.h"
#include "secret_watch.h"
#include "setting_value.h"
#include "vault_session.h"

#define MSEC_PER_SEC 1000
#define NAMES_OF_SDKS "aws"
#define LOOK_INTERVAL 30 /* seconds between looks at the secret; one read each */
#define LONGEST_SLEEP (60 * MSEC_PER_SEC)
#define REFRESH_SHARE 4 /* of a lifetime, the last quarter is for refreshing */
#define REFRESH_RETRY (30 * MSEC_PER_SEC)
#define RESTART_GRACE (10 * MSEC_PER_SEC) /* between SIGTERM and SIGKILL, as docker stop */

enum {
    ID_TENANT = 1,
    ID_NAMES,
    ID_SECRET,
    ID_FILES,
    ID_ON_CHANGE,
    ID_INTERVAL,
    ID_FALLBACK,
    ID_TOKEN_CACHE
};

static const struct option_text option_texts[] = {
    {"tenant", 't', "NAME", "the tenant; without it, the platform's own keys", ID_TENANT},
    {"names", 'n', "SET",
     "names of the variables: aws (where none is given), app,\n"
     "pgbackrest, wal-g, restic, litestream, minio",
     ID_NAMES},
    {"secret", 0, "NAME", "read this secret instead of s3", ID_SECRET},
    {"files", 0, "FOLDER",
     "write each value to a file of FOLDER, which is on a tmpfs, and\n"
     "set NAME_FILE to its path instead of NAME",
     ID_FILES},
    {"on-change", 0, "WHAT",
     "when the secret has changed in Vault, or temporary keys come to\n"
     "their end: none (where it is not\n"
     "given), restart, signal:NAME (signal:HUP), or command:COMMAND\n"
     "(run by sh, with the new values). With --files, the files are\n"
     "new by then",
     ID_ON_CHANGE},
    {"interval", 0, "TIME", "how often to look for a change; 30s where it is not given",
     ID_INTERVAL},
    {"fallback-env", 0, NULL, "where Vault fails, run COMMAND with the environment as it is",
     ID_FALLBACK},
    OPTION_TEXT_TOKEN_CACHE(ID_TOKEN_CACHE),
};

static const struct usage usage = {
    .command = "exec",
    .arguments = "COMMAND [ARGUMENT]...",
    .summary =
        "Run COMMAND with S3 credentials in its environment. Temporary ones an AWS SDK gets, and\n"
        "refreshes, from an endpoint that lives as long (AWS_CONTAINER_*). Signals are passed on, "
        "and its\n"
        "exit status is the result: 128+N where signal N ended it, 126 where it cannot be\n"
        "run, 127 where it is not there. With USE_VAULT=false it is run as it is.",
    .notes = "examples:\n"
             "  minio-helper exec --tenant acme -- aws s3 ls s3://acme-bucket\n"
             "  minio-helper exec -t acme --names app --on-change restart -- ./server\n"
             "  minio-helper exec -t acme --names app --files /run/app/secrets -- ./server",
    .operands_least = 1,
    .operands_most = -1,
    .options = option_texts,
    .option_count = sizeof(option_texts) / sizeof(option_texts[0]),
};

enum change { CHANGE_NONE, CHANGE_RESTART, CHANGE_SIGNAL, CHANGE_COMMAND };

struct wanted {
    struct credential_request request;
    const struct s3_names *names;
    const char *folder;
    enum change on_change;
    int change_signal;
    const char *change_command;
    long interval; /* seconds */
    bool fallback;
    char **command;
    struct vault_session_options session;
};

/* One run of exec. */
struct execution {
    const struct wanted *wanted;
    struct vault_session session;
    struct child_environment environment;
    struct credential_origin origin;
    struct child_endpoint endpoint; /* from which the command refreshes temporary keys */
    struct secret_watch watch;
    struct child_inheritance inheritance;
    int signals; /* signalfd */
    pid_t pid;   /* 0: none */
    bool restarting;
    vc_msec refresh_at; /* temporary keys are got anew; 0: static ones */
    vc_msec kill_at;    /* a child that is to be restarted and does not end */
    int status;         /* to exit with */
    bool ended;
};

/* ---- options ---- */

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

static bool take_change(struct wanted *wanted, const char *value)
{
    if (strcmp(value, "none") == 0) {
        wanted->on_change = CHANGE_NONE;
    } else if (strcmp(value, "restart") == 0) {
        wanted->on_change = CHANGE_RESTART;
    } else if (strncmp(value, "signal:", 7) == 0 && signal_number(value + 7) != 0) {
        wanted->on_change = CHANGE_SIGNAL;
        wanted->change_signal = signal_number(value + 7);
    } else if (strncmp(value, "command:", 8) == 0 && value[8] != '\0') {
        wanted->on_change = CHANGE_COMMAND;
        wanted->change_command = value + 8;
    } else {
        return options_refuse(usage.command, "no such action", value,
                              "none, restart, signal:HUP or command:COMMAND");
    }
    return true;
}

static bool take_option(void *ctx, int id, const char *value)
{
    struct wanted *wanted = ctx;

    switch (id) {
    case ID_TENANT:
        wanted->request.tenant = value;
        break;
    case ID_NAMES:
        wanted->names = s3_names_find(value);
        if (wanted->names == NULL)
            return options_refuse(usage.command, "no such set of names", value, s3_names_all());
        break;
    case ID_SECRET:
        wanted->request.secret = value;
        break;
    case ID_FILES:
        wanted->folder = value;
        break;
    case ID_ON_CHANGE:
        return take_change(wanted, value);
    case ID_INTERVAL:
        if (!options_seconds(value, &wanted->interval) || wanted->interval == 0)
            return options_refuse(usage.command, "no such interval", value, "30s, 5m, ...");
        break;
    case ID_FALLBACK:
        wanted->fallback = true;
        break;
    case ID_TOKEN_CACHE:
        wanted->session.token_cache = value;
        break;
    }
    return true;
}

/* ---- the secrets ---- */

static enum vc_code set_variable(struct execution *execution, const struct s3_variable *variable,
                                 struct vc_error *err)
{
    const char *folder = execution->wanted->folder;
    char name[128];
    char path[PATH_MAX];
    bool set;

    if (folder == NULL) {
        set = child_environment_set(&execution->environment, variable->name, variable->value);
    } else {
        snprintf(name, sizeof(name), "%s_FILE", variable->name);
        snprintf(path, sizeof(path), "%s/%s", folder, variable->name);
        set = child_environment_set(&execution->environment, name, path);
    }
    if (set)
        return VC_OK;
    return vc_error_set(err, VC_BAD_SECRET, "%s is too long for an environment, or memory is out",
                        variable->name);
}

/* All of the set are taken out first: what stood there before belongs to other credentials. */
static enum vc_code fill_environment(struct execution *execution,
                                     const struct s3_variables *variables, struct vc_error *err)
{
    const char *name;

    for (size_t i = 0; (name = s3_names_variable(execution->wanted->names, i)) != NULL; i++)
        child_environment_set(&execution->environment, name, NULL);
    for (size_t i = 0; i < variables->count; i++) {
        enum vc_code code = set_variable(execution, &variables->list[i], err);

        if (code != VC_OK)
            return code;
    }
    return VC_OK;
}

static enum vc_code put_in_place(struct execution *execution,
                                 const struct s3_credentials *credentials, struct vc_error *err)
{
    const struct wanted *wanted = execution->wanted;
    struct s3_variables variables;
    enum vc_code code = s3_variables_fill(&variables, wanted->names, credentials, err);

    if (code == VC_OK && wanted->folder != NULL)
        code = secret_folder_write(wanted->folder, wanted->names, &variables, err);
    if (code == VC_OK)
        code = fill_environment(execution, &variables, err);
    s3_variables_free(&variables);
    return code;
}

/*
 * Temporary keys: files are written anew before these end, SDKs ask an endpoint, and an environment
 * under other names keeps them.
 */
static enum vc_code plan_refresh(struct execution *execution,
                                 const struct s3_credentials *credentials, struct vc_error *err)
{
    const struct wanted *wanted = execution->wanted;
    enum vc_code code = VC_OK;
    long left;

    execution->refresh_at = 0;
    if (!s3_credentials_seconds_left(credentials, &left) || left <= 0)
        return VC_OK;
    if (wanted->folder == NULL && wanted->names == s3_names_find(NAMES_OF_SDKS)) {
        if (execution->endpoint.endpoint == NULL)
            code = child_endpoint_start(&execution->endpoint, err);
        if (code == VC_OK &&
            !child_endpoint_announce(&execution->endpoint, &execution->environment))
            code = vc_error_set(err, VC_NO_MEMORY, "out of memory for the environment");
        return code;
    }
    execution->refresh_at =
        vc_now() + (vc_msec)left * MSEC_PER_SEC / REFRESH_SHARE * (REFRESH_SHARE - 1);
    if (wanted->folder == NULL && wanted->on_change == CHANGE_NONE && execution->pid == 0)
        report_note("exec: these keys end at %s, and an environment cannot be refreshed: --files, "
                    "--names aws, or --on-change restart",
                    credentials->expiration);
    return VC_OK;
}

/* Asks Vault, and puts what it says where children find it. */
static enum vc_code load_secrets(struct execution *execution, struct vc_error *err)
{
    struct s3_credentials credentials;
    enum vc_code code;

    s3_credentials_init(&credentials, &vc_wiping_allocator);
    code = credential_source_get(&execution->session, &execution->wanted->request, &credentials,
                                 &execution->origin, err);
    if (code == VC_OK)
        code = put_in_place(execution, &credentials, err);
    if (code == VC_OK)
        code = plan_refresh(execution, &credentials, err);
    s3_credentials_free(&credentials);
    return code;
}

/* ---- the child ---- */

static bool start_child(struct execution *execution)
{
    struct vc_error err = {.code = VC_OK};
    pid_t pid = child_start(execution->wanted->command, execution->environment.list,
                            &execution->inheritance, &execution->status, &err);

    execution->pid = pid > 0 ? pid : 0;
    execution->restarting = false;
    if (pid > 0)
        return true;
    report_error(&err);
    execution->ended = true;
    return false;
}

static void run_change_command(struct execution *execution)
{
    char shell[] = "/bin/sh", option[] = "-c";
    char *argv[] = {shell, option, (char *)execution->wanted->change_command, NULL};
    struct vc_error err = {.code = VC_OK};
    int status;

    if (child_start(argv, execution->environment.list, &execution->inheritance, &status, &err) < 0)
        report_error(&err);
}

static void on_change(struct execution *execution)
{
    struct vc_error err = {.code = VC_OK};

    if (load_secrets(execution, &err) != VC_OK) {
        report_note("exec: new credentials cannot be had: %s", err.message);
        if (execution->refresh_at != 0)
            execution->refresh_at = vc_now() + REFRESH_RETRY;
        secret_watch_set(&execution->watch, &execution->origin);
        return;
    }
    secret_watch_set(&execution->watch, &execution->origin);
    switch (execution->wanted->on_change) {
    case CHANGE_NONE:
        break;
    case CHANGE_RESTART:
        execution->restarting = true;
        execution->kill_at = vc_now() + RESTART_GRACE;
        kill(execution->pid, SIGTERM);
        break;
    case CHANGE_SIGNAL:
        kill(execution->pid, execution->wanted->change_signal);
        break;
    case CHANGE_COMMAND:
        run_change_command(execution);
        break;
    }
}

static void child_ended(struct execution *execution)
{
    execution->pid = 0;
    if (execution->restarting)
        start_child(execution);
    else
        execution->ended = true;
}

/* A terminal's Ctrl-C has reached the child already: it is in the same process group. */
static bool came_from_terminal(const struct signalfd_siginfo *info)
{
    return info->ssi_code == SI_KERNEL &&
           (info->ssi_signo == SIGINT || info->ssi_signo == SIGQUIT || info->ssi_signo == SIGWINCH);
}

static void take_signal(struct execution *execution, const struct signalfd_siginfo *info)
{
    int number = (int)info->ssi_signo;

    if (number == SIGCHLD) {
        if (child_reap(execution->pid, &execution->status))
            child_ended(execution);
        return;
    }
    if (number == SIGTERM || number == SIGINT || number == SIGQUIT || number == SIGHUP)
        execution->restarting = false; /* it is meant to end */
    if (execution->pid > 0 && !came_from_terminal(info))
        kill(execution->pid, number);
}

static void take_signals(struct execution *execution)
{
    struct signalfd_siginfo info;

    while (!execution->ended && read(execution->signals, &info, sizeof(info)) == sizeof(info))
        take_signal(execution, &info);
}

/* True where one that ends programs came while Vault was being asked: nothing is started then. */
static bool told_to_stop(struct execution *execution)
{
    struct signalfd_siginfo info;

    while (read(execution->signals, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGCHLD || info.ssi_signo == SIGWINCH)
            continue;
        execution->status = CHILD_BY_SIGNAL + (int)info.ssi_signo;
        return true;
    }
    return false;
}

static int sleep_until(const struct execution *execution)
{
    vc_msec now = vc_now();
    vc_msec until = now + LONGEST_SLEEP;

    if (execution->wanted->on_change != CHANGE_NONE && execution->watch.next_at < until)
        until = execution->watch.next_at;
    if (execution->refresh_at != 0 && execution->refresh_at < until)
        until = execution->refresh_at;
    if (execution->restarting && execution->kill_at < until)
        until = execution->kill_at;
    return until <= now ? 0 : (int)(until - now);
}

static void kill_the_unwilling(struct execution *execution)
{
    if (!execution->restarting || execution->pid == 0 || vc_now() < execution->kill_at)
        return;
    kill(execution->pid, SIGKILL);
    execution->kill_at = vc_now() + RESTART_GRACE;
}

/* Another version is in Vault, or temporary keys come to their end. */
static bool has_news(struct execution *execution)
{
    vc_msec now = vc_now();

    if (execution->refresh_at != 0 && now >= execution->refresh_at)
        return true;
    return execution->wanted->on_change != CHANGE_NONE && secret_watch_run(&execution->watch, now);
}

static void watch_child(struct execution *execution)
{
    struct pollfd events[] = {{.fd = execution->signals, .events = POLLIN},
                              {.fd = vc_client_fd(execution->session.client), .events = POLLIN}};

    while (!execution->ended) {
        if (poll(events, 2, sleep_until(execution)) < 0 && errno != EINTR)
            break;
        pthread_mutex_lock(&execution->endpoint.lock);
        vc_client_run(execution->session.client);
        if (has_news(execution) && !execution->restarting)
            on_change(execution);
        pthread_mutex_unlock(&execution->endpoint.lock);
        take_signals(execution);
        kill_the_unwilling(execution);
    }
}

/* ---- the whole ---- */

static enum vc_code prepare(struct execution *execution, struct vc_error *err)
{
    const struct wanted *wanted = execution->wanted;
    enum vc_code code = vault_session_open(&execution->session, &wanted->session, err);

    /* After this the variables that carry credentials for Vault are gone. */
    if (!child_environment_init(&execution->environment) && code == VC_OK)
        code = vc_error_set(err, VC_NO_MEMORY, "out of memory for the environment");
    if (code == VC_OK && wanted->folder != NULL)
        code = secret_folder_open(wanted->folder, true, err);
    if (code == VC_OK)
        code = load_secrets(execution, err);
    if (code == VC_OK)
        secret_watch_start(&execution->watch, execution->session.client, &execution->origin,
                           (vc_msec)wanted->interval * MSEC_PER_SEC);
    return code;
}

static void finish(struct execution *execution)
{
    child_endpoint_stop(&execution->endpoint);
    secret_watch_stop(&execution->watch);
    child_environment_free(&execution->environment);
    if (execution->wanted->folder != NULL)
        secret_folder_clear(execution->wanted->folder, execution->wanted->names);
    vault_session_close(&execution->session);
    close(execution->signals);
}

/* In place of this process. Returns only where that fails. */
static int run_as_it_is(char **command, const sigset_t *mask)
{
    protection_restore_inherited();
    if (mask != NULL)
        sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(command[0], command);
    report_note("exec: cannot run \"%s\": %s", command[0], strerror(errno));
    return errno == ENOENT ? CHILD_NOT_FOUND : CHILD_NOT_EXECUTABLE;
}

static int run(const struct wanted *wanted)
{
    struct execution execution = {.wanted = wanted, .status = STATUS_INTERNAL};
    struct vc_error err = {.code = VC_OK};
    enum vc_code code;

    execution.signals = child_signals_open(&execution.inheritance);
    if (execution.signals < 0) {
        report_note("exec: cannot watch signals: %s", strerror(errno));
        return STATUS_INTERNAL;
    }
    child_endpoint_init(&execution.endpoint, &execution.session, &wanted->request);
    code = prepare(&execution, &err);
    if (code != VC_OK)
        execution.status = (int)report_error(&err);
    else if (!told_to_stop(&execution) && start_child(&execution))
        watch_child(&execution);
    finish(&execution);
    if (code != VC_OK && wanted->fallback) {
        report_note("exec: going on with the environment as it is (--fallback-env)");
        return run_as_it_is(wanted->command, &execution.inheritance.mask);
    }
    return execution.status;
}

int command_exec(int argc, char **argv)
{
    struct wanted wanted = {.request = {.secret = CREDENTIAL_SECRET, .needs_location = true},
                            .names = s3_names_find(NAMES_OF_SDKS),
                            .interval = LOOK_INTERVAL,
                            .session.long_lived = true};
    const char *use_vault = getenv("USE_VAULT");
    bool use = true;

    switch (options_parse(&usage, argc, argv, take_option, &wanted, &wanted.command)) {
    case OPTIONS_HELP:
        return STATUS_DONE;
    case OPTIONS_WRONG:
        return STATUS_USAGE;
    case OPTIONS_READY:
        break;
    }
    if (use_vault != NULL && use_vault[0] != '\0' && !vc_parse_bool(use_vault, &use)) {
        options_refuse(usage.command, "USE_VAULT is neither true nor false", NULL, NULL);
        return STATUS_USAGE;
    }
    return use ? run(&wanted) : run_as_it_is(wanted.command, NULL);
}
