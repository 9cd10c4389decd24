/*
 * test_monotonic.c - the clock for ages, and jitter (monotonic.h).
 */
#include <check.h>
#include <stdlib.h>
#include <time.h>

#include "monotonic.h"

/* ms: CONFIG_HZ is 100 at least. */
#define TICK_MAX 10

START_TEST(the_clock_is_the_one_that_counts_sleep_in_milliseconds)
{
    struct timespec before, after;
    vc_msec now;

    clock_gettime(CLOCK_BOOTTIME, &before);
    now = vc_now();
    clock_gettime(CLOCK_BOOTTIME, &after);
    ck_assert_int_ge(now, (vc_msec)before.tv_sec * 1000 + before.tv_nsec / 1000000);
    ck_assert_int_le(now, (vc_msec)after.tv_sec * 1000 + after.tv_nsec / 1000000);
}
END_TEST

START_TEST(the_coarse_clock_is_at_most_a_tick_behind_and_never_ahead)
{
    /* Long enough for several ticks of the kernel. */
    vc_msec until = vc_now() + 100, last = 0;

    while (vc_now() < until) {
        vc_msec before = vc_now(), now = vc_now_coarse();

        ck_assert_int_le(now, vc_now());
        ck_assert_int_ge(now, before - TICK_MAX);
        ck_assert_int_ge(now, last);
        last = now;
    }
}
END_TEST

START_TEST(jitter_reaches_both_its_bounds_and_nothing_beyond)
{
    int seen[3] = {0};

    for (int i = 0; i < 1000; i++) {
        vc_msec value = vc_jitter(-1, 1);

        ck_assert_int_ge(value, -1);
        ck_assert_int_le(value, 1);
        seen[value + 1]++;
    }
    for (int i = 0; i < 3; i++)
        ck_assert_int_gt(seen[i], 100);
}
END_TEST

START_TEST(jitter_without_room_is_its_lower_bound)
{
    ck_assert_int_eq(vc_jitter(5, 5), 5);
    ck_assert_int_eq(vc_jitter(7, 3), 7);
}
END_TEST

START_TEST(jitter_over_the_whole_range_of_the_type_is_no_overflow)
{
    vc_jitter(INT64_MIN, INT64_MAX);
    ck_assert_int_ge(vc_jitter(0, INT64_MAX), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("monotonic");
    TCase *tests = tcase_create("clock and jitter");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, the_clock_is_the_one_that_counts_sleep_in_milliseconds);
    tcase_add_test(tests, the_coarse_clock_is_at_most_a_tick_behind_and_never_ahead);
    tcase_add_test(tests, jitter_reaches_both_its_bounds_and_nothing_beyond);
    tcase_add_test(tests, jitter_without_room_is_its_lower_bound);
    tcase_add_test(tests, jitter_over_the_whole_range_of_the_type_is_no_overflow);

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
