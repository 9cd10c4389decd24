/*
 * test_retry.c - what may be sent again, to whom, and when (retry.h).
 */
#include <check.h>
#include <stdlib.h>

#include "retry.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

static const struct vc_request read_request = {.method = VC_GET, .repeatable = true};
static const struct vc_request write_request = {.method = VC_POST};
static const struct vc_request login_request = {.method = VC_POST, .login = true};

enum kind { READ, WRITE, LOGIN };

static const struct vc_request *request_of(enum kind kind)
{
    if (kind == READ)
        return &read_request;
    return kind == WRITE ? &write_request : &login_request;
}

static struct vc_retry decide(enum kind kind, enum vc_code code, bool sent, unsigned untried)
{
    struct vc_error outcome = {.code = code};

    return vc_retry_decide(request_of(kind), &outcome, sent, -1, 1, 2, untried);
}

struct retry_case {
    enum vc_code code;
    bool sent;
    /* with another address untried, and with none */
    enum vc_retry_kind read[2], write[2], login[2];
};

#define NO VC_RETRY_NO
#define NEXT VC_RETRY_NEXT_ADDRESS
#define SAME VC_RETRY_SAME

static const struct retry_case cases[] = {
    /* nothing left this machine: anything may be tried again */
    {VC_UNREACHABLE, false, {NEXT, NEXT}, {NEXT, NEXT}, {NEXT, NEXT}},
    {VC_TIMEOUT, false, {NEXT, NEXT}, {NEXT, NEXT}, {NEXT, NEXT}},
    {VC_TLS, false, {NEXT, NO}, {NEXT, NO}, {NEXT, NO}},
    /* it may have arrived: only what does no harm twice */
    {VC_UNREACHABLE, true, {NEXT, NEXT}, {NO, NO}, {NO, NO}},
    {VC_TIMEOUT, true, {NEXT, NEXT}, {NO, NO}, {NO, NO}},
    {VC_BAD_REPLY, true, {NEXT, NEXT}, {NO, NO}, {NO, NO}},
    {VC_REPLY_TOO_LARGE, true, {NEXT, NO}, {NO, NO}, {NO, NO}},
    {VC_SERVER_ERROR, true, {NEXT, NEXT}, {NO, NO}, {NO, NO}},
    /* Vault said that it did nothing */
    {VC_SEALED, true, {NEXT, NEXT}, {NEXT, NEXT}, {NEXT, NO}},
    {VC_NOT_INITIALIZED, true, {NEXT, NO}, {NEXT, NO}, {NEXT, NO}},
    {VC_NOT_ACTIVE, true, {NEXT, NEXT}, {NEXT, NEXT}, {NO, NO}},
    {VC_RATE_LIMITED, true, {SAME, SAME}, {SAME, SAME}, {NO, NO}},
    {VC_REDIRECT_REFUSED, true, {NEXT, NO}, {NEXT, NO}, {NO, NO}},
    /* answers, and what is wrong here */
    {VC_OK, true, {NO, NO}, {NO, NO}, {NO, NO}},
    {VC_PERMISSION_DENIED, true, {NO, NO}, {NO, NO}, {NO, NO}},
    {VC_NOT_FOUND, true, {NO, NO}, {NO, NO}, {NO, NO}},
    {VC_VERSION_DELETED, true, {NO, NO}, {NO, NO}, {NO, NO}},
    {VC_CAS_MISMATCH, true, {NO, NO}, {NO, NO}, {NO, NO}},
    {VC_BAD_REQUEST, true, {NO, NO}, {NO, NO}, {NO, NO}},
    {VC_LOGIN_REFUSED, true, {NO, NO}, {NO, NO}, {NO, NO}},
    {VC_LOGIN_LOCKED, true, {NO, NO}, {NO, NO}, {NO, NO}},
    {VC_WRAPPING_SPENT, true, {NO, NO}, {NO, NO}, {NO, NO}},
    {VC_NO_MEMORY, false, {NO, NO}, {NO, NO}, {NO, NO}},
    {VC_CANCELLED, false, {NO, NO}, {NO, NO}, {NO, NO}},
    {VC_BAD_SETTING, false, {NO, NO}, {NO, NO}, {NO, NO}},
    {VC_INTERNAL, false, {NO, NO}, {NO, NO}, {NO, NO}},
};

START_TEST(each_outcome_says_for_each_kind_of_request_who_may_be_asked_again)
{
    const struct retry_case *row = &cases[_i];

    for (unsigned i = 0; i < 2; i++) {
        unsigned untried = i == 0 ? 1 : 0;

        ck_assert_int_eq(decide(READ, row->code, row->sent, untried).kind, row->read[i]);
        ck_assert_int_eq(decide(WRITE, row->code, row->sent, untried).kind, row->write[i]);
        ck_assert_int_eq(decide(LOGIN, row->code, row->sent, untried).kind, row->login[i]);
    }
}
END_TEST

START_TEST(no_login_that_may_have_arrived_is_sent_to_a_vault_that_could_look_at_it)
{
    for (int code = 0; code <= VC_BAD_TEMPLATE; code++) {
        if (code == VC_SEALED || code == VC_NOT_INITIALIZED)
            continue;
        for (unsigned untried = 0; untried < 8; untried++)
            ck_assert_int_eq(decide(LOGIN, (enum vc_code)code, true, untried).kind, VC_RETRY_NO);
    }
}
END_TEST

