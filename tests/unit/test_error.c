/*
 * test_error.c - an error's text is one line of valid UTF-8, and says which errors are outages
 * (error.h).
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "utf8.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

static const enum vc_code all_codes[] = {
    VC_OK,
    VC_NO_MEMORY,
    VC_INTERNAL,
    VC_CANCELLED,
    VC_BAD_NAME,
    VC_BAD_SETTING,
    VC_BAD_FILE,
    VC_UNREACHABLE,
    VC_TIMEOUT,
    VC_TLS,
    VC_SEALED,
    VC_NOT_INITIALIZED,
    VC_NOT_ACTIVE,
    VC_RATE_LIMITED,
    VC_SERVER_ERROR,
    VC_BAD_REPLY,
    VC_REPLY_TOO_LARGE,
    VC_REDIRECT_REFUSED,
    VC_LOGIN_REFUSED,
    VC_LOGIN_LOCKED,
    VC_WRAPPING_SPENT,
    VC_WRAPPING_FOREIGN,
    VC_TOKEN_INVALID,
    VC_PERMISSION_DENIED,
    VC_NOT_FOUND,
    VC_VERSION_DELETED,
    VC_VERSION_DESTROYED,
    VC_NO_MOUNT,
    VC_NO_NAMESPACE,
    VC_KV_V1_PATH,
    VC_CAS_MISMATCH,
    VC_CAS_REQUIRED,
    VC_BAD_REQUEST,
    VC_BAD_SECRET,
    VC_BAD_TEMPLATE,
};

static const enum vc_code outages[] = {
    VC_UNREACHABLE,      VC_TIMEOUT,      VC_TLS,          VC_SEALED,    VC_NOT_INITIALIZED,
    VC_NOT_ACTIVE,       VC_RATE_LIMITED, VC_SERVER_ERROR, VC_BAD_REPLY, VC_REPLY_TOO_LARGE,
    VC_REDIRECT_REFUSED, VC_LOGIN_LOCKED, VC_NO_MEMORY,    VC_CANCELLED,
};

static const enum vc_code answers[] = {
    VC_OK,
    VC_INTERNAL,
    VC_BAD_NAME,
    VC_BAD_SETTING,
    VC_BAD_FILE,
    VC_LOGIN_REFUSED,
    VC_WRAPPING_SPENT,
    VC_WRAPPING_FOREIGN,
    VC_TOKEN_INVALID,
    VC_PERMISSION_DENIED,
    VC_NOT_FOUND,
    VC_VERSION_DELETED,
    VC_VERSION_DESTROYED,
    VC_NO_MOUNT,
    VC_NO_NAMESPACE,
    VC_KV_V1_PATH,
    VC_CAS_MISMATCH,
    VC_CAS_REQUIRED,
    VC_BAD_REQUEST,
    VC_BAD_SECRET,
    VC_BAD_TEMPLATE,
};

START_TEST(each_code_has_a_text_of_its_own)
{
    const char *text = vc_code_text(all_codes[_i]);

    ck_assert_str_ne(text, "unknown error");
    for (int i = 0; i < _i; i++)
        ck_assert_str_ne(text, vc_code_text(all_codes[i]));
}
END_TEST

START_TEST(a_code_from_a_newer_peer_has_a_text_too)
{
    ck_assert_str_eq(vc_code_text((enum vc_code)9999), "unknown error");
    ck_assert(!vc_code_is_outage((enum vc_code)9999));
}
END_TEST

START_TEST(where_vault_could_not_be_asked_it_is_an_outage)
{
    ck_assert(vc_code_is_outage(outages[_i]));
}
END_TEST

START_TEST(where_vault_answered_or_nobody_can_help_by_waiting_it_is_none)
{
    ck_assert(!vc_code_is_outage(answers[_i]));
}
END_TEST

START_TEST(outages_and_answers_are_all_the_codes)
{
    ck_assert_int_eq(COUNT(outages) + COUNT(answers), COUNT(all_codes));
}
END_TEST

START_TEST(setting_an_error_returns_its_code_and_forgets_the_last_one)
{
    struct vc_error err = {.http_status = 500, .hint = "old", .request_id = "old"};

    ck_assert_int_eq(vc_error_set(&err, VC_NOT_FOUND, "no secret at \"%s\"", "a/b"), VC_NOT_FOUND);
    ck_assert_int_eq(err.code, VC_NOT_FOUND);
    ck_assert_str_eq(err.message, "no secret at \"a/b\"");
    ck_assert_int_eq(err.http_status, 0);
    ck_assert_str_eq(err.hint, "");
    ck_assert_str_eq(err.request_id, "");
}
END_TEST

START_TEST(the_old_message_may_be_part_of_the_new_one)
{
    struct vc_error err;

    vc_error_set(&err, VC_TLS, "inner");
    vc_error_set(&err, VC_TLS, "outer: %s", err.message);
    ck_assert_str_eq(err.message, "outer: inner");
    vc_error_hint(&err, "try");
    vc_error_hint(&err, "%s again", err.hint);
    ck_assert_str_eq(err.hint, "try again");
}
END_TEST

START_TEST(the_servers_words_end_the_message)
{
    struct vc_error err;

    vc_error_set(&err, VC_PERMISSION_DENIED, "could not read \"a\"");
    vc_error_server_words(&err, "permission denied");
    ck_assert_str_eq(err.message, "could not read \"a\": permission denied");
}
END_TEST

START_TEST(a_server_without_words_adds_nothing)
{
    struct vc_error err;

    vc_error_set(&err, VC_NOT_FOUND, "could not read \"a\"");
    vc_error_server_words(&err, "");
    vc_error_server_words(&err, NULL);
    ck_assert_str_eq(err.message, "could not read \"a\"");
}
END_TEST

START_TEST(a_reply_cannot_forge_a_log_line)
{
    struct vc_error err;

    vc_error_set(&err, VC_SERVER_ERROR, "x");
    vc_error_server_words(&err, "a\nLOG:\r\x1b[31m\x7f\xc2\x9b z");
    ck_assert_str_eq(err.message, "x: a?LOG:??[31m??? z");
}
END_TEST

START_TEST(broken_utf8_never_reaches_a_message)
{
    struct vc_error err;

    vc_error_set(&err, VC_BAD_FILE, "file \"%s\"", "\xff\xc3");
    vc_error_hint(&err, "%s", "\xed\xa0\x80");
    ck_assert_str_eq(err.message, "file \"??\"");
    ck_assert_str_eq(err.hint, "???");
}
END_TEST

START_TEST(letters_of_every_script_stay_as_they_are)
{
    struct vc_error err;

    vc_error_set(&err, VC_BAD_FILE, "%s", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    ck_assert_str_eq(err.message, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
}
END_TEST

/* A text of _i letters and then characters of three bytes: each way in which the edge can fall. */
START_TEST(text_that_does_not_fit_is_cut_between_characters)
{
    char text[2 * VC_MESSAGE_SIZE + 1] = "aaa";
    struct vc_error err;
    size_t len = (size_t)_i;

    for (; len + 3 < sizeof(text); len += 3)
        memcpy(text + len, "\xe2\x82\xac", 4);

    vc_error_set(&err, VC_INTERNAL, "%s", text);
    ck_assert(vc_utf8_valid(err.message, strlen(err.message)));
    ck_assert_ptr_null(strchr(err.message, '?'));
    ck_assert_uint_gt(strlen(err.message), VC_MESSAGE_SIZE - 4);
    ck_assert_uint_lt(strlen(err.message), VC_MESSAGE_SIZE);
    ck_assert_str_eq(err.hint, "");

    vc_error_hint(&err, "%s", text);
    ck_assert(vc_utf8_valid(err.hint, strlen(err.hint)));
    ck_assert_ptr_null(strchr(err.hint, '?'));

    vc_error_set(&err, VC_INTERNAL, "x");
    vc_error_server_words(&err, text);
    ck_assert(vc_utf8_valid(err.message, strlen(err.message)));
    ck_assert_ptr_null(strchr(err.message, '?'));
}
END_TEST

