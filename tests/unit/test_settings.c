/*
 * test_settings.c - which values a setting takes, and what must hold between settings (settings.h).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "settings.h"
#include "tracking_allocator.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

static struct tracking tracking;
static struct vc_settings settings;
static struct vc_error err;

static void set_up(void)
{
    tracking_init(&tracking);
    vc_settings_init(&settings, &tracking.allocator);
    vc_error_clear(&err);
}

static void tear_down(void)
{
    vc_settings_free(&settings);
    ck_assert_uint_eq(tracking.blocks, 0);
    ck_assert_uint_eq(tracking.wrong_sizes, 0);
}

static enum vc_code set(const char *name, const char *value)
{
    return vc_settings_set(&settings, name, value, &err);
}

static void must_set(const char *name, const char *value)
{
    ck_assert_msg(set(name, value) == VC_OK, "%s: %s", name, err.message);
}

/* Refused, the message names the setting, and quotes no value. */
static void expect_refused(const char *name, const char *value)
{
    char quoted[64];

    snprintf(quoted, sizeof(quoted), "setting \"%s\"", name);
    ck_assert_msg(set(name, value) == VC_BAD_SETTING, "%s = %s was taken", name, value);
    ck_assert_msg(strstr(err.message, quoted) != NULL, "%s", err.message);
    ck_assert_ptr_null(strstr(err.message, "hunter2"));
}

START_TEST(the_defaults_are_those_of_the_design)
{
    ck_assert_uint_eq(settings.address_count, 0);
    ck_assert_ptr_null(settings.namespace_path);
    ck_assert(!settings.skip_verify);
    ck_assert_int_eq(settings.auth_method, VC_AUTH_APPROLE);
    ck_assert_str_eq(settings.auth_mount, "approle");
    ck_assert_str_eq(settings.kv_mount, "secret");
    ck_assert_str_eq(settings.secret_prefix, "saas-project");
    ck_assert_str_eq(settings.environment, "dev");
    ck_assert_int_eq(settings.request_timeout, 10000);
    ck_assert_int_eq(settings.connect_timeout, 3000);
    ck_assert_int_eq(settings.max_retries, 2);
    ck_assert_double_eq(settings.renew_threshold, 0.75);
    ck_assert_int_eq(settings.renew_check_interval, 60000);
    ck_assert_double_eq(settings.max_request_rate, 1000);
}
END_TEST

struct pair {
    const char *name;
    const char *value;
};

struct string_field {
    const char *name;
    size_t offset;
};

#define FIELD(a_name, field)                                                                       \
    {                                                                                              \
        .name = a_name, .offset = offsetof(struct vc_settings, field)                              \
    }

static const struct string_field string_fields[] = {
    FIELD("namespace", namespace_path),
    FIELD("ca_cert", ca_cert),
    FIELD("ca_path", ca_path),
    FIELD("client_cert", client_cert),
    FIELD("client_key", client_key),
    FIELD("tls_server_name", tls_server_name),
    FIELD("auth_mount", auth_mount),
    FIELD("role", auth_role),
    FIELD("role_id", role_id),
    FIELD("role_id_file", role_id_file),
    FIELD("secret_id", secret_id),
    FIELD("secret_id_file", secret_id_file),
    FIELD("token", token),
    FIELD("token_file", token_file),
    FIELD("jwt_file", jwt_file),
    FIELD("token_store", token_store),
    FIELD("kv_mount", kv_mount),
    FIELD("prefix", secret_prefix),
    FIELD("environment", environment),
};

static const char *string_of(const struct vc_settings *of, const struct string_field *field)
{
    return *(char *const *)((const char *)of + field->offset);
}

START_TEST(each_name_sets_its_own_field_and_no_other)
{
    struct vc_settings before = settings;

    must_set(string_fields[_i].name, "value");
    for (int i = 0; i < COUNT(string_fields); i++) {
        if (i == _i)
            ck_assert_str_eq(string_of(&settings, &string_fields[i]), "value");
        else
            ck_assert_ptr_eq(string_of(&settings, &string_fields[i]),
                             string_of(&before, &string_fields[i]));
    }
}
END_TEST

