/*
 * test_vault_kv.c - KV version 1 and 2, on recorded replies (vault_kv.h).
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "json.h"
#include "recorded_reply.h"
#include "tracking_allocator.h"
#include "vault_kv.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

#define MOUNT "secret"
#define PATH "saas-project/dev/tenants/acme/database"
#define CREATED "2026-11-23T05:24:36.664860405Z"

/* OpenBao 2.7.2, recorded */
#define METADATA(deletion_time, destroyed, version)                                                \
    "{\"created_time\":\"" CREATED                                                                 \
    "\",\"custom_metadata\":null,\"deletion_time\":\"" deletion_time "\",\"destroyed\":" destroyed \
    ",\"version\":" version "}"
#define VERSION_DATA(data, metadata) REPLY_DATA("{\"data\":" data ",\"metadata\":" metadata "}")
#define FOUND VERSION_DATA("{\"n\":1,\"password\":\"p\"}", METADATA("", "false", "3"))
#define DELETED VERSION_DATA("null", METADATA("2026-11-23T05:24:36.695625539Z", "false", "3"))
#define DESTROYED VERSION_DATA("null", METADATA("", "true", "3"))
#define WRITTEN REPLY_DATA(METADATA("", "false", "4"))
#define MISSING REPLY_ERRORS("")
#define DENIED REPLY_ERRORS("\"permission denied\"")
#define NO_MOUNT                                                                                   \
    REPLY_ERRORS("\"no handler for route \\\"nomount/data/t\\\". route entry not found.\"")
#define NO_NAMESPACE REPLY_ERRORS("\"namespace not found\"")
#define V1_PATH_ON_V2                                                                              \
    REPLY_HEAD                                                                                     \
    "\"data\":null,\"wrap_info\":null,\"warnings\":[\"Invalid path for a versioned K/V "           \
    "secrets engine. See the API docs for the appropriate API endpoints to use. If "               \
    "using the OpenBao CLI, use 'bao kv get' for this operation.\"],\"auth\":null}"
#define SEALED REPLY_ERRORS("\"Vault is sealed\"")

static struct tracking tracking;
static struct vc_request request;
static struct vc_reply reply;
static struct vc_kv_secret secret;
static struct vc_error err;

static void set_up(void)
{
    vc_json_use_wiping_hooks();
    tracking_init(&tracking);
    vc_request_init(&request, &tracking.allocator);
    vc_error_clear(&err);
}

static void tear_down(void)
{
    vc_request_free(&request);
    vc_reply_free(&reply);
    vc_kv_secret_free(&secret);
    ck_assert_uint_eq(tracking.blocks, 0);
}

static enum vc_code read_kv(int kv, long status, const char *body)
{
    recorded(&reply, status, body);
    vc_kv_secret_free(&secret);
    return vc_kv_read_read(&reply, kv, MOUNT, PATH, &secret, &err);
}

START_TEST(a_read_asks_below_data)
{
    ck_assert_int_eq(vc_kv_read_request(&request, 2, MOUNT, PATH, 0, &err), VC_OK);
    ck_assert_int_eq(request.method, VC_GET);
    ck_assert_str_eq(request.path, "/v1/secret/data/" PATH);
    ck_assert(request.with_token && request.with_namespace && request.repeatable);
}
END_TEST

START_TEST(a_read_may_ask_for_a_version)
{
    ck_assert_int_eq(vc_kv_read_request(&request, 2, MOUNT, "a b", 7, &err), VC_OK);
    ck_assert_str_eq(request.path, "/v1/secret/data/a%20b?version=7");
}
END_TEST

START_TEST(a_read_on_v1_has_neither_data_nor_version)
{
    ck_assert_int_eq(vc_kv_read_request(&request, 1, "kv1", "a", 7, &err), VC_OK);
    ck_assert_str_eq(request.path, "/v1/kv1/a");
}
END_TEST

