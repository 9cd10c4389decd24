/*
 * test_vault_client.c - operations on a real OpenBao: what they give, and what they say when they
 * cannot (vault_client.h).
 */
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client_harness.h"
#include "real_vault.h"

static struct real_vault vault;
static char role_id[ID_SIZE], secret_id[ID_SIZE];

static void start_server(void)
{
    real_vault_start(&vault, "--audit");
    real_vault_furnish(&vault);
    real_vault_role(&vault, "app", "", role_id, secret_id);
    real_vault_do(&vault, "POST", "secret/data/app/versions", "{\"data\":{\"x\":\"first\"}}");
    real_vault_do(&vault, "POST", "secret/data/app/versions", "{\"data\":{\"x\":\"second\"}}");
    real_vault_do(&vault, "POST", "secret/data/app/deleted", "{\"data\":{\"x\":\"1\"}}");
    real_vault_do(&vault, "DELETE", "secret/data/app/deleted", NULL);
    real_vault_do(&vault, "POST", "secret/data/app/destroyed", "{\"data\":{\"x\":\"1\"}}");
    real_vault_do(&vault, "PUT", "secret/destroy/app/destroyed", "{\"versions\":[1]}");
    real_vault_do(&vault, "POST", "secret/data/other/a", "{\"data\":{\"x\":\"1\"}}");
}

static void stop_server(void)
{
    real_vault_stop(&vault);
}

static void set_up(void)
{
    /* A test that failed halfway must not fail the next ones. */
    real_vault_status(&vault, "DELETE", "sys/quotas/rate-limit/tight", NULL, NULL);
    harness_set_up(vault.address);
    set("role_id", role_id);
    set("secret_id", secret_id);
    configure();
}

static void expect(enum vc_code code)
{
    ck_assert_msg(outcome.err.code == code, "%d (%s): %s", outcome.err.code,
                  vc_code_text(outcome.err.code), outcome.err.message);
}

static void as_root(void)
{
    set("auth_method", "token");
    set("token", vault.token);
    configure();
}

static void expect_words(const char *words)
{
    ck_assert_msg(strstr(outcome.err.message, words) != NULL, "%s", outcome.err.message);
}

/* ---- reading ---- */

START_TEST(the_newest_version_is_read)
{
    read_secret("app/versions");
    expect(VC_OK);
    ck_assert_str_eq(outcome.value, "second");
    ck_assert_int_eq(outcome.version, 2);
}
END_TEST

START_TEST(a_version_is_read_where_one_is_named)
{
    ck_assert_ptr_nonnull(vc_client_read(client, "app/versions", 1, 0, on_secret, NULL));
    wait_for_one();
    expect(VC_OK);
    ck_assert_str_eq(outcome.value, "first");
}
END_TEST

static const struct {
    const char *path;
    enum vc_code code;
} absences[] = {
    {"app/missing", VC_NOT_FOUND},
    {"app/deleted", VC_VERSION_DELETED},
    {"app/destroyed", VC_VERSION_DESTROYED},
};

START_TEST(each_kind_of_absence_is_an_error_of_its_own)
{
    read_secret(absences[_i].path);
    expect(absences[_i].code);
    expect_words(absences[_i].path);
}
END_TEST

START_TEST(a_mount_that_is_not_there_is_said_so)
{
    set("kv_mount", "nowhere");
    as_root();
    read_secret("app/a");
    expect(VC_NO_MOUNT);
}
END_TEST

START_TEST(a_mount_that_is_no_key_value_store_is_said_so)
{
    set("kv_mount", "sys");
    as_root();
    read_secret("app/a");
    ck_assert_int_ne(outcome.err.code, VC_OK);
    set("kv_mount", "cubbyhole");
    as_root();
    write_secret("app/a", "{\"x\":\"1\"}", -1);
    expect(VC_NO_MOUNT);
    expect_words("no key/value store");
}
END_TEST

START_TEST(an_unknown_namespace_is_said_so)
{
    set("namespace", "nobody");
    as_root();
    read_secret("app/a");
    expect(VC_NO_NAMESPACE);
}
END_TEST

