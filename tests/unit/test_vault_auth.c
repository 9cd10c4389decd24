/*
 * test_vault_auth.c - logins and a token's own life, on recorded replies (vault_auth.h).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "json.h"
#include "recorded_reply.h"
#include "tracking_allocator.h"
#include "vault_auth.h"
#include "wipe_recorder.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

#define SERVICE_TOKEN "s.Ssy5ZSdmAzfXHvXrZQtcZfex"
#define BATCH_TOKEN                                                                                \
    "b.AAAAAQLQ33i06YGOSSq63N51F-XBG7pcKg4TlZbabtnKCvAUuwtDGapSOf15vK1ujjuZg3ol-f2d_"              \
    "0n3pZhkVH-ndQDzxU4cePPF6xo8qldlzV8jj7UISxtIk5xb6s5qLg"

/* OpenBao 2.7.2, recorded: an AppRole login and, with other numbers, each renewal */
#define AUTH(token, lease, renewable, type, mfa)                                                   \
    "{\"client_token\":\"" token "\",\"accessor\":\"fDt9TeM2QL17ouHAq2Zvfask\","                   \
    "\"policies\":[\"default\"],\"token_policies\":[\"default\"],"                                 \
    "\"metadata\":{\"role_name\":\"r\"},\"lease_duration\":" lease ",\"renewable\":" renewable     \
    ",\"entity_id\":\"8fb4335d-a793-439f-df1c-29aaa68f63bf\",\"token_type\":\"" type               \
    "\",\"orphan\":true,\"mfa_requirement\":" mfa ",\"num_uses\":0}"
#define SERVICE_LOGIN REPLY_AUTH(AUTH(SERVICE_TOKEN, "10", "true", "service", "null"))
#define BATCH_LOGIN REPLY_AUTH(AUTH(BATCH_TOKEN, "3600", "false", "batch", "null"))

static struct tracking tracking;
static struct vc_request request;
static struct vc_reply reply;
static struct vc_token token;
static struct vc_error err;

static void set_up(void)
{
    vc_json_use_wiping_hooks();
    tracking_init(&tracking);
    vc_request_init(&request, &tracking.allocator);
    vc_token_init(&token, &tracking.allocator);
    vc_error_clear(&err);
}

static void tear_down(void)
{
    vc_request_free(&request);
    vc_reply_free(&reply);
    vc_token_free(&token);
    ck_assert_uint_eq(tracking.blocks, 0);
}

static enum vc_code log_in(long status, const char *body)
{
    return vc_login_read(recorded(&reply, status, body), &token, &err);
}

START_TEST(an_approle_login_is_sent_once_without_a_token)
{
    ck_assert_int_eq(vc_login_approle_request(&request, "approle", "role", "secret", &err), VC_OK);
    ck_assert_int_eq(request.method, VC_POST);
    ck_assert_str_eq(request.path, "/v1/auth/approle/login");
    ck_assert_str_eq(vc_buf_text(&request.body), "{\"role_id\":\"role\",\"secret_id\":\"secret\"}");
    ck_assert(request.login && !request.repeatable);
    ck_assert(!request.with_token && request.with_namespace);
}
END_TEST

START_TEST(a_role_that_binds_no_secret_id_logs_in_without_one)
{
    ck_assert_int_eq(vc_login_approle_request(&request, "a/b", "role", NULL, &err), VC_OK);
    ck_assert_str_eq(request.path, "/v1/auth/a/b/login");
    ck_assert_str_eq(vc_buf_text(&request.body), "{\"role_id\":\"role\"}");
}
END_TEST

START_TEST(credentials_are_escaped_in_the_body)
{
    ck_assert_int_eq(vc_login_approle_request(&request, "approle", "a\"b", "c\\d\n", &err), VC_OK);
    ck_assert_str_eq(vc_buf_text(&request.body),
                     "{\"role_id\":\"a\\\"b\",\"secret_id\":\"c\\\\d\\u000a\"}");
}
END_TEST