static const char *const bad_paths[] = {"",     "/a",  "a/",   "a//b", "../a",  "a/..",
                                        "a%2f", "a?b", "a\\b", "a#b",  "a/./b", "a\nb"};

START_TEST(no_request_is_made_for_a_path_that_is_not_plain)
{
    const char *path = bad_paths[_i];
    cJSON *data = cJSON_CreateObject();

    ck_assert_int_eq(vc_kv_read_request(&request, 2, MOUNT, path, 0, &err), VC_BAD_NAME);
    ck_assert_int_eq(vc_kv_read_request(&request, 1, MOUNT, path, 0, &err), VC_BAD_NAME);
    ck_assert_int_eq(vc_kv_write_request(&request, 2, MOUNT, path, data, -1, &err), VC_BAD_NAME);
    ck_assert_int_eq(vc_kv_metadata_request(&request, MOUNT, path, &err), VC_BAD_NAME);
    for (int what = VC_KV_DELETE; what <= VC_KV_DELETE_METADATA; what++)
        ck_assert_int_eq(
            vc_kv_remove_request(&request, 2, (enum vc_kv_removal)what, MOUNT, path, 1, &err),
            VC_BAD_NAME);
    if (path[0] != '\0')
        ck_assert_int_eq(vc_kv_list_request(&request, 2, MOUNT, path, &err), VC_BAD_NAME);
    ck_assert_str_eq(request.path, "");
    cJSON_Delete(data);
}
END_TEST

START_TEST(no_request_is_made_for_a_mount_that_is_not_plain)
{
    ck_assert_int_eq(vc_kv_read_request(&request, 2, "../sys", PATH, 0, &err), VC_BAD_SETTING);
    ck_assert_int_eq(vc_kv_list_request(&request, 2, "", PATH, &err), VC_BAD_SETTING);
}
END_TEST

START_TEST(a_secret_comes_with_version_and_created_time)
{
    ck_assert_int_eq(read_kv(2, 200, FOUND), VC_OK);
    ck_assert_str_eq(vc_json_string(secret.data, "password"), "p");
    ck_assert_int_eq(secret.version, 3);
    ck_assert_str_eq(secret.created_time, CREATED);
    ck_assert_str_eq(secret.request_id, RECORDED_REQUEST_ID);
}
END_TEST

START_TEST(a_hashicorp_secret_reads_alike)
{
    /* HashiCorp Vault's documentation of KV version 2, with the mount_type of 1.18 */
    ck_assert_int_eq(
        read_kv(2, 200,
                "{\"data\":{\"data\":{\"foo\":\"bar\"},\"metadata\":{\"created_time\":"
                "\"2018-03-22T02:24:06.945319214Z\",\"custom_metadata\":{\"owner\":\"jdoe\"},"
                "\"deletion_time\":\"\",\"destroyed\":false,\"version\":2}},"
                "\"mount_type\":\"kv\"}"),
        VC_OK);
    ck_assert_int_eq(secret.version, 2);
    ck_assert_str_eq(vc_json_string(secret.data, "foo"), "bar");
}
END_TEST

START_TEST(a_deletion_that_lies_ahead_is_not_a_deletion)
{
    /* delete_version_after */
    ck_assert_int_eq(
        read_kv(2, 200,
                VERSION_DATA("{\"a\":\"b\"}", METADATA("2099-01-01T00:00:00Z", "false", "1"))),
        VC_OK);
}
END_TEST

START_TEST(an_empty_secret_is_a_secret)
{
    ck_assert_int_eq(read_kv(2, 200, VERSION_DATA("{}", METADATA("", "false", "1"))), VC_OK);
    ck_assert_ptr_nonnull(secret.data);
    ck_assert_ptr_null(secret.data->child);
}
END_TEST

