/*
 * command_credentials.c - `minio-helper credentials`: S3 credentials in the form that a client
 * wants.
 */
#include "command.h"

#include <string.h>

#include "credential_source.h"
#include "format.h"
#include "format_template.h"
#include "output.h"
#include "report.h"
#include "s3_variables.h"
#include "shared_options.h"
#include "secret_file.h"
#include "secret_folder.h"
#include "vault_session.h"

struct wanted {
    struct credential_request request;
    const struct format *format;
    const struct s3_names *names;
    const char *alias;
    const char *template_path;
    const char *policy_path;
    struct vault_session_options session;
    struct output output;
};

static bool take_format(const struct usage *usage, const char *value, void *member)
{
    const struct format **format = member;

    *format = format_find(value);
    return *format != NULL || options_refuse(usage, "no such format", value, NULL);
}

static const struct option_row rows[] = {
    OPTION_TENANT(struct wanted, request.tenant, OPTION_TENANT_OWN_KEYS),
    {"format", 'f', "FORMAT", "one of those below; process where none is given", take_format,
     offsetof(struct wanted, format)},
    {"template", 0, "FILE",
     "fill in FILE instead: {{access_key_id}}, {{secret_access_key}},\n"
     "{{session_token}}, {{expiration}}, {{endpoint_url}},\n"
     "{{bucket_name}}, {{prefix}}, {{region}}, {{tenant}}; |json, |sh\n"
     "or |url quotes ({{region|json}}); a line whose value is absent\n"
     "is left out",
     option_take_text, offsetof(struct wanted, template_path)},
    OPTION_NAMES(struct wanted, names),
    {"alias", 'a', "NAME",
     "name of the profile, alias or remote; the tenant's, or minio,\n"
     "where none is given",
     option_take_text, offsetof(struct wanted, alias)},
    OPTION_OUTPUT(struct wanted, output),
    OPTION_SHOW(struct wanted, output),
    OPTION_SECRET(struct wanted, request),
    {"policy", 0, "FILE",
     "session policy for temporary keys, instead of the one that\n"
     "confines the tenant to its bucket or prefix",
     option_take_text, offsetof(struct wanted, policy_path)},
    OPTION_DURATION(struct wanted, request.duration),
    OPTION_TOKEN_CACHE(struct wanted, session),
};

static const char notes[] =
    "formats:\n"
    "  process           JSON for credential_process (AWS CLI and SDKs, pgBackRest)\n"
    "  json              JSON with the names that the secret has in Vault\n"
    "  env               sh: export NAME='value'\n"
    "  env-no-export     sh: NAME='value'\n"
    "  fish              set -gx NAME 'value'\n"
    "  powershell        $env:NAME = 'value'\n"
    "  systemd           EnvironmentFile= of a unit\n"
    "  systemd-credentials  a file for each value in the folder --output, for\n"
    "                    LoadCredential=\n"
    "  docker-run        docker run --env-file\n"
    "  compose           env_file of Docker Compose\n"
    "  aws               a profile for ~/.aws/config\n"
    "  mc, mc-host       mc alias import; export MC_HOST_alias=...\n"
    "  rclone            a remote for rclone.conf\n"
    "  s3cmd             ~/.s3cfg\n"
    "  pgbackrest        repo1-s3-* of pgbackrest.conf\n"
    "  minio             MINIO_CONFIG_ENV_FILE of the MinIO server\n"
    "\n"
    "examples:\n"
    "  credential_process = minio-helper credentials --tenant acme      (in ~/.aws/config)\n"
    "  minio-helper credentials -t acme -f mc | mc alias import acme /dev/stdin\n"
    "  eval \"$(minio-helper credentials -t acme -f env)\"\n"
    "\n"
    "Vault's address and credentials come from VAULT_ADDR, VAULT_ROLE_ID_FILE,\n"
    "VAULT_SECRET_ID_FILE, VAULT_TOKEN_FILE, ...: see minio-helper(1).";

static const struct usage usage = {
    .command = "credentials",
    .arguments = "",
    .summary = "Print S3 credentials in the form that a client wants.",
    .notes = notes,
    .options = rows,
    .option_count = sizeof(rows) / sizeof(rows[0]),
};

/* What the options say; the strings are argv's. */
/* What must hold between options. */
static bool settle(struct wanted *wanted)
{
    if (wanted->template_path != NULL && wanted->format != NULL)
        return options_refuse(&usage, "--template and --format exclude each other", NULL, NULL);
    if (wanted->format == NULL)
        wanted->format = format_find("process");
    if (wanted->names != NULL &&
        (wanted->template_path != NULL || !wanted->format->writes_variables))
        return options_refuse(&usage, "--names is for formats that write variables", NULL,
                              s3_names_all());
    if (wanted->format->render == NULL && wanted->output.path == NULL)
        return options_refuse(&usage, "this format needs --output FOLDER", NULL, NULL);
    if (wanted->names == NULL)
        wanted->names = s3_names_find("aws");
    if (wanted->alias == NULL)
        wanted->alias = wanted->request.tenant != NULL ? wanted->request.tenant : "minio";
    wanted->request.needs_location =
        wanted->template_path != NULL || wanted->format->needs_location;
    return true;
}

