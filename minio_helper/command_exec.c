/*
 * command_exec.c - `minio-helper exec`: runs a command with the secrets in its environment, or in
 * files in memory.
 *
 * Refuses to start anything where Vault fails. child_secrets is what the command gets,
 * child_supervisor runs it.
 */
#include "command.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "child_secrets.h"
#include "child_supervisor.h"
#include "protection.h"
#include "report.h"
#include "shared_options.h"
#include "use_vault.h"

#define MSEC_PER_SEC 1000
#define LOOK_INTERVAL 30 /* seconds between looks at the secret; one read each */
#define START_WITHIN 120 /* seconds until MinIO is to be seen safe; alone it takes 2 to 5 */

struct wanted {
    struct child_secrets_options secrets;
    struct change_action on_change;
    long interval; /* seconds */
    bool fallback;
    bool minio;
    struct minio_root root; /* with --minio: that server's */
    const char *endpoint;
    long within; /* seconds */
};

/* S3 credentials are wanted where nothing else is, or where an option speaks of them. */
static void settle(struct child_secrets_options *secrets)
{
    bool named = secrets->names != NULL || secrets->request.tenant != NULL ||
                 secrets->request.secret != NULL;

    if (secrets->names == NULL && (named || !secrets->app))
        secrets->names = s3_names_find(CHILD_SECRETS_SDK_NAMES);
    if (secrets->request.secret == NULL)
        secrets->request.secret = CREDENTIAL_SECRET;
    /* A server's start is worth a line in its log. */
    secrets->session.tells_events = secrets->app;
}

static bool take_change(const struct usage *usage, const char *value, void *member)
{
    return change_action_parse(value, member) ||
           options_refuse(usage, "no such action", value,
                          "none, restart, signal:HUP or command:COMMAND");
}

static const struct option_row rows[] = {
    {"app", 0, NULL,
     "an application's variables (those of minio-helper app-config); S3\n"
     "credentials only where --tenant, --names or --secret is given",
     option_take_flag, offsetof(struct wanted, secrets.app)},
    OPTION_TENANT(struct wanted, secrets.request.tenant, OPTION_TENANT_OWN_KEYS),
    OPTION_NAMES(struct wanted, secrets.names),
    OPTION_SECRET(struct wanted, secrets.request),
    {"files", 0, "FOLDER",
     "write each value to a file of FOLDER, which is on a tmpfs, and\n"
     "set NAME_FILE to its path instead of NAME",
     option_take_text, offsetof(struct wanted, secrets.folder)},
    {"on-change", 0, "WHAT",
     "when the secret has changed in Vault, or temporary keys come to\n"
     "their end: none (where it is not\n"
     "given), restart, signal:NAME (signal:HUP), or command:COMMAND\n"
     "(run by sh, with the new values). With --files, the files are\n"
     "new by then",
     take_change, offsetof(struct wanted, on_change)},
    {"interval", 0, "TIME", "how often to look for a change; 30s where it is not given",
     option_take_seconds, offsetof(struct wanted, interval)},
    {"minio", 0, NULL,
     "COMMAND is a MinIO server: these keys are its root's, by a file\n"
     "(MINIO_CONFIG_ENV_FILE; in FOLDER, or in one below /dev/shm). It\n"
     "is stopped unless it takes them and refuses minioadmin",
     option_take_flag, offsetof(struct wanted, minio)},
    {"endpoint", 0, "URL",
     "where MinIO answers; as its --address says, by plain HTTP, where\n"
     "it is not given",
     option_take_text, offsetof(struct wanted, endpoint)},
    {"within", 0, "TIME", "how long MinIO may take to answer; 2m where it is not given",
     option_take_seconds, offsetof(struct wanted, within)},
    {"fallback-env", 0, NULL, "where Vault fails, run COMMAND with the environment as it is",
     option_take_flag, offsetof(struct wanted, fallback)},
    OPTION_TOKEN_CACHE(struct wanted, secrets.session),
};

static const struct usage usage = {
    .command = "exec",
    .arguments = "COMMAND [ARGUMENT]...",
    .summary =
        "Run COMMAND with S3 credentials, or an application's variables, in its environment.\n"
        "Temporary credentials an AWS SDK gets, and refreshes, from an endpoint that lives as "
        "long\n"
        "(AWS_CONTAINER_*). Signals are passed on, and its exit status is the result: 128+N where\n"
        "signal N ended it, 126 where it cannot be run, 127 where it is not there. With\n"
        "USE_VAULT=false it is run as it is.",
    .notes = "examples:\n"
             "  minio-helper exec --tenant acme -- aws s3 ls s3://acme-bucket\n"
             "  minio-helper exec -t acme --names app --on-change restart -- ./server\n"
             "  minio-helper exec -t acme --names app --files /run/app/secrets -- ./server\n"
             "  minio-helper exec --app -- gunicorn app:app\n"
             "  minio-helper exec --minio --secret minio -- minio server /data",
    .operands_least = 1,
    .operands_most = -1,
    .options = rows,
    .option_count = sizeof(rows) / sizeof(rows[0]),
};

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