START_TEST(a_namespace_is_searched_where_one_is_set)
{
    real_vault_status(&vault, "POST", "sys/namespaces/team", "{}", NULL);
    real_vault_do(&vault, "POST", "team/sys/mounts/secret",
                  "{\"type\":\"kv\",\"options\":{\"version\":\"2\"}}");
    for (int i = 0; i < 100; i++)
        if (real_vault_status(&vault, "POST", "team/secret/data/app/a",
                              "{\"data\":{\"x\":\"team's\"}}", NULL) == 200)
            break;
    set("namespace", "team");
    as_root();
    read_secret("app/a");
    expect(VC_OK);
    ck_assert_str_eq(outcome.value, "team's");
}
END_TEST

START_TEST(a_path_that_is_no_path_fails_through_the_callback_and_asks_nobody)
{
    char path[VC_PATH_MAX + 64];

    log_in();
    read_secret("../../sys/mounts");
    expect(VC_BAD_NAME);
    read_secret("app/%2e%2e/a");
    expect(VC_BAD_NAME);
    snprintf(path, sizeof(path), "%0*d", VC_PATH_MAX + 40, 7);
    read_secret(path);
    expect(VC_BAD_NAME);
    ck_assert_uint_eq(status_now().requests, 1);
}
END_TEST

/* ---- KV version 1 ---- */

START_TEST(a_v1_mount_is_found_out_once)
{
    unsigned long before;

    set("kv_mount", "kv1");
    configure();
    read_secret("a");
    expect(VC_OK);
    ck_assert_str_eq(outcome.value, "1");
    before = status_now().requests;
    read_secret("a");
    read_secret("missing");
    expect(VC_NOT_FOUND);
    ck_assert_uint_eq(status_now().requests - before, 2);
}
END_TEST

START_TEST(a_v2_mount_costs_no_question_until_something_is_missing)
{
    read_secret("app/a");
    ck_assert_uint_eq(status_now().requests, 2);
    read_secret("app/missing");
    ck_assert_uint_eq(status_now().requests, 3);
}
END_TEST

START_TEST(a_first_write_to_a_v1_mount_lands_where_it_belongs)
{
    set("kv_mount", "kv1");
    configure();
    write_secret("written", "{\"x\":\"w\"}", -1);
    expect(VC_OK);
    ck_assert_int_eq(real_vault_status(&vault, "GET", "kv1/written", NULL, NULL), 200);
    ck_assert_int_eq(real_vault_status(&vault, "GET", "kv1/data/written", NULL, NULL), 404);
}
END_TEST

START_TEST(a_first_list_of_a_v1_mount_is_not_empty)
{
    set("kv_mount", "kv1");
    configure();
    real_vault_do(&vault, "POST", "kv1/folder/b", "{\"x\":\"1\"}");
    list_names("folder");
    expect(VC_OK);
    ck_assert_str_eq(outcome.names, "b");
}
END_TEST

/* ---- lists, writes, removals ---- */

START_TEST(a_list_gives_names)
{
    real_vault_do(&vault, "POST", "secret/data/app/listed/one", "{\"data\":{}}");
    real_vault_do(&vault, "POST", "secret/data/app/listed/two/deep", "{\"data\":{}}");
    list_names("app/listed");
    expect(VC_OK);
    ck_assert_str_eq(outcome.names, "one,two/");
    list_names("app/nothing");
    expect(VC_OK);
    ck_assert_str_eq(outcome.names, "");
}
END_TEST

START_TEST(a_write_gives_its_version_and_is_read_back)
{
    write_secret("app/written", "{\"x\":\"w\"}", 0);
    expect(VC_OK);
    ck_assert_int_eq(outcome.version, 1);
    read_secret("app/written");
    ck_assert_str_eq(outcome.value, "w");
}
END_TEST

START_TEST(a_write_over_another_version_is_refused)
{
    write_secret("app/cas", "{\"x\":\"1\"}", -1);
    write_secret("app/cas", "{\"x\":\"2\"}", 0);
    expect(VC_CAS_MISMATCH);
    write_secret("app/cas", "{\"x\":\"2\"}", 1);
    expect(VC_OK);
}
END_TEST

