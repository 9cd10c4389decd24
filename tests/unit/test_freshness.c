/*
 * test_freshness.c - how long an answer of Vault's may be used (freshness.h).
 */
#include <check.h>
#include <stdlib.h>

#include "freshness.h"

#define TTL 300000
#define STALE 3600000
#define NEGATIVE 5000
#define READ_AT 1000000 /* when a read began */
#define TOOK 20         /* how long it took */
#define CAME_AT (READ_AT + TOOK)

static const struct freshness_settings usual = {
    .cache_ttl = TTL, .stale_limit = STALE, .negative_ttl = NEGATIVE};

static struct freshness_entry good(vc_msec lease)
{
    struct freshness_entry entry = {.outcome = VC_OK};

    freshness_record(&entry, &usual, VC_OK, READ_AT, CAME_AT, lease);
    return entry;
}

/* A good value, and an answer after it. */
static struct freshness_entry good_then(enum vc_code code, vc_msec at)
{
    struct freshness_entry entry = good(0);

    freshness_record(&entry, &usual, code, at - TOOK, at, 0);
    return entry;
}

/* Nothing before. */
static struct freshness_entry only(enum vc_code code)
{
    struct freshness_entry entry = {.outcome = VC_OK};

    freshness_record(&entry, &usual, code, READ_AT, CAME_AT, 0);
    return entry;
}

/* For one who has not asked yet, with Vault in reach as far as is known. */
static enum freshness_verdict at(const struct freshness_entry *entry, vc_msec now)
{
    return freshness_judge(entry, &usual, false, false, now);
}

static const enum vc_code outages[] = {VC_UNREACHABLE,  VC_TIMEOUT,    VC_TLS,
                                       VC_SEALED,       VC_NOT_ACTIVE, VC_NOT_INITIALIZED,
                                       VC_SERVER_ERROR, VC_BAD_REPLY,  VC_RATE_LIMITED};
static const enum vc_code finals[] = {
    VC_PERMISSION_DENIED, VC_NOT_FOUND,  VC_VERSION_DELETED, VC_VERSION_DESTROYED, VC_NO_MOUNT,
    VC_NO_NAMESPACE,      VC_KV_V1_PATH, VC_BAD_REQUEST,     VC_BAD_SECRET,        VC_BAD_TEMPLATE};
static const enum vc_code neithers[] = {VC_LOGIN_REFUSED,  VC_BAD_FILE,      VC_BAD_SETTING,
                                        VC_WRAPPING_SPENT, VC_TOKEN_INVALID, VC_INTERNAL};

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* ---- cache_ttl ---- */

START_TEST(a_value_is_served_until_cache_ttl_after_its_read_began)
{
    struct freshness_entry entry = good(0);

    ck_assert_int_eq(at(&entry, CAME_AT), FRESH_SERVE_VALUE);
    ck_assert_int_eq(at(&entry, READ_AT + TTL - 1), FRESH_SERVE_VALUE);
    ck_assert_int_eq(at(&entry, READ_AT + TTL), FRESH_ASK);
}
END_TEST

START_TEST(with_cache_ttl_0_each_reader_asks_and_gets_the_answer_to_his_question)
{
    struct freshness_settings settings = {.cache_ttl = 0, .stale_limit = 0, .negative_ttl = 0};
    struct freshness_entry entry = good(0);

    ck_assert_int_eq(freshness_judge(&entry, &settings, false, false, CAME_AT), FRESH_ASK);
    ck_assert_int_eq(freshness_judge(&entry, &settings, true, false, CAME_AT), FRESH_SERVE_VALUE);
}
END_TEST

START_TEST(a_shorter_cache_ttl_holds_for_what_is_cached_already)
{
    struct freshness_settings settings = {.cache_ttl = 1000, .stale_limit = STALE};
    struct freshness_entry entry = good(0);

    ck_assert_int_eq(freshness_judge(&entry, &settings, false, false, READ_AT + 1000), FRESH_ASK);
}
END_TEST

/* ---- outages ---- */

START_TEST(an_outage_does_not_end_a_value_within_cache_ttl)
{
    struct freshness_entry entry = good_then(outages[_i], READ_AT + 1000);

    ck_assert_int_eq(at(&entry, READ_AT + 2000), FRESH_SERVE_VALUE);
}
END_TEST