START_TEST(a_v1_secret_has_no_version)
{
    ck_assert_int_eq(read_kv(1, 200,
                             "{\"request_id\":\"08500c3f-cdfd-21fa-d066-be99dea660d2\","
                             "\"lease_id\":\"\",\"renewable\":false,\"lease_duration\":2764800,"
                             "\"data\":{\"k\":\"v\"},\"wrap_info\":null,\"warnings\":null,"
                             "\"auth\":null}"),
                     VC_OK);
    ck_assert_str_eq(vc_json_string(secret.data, "k"), "v");
    ck_assert_int_eq(secret.version, 0);
    ck_assert_str_eq(secret.created_time, "");
}
END_TEST

START_TEST(fields_of_a_v1_secret_may_be_called_data_and_metadata)
{
    ck_assert_int_eq(read_kv(1, 200, REPLY_DATA("{\"data\":\"x\",\"metadata\":{\"a\":1}}")), VC_OK);
    ck_assert_str_eq(vc_json_string(secret.data, "data"), "x");
}
END_TEST

struct absence {
    int kv;
    long status;
    const char *body;
    enum vc_code code;
    const char *says;
};

static const struct absence absences[] = {
    {2, 404, MISSING, VC_NOT_FOUND, "secret/data/" PATH},
    {2, 404, DELETED, VC_VERSION_DELETED, "version 3 is deleted"},
    {2, 404, DESTROYED, VC_VERSION_DESTROYED, "version 3 is destroyed"},
    {2, 404, NO_MOUNT, VC_NO_MOUNT, "no handler for route"},
    {2, 404, NO_NAMESPACE, VC_NO_NAMESPACE, "namespace not found"},
    {1, 404, V1_PATH_ON_V2, VC_KV_V1_PATH, "secret/" PATH},
    {2, 404, V1_PATH_ON_V2, VC_KV_V1_PATH, "KV version 2"},
    {1, 404, MISSING, VC_NOT_FOUND, "secret/" PATH},
    /* a v2 read that meets a v1 secret stored at data/... */
    {2, 200, REPLY_DATA("{\"password\":\"p\"}"), VC_KV_V1_PATH, "no secret of KV version 2"},
    {2, 403, DENIED, VC_PERMISSION_DENIED, "secret/data/" PATH},
    {2, 403, DENIED, VC_PERMISSION_DENIED, "permission denied"},
    {2, 503, SEALED, VC_SEALED, "Vault is sealed"},
    /* a balancer's 404 must not end a cached entry */
    {2, 404, "<html>not here</html>", VC_BAD_REPLY, "404"},
};

START_TEST(each_kind_of_absence_has_its_own_code_and_words)
{
    const struct absence *row = &absences[_i];

    ck_assert_int_eq(read_kv(row->kv, row->status, row->body), row->code);
    ck_assert_int_eq(err.code, row->code);
    ck_assert_int_eq(err.http_status, row->status);
    /* What writes anew over a deleted version needs its number. */
    ck_assert_int_eq(err.version,
                     row->code == VC_VERSION_DELETED || row->code == VC_VERSION_DESTROYED ? 3 : 0);
    ck_assert_msg(strstr(err.message, row->says) != NULL, "%s", err.message);
    ck_assert_ptr_null(secret.envelope.root);
}
END_TEST

START_TEST(each_answer_that_a_user_can_act_on_has_a_hint)
{
    for (int i = 0; i < COUNT(absences); i++) {
        read_kv(absences[i].kv, absences[i].status, absences[i].body);
        ck_assert_msg(err.hint[0] != '\0', "%s", err.message);
    }
}
END_TEST

static const char *const malformed[] = {
    "",
    REPLY_DATA("null"),
    REPLY_DATA("[]"),
    VERSION_DATA("{\"a\":1}", "null"),
    VERSION_DATA("{\"a\":1}", "{}"),
    VERSION_DATA("[1]", "null"),
    VERSION_DATA("{\"a\":1}", METADATA("", "false", "0")),
    VERSION_DATA("{\"a\":1}", METADATA("", "false", "-1")),
    VERSION_DATA("{\"a\":1}", METADATA("", "false", "1.5")),
    VERSION_DATA("{\"a\":1}", METADATA("", "false", "\"1\"")),
    VERSION_DATA("{\"a\":1}", "{\"version\":1}"),
    VERSION_DATA("{\"a\":1}", "{\"version\":1,\"created_time\":\"\"}"),
    VERSION_DATA("{\"a\":1}", "{\"version\":1,\"created_time\":\"now\\nforged\"}"),
    VERSION_DATA("{\"a\":1}", "{\"version\":1,\"created_time\":"
                              "\"2026-11-23T05:24:36.66486040500000000000000000000Z\"}"),
};