START_TEST(a_version_can_be_deleted_undeleted_and_destroyed)
{
    write_secret("app/removed", "{\"x\":\"1\"}", -1);
    ck_assert_ptr_nonnull(
        vc_client_remove(client, "app/removed", VC_KV_DELETE, 0, 0, on_written, NULL));
    wait_for_one();
    expect(VC_OK);
    read_secret("app/removed");
    expect(VC_VERSION_DELETED);
    ck_assert_ptr_nonnull(
        vc_client_remove(client, "app/removed", VC_KV_UNDELETE, 1, 0, on_written, NULL));
    wait_for_one();
    read_secret("app/removed");
    expect(VC_OK);
    ck_assert_ptr_nonnull(
        vc_client_remove(client, "app/removed", VC_KV_DESTROY, 1, 0, on_written, NULL));
    wait_for_one();
    read_secret("app/removed");
    expect(VC_VERSION_DESTROYED);
    ck_assert_ptr_nonnull(
        vc_client_remove(client, "app/removed", VC_KV_DELETE_METADATA, 0, 0, on_written, NULL));
    wait_for_one();
    read_secret("app/removed");
    expect(VC_NOT_FOUND);
}
END_TEST

/* ---- permission ---- */

START_TEST(a_refused_read_names_path_and_missing_capability)
{
    read_secret("other/a");
    expect(VC_PERMISSION_DENIED);
    ck_assert_str_eq(
        outcome.err.message,
        "permission denied on \"secret/data/other/a\": token has [deny], needs [read]");
    ck_assert_ptr_nonnull(
        strstr(outcome.err.hint, "path \"secret/data/other/a\" { capabilities = [\"read\"] }"));
    ck_assert_uint_eq(status_now().logins, 1);
}
END_TEST

START_TEST(a_refused_list_and_write_name_theirs)
{
    list_names("other");
    expect(VC_PERMISSION_DENIED);
    expect_words("permission denied on \"secret/metadata/other/\": token has [deny], needs [list]");
    write_secret("other/a", "{}", -1);
    expect(VC_PERMISSION_DENIED);
    expect_words("permission denied on \"secret/data/other/a\": token has [deny], needs [update]");
}
END_TEST

START_TEST(a_refusal_on_a_v1_mount_names_the_v1_path)
{
    char role[ID_SIZE], secret[ID_SIZE];

    real_vault_do(&vault, "POST", "sys/mounts/kv1_closed", "{\"type\":\"kv\"}");
    real_vault_do(&vault, "PUT", "sys/policies/acl/partly",
                  "{\"policy\":\"path \\\"kv1_closed/open/*\\\" {capabilities=[\\\"read\\\"]}\"}");
    real_vault_role(&vault, "partly", "\"policies\":\"partly\"", role, secret);
    real_vault_do(&vault, "POST", "auth/approle/role/partly", "{\"token_policies\":\"partly\"}");
    set("role_id", role);
    set("secret_id", secret);
    set("kv_mount", "kv1_closed");
    configure();
    read_secret("shut/a");
    expect(VC_PERMISSION_DENIED);
    expect_words("permission denied on \"kv1_closed/shut/a\"");
}
END_TEST

START_TEST(a_refusal_does_not_cost_a_login)
{
    for (int i = 0; i < 5; i++) {
        read_secret("app/a");
        read_secret("other/a");
        expect(VC_PERMISSION_DENIED);
    }
    ck_assert_uint_eq(status_now().logins, 1);
}
END_TEST

/* ---- outages ---- */

START_TEST(a_sealed_vault_is_said_so_and_logged_once_at_each_end)
{
    log_in();
    real_vault_command(&vault, "seal");
    for (int i = 0; i < 3; i++) {
        read_secret("app/a");
        expect(VC_SEALED);
    }
    ck_assert_int_eq(status_now().health, VC_HEALTH_SEALED);
    ck_assert_uint_eq(logged("Vault cannot be asked"), 1);
    real_vault_command(&vault, "unseal");
    read_secret("app/a");
    expect(VC_OK);
    ck_assert_int_eq(status_now().health, VC_HEALTH_ACTIVE);
    ck_assert_uint_eq(logged("Vault answers again"), 1);
}
END_TEST

START_TEST(a_vault_that_is_not_there_yet_is_used_once_it_is)
{
    real_vault_command(&vault, "stop");
    read_secret("app/a");
    expect(VC_UNREACHABLE);
    ck_assert(!status_now().reachable);
    run_for(500);
    real_vault_command(&vault, "restart");
    run_for(2500);
    read_secret("app/a");
    expect(VC_OK);
    ck_assert_uint_eq(logged("Vault cannot be asked"), 1);
    ck_assert_uint_eq(logged("Vault answers again"), 1);
}
END_TEST

