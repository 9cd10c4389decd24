/*
 * test_vault_health.c - what sys/health and sys/seal-status say (vault_health.h).
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "recorded_reply.h"
#include "vault_health.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

static struct vc_reply reply;
static struct vc_error err;

static void set_up(void)
{
    vc_json_use_wiping_hooks();
    vc_error_clear(&err);
}

static void tear_down(void)
{
    vc_reply_free(&reply);
}

struct health_case {
    long status;
    const char *body;
    enum vc_health health;
};

#define REPLICATION(dr)                                                                            \
    "\"replication_performance_mode\":\"disabled\",\"replication_dr_mode\":\"" dr "\","            \
    "\"server_time_utc\":1795410258,\"version\":\"2.7.2\""
#define BAO(initialized, sealed, standby)                                                          \
    "{\"initialized\":" initialized ",\"sealed\":" sealed ",\"standby\":" standby                  \
    "," REPLICATION("disabled") "}\n"
#define HASHICORP(standby, performance, dr)                                                        \
    "{\"initialized\":true,\"sealed\":false,\"standby\":" standby                                  \
    ",\"performance_standby\":" performance                                                        \
    "," REPLICATION(dr) ",\"enterprise\":true,"                                                    \
                        "\"echo_duration_ms\":1,\"clock_skew_ms\":0}"

static const struct health_case healths[] = {
    /* OpenBao 2.7.2, recorded */
    {200, BAO("true", "false", "false"), VC_HEALTH_ACTIVE},
    {429, BAO("true", "false", "true"), VC_HEALTH_STANDBY},
    {501, BAO("false", "true", "true"), VC_HEALTH_NOT_INITIALIZED},
    {503, BAO("true", "true", "true"), VC_HEALTH_SEALED},
    /* HashiCorp Vault's documentation */
    {200, HASHICORP("false", "false", "disabled"), VC_HEALTH_ACTIVE},
    {429, HASHICORP("true", "false", "disabled"), VC_HEALTH_STANDBY},
    {472, HASHICORP("true", "false", "secondary"), VC_HEALTH_DR_SECONDARY},
    {473, HASHICORP("true", "true", "disabled"), VC_HEALTH_PERFORMANCE_STANDBY},
    {474, HASHICORP("true", "false", "disabled"), VC_HEALTH_STANDBY},
    /* ?standbyok, or a proxy that changes codes: the body tells */
    {200, BAO("true", "false", "true"), VC_HEALTH_STANDBY},
    {200, BAO("true", "true", "true"), VC_HEALTH_SEALED},
    /* HEAD: the code tells */
    {200, "", VC_HEALTH_ACTIVE},
    {429, "", VC_HEALTH_STANDBY},
    {472, "", VC_HEALTH_DR_SECONDARY},
    {473, "", VC_HEALTH_PERFORMANCE_STANDBY},
    {474, "", VC_HEALTH_STANDBY},
    {501, "", VC_HEALTH_NOT_INITIALIZED},
    {503, "", VC_HEALTH_SEALED},
};

START_TEST(the_body_tells_and_the_code_where_there_is_none)
{
    enum vc_health health;

    recorded(&reply, healths[_i].status, healths[_i].body);
    ck_assert_msg(vc_health_read(&reply, &health, &err) == VC_OK, "%s", err.message);
    ck_assert_str_eq(vc_health_text(health), vc_health_text(healths[_i].health));
}
END_TEST

struct unusable_case {
    long status;
    const char *body;
    enum vc_code code;
};

static const struct unusable_case unusable[] = {
    {400, REPLY_ERRORS("\"operation unavailable in namespaces\""), VC_BAD_REQUEST},
    {500, BAO("true", "false", "false"), VC_SERVER_ERROR},
    {502, "<html>", VC_SERVER_ERROR},
    {503, "<html>", VC_SERVER_ERROR},
    {530, HASHICORP("false", "false", "disabled"), VC_SERVER_ERROR},
    {307, "", VC_REDIRECT_REFUSED},
    {204, "", VC_BAD_REPLY},
    {200, "{}", VC_BAD_REPLY},
    {200, "[]", VC_BAD_REPLY},
    {200, "{\"initialized\":true,\"sealed\":false}", VC_BAD_REPLY},
    {200, "{\"initialized\":true,\"sealed\":\"no\",\"standby\":false}", VC_BAD_REPLY},
    {200, "{\"initialized\":1,\"sealed\":false,\"standby\":false}", VC_BAD_REPLY},
};

START_TEST(any_other_reply_says_nothing_of_health)
{
    enum vc_health health;

    recorded(&reply, unusable[_i].status, unusable[_i].body);
    ck_assert_int_eq(vc_health_read(&reply, &health, &err), unusable[_i].code);
    ck_assert_int_eq(err.code, unusable[_i].code);
    ck_assert_int_eq(health, VC_HEALTH_UNKNOWN);
}
END_TEST

