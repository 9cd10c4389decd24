/*
 * command_get.c - `minio-helper get`: a secret below the prefix, whole or one field of it.
 */
#include "command.h"

#include "output.h"
#include "report.h"
#include "shared_options.h"
#include "tenant_layout.h"
#include "vault_session.h"

#include <string.h>

#define OUTPUT_MAX (4 << 20) /* a reply of full size, indented */

struct wanted {
    const char *path;
    const char *field;
    long version;
    struct output output;
    struct vault_session_options session;
};

static bool take_version(const struct usage *usage, const char *value, void *member)
{
    long *version = member;

    return (options_number(value, version) && *version != 0) ||
           options_refuse(usage, "no such version", value, NULL);
}

static const struct option_row rows[] = {
    {"field", 'f', "NAME",
     "this field alone: a string byte for byte, without a newline;\n"
     "anything else as JSON",
     option_take_text, offsetof(struct wanted, field)},
    {"version", 'v', "N", "this version; the newest where none is given", take_version,
     offsetof(struct wanted, version)},
    OPTION_OUTPUT(struct wanted, output),
    OPTION_SHOW(struct wanted, output),
    OPTION_TOKEN_CACHE(struct wanted, session),
};

static const struct usage usage = {
    .command = "get",
    .arguments = "PATH",
    .summary = "Print the secret at PATH, which begins below VAULT_SECRET_PREFIX, as JSON.",
    .notes = "examples:\n"
             "  minio-helper get dev/jwt\n"
             "  minio-helper get --field password dev/tenants/acme/database",
    .operands_least = 1,
    .operands_most = 1,
    .options = rows,
    .option_count = sizeof(rows) / sizeof(rows[0]),
};

static enum vc_code append_json(const cJSON *item, struct vc_buf *text, struct vc_error *err)
{
    char *printed = cJSON_Print(item);

    if (printed == NULL)
        return vc_error_set(err, VC_NO_MEMORY, "out of memory while printing");
    vc_buf_append_text(text, printed);
    vc_buf_append_text(text, "\n");
    cJSON_free(printed); /* wipes */
    return text->failed ? vc_error_set(err, VC_NO_MEMORY, "out of memory while printing") : VC_OK;
}

static enum vc_code append_field(const cJSON *data, const struct wanted *wanted,
                                 struct vc_buf *text, struct vc_error *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(data, wanted->field);

    if (item == NULL)
        return vc_error_set(err, VC_NOT_FOUND, "secret \"%s\" has no field \"%s\"", wanted->path,
                            wanted->field);
    if (!cJSON_IsString(item))
        return append_json(item, text, err);
    if (!vc_buf_append_text(text, item->valuestring))
        return vc_error_set(err, VC_NO_MEMORY, "out of memory while printing");
    return VC_OK;
}

static void append_names(const cJSON *data, const char *only, struct vc_buf *names)
{
    const cJSON *item;

    cJSON_ArrayForEach (item, data) {
        if (only == NULL || strcmp(only, item->string) == 0)
            vc_buf_append_format(names, "%s\n", item->string);
    }
}

static enum vc_code put_out(const cJSON *data, const struct wanted *wanted, struct vc_error *err)
{
    struct vc_buf text, names;
    enum vc_code code;

    vc_buf_init(&text, &vc_wiping_allocator, OUTPUT_MAX);
    vc_buf_init(&names, &vc_wiping_allocator, OUTPUT_MAX);
    if (wanted->field != NULL)
        code = append_field(data, wanted, &text, err);
    else
        code = append_json(data, &text, err);
    append_names(data, wanted->field, &names);
    if (code == VC_OK)
        code = output_write(&wanted->output, &text, vc_buf_text(&names), err);
    vc_buf_free(&names);
    vc_buf_free(&text);
    return code;
}

static enum vc_code run(const struct wanted *wanted, struct vc_error *err)
{
    char path[VC_PATH_MAX + 1];
    struct vc_kv_secret secret;
    struct vault_session session;
    enum vc_code code = vault_session_open(&session, &wanted->session, err);

    if (code == VC_OK)
        code =
            vc_secret_path(path, sizeof(path), session.settings.secret_prefix, wanted->path, err);
    if (code == VC_OK)
        code = vault_session_read(&session, path, wanted->version, &secret, err);
    if (code == VC_OK) {
        code = put_out(secret.data, wanted, err);
        vc_kv_secret_free(&secret);
    }
    vault_session_close(&session);
    return code;
}

int command_get(int argc, char **argv)
{
    struct wanted wanted = {.version = 0};
    struct vc_error err = {.code = VC_OK};
    char **operands;
    int status;

    if (!options_parse(&usage, argc, argv, &wanted, &operands, &status))
        return status;
    wanted.path = operands[0];
    return run(&wanted, &err) == VC_OK ? STATUS_DONE : report_error(&err);
}
