/*
 * test_vault_client_login.c - the token, from a real OpenBao whose TTLs are seconds and whose audit
 * log counts the logins (vault_client.h).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client_harness.h"
#include "real_vault.h"

#define LOGIN "auth/approle/login"

#define TEST_SECONDS 60 /* check's own 4 are less than a token's life here */

static struct real_vault vault;
static char role_id[ID_SIZE], secret_id[ID_SIZE];
static char file[128]; /* a credential's file, below the server's folder */

static void start_server(void)
{
    real_vault_start(&vault, "--audit");
    real_vault_furnish(&vault);
    /* The lock-out has a test of its own, with a mount of its own. */
    real_vault_do(&vault, "POST", "sys/auth/approle/tune",
                  "{\"user_lockout_config\":{\"lockout_disable\":true}}");
}

static void stop_server(void)
{
    real_vault_stop(&vault);
}

static void set_up(void)
{
    harness_set_up(vault.address);
    snprintf(file, sizeof(file), "%s/credential", vault.folder);
    unlink(file);
}

/* A role of this test's own, and the client set to it. */
static void with_role(const char *name, const char *parameters)
{
    real_vault_role(&vault, name, parameters, role_id, secret_id);
    set("role_id", role_id);
    set("secret_id", secret_id);
}

static unsigned logins(void)
{
    return real_vault_count(&vault, LOGIN);
}

static void expect(enum vc_code code)
{
    ck_assert_msg(outcome.err.code == code, "%d (%s): %s", outcome.err.code,
                  vc_code_text(outcome.err.code), outcome.err.message);
}

/* The client's token, as its store has it. */
static void read_store(char *token, size_t size)
{
    FILE *store = fopen(file, "r");

    ck_assert_ptr_nonnull(store);
    ck_assert_ptr_nonnull(fgets(token, (int)size, store));
    token[strcspn(token, "\n")] = '\0';
    fclose(store);
}

/* ---- one login per credential ---- */

START_TEST(a_read_logs_in_and_reads)
{
    with_role("plain", "");
    configure();
    read_secret("app/a");
    expect(VC_OK);
    ck_assert_str_eq(outcome.value, "1");
    ck_assert(status_now().logged_in);
    ck_assert_uint_eq(logged("logged in"), 1);
}
END_TEST

START_TEST(reads_at_the_same_time_share_one_login)
{
    unsigned before = logins();

    with_role("shared", "");
    configure();
    for (int i = 0; i < 50; i++)
        ck_assert_ptr_nonnull(vc_client_read(client, "app/a", 0, 0, on_secret, NULL));
    wait_for(50);
    expect(VC_OK);
    ck_assert_uint_eq(logins() - before, 1);
    ck_assert_uint_eq(status_now().requests, 51);
}
END_TEST

START_TEST(a_wrong_secret_id_is_tried_once_however_many_ask)
{
    unsigned before = logins();

    with_role("wrong", "");
    set("secret_id", "00000000-0000-0000-0000-000000000000");
    configure();
    for (int i = 0; i < 20; i++) {
        read_secret("app/a");
        expect(VC_LOGIN_REFUSED);
    }
    run_for(2500);
    ck_assert_uint_eq(logins() - before, 1);
    ck_assert(!status_now().can_log_in_again);
    ck_assert_uint_eq(logged("not tried again"), 1);
}
END_TEST

START_TEST(after_a_refusal_configure_tries_again)
{
    with_role("again", "");
    set("secret_id", "00000000-0000-0000-0000-000000000000");
    configure();
    read_secret("app/a");
    expect(VC_LOGIN_REFUSED);
    set("secret_id", secret_id);
    configure();
    read_secret("app/a");
    expect(VC_OK);
}
END_TEST

START_TEST(after_a_refusal_a_changed_secret_id_file_is_tried)
{
    unsigned before = logins();

    with_role("file", "");
    write_file(file, "00000000-0000-0000-0000-000000000000\n");
    set("secret_id", NULL);
    set("secret_id_file", file);
    configure();
    read_secret("app/a");
    read_secret("app/a");
    expect(VC_LOGIN_REFUSED);
    write_file(file, secret_id);
    read_secret("app/a");
    expect(VC_OK);
    ck_assert_uint_eq(logins() - before, 2);
}
END_TEST