START_TEST(a_certificate_login_may_name_its_role)
{
    ck_assert_int_eq(vc_login_cert_request(&request, "cert", "web", &err), VC_OK);
    ck_assert_str_eq(request.path, "/v1/auth/cert/login");
    ck_assert_str_eq(vc_buf_text(&request.body), "{\"name\":\"web\"}");
    ck_assert(request.login && !request.with_token);
}
END_TEST

START_TEST(a_certificate_login_without_a_role_has_an_empty_object)
{
    ck_assert_int_eq(vc_login_cert_request(&request, "cert", NULL, &err), VC_OK);
    ck_assert_str_eq(vc_buf_text(&request.body), "{}");
}
END_TEST

START_TEST(a_jwt_login_names_role_and_jwt)
{
    ck_assert_int_eq(vc_login_jwt_request(&request, "jwt", "web", "a.b.c", &err), VC_OK);
    ck_assert_str_eq(request.path, "/v1/auth/jwt/login");
    ck_assert_str_eq(vc_buf_text(&request.body), "{\"role\":\"web\",\"jwt\":\"a.b.c\"}");
    ck_assert(request.login && !request.with_token);
}
END_TEST

START_TEST(a_missing_empty_or_broken_credential_is_refused_without_quoting_it)
{
    ck_assert_int_eq(vc_login_approle_request(&request, "approle", NULL, "s", &err),
                     VC_BAD_SETTING);
    ck_assert_int_eq(vc_login_approle_request(&request, "approle", "", "s", &err), VC_BAD_SETTING);
    ck_assert_int_eq(vc_login_approle_request(&request, "approle", "r", "", &err), VC_BAD_SETTING);
    ck_assert_int_eq(vc_login_jwt_request(&request, "jwt", "r", NULL, &err), VC_BAD_SETTING);
    ck_assert_int_eq(vc_login_cert_request(&request, "cert", "", &err), VC_BAD_SETTING);
    ck_assert_int_eq(vc_login_approle_request(&request, "approle", "r", "hunter2\xff", &err),
                     VC_BAD_SETTING);
    ck_assert_ptr_null(strstr(err.message, "hunter2"));
}
END_TEST

START_TEST(an_auth_mount_that_is_no_plain_path_is_refused)
{
    ck_assert_int_eq(vc_login_approle_request(&request, "../sys", "r", "s", &err), VC_BAD_SETTING);
    ck_assert_int_eq(vc_login_cert_request(&request, "", NULL, &err), VC_BAD_SETTING);
    ck_assert_int_eq(vc_login_jwt_request(&request, "a//b", "r", "j", &err), VC_BAD_SETTING);
    ck_assert_ptr_nonnull(strstr(err.message, "auth_mount"));
}
END_TEST

START_TEST(a_login_without_memory_is_reported)
{
    tracking.fail_from = 1;
    ck_assert_int_eq(vc_login_approle_request(&request, "approle", "r", "s", &err), VC_NO_MEMORY);
    tracking.fail_from = 0;
}
END_TEST

START_TEST(a_login_gives_a_token_and_its_ttl)
{
    ck_assert_int_eq(log_in(200, SERVICE_LOGIN), VC_OK);
    ck_assert_str_eq(vc_buf_text(&token.value), SERVICE_TOKEN);
    ck_assert_int_eq(token.ttl, 10);
    ck_assert_int_eq(token.creation_ttl, 10);
    ck_assert(token.renewable && !token.batch && !token.never_expires && !token.capped);
    ck_assert_int_eq(token.num_uses, 0);
}
END_TEST

START_TEST(a_batch_token_is_known_as_such)
{
    ck_assert_int_eq(log_in(200, BATCH_LOGIN), VC_OK);
    ck_assert_str_eq(vc_buf_text(&token.value), BATCH_TOKEN);
    ck_assert(token.batch && !token.renewable);
    ck_assert_int_eq(token.ttl, 3600);
}
END_TEST

