/*
 * test_setting_value.c - booleans, numbers and durations as text (setting_value.h).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "setting_value.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
static const char *const neither[] = {"",   "yes", "no", "on", "off",       "tRUE", "true ",
                                      " 1", "2",   "-1", "01", "truefalse", "y",    "null"};

struct amount {
    const char *text;
    double value;
};

static const struct amount numbers[] = {
    {"0", 0}, {"2", 2}, {"0.75", 0.75}, {"007", 7}, {".5", 0.5}, {"5.", 5}, {"1000000", 1e6},
};

static const char *const no_numbers[] = {"",    ".",   "-1",  "+1",  " 1",  "1 ", "1,5", "1.2.3",
                                         "1e3", "0x1", "inf", "nan", "NaN", "1s", "1_0"};

static const struct amount durations[] = {
    {"10s", 10000},
    {"1m30s", 90000},
    {"250ms", 250},
    {"1.5h", 5400000},
    {"2h45m", 9900000},
    {"10", 10000},
    {"0.5", 500},
    {"1us", 0.001},
    {"1\xc2\xb5s", 0.001},
    {"1\xce\xbcs", 0.001},
    {"1000000ns", 1},
    {"1m1ms", 60001},
    {"0s", 0},
    {"0", 0},
};

static const char *const no_durations[] = {"",      "s",    "ms",   "10x",   "10 s", "-1s",
                                           "+1s",   "1d",   "1S",   "1s ",   " 1s",  "1s30",
                                           "1m-1s", "1e3s", "infs", "1..5s", "10ss", "1h m"};

START_TEST(the_words_of_vaults_own_client_are_true)
{
    bool value = false;

    ck_assert(vc_parse_bool(yes[_i], &value));
    ck_assert(value);
}
END_TEST

START_TEST(the_words_of_vaults_own_client_are_false)
{
    bool value = true;

    ck_assert(vc_parse_bool(no[_i], &value));
    ck_assert(!value);
}
END_TEST

START_TEST(any_other_word_is_no_boolean)
{
    bool value = true;

    ck_assert(!vc_parse_bool(neither[_i], &value));
    ck_assert(value);
}
END_TEST

START_TEST(a_number_is_digits_with_at_most_one_point)
{
    double value = -1;

    ck_assert(vc_parse_number(numbers[_i].text, &value));
    ck_assert_double_eq_tol(value, numbers[_i].value, 1e-12);
}
END_TEST

/* As PostgreSQL's settings are handed on: a bound must not be missed by one digit. */
START_TEST(a_number_written_in_17_digits_comes_back_as_itself)
{
    for (int i = 1; i < 1000; i++) {
        char text[64];
        double value;

        snprintf(text, sizeof(text), "%.17g", i / 1000.0);
        ck_assert(vc_parse_number(text, &value));
        ck_assert_double_eq(value, i / 1000.0);
    }
}
END_TEST

START_TEST(any_other_text_is_no_number)
{
    double value = -1;

    ck_assert(!vc_parse_number(no_numbers[_i], &value));
    ck_assert_double_eq(value, -1);
}
END_TEST

START_TEST(a_duration_is_gos_or_a_number_of_seconds)
{
    double value = -1;

    ck_assert(vc_parse_duration(durations[_i].text, &value));
    ck_assert_double_eq_tol(value, durations[_i].value, 1e-9);
}
END_TEST

START_TEST(any_other_text_is_no_duration)
{
    double value = -1;

    ck_assert(!vc_parse_duration(no_durations[_i], &value));
    ck_assert_double_eq(value, -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("setting_value");
    TCase *tests = tcase_create("text to values");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, the_words_of_vaults_own_client_are_true, 0, COUNT(yes));
    tcase_add_loop_test(tests, the_words_of_vaults_own_client_are_false, 0, COUNT(no));
    tcase_add_loop_test(tests, any_other_word_is_no_boolean, 0, COUNT(neither));
    tcase_add_loop_test(tests, a_number_is_digits_with_at_most_one_point, 0, COUNT(numbers));
    tcase_add_test(tests, a_number_written_in_17_digits_comes_back_as_itself);
    tcase_add_loop_test(tests, any_other_text_is_no_number, 0, COUNT(no_numbers));
    tcase_add_loop_test(tests, a_duration_is_gos_or_a_number_of_seconds, 0, COUNT(durations));
    tcase_add_loop_test(tests, any_other_text_is_no_duration, 0, COUNT(no_durations));

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
