/*
 * command_database.c - `minio-helper database`: a tenant's PostgreSQL connection for clients.
 */
#include "command.h"

#include <string.h>

#include "connection.h"
#include "database_format.h"
#include "json.h"
#include "output.h"
#include "report.h"
#include "shared_options.h"
#include "tenant_layout.h"
#include "vault_session.h"

#define OUTPUT_MAX (4 * VC_CONNECTION_TEXT_MAX) /* quoting may write each byte as four */

struct wanted {
    const char *tenant;
    database_render render;
    struct output output;
    struct vault_session_options session;
};

static bool take_format(const struct usage *usage, const char *value, void *member)
{
    database_render *render = member;

    *render = database_format_find(value);
    return *render != NULL || options_refuse(usage, "no such format", value, DATABASE_FORMATS);
}

static const struct option_row rows[] = {
    OPTION_TENANT(struct wanted, tenant, "the tenant; without it, the platform's main_url"),
    {"format", 'f', "FORMAT",
     "uri (where none is given), conninfo, env (sh: export PGHOST=...),\n"
     "pgpass (a line for ~/.pgpass), service (for pg_service.conf)",
     take_format, offsetof(struct wanted, render)},
    OPTION_OUTPUT(struct wanted, output),
    OPTION_SHOW(struct wanted, output),
    OPTION_TOKEN_CACHE(struct wanted, session),
};

static const struct usage usage = {
    .command = "database",
    .arguments = "",
    .summary = "Print a tenant's PostgreSQL connection in the form that a client wants.",
    .notes = "examples:\n"
             "  (eval \"$(minio-helper database -t acme -f env)\"; exec psql)\n"
             "  minio-helper database -t acme -f pgpass -o ~/.pgpass",
    .operands_least = 0,
    .operands_most = 0,
    .options = rows,
    .option_count = sizeof(rows) / sizeof(rows[0]),
};

static enum vc_code put_out(const struct wanted *wanted, const struct database_text *connection,
                            struct vc_error *err)
{
    struct vc_buf text, names;
    enum vc_code code;

    vc_buf_init(&text, &vc_wiping_allocator, OUTPUT_MAX);
    vc_buf_init(&names, &vc_wiping_allocator, OUTPUT_MAX);
    code = database_format_names(connection, &names, err);
    if (code == VC_OK)
        code = wanted->render(connection, &text, err);
    if (code == VC_OK)
        code = output_write(&wanted->output, &text, vc_buf_text(&names), err);
    vc_buf_free(&names);
    vc_buf_free(&text);
    return code;
}

/* Absent is fine: *found tells, and where it is true secret is to be freed. */
static enum vc_code read_secret(struct vault_session *session, const char *tenant,
                                struct vc_kv_secret *secret, bool *found, struct vc_error *err)
{
    char path[VC_PATH_MAX + 1];
    enum vc_code code = vault_session_path(session, tenant, "database", path, err);

    *found = false;
    if (code == VC_OK)
        code = vault_session_read(session, path, 0, secret, err);
    if (code == VC_NOT_FOUND)
        return VC_OK;
    *found = code == VC_OK;
    return code;
}

static enum vc_code put_platform(struct vault_session *session, const struct wanted *wanted,
                                 struct vc_error *err)
{
    struct database_text text = {.service = "platform"};
    char path[VC_PATH_MAX + 1];
    struct vc_kv_secret secret;
    enum vc_code code = vault_session_path(session, NULL, "database", path, err);

    if (code == VC_OK)
        code = vault_session_read(session, path, 0, &secret, err);
    if (code != VC_OK)
        return code;
    text.url = text.conninfo = vc_json_string(secret.data, "main_url");
    if (text.url == NULL)
        code = vc_error_set(err, VC_BAD_SECRET,
                            "secret \"%s\": field main_url is missing, or no string", path);
    else
        code = put_out(wanted, &text, err);
    vc_kv_secret_free(&secret);
    return code;
}

static enum vc_code build_and_put(const struct vault_session *session, const struct wanted *wanted,
                                  const cJSON *platform, const cJSON *own, struct vc_error *err)
{
    const struct vc_connection_source source = {.tenant = wanted->tenant,
                                                .environment = session->settings.environment,
                                                .platform = platform,
                                                .secret = own};
    struct vc_connection connection;
    enum vc_code code = vc_connection_build(&connection, &vc_wiping_allocator, &source, err);

    if (code != VC_OK)
        return code;
    if (connection.credentials_path != NULL) {
        vc_error_set(err, VC_BAD_SECRET,
                     "secret of tenant \"%s\" asks for dynamic credentials, which this version "
                     "does not support",
                     wanted->tenant);
        vc_error_hint(err, "write username and password instead of credentials_path");
        code = VC_BAD_SECRET;
    } else {
        const struct database_text text = {.url = vc_buf_text(&connection.url),
                                           .conninfo = vc_buf_text(&connection.conninfo),
                                           .service = wanted->tenant};

        code = put_out(wanted, &text, err);
    }
    vc_connection_free(&connection);
    return code;
}

static enum vc_code put_tenant(struct vault_session *session, const struct wanted *wanted,
                               struct vc_error *err)
{
    struct vc_kv_secret own, platform;
    bool has_own, has_platform = false;
    enum vc_code code = read_secret(session, wanted->tenant, &own, &has_own, err);

    /* A url of its own replaces the template. */
    if (code == VC_OK && (!has_own || vc_json_string(own.data, "url") == NULL))
        code = read_secret(session, NULL, &platform, &has_platform, err);
    if (code == VC_OK)
        code = build_and_put(session, wanted, has_platform ? platform.data : NULL,
                             has_own ? own.data : NULL, err);
    if (has_own)
        vc_kv_secret_free(&own);
    if (has_platform)
        vc_kv_secret_free(&platform);
    return code;
}

static enum vc_code run(const struct wanted *wanted, struct vc_error *err)
{
    struct vault_session session;
    enum vc_code code = vault_session_open(&session, &wanted->session, err);

    if (code == VC_OK)
        code = wanted->tenant != NULL ? put_tenant(&session, wanted, err)
                                      : put_platform(&session, wanted, err);
    vault_session_close(&session);
    return code;
}

int command_database(int argc, char **argv)
{
    struct wanted wanted = {.render = database_format_find("uri")};
    struct vc_error err = {.code = VC_OK};
    char **operands;
    int status;

    if (!options_parse(&usage, argc, argv, &wanted, &operands, &status))
        return status;
    return run(&wanted, &err) == VC_OK ? STATUS_DONE : report_error(&err);
}