START_TEST(in_an_outage_an_operation_fails_at_once)
{
    vc_msec begun;

    read_secret("app/a");
    real_vault_command(&vault, "stop");
    read_secret("app/a");
    expect(VC_UNREACHABLE);
    begun = vc_now();
    for (int i = 0; i < 20; i++)
        read_secret("app/a");
    expect(VC_UNREACHABLE);
    ck_assert_int_lt(vc_now() - begun, 500);
    real_vault_command(&vault, "restart");
    read_secret("app/a");
    expect(VC_OK);
}
END_TEST

START_TEST(a_shutdown_with_vault_gone_is_quick)
{
    vc_msec begun;

    read_secret("app/a");
    real_vault_command(&vault, "stop");
    begun = vc_now();
    vc_client_shutdown(client, 1000);
    ck_assert_int_lt(vc_now() - begun, 1200);
    real_vault_command(&vault, "restart");
}
END_TEST

/* ---- quota ---- */

START_TEST(a_quota_is_waited_for)
{
    real_vault_do(&vault, "POST", "sys/quotas/config",
                  "{\"enable_rate_limit_response_headers\":true}");
    log_in();
    real_vault_do(&vault, "POST", "sys/quotas/rate-limit/tight",
                  "{\"path\":\"secret\",\"rate\":1,\"interval\":\"2s\"}");
    for (int i = 0; i < 3; i++) {
        read_secret("app/a");
        expect(VC_OK);
    }
    read_in_time("app/a", 50);
    expect(VC_RATE_LIMITED);
    ck_assert_uint_eq(logged("Vault cannot be asked"), 0);
}
END_TEST

/* ---- the client itself ---- */

START_TEST(health_is_asked_without_a_token_and_without_a_login)
{
    ck_assert_ptr_nonnull(vc_client_health(client, 0, 0, on_health, NULL));
    wait_for_one();
    expect(VC_OK);
    ck_assert_int_eq(outcome.health, VC_HEALTH_ACTIVE);
    ck_assert_uint_eq(status_now().requests, 1);
    ck_assert(!status_now().logged_in);
}
END_TEST

START_TEST(health_of_a_sealed_vault_is_no_error)
{
    real_vault_command(&vault, "seal");
    ck_assert_ptr_nonnull(vc_client_health(client, 0, 0, on_health, NULL));
    wait_for_one();
    expect(VC_OK);
    ck_assert_int_eq(outcome.health, VC_HEALTH_SEALED);
    real_vault_command(&vault, "unseal");
}
END_TEST

START_TEST(a_cancelled_operation_calls_nobody_back)
{
    struct vc_operation *operation = vc_client_read(client, "app/a", 0, 0, on_secret, NULL);

    vc_client_cancel(client, operation);
    run_for(300);
    ck_assert_uint_eq(outcome.count, 0);
    read_secret("app/a");
    operation = vc_client_read(client, "app/a", 0, 0, on_secret, NULL);
    vc_client_cancel(client, operation);
    run_for(300);
    ck_assert_uint_eq(outcome.count, 1);
}
END_TEST

START_TEST(many_more_operations_than_connections_all_end)
{
    log_in();
    for (int i = 0; i < 500; i++)
        ck_assert_ptr_nonnull(vc_client_read(client, "app/a", 0, 0, on_secret, NULL));
    wait_for(501);
    expect(VC_OK);
    ck_assert_uint_eq(status_now().failures, 0);
}
END_TEST

START_TEST(the_rate_is_bounded)
{
    vc_msec begun;

    set("max_request_rate", "20");
    configure();
    log_in();
    for (int i = 0; i < 40; i++)
        ck_assert_ptr_nonnull(vc_client_read(client, "app/a", 0, 0, on_secret, NULL));
    begun = vc_now();
    wait_for(41);
    expect(VC_OK);
    /* 41 requests, 20 of them at once. */
    ck_assert_int_ge(vc_now() - begun, 900);
}
END_TEST

START_TEST(operations_end_as_cancelled_at_shutdown)
{
    ck_assert_ptr_nonnull(vc_client_read(client, "app/a", 0, 0, on_secret, NULL));
    ck_assert_ptr_nonnull(vc_client_read(client, "app/a", 0, 0, on_secret, NULL));
    vc_client_shutdown(client, 1000);
    ck_assert_uint_eq(outcome.count, 2);
    expect(VC_CANCELLED);
}
END_TEST

