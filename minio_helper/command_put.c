/*
 * command_put.c - `minio-helper put`: writes a secret from standard input, by check-and-set.
 *
 * Nothing is overwritten that was not seen: a new secret must not exist, a replaced one must still
 * be of the version that was read.
 */
#include "command.h"

#include <stdio.h>
#include <unistd.h>

#include "output.h"
#include "report.h"
#include "shared_options.h"
#include "secret_input.h"
#include "tenant_layout.h"
#include "vault_session.h"

#define NO_CAS (-1)   /* vault_kv.h: no check */
#define MUST_BE_NEW 0 /* vault_kv.h: must not exist */

enum way { WAY_NEW, WAY_REPLACE, WAY_MERGE, WAY_CAS, WAY_NO_CAS };

struct wanted {
    enum way way;
    long cas;
    const char *path;
    struct vault_session_options session;
};

static bool set_way(const struct usage *usage, struct wanted *wanted, enum way way)
{
    if (wanted->way != WAY_NEW)
        return options_refuse(usage, "--replace, --merge, --cas and --no-cas exclude each other",
                              NULL, NULL);
    wanted->way = way;
    return true;
}

static bool take_replace(const struct usage *usage, const char *value, void *member)
{
    (void)value;
    return set_way(usage, member, WAY_REPLACE);
}

static bool take_merge(const struct usage *usage, const char *value, void *member)
{
    (void)value;
    return set_way(usage, member, WAY_MERGE);
}

static bool take_cas(const struct usage *usage, const char *value, void *member)
{
    struct wanted *wanted = member;

    if (!options_number(value, &wanted->cas))
        return options_refuse(usage, "no such version", value, NULL);
    return set_way(usage, wanted, WAY_CAS);
}

static bool take_no_cas(const struct usage *usage, const char *value, void *member)
{
    (void)value;
    return set_way(usage, member, WAY_NO_CAS);
}

static const struct option_row rows[] = {
    {"replace", 0, NULL, "replace what is there, unless it changes meanwhile", take_replace, 0},
    {"merge", 0, NULL, "the same, and keep the fields that are not given", take_merge, 0},
    {"cas", 0, "N", "replace version N, and no other; 0: nothing may be there", take_cas, 0},
    {"no-cas", 0, NULL, "replace whatever is there (needed on KV version 1)", take_no_cas, 0},
    OPTION_TOKEN_CACHE(struct wanted, session),
};

static const struct usage usage = {
    .command = "put",
    .arguments = "PATH",
    .summary = "Write the secret at PATH, which begins below VAULT_SECRET_PREFIX, from standard\n"
               "input: lines NAME=VALUE, or a JSON object. Prints the version written. Without an\n"
               "option, nothing may be there yet.",
    .notes =
        "examples:\n"
        "  minio-helper put dev/tenants/acme/s3 < acme.json\n"
        "  printf 'password=%s' \"$password\" | minio-helper put --merge dev/tenants/acme/database",
    .operands_least = 1,
    .operands_most = 1,
    .options = rows,
    .option_count = sizeof(rows) / sizeof(rows[0]),
};

/* Adds the old fields that the new data does not have. */
static enum vc_code keep_fields(cJSON *data, const cJSON *old, struct vc_error *err)
{
    const cJSON *item;

    cJSON_ArrayForEach (item, old) {
        cJSON *copy;

        if (cJSON_GetObjectItemCaseSensitive(data, item->string) != NULL)
            continue;
        copy = cJSON_Duplicate(item, true);
        if (copy == NULL || !cJSON_AddItemToObject(data, item->string, copy)) {
            cJSON_Delete(copy);
            return vc_error_set(err, VC_NO_MEMORY, "out of memory while merging");
        }
    }
    return VC_OK;
}

/* Which version the write is to replace; for a merge, the old fields come into data. */
static enum vc_code find_cas(struct vault_session *session, const struct wanted *wanted,
                             const char *path, cJSON *data, long long *cas, struct vc_error *err)
{
    struct vc_kv_secret old;
    enum vc_code code;

    switch (wanted->way) {
    case WAY_NEW:
        *cas = MUST_BE_NEW;
        return VC_OK;
    case WAY_CAS:
        *cas = wanted->cas;
        return VC_OK;
    case WAY_NO_CAS:
        *cas = NO_CAS;
        return VC_OK;
    case WAY_REPLACE:
    case WAY_MERGE:
        break;
    }
    code = vault_session_read(session, path, 0, &old, err);
    if (code == VC_NOT_FOUND) {
        *cas = MUST_BE_NEW;
        return VC_OK;
    }
    if (code != VC_OK)
        return code;
    *cas = old.version;
    if (wanted->way == WAY_MERGE)
        code = keep_fields(data, old.data, err);
    vc_kv_secret_free(&old);
    return code;
}

static enum vc_code print_version(long long version, struct vc_error *err)
{
    static const struct output output = {.show = true};
    struct vc_buf text;
    enum vc_code code;

    vc_buf_init(&text, &vc_wiping_allocator, 64);
    vc_buf_append_format(&text, "%lld\n", version);
    code = output_write(&output, &text, "", err);
    vc_buf_free(&text);
    return code;
}

static void explain(const struct wanted *wanted, struct vc_error *err)
{
    if (err->code != VC_CAS_MISMATCH)
        return;
    if (wanted->way == WAY_NEW)
        vc_error_hint(err, "something is there, perhaps deleted: --replace, --merge or --cas N");
    else
        vc_error_hint(err, "somebody else wrote meanwhile, or the newest version is deleted");
}

static enum vc_code write_secret(struct vault_session *session, const struct wanted *wanted,
                                 cJSON *data, struct vc_error *err)
{
    char path[VC_PATH_MAX + 1];
    long long cas = 0, version = 0;
    enum vc_code code =
        vc_secret_path(path, sizeof(path), session->settings.secret_prefix, wanted->path, err);

    if (code == VC_OK)
        code = find_cas(session, wanted, path, data, &cas, err);
    if (code == VC_OK)
        code = vault_session_write(session, path, data, cas, &version, err);
    if (code == VC_OK)
        return print_version(version, err);
    explain(wanted, err);
    return code;
}

static enum vc_code run(const struct wanted *wanted, struct vc_error *err)
{
    struct vault_session session;
    cJSON *data = NULL;
    enum vc_code code = vault_session_open(&session, &wanted->session, err);

    if (code == VC_OK && isatty(STDIN_FILENO))
        report_note("put: NAME=VALUE lines, then Ctrl-D (what is typed can be seen)");
    if (code == VC_OK)
        code = secret_input_read(STDIN_FILENO, &data, err);
    if (code == VC_OK)
        code = write_secret(&session, wanted, data, err);
    cJSON_Delete(data);
    vault_session_close(&session);
    return code;
}

int command_put(int argc, char **argv)
{
    struct wanted wanted = {.way = WAY_NEW};
    struct vc_error err = {.code = VC_OK};
    char **operands;
    int status;

    if (!options_parse(&usage, argc, argv, &wanted, &operands, &status))
        return status;
    wanted.path = operands[0];
    return run(&wanted, &err) == VC_OK ? STATUS_DONE : report_error(&err);
}