START_TEST(active_and_every_kind_of_standby_are_alive)
{
    ck_assert(vc_health_alive(VC_HEALTH_ACTIVE));
    ck_assert(vc_health_alive(VC_HEALTH_STANDBY));
    ck_assert(vc_health_alive(VC_HEALTH_PERFORMANCE_STANDBY));
    ck_assert(vc_health_alive(VC_HEALTH_DR_SECONDARY));
    ck_assert(!vc_health_alive(VC_HEALTH_SEALED));
    ck_assert(!vc_health_alive(VC_HEALTH_NOT_INITIALIZED));
    ck_assert(!vc_health_alive(VC_HEALTH_UNKNOWN));
}
END_TEST

START_TEST(health_and_seal_status_are_asked_without_token_and_namespace)
{
    struct vc_request request;

    vc_request_init(&request, &vc_wiping_allocator);
    vc_health_request(&request);
    ck_assert_int_eq(request.method, VC_GET);
    ck_assert_str_eq(request.path, "/v1/sys/health");
    ck_assert(!request.with_token && !request.with_namespace && request.repeatable);
    vc_seal_status_request(&request);
    ck_assert_str_eq(request.path, "/v1/sys/seal-status");
    ck_assert(!request.with_token && !request.with_namespace && request.repeatable);
    vc_request_free(&request);
}
END_TEST

/* OpenBao 2.7.2, recorded */
#define SEAL_STATUS(initialized, sealed, t, n, progress)                                           \
    "{\"type\":\"shamir\",\"initialized\":" initialized ",\"sealed\":" sealed ",\"t\":" t          \
    ",\"n\":" n ",\"progress\":" progress ",\"nonce\":\"\",\"recovery_seal\":false,"               \
    "\"version\":\"2.7.2\",\"migration\":false,\"storage_type\":\"inmem\"}\n"

START_TEST(a_seal_status_gives_shares_and_progress)
{
    struct vc_seal_status status;

    recorded(&reply, 200, SEAL_STATUS("true", "true", "3", "5", "2"));
    ck_assert_int_eq(vc_seal_status_read(&reply, &status, &err), VC_OK);
    ck_assert(status.initialized && status.sealed);
    ck_assert_int_eq(status.threshold, 3);
    ck_assert_int_eq(status.shares, 5);
    ck_assert_int_eq(status.progress, 2);
}
END_TEST

START_TEST(an_uninitialised_vault_has_no_shares)
{
    struct vc_seal_status status;

    recorded(&reply, 200, SEAL_STATUS("false", "true", "0", "0", "0"));
    ck_assert_int_eq(vc_seal_status_read(&reply, &status, &err), VC_OK);
    ck_assert(!status.initialized && status.sealed);
    ck_assert_int_eq(status.shares, 0);
}
END_TEST

static const struct unusable_case seal_unusable[] = {
    {200, "", VC_BAD_REPLY},
    {200, SEAL_STATUS("true", "false", "1", "256", "0"), VC_BAD_REPLY},
    {200, SEAL_STATUS("true", "false", "-1", "1", "0"), VC_BAD_REPLY},
    {200, SEAL_STATUS("true", "null", "1", "1", "0"), VC_BAD_REPLY},
    {400, REPLY_ERRORS("\"server is not yet initialized\""), VC_BAD_REQUEST},
    {503, "<html>", VC_SERVER_ERROR},
};

START_TEST(without_a_usable_seal_status_it_counts_as_sealed)
{
    struct vc_seal_status status;

    recorded(&reply, seal_unusable[_i].status, seal_unusable[_i].body);
    ck_assert_int_eq(vc_seal_status_read(&reply, &status, &err), seal_unusable[_i].code);
    ck_assert(status.sealed);
}
END_TEST

static void add_table(TCase *tests, const TTest *test, int count)
{
    tcase_add_loop_test(tests, test, 0, count);
}

int main(void)
{
    Suite *suite = suite_create("vault_health");
    TCase *tests = tcase_create("health and seal status");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    add_table(tests, the_body_tells_and_the_code_where_there_is_none, COUNT(healths));
    add_table(tests, any_other_reply_says_nothing_of_health, COUNT(unusable));
    tcase_add_test(tests, active_and_every_kind_of_standby_are_alive);
    tcase_add_test(tests, health_and_seal_status_are_asked_without_token_and_namespace);
    tcase_add_test(tests, a_seal_status_gives_shares_and_progress);
    tcase_add_test(tests, an_uninitialised_vault_has_no_shares);
    add_table(tests, without_a_usable_seal_status_it_counts_as_sealed, COUNT(seal_unusable));

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