START_TEST(a_secret_id_file_that_is_missing_costs_no_login_and_is_read_once_it_is_there)
{
    unsigned before = logins();

    with_role("missing", "");
    set("secret_id", NULL);
    set("secret_id_file", file);
    configure();
    read_secret("app/a");
    expect(VC_BAD_FILE);
    ck_assert_uint_eq(logins() - before, 0);
    write_file(file, secret_id);
    read_secret("app/a");
    expect(VC_OK);
}
END_TEST

START_TEST(a_secret_id_file_that_others_can_read_is_refused)
{
    with_role("open", "");
    write_file(file, secret_id);
    ck_assert_int_eq(chmod(file, 0644), 0);
    set("secret_id", NULL);
    set("secret_id_file", file);
    configure();
    read_secret("app/a");
    expect(VC_BAD_FILE);
    ck_assert_int_eq(chmod(file, 0600), 0);
    read_secret("app/a");
    expect(VC_OK);
}
END_TEST

START_TEST(a_used_up_secret_id_is_tried_once)
{
    unsigned before = logins();

    with_role("single", "\"secret_id_num_uses\":1");
    configure();
    read_secret("app/a");
    expect(VC_OK);
    restart_client();
    read_secret("app/a");
    read_secret("app/a");
    expect(VC_LOGIN_REFUSED);
    ck_assert_uint_eq(logins() - before, 2);
}
END_TEST

START_TEST(a_wrong_role_id_is_tried_once)
{
    unsigned before = logins();

    with_role("wrong_role", "");
    set("role_id", "nobody");
    configure();
    read_secret("app/a");
    read_secret("app/a");
    expect(VC_LOGIN_REFUSED);
    ck_assert_uint_eq(logins() - before, 1);
    ck_assert_uint_eq(status_now().login_failures, 1);
}
END_TEST

START_TEST(a_secret_id_bound_to_another_address_is_refused_in_vaults_words)
{
    with_role("bound", "\"secret_id_bound_cidrs\":\"10.1.2.3/32\"");
    configure();
    read_secret("app/a");
    expect(VC_LOGIN_REFUSED);
    ck_assert_ptr_nonnull(strstr(outcome.err.message, "CIDR"));
}
END_TEST

START_TEST(a_token_bound_to_another_address_is_refused_after_one_more_login)
{
    unsigned before = logins();

    with_role("token_bound", "\"token_bound_cidrs\":\"10.1.2.3/32\"");
    configure();
    for (int i = 0; i < 5; i++) {
        read_secret("app/a");
        expect(VC_PERMISSION_DENIED);
    }
    ck_assert_uint_le(logins() - before, 2);
}
END_TEST

/* A mount of its own, because the lock-out of AppRole is a role's. */
START_TEST(a_locked_out_role_is_left_alone)
{
    char body[256];

    real_vault_do(&vault, "POST", "sys/auth/locking", "{\"type\":\"approle\"}");
    real_vault_do(&vault, "POST", "auth/locking/role/r", "{\"token_policies\":\"app\"}");
    real_vault_take(real_vault_api(&vault, "GET", "auth/locking/role/r/role-id", NULL), "role_id",
                    role_id, sizeof(role_id));
    real_vault_take(real_vault_api(&vault, "POST", "auth/locking/role/r/secret-id", "{}"),
                    "secret_id", secret_id, sizeof(secret_id));
    snprintf(body, sizeof(body), "{\"role_id\":\"%s\",\"secret_id\":\"no\"}", role_id);
    for (int i = 0; i < 5; i++)
        real_vault_status(&vault, "POST", "auth/locking/login", body, NULL);
    ck_assert_uint_eq(real_vault_count(&vault, "auth/locking/login"), 5);
    set("auth_mount", "locking");
    set("role_id", role_id);
    set("secret_id", secret_id);
    configure();
    for (int i = 0; i < 3; i++) {
        read_secret("app/a");
        expect(VC_LOGIN_LOCKED);
    }
    ck_assert_uint_eq(real_vault_count(&vault, "auth/locking/login"), 6);
    ck_assert(!status_now().can_log_in_again);
}
END_TEST

