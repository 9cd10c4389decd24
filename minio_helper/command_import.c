/*
 * command_import.c - `minio-helper import`: an application's .env file into Vault.
 *
 * Shows what goes where, never a value. Writes by check-and-set what is not there yet; overwrites
 * only when told to; reads back what it wrote. All is compared before anything is written.
 */
#include "command.h"

#include <stddef.h>
#include <stdio.h>

#include "import_plan.h"
#include "report.h"
#include "s3_secret.h"
#include "secret_file.h"
#include "shared_options.h"

struct wanted {
    const char *file;
    const char *environment;
    bool dry_run;
    bool force;
    struct vault_session_options session;
};

static const struct option_row rows[] = {
    {"dry-run", 0, NULL, "show what would be written, and write nothing", option_take_flag,
     offsetof(struct wanted, dry_run)},
    {"environment", 'e', "NAME", "into this environment, instead of VAULT_ENVIRONMENT",
     option_take_text, offsetof(struct wanted, environment)},
    {"force", 0, NULL, "overwrite where Vault has another value", option_take_flag,
     offsetof(struct wanted, force)},
    OPTION_TOKEN_CACHE(struct wanted, session),
};

static const struct usage usage = {
    .command = "import",
    .arguments = "FILE",
    .summary =
        "Write the variables of an application's .env FILE to the secrets database, jwt and s3\n"
        "of VAULT_ENVIRONMENT, from where app-config and exec --app give them back. Shows\n"
        "where each goes, and which variables stay in FILE.",
    .notes =
        "Lines are NAME=VALUE, with or without export; VALUE may stand in single or double\n"
        "quotes; ${NAME} is not filled in. A value that programs read differently is refused.\n"
        "\n"
        "examples:\n"
        "  minio-helper import --dry-run .env\n"
        "  minio-helper import --environment prod .env.production",
    .operands_least = 1,
    .operands_most = 1,
    .options = rows,
    .option_count = sizeof(rows) / sizeof(rows[0]),
};

/* ---- what is shown ---- */

static void show_value(const struct app_variable *variable, const struct import_value *value,
                       const struct import_target *target)
{
    printf("%-29s -> %s %s: ******** ", variable->name, target->path, value->field);
    switch (value->state) {
    case IMPORT_UNUSED:
    case IMPORT_NEW:
        printf("new\n");
        break;
    case IMPORT_SAME:
        printf("unchanged\n");
        break;
    case IMPORT_OTHER:
        printf("overwrites version %lld\n", target->version);
        break;
    }
}

static void show_plan(const struct import_plan *plan)
{
    for (size_t i = 0; i < APP_VARIABLES; i++)
        if (plan->values[i].state != IMPORT_UNUSED)
            show_value(&app_variables[i], &plan->values[i],
                       &plan->targets[app_variables[i].secret]);
    for (int which = 0; which < APP_SECRETS; which++)
        if (plan->targets[which].gone != VC_OK)
            printf("%s: version %lld is %s, and stays so\n", plan->targets[which].path,
                   plan->targets[which].version,
                   plan->targets[which].gone == VC_VERSION_DELETED ? "deleted" : "destroyed");
}

/* What the file has and Vault will not have. */
static void show_rest(const struct dotenv *dotenv, const char *file)
{
    for (size_t i = 0; i < dotenv->count; i++) {
        const struct dotenv_entry *entry = &dotenv->entries[i];

        if (app_variable_find(entry->name) == NULL)
            printf("%s: stays in \"%s\", line %zu: Vault has no place for it\n", entry->name, file,
                   entry->line);
        else if (entry->value[0] == '\0')
            printf("%s: stays in \"%s\", line %zu: it is empty\n", entry->name, file, entry->line);
    }
}

/* What would do for an application may not do for S3's own programs. */
static void warn_of_s3(const struct import_target *target)
{
    struct s3_credentials credentials;
    struct vc_error err = {.code = VC_OK};

    if (target->data == NULL)
        return;
    s3_credentials_init(&credentials, &vc_wiping_allocator);
    if (s3_secret_read(target->data, target->path, &credentials, &err) != VC_OK)
        report_note("import: minio-helper credentials will refuse it: %s", err.message);
    s3_credentials_free(&credentials);
}

/* ---- what is written ---- */