START_TEST(another_address_is_asked_at_once_and_in_the_same_round)
{
    struct vc_error outcome = {.code = VC_UNREACHABLE};
    struct vc_retry retry = vc_retry_decide(&read_request, &outcome, false, -1, 3, 2, 1);

    ck_assert_int_eq(retry.kind, VC_RETRY_NEXT_ADDRESS);
    ck_assert_int_eq(retry.wait, 0);
}
END_TEST

START_TEST(a_lagging_standby_is_left_at_once)
{
    struct vc_retry retry = decide(READ, VC_NOT_ACTIVE, true, 1);

    ck_assert_int_eq(retry.kind, VC_RETRY_NEXT_ADDRESS);
    ck_assert_int_eq(retry.wait, 0);
}
END_TEST

START_TEST(when_all_were_asked_there_is_a_wait)
{
    ck_assert_int_eq(decide(READ, VC_UNREACHABLE, true, 0).wait, VC_RETRY_WAIT_MIN);
}
END_TEST

START_TEST(the_wait_doubles_up_to_its_limit)
{
    struct vc_error outcome = {.code = VC_SERVER_ERROR};
    vc_msec last = VC_RETRY_WAIT_MIN / 2;

    for (unsigned attempt = 1; attempt < 100; attempt++) {
        struct vc_retry retry =
            vc_retry_decide(&read_request, &outcome, true, -1, attempt, 1000, 0);
        vc_msec expected = last * 2 > VC_RETRY_WAIT_MAX ? VC_RETRY_WAIT_MAX : last * 2;

        ck_assert_int_eq(retry.wait, expected);
        last = retry.wait;
    }
}
END_TEST

START_TEST(the_rounds_are_counted)
{
    struct vc_error outcome = {.code = VC_SERVER_ERROR};

    ck_assert_int_eq(vc_retry_decide(&read_request, &outcome, true, -1, 1, 2, 0).kind, NEXT);
    ck_assert_int_eq(vc_retry_decide(&read_request, &outcome, true, -1, 2, 2, 0).kind, NEXT);
    ck_assert_int_eq(vc_retry_decide(&read_request, &outcome, true, -1, 3, 2, 0).kind, NO);
    ck_assert_int_eq(vc_retry_decide(&read_request, &outcome, true, -1, 1, 0, 0).kind, NO);
}
END_TEST

START_TEST(a_quota_is_waited_for_even_when_another_address_is_untried)
{
    struct vc_error outcome = {.code = VC_RATE_LIMITED};
    struct vc_retry retry = vc_retry_decide(&read_request, &outcome, true, 4, 1, 2, 3);

    ck_assert_int_eq(retry.kind, VC_RETRY_SAME);
    ck_assert_int_eq(retry.wait, 4000);
}
END_TEST

struct retry_after_case {
    long seconds;
    vc_msec wait;
};

static const struct retry_after_case retry_afters[] = {
    {-1, VC_RETRY_WAIT_MIN},
    {0, VC_RETRY_WAIT_MIN},
    {1, 1000},
    {9, 9000},
    {60, 60000},
    {61, 60000},
    {3600, 60000},
    {9223372036854775807L, 60000},
    {-9223372036854775807L, VC_RETRY_WAIT_MIN},
};

START_TEST(retry_after_is_honoured_up_to_its_limit)
{
    struct vc_error outcome = {.code = VC_RATE_LIMITED};
    struct vc_retry retry =
        vc_retry_decide(&read_request, &outcome, true, retry_afters[_i].seconds, 1, 2, 0);

    ck_assert_int_eq(retry.wait, retry_afters[_i].wait);
}
END_TEST

START_TEST(a_quota_is_not_asked_again_without_end)
{
    struct vc_error outcome = {.code = VC_RATE_LIMITED};

    ck_assert_int_eq(vc_retry_decide(&read_request, &outcome, true, 4, 3, 2, 0).kind, NO);
}
END_TEST

static void add_table(TCase *tests, const TTest *test, int count)
{
    tcase_add_loop_test(tests, test, 0, count);
}

int main(void)
{
    Suite *suite = suite_create("retry");
    TCase *tests = tcase_create("what may be sent again");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    add_table(tests, each_outcome_says_for_each_kind_of_request_who_may_be_asked_again,
              COUNT(cases));
    tcase_add_test(tests, no_login_that_may_have_arrived_is_sent_to_a_vault_that_could_look_at_it);
    tcase_add_test(tests, another_address_is_asked_at_once_and_in_the_same_round);
    tcase_add_test(tests, a_lagging_standby_is_left_at_once);
    tcase_add_test(tests, when_all_were_asked_there_is_a_wait);
    tcase_add_test(tests, the_wait_doubles_up_to_its_limit);
    tcase_add_test(tests, the_rounds_are_counted);
    tcase_add_test(tests, a_quota_is_waited_for_even_when_another_address_is_untried);
    add_table(tests, retry_after_is_honoured_up_to_its_limit, COUNT(retry_afters));
    tcase_add_test(tests, a_quota_is_not_asked_again_without_end);

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