/* ---- a wrapped secret_id ---- */

static void wrap(const char *path, char *token, size_t size)
{
    char command[512], header[256];
    FILE *pipe;

    snprintf(header, sizeof(header), "%s/root_token.header", vault.folder);
    snprintf(command, sizeof(command),
             "curl -s -X POST -H @%s -H 'X-Vault-Wrap-TTL: 60s' %s/v1/%s | sed "
             "'s/.*\"wrap_info\":{\"token\":\"//; "
             "s/\".*//'",
             header, vault.address, path);
    pipe = popen(command, "r");
    ck_assert_ptr_nonnull(fgets(token, (int)size, pipe));
    token[strcspn(token, "\n")] = '\0';
    ck_assert_int_eq(pclose(pipe), 0);
}

static void with_wrapped(const char *name, const char *parameters, char *token, size_t size)
{
    char path[128];

    with_role(name, parameters);
    snprintf(path, sizeof(path), "auth/approle/role/%s/secret-id", name);
    wrap(path, token, size);
    write_file(file, token);
    set("secret_id", NULL);
    set("secret_id_file", file);
    set("secret_id_wrapped", "true");
}

START_TEST(a_wrapped_secret_id_is_opened_and_logs_in)
{
    char token[128];

    with_wrapped("wrapped", "", token, sizeof(token));
    configure();
    read_secret("app/a");
    expect(VC_OK);
}
END_TEST

START_TEST(an_unwrapped_secret_id_serves_the_next_login_too)
{
    char token[128];

    with_wrapped("wrapped_twice", "\"token_ttl\":\"1s\",\"token_type\":\"batch\"", token,
                 sizeof(token));
    configure();
    read_secret("app/a");
    run_for(2500);
    read_secret("app/a");
    expect(VC_OK);
    ck_assert_uint_ge(status_now().logins, 2);
}
END_TEST

START_TEST(a_wrapped_secret_id_that_somebody_opened_is_said_so_and_asked_about_once)
{
    char token[128];
    unsigned before;

    with_wrapped("opened", "", token, sizeof(token));
    ck_assert_int_eq(real_vault_status(&vault, "POST", "sys/wrapping/unwrap", "{}", token), 200);
    before = real_vault_count(&vault, "sys/wrapping/lookup");
    configure();
    read_secret("app/a");
    read_secret("app/a");
    expect(VC_WRAPPING_SPENT);
    ck_assert_uint_eq(real_vault_count(&vault, "sys/wrapping/lookup") - before, 1);
    ck_assert_ptr_nonnull(strstr(outcome.err.hint, "somebody"));
}
END_TEST

START_TEST(a_wrapping_token_of_another_origin_is_not_opened)
{
    char token[128];

    with_role("foreign", "");
    wrap("sys/wrapping/wrap", token, sizeof(token));
    write_file(file, token);
    set("secret_id", NULL);
    set("secret_id_file", file);
    set("secret_id_wrapped", "true");
    configure();
    read_secret("app/a");
    expect(VC_WRAPPING_FOREIGN);
    ck_assert_int_eq(real_vault_status(&vault, "POST", "sys/wrapping/unwrap", "{}", token), 200);
}
END_TEST

/* ---- a token's life ---- */

START_TEST(a_token_is_renewed_before_it_ends)
{
    unsigned before = logins();

    with_role("renewed", "\"token_ttl\":\"2s\"");
    configure();
    read_secret("app/a");
    run_for(5000);
    read_secret("app/a");
    expect(VC_OK);
    ck_assert_uint_ge(status_now().renewals, 2);
    ck_assert_uint_eq(logins() - before, 1);
}
END_TEST

START_TEST(at_its_maximum_a_token_is_replaced_without_a_failed_read)
{
    with_role("max", "\"token_ttl\":\"2s\",\"token_max_ttl\":\"4s\"");
    configure();
    for (vc_msec end = vc_now() + 8000; vc_now() < end;) {
        read_secret("app/a");
        expect(VC_OK);
        run_for(20);
    }
    ck_assert_uint_ge(status_now().logins, 2);
    ck_assert_uint_ge(logged("its maximum"), 1);
    ck_assert_uint_eq(status_now().failures, 0);
}
END_TEST