START_TEST(a_hashicorp_login_reads_alike)
{
    /* HashiCorp Vault's documentation of AppRole, with the mount_type of 1.18 */
    ck_assert_int_eq(
        log_in(200, "{\"auth\":{\"renewable\":true,\"lease_duration\":1200,\"metadata\":null,"
                    "\"token_policies\":[\"default\"],\"accessor\":"
                    "\"fd6c9a00-d2dc-3b11-0be5-af7ae0e1d374\",\"client_token\":"
                    "\"5b1a0318-679c-9c45-e5c6-d1b9a9035d49\"},\"warnings\":null,"
                    "\"wrap_info\":null,\"data\":null,\"lease_duration\":0,\"renewable\":false,"
                    "\"lease_id\":\"\",\"mount_type\":\"approle\"}"),
        VC_OK);
    ck_assert_str_eq(vc_buf_text(&token.value), "5b1a0318-679c-9c45-e5c6-d1b9a9035d49");
    ck_assert_int_eq(token.ttl, 1200);
    ck_assert(token.renewable);
}
END_TEST

START_TEST(a_ttl_beyond_a_century_is_cut)
{
    ck_assert_int_eq(
        log_in(200, REPLY_AUTH(AUTH("s.x", "9007199254740992", "true", "service", "null"))), VC_OK);
    ck_assert_int_eq(token.ttl, VC_TTL_MAX);
}
END_TEST

START_TEST(a_new_login_leaves_nothing_of_the_old_token)
{
    ck_assert_int_eq(log_in(200, BATCH_LOGIN), VC_OK);
    ck_assert_int_eq(log_in(200, SERVICE_LOGIN), VC_OK);
    ck_assert_str_eq(vc_buf_text(&token.value), SERVICE_TOKEN);
    ck_assert(!token.batch);
    ck_assert_int_eq(log_in(400, REPLY_ERRORS("\"invalid role or secret ID\"")), VC_LOGIN_REFUSED);
    ck_assert_uint_eq(token.value.len, 0);
    ck_assert_int_eq(token.ttl, 0);
}
END_TEST

struct refusal {
    long status;
    const char *body;
    enum vc_code code;
};

static const struct refusal refusals[] = {
    /* OpenBao 2.7.2, recorded */
    {400, REPLY_ERRORS("\"invalid role or secret ID\""), VC_LOGIN_REFUSED},
    {400, REPLY_ERRORS("\"missing secret_id\""), VC_LOGIN_REFUSED},
    {400,
     REPLY_ERRORS("\"source address \\\"127.0.0.1\\\" unauthorized by CIDR restrictions on the "
                  "role: %!w(<nil>)\""),
     VC_LOGIN_REFUSED},
    {403, REPLY_ERRORS("\"permission denied\""), VC_LOGIN_LOCKED},
    {500, REPLY_ERRORS("\"missing role_id\""), VC_BAD_SETTING},
    {503, REPLY_ERRORS("\"Vault is sealed\""), VC_SEALED},
    {404, REPLY_ERRORS("\"namespace not found\""), VC_NO_NAMESPACE},
    {404, REPLY_ERRORS("\"no handler for route \\\"auth/x/login\\\". route entry not found.\""),
     VC_NO_MOUNT},
    {405, REPLY_ERRORS("\"unsupported operation\""), VC_BAD_REQUEST},
    {429, REPLY_ERRORS("\"rate limit quota exceeded\""), VC_RATE_LIMITED},
    {500, REPLY_ERRORS("\"internal error\""), VC_SERVER_ERROR},
    {307, "", VC_REDIRECT_REFUSED},
    /* a proxy's word does not block the credential */
    {400, "<html>", VC_BAD_REPLY},
    {403, "<html>", VC_BAD_REPLY},
    /* HashiCorp Vault with login MFA (its documentation) */
    {200,
     REPLY_AUTH(AUTH("", "0", "false", "service",
                     "{\"mfa_request_id\":\"d0c9eec7-6921-8cc0-be62-202b289ef163\","
                     "\"mfa_constraints\":{\"x\":{\"any\":[]}}}")),
     VC_LOGIN_REFUSED},
};

START_TEST(each_refusal_has_its_code)
{
    const struct refusal *row = &refusals[_i];

    ck_assert_int_eq(log_in(row->status, row->body), row->code);
    ck_assert_int_eq(err.code, row->code);
    ck_assert_uint_eq(token.value.len, 0);
}
END_TEST

