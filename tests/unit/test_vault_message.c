/*
 * test_vault_message.c - how a request begins, and what cannot become one (vault_message.h).
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tracking_allocator.h"
#include "vault_message.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

static struct tracking tracking;
static struct vc_request request;
static struct vc_error err;

static void set_up(void)
{
    tracking_init(&tracking);
    vc_request_init(&request, &tracking.allocator);
    vc_error_clear(&err);
}

static void tear_down(void)
{
    vc_request_free(&request);
    ck_assert_uint_eq(tracking.blocks, 0);
}

static enum vc_code begin(enum vc_method method, const char *first, const char *second)
{
    return vc_request_begin(&request, method, (const char *const[]){first, second, NULL}, &err);
}

START_TEST(a_path_is_v1_and_the_parts)
{
    ck_assert_int_eq(begin(VC_GET, "secret", "data/saas-project/dev/jwt"), VC_OK);
    ck_assert_str_eq(request.path, "/v1/secret/data/saas-project/dev/jwt");
}
END_TEST

struct encoding {
    const char *part;
    const char *path;
};

static const struct encoding encodings[] = {
    {"a b", "/v1/m/a%20b"},
    {"a+b=c", "/v1/m/a%2Bb%3Dc"},
    {"a@b:c,d", "/v1/m/a%40b%3Ac%2Cd"},
    {"a~b.c_d-e", "/v1/m/a~b.c_d-e"},
    {"a?b#c%d", "/v1/m/a%3Fb%23c%25d"},
    {"\xc3\xa4", "/v1/m/%C3%A4"},
};

START_TEST(all_but_unreserved_characters_are_percent_encoded)
{
    ck_assert_int_eq(begin(VC_GET, "m", encodings[_i].part), VC_OK);
    ck_assert_str_eq(request.path, encodings[_i].path);
}
END_TEST

START_TEST(the_longest_mount_and_path_fit_even_when_every_byte_is_encoded)
{
    char mount[VC_MOUNT_MAX + 1];
    char path[VC_PATH_MAX + 1];

    memset(mount, '@', VC_MOUNT_MAX);
    mount[VC_MOUNT_MAX] = '\0';
    memset(path, '@', VC_PATH_MAX);
    path[VC_PATH_MAX] = '\0';
    ck_assert_int_eq(vc_request_begin(&request, VC_POST,
                                      (const char *const[]){mount, "undelete", path, NULL}, &err),
                     VC_OK);
    ck_assert_uint_lt(strlen(request.path) + strlen("?version=9007199254740992"),
                      sizeof(request.path));
}
END_TEST

START_TEST(a_path_that_does_not_fit_is_refused_and_left_empty)
{
    char path[VC_REQUEST_PATH_MAX + 1];

    memset(path, 'a', VC_REQUEST_PATH_MAX);
    path[VC_REQUEST_PATH_MAX] = '\0';
    ck_assert_int_eq(begin(VC_GET, "m", path), VC_BAD_NAME);
    ck_assert_int_eq(err.code, VC_BAD_NAME);
    ck_assert_str_eq(request.path, "");
}
END_TEST

START_TEST(only_reads_are_repeatable_at_first)
{
    ck_assert_int_eq(begin(VC_GET, "m", "p"), VC_OK);
    ck_assert(request.repeatable);
    ck_assert_int_eq(begin(VC_LIST, "m", "p"), VC_OK);
    ck_assert(request.repeatable);
    ck_assert_int_eq(begin(VC_POST, "m", "p"), VC_OK);
    ck_assert(!request.repeatable);
    ck_assert_int_eq(begin(VC_DELETE, "m", "p"), VC_OK);
    ck_assert(!request.repeatable);
}
END_TEST

START_TEST(token_and_namespace_are_sent_at_first)
{
    ck_assert_int_eq(begin(VC_GET, "m", "p"), VC_OK);
    ck_assert(request.with_token && request.with_namespace && !request.login);
    ck_assert_str_eq(request.index, "");
}
END_TEST

static const char *const mounts[] = {"secret", "kv1", "team/secret", "a b", "A.b_c-d~e@f"};

START_TEST(a_mount_is_a_plain_path)
{
    ck_assert_int_eq(vc_mount_check(mounts[_i], "kv_mount", &err), VC_OK);
}
END_TEST

static const char *const bad_mounts[] = {"",     "/secret", "secret/", "a//b", "a/../b", "a%2fb",
                                         "a\\b", "a?b",     "a#b",     "..",   "a\nb",   "a/./b"};

START_TEST(any_other_mount_is_refused_by_the_name_of_its_setting)
{
    ck_assert_int_eq(vc_mount_check(bad_mounts[_i], "kv_mount", &err), VC_BAD_SETTING);
    ck_assert_ptr_nonnull(strstr(err.message, "kv_mount"));
}
END_TEST

START_TEST(a_mount_that_is_missing_or_too_long_is_refused)
{
    char mount[VC_MOUNT_MAX + 2];

    ck_assert_int_eq(vc_mount_check(NULL, "kv_mount", &err), VC_BAD_SETTING);
    memset(mount, 'a', VC_MOUNT_MAX + 1);
    mount[VC_MOUNT_MAX + 1] = '\0';
    ck_assert_int_eq(vc_mount_check(mount, "kv_mount", &err), VC_BAD_SETTING);
    mount[VC_MOUNT_MAX] = '\0';
    ck_assert_int_eq(vc_mount_check(mount, "kv_mount", &err), VC_OK);
}
END_TEST

START_TEST(a_body_without_memory_and_one_too_long_are_told_apart)
{
    ck_assert_int_eq(vc_request_body_check(&request, VC_BAD_SECRET, &err), VC_OK);
    tracking.fail_from = tracking.allocations + 1;
    vc_buf_append_text(&request.body, "{}");
    ck_assert_int_eq(vc_request_body_check(&request, VC_BAD_SECRET, &err), VC_NO_MEMORY);
    tracking.fail_from = 0;
    vc_buf_free(&request.body);
    for (int i = 0; i <= VC_REQUEST_BODY_MAX / 1024; i++)
        vc_buf_append_format(&request.body, "%1024d", i);
    ck_assert_int_eq(vc_request_body_check(&request, VC_BAD_SECRET, &err), VC_BAD_SECRET);
}
END_TEST

START_TEST(a_new_reply_has_no_retry_after)
{
    struct vc_reply reply;

    vc_reply_init(&reply, &tracking.allocator);
    ck_assert_int_eq(reply.retry_after, -1);
    ck_assert_int_eq(reply.status, 0);
    ck_assert_str_eq(reply.location, "");
    vc_reply_free(&reply);
}
END_TEST

/* A request with these values, and whether the reply to it is emptied. */
static const struct {
    long status;
    const char *reply;
    bool emptied;
} echoes[] = {
    {400, "{\"errors\":[\"cannot write {\\\"password\\\":\\\"correct horse battery\\\"}\"]}", true},
    {500, "correct horse battery", true},
    {502, "<html>bad gateway: correct h", true},
    {503, "ct horse battery", true},
    {400, "value hunt is too short", true},
    {400, "a\\\"quote in the middle", true},
    {400, "check-and-set parameter did not match the current version", false},
    {400, "password, username, note, data: fields that are not allowed", false},
    {400, "correct", false},
    {400, "db", false},
    {200, "correct horse battery", false},
    {400, "", false},
};

