/*
 * command_app_config.c - `minio-helper app-config`: an application's variables out of the
 * platform's secrets, in the form that a shell, systemd or Docker reads.
 *
 * With USE_VAULT=false the same variables as the environment has them: what reads the output need
 * not know where they come from.
 */
#include "command.h"

#include <stddef.h>

#include "app_config.h"
#include "format.h"
#include "output.h"
#include "report.h"
#include "shared_options.h"
#include "use_vault.h"

struct wanted {
    const struct format *format;
    struct output output;
    struct vault_session_options session;
};

static bool take_format(const struct usage *usage, const char *value, void *member)
{
    const struct format **format = member;

    *format = format_find(value);
    return (*format != NULL && (*format)->writes_variables) ||
           options_refuse(usage, "no such format", value, NULL);
}

static const struct option_row rows[] = {
    {"format", 'f', "FORMAT", "one of those below; env where none is given", take_format,
     offsetof(struct wanted, format)},
    OPTION_OUTPUT(struct wanted, output),
    OPTION_SHOW(struct wanted, output),
    OPTION_TOKEN_CACHE(struct wanted, session),
};

static const struct usage usage = {
    .command = "app-config",
    .arguments = "",
    .summary = "Print an application's variables (DATABASE_URL, TENANT_DATABASE_URL_TEMPLATE,\n"
               "JWT_SECRET_KEY, SECRET_KEY, JWT_ACCESS_TOKEN_EXPIRES, S3_*) out of the secrets\n"
               "database, jwt and s3 of VAULT_ENVIRONMENT; with USE_VAULT=false out of the\n"
               "environment.",
    .notes = "formats:\n"
             "  env               sh: export NAME='value'\n"
             "  env-no-export     sh: NAME='value'\n"
             "  fish              set -gx NAME 'value'\n"
             "  powershell        $env:NAME = 'value'\n"
             "  systemd           EnvironmentFile= of a unit\n"
             "  docker-run        docker run --env-file\n"
             "  compose           env_file of Docker Compose\n"
             "\n"
             "examples:\n"
             "  eval \"$(minio-helper app-config)\"\n"
             "  VAULT_ENVIRONMENT=prod minio-helper app-config -f compose -o .env",
    .operands_least = 0,
    .operands_most = 0,
    .options = rows,
    .option_count = sizeof(rows) / sizeof(rows[0]),
};

static enum vc_code put_out(const struct wanted *wanted, const struct app_config *config,
                            struct vc_error *err)
{
    const struct format_request request = {.variables = config->list,
                                           .variable_count = APP_VARIABLES};
    struct vc_buf text, names;
    enum vc_code code;

    vc_buf_init(&text, &vc_wiping_allocator, FORMAT_OUTPUT_MAX);
    vc_buf_init(&names, &vc_wiping_allocator, FORMAT_OUTPUT_MAX);
    code = wanted->format->render(&request, &text, err);
    for (size_t i = 0; i < APP_VARIABLES; i++)
        if (config->list[i].value != NULL)
            vc_buf_append_format(&names, "%s\n", config->list[i].name);
    if (code == VC_OK)
        code = output_write(&wanted->output, &text, vc_buf_text(&names), err);
    vc_buf_free(&names);
    vc_buf_free(&text);
    return code;
}

static enum vc_code run(const struct wanted *wanted, struct vc_error *err)
{
    struct app_config config;
    struct vault_session session;
    enum vc_code code = vault_session_open(&session, &wanted->session, err);

    if (code == VC_OK) {
        code = app_config_read(&config, &session, err);
        if (code == VC_OK)
            code = put_out(wanted, &config, err);
        app_config_free(&config);
    }
    vault_session_close(&session);
    return code;
}

static enum vc_code run_without_vault(const struct wanted *wanted, struct vc_error *err)
{
    struct app_config config;

    app_config_from_environment(&config);
    return put_out(wanted, &config, err);
}

int command_app_config(int argc, char **argv)
{
    struct wanted wanted = {.format = format_find("env")};
    struct vc_error err = {.code = VC_OK};
    enum vc_code code;
    char **operands;
    int status;
    bool use;

    if (!options_parse(&usage, argc, argv, &wanted, &operands, &status))
        return status;
    if (!use_vault(&usage, &use))
        return STATUS_USAGE;
    code = use ? run(&wanted, &err) : run_without_vault(&wanted, &err);
    return code == VC_OK ? STATUS_DONE : report_error(&err);
}