START_TEST(a_reply_without_what_identifies_a_version_is_malformed)
{
    ck_assert_int_eq(read_kv(2, 200, malformed[_i]), VC_BAD_REPLY);
    ck_assert_ptr_null(secret.envelope.root);
    ck_assert_ptr_null(secret.data);
}
END_TEST

START_TEST(no_error_shows_a_field_of_the_secret)
{
    read_kv(2, 200, VERSION_DATA("{\"password\":\"hunter2\"}", "{}"));
    ck_assert_ptr_null(strstr(err.message, "hunter2"));
    read_kv(2, 200, REPLY_DATA("{\"password\":\"hunter2\"}"));
    ck_assert_ptr_null(strstr(err.message, "hunter2"));
    read_kv(2, 200, VERSION_DATA("{\"password\":\"hunter2\",}", "{}"));
    ck_assert_ptr_null(strstr(err.message, "hunter2"));
}
END_TEST

START_TEST(the_longest_path_leaves_room_for_what_went_wrong)
{
    char path[VC_PATH_MAX + 1];

    memset(path, 'a', VC_PATH_MAX);
    path[VC_PATH_MAX] = '\0';
    recorded(&reply, 403, DENIED);
    ck_assert_int_eq(vc_kv_read_read(&reply, 2, MOUNT, path, &secret, &err), VC_PERMISSION_DENIED);
    ck_assert_ptr_nonnull(strstr(err.message, "permission denied"));
    recorded(&reply, 404, DELETED);
    ck_assert_int_eq(vc_kv_read_read(&reply, 2, MOUNT, path, &secret, &err), VC_VERSION_DELETED);
    ck_assert_ptr_nonnull(strstr(err.message, "is deleted"));
}
END_TEST

START_TEST(each_allocation_of_a_read_that_fails_is_reported_as_such)
{
    enum vc_code code = VC_NO_MEMORY;
    unsigned long nth = 0;

    recorded(&reply, 200, FOUND);
    while (code != VC_OK) {
        vc_hook_fail_from(++nth);
        code = vc_kv_read_read(&reply, 2, MOUNT, PATH, &secret, &err);
        vc_hook_fail_from(0);
        ck_assert(code == VC_OK || code == VC_NO_MEMORY);
        ck_assert_uint_lt(nth, 1000);
    }
    ck_assert_uint_gt(nth, 10);
}
END_TEST

static enum vc_code write_request(int kv, const char *data, long long cas)
{
    cJSON *object = cJSON_Parse(data);
    enum vc_code code = vc_kv_write_request(&request, kv, MOUNT, "a", object, cas, &err);

    cJSON_Delete(object);
    return code;
}

START_TEST(a_write_wraps_its_data)
{
    ck_assert_int_eq(write_request(2, "{\"password\":\"p\\\"q\",\"n\":1}", -1), VC_OK);
    ck_assert_int_eq(request.method, VC_POST);
    ck_assert_str_eq(request.path, "/v1/secret/data/a");
    ck_assert_str_eq(vc_buf_text(&request.body), "{\"data\":{\"password\":\"p\\\"q\",\"n\":1}}");
    ck_assert(request.with_token && !request.repeatable && !request.login);
}
END_TEST

START_TEST(a_write_may_check_and_set)
{
    ck_assert_int_eq(write_request(2, "{}", 0), VC_OK);
    ck_assert_str_eq(vc_buf_text(&request.body), "{\"data\":{},\"options\":{\"cas\":0}}");
}
END_TEST

