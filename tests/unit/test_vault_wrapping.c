/*
 * test_vault_wrapping.c - a wrapped secret_id, on recorded replies (vault_wrapping.h).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "recorded_reply.h"
#include "tracking_allocator.h"
#include "vault_wrapping.h"
#include "wipe_recorder.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

/* OpenBao 2.7.2, recorded */
#define LOOKUP(path)                                                                               \
    REPLY_DATA("{\"creation_path\":\"" path "\",\"creation_time\":"                                \
               "\"2026-11-23T05:13:51.496235486Z\",\"creation_ttl\":300}")
#define UNWRAPPED(secret_id)                                                                       \
    REPLY_DATA("{\"secret_id\":" secret_id ",\"secret_id_accessor\":"                              \
               "\"681befab-15e8-be13-296a-3935de65be45\",\"secret_id_num_uses\":5,"                \
               "\"secret_id_ttl\":0}")
#define SPENT REPLY_ERRORS("\"wrapping token is not valid or does not exist\"")

static struct tracking tracking;
static struct vc_request request;
static struct vc_reply reply;
static struct vc_buf secret_id;
static struct vc_error err;

static void set_up(void)
{
    vc_json_use_wiping_hooks();
    tracking_init(&tracking);
    vc_request_init(&request, &tracking.allocator);
    vc_buf_init(&secret_id, &tracking.allocator, VC_SECRET_ID_MAX);
    vc_error_clear(&err);
}

static void tear_down(void)
{
    vc_request_free(&request);
    vc_reply_free(&reply);
    vc_buf_free(&secret_id);
    ck_assert_uint_eq(tracking.blocks, 0);
}

static enum vc_code look_up(long status, const char *body)
{
    return vc_wrapping_lookup_read(recorded(&reply, status, body), "approle", &err);
}

static enum vc_code unwrap(long status, const char *body)
{
    return vc_wrapping_unwrap_read(recorded(&reply, status, body), &secret_id, &err);
}

START_TEST(the_lookup_carries_the_wrapping_token_in_its_body_only)
{
    vc_wrapping_lookup_request(&request, "s.YyFcxFDsa2JmrstOn8CprfXR");
    ck_assert_int_eq(request.method, VC_POST);
    ck_assert_str_eq(request.path, "/v1/sys/wrapping/lookup");
    ck_assert_str_eq(vc_buf_text(&request.body), "{\"token\":\"s.YyFcxFDsa2JmrstOn8CprfXR\"}");
    ck_assert(!request.with_token && request.repeatable && !request.login);
}
END_TEST

START_TEST(the_unwrapping_carries_it_as_header_only_and_is_sent_once)
{
    vc_wrapping_unwrap_request(&request);
    ck_assert_int_eq(request.method, VC_POST);
    ck_assert_str_eq(request.path, "/v1/sys/wrapping/unwrap");
    ck_assert_uint_eq(request.body.len, 0);
    ck_assert(request.with_token && request.login && !request.repeatable);
}
END_TEST

START_TEST(a_token_made_by_the_approle_mount_is_accepted)
{
    ck_assert_int_eq(look_up(200, LOOKUP("auth/approle/role/r/secret-id")), VC_OK);
}
END_TEST

START_TEST(a_mount_of_several_segments_is_compared_whole)
{
    recorded(&reply, 200, LOOKUP("auth/team/approle/role/r/secret-id"));
    ck_assert_int_eq(vc_wrapping_lookup_read(&reply, "team/approle", &err), VC_OK);
    ck_assert_int_eq(vc_wrapping_lookup_read(&reply, "team", &err), VC_WRAPPING_FOREIGN);
}
END_TEST

static const char *const foreign[] = {
    "sys/wrapping/wrap",
    "auth/other/role/r/secret-id",
    "auth/approle2/role/r/secret-id",
    "auth/approle/role//secret-id",
    "auth/approle/role/secret-id",
    "auth/approle/role/r/secret-id/lookup",
    "auth/approle/role/r/custom-secret-id",
    "auth/approle/role/a/b/secret-id",
    "x/auth/approle/role/r/secret-id",
    "auth/approle/role/r/secret-id2",
    "",
};

START_TEST(a_token_made_elsewhere_is_foreign_and_its_path_is_named)
{
    char body[512];

    snprintf(body, sizeof(body), "{\"data\":{\"creation_path\":\"%s\"}}", foreign[_i]);
    ck_assert_int_eq(look_up(200, body), VC_WRAPPING_FOREIGN);
    ck_assert_int_eq(err.code, VC_WRAPPING_FOREIGN);
    ck_assert_ptr_nonnull(strstr(err.message, foreign[_i]));
}
END_TEST

START_TEST(a_spent_token_is_reported_as_opened_by_somebody)
{
    ck_assert_int_eq(look_up(400, SPENT), VC_WRAPPING_SPENT);
    ck_assert_int_eq(err.code, VC_WRAPPING_SPENT);
    ck_assert_ptr_nonnull(strstr(err.hint, "somebody else"));
    ck_assert_int_eq(unwrap(400, SPENT), VC_WRAPPING_SPENT);
    ck_assert_ptr_nonnull(strstr(err.hint, "somebody else"));
}
END_TEST