START_TEST(after_an_outage_the_old_value_is_served_without_asking_until_retry_at)
{
    struct freshness_entry entry = good_then(outages[_i], READ_AT + TTL + 1000);

    ck_assert_int_eq(at(&entry, entry.retry_at - 1), FRESH_SERVE_STALE);
    ck_assert_int_eq(at(&entry, entry.retry_at), FRESH_ASK);
}
END_TEST

START_TEST(who_waited_for_an_answer_gets_the_old_value_in_an_outage)
{
    struct freshness_entry entry = good_then(VC_SEALED, READ_AT + TTL + 1000);

    ck_assert_int_eq(freshness_judge(&entry, &usual, true, false, entry.retry_at + 1),
                     FRESH_SERVE_STALE);
}
END_TEST

START_TEST(while_vault_is_known_to_be_out_of_reach_nobody_waits_who_has_an_old_value)
{
    struct freshness_entry answered = good_then(VC_TIMEOUT, READ_AT + TTL + 1000);
    struct freshness_entry unasked = good(0);

    ck_assert_int_eq(freshness_judge(&answered, &usual, false, true, answered.retry_at + 60000),
                     FRESH_SERVE_STALE);
    ck_assert_int_eq(freshness_judge(&unasked, &usual, false, true, READ_AT + TTL + 1),
                     FRESH_SERVE_STALE);
}
END_TEST

START_TEST(an_old_value_is_served_until_stale_limit_after_its_last_good_read)
{
    struct freshness_entry entry = good_then(VC_UNREACHABLE, READ_AT + STALE - 10);

    ck_assert_int_eq(freshness_judge(&entry, &usual, true, true, READ_AT + STALE - 1),
                     FRESH_SERVE_STALE);
    ck_assert_int_eq(freshness_judge(&entry, &usual, true, true, READ_AT + STALE),
                     FRESH_SERVE_FAILURE);
    ck_assert_int_eq(freshness_judge(&entry, &usual, false, true, READ_AT + STALE), FRESH_ASK);
}
END_TEST

START_TEST(a_failure_beyond_stale_limit_ends_the_value)
{
    struct freshness_entry entry = good_then(VC_UNREACHABLE, READ_AT + STALE);

    ck_assert(!entry.has_value);
}
END_TEST

START_TEST(an_outage_with_nothing_to_carry_on_with_answers_only_who_asked_before_it_came)
{
    struct freshness_entry entry = only(outages[_i]);

    ck_assert_int_eq(freshness_judge(&entry, &usual, true, true, CAME_AT), FRESH_SERVE_FAILURE);
    ck_assert_int_eq(freshness_judge(&entry, &usual, false, true, CAME_AT), FRESH_ASK);
}
END_TEST

START_TEST(retries_come_after_half_a_second_to_five_seconds)
{
    struct freshness_entry entry = good(0);

    for (int i = 0; i < 300; i++) {
        freshness_record(&entry, &usual, VC_SEALED, READ_AT, CAME_AT, 0);
        ck_assert_int_ge(entry.retry_at, CAME_AT + 500);
        ck_assert_int_le(entry.retry_at, CAME_AT + 5000);
        if (i >= 3)
            ck_assert_int_ge(entry.retry_at, CAME_AT + 2500);
    }
}
END_TEST

START_TEST(a_good_read_forgets_the_outage)
{
    struct freshness_entry entry = good_then(VC_SEALED, READ_AT + TTL);

    freshness_record(&entry, &usual, VC_OK, READ_AT + TTL + 100, READ_AT + TTL + 120, 0);
    ck_assert_int_eq(entry.retry_at, 0);
    ck_assert_int_eq(entry.failures, 0);
    ck_assert_int_eq(at(&entry, READ_AT + 2 * TTL), FRESH_SERVE_VALUE);
}
END_TEST

/* ---- Vault's final answers ---- */

START_TEST(a_final_answer_ends_the_value_at_once)
{
    struct freshness_entry entry = good_then(finals[_i], READ_AT + 1000);

    ck_assert(!entry.has_value);
    ck_assert_int_eq(at(&entry, READ_AT + 1000), FRESH_SERVE_FAILURE);
}
END_TEST