START_TEST(a_write_on_v1_is_the_data_itself)
{
    ck_assert_int_eq(write_request(1, "{\"k\":\"v\"}", -1), VC_OK);
    ck_assert_str_eq(request.path, "/v1/secret/a");
    ck_assert_str_eq(vc_buf_text(&request.body), "{\"k\":\"v\"}");
}
END_TEST

START_TEST(a_check_that_v1_cannot_make_is_refused)
{
    ck_assert_int_eq(write_request(1, "{}", 0), VC_BAD_REQUEST);
}
END_TEST

START_TEST(only_an_object_can_be_written)
{
    ck_assert_int_eq(write_request(2, "[1]", -1), VC_BAD_SECRET);
    ck_assert_int_eq(write_request(2, "\"x\"", -1), VC_BAD_SECRET);
    ck_assert_int_eq(vc_kv_write_request(&request, 2, MOUNT, "a", NULL, -1, &err), VC_BAD_SECRET);
}
END_TEST

START_TEST(a_secret_that_is_no_utf8_or_too_long_is_not_written)
{
    cJSON *data = cJSON_CreateObject();
    char *value = malloc(VC_REQUEST_BODY_MAX + 1);

    cJSON_AddStringToObject(data, "password", "\xff");
    ck_assert_int_eq(vc_kv_write_request(&request, 2, MOUNT, "a", data, -1, &err), VC_BAD_SECRET);
    cJSON_DeleteItemFromObject(data, "password");
    memset(value, 'x', VC_REQUEST_BODY_MAX);
    value[VC_REQUEST_BODY_MAX] = '\0';
    cJSON_AddStringToObject(data, "password", value);
    vc_buf_reset(&request.body);
    ck_assert_int_eq(vc_kv_write_request(&request, 2, MOUNT, "a", data, -1, &err), VC_BAD_SECRET);
    ck_assert_ptr_null(strstr(err.message, "xxx"));
    free(value);
    cJSON_Delete(data);
}
END_TEST

START_TEST(a_write_without_memory_is_reported)
{
    cJSON *data = cJSON_Parse("{\"k\":\"v\"}");

    vc_hook_fail_from(1);
    ck_assert_int_eq(vc_kv_write_request(&request, 2, MOUNT, "a", data, -1, &err), VC_NO_MEMORY);
    vc_hook_fail_from(0);
    vc_request_free(&request);
    tracking.fail_from = tracking.allocations + 1;
    ck_assert_int_eq(vc_kv_write_request(&request, 2, MOUNT, "a", data, -1, &err), VC_NO_MEMORY);
    tracking.fail_from = 0;
    cJSON_Delete(data);
}
END_TEST

struct write_case {
    int kv;
    long status;
    const char *body;
    enum vc_code code;
    long long version;
};

static const struct write_case writes[] = {
    {2, 200, WRITTEN, VC_OK, 4},
    {1, 204, "", VC_OK, 0},
    {2, 400, REPLY_ERRORS("\"check-and-set parameter did not match the current version\""),
     VC_CAS_MISMATCH, 0},
    {2, 400, REPLY_ERRORS("\"check-and-set parameter required for this call\""), VC_CAS_REQUIRED,
     0},
    {2, 400, REPLY_ERRORS("\"no data provided\""), VC_BAD_REQUEST, 0},
    {2, 403, DENIED, VC_PERMISSION_DENIED, 0},
    {1, 404, V1_PATH_ON_V2, VC_KV_V1_PATH, 0},
    {2, 404, NO_MOUNT, VC_NO_MOUNT, 0},
    {2, 413, REPLY_ERRORS("\"http: request body too large\""), VC_BAD_REQUEST, 0},
    {2, 204, "", VC_BAD_REPLY, 0},
    {2, 200, REPLY_DATA("{}"), VC_BAD_REPLY, 0},
};