static enum vc_code refuse_overwriting(const struct import_plan *plan, struct vc_error *err)
{
    for (int which = 0; which < APP_SECRETS; which++) {
        if (!plan->targets[which].overwrites)
            continue;
        vc_error_set(err, VC_CAS_MISMATCH,
                     "secret \"%s\" has other values (version %lld): nothing is written",
                     plan->targets[which].path, plan->targets[which].version);
        vc_error_hint(err, "--force overwrites them; the version before stays in Vault's history");
        return VC_CAS_MISMATCH;
    }
    return VC_OK;
}

static enum vc_code verify(struct vault_session *session, const struct import_target *target,
                           long long version, struct vc_error *err)
{
    struct vc_kv_secret secret;
    enum vc_code code = vault_session_read(session, target->path, version, &secret, err);

    if (code != VC_OK)
        return code;
    if (!cJSON_Compare(secret.data, target->data, true))
        code = vc_error_set(err, VC_INTERNAL, "secret \"%s\": version %lld is not what was written",
                            target->path, version);
    vc_kv_secret_free(&secret);
    return code;
}

static enum vc_code write_target(struct vault_session *session, const struct import_target *target,
                                 struct vc_error *err)
{
    long long version = 0;
    enum vc_code code =
        vault_session_write(session, target->path, target->data, target->version, &version, err);

    if (code == VC_CAS_MISMATCH)
        vc_error_hint(err, "somebody else wrote meanwhile: run import again");
    if (code == VC_OK)
        code = verify(session, target, version, err);
    if (code == VC_OK)
        printf("wrote %s: version %lld, read back\n", target->path, version);
    return code;
}

static enum vc_code write_plan(struct vault_session *session, const struct import_plan *plan,
                               bool dry_run, struct vc_error *err)
{
    enum vc_code code = VC_OK;
    int written = 0;

    for (int which = 0; code == VC_OK && which < APP_SECRETS; which++) {
        const struct import_target *target = &plan->targets[which];

        if (!target->adds && !target->overwrites)
            continue;
        written++;
        if (dry_run)
            printf("would write %s: version %lld\n", target->path, target->version + 1);
        else
            code = write_target(session, target, err);
    }
    if (written == 0)
        printf("nothing to write\n");
    return code;
}

/* ---- the whole ---- */

static enum vc_code import(struct vault_session *session, const struct wanted *wanted,
                           const struct dotenv *dotenv, struct vc_error *err)
{
    struct import_plan plan;
    enum vc_code code = import_plan_take(&plan, dotenv, wanted->file, err);

    if (code == VC_OK)
        code = import_plan_compare(&plan, session, err);
    if (code == VC_OK) {
        show_plan(&plan);
        warn_of_s3(&plan.targets[APP_S3]);
        if (!wanted->force)
            code = refuse_overwriting(&plan, err);
        if (code == VC_OK)
            code = write_plan(session, &plan, wanted->dry_run, err);
        show_rest(dotenv, wanted->file);
    }
    import_plan_free(&plan);
    return code;
}

static enum vc_code read_file(const char *path, struct dotenv *dotenv, struct vc_error *err)
{
    struct vc_buf text;
    enum vc_code code;

    vc_buf_init(&text, &vc_wiping_allocator, VC_SECRET_FILE_MAX);
    code = vc_secret_file_read(path, false, &text, NULL, err);
    if (code == VC_OK)
        code = dotenv_parse(dotenv, &vc_wiping_allocator, path, vc_buf_text(&text), text.len, err);
    vc_buf_free(&text);
    return code;
}

static enum vc_code run(const struct wanted *wanted, struct vc_error *err)
{
    struct dotenv dotenv = {.allocator = &vc_wiping_allocator};
    struct vault_session session;
    enum vc_code code = vault_session_open(&session, &wanted->session, err);

    if (code == VC_OK && wanted->environment != NULL)
        code = vc_settings_set(&session.settings, "environment", wanted->environment, err);
    if (code == VC_OK)
        code = read_file(wanted->file, &dotenv, err);
    if (code == VC_OK)
        code = import(&session, wanted, &dotenv, err);
    dotenv_free(&dotenv);
    vault_session_close(&session);
    return code;
}

int command_import(int argc, char **argv)
{
    struct wanted wanted = {.force = false};
    struct vc_error err = {.code = VC_OK};
    char **operands;
    int status;

    if (!options_parse(&usage, argc, argv, &wanted, &operands, &status))
        return status;
    wanted.file = operands[0];
    return run(&wanted, &err) == VC_OK ? STATUS_DONE : report_error(&err);
}