START_TEST(an_empty_or_absent_value_restores_the_default)
{
    const struct string_field *field = &string_fields[_i];
    struct vc_settings fresh;

    vc_settings_init(&fresh, &tracking.allocator);
    for (int empty = 0; empty < 2; empty++) {
        must_set(field->name, "value");
        must_set(field->name, empty ? "" : NULL);
        ck_assert_pstr_eq(string_of(&settings, field), string_of(&fresh, field));
    }
    vc_settings_free(&fresh);
}
END_TEST

START_TEST(booleans_numbers_and_durations_reach_their_fields)
{
    must_set("skip_verify", "true");
    must_set("secret_id_wrapped", "1");
    must_set("request_timeout", "1m30s");
    must_set("connect_timeout", "250ms");
    must_set("max_retries", "0");
    must_set("renew_threshold", "0.5");
    must_set("renew_check_interval", "5");
    must_set("max_request_rate", "12.5");
    ck_assert(settings.skip_verify);
    ck_assert(settings.secret_id_wrapped);
    ck_assert_int_eq(settings.request_timeout, 90000);
    ck_assert_int_eq(settings.connect_timeout, 250);
    ck_assert_int_eq(settings.max_retries, 0);
    ck_assert_double_eq(settings.renew_threshold, 0.5);
    ck_assert_int_eq(settings.renew_check_interval, 5000);
    ck_assert_double_eq(settings.max_request_rate, 12.5);

    must_set("skip_verify", "");
    must_set("request_timeout", "");
    must_set("max_retries", NULL);
    ck_assert(!settings.skip_verify);
    ck_assert_int_eq(settings.request_timeout, 10000);
    ck_assert_int_eq(settings.max_retries, 2);
}
END_TEST

static const struct pair refusals[] = {
    {"skip_verify", "yes"},
    {"skip_verify", "hunter2"},
    {"secret_id_wrapped", "on"},
    {"auth_method", "AppRole"},
    {"auth_method", "hunter2"},
    {"auth_mount", "a//b"},
    {"auth_mount", "../sys"},
    {"auth_mount", "/"},
    {"kv_mount", "a/../b"},
    {"kv_mount", "a?b"},
    {"kv_mount", "a%2fb"},
    {"kv_mount", "."},
    {"prefix", "//"},
    {"prefix", "a//b"},
    {"prefix", "hunter2\n"},
    {"namespace", "a\r\nX-Vault-Token: x"},
    {"namespace", "a/./b"},
    {"environment", "Dev"},
    {"environment", "a/b"},
    {"environment", ".."},
    {"environment", "-a"},
    {"environment", "a23456789012345678901234567890123"},
    {"tls_server_name", "a b"},
    {"tls_server_name", "a/b"},
    {"ca_cert", "a\nb"},
    {"token", "hunter2\r\nX: y"},
    {"token", "hun ter2"},
    {"token", "hunter2\n"},
    {"token", "hunter2\xc3\xa4"},
    {"role_id", "hunter2\n"},
    {"secret_id", "hunter2\x01"},
    {"secret_id", "hunter2\xff"},
    {"role", "a\x7f"},
    {"request_timeout", "0"},
    {"request_timeout", "0s"},
    {"request_timeout", "-1s"},
    {"request_timeout", "61m"},
    {"request_timeout", "999999999999999999999999h"},
    {"request_timeout", "soon"},
    {"connect_timeout", "1us"},
    {"max_retries", "-1"},
    {"max_retries", "1.5"},
    {"max_retries", "101"},
    {"max_retries", "99999999999999999999"},
    {"max_retries", "two"},
    {"renew_threshold", "0"},
    {"renew_threshold", "1"},
    {"renew_threshold", "0.75x"},
    {"renew_threshold", "nan"},
    {"renew_check_interval", "1ms"},
    {"renew_check_interval", "25h"},
    {"max_request_rate", "0"},
    {"max_request_rate", "inf"},
    {"max_request_rate", "1000001"},
    {"address", "https://user:hunter2@vault"},
    {"address", "vault"},
    {"address", "https://a,"},
    {"address", ",https://a"},
    {"address", "https://a,,https://b"},
    {"address", "https://a;https://b"},
};

START_TEST(a_bad_value_is_refused_by_name_and_never_quoted)
{
    expect_refused(refusals[_i].name, refusals[_i].value);
}
END_TEST