START_TEST(a_final_answer_is_kept_for_negative_ttl)
{
    struct freshness_entry entry = only(finals[_i]);

    ck_assert_int_eq(at(&entry, CAME_AT + NEGATIVE - 1), FRESH_SERVE_FAILURE);
    ck_assert_int_eq(at(&entry, CAME_AT + NEGATIVE), FRESH_ASK);
}
END_TEST

START_TEST(an_outage_after_a_final_answer_brings_no_value_back)
{
    struct freshness_entry entry = good_then(VC_NOT_FOUND, READ_AT + 1000);

    freshness_record(&entry, &usual, VC_SEALED, READ_AT + 9000, READ_AT + 9001, 0);
    ck_assert_int_eq(freshness_judge(&entry, &usual, true, true, READ_AT + 9002),
                     FRESH_SERVE_FAILURE);
}
END_TEST

/* ---- failures that are neither ---- */

START_TEST(a_failed_login_does_not_end_a_value_within_cache_ttl)
{
    struct freshness_entry entry = good_then(neithers[_i], READ_AT + 1000);

    ck_assert_int_eq(at(&entry, READ_AT + TTL - 1), FRESH_SERVE_VALUE);
}
END_TEST

START_TEST(a_failed_login_does_not_prolong_a_value)
{
    struct freshness_entry entry = good_then(neithers[_i], READ_AT + TTL + 1);

    ck_assert_int_eq(at(&entry, READ_AT + TTL + 2), FRESH_SERVE_FAILURE);
    ck_assert_int_eq(at(&entry, READ_AT + TTL + 1 + NEGATIVE), FRESH_ASK);
}
END_TEST

/* ---- leases ---- */

START_TEST(a_value_is_never_served_beyond_its_lease)
{
    struct freshness_entry entry = good(1000);

    ck_assert_int_eq(at(&entry, CAME_AT + 999), FRESH_SERVE_VALUE);
    ck_assert_int_eq(at(&entry, CAME_AT + 1000), FRESH_ASK);
    ck_assert_int_eq(freshness_judge(&entry, &usual, true, true, CAME_AT + 1000), FRESH_ASK);
}
END_TEST

START_TEST(no_outage_prolongs_a_lease)
{
    struct freshness_entry entry = good(1000);

    freshness_record(&entry, &usual, VC_SEALED, CAME_AT + 500, CAME_AT + 501, 0);
    ck_assert_int_eq(freshness_judge(&entry, &usual, true, true, CAME_AT + 999), FRESH_SERVE_VALUE);
    ck_assert_int_eq(freshness_judge(&entry, &usual, true, true, CAME_AT + 1000),
                     FRESH_SERVE_FAILURE);
}
END_TEST

START_TEST(a_new_value_has_its_own_lease_or_none)
{
    struct freshness_entry entry = good(1000);

    freshness_record(&entry, &usual, VC_OK, READ_AT, CAME_AT, 0);
    ck_assert_int_eq(entry.lease_end, 0);
}
END_TEST

/* ---- refreshing ---- */

START_TEST(a_value_in_use_is_refreshed_shortly_before_its_end)
{
    struct freshness_entry entry = good(0);
    vc_msec used = READ_AT + 1000;

    ck_assert(!freshness_refresh_due(&entry, &usual, used, 0, READ_AT + TTL * 80 / 100 - 1));
    ck_assert(freshness_refresh_due(&entry, &usual, used, 0, READ_AT + TTL * 80 / 100));
}
END_TEST

START_TEST(refreshes_are_spread_and_come_before_the_end)
{
    struct freshness_entry entry = good(0);
    uint32_t latest = TTL * 10 / 100 - 1;
    vc_msec used = READ_AT + 1000;

    ck_assert(!freshness_refresh_due(&entry, &usual, used, latest, READ_AT + TTL * 80 / 100));
    for (uint32_t spread = 0; spread < 1000000; spread += 1009)
        ck_assert(freshness_refresh_due(&entry, &usual, used, spread, READ_AT + TTL * 90 / 100));
}
END_TEST

START_TEST(a_value_that_nobody_used_since_is_left_to_age)
{
    struct freshness_entry entry = good(0);

    ck_assert(!freshness_refresh_due(&entry, &usual, READ_AT, 0, READ_AT + TTL));
    ck_assert(!freshness_refresh_due(&entry, &usual, 0, 0, READ_AT + TTL));
}
END_TEST

