/*
 * test_session_policy.c - the policy that confines a tenant, and which are refused
 * (session_policy.h). What servers make of it: tests/helper/sts.t.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "s3_location.h"
#include "session_policy.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

static struct vc_buf policy;
static struct vc_error err;

static void set_up(void)
{
    vc_buf_init(&policy, &vc_wiping_allocator, SESSION_POLICY_MAX);
    vc_error_clear(&err);
}

static void tear_down(void)
{
    vc_buf_free(&policy);
}

START_TEST(a_bucket_is_opened_with_its_listing_and_objects)
{
    ck_assert_int_eq(session_policy_confine("acme-data", NULL, &policy, &err), VC_OK);
    ck_assert_str_eq(
        vc_buf_text(&policy),
        "{\"Version\":\"2012-10-17\",\"Statement\":["
        "{\"Effect\":\"Allow\",\"Action\":[\"s3:GetBucketLocation\",\"s3:ListBucket\","
        "\"s3:ListBucketMultipartUploads\"],\"Resource\":[\"arn:aws:s3:::acme-data\"]},"
        "{\"Effect\":\"Allow\",\"Action\":[\"s3:GetObject\",\"s3:PutObject\",\"s3:DeleteObject\","
        "\"s3:AbortMultipartUpload\",\"s3:ListMultipartUploadParts\"],"
        "\"Resource\":[\"arn:aws:s3:::acme-data/*\"]}]}");
}
END_TEST

START_TEST(a_prefix_is_opened_with_its_own_listing_only)
{
    ck_assert_int_eq(session_policy_confine("shared", "acme/", &policy, &err), VC_OK);
    ck_assert_str_eq(
        vc_buf_text(&policy),
        "{\"Version\":\"2012-10-17\",\"Statement\":["
        "{\"Effect\":\"Allow\",\"Action\":[\"s3:GetBucketLocation\"],"
        "\"Resource\":[\"arn:aws:s3:::shared\"]},"
        "{\"Effect\":\"Allow\",\"Action\":[\"s3:ListBucket\"],"
        "\"Resource\":[\"arn:aws:s3:::shared\"],"
        "\"Condition\":{\"StringLike\":{\"s3:prefix\":[\"acme/*\"]}}},"
        "{\"Effect\":\"Allow\",\"Action\":[\"s3:GetObject\",\"s3:PutObject\",\"s3:DeleteObject\","
        "\"s3:AbortMultipartUpload\",\"s3:ListMultipartUploadParts\"],"
        "\"Resource\":[\"arn:aws:s3:::shared/acme/*\"]}]}");
}
END_TEST

START_TEST(the_longest_bucket_and_prefix_fit)
{
    char bucket[S3_BUCKET_MAX + 1];
    char prefix[S3_PREFIX_MAX + 1];

    memset(bucket, 'b', S3_BUCKET_MAX);
    bucket[S3_BUCKET_MAX] = '\0';
    memset(prefix, 'p', S3_PREFIX_MAX);
    prefix[S3_PREFIX_MAX - 1] = '/';
    prefix[S3_PREFIX_MAX] = '\0';
    ck_assert_int_eq(session_policy_confine(bucket, prefix, &policy, &err), VC_OK);
    ck_assert_uint_le(policy.len, SESSION_POLICY_MAX);
}
END_TEST

START_TEST(what_stood_in_the_buffer_is_replaced)
{
    ck_assert_int_eq(session_policy_confine("first", NULL, &policy, &err), VC_OK);
    ck_assert_int_eq(session_policy_confine("second", NULL, &policy, &err), VC_OK);
    ck_assert_ptr_null(strstr(vc_buf_text(&policy), "first"));
}
END_TEST

struct place {
    const char *bucket;
    const char *prefix;
};

static const struct place unconfined[] = {
    {NULL, NULL},
    {NULL, "acme/"},
    {"", NULL},
    {"*", NULL},
    {"acm*", NULL},
    {"acme?", NULL},
    {"acme/", NULL},
    {"acme/*", NULL},
    {"ACME", NULL},
    {"acme\"", NULL},
    {"acme\\u002a", NULL},
    {"${aws:username}", NULL},
    {"-acme", NULL},
    {"ac", NULL},
    {"shared", ""},
    {"shared", "acme"},
    {"shared", "acme?/"},
    {"shared", "*/"},
    {"shared", "acme/*"},
    {"shared", "../"},
    {"shared", "acme/../"},
    {"shared", "acme/../../"},
    {"shared", "./"},
    {"shared", "/"},
    {"shared", "acme//"},
    {"shared", "ACME/"},
    {"shared", "acme\\/"},
    {"shared", "acme\"/"},
    {"shared", "${aws:username}/"},
    {"shared", "acme/\n/"},
};