START_TEST(after_a_refusal_the_old_value_stands)
{
    must_set("address", "https://a");
    must_set("kv_mount", "kv");
    must_set("auth_method", "jwt");
    must_set("request_timeout", "5s");
    expect_refused("address", "https://b,nonsense");
    expect_refused("kv_mount", "..");
    expect_refused("auth_method", "x");
    expect_refused("request_timeout", "x");
    ck_assert_uint_eq(settings.address_count, 1);
    ck_assert_str_eq(settings.addresses[0], "https://a:443");
    ck_assert_str_eq(settings.kv_mount, "kv");
    ck_assert_int_eq(settings.auth_method, VC_AUTH_JWT);
    ck_assert_str_eq(settings.auth_mount, "jwt");
    ck_assert_int_eq(settings.request_timeout, 5000);
}
END_TEST

START_TEST(an_unknown_name_is_refused)
{
    ck_assert_int_eq(set("adress", "https://a"), VC_BAD_SETTING);
    ck_assert_ptr_nonnull(strstr(err.message, "unknown setting \"adress\""));
}
END_TEST

START_TEST(a_value_has_a_greatest_length)
{
    char text[8194];

    memset(text, 'a', sizeof(text) - 1);
    text[8193] = '\0';
    expect_refused("token", text);
    expect_refused("secret_id", text);
    expect_refused("ca_cert", text);
    text[8192] = '\0';
    must_set("token", text);
    expect_refused("ca_cert", text);
    text[4096] = '\0';
    expect_refused("ca_cert", text);
    text[4095] = '\0';
    must_set("ca_cert", text);
}
END_TEST

START_TEST(a_list_of_addresses_keeps_its_order)
{
    must_set("address", "https://b:8200, http://a ,https://[::1]/");
    ck_assert_uint_eq(settings.address_count, 3);
    ck_assert_str_eq(settings.addresses[0], "https://b:8200");
    ck_assert_str_eq(settings.addresses[1], "http://a:80");
    ck_assert_str_eq(settings.addresses[2], "https://[::1]:443");
}
END_TEST

START_TEST(an_address_given_twice_counts_once)
{
    must_set("address", "https://a,https://b,HTTPS://A:443/,https://b");
    ck_assert_uint_eq(settings.address_count, 2);
}
END_TEST

START_TEST(eight_addresses_fit_and_a_ninth_does_not)
{
    must_set("address", "http://1,http://2,http://3,http://4,http://5,http://6,http://7,http://8");
    ck_assert_uint_eq(settings.address_count, VC_MAX_ADDRESSES);
    must_set("address", "http://1,http://2,http://3,http://4,http://5,http://6,http://7,http://8,"
                        "http://1");
    expect_refused("address", "http://1,http://2,http://3,http://4,http://5,http://6,http://7,"
                              "http://8,http://9");
}
END_TEST

START_TEST(addresses_are_replaced_and_taken_away)
{
    must_set("address", "https://a,https://b");
    must_set("address", "https://c");
    ck_assert_uint_eq(settings.address_count, 1);
    ck_assert_ptr_null(settings.addresses[1]);
    must_set("address", "");
    ck_assert_uint_eq(settings.address_count, 0);
}
END_TEST

START_TEST(slashes_around_a_mount_are_taken_off)
{
    must_set("kv_mount", "/team/kv/");
    must_set("auth_mount", "approle-eu/");
    must_set("prefix", "a/b/");
    must_set("namespace", "/ns1/ns2/");
    ck_assert_str_eq(settings.kv_mount, "team/kv");
    ck_assert_str_eq(settings.auth_mount, "approle-eu");
    ck_assert_str_eq(settings.secret_prefix, "a/b");
    ck_assert_str_eq(settings.namespace_path, "ns1/ns2");
}
END_TEST

struct method {
    const char *name;
    enum vc_auth_method method;
    const char *mount;
};

static const struct method methods[] = {
    {"approle", VC_AUTH_APPROLE, "approle"},
    {"token", VC_AUTH_TOKEN, "token"},
    {"token_file", VC_AUTH_TOKEN_FILE, "token"},
    {"cert", VC_AUTH_CERT, "cert"},
    {"jwt", VC_AUTH_JWT, "jwt"},
    {"kubernetes", VC_AUTH_JWT, "kubernetes"},
};

