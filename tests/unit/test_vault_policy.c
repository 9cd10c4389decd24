/*
 * test_vault_policy.c - capabilities and mounts, on recorded replies (vault_policy.h).
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "recorded_reply.h"
#include "tracking_allocator.h"
#include "vault_policy.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

static struct tracking tracking;
static struct vc_request request;
static struct vc_reply reply;
static struct vc_error err;
static char capabilities[64];

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
    ck_assert_uint_eq(tracking.blocks, 0);
}

/* OpenBao 2.7.2, recorded */
#define CAPABILITIES(list)                                                                         \
    "{\"secret/data/x\":" list ",\"capabilities\":" list                                           \
    ",\"request_id\":\"145b0c51-e5ad-76f3-df3b-8607cc22af1d\",\"lease_id\":\"\","                  \
    "\"renewable\":false,\"lease_duration\":0,\"data\":{\"capabilities\":" list                    \
    ",\"secret/data/x\":" list "},\"wrap_info\":null,\"warnings\":null,\"auth\":null}\n"

static enum vc_code ask(long status, const char *body)
{
    recorded(&reply, status, body);
    return vc_capabilities_read(&reply, "secret/data/x", capabilities, sizeof(capabilities), &err);
}

START_TEST(capabilities_are_asked_for_the_path_of_a_policy)
{
    ck_assert_int_eq(vc_capabilities_request(&request, "secret/data/a b", &err), VC_OK);
    ck_assert_int_eq(request.method, VC_POST);
    ck_assert_str_eq(request.path, "/v1/sys/capabilities-self");
    ck_assert_str_eq(vc_buf_text(&request.body), "{\"paths\":[\"secret/data/a b\"]}");
    ck_assert(request.with_token && request.with_namespace && request.repeatable);
}
END_TEST

struct joined {
    const char *body;
    const char *text;
};

static const struct joined joined[] = {
    {CAPABILITIES("[\"deny\"]"), "deny"},
    {CAPABILITIES("[\"root\"]"), "root"},
    {CAPABILITIES("[\"list\",\"read\"]"), "list,read"},
    /* HashiCorp Vault's documentation */
    {"{\"capabilities\":[\"delete\",\"list\"],\"secret/data/x\":[\"delete\",\"list\"],"
     "\"data\":{\"capabilities\":[\"delete\",\"list\"],\"secret/data/x\":[\"delete\",\"list\"]}}",
     "delete,list"},
    {"{\"data\":{\"capabilities\":[\"read\"]}}", "read"},
};

START_TEST(capabilities_are_joined_by_commas)
{
    ck_assert_int_eq(ask(200, joined[_i].body), VC_OK);
    ck_assert_str_eq(capabilities, joined[_i].text);
}
END_TEST

static const char *const no_capabilities[] = {
    "",
    REPLY_DATA("{}"),
    CAPABILITIES("[]"),
    CAPABILITIES("[7]"),
    CAPABILITIES("[\"\"]"),
    CAPABILITIES("[\"read\\nlog line\"]"),
    CAPABILITIES("\"read\""),
    CAPABILITIES("[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]"),
};

START_TEST(what_is_no_list_of_capabilities_is_malformed)
{
    ck_assert_int_eq(ask(200, no_capabilities[_i]), VC_BAD_REPLY);
    ck_assert_str_eq(capabilities, "");
}
END_TEST

START_TEST(a_token_that_may_not_ask_is_told_so)
{
    ck_assert_int_eq(ask(403, REPLY_ERRORS("\"permission denied\"")), VC_PERMISSION_DENIED);
    ck_assert_ptr_nonnull(strstr(err.message, "secret/data/x"));
    ck_assert_str_eq(capabilities, "");
}
END_TEST

/* OpenBao 2.7.2, recorded */
#define MOUNT(path, type, options)                                                                 \
    REPLY_DATA("{\"accessor\":\"kv_45accc91\",\"config\":{\"default_lease_ttl\":0,"                \
               "\"force_no_cache\":false,\"max_lease_ttl\":0},\"deprecation_status\":"             \
               "\"supported\",\"description\":\"key/value secret storage\",\"local\":false,"       \
               "\"options\":" options ",\"path\":\"" path "\",\"plugin_version\":\"\","            \
               "\"running_plugin_version\":\"v2.7.2+builtin.bao\",\"seal_wrap\":false,"            \
               "\"type\":\"" type "\",\"uuid\":\"80ba8f42-a082-200b-c655-0c8cfb8475f4\"}")