START_TEST(a_batch_token_is_replaced_and_neither_renewed_nor_revoked)
{
    unsigned before = real_vault_count(&vault, "auth/token/revoke-self");

    with_role("batch", "\"token_ttl\":\"2s\",\"token_type\":\"batch\"");
    configure();
    read_secret("app/a");
    run_for(3000);
    read_secret("app/a");
    expect(VC_OK);
    ck_assert_uint_ge(status_now().logins, 2);
    ck_assert_uint_eq(status_now().renewals, 0);
    ck_assert_uint_eq(logged("not renewed"), 0);
    vc_client_shutdown(client, 1000);
    ck_assert_uint_eq(real_vault_count(&vault, "auth/token/revoke-self") - before, 0);
}
END_TEST

START_TEST(without_the_default_policy_each_ttl_costs_one_login_and_a_refusal_none)
{
    unsigned before = logins();

    with_role("bare", "\"token_ttl\":\"4s\",\"token_no_default_policy\":true");
    configure();
    read_secret("app/a");
    expect(VC_OK);
    for (int i = 0; i < 5; i++) {
        read_secret("other/a");
        expect(VC_PERMISSION_DENIED);
    }
    ck_assert_uint_eq(logins() - before, 1);
    run_for(3500);
    read_secret("app/a");
    expect(VC_OK);
    ck_assert_uint_eq(logins() - before, 2);
    ck_assert_uint_ge(status_now().renewal_failures, 1);
    ck_assert_uint_eq(status_now().login_failures, 0);
}
END_TEST

START_TEST(a_token_revoked_from_outside_is_replaced_and_the_read_succeeds)
{
    char token[256], body[320];

    with_role("revoked", "");
    set("token_store", file);
    configure();
    read_secret("app/a");
    read_store(token, sizeof(token));
    snprintf(body, sizeof(body), "{\"token\":\"%s\"}", token);
    real_vault_do(&vault, "POST", "auth/token/revoke", body);
    read_secret("app/a");
    expect(VC_OK);
    ck_assert_uint_eq(status_now().logins, 2);
    ck_assert_uint_eq(status_now().failures, 0);
}
END_TEST

START_TEST(many_reads_with_a_revoked_token_cost_one_login)
{
    char token[256], body[320];

    with_role("revoked_many", "");
    set("token_store", file);
    configure();
    read_secret("app/a");
    read_store(token, sizeof(token));
    snprintf(body, sizeof(body), "{\"token\":\"%s\"}", token);
    real_vault_do(&vault, "POST", "auth/token/revoke", body);
    for (int i = 0; i < 30; i++)
        ck_assert_ptr_nonnull(vc_client_read(client, "app/a", 0, 0, on_secret, NULL));
    wait_for(31);
    expect(VC_OK);
    ck_assert_uint_eq(status_now().logins, 2);
    ck_assert_uint_eq(status_now().failures, 0);
}
END_TEST

START_TEST(a_token_with_few_uses_is_replaced_when_they_are_over)
{
    with_role("few", "\"token_num_uses\":3");
    configure();
    for (int i = 0; i < 8; i++) {
        read_secret("app/a");
        expect(VC_OK);
    }
}
END_TEST

/* ---- tokens from outside ---- */

static void make_token(const char *parameters, char *token, size_t size)
{
    char body[256];

    snprintf(body, sizeof(body), "{\"policies\":[\"app\"]%s%s}", parameters[0] != '\0' ? "," : "",
             parameters);
    real_vault_take(real_vault_api(&vault, "POST", "auth/token/create", body), "client_token",
                    token, size);
}