START_TEST(settings_that_do_not_fit_leave_the_old_ones_in_force)
{
    struct vc_error err;

    read_secret("app/a");
    set("auth_method", "jwt");
    ck_assert_int_eq(vc_client_configure(client, &settings, &err), VC_BAD_SETTING);
    read_secret("app/a");
    expect(VC_OK);
}
END_TEST

START_TEST(other_addresses_take_effect_while_operations_run)
{
    set("address", "http://127.0.0.1:1,http://127.0.0.1:2");
    configure();
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_nonnull(vc_client_read(client, "app/a", 0, 0, on_secret, NULL));
    set("address", vault.address);
    configure();
    wait_for(3);
    read_secret("app/a");
    expect(VC_OK);
}
END_TEST

START_TEST(nothing_to_do_wakes_nobody)
{
    unsigned wakes = 0;

    read_secret("app/a");
    run_for(50);
    for (int i = 0; i < 10; i++) {
        struct pollfd event = {.fd = vc_client_fd(client), .events = POLLIN};

        wakes += poll(&event, 1, 50) > 0;
        vc_client_run(client);
    }
    ck_assert_uint_le(wakes, 2);
}
END_TEST

static void add_operations(TCase *tests)
{
    tcase_add_test(tests, the_newest_version_is_read);
    tcase_add_test(tests, a_version_is_read_where_one_is_named);
    tcase_add_loop_test(tests, each_kind_of_absence_is_an_error_of_its_own, 0,
                        sizeof(absences) / sizeof(absences[0]));
    tcase_add_test(tests, a_mount_that_is_not_there_is_said_so);
    tcase_add_test(tests, a_mount_that_is_no_key_value_store_is_said_so);
    tcase_add_test(tests, an_unknown_namespace_is_said_so);
    tcase_add_test(tests, a_namespace_is_searched_where_one_is_set);
    tcase_add_test(tests, a_path_that_is_no_path_fails_through_the_callback_and_asks_nobody);
    tcase_add_test(tests, a_v1_mount_is_found_out_once);
    tcase_add_test(tests, a_v2_mount_costs_no_question_until_something_is_missing);
    tcase_add_test(tests, a_first_write_to_a_v1_mount_lands_where_it_belongs);
    tcase_add_test(tests, a_first_list_of_a_v1_mount_is_not_empty);
    tcase_add_test(tests, a_list_gives_names);
    tcase_add_test(tests, a_write_gives_its_version_and_is_read_back);
    tcase_add_test(tests, a_write_over_another_version_is_refused);
    tcase_add_test(tests, a_version_can_be_deleted_undeleted_and_destroyed);
    tcase_add_test(tests, a_refused_read_names_path_and_missing_capability);
    tcase_add_test(tests, a_refused_list_and_write_name_theirs);
    tcase_add_test(tests, a_refusal_on_a_v1_mount_names_the_v1_path);
    tcase_add_test(tests, a_refusal_does_not_cost_a_login);
}

static void add_client(TCase *tests)
{
    tcase_add_test(tests, a_sealed_vault_is_said_so_and_logged_once_at_each_end);
    tcase_add_test(tests, a_vault_that_is_not_there_yet_is_used_once_it_is);
    tcase_add_test(tests, in_an_outage_an_operation_fails_at_once);
    tcase_add_test(tests, a_shutdown_with_vault_gone_is_quick);
    tcase_add_test(tests, a_quota_is_waited_for);
    tcase_add_test(tests, health_is_asked_without_a_token_and_without_a_login);
    tcase_add_test(tests, health_of_a_sealed_vault_is_no_error);
    tcase_add_test(tests, a_cancelled_operation_calls_nobody_back);
    tcase_add_test(tests, many_more_operations_than_connections_all_end);
    tcase_add_test(tests, the_rate_is_bounded);
    tcase_add_test(tests, operations_end_as_cancelled_at_shutdown);
    tcase_add_test(tests, settings_that_do_not_fit_leave_the_old_ones_in_force);
    tcase_add_test(tests, other_addresses_take_effect_while_operations_run);
    tcase_add_test(tests, nothing_to_do_wakes_nobody);
}

int main(void)
{
    Suite *suite = suite_create("vault_client");
    TCase *tests = tcase_create("vault_client");
    SRunner *runner;
    int failed;

    tcase_add_unchecked_fixture(tests, start_server, stop_server);
    tcase_add_checked_fixture(tests, set_up, harness_tear_down);
    add_operations(tests);
    add_client(tests);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