static const char *const unusable_logins[] = {
    "",
    REPLY_AUTH("null"),
    REPLY_AUTH("{}"),
    REPLY_AUTH(AUTH("", "10", "true", "service", "null")),
    REPLY_AUTH(AUTH("a b", "10", "true", "service", "null")),
    REPLY_AUTH(AUTH("a\\r\\nX-Evil: 1", "10", "true", "service", "null")),
    REPLY_AUTH(AUTH("\xc3\xa4", "10", "true", "service", "null")),
    REPLY_AUTH(AUTH("a\\u007f", "10", "true", "service", "null")),
    REPLY_AUTH(AUTH("s.x", "-1", "true", "service", "null")),
    REPLY_AUTH(AUTH("s.x", "\\\"10\\\"", "true", "service", "null")),
    REPLY_AUTH("{\"client_token\":7,\"lease_duration\":10}"),
    REPLY_AUTH("{\"client_token\":\"s.x\"}"),
};

START_TEST(a_login_without_a_token_that_can_be_a_header_is_malformed)
{
    ck_assert_int_eq(log_in(200, unusable_logins[_i]), VC_BAD_REPLY);
    ck_assert_uint_eq(token.value.len, 0);
}
END_TEST

START_TEST(a_token_has_a_greatest_length)
{
    char body[VC_TOKEN_MAX + 200];
    char value[VC_TOKEN_MAX + 2];

    memset(value, 'x', sizeof(value));
    value[VC_TOKEN_MAX] = '\0';
    snprintf(body, sizeof(body), "{\"auth\":{\"client_token\":\"%s\",\"lease_duration\":1}}",
             value);
    ck_assert_int_eq(log_in(200, body), VC_OK);
    value[VC_TOKEN_MAX] = 'x';
    value[VC_TOKEN_MAX + 1] = '\0';
    snprintf(body, sizeof(body), "{\"auth\":{\"client_token\":\"%s\",\"lease_duration\":1}}",
             value);
    ck_assert_int_eq(log_in(200, body), VC_BAD_REPLY);
}
END_TEST

START_TEST(a_refusal_that_echoes_the_credential_does_not_show_it)
{
    log_in(400, REPLY_ERRORS("\"invalid secret id acc4e928-9132-fad0-9e5d-cca8ded6cebd\""));
    ck_assert_ptr_null(strstr(err.message, "acc4e928"));
    ck_assert_ptr_nonnull(strstr(err.message, "invalid secret id"));
}
END_TEST

START_TEST(no_error_shows_the_token)
{
    /* a good status with a token and a TTL that is no number */
    log_in(200, REPLY_AUTH(AUTH(SERVICE_TOKEN, "\"x\"", "true", "service", "null")));
    ck_assert_ptr_null(strstr(err.message, "Ssy5"));
    ck_assert_ptr_null(strstr(err.hint, "Ssy5"));
}
END_TEST

START_TEST(the_parsed_copy_of_the_token_is_wiped_with_the_reply)
{
    /* Longer than any node or string besides it, so that no other wipe can stand for its own. */
    char value[1001];
    char body[1200];

    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    snprintf(body, sizeof(body), "{\"auth\":{\"client_token\":\"%s\",\"lease_duration\":1}}",
             value);
    recorded(&reply, 200, body);
    wipes_forget();
    ck_assert_int_eq(vc_login_read(&reply, &token, &err), VC_OK);
    ck_assert(wiped_somewhere(sizeof(value)));
}
END_TEST

START_TEST(an_old_token_is_wiped_before_the_next_is_read)
{
    const char *value;

    ck_assert_int_eq(log_in(200, SERVICE_LOGIN), VC_OK);
    value = token.value.data;
    wipes_forget();
    ck_assert_int_eq(log_in(503, REPLY_ERRORS("\"Vault is sealed\"")), VC_SEALED);
    ck_assert(wiped(value, sizeof(SERVICE_TOKEN)));
}
END_TEST