START_TEST(a_short_lease_is_refreshed_before_it_ends)
{
    struct freshness_entry entry = good(10000);

    ck_assert(freshness_refresh_due(&entry, &usual, READ_AT + 1, 0, READ_AT + 9100));
}
END_TEST

START_TEST(in_an_outage_a_value_is_not_refreshed_before_retry_at)
{
    struct freshness_entry entry = good_then(VC_SEALED, READ_AT + TTL);
    vc_msec used = READ_AT + 1000;

    ck_assert(!freshness_refresh_due(&entry, &usual, used, 0, entry.retry_at - 1));
    ck_assert(freshness_refresh_due(&entry, &usual, used, 0, entry.retry_at));
}
END_TEST

START_TEST(a_failed_login_delays_the_next_refresh_by_negative_ttl)
{
    struct freshness_entry entry = good_then(VC_LOGIN_REFUSED, READ_AT + TTL);
    vc_msec used = READ_AT + 1000;

    ck_assert(!freshness_refresh_due(&entry, &usual, used, 0, READ_AT + TTL + NEGATIVE - 1));
    ck_assert(freshness_refresh_due(&entry, &usual, used, 0, READ_AT + TTL + NEGATIVE));
}
END_TEST

START_TEST(what_has_no_value_is_not_refreshed)
{
    struct freshness_entry entry = only(VC_NOT_FOUND);

    ck_assert(!freshness_refresh_due(&entry, &usual, CAME_AT + 1, 0, CAME_AT + TTL));
}
END_TEST

/* ---- wiping ---- */

START_TEST(a_value_is_wiped_after_stale_limit)
{
    struct freshness_entry entry = good(0);

    ck_assert(!freshness_over(&entry, &usual, READ_AT + STALE - 1));
    ck_assert(freshness_over(&entry, &usual, READ_AT + STALE));
}
END_TEST

START_TEST(a_stale_limit_below_cache_ttl_does_not_shorten_it)
{
    struct freshness_settings settings = {.cache_ttl = TTL, .stale_limit = 0};
    struct freshness_entry entry = good(0);

    ck_assert(!freshness_over(&entry, &settings, READ_AT + TTL - 1));
    ck_assert(freshness_over(&entry, &settings, READ_AT + TTL));
}
END_TEST

START_TEST(a_value_is_wiped_at_the_end_of_its_lease)
{
    struct freshness_entry entry = good(60000);

    ck_assert(!freshness_over(&entry, &usual, CAME_AT + 59999));
    ck_assert(freshness_over(&entry, &usual, CAME_AT + 60000));
}
END_TEST

START_TEST(a_final_answer_is_wiped_after_negative_ttl)
{
    struct freshness_entry entry = only(VC_NOT_FOUND);

    ck_assert(!freshness_over(&entry, &usual, CAME_AT + NEGATIVE - 1));
    ck_assert(freshness_over(&entry, &usual, CAME_AT + NEGATIVE));
}
END_TEST

START_TEST(a_failure_stays_long_enough_for_those_who_wait_for_it)
{
    struct freshness_settings settings = {.cache_ttl = 0, .stale_limit = 0, .negative_ttl = 0};
    struct freshness_entry entry = only(VC_SEALED);

    ck_assert(!freshness_over(&entry, &settings, CAME_AT + 500));
    ck_assert(freshness_over(&entry, &settings, CAME_AT + 10000));
}
END_TEST

/* ---- kinds of outcomes ---- */

START_TEST(only_a_failure_of_vault_as_a_whole_counts_as_its_outage)
{
    ck_assert(freshness_code_is_outage_of_all(VC_SEALED));
    ck_assert(freshness_code_is_outage_of_all(VC_UNREACHABLE));
    ck_assert(!freshness_code_is_outage_of_all(VC_SERVER_ERROR));
    ck_assert(!freshness_code_is_outage_of_all(VC_BAD_REPLY));
    ck_assert(!freshness_code_is_outage_of_all(VC_RATE_LIMITED));
    ck_assert(!freshness_code_is_outage_of_all(VC_OK));
}
END_TEST