START_TEST(a_place_that_would_widen_the_policy_is_refused)
{
    const struct place *place = &unconfined[_i];

    ck_assert_msg(session_policy_confine(place->bucket, place->prefix, &policy, &err) ==
                      VC_BAD_SECRET,
                  "taken: %s %s", place->bucket, place->prefix);
    ck_assert_uint_eq(policy.len, 0);
}
END_TEST

START_TEST(a_lack_of_memory_leaves_no_policy)
{
    struct vc_buf small;

    vc_buf_init(&small, &vc_wiping_allocator, 100);
    ck_assert_int_eq(session_policy_confine("shared", "acme/", &small, &err), VC_NO_MEMORY);
    ck_assert_str_eq(vc_buf_text(&small), "");
    vc_buf_free(&small);
}
END_TEST

static const char *const sound[] = {
    "{\"Version\":\"2012-10-17\",\"Statement\":[]}",
    "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\"}}",
    " {\"Id\":\"x\",\"Version\":\"2008-10-17\",\"Statement\":[{}]}\n",
};

START_TEST(a_policy_with_version_and_statement_is_taken)
{
    ck_assert_int_eq(session_policy_check(sound[_i], &err), VC_OK);
}
END_TEST

static const char *const refused[] = {
    NULL,
    "",
    " \n\t",
    "{}",
    "[]",
    "null",
    "not JSON",
    "{\"Version\":\"2012-10-17\"}",
    "{\"Statement\":[]}",
    "{\"Version\":\"\",\"Statement\":[]}",
    "{\"Version\":1,\"Statement\":[]}",
    "{\"Version\":null,\"Statement\":[]}",
    "{\"version\":\"2012-10-17\",\"Statement\":[]}",
    "{\"Version\":\"2012-10-17\",\"statement\":[]}",
    "{\"Version\":\"2012-10-17\",\"Statement\":\"x\"}",
    "{\"Version\":\"2012-10-17\",\"Version\":\"2012-10-17\",\"Statement\":[]}",
    "{\"Version\":\"2012-10-17\",\"Statement\":[]} {}",
    "{\"Version\":\"2012-10-17\",\"Statement\":[",
};

START_TEST(any_other_policy_is_refused_with_a_hint)
{
    ck_assert_msg(session_policy_check(refused[_i], &err) == VC_BAD_SETTING, "taken: %s",
                  refused[_i]);
    ck_assert_str_ne(err.hint, "");
}
END_TEST

START_TEST(a_policy_of_2048_bytes_is_taken_and_a_longer_one_refused)
{
    char text[SESSION_POLICY_MAX + 2];

    memset(text, ' ', sizeof(text));
    memcpy(text, sound[0], strlen(sound[0]));
    text[SESSION_POLICY_MAX] = '\0';
    ck_assert_int_eq(session_policy_check(text, &err), VC_OK);
    text[SESSION_POLICY_MAX] = ' ';
    text[SESSION_POLICY_MAX + 1] = '\0';
    ck_assert_int_eq(session_policy_check(text, &err), VC_BAD_SETTING);
    ck_assert_ptr_nonnull(strstr(err.message, "2049 bytes"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session_policy");
    TCase *tests = tcase_create("session_policy");
    SRunner *runner;
    int failed;

    vc_json_use_wiping_hooks();
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_bucket_is_opened_with_its_listing_and_objects);
    tcase_add_test(tests, a_prefix_is_opened_with_its_own_listing_only);
    tcase_add_test(tests, the_longest_bucket_and_prefix_fit);
    tcase_add_test(tests, what_stood_in_the_buffer_is_replaced);
    tcase_add_loop_test(tests, a_place_that_would_widen_the_policy_is_refused, 0,
                        COUNT(unconfined));
    tcase_add_test(tests, a_lack_of_memory_leaves_no_policy);
    tcase_add_loop_test(tests, a_policy_with_version_and_statement_is_taken, 0, COUNT(sound));
    tcase_add_loop_test(tests, any_other_policy_is_refused_with_a_hint, 0, COUNT(refused));
    tcase_add_test(tests, a_policy_of_2048_bytes_is_taken_and_a_longer_one_refused);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