START_TEST(each_allocation_of_a_login_that_fails_is_reported_as_such)
{
    enum vc_code code = VC_NO_MEMORY;
    unsigned long nth = 0;

    recorded(&reply, 200, SERVICE_LOGIN);
    while (code != VC_OK) {
        vc_hook_fail_from(++nth);
        code = vc_login_read(&reply, &token, &err);
        vc_hook_fail_from(0);
        ck_assert(code == VC_OK || code == VC_NO_MEMORY);
        ck_assert_uint_lt(nth, 1000);
    }
    ck_assert_uint_gt(nth, 10);
    vc_token_free(&token);
    tracking.fail_from = tracking.allocations + 1;
    ck_assert_int_eq(vc_login_read(&reply, &token, &err), VC_NO_MEMORY);
    tracking.fail_from = 0;
}
END_TEST

/* OpenBao 2.7.2, recorded */
#define LOOKUP(id, creation_ttl, expire, num_uses, renewable, ttl, type)                           \
    REPLY_DATA(                                                                                    \
        "{\"accessor\":\"fDt9TeM2QL17ouHAq2Zvfask\",\"creation_time\":1795411451,"                 \
        "\"creation_ttl\":" creation_ttl ",\"display_name\":\"approle\",\"entity_id\":"            \
        "\"8fb4335d-a793-439f-df1c-29aaa68f63bf\",\"expire_time\":" expire                         \
        ",\"explicit_max_ttl\":0,\"id\":\"" id "\",\"issue_time\":"                                \
        "\"2026-11-23T05:24:11.444654184Z\",\"meta\":{\"role_name\":\"r\"},\"num_uses\":" num_uses \
        ",\"orphan\":true,\"path\":\"auth/approle/login\",\"policies\":"                           \
        "[\"default\"],\"renewable\":" renewable ",\"ttl\":" ttl ",\"type\":\"" type "\"}")

static enum vc_code look_up(long status, const char *body)
{
    return vc_token_lookup_read(recorded(&reply, status, body), &token, &err);
}

START_TEST(a_lookup_tells_what_is_left_of_the_ttl)
{
    ck_assert_int_eq(look_up(200, LOOKUP(SERVICE_TOKEN, "10", "\"2026-11-23T05:24:21.4Z\"", "0",
                                         "true", "7", "service")),
                     VC_OK);
    ck_assert_int_eq(token.ttl, 7);
    ck_assert_int_eq(token.creation_ttl, 10);
    ck_assert(token.renewable && !token.never_expires && !token.batch);
    ck_assert_uint_eq(token.value.len, 0);
}
END_TEST

START_TEST(a_root_token_never_expires)
{
    ck_assert_int_eq(look_up(200, LOOKUP("root", "0", "null", "0", "false", "0", "service")),
                     VC_OK);
    ck_assert(token.never_expires && !token.renewable);
    ck_assert_int_eq(token.ttl, 0);
}
END_TEST

START_TEST(a_ttl_of_0_with_an_expiry_is_not_for_ever)
{
    ck_assert_int_eq(look_up(200, LOOKUP(SERVICE_TOKEN, "10", "\"2026-11-23T05:24:21.4Z\"", "0",
                                         "true", "0", "service")),
                     VC_OK);
    ck_assert(!token.never_expires);
}
END_TEST

START_TEST(a_looked_up_batch_token_is_known_as_such)
{
    ck_assert_int_eq(look_up(200, LOOKUP(BATCH_TOKEN, "3600", "\"2026-11-23T06:24:36Z\"", "0",
                                         "false", "3599", "batch")),
                     VC_OK);
    ck_assert(token.batch && !token.renewable);
}
END_TEST

START_TEST(the_number_of_uses_is_told)
{
    ck_assert_int_eq(look_up(200, LOOKUP(SERVICE_TOKEN, "10", "\"2026-11-23T05:24:21.4Z\"", "2",
                                         "true", "7", "service")),
                     VC_OK);
    ck_assert_int_eq(token.num_uses, 2);
}
END_TEST

START_TEST(a_refused_lookup_is_a_permission_error)
{
    ck_assert_int_eq(look_up(403, REPLY_ERRORS("\"permission denied\"")), VC_PERMISSION_DENIED);
    ck_assert_int_eq(look_up(200, REPLY_DATA("{}")), VC_BAD_REPLY);
    ck_assert_int_eq(look_up(200, ""), VC_BAD_REPLY);
}
END_TEST

