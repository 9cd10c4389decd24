/*
 * command_list.c - `minio-helper list`: the names below a path, one a line.
 */
#include "command.h"

#include <stdio.h>

#include "output.h"
#include "report.h"
#include "shared_options.h"
#include "tenant_layout.h"
#include "vault_session.h"

#define OUTPUT_MAX (4 << 20) /* a reply of full size */

struct wanted {
    struct vault_session_options session;
};

static const struct option_row rows[] = {
    OPTION_TOKEN_CACHE(struct wanted, session),
};

static const struct usage usage = {
    .command = "list",
    .arguments = "[PATH]",
    .summary =
        "Print the names below PATH, which begins below VAULT_SECRET_PREFIX. Folders end in /.",
    .notes = "example:\n"
             "  minio-helper list dev/tenants",
    .operands_least = 0,
    .operands_most = 1,
    .options = rows,
    .option_count = sizeof(rows) / sizeof(rows[0]),
};

static enum vc_code put_out(const cJSON *names, struct vc_error *err)
{
    static const struct output output = {.show = true}; /* names are no secret */
    const cJSON *name;
    struct vc_buf text;
    enum vc_code code;

    vc_buf_init(&text, &vc_wiping_allocator, OUTPUT_MAX);
    cJSON_ArrayForEach (name, names) {
        if (cJSON_IsString(name))
            vc_buf_append_format(&text, "%s\n", name->valuestring);
    }
    code = text.failed ? vc_error_set(err, VC_NO_MEMORY, "out of memory while listing")
                       : output_write(&output, &text, "", err);
    vc_buf_free(&text);
    return code;
}

static enum vc_code find_path(const struct vault_session *session, const char *operand, char *path,
                              struct vc_error *err)
{
    const char *prefix = session->settings.secret_prefix;

    if (operand != NULL)
        return vc_secret_path(path, VC_PATH_MAX + 1, prefix, operand, err);
    snprintf(path, VC_PATH_MAX + 1, "%s", prefix);
    return VC_OK;
}

static enum vc_code run(const struct vault_session_options *options, const char *operand,
                        struct vc_error *err)
{
    char path[VC_PATH_MAX + 1];
    struct vault_session session;
    cJSON *names = NULL;
    enum vc_code code = vault_session_open(&session, options, err);

    if (code == VC_OK)
        code = find_path(&session, operand, path, err);
    if (code == VC_OK)
        code = vault_session_list(&session, path, &names, err);
    if (code == VC_OK && cJSON_GetArraySize(names) == 0)
        code = vc_error_set(err, VC_NOT_FOUND, "nothing below %s", path);
    if (code == VC_OK)
        code = put_out(names, err);
    cJSON_Delete(names);
    vault_session_close(&session);
    return code;
}

int command_list(int argc, char **argv)
{
    struct wanted wanted = {.session.token_cache = NULL};
    struct vc_error err = {.code = VC_OK};
    char **operands;
    int status;

    if (!options_parse(&usage, argc, argv, &wanted, &operands, &status))
        return status;
    return run(&wanted.session, operands[0], &err) == VC_OK ? STATUS_DONE : report_error(&err);
}