START_TEST(a_write_answers_its_version_or_why_not)
{
    const struct write_case *row = &writes[_i];
    long long version = -1;

    recorded(&reply, row->status, row->body);
    ck_assert_int_eq(vc_kv_write_read(&reply, row->kv, MOUNT, PATH, &version, &err), row->code);
    ck_assert_int_eq(version, row->version);
    ck_assert_int_eq(err.code, row->code);
}
END_TEST

START_TEST(a_list_asks_below_metadata_and_for_the_whole_mount_too)
{
    ck_assert_int_eq(vc_kv_list_request(&request, 2, MOUNT, "a/b", &err), VC_OK);
    ck_assert_int_eq(request.method, VC_LIST);
    ck_assert_str_eq(request.path, "/v1/secret/metadata/a/b");
    ck_assert(request.repeatable);
    ck_assert_int_eq(vc_kv_list_request(&request, 2, MOUNT, "", &err), VC_OK);
    ck_assert_str_eq(request.path, "/v1/secret/metadata");
    ck_assert_int_eq(vc_kv_list_request(&request, 1, MOUNT, "a", &err), VC_OK);
    ck_assert_str_eq(request.path, "/v1/secret/a");
    ck_assert_int_eq(vc_kv_list_request(&request, 1, MOUNT, "", &err), VC_OK);
    ck_assert_str_eq(request.path, "/v1/secret");
}
END_TEST

START_TEST(the_names_of_a_list_belong_to_the_caller)
{
    cJSON *names;

    recorded(&reply, 200, REPLY_DATA("{\"keys\":[\"acme\",\"beta/\"]}"));
    ck_assert_int_eq(vc_kv_list_read(&reply, MOUNT, PATH, &names, &err), VC_OK);
    ck_assert_int_eq(cJSON_GetArraySize(names), 2);
    ck_assert_str_eq(cJSON_GetArrayItem(names, 1)->valuestring, "beta/");
    cJSON_Delete(names);
}
END_TEST

START_TEST(an_empty_folder_has_an_empty_list)
{
    cJSON *names;

    recorded(&reply, 404, MISSING);
    ck_assert_int_eq(vc_kv_list_read(&reply, MOUNT, PATH, &names, &err), VC_OK);
    ck_assert_int_eq(cJSON_GetArraySize(names), 0);
    cJSON_Delete(names);
}
END_TEST

struct answer {
    long status;
    const char *body;
    enum vc_code code;
};

static const struct answer no_lists[] = {
    {403, DENIED, VC_PERMISSION_DENIED},
    {404, NO_MOUNT, VC_NO_MOUNT},
    {404, V1_PATH_ON_V2, VC_KV_V1_PATH},
    {404, "<html>", VC_BAD_REPLY},
    {200, "", VC_BAD_REPLY},
    {200, REPLY_DATA("{}"), VC_BAD_REPLY},
    {200, REPLY_DATA("{\"keys\":[\"a\",1]}"), VC_BAD_REPLY},
    {200, REPLY_DATA("{\"keys\":{}}"), VC_BAD_REPLY},
};

START_TEST(what_is_no_list_gives_no_names)
{
    cJSON *names;

    recorded(&reply, no_lists[_i].status, no_lists[_i].body);
    ck_assert_int_eq(vc_kv_list_read(&reply, MOUNT, PATH, &names, &err), no_lists[_i].code);
    ck_assert_ptr_null(names);
}
END_TEST

/* OpenBao 2.7.2, recorded */
#define KEY_METADATA(current, oldest)                                                              \
    REPLY_DATA("{\"cas_required\":true,\"created_time\":\"" CREATED                                \
               "\",\"current_metadata_version\":0,\"current_version\":" current                    \
               ",\"custom_metadata\":null,\"delete_version_after\":\"0s\",\"max_versions\":0,"     \
               "\"metadata_cas_required\":false,\"oldest_version\":" oldest                        \
               ",\"updated_time\":\"2026-11-24T05:13:51.5Z\",\"versions\":{\"1\":{"                \
               "\"created_time\":\"" CREATED "\",\"deletion_time\":\"\",\"destroyed\":false}}}")