static enum vc_code renew(long status, const char *body)
{
    return vc_token_renew_read(recorded(&reply, status, body), &token, &err);
}

START_TEST(a_renewal_gives_the_new_ttl_and_no_value)
{
    ck_assert_int_eq(renew(200, SERVICE_LOGIN), VC_OK);
    ck_assert_int_eq(token.ttl, 10);
    ck_assert_int_eq(token.creation_ttl, 0);
    ck_assert(token.renewable && !token.capped);
    ck_assert_uint_eq(token.value.len, 0);
}
END_TEST

START_TEST(a_renewal_near_max_ttl_is_known_as_capped)
{
    /* OpenBao 2.7.2, recorded: ttl 10 s, max 25 s, renewed at 17 s */
    ck_assert_int_eq(
        renew(200, REPLY_HEAD
              "\"data\":null,\"wrap_info\":null,\"warnings\":[\"TTL of \\\"10s\\\" "
              "exceeded the effective max_ttl of \\\"8s\\\"; TTL value is capped "
              "accordingly\"],\"auth\":" AUTH(SERVICE_TOKEN, "8", "true", "service", "null") "}\n"),
        VC_OK);
    ck_assert(token.capped);
    ck_assert_int_eq(token.ttl, 8);
}
END_TEST

START_TEST(another_warning_does_not_mean_capped)
{
    ck_assert_int_eq(renew(200, "{\"warnings\":[\"something else\"],\"auth\":{\"client_token\":"
                                "\"s.x\",\"lease_duration\":8,\"renewable\":true}}"),
                     VC_OK);
    ck_assert(!token.capped);
}
END_TEST

static const struct refusal refused_renewals[] = {
    {400, REPLY_ERRORS("\"lease is not renewable\""), VC_BAD_REQUEST},
    {400, REPLY_ERRORS("\"batch tokens cannot be renewed\""), VC_BAD_REQUEST},
    {403, REPLY_ERRORS("\"permission denied\""), VC_PERMISSION_DENIED},
    {503, REPLY_ERRORS("\"Vault is sealed\""), VC_SEALED},
    {200, REPLY_AUTH("null"), VC_BAD_REPLY},
    {204, "", VC_BAD_REPLY},
};

START_TEST(each_refused_renewal_has_its_code)
{
    ck_assert_int_eq(renew(refused_renewals[_i].status, refused_renewals[_i].body),
                     refused_renewals[_i].code);
    ck_assert_int_eq(token.ttl, 0);
}
END_TEST

START_TEST(requests_about_the_own_token_carry_it_as_header_only)
{
    vc_token_lookup_request(&request);
    ck_assert_int_eq(request.method, VC_GET);
    ck_assert_str_eq(request.path, "/v1/auth/token/lookup-self");
    ck_assert(request.with_token && request.repeatable && !request.login);
    ck_assert_uint_eq(request.body.len, 0);
    vc_token_revoke_request(&request);
    ck_assert_int_eq(request.method, VC_POST);
    ck_assert_str_eq(request.path, "/v1/auth/token/revoke-self");
    ck_assert(request.with_token && request.repeatable && !request.login);
    ck_assert_uint_eq(request.body.len, 0);
}
END_TEST

START_TEST(a_renewal_may_ask_for_an_increment)
{
    vc_token_renew_request(&request, 3600);
    ck_assert_int_eq(request.method, VC_POST);
    ck_assert_str_eq(request.path, "/v1/auth/token/renew-self");
    ck_assert_str_eq(vc_buf_text(&request.body), "{\"increment\":3600}");
    ck_assert(request.with_token && request.repeatable && !request.login);
}
END_TEST

START_TEST(a_renewal_leaves_the_increment_to_the_role)
{
    vc_token_renew_request(&request, 0);
    ck_assert_str_eq(vc_buf_text(&request.body), "{}");
}
END_TEST