START_TEST(a_method_brings_its_own_mount)
{
    must_set("auth_method", methods[_i].name);
    ck_assert_int_eq(settings.auth_method, methods[_i].method);
    ck_assert_str_eq(settings.auth_mount, methods[_i].mount);
}
END_TEST

START_TEST(a_mount_that_was_given_survives_a_change_of_method)
{
    must_set("auth_mount", "mine");
    must_set("auth_method", methods[_i].name);
    ck_assert_str_eq(settings.auth_mount, "mine");
    must_set("auth_mount", "");
    ck_assert_str_eq(settings.auth_mount, methods[_i].mount);
}
END_TEST

START_TEST(an_empty_mount_does_not_depend_on_the_order_of_settings)
{
    must_set("auth_mount", "");
    must_set("auth_method", "kubernetes");
    ck_assert_str_eq(settings.auth_mount, "kubernetes");
    must_set("auth_mount", "");
    ck_assert_str_eq(settings.auth_mount, "kubernetes");
}
END_TEST

START_TEST(a_copy_shares_nothing_and_equals_the_original)
{
    struct vc_settings copy;

    must_set("address", "https://a,https://b");
    for (int i = 0; i < COUNT(string_fields); i++)
        must_set(string_fields[i].name, "value");
    must_set("request_timeout", "7s");
    ck_assert_int_eq(vc_settings_copy(&copy, &settings, &err), VC_OK);
    ck_assert(vc_settings_same_identity(&settings, &copy));
    ck_assert_int_eq(copy.request_timeout, 7000);
    for (int i = 0; i < COUNT(string_fields); i++) {
        ck_assert_str_eq(string_of(&copy, &string_fields[i]), "value");
        ck_assert_ptr_ne(string_of(&copy, &string_fields[i]),
                         string_of(&settings, &string_fields[i]));
    }
    ck_assert_str_eq(copy.addresses[1], "https://b:443");
    ck_assert_ptr_ne(copy.addresses[1], settings.addresses[1]);
    vc_settings_free(&copy);
}
END_TEST

START_TEST(a_copy_that_finds_no_memory_leaves_nothing)
{
    struct vc_settings copy;
    size_t blocks;
    enum vc_code code = VC_NO_MEMORY;

    must_set("address", _i == 0 ? NULL : "https://a,https://b");
    must_set("token", "x");
    blocks = tracking.blocks;
    for (unsigned long nth = 1; code == VC_NO_MEMORY; nth++) {
        tracking.fail_from = tracking.allocations + nth;
        code = vc_settings_copy(&copy, &settings, &err);
        tracking.fail_from = 0;
        if (code == VC_NO_MEMORY) {
            ck_assert_uint_eq(tracking.blocks, blocks);
            vc_settings_free(&copy);
        }
    }
    ck_assert_uint_eq(tracking.blocks, 2 * blocks);
    vc_settings_free(&copy);
}
END_TEST

START_TEST(each_value_that_finds_no_memory_leaves_the_old_one)
{
    static const struct pair changes[] = {
        {"address", "https://c,https://d"},
        {"token", "new"},
        {"kv_mount", "new"},
        {"auth_method", "cert"},
        {"auth_mount", "new"},
    };
    enum vc_code code = VC_NO_MEMORY;

    must_set("address", "https://a");
    must_set("token", "old");
    for (unsigned long nth = 1; code == VC_NO_MEMORY; nth++) {
        tracking.fail_from = tracking.allocations + nth;
        code = set(changes[_i].name, changes[_i].value);
        tracking.fail_from = 0;
        if (code != VC_NO_MEMORY)
            break;
        ck_assert_str_eq(settings.addresses[0], "https://a:443");
        ck_assert_str_eq(settings.token, "old");
        ck_assert_str_eq(settings.kv_mount, "secret");
        ck_assert_int_eq(settings.auth_method, VC_AUTH_APPROLE);
        ck_assert_str_eq(settings.auth_mount, "approle");
    }
    ck_assert_int_eq(code, VC_OK);
}
END_TEST