static bool is_emptied(long status, const char *text)
{
    struct vc_reply reply;
    bool emptied;

    vc_reply_init(&reply, &tracking.allocator);
    reply.status = status;
    vc_buf_append_text(&reply.body, text);
    vc_reply_drop_echo(&reply, &request);
    emptied = reply.body.len != strlen(text);
    ck_assert(!emptied || reply.body.len == 0);
    vc_reply_free(&reply);
    return emptied;
}

START_TEST(an_error_reply_that_repeats_a_secret_value_is_emptied)
{
    vc_buf_append_text(&request.body,
                       "{\"data\":{\"username\":\"hunt\",\"password\":\"correct horse battery\","
                       "\"host\":\"db\",\"note\":\"a\\\"quote in\"},\"options\":{\"cas\":0}}");
    ck_assert(!is_emptied(echoes[_i].status, echoes[_i].reply));
    request.secret_values = true;
    ck_assert_int_eq(is_emptied(echoes[_i].status, echoes[_i].reply), echoes[_i].emptied);
}
END_TEST

START_TEST(a_long_error_reply_to_secret_values_is_emptied_unread)
{
    char text[16386];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    request.secret_values = true;
    vc_buf_append_text(&request.body, "{\"a\":\"value of it\"}");
    ck_assert(is_emptied(500, text));
    text[sizeof(text) - 2] = '\0';
    ck_assert(!is_emptied(500, text));
}
END_TEST

static void add_table(TCase *tests, const TTest *test, int count)
{
    tcase_add_loop_test(tests, test, 0, count);
}

int main(void)
{
    Suite *suite = suite_create("vault_message");
    TCase *tests = tcase_create("how a request begins");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_path_is_v1_and_the_parts);
    add_table(tests, all_but_unreserved_characters_are_percent_encoded, COUNT(encodings));
    tcase_add_test(tests, the_longest_mount_and_path_fit_even_when_every_byte_is_encoded);
    tcase_add_test(tests, a_path_that_does_not_fit_is_refused_and_left_empty);
    tcase_add_test(tests, only_reads_are_repeatable_at_first);
    tcase_add_test(tests, token_and_namespace_are_sent_at_first);
    add_table(tests, a_mount_is_a_plain_path, COUNT(mounts));
    add_table(tests, any_other_mount_is_refused_by_the_name_of_its_setting, COUNT(bad_mounts));
    tcase_add_test(tests, a_mount_that_is_missing_or_too_long_is_refused);
    tcase_add_test(tests, a_body_without_memory_and_one_too_long_are_told_apart);
    tcase_add_test(tests, a_new_reply_has_no_retry_after);
    add_table(tests, an_error_reply_that_repeats_a_secret_value_is_emptied, COUNT(echoes));
    tcase_add_test(tests, a_long_error_reply_to_secret_values_is_emptied_unread);

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
