/*
 * test_rate_limit.c - a token bucket as a table of times (rate_limit.h).
 */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "rate_limit.h"

#define START 1000000 /* any point in time */

START_TEST(a_burst_may_leave_at_once)
{
    struct vc_rate_limit limit;

    vc_rate_limit_init(&limit, 10, 3, START);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(vc_rate_limit_take(&limit, START), 0);
    ck_assert_int_gt(vc_rate_limit_take(&limit, START), 0);
}
END_TEST

START_TEST(the_wait_is_the_time_until_one_can_be_had)
{
    struct vc_rate_limit limit;

    vc_rate_limit_init(&limit, 10, 1, START);
    ck_assert_int_eq(vc_rate_limit_take(&limit, START), 0);
    ck_assert_int_eq(vc_rate_limit_take(&limit, START), 100);
    ck_assert_int_eq(vc_rate_limit_take(&limit, START + 60), 40);
    ck_assert_int_gt(vc_rate_limit_take(&limit, START + 99), 0);
    ck_assert_int_eq(vc_rate_limit_take(&limit, START + 100), 0);
}
END_TEST

START_TEST(a_wait_takes_nothing)
{
    struct vc_rate_limit limit;

    vc_rate_limit_init(&limit, 10, 1, START);
    vc_rate_limit_take(&limit, START);
    for (int i = 0; i < 50; i++)
        vc_rate_limit_take(&limit, START + 50);
    ck_assert_int_eq(vc_rate_limit_take(&limit, START + 100), 0);
}
END_TEST

/* At 1000 / _i per second; whoever asks meanwhile leaves dust of adding up behind. */
START_TEST(who_waits_as_told_never_waits_twice)
{
    struct vc_rate_limit limit;
    vc_msec now = START;

    vc_rate_limit_init(&limit, 1000.0 / _i, 1, now);
    for (int i = 0; i < 100; i++) {
        vc_msec wait = vc_rate_limit_take(&limit, now);

        for (vc_msec meanwhile = 1; meanwhile < wait; meanwhile++)
            ck_assert_int_gt(vc_rate_limit_take(&limit, now + meanwhile), 0);
        now += wait;
        if (wait > 0)
            ck_assert_int_eq(vc_rate_limit_take(&limit, now), 0);
    }
}
END_TEST

START_TEST(over_a_long_time_the_rate_is_what_was_asked_for)
{
    struct vc_rate_limit limit;
    int taken = 0;

    vc_rate_limit_init(&limit, 7, 1, START);
    for (vc_msec now = START + 1; now <= START + 100000; now++)
        if (vc_rate_limit_take(&limit, now) == 0)
            taken++;
    ck_assert_int_ge(taken, 699);
    ck_assert_int_le(taken, 702);
}
END_TEST

START_TEST(idle_time_saves_up_no_more_than_a_burst)
{
    struct vc_rate_limit limit;

    vc_rate_limit_init(&limit, 1000, 2, START);
    ck_assert_int_eq(vc_rate_limit_take(&limit, START + 3600000), 0);
    ck_assert_int_eq(vc_rate_limit_take(&limit, START + 3600000), 0);
    ck_assert_int_gt(vc_rate_limit_take(&limit, START + 3600000), 0);
}
END_TEST

START_TEST(a_clock_that_goes_backwards_gives_nothing)
{
    struct vc_rate_limit limit;

    vc_rate_limit_init(&limit, 10, 1, START);
    vc_rate_limit_take(&limit, START);
    ck_assert_int_eq(vc_rate_limit_take(&limit, START - 5000), 100);
    ck_assert_int_eq(vc_rate_limit_take(&limit, START + 50), 50);
}
END_TEST

START_TEST(a_senseless_rate_is_a_slow_one_not_none)
{
    struct vc_rate_limit limit;
    const double rates[] = {0, -5, NAN};

    vc_rate_limit_init(&limit, rates[_i], rates[_i], START);
    ck_assert_int_eq(vc_rate_limit_take(&limit, START), 0);
    ck_assert_int_gt(vc_rate_limit_take(&limit, START), 1000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rate_limit");
    TCase *tests = tcase_create("token bucket");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_burst_may_leave_at_once);
    tcase_add_test(tests, the_wait_is_the_time_until_one_can_be_had);
    tcase_add_test(tests, a_wait_takes_nothing);
    tcase_add_loop_test(tests, who_waits_as_told_never_waits_twice, 1, 50);
    tcase_add_test(tests, over_a_long_time_the_rate_is_what_was_asked_for);
    tcase_add_test(tests, idle_time_saves_up_no_more_than_a_burst);
    tcase_add_test(tests, a_clock_that_goes_backwards_gives_nothing);
    tcase_add_loop_test(tests, a_senseless_rate_is_a_slow_one_not_none, 0, 3);

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