static enum vc_code ask_mount(long status, const char *body, const char *mount, int *kv)
{
    return vc_mount_read(recorded(&reply, status, body), mount, kv, &err);
}

START_TEST(a_mount_is_asked_for_by_its_path)
{
    ck_assert_int_eq(vc_mount_request(&request, "team/secret", &err), VC_OK);
    ck_assert_int_eq(request.method, VC_GET);
    ck_assert_str_eq(request.path, "/v1/sys/internal/ui/mounts/team/secret");
    ck_assert(request.with_token && request.with_namespace && request.repeatable);
    ck_assert_int_eq(vc_mount_request(&request, "../x", &err), VC_BAD_SETTING);
}
END_TEST

struct mount_case {
    const char *body;
    int kv;
};

static const struct mount_case mounts[] = {
    {MOUNT("secret/", "kv", "{\"version\":\"2\"}"), 2},
    {MOUNT("secret/", "kv", "{\"version\":\"1\"}"), 1},
    {MOUNT("secret/", "kv", "null"), 1},
    {MOUNT("secret/", "kv", "{}"), 1},
    {MOUNT("secret/", "generic", "null"), 1},
    {MOUNT("secret/", "cubbyhole", "null"), 0},
    {MOUNT("secret/", "database", "{\"version\":\"2\"}"), 0},
};

START_TEST(the_version_of_a_kv_mount_is_told_and_0_for_another_engine)
{
    int kv = -1;

    ck_assert_int_eq(ask_mount(200, mounts[_i].body, "secret", &kv), VC_OK);
    ck_assert_int_eq(kv, mounts[_i].kv);
}
END_TEST

START_TEST(a_path_inside_another_mount_is_no_mount)
{
    int kv = -1;
    const char *body = MOUNT("secret/", "kv", "{\"version\":\"2\"}");

    ck_assert_int_eq(ask_mount(200, body, "secret/foo", &kv), VC_NO_MOUNT);
    ck_assert_int_eq(ask_mount(200, body, "secr", &kv), VC_NO_MOUNT);
    ck_assert_int_eq(kv, 0);
}
END_TEST

START_TEST(a_mount_that_vault_does_not_tell_of_is_a_permission_error)
{
    int kv;

    ck_assert_int_eq(
        ask_mount(403,
                  REPLY_ERRORS("\"preflight capability check returned 403, please ensure client's "
                               "policies grant access to path \\\"nomount/\\\"\""),
                  "nomount", &kv),
        VC_PERMISSION_DENIED);
    ck_assert_int_eq(ask_mount(404, REPLY_ERRORS(""), "nomount", &kv), VC_NO_MOUNT);
    ck_assert_int_eq(err.code, VC_NO_MOUNT);
}
END_TEST

START_TEST(a_reply_without_path_and_type_is_malformed)
{
    int kv;

    ck_assert_int_eq(ask_mount(200, REPLY_DATA("{\"path\":\"secret/\"}"), "secret", &kv),
                     VC_BAD_REPLY);
    ck_assert_int_eq(ask_mount(200, REPLY_DATA("{\"type\":\"kv\"}"), "secret", &kv), VC_BAD_REPLY);
    ck_assert_int_eq(ask_mount(200, "", "secret", &kv), VC_BAD_REPLY);
}
END_TEST

START_TEST(without_memory_that_is_said)
{
    tracking.fail_from = 1;
    ck_assert_int_eq(vc_capabilities_request(&request, "secret/data/x", &err), VC_NO_MEMORY);
    tracking.fail_from = 0;
}
END_TEST

static void add_table(TCase *tests, const TTest *test, int count)
{
    tcase_add_loop_test(tests, test, 0, count);
}

int main(void)
{
    Suite *suite = suite_create("vault_policy");
    TCase *tests = tcase_create("capabilities and mounts");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, capabilities_are_asked_for_the_path_of_a_policy);
    add_table(tests, capabilities_are_joined_by_commas, COUNT(joined));
    add_table(tests, what_is_no_list_of_capabilities_is_malformed, COUNT(no_capabilities));
    tcase_add_test(tests, a_token_that_may_not_ask_is_told_so);
    tcase_add_test(tests, a_mount_is_asked_for_by_its_path);
    add_table(tests, the_version_of_a_kv_mount_is_told_and_0_for_another_engine, COUNT(mounts));
    tcase_add_test(tests, a_path_inside_another_mount_is_no_mount);
    tcase_add_test(tests, a_mount_that_vault_does_not_tell_of_is_a_permission_error);
    tcase_add_test(tests, a_reply_without_path_and_type_is_malformed);
    tcase_add_test(tests, without_memory_that_is_said);

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