START_TEST(an_answer_from_vault_shows_that_it_is_there)
{
    ck_assert(freshness_code_shows_vault(VC_OK));
    ck_assert(freshness_code_shows_vault(VC_NOT_FOUND));
    ck_assert(freshness_code_shows_vault(VC_LOGIN_REFUSED));
    ck_assert(!freshness_code_shows_vault(VC_BAD_FILE));
    ck_assert(!freshness_code_shows_vault(VC_SERVER_ERROR));
    ck_assert(!freshness_code_shows_vault(VC_SEALED));
    ck_assert(!freshness_code_shows_vault(VC_CANCELLED));
}
END_TEST

static TCase *values(void)
{
    TCase *tests = tcase_create("values, leases, refreshing, wiping");

    tcase_add_test(tests, a_value_is_served_until_cache_ttl_after_its_read_began);
    tcase_add_test(tests, with_cache_ttl_0_each_reader_asks_and_gets_the_answer_to_his_question);
    tcase_add_test(tests, a_shorter_cache_ttl_holds_for_what_is_cached_already);
    tcase_add_test(tests, a_value_is_never_served_beyond_its_lease);
    tcase_add_test(tests, no_outage_prolongs_a_lease);
    tcase_add_test(tests, a_new_value_has_its_own_lease_or_none);
    tcase_add_test(tests, a_value_in_use_is_refreshed_shortly_before_its_end);
    tcase_add_test(tests, refreshes_are_spread_and_come_before_the_end);
    tcase_add_test(tests, a_value_that_nobody_used_since_is_left_to_age);
    tcase_add_test(tests, a_short_lease_is_refreshed_before_it_ends);
    tcase_add_test(tests, in_an_outage_a_value_is_not_refreshed_before_retry_at);
    tcase_add_test(tests, a_failed_login_delays_the_next_refresh_by_negative_ttl);
    tcase_add_test(tests, what_has_no_value_is_not_refreshed);
    tcase_add_test(tests, a_value_is_wiped_after_stale_limit);
    tcase_add_test(tests, a_stale_limit_below_cache_ttl_does_not_shorten_it);
    tcase_add_test(tests, a_value_is_wiped_at_the_end_of_its_lease);
    tcase_add_test(tests, a_final_answer_is_wiped_after_negative_ttl);
    tcase_add_test(tests, a_failure_stays_long_enough_for_those_who_wait_for_it);
    return tests;
}

static TCase *failures(void)
{
    TCase *tests = tcase_create("outages, final answers, failed logins");

    tcase_add_loop_test(tests, an_outage_does_not_end_a_value_within_cache_ttl, 0, COUNT(outages));
    tcase_add_loop_test(tests,
                        after_an_outage_the_old_value_is_served_without_asking_until_retry_at, 0,
                        COUNT(outages));
    tcase_add_test(tests, who_waited_for_an_answer_gets_the_old_value_in_an_outage);
    tcase_add_test(tests,
                   while_vault_is_known_to_be_out_of_reach_nobody_waits_who_has_an_old_value);
    tcase_add_test(tests, an_old_value_is_served_until_stale_limit_after_its_last_good_read);
    tcase_add_test(tests, a_failure_beyond_stale_limit_ends_the_value);
    tcase_add_loop_test(
        tests, an_outage_with_nothing_to_carry_on_with_answers_only_who_asked_before_it_came, 0,
        COUNT(outages));
    tcase_add_test(tests, retries_come_after_half_a_second_to_five_seconds);
    tcase_add_test(tests, a_good_read_forgets_the_outage);
    tcase_add_loop_test(tests, a_final_answer_ends_the_value_at_once, 0, COUNT(finals));
    tcase_add_loop_test(tests, a_final_answer_is_kept_for_negative_ttl, 0, COUNT(finals));
    tcase_add_test(tests, an_outage_after_a_final_answer_brings_no_value_back);
    tcase_add_loop_test(tests, a_failed_login_does_not_end_a_value_within_cache_ttl, 0,
                        COUNT(neithers));
    tcase_add_loop_test(tests, a_failed_login_does_not_prolong_a_value, 0, COUNT(neithers));
    tcase_add_test(tests, only_a_failure_of_vault_as_a_whole_counts_as_its_outage);
    tcase_add_test(tests, an_answer_from_vault_shows_that_it_is_there);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("freshness");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, values());
    suite_add_tcase(suite, failures());

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