START_TEST(a_caller_may_not_care_about_the_text)
{
    ck_assert_int_eq(vc_error_set(NULL, VC_TLS, "x"), VC_TLS);
    vc_error_hint(NULL, "x");
    vc_error_server_words(NULL, "x");
    vc_error_clear(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("error");
    TCase *tests = tcase_create("codes and text");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, each_code_has_a_text_of_its_own, 0, COUNT(all_codes));
    tcase_add_test(tests, a_code_from_a_newer_peer_has_a_text_too);
    tcase_add_loop_test(tests, where_vault_could_not_be_asked_it_is_an_outage, 0, COUNT(outages));
    tcase_add_loop_test(tests, where_vault_answered_or_nobody_can_help_by_waiting_it_is_none, 0,
                        COUNT(answers));
    tcase_add_test(tests, outages_and_answers_are_all_the_codes);
    tcase_add_test(tests, setting_an_error_returns_its_code_and_forgets_the_last_one);
    tcase_add_test(tests, the_old_message_may_be_part_of_the_new_one);
    tcase_add_test(tests, the_servers_words_end_the_message);
    tcase_add_test(tests, a_server_without_words_adds_nothing);
    tcase_add_test(tests, a_reply_cannot_forge_a_log_line);
    tcase_add_test(tests, broken_utf8_never_reaches_a_message);
    tcase_add_test(tests, letters_of_every_script_stay_as_they_are);
    tcase_add_loop_test(tests, text_that_does_not_fit_is_cut_between_characters, 0, 4);
    tcase_add_test(tests, a_caller_may_not_care_about_the_text);

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