START_TEST(a_default_that_found_no_memory_is_reported_by_the_check)
{
    char **defaults[] = {&settings.auth_mount, &settings.kv_mount, &settings.secret_prefix,
                         &settings.environment};
    struct vc_settings poor;

    tracking.fail_from = tracking.allocations + 1;
    vc_settings_init(&poor, &tracking.allocator);
    tracking.fail_from = 0;
    ck_assert_int_eq(vc_settings_check(&poor, &err), VC_NO_MEMORY);
    vc_settings_free(&poor);

    /* Any single one of them: */
    vc_strfree(&tracking.allocator, *defaults[_i]);
    *defaults[_i] = NULL;
    must_set("address", "https://a");
    must_set("role_id", "r");
    must_set("secret_id", "s");
    ck_assert_int_eq(vc_settings_check(&settings, &err), VC_NO_MEMORY);
}
END_TEST

START_TEST(settings_may_be_freed_twice)
{
    vc_settings_free(&settings);
    vc_settings_free(&settings);
    vc_settings_init(&settings, &tracking.allocator);
}
END_TEST

/* Up to six settings, the last one {NULL, NULL}, and what the check says: NULL is "nothing". */
struct combination {
    struct pair pairs[6];
    const char *complaint;
};

static const struct combination combinations[] = {
    {{{"address", "https://a"}, {"role_id", "r"}, {"secret_id", "s"}}, NULL},
    {{{"address", "https://a"}, {"role_id", "r"}, {"secret_id_file", "f"}}, NULL},
    {{{"address", "https://a"}, {"role_id_file", "r"}, {"secret_id_file", "f"}}, NULL},
    {{{"role_id", "r"}, {"secret_id", "s"}}, "address of Vault is not set"},
    {{{"address", "https://a"}, {"secret_id", "s"}}, "role_id is not set"},
    {{{"address", "https://a"}, {"role_id", "r"}}, "secret_id is not set"},
    {{{"address", "https://a"}, {"role_id", "r"}, {"role_id_file", "f"}, {"secret_id", "s"}},
     "both role_id and role_id_file"},
    {{{"address", "https://a"}, {"role_id", "r"}, {"secret_id", "s"}, {"secret_id_file", "f"}},
     "both secret_id and secret_id_file"},
    {{{"address", "https://a"}, {"auth_method", "token"}, {"token", "t"}}, NULL},
    {{{"address", "https://a"}, {"auth_method", "token"}, {"token_file", "t"}}, "token is not set"},
    {{{"address", "https://a"}, {"auth_method", "token_file"}, {"token_file", "t"}}, NULL},
    {{{"address", "https://a"}, {"auth_method", "token_file"}, {"token", "t"}},
     "token_file is not set"},
    {{{"address", "https://a"}, {"auth_method", "cert"}, {"client_cert", "c"}}, NULL},
    {{{"address", "https://a"}, {"auth_method", "cert"}}, "client_cert is not set"},
    {{{"address", "https://a,http://b"}, {"auth_method", "cert"}, {"client_cert", "c"}},
     "needs https"},
    {{{"address", "https://a"}, {"auth_method", "jwt"}, {"jwt_file", "j"}, {"role", "r"}}, NULL},
    {{{"address", "https://a"}, {"auth_method", "jwt"}, {"role", "r"}}, "jwt_file is not set"},
    {{{"address", "https://a"}, {"auth_method", "jwt"}, {"jwt_file", "j"}}, "role is not set"},
    {{{"address", "https://a"}, {"role_id", "r"}, {"secret_id", "s"}, {"client_key", "k"}},
     "client_key is set without client_cert"},
};

START_TEST(the_check_says_what_is_missing_or_too_much_with_a_hint)
{
    const struct combination *combination = &combinations[_i];

    for (const struct pair *pair = combination->pairs; pair->name != NULL; pair++)
        must_set(pair->name, pair->value);
    if (combination->complaint == NULL) {
        ck_assert_msg(vc_settings_check(&settings, &err) == VC_OK, "%s", err.message);
        return;
    }
    ck_assert_int_eq(vc_settings_check(&settings, &err), VC_BAD_SETTING);
    ck_assert_msg(strstr(err.message, combination->complaint) != NULL, "%s", err.message);
    ck_assert_str_ne(err.hint, "");
}
END_TEST