START_TEST(a_root_token_is_used_and_never_renewed)
{
    unsigned before = real_vault_count(&vault, "auth/token/renew-self");

    set("auth_method", "token");
    set("token", vault.token);
    set("renew_check_interval", "100ms");
    configure();
    read_secret("app/a");
    expect(VC_OK);
    run_for(1000);
    ck_assert_uint_eq(real_vault_count(&vault, "auth/token/renew-self") - before, 0);
    ck_assert(status_now().token_never_expires);
    vc_client_shutdown(client, 1000);
    ck_assert_int_eq(real_vault_status(&vault, "GET", "auth/token/lookup-self", NULL, NULL), 200);
}
END_TEST

START_TEST(a_given_token_is_renewed_while_it_can_be)
{
    char token[256];

    make_token("\"ttl\":\"2s\"", token, sizeof(token));
    set("auth_method", "token");
    set("token", token);
    configure();
    read_secret("app/a");
    run_for(4000);
    read_secret("app/a");
    expect(VC_OK);
    ck_assert(!status_now().can_log_in_again);
}
END_TEST

START_TEST(a_given_token_that_is_dead_is_said_so)
{
    set("auth_method", "token");
    set("token", "s.000000000000000000000000");
    configure();
    read_secret("app/a");
    expect(VC_TOKEN_INVALID);
    ck_assert_ptr_null(strstr(outcome.err.message, "s.0000"));
}
END_TEST

START_TEST(a_token_file_is_read_again_when_its_token_is_refused_and_the_file_has_changed)
{
    char first[256], second[256], body[320];

    make_token("", first, sizeof(first));
    make_token("", second, sizeof(second));
    write_file(file, first);
    set("auth_method", "token_file");
    set("token_file", file);
    configure();
    read_secret("app/a");
    expect(VC_OK);
    snprintf(body, sizeof(body), "{\"token\":\"%s\"}", first);
    real_vault_do(&vault, "POST", "auth/token/revoke", body);
    read_secret("app/a");
    expect(VC_TOKEN_INVALID);
    write_file(file, second);
    read_secret("app/a");
    expect(VC_OK);
    vc_client_shutdown(client, 1000);
    ck_assert_int_eq(real_vault_status(&vault, "GET", "auth/token/lookup-self", NULL, second), 200);
}
END_TEST

START_TEST(a_token_file_is_followed_while_its_token_still_works)
{
    char first[256], second[256], body[320];

    make_token("", first, sizeof(first));
    make_token("", second, sizeof(second));
    write_file(file, first);
    set("auth_method", "token_file");
    set("token_file", file);
    configure();
    read_secret("app/a");
    write_file(file, second);
    run_for(1200);
    read_secret("app/a");
    run_for(200);
    snprintf(body, sizeof(body), "{\"token\":\"%s\"}", first);
    real_vault_do(&vault, "POST", "auth/token/revoke", body);
    read_secret("app/a");
    expect(VC_OK);
    ck_assert_uint_eq(status_now().failures, 0);
    ck_assert_uint_eq(logged("refuses the token"), 0);
}
END_TEST

START_TEST(a_wrapping_token_in_place_of_a_token_is_refused_and_not_spent)
{
    char token[128];

    wrap("sys/wrapping/wrap", token, sizeof(token));
    set("auth_method", "token");
    set("token", token);
    configure();
    read_secret("app/a");
    expect(VC_TOKEN_INVALID);
    ck_assert_int_eq(real_vault_status(&vault, "POST", "sys/wrapping/unwrap", "{}", token), 200);
}
END_TEST

/* ---- where tokens go ---- */

START_TEST(a_shutdown_revokes_the_token_it_logged_in_for)
{
    unsigned before = real_vault_count(&vault, "auth/token/revoke-self");

    with_role("shutdown", "");
    configure();
    read_secret("app/a");
    vc_client_shutdown(client, 2000);
    ck_assert_uint_eq(real_vault_count(&vault, "auth/token/revoke-self") - before, 1);
}
END_TEST