static int refuse_to_start(const struct wanted *wanted, char **command,
                           const struct child_inheritance *inheritance, const struct vc_error *err)
{
    int status = (int)report_error(err);

    if (wanted->fallback) {
        report_note("exec: WARNING: \"%s\" is started with the environment's own values, which may "
                    "be old or missing: Vault gave none (--fallback-env)",
                    command[0]);
        return run_as_it_is(command, &inheritance->mask);
    }
    report_note("exec: \"%s\" was not started, because its secrets come from Vault", command[0]);
    return status;
}

/* ---- a MinIO server ---- */

static enum vc_code check_file(void *ctx, struct vc_error *err)
{
    return minio_root_check_file(ctx, err);
}

static enum vc_code check_server(void *ctx, struct vc_error *err)
{
    return minio_root_check_server(ctx, err);
}

/* ---- the whole ---- */

static int supervise(const struct wanted *wanted, char **command, struct child_secrets *secrets,
                     int signals, const struct child_inheritance *inheritance)
{
    const struct child_checks checks = {.before = check_file,
                                        .running = check_server,
                                        .ctx = wanted->secrets.minio,
                                        .within = (vc_msec)wanted->within * MSEC_PER_SEC};
    const struct child_supervision what = {.command = command,
                                           .on_change = &wanted->on_change,
                                           .checks = wanted->minio ? &checks : NULL,
                                           .secrets = secrets,
                                           .signals = signals,
                                           .inheritance = inheritance};

    return child_supervisor_run(&what);
}

static int run(struct wanted *wanted, char **command)
{
    struct child_inheritance inheritance;
    struct child_secrets secrets;
    struct vc_error err = {.code = VC_OK};
    int signals = child_signals_open(&inheritance);
    enum vc_code code;
    int status = STATUS_DONE;

    if (signals < 0) {
        report_note("exec: cannot watch signals: %s", strerror(errno));
        return STATUS_INTERNAL;
    }
    if (wanted->on_change.change != CHANGE_NONE)
        wanted->secrets.watch_interval = (vc_msec)wanted->interval * MSEC_PER_SEC;
    wanted->secrets.signals = signals;
    code = child_secrets_open(&secrets, &wanted->secrets, &err);
    secrets.session.tells_events = true;
    if (code == VC_OK)
        status = supervise(wanted, command, &secrets, signals, &inheritance);
    child_secrets_close(&secrets);
    close(signals);
    if (secrets.stopped_by != 0)
        return CHILD_BY_SIGNAL + secrets.stopped_by;
    return code == VC_OK ? status : refuse_to_start(wanted, command, &inheritance, &err);
}

/* Without Vault it would start with its default password. */
static int run_minio(struct wanted *wanted, char **command, bool use_vault)
{
    struct vc_error err = {.code = VC_OK};

    if (!use_vault || wanted->fallback) {
        options_refuse(&usage, "--minio starts nothing without Vault", NULL,
                       use_vault ? "it goes without --fallback-env" : "USE_VAULT is false");
        return STATUS_USAGE;
    }
    if (wanted->secrets.app) {
        options_refuse(&usage, "--minio and --app exclude each other", NULL, NULL);
        return STATUS_USAGE;
    }
    if (minio_root_init(&wanted->root, wanted->endpoint, command, &err) != VC_OK)
        return (int)report_error(&err);
    wanted->secrets.minio = &wanted->root;
    return run(wanted, command);
}

int command_exec(int argc, char **argv)
{
    struct wanted wanted = {.secrets = {.request.needs_location = true, .session.long_lived = true},
                            .interval = LOOK_INTERVAL,
                            .within = START_WITHIN};
    char **command;
    int status;
    bool use;

    if (!options_parse(&usage, argc, argv, &wanted, &command, &status))
        return status;
    if (!use_vault(&usage, &use))
        return STATUS_USAGE;
    settle(&wanted.secrets);
    if (wanted.minio)
        return run_minio(&wanted, command, use);
    return use ? run(&wanted, command) : run_as_it_is(command, NULL);
}