static const struct pair other_identities[] = {
    {"address", "https://a"},
    {"address", "https://a,https://c"},
    {"address", "https://a,https://b,https://c"},
    {"namespace", "other"},
    {"tls_server_name", "other"},
    {"client_cert", "other"},
    {"client_key", "other"},
    {"auth_method", "cert"},
    {"auth_mount", "other"},
    {"role", "other"},
    {"role_id", "other"},
    {"role_id_file", "other"},
    {"secret_id", "other"},
    {"secret_id_file", "other"},
    {"secret_id_wrapped", "true"},
    {"token", "other"},
    {"token_file", "other"},
    {"jwt_file", "other"},
    {"namespace", ""},
};

START_TEST(a_token_of_another_server_or_login_is_of_no_use)
{
    struct vc_settings other;

    must_set("address", "https://a,https://b");
    must_set("namespace", "ns");
    must_set("auth_mount", "mine");
    ck_assert_int_eq(vc_settings_copy(&other, &settings, &err), VC_OK);
    ck_assert(vc_settings_same_identity(&settings, &other));
    must_set(other_identities[_i].name, other_identities[_i].value);
    ck_assert(!vc_settings_same_identity(&settings, &other));
    ck_assert(!vc_settings_same_identity(&other, &settings));
    vc_settings_free(&other);
}
END_TEST

static const struct pair same_identities[] = {
    {"address", "https://b,https://a"},
    {"ca_cert", "other"},
    {"ca_path", "other"},
    {"request_timeout", "1s"},
    {"connect_timeout", "1s"},
    {"max_retries", "1"},
    {"kv_mount", "other"},
    {"prefix", "other"},
    {"environment", "other"},
    {"token_store", "other"},
    {"max_request_rate", "1"},
    {"auth_mount", "approle"},
};

START_TEST(a_token_outlives_changes_that_have_nothing_to_do_with_it)
{
    struct vc_settings other;

    must_set("address", "https://a,https://b");
    ck_assert_int_eq(vc_settings_copy(&other, &settings, &err), VC_OK);
    must_set(same_identities[_i].name, same_identities[_i].value);
    ck_assert(vc_settings_same_identity(&settings, &other));
    vc_settings_free(&other);
}
END_TEST

static void add_table(TCase *tests, const TTest *test, int count)
{
    tcase_add_loop_test(tests, test, 0, count);
}

int main(void)
{
    Suite *suite = suite_create("settings");
    TCase *tests = tcase_create("values and what holds between them");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, the_defaults_are_those_of_the_design);
    add_table(tests, each_name_sets_its_own_field_and_no_other, COUNT(string_fields));
    add_table(tests, an_empty_or_absent_value_restores_the_default, COUNT(string_fields));
    tcase_add_test(tests, booleans_numbers_and_durations_reach_their_fields);
    add_table(tests, a_bad_value_is_refused_by_name_and_never_quoted, COUNT(refusals));
    tcase_add_test(tests, after_a_refusal_the_old_value_stands);
    tcase_add_test(tests, an_unknown_name_is_refused);
    tcase_add_test(tests, a_value_has_a_greatest_length);
    tcase_add_test(tests, a_list_of_addresses_keeps_its_order);
    tcase_add_test(tests, an_address_given_twice_counts_once);
    tcase_add_test(tests, eight_addresses_fit_and_a_ninth_does_not);
    tcase_add_test(tests, addresses_are_replaced_and_taken_away);
    tcase_add_test(tests, slashes_around_a_mount_are_taken_off);
    add_table(tests, a_method_brings_its_own_mount, COUNT(methods));
    add_table(tests, a_mount_that_was_given_survives_a_change_of_method, COUNT(methods));
    tcase_add_test(tests, an_empty_mount_does_not_depend_on_the_order_of_settings);
    tcase_add_test(tests, a_copy_shares_nothing_and_equals_the_original);
    tcase_add_loop_test(tests, a_copy_that_finds_no_memory_leaves_nothing, 0, 2);
    add_table(tests, each_value_that_finds_no_memory_leaves_the_old_one, 5);
    tcase_add_loop_test(tests, a_default_that_found_no_memory_is_reported_by_the_check, 0, 4);
    tcase_add_test(tests, settings_may_be_freed_twice);
    add_table(tests, the_check_says_what_is_missing_or_too_much_with_a_hint, COUNT(combinations));
    add_table(tests, a_token_of_another_server_or_login_is_of_no_use, COUNT(other_identities));
    add_table(tests, a_token_outlives_changes_that_have_nothing_to_do_with_it,
              COUNT(same_identities));

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