START_TEST(a_stored_token_outlives_its_client_and_saves_the_login)
{
    char token[256];
    struct stat info;

    with_role("stored", "\"secret_id_num_uses\":1");
    set("token_store", file);
    configure();
    read_secret("app/a");
    expect(VC_OK);
    ck_assert_int_eq(stat(file, &info), 0);
    ck_assert_int_eq(info.st_mode & 07777, 0600);
    vc_client_shutdown(client, 2000);
    read_store(token, sizeof(token));
    ck_assert_int_eq(real_vault_status(&vault, "GET", "auth/token/lookup-self", NULL, token), 200);
    restart_client();
    read_secret("app/a");
    expect(VC_OK);
    ck_assert_uint_eq(status_now().logins, 0);
    ck_assert(status_now().token_renewable);
    vc_client_shutdown(client, 2000);
    ck_assert_int_eq(real_vault_status(&vault, "GET", "auth/token/lookup-self", NULL, token), 200);
}
END_TEST

START_TEST(a_stored_token_that_is_dead_is_replaced_by_a_login)
{
    with_role("stored_dead", "");
    write_file(file, "s.000000000000000000000000\n");
    set("token_store", file);
    configure();
    read_secret("app/a");
    expect(VC_OK);
    ck_assert_uint_eq(status_now().logins, 1);
}
END_TEST

START_TEST(a_token_store_that_others_can_read_is_not_used)
{
    char token[256];

    make_token("", token, sizeof(token));
    with_role("stored_open", "");
    write_file(file, token);
    ck_assert_int_eq(chmod(file, 0644), 0);
    set("token_store", file);
    configure();
    read_secret("app/a");
    expect(VC_OK);
    ck_assert_uint_eq(status_now().logins, 1);
    ck_assert_uint_eq(logged("token store not used"), 1);
}
END_TEST

START_TEST(a_store_that_cannot_be_written_costs_a_warning_and_the_token_is_revoked_at_shutdown)
{
    unsigned before = real_vault_count(&vault, "auth/token/revoke-self");

    with_role("stored_nowhere", "");
    set("token_store", "/nowhere/at/all");
    configure();
    read_secret("app/a");
    expect(VC_OK);
    ck_assert_uint_eq(logged("is not kept"), 1);
    vc_client_shutdown(client, 2000);
    ck_assert_uint_eq(real_vault_count(&vault, "auth/token/revoke-self") - before, 1);
}
END_TEST

START_TEST(other_credentials_mean_a_new_login_and_then_the_old_token_is_revoked)
{
    char first[256];

    with_role("first", "");
    set("token_store", file);
    configure();
    read_secret("app/a");
    read_store(first, sizeof(first));
    with_role("second", "");
    configure();
    read_secret("app/a");
    expect(VC_OK);
    run_for(500);
    ck_assert_int_eq(real_vault_status(&vault, "GET", "auth/token/lookup-self", NULL, first), 403);
    read_secret("app/a");
    expect(VC_OK);
}
END_TEST

START_TEST(a_change_of_other_settings_keeps_the_token)
{
    with_role("kept", "");
    configure();
    read_secret("app/a");
    set("request_timeout", "9s");
    set("connect_timeout", "2s");
    configure();
    read_secret("app/a");
    expect(VC_OK);
    ck_assert_uint_eq(status_now().logins, 1);
}
END_TEST

/* ---- other methods ---- */

START_TEST(a_jwt_logs_in_and_its_file_is_read_anew)
{
    set("auth_method", "jwt");
    set("jwt_file", file);
    set("role", "app");
    write_file(file, "not.a.jwt");
    real_vault_status(&vault, "POST", "sys/auth/jwt", "{\"type\":\"jwt\"}", NULL);
    configure();
    read_secret("app/a");
    ck_assert_int_ne(outcome.err.code, VC_OK);
    ck_assert_uint_eq(real_vault_count(&vault, "auth/jwt/login"), 1);
    read_secret("app/a");
    ck_assert_uint_eq(real_vault_count(&vault, "auth/jwt/login"), 1);
    write_file(file, "not.a.jwt.either");
    read_secret("app/a");
    ck_assert_uint_eq(real_vault_count(&vault, "auth/jwt/login"), 2);
}
END_TEST

START_TEST(logging_in_is_an_operation_of_its_own)
{
    with_role("login", "");
    configure();
    log_in();
    expect(VC_OK);
    ck_assert_uint_eq(status_now().requests, 1);
    log_in();
    expect(VC_OK);
    ck_assert_uint_eq(status_now().requests, 1);
}
END_TEST