/* A file's text with its last newline, or nothing where path is NULL. */
static enum vc_code read_text(const char *path, struct vc_buf *text, struct vc_error *err)
{
    enum vc_code code;

    if (path == NULL)
        return VC_OK;
    code = vc_secret_file_read(path, false, text, NULL, err);
    if (code == VC_OK && !vc_buf_append_text(text, "\n"))
        code = vc_error_set(err, VC_NO_MEMORY, "out of memory while reading \"%s\"", path);
    return code;
}

/* For a terminal: what there is, by the names that the output would have. */
static void list_names(const struct wanted *wanted, const struct s3_credentials *credentials,
                       struct vc_buf *names)
{
    bool variables_named = wanted->template_path == NULL && wanted->format->writes_variables;
    struct s3_variables variables;

    if (s3_variables_fill(&variables, variables_named ? wanted->names : s3_names_find("fields"),
                          credentials, NULL) == VC_OK)
        for (size_t i = 0; i < variables.count; i++)
            if (variables.list[i].value != NULL)
                vc_buf_append_format(names, "%s\n", variables.list[i].name);
    s3_variables_free(&variables);
}

static enum vc_code put_into_folder(const struct wanted *wanted,
                                    const struct s3_credentials *credentials, struct vc_error *err)
{
    const struct s3_names *names = s3_names_find("fields");
    struct s3_variables variables;
    enum vc_code code = s3_variables_fill(&variables, names, credentials, err);

    if (code == VC_OK)
        code = secret_folder_open(wanted->output.path, false, err);
    if (code == VC_OK)
        code = secret_folder_write(wanted->output.path, variables.list, variables.count, err);
    s3_variables_free(&variables);
    return code;
}

static enum vc_code render(const struct wanted *wanted, const struct s3_credentials *credentials,
                           struct vc_buf *text, struct vc_error *err)
{
    struct format_request request = {.credentials = credentials, .alias = wanted->alias};
    struct s3_variables variables;
    enum vc_code code;

    if (!wanted->format->writes_variables)
        return wanted->format->render(&request, text, err);
    code = s3_variables_fill(&variables, wanted->names, credentials, err);
    request.variables = variables.list;
    request.variable_count = variables.count;
    if (code == VC_OK)
        code = wanted->format->render(&request, text, err);
    s3_variables_free(&variables);
    return code;
}

static enum vc_code put_out(const struct wanted *wanted, const struct s3_credentials *credentials,
                            const struct vc_buf *template_text, struct vc_error *err)
{
    struct vc_buf text, names;
    enum vc_code code;

    if (wanted->template_path == NULL && wanted->format->render == NULL)
        return put_into_folder(wanted, credentials, err);
    vc_buf_init(&text, credentials->allocator, FORMAT_OUTPUT_MAX);
    vc_buf_init(&names, credentials->allocator, FORMAT_OUTPUT_MAX);
    if (wanted->template_path != NULL)
        code = format_template(credentials, vc_buf_text(template_text), &text, err);
    else
        code = render(wanted, credentials, &text, err);
    if (code == VC_OK) {
        list_names(wanted, credentials, &names);
        code = output_write(&wanted->output, &text, vc_buf_text(&names), err);
    }
    vc_buf_free(&names);
    vc_buf_free(&text);
    return code;
}

static enum vc_code run(struct wanted *wanted, struct vc_error *err)
{
    struct s3_credentials credentials;
    struct vc_buf policy, template_text;
    struct vault_session session;
    enum vc_code code;

    s3_credentials_init(&credentials, &vc_wiping_allocator);
    vc_buf_init(&policy, &vc_wiping_allocator, VC_SECRET_FILE_MAX);
    vc_buf_init(&template_text, &vc_wiping_allocator, VC_SECRET_FILE_MAX);
    code = vault_session_open(&session, &wanted->session, err);
    if (code == VC_OK)
        code = read_text(wanted->policy_path, &policy, err);
    if (code == VC_OK)
        code = read_text(wanted->template_path, &template_text, err);
    if (code == VC_OK) {
        wanted->request.policy = wanted->policy_path != NULL ? vc_buf_text(&policy) : NULL;
        code = credential_source_get(&session, &wanted->request, &credentials, NULL, err);
    }
    if (code == VC_OK)
        code = put_out(wanted, &credentials, &template_text, err);
    vault_session_close(&session);
    vc_buf_free(&template_text);
    vc_buf_free(&policy);
    s3_credentials_free(&credentials);
    return code;
}

int command_credentials(int argc, char **argv)
{
    struct wanted wanted = {.request.secret = CREDENTIAL_SECRET};
    struct vc_error err = {.code = VC_OK};
    char **operands;
    int status;

    if (!options_parse(&usage, argc, argv, &wanted, &operands, &status))
        return status;
    if (!settle(&wanted))
        return STATUS_USAGE;
    return run(&wanted, &err) == VC_OK ? STATUS_DONE : report_error(&err);
}