START_TEST(metadata_tells_versions_times_and_cas)
{
    struct vc_kv_metadata metadata;

    recorded(&reply, 200, KEY_METADATA("5", "2"));
    ck_assert_int_eq(vc_kv_metadata_read(&reply, MOUNT, PATH, &metadata, &err), VC_OK);
    ck_assert_int_eq(metadata.current_version, 5);
    ck_assert_int_eq(metadata.oldest_version, 2);
    ck_assert_str_eq(metadata.created_time, CREATED);
    ck_assert_str_eq(metadata.updated_time, "2026-11-24T05:13:51.5Z");
    ck_assert(metadata.cas_required);
    ck_assert_int_eq(vc_kv_metadata_request(&request, MOUNT, PATH, &err), VC_OK);
    ck_assert_str_eq(request.path, "/v1/secret/metadata/" PATH);
}
END_TEST

static const struct answer no_metadata[] = {
    {404, MISSING, VC_NOT_FOUND},
    {403, DENIED, VC_PERMISSION_DENIED},
    {200, REPLY_DATA("{}"), VC_BAD_REPLY},
    {200, KEY_METADATA("-1", "0"), VC_BAD_REPLY},
    {200, KEY_METADATA("1", "null"), VC_BAD_REPLY},
};

START_TEST(without_metadata_the_reason_is_told)
{
    struct vc_kv_metadata metadata;

    recorded(&reply, no_metadata[_i].status, no_metadata[_i].body);
    ck_assert_int_eq(vc_kv_metadata_read(&reply, MOUNT, PATH, &metadata, &err),
                     no_metadata[_i].code);
}
END_TEST

struct removal {
    int kv;
    enum vc_kv_removal what;
    long long version;
    enum vc_method method;
    const char *path;
    const char *body;
};

static const struct removal removals[] = {
    {2, VC_KV_DELETE, 0, VC_DELETE, "/v1/secret/data/a", ""},
    {2, VC_KV_DELETE, 3, VC_POST, "/v1/secret/delete/a", "{\"versions\":[3]}"},
    {2, VC_KV_UNDELETE, 3, VC_POST, "/v1/secret/undelete/a", "{\"versions\":[3]}"},
    {2, VC_KV_DESTROY, 3, VC_POST, "/v1/secret/destroy/a", "{\"versions\":[3]}"},
    {2, VC_KV_DELETE_METADATA, 0, VC_DELETE, "/v1/secret/metadata/a", ""},
    {1, VC_KV_DELETE, 0, VC_DELETE, "/v1/secret/a", ""},
};

START_TEST(each_removal_has_its_request)
{
    const struct removal *row = &removals[_i];

    ck_assert_int_eq(
        vc_kv_remove_request(&request, row->kv, row->what, MOUNT, "a", row->version, &err), VC_OK);
    ck_assert_int_eq(request.method, row->method);
    ck_assert_str_eq(request.path, row->path);
    ck_assert_str_eq(vc_buf_text(&request.body), row->body);
    ck_assert(!request.repeatable && request.with_token);
}
END_TEST

static const struct removal impossible[] = {
    {2, VC_KV_UNDELETE, 0, VC_GET, "", ""},        {2, VC_KV_DESTROY, 0, VC_GET, "", ""},
    {2, VC_KV_DESTROY, -1, VC_GET, "", ""},        {1, VC_KV_UNDELETE, 1, VC_GET, "", ""},
    {1, VC_KV_DELETE_METADATA, 0, VC_GET, "", ""},
};

START_TEST(a_removal_that_cannot_be_is_refused)
{
    const struct removal *row = &impossible[_i];

    ck_assert_int_eq(
        vc_kv_remove_request(&request, row->kv, row->what, MOUNT, "a", row->version, &err),
        VC_BAD_REQUEST);
    ck_assert_uint_eq(request.body.len, 0);
}
END_TEST