START_TEST(a_revocation_answers_204_and_a_batch_tokens_400)
{
    ck_assert_int_eq(vc_token_revoke_read(recorded(&reply, 204, ""), &err), VC_OK);
    recorded(&reply, 403, REPLY_ERRORS("\"permission denied\""));
    ck_assert_int_eq(vc_token_revoke_read(&reply, &err), VC_PERMISSION_DENIED);
    recorded(&reply, 400, REPLY_ERRORS("\"batch tokens cannot be revoked\""));
    ck_assert_int_eq(vc_token_revoke_read(&reply, &err), VC_BAD_REQUEST);
}
END_TEST

static void add_table(TCase *tests, const TTest *test, int count)
{
    tcase_add_loop_test(tests, test, 0, count);
}

static void add_logins(TCase *tests)
{
    tcase_add_test(tests, an_approle_login_is_sent_once_without_a_token);
    tcase_add_test(tests, a_role_that_binds_no_secret_id_logs_in_without_one);
    tcase_add_test(tests, credentials_are_escaped_in_the_body);
    tcase_add_test(tests, a_certificate_login_may_name_its_role);
    tcase_add_test(tests, a_certificate_login_without_a_role_has_an_empty_object);
    tcase_add_test(tests, a_jwt_login_names_role_and_jwt);
    tcase_add_test(tests, a_missing_empty_or_broken_credential_is_refused_without_quoting_it);
    tcase_add_test(tests, an_auth_mount_that_is_no_plain_path_is_refused);
    tcase_add_test(tests, a_login_without_memory_is_reported);
    tcase_add_test(tests, a_login_gives_a_token_and_its_ttl);
    tcase_add_test(tests, a_batch_token_is_known_as_such);
    tcase_add_test(tests, a_hashicorp_login_reads_alike);
    tcase_add_test(tests, a_ttl_beyond_a_century_is_cut);
    tcase_add_test(tests, a_new_login_leaves_nothing_of_the_old_token);
    add_table(tests, each_refusal_has_its_code, COUNT(refusals));
    add_table(tests, a_login_without_a_token_that_can_be_a_header_is_malformed,
              COUNT(unusable_logins));
    tcase_add_test(tests, a_token_has_a_greatest_length);
    tcase_add_test(tests, a_refusal_that_echoes_the_credential_does_not_show_it);
    tcase_add_test(tests, no_error_shows_the_token);
    tcase_add_test(tests, the_parsed_copy_of_the_token_is_wiped_with_the_reply);
    tcase_add_test(tests, an_old_token_is_wiped_before_the_next_is_read);
    tcase_add_test(tests, each_allocation_of_a_login_that_fails_is_reported_as_such);
}

static void add_token_life(TCase *tests)
{
    tcase_add_test(tests, a_lookup_tells_what_is_left_of_the_ttl);
    tcase_add_test(tests, a_root_token_never_expires);
    tcase_add_test(tests, a_ttl_of_0_with_an_expiry_is_not_for_ever);
    tcase_add_test(tests, a_looked_up_batch_token_is_known_as_such);
    tcase_add_test(tests, the_number_of_uses_is_told);
    tcase_add_test(tests, a_refused_lookup_is_a_permission_error);
    tcase_add_test(tests, a_renewal_gives_the_new_ttl_and_no_value);
    tcase_add_test(tests, a_renewal_near_max_ttl_is_known_as_capped);
    tcase_add_test(tests, another_warning_does_not_mean_capped);
    add_table(tests, each_refused_renewal_has_its_code, COUNT(refused_renewals));
    tcase_add_test(tests, requests_about_the_own_token_carry_it_as_header_only);
    tcase_add_test(tests, a_renewal_may_ask_for_an_increment);
    tcase_add_test(tests, a_renewal_leaves_the_increment_to_the_role);
    tcase_add_test(tests, a_revocation_answers_204_and_a_batch_tokens_400);
}

int main(void)
{
    Suite *suite = suite_create("vault_auth");
    TCase *logins = tcase_create("logging in");
    TCase *life = tcase_create("a token's own life");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(logins, set_up, tear_down);
    tcase_add_checked_fixture(life, set_up, tear_down);
    add_logins(logins);
    add_token_life(life);
    suite_add_tcase(suite, logins);
    suite_add_tcase(suite, life);

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