static void add_logins(TCase *tests)
{
    tcase_add_test(tests, a_read_logs_in_and_reads);
    tcase_add_test(tests, reads_at_the_same_time_share_one_login);
    tcase_add_test(tests, a_wrong_secret_id_is_tried_once_however_many_ask);
    tcase_add_test(tests, after_a_refusal_configure_tries_again);
    tcase_add_test(tests, after_a_refusal_a_changed_secret_id_file_is_tried);
    tcase_add_test(tests,
                   a_secret_id_file_that_is_missing_costs_no_login_and_is_read_once_it_is_there);
    tcase_add_test(tests, a_secret_id_file_that_others_can_read_is_refused);
    tcase_add_test(tests, a_used_up_secret_id_is_tried_once);
    tcase_add_test(tests, a_wrong_role_id_is_tried_once);
    tcase_add_test(tests, a_secret_id_bound_to_another_address_is_refused_in_vaults_words);
    tcase_add_test(tests, a_token_bound_to_another_address_is_refused_after_one_more_login);
    tcase_add_test(tests, a_locked_out_role_is_left_alone);
    tcase_add_test(tests, a_wrapped_secret_id_is_opened_and_logs_in);
    tcase_add_test(tests, an_unwrapped_secret_id_serves_the_next_login_too);
    tcase_add_test(tests, a_wrapped_secret_id_that_somebody_opened_is_said_so_and_asked_about_once);
    tcase_add_test(tests, a_wrapping_token_of_another_origin_is_not_opened);
    tcase_add_test(tests, a_jwt_logs_in_and_its_file_is_read_anew);
    tcase_add_test(tests, logging_in_is_an_operation_of_its_own);
}

static void add_tokens(TCase *tests)
{
    tcase_add_test(tests, a_token_is_renewed_before_it_ends);
    tcase_add_test(tests, at_its_maximum_a_token_is_replaced_without_a_failed_read);
    tcase_add_test(tests, a_batch_token_is_replaced_and_neither_renewed_nor_revoked);
    tcase_add_test(tests, without_the_default_policy_each_ttl_costs_one_login_and_a_refusal_none);
    tcase_add_test(tests, a_token_revoked_from_outside_is_replaced_and_the_read_succeeds);
    tcase_add_test(tests, many_reads_with_a_revoked_token_cost_one_login);
    tcase_add_test(tests, a_token_with_few_uses_is_replaced_when_they_are_over);
    tcase_add_test(tests, a_root_token_is_used_and_never_renewed);
    tcase_add_test(tests, a_given_token_is_renewed_while_it_can_be);
    tcase_add_test(tests, a_given_token_that_is_dead_is_said_so);
    tcase_add_test(tests,
                   a_token_file_is_read_again_when_its_token_is_refused_and_the_file_has_changed);
    tcase_add_test(tests, a_token_file_is_followed_while_its_token_still_works);
    tcase_add_test(tests, a_wrapping_token_in_place_of_a_token_is_refused_and_not_spent);
    tcase_add_test(tests, a_shutdown_revokes_the_token_it_logged_in_for);
    tcase_add_test(tests, a_stored_token_outlives_its_client_and_saves_the_login);
    tcase_add_test(tests, a_stored_token_that_is_dead_is_replaced_by_a_login);
    tcase_add_test(tests, a_token_store_that_others_can_read_is_not_used);
    tcase_add_test(
        tests, a_store_that_cannot_be_written_costs_a_warning_and_the_token_is_revoked_at_shutdown);
    tcase_add_test(tests, other_credentials_mean_a_new_login_and_then_the_old_token_is_revoked);
    tcase_add_test(tests, a_change_of_other_settings_keeps_the_token);
}

int main(void)
{
    Suite *suite = suite_create("vault_client_login");
    TCase *tests = tcase_create("vault_client_login");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tests, TEST_SECONDS);
    tcase_add_unchecked_fixture(tests, start_server, stop_server);
    tcase_add_checked_fixture(tests, set_up, harness_tear_down);
    add_logins(tests);
    add_tokens(tests);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