START_TEST(a_removal_answers_204_or_why_not)
{
    ck_assert_int_eq(vc_kv_remove_read(recorded(&reply, 204, ""), MOUNT, PATH, &err), VC_OK);
    recorded(&reply, 403, DENIED);
    ck_assert_int_eq(vc_kv_remove_read(&reply, MOUNT, PATH, &err), VC_PERMISSION_DENIED);
    ck_assert_ptr_nonnull(strstr(err.message, "secret/" PATH));
    recorded(&reply, 404, V1_PATH_ON_V2);
    ck_assert_int_eq(vc_kv_remove_read(&reply, MOUNT, PATH, &err), VC_KV_V1_PATH);
}
END_TEST

static void add_table(TCase *tests, const TTest *test, int count)
{
    tcase_add_loop_test(tests, test, 0, count);
}

static void add_reads(TCase *tests)
{
    tcase_add_test(tests, a_read_asks_below_data);
    tcase_add_test(tests, a_read_may_ask_for_a_version);
    tcase_add_test(tests, a_read_on_v1_has_neither_data_nor_version);
    add_table(tests, no_request_is_made_for_a_path_that_is_not_plain, COUNT(bad_paths));
    tcase_add_test(tests, no_request_is_made_for_a_mount_that_is_not_plain);
    tcase_add_test(tests, a_secret_comes_with_version_and_created_time);
    tcase_add_test(tests, a_hashicorp_secret_reads_alike);
    tcase_add_test(tests, a_deletion_that_lies_ahead_is_not_a_deletion);
    tcase_add_test(tests, an_empty_secret_is_a_secret);
    tcase_add_test(tests, a_v1_secret_has_no_version);
    tcase_add_test(tests, fields_of_a_v1_secret_may_be_called_data_and_metadata);
    add_table(tests, each_kind_of_absence_has_its_own_code_and_words, COUNT(absences));
    tcase_add_test(tests, each_answer_that_a_user_can_act_on_has_a_hint);
    add_table(tests, a_reply_without_what_identifies_a_version_is_malformed, COUNT(malformed));
    tcase_add_test(tests, no_error_shows_a_field_of_the_secret);
    tcase_add_test(tests, the_longest_path_leaves_room_for_what_went_wrong);
    tcase_add_test(tests, each_allocation_of_a_read_that_fails_is_reported_as_such);
}

static void add_writes(TCase *tests)
{
    tcase_add_test(tests, a_write_wraps_its_data);
    tcase_add_test(tests, a_write_may_check_and_set);
    tcase_add_test(tests, a_write_on_v1_is_the_data_itself);
    tcase_add_test(tests, a_check_that_v1_cannot_make_is_refused);
    tcase_add_test(tests, only_an_object_can_be_written);
    tcase_add_test(tests, a_secret_that_is_no_utf8_or_too_long_is_not_written);
    tcase_add_test(tests, a_write_without_memory_is_reported);
    add_table(tests, a_write_answers_its_version_or_why_not, COUNT(writes));
}

static void add_lists_metadata_and_removals(TCase *tests)
{
    tcase_add_test(tests, a_list_asks_below_metadata_and_for_the_whole_mount_too);
    tcase_add_test(tests, the_names_of_a_list_belong_to_the_caller);
    tcase_add_test(tests, an_empty_folder_has_an_empty_list);
    add_table(tests, what_is_no_list_gives_no_names, COUNT(no_lists));
    tcase_add_test(tests, metadata_tells_versions_times_and_cas);
    add_table(tests, without_metadata_the_reason_is_told, COUNT(no_metadata));
    add_table(tests, each_removal_has_its_request, COUNT(removals));
    add_table(tests, a_removal_that_cannot_be_is_refused, COUNT(impossible));
    tcase_add_test(tests, a_removal_answers_204_or_why_not);
}

int main(void)
{
    Suite *suite = suite_create("vault_kv");
    TCase *tests = tcase_create("KV version 1 and 2");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    add_reads(tests);
    add_writes(tests);
    add_lists_metadata_and_removals(tests);

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