START_TEST(an_outage_is_not_taken_for_a_spent_token)
{
    ck_assert_int_eq(look_up(503, REPLY_ERRORS("\"Vault is sealed\"")), VC_SEALED);
    ck_assert_int_eq(unwrap(503, REPLY_ERRORS("\"Vault is sealed\"")), VC_SEALED);
    ck_assert_int_eq(look_up(400, "<html>"), VC_BAD_REPLY);
    ck_assert_int_eq(unwrap(403, REPLY_ERRORS("\"permission denied\"")), VC_PERMISSION_DENIED);
}
END_TEST

START_TEST(a_lookup_without_a_creation_path_is_malformed)
{
    ck_assert_int_eq(look_up(200, REPLY_DATA("{}")), VC_BAD_REPLY);
    ck_assert_int_eq(look_up(200, REPLY_DATA("{\"creation_path\":null}")), VC_BAD_REPLY);
    ck_assert_int_eq(look_up(204, ""), VC_BAD_REPLY);
}
END_TEST

START_TEST(unwrapping_gives_the_secret_id)
{
    ck_assert_int_eq(unwrap(200, UNWRAPPED("\"acc4e928-9132-fad0-9e5d-cca8ded6cebd\"")), VC_OK);
    ck_assert_str_eq(vc_buf_text(&secret_id), "acc4e928-9132-fad0-9e5d-cca8ded6cebd");
}
END_TEST

static const char *const no_secret_ids[] = {UNWRAPPED("null"),  UNWRAPPED("\"\""),
                                            UNWRAPPED("7"),     REPLY_DATA("{\"token\":\"x\"}"),
                                            REPLY_DATA("null"), ""};

START_TEST(without_a_secret_id_the_reply_is_malformed)
{
    ck_assert_int_eq(unwrap(200, no_secret_ids[_i]), VC_BAD_REPLY);
    ck_assert_uint_eq(secret_id.len, 0);
}
END_TEST

START_TEST(a_secret_id_has_a_greatest_length)
{
    char body[VC_SECRET_ID_MAX + 100];
    char value[VC_SECRET_ID_MAX + 2];

    memset(value, 'x', VC_SECRET_ID_MAX + 1);
    value[VC_SECRET_ID_MAX + 1] = '\0';
    snprintf(body, sizeof(body), "{\"data\":{\"secret_id\":\"%s\"}}", value);
    ck_assert_int_eq(unwrap(200, body), VC_BAD_REPLY);
    ck_assert(!secret_id.failed);
}
END_TEST

START_TEST(an_earlier_secret_id_is_wiped_first)
{
    ck_assert_int_eq(unwrap(200, UNWRAPPED("\"first\"")), VC_OK);
    wipes_forget();
    ck_assert_int_eq(unwrap(400, SPENT), VC_WRAPPING_SPENT);
    ck_assert(wiped(secret_id.data, sizeof("first")));
    ck_assert_uint_eq(secret_id.len, 0);
}
END_TEST

START_TEST(without_memory_for_the_secret_id_that_is_said)
{
    recorded(&reply, 200, UNWRAPPED("\"x\""));
    tracking.fail_from = 1;
    ck_assert_int_eq(vc_wrapping_unwrap_read(&reply, &secret_id, &err), VC_NO_MEMORY);
    vc_wrapping_lookup_request(&request, "s.x");
    ck_assert(request.body.failed);
    tracking.fail_from = 0;
}
END_TEST

static void add_table(TCase *tests, const TTest *test, int count)
{
    tcase_add_loop_test(tests, test, 0, count);
}

int main(void)
{
    Suite *suite = suite_create("vault_wrapping");
    TCase *tests = tcase_create("a wrapped secret_id");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, the_lookup_carries_the_wrapping_token_in_its_body_only);
    tcase_add_test(tests, the_unwrapping_carries_it_as_header_only_and_is_sent_once);
    tcase_add_test(tests, a_token_made_by_the_approle_mount_is_accepted);
    tcase_add_test(tests, a_mount_of_several_segments_is_compared_whole);
    add_table(tests, a_token_made_elsewhere_is_foreign_and_its_path_is_named, COUNT(foreign));
    tcase_add_test(tests, a_spent_token_is_reported_as_opened_by_somebody);
    tcase_add_test(tests, an_outage_is_not_taken_for_a_spent_token);
    tcase_add_test(tests, a_lookup_without_a_creation_path_is_malformed);
    tcase_add_test(tests, unwrapping_gives_the_secret_id);
    add_table(tests, without_a_secret_id_the_reply_is_malformed, COUNT(no_secret_ids));
    tcase_add_test(tests, a_secret_id_has_a_greatest_length);
    tcase_add_test(tests, an_earlier_secret_id_is_wiped_first);
    tcase_add_test(tests, without_memory_for_the_secret_id_that_is_said);

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
