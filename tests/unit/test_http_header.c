/*
 * test_http_header.c - header lines as they come, and what is made of them (http_header.h).
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "http_header.h"

#define NOW 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT, RFC 9110's own example */

static struct vc_reply reply;

static void set_up(void)
{
    vc_reply_init(&reply, &vc_wiping_allocator);
}

static void take(const char *line)
{
    vc_http_header_read(&reply, line, strlen(line), NOW);
}

static const struct {
    const char *line;
    long seconds;
} retry_after[] = {
    {"Retry-After: 4\r\n", 4},
    {"retry-after:9", 9},
    {"RETRY-AFTER: \t 12 \r\n", 12},
    {"Retry-After: 0\r\n", 0},
    {"Retry-After: 99999999999999999999999\r\n", VC_RETRY_AFTER_CEILING},
    {"Retry-After: Sun, 06 Nov 1994 08:49:47 GMT\r\n", 10},
    {"Retry-After: Sunday, 06-Nov-94 08:49:47 GMT\r\n", 10},
    {"Retry-After: Sun, 06 Nov 1994 08:49:07 GMT\r\n", 0},
    {"Retry-After: Fri, 31 Dec 2094 23:59:59 GMT\r\n", VC_RETRY_AFTER_CEILING},
    {"Retry-After:\r\n", -1},
    {"Retry-After: -3\r\n", -1},
    {"Retry-After: 3s\r\n", -1},
    {"Retry-After: 1.5\r\n", -1},
    {"Retry-After: 0x10\r\n", -1},
    {"Retry-After: soon\r\n", -1},
    {"Retry-After: 12:00\r\n", -1},
    {"Retry-Afterwards: 4\r\n", -1},
    {"Retry-After 4\r\n", -1},
    {"X-Retry-After: 4\r\n", -1},
};

START_TEST(retry_after_is_seconds_or_a_date_or_nothing)
{
    take(retry_after[_i].line);
    ck_assert_msg(reply.retry_after == retry_after[_i].seconds, "%s gives %ld",
                  retry_after[_i].line, reply.retry_after);
}
END_TEST

START_TEST(a_location_is_kept_as_it_is)
{
    take("location: https://vault-2:8200/v1/secret/data/x?version=2\r\n");
    ck_assert_str_eq(reply.location, "https://vault-2:8200/v1/secret/data/x?version=2");
}
END_TEST

START_TEST(a_location_with_a_blank_or_control_byte_is_none)
{
    take("Location: http://a:1/ b\r\n");
    ck_assert_str_eq(reply.location, "");
    take("Location: http://a:1/\x01\r\n");
    ck_assert_str_eq(reply.location, "");
    take("Location: http://\xC3\xA4:1/\r\n");
    ck_assert_str_eq(reply.location, "");
}
END_TEST

START_TEST(a_location_that_is_too_long_is_none)
{
    char line[VC_LOCATION_MAX + 64] = "Location: ";

    memset(line + 10, 'a', VC_LOCATION_MAX - 1);
    take(line);
    ck_assert_uint_eq(strlen(reply.location), VC_LOCATION_MAX - 1);
    reply.location[0] = '\0';
    memset(line + 10, 'a', VC_LOCATION_MAX);
    take(line);
    ck_assert_str_eq(reply.location, "");
}
END_TEST

START_TEST(the_index_is_what_may_become_a_request_header_again)
{
    take("X-Vault-Index: v1:cluster:3:44:c2lnbmF0dXJl\r\n");
    ck_assert_str_eq(reply.index, "v1:cluster:3:44:c2lnbmF0dXJl");
    reply.index[0] = '\0';
    take("X-Vault-Index: a\rX-Vault-Token: b\r\n");
    ck_assert_str_eq(reply.index, "");
}
END_TEST

START_TEST(the_first_of_two_equal_fields_counts)
{
    take("Location: http://a:1/x\r\n");
    take("Location: http://b:1/x\r\n");
    take("Retry-After: 3\r\n");
    take("Retry-After: 4\r\n");
    ck_assert_str_eq(reply.location, "http://a:1/x");
    ck_assert_int_eq(reply.retry_after, 3);
}
END_TEST

START_TEST(a_new_status_line_forgets_the_interim_reply)
{
    take("HTTP/1.1 103 Early Hints\r\n");
    take("Location: http://a:1/x\r\n");
    take("Retry-After: 3\r\n");
    take("X-Vault-Index: i\r\n");
    take("HTTP/1.1 200 OK\r\n");
    ck_assert_str_eq(reply.location, "");
    ck_assert_str_eq(reply.index, "");
    ck_assert_int_eq(reply.retry_after, -1);
}
END_TEST

START_TEST(a_line_needs_no_end_and_may_be_empty)
{
    vc_http_header_read(&reply, "Retry-After: 77xxxx", 15, NOW);
    ck_assert_int_eq(reply.retry_after, 77);
    take("");
    take("\r\n");
    take(":");
    ck_assert_int_eq(reply.retry_after, 77);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_header");
    TCase *tests = tcase_create("http_header");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_loop_test(tests, retry_after_is_seconds_or_a_date_or_nothing, 0,
                        sizeof(retry_after) / sizeof(retry_after[0]));
    tcase_add_test(tests, a_location_is_kept_as_it_is);
    tcase_add_test(tests, a_location_with_a_blank_or_control_byte_is_none);
    tcase_add_test(tests, a_location_that_is_too_long_is_none);
    tcase_add_test(tests, the_index_is_what_may_become_a_request_header_again);
    tcase_add_test(tests, the_first_of_two_equal_fields_counts);
    tcase_add_test(tests, a_new_status_line_forgets_the_interim_reply);
    tcase_add_test(tests, a_line_needs_no_end_and_may_be_empty);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
