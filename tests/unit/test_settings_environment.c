/*
 * test_settings_environment.c - which environment variable becomes which setting (settings.h).
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "settings.h"
#include "tracking_allocator.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define MAX_VARIABLES 8

struct pair {
    const char *name;
    const char *value;
};

static struct pair environment[MAX_VARIABLES];
static int environment_size;
static struct tracking tracking;
static struct vc_settings settings;
static struct vc_error err;
static char file_path[] = "/tmp/test_settings_environment.XXXXXX";

static const char *lookup(const char *name)
{
    for (int i = 0; i < environment_size; i++)
        if (strcmp(environment[i].name, name) == 0)
            return environment[i].value;
    return NULL;
}

static void export(const char *name, const char *value)
{
    ck_assert_int_lt(environment_size, MAX_VARIABLES);
    environment[environment_size++] = (struct pair){.name = name, .value = value};
}

static enum vc_code read_environment(void)
{
    return vc_settings_from_environment(&settings, lookup, &err);
}

static void must_read(void)
{
    ck_assert_msg(read_environment() == VC_OK, "%s", err.message);
}

static void expect_refused(const char *why)
{
    ck_assert_int_eq(read_environment(), VC_BAD_SETTING);
    ck_assert_msg(strstr(err.message, why) != NULL, "%s", err.message);
}

static void set_up(void)
{
    int fd = mkstemp(file_path);

    ck_assert_int_ge(fd, 0);
    close(fd);
    environment_size = 0;
    tracking_init(&tracking);
    vc_settings_init(&settings, &tracking.allocator);
    vc_error_clear(&err);
}

static void tear_down(void)
{
    unlink(file_path);
    vc_settings_free(&settings);
    ck_assert_uint_eq(tracking.blocks, 0);
    ck_assert_uint_eq(tracking.wrong_sizes, 0);
}

static void write_file(const char *text)
{
    FILE *file = fopen(file_path, "w");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    /* A ConfigMap is mounted so: what is no secret may be open to all. */
    ck_assert_int_eq(chmod(file_path, 0644), 0);
}

struct mapping {
    const char *variable;
    size_t offset;
};

#define FIELD(a_name, field)                                                                       \
    {                                                                                              \
        .variable = a_name, .offset = offsetof(struct vc_settings, field)                          \
    }

static const struct mapping mappings[] = {
    FIELD("VAULT_NAMESPACE", namespace_path),
    FIELD("VAULT_CACERT", ca_cert),
    FIELD("VAULT_CAPATH", ca_path),
    FIELD("VAULT_CLIENT_CERT", client_cert),
    FIELD("VAULT_CLIENT_KEY", client_key),
    FIELD("VAULT_TLS_SERVER_NAME", tls_server_name),
    FIELD("VAULT_AUTH_MOUNT", auth_mount),
    FIELD("VAULT_ROLE", auth_role),
    FIELD("VAULT_ROLE_ID", role_id),
    FIELD("VAULT_ROLE_ID_FILE", role_id_file),
    FIELD("VAULT_SECRET_ID", secret_id),
    FIELD("VAULT_SECRET_ID_FILE", secret_id_file),
    FIELD("VAULT_TOKEN", token),
    FIELD("VAULT_TOKEN_FILE", token_file),
    FIELD("VAULT_JWT_FILE", jwt_file),
    FIELD("VAULT_KV_MOUNT", kv_mount),
    FIELD("VAULT_SECRET_PREFIX", secret_prefix),
    FIELD("VAULT_ENVIRONMENT", environment),
};

START_TEST(each_variable_becomes_its_setting)
{
    export(mappings[_i].variable, "value");
    must_read();
    ck_assert_str_eq(*(char **)((char *)&settings + mappings[_i].offset), "value");
}
END_TEST

START_TEST(booleans_and_numbers_become_their_settings)
{
    export("VAULT_SKIP_VERIFY", "true");
    export("VAULT_CLIENT_TIMEOUT", "90s");
    export("VAULT_MAX_RETRIES", "5");
    export("VAULT_SECRET_ID_WRAPPED", "1");
    export("VAULT_AUTH_METHOD", "cert");
    must_read();
    ck_assert(settings.skip_verify);
    ck_assert(settings.secret_id_wrapped);
    ck_assert_int_eq(settings.request_timeout, 90000);
    ck_assert_int_eq(settings.max_retries, 5);
    ck_assert_int_eq(settings.auth_method, VC_AUTH_CERT);
}
END_TEST

START_TEST(an_empty_environment_is_the_defaults)
{
    must_read();
    ck_assert_uint_eq(settings.address_count, 0);
    ck_assert_int_eq(settings.auth_method, VC_AUTH_APPROLE);
    ck_assert_str_eq(settings.kv_mount, "secret");
}
END_TEST

START_TEST(an_empty_variable_counts_as_not_set)
{
    export("VAULT_KV_MOUNT", "");
    export("VAULT_TOKEN", "");
    export("VAULT_TOKEN_FILE", "");
    export("VAULT_ROLE_ID", "r");
    must_read();
    ck_assert_str_eq(settings.kv_mount, "secret");
    ck_assert_int_eq(settings.auth_method, VC_AUTH_APPROLE);
}
END_TEST

START_TEST(baos_address_is_taken_where_vaults_is_not_given)
{
    export("BAO_ADDR", "https://bao");
    must_read();
    ck_assert_str_eq(settings.addresses[0], "https://bao:443");
}
END_TEST

START_TEST(vaults_address_comes_before_baos)
{
    export("BAO_ADDR", "https://bao");
    export("VAULT_ADDR", "https://vault");
    must_read();
    ck_assert_uint_eq(settings.address_count, 1);
    ck_assert_str_eq(settings.addresses[0], "https://vault:443");
}
END_TEST

START_TEST(vaults_address_in_a_file_comes_before_baos_too)
{
    write_file("https://vault\n");
    export("BAO_ADDR", "https://bao");
    export("VAULT_ADDR_FILE", file_path);
    must_read();
    ck_assert_str_eq(settings.addresses[0], "https://vault:443");
}
END_TEST

START_TEST(a_value_may_stand_in_a_file)
{
    write_file("team/kv\n");
    export("VAULT_KV_MOUNT_FILE", file_path);
    must_read();
    ck_assert_str_eq(settings.kv_mount, "team/kv");
}
END_TEST

START_TEST(a_missing_file_is_reported_with_its_path)
{
    unlink(file_path);
    export("VAULT_KV_MOUNT_FILE", file_path);
    ck_assert_int_eq(read_environment(), VC_BAD_FILE);
    ck_assert_ptr_nonnull(strstr(err.message, file_path));
}
END_TEST

START_TEST(a_bad_value_in_a_file_is_reported_with_the_variable)
{
    write_file("../kv");
    export("VAULT_KV_MOUNT_FILE", file_path);
    expect_refused("VAULT_KV_MOUNT_FILE");
    ck_assert_ptr_null(strstr(err.message, "../kv"));
}
END_TEST

START_TEST(files_of_credentials_are_not_read_here)
{
    export("VAULT_ROLE_ID_FILE", "/nowhere/role_id");
    export("VAULT_SECRET_ID_FILE", "/nowhere/secret_id");
    must_read();
    ck_assert_str_eq(settings.role_id_file, "/nowhere/role_id");
    ck_assert_str_eq(settings.secret_id_file, "/nowhere/secret_id");
}
END_TEST

START_TEST(a_value_and_its_file_together_are_refused)
{
    static const struct pair both[] = {
        {"VAULT_TOKEN", "VAULT_TOKEN_FILE"},
        {"VAULT_ROLE_ID", "VAULT_ROLE_ID_FILE"},
        {"VAULT_SECRET_ID", "VAULT_SECRET_ID_FILE"},
        {"VAULT_ADDR", "VAULT_ADDR_FILE"},
        {"VAULT_KV_MOUNT", "VAULT_KV_MOUNT_FILE"},
        {"VAULT_AUTH_METHOD", "VAULT_AUTH_METHOD_FILE"},
    };

    export(both[_i].name, "hunter2");
    export(both[_i].value, file_path);
    expect_refused("are set");
    ck_assert_ptr_nonnull(strstr(err.message, both[_i].name));
    ck_assert_ptr_nonnull(strstr(err.message, both[_i].value));
    ck_assert_ptr_null(strstr(err.message, "hunter2"));
    ck_assert_str_ne(err.hint, "");
}
END_TEST

START_TEST(a_bad_value_is_reported_with_its_variable_and_not_quoted)
{
    export("VAULT_TOKEN", "hunter2\n");
    expect_refused("VAULT_TOKEN");
    ck_assert_ptr_null(strstr(err.message, "hunter2"));
}
END_TEST

struct inference {
    const char *variable;
    enum vc_auth_method method;
};

static const struct inference inferences[] = {
    {"VAULT_ROLE_ID", VC_AUTH_APPROLE},   {"VAULT_ROLE_ID_FILE", VC_AUTH_APPROLE},
    {"VAULT_SECRET_ID", VC_AUTH_APPROLE}, {"VAULT_SECRET_ID_FILE", VC_AUTH_APPROLE},
    {"VAULT_TOKEN", VC_AUTH_TOKEN},       {"VAULT_TOKEN_FILE", VC_AUTH_TOKEN_FILE},
    {"VAULT_JWT_FILE", VC_AUTH_JWT},      {"VAULT_CLIENT_CERT", VC_AUTH_CERT},
};

START_TEST(the_credential_that_is_given_chooses_the_method)
{
    export(inferences[_i].variable, "value");
    must_read();
    ck_assert_int_eq(settings.auth_method, inferences[_i].method);
}
END_TEST

START_TEST(a_client_certificate_beside_a_credential_is_only_tls)
{
    export("VAULT_CLIENT_CERT", "c");
    export("VAULT_TOKEN", "t");
    must_read();
    ck_assert_int_eq(settings.auth_method, VC_AUTH_TOKEN);
}
END_TEST

START_TEST(two_credentials_of_one_method_are_no_conflict)
{
    export("VAULT_ROLE_ID", "r");
    export("VAULT_SECRET_ID_FILE", "f");
    must_read();
    ck_assert_int_eq(settings.auth_method, VC_AUTH_APPROLE);
}
END_TEST

static const struct pair conflicts[] = {
    {"VAULT_ROLE_ID", "VAULT_TOKEN"},        {"VAULT_ROLE_ID_FILE", "VAULT_TOKEN"},
    {"VAULT_SECRET_ID", "VAULT_TOKEN_FILE"}, {"VAULT_SECRET_ID_FILE", "VAULT_JWT_FILE"},
    {"VAULT_TOKEN", "VAULT_JWT_FILE"},       {"VAULT_TOKEN_FILE", "VAULT_JWT_FILE"},
};

START_TEST(credentials_of_two_kinds_are_refused_and_both_are_named)
{
    export(conflicts[_i].name, "hunter2");
    export(conflicts[_i].value, "hunter2");
    expect_refused("VAULT_AUTH_METHOD is not");
    ck_assert_ptr_nonnull(strstr(err.message, conflicts[_i].name));
    ck_assert_ptr_nonnull(strstr(err.message, conflicts[_i].value));
    ck_assert_ptr_nonnull(strstr(err.hint, "VAULT_AUTH_METHOD"));
    ck_assert_ptr_null(strstr(err.message, "hunter2"));
}
END_TEST

START_TEST(a_method_that_is_given_decides_between_two_kinds)
{
    export("VAULT_ROLE_ID", "r");
    export("VAULT_TOKEN", "t");
    export("VAULT_AUTH_METHOD", "approle");
    must_read();
    ck_assert_int_eq(settings.auth_method, VC_AUTH_APPROLE);
}
END_TEST

START_TEST(a_method_that_is_given_in_a_file_decides_too)
{
    write_file("token");
    export("VAULT_ROLE_ID", "r");
    export("VAULT_TOKEN", "t");
    export("VAULT_AUTH_METHOD_FILE", file_path);
    must_read();
    ck_assert_int_eq(settings.auth_method, VC_AUTH_TOKEN);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("settings_environment");
    TCase *tests = tcase_create("variables");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, each_variable_becomes_its_setting, 0, COUNT(mappings));
    tcase_add_test(tests, booleans_and_numbers_become_their_settings);
    tcase_add_test(tests, an_empty_environment_is_the_defaults);
    tcase_add_test(tests, an_empty_variable_counts_as_not_set);
    tcase_add_test(tests, baos_address_is_taken_where_vaults_is_not_given);
    tcase_add_test(tests, vaults_address_comes_before_baos);
    tcase_add_test(tests, vaults_address_in_a_file_comes_before_baos_too);
    tcase_add_test(tests, a_value_may_stand_in_a_file);
    tcase_add_test(tests, a_missing_file_is_reported_with_its_path);
    tcase_add_test(tests, a_bad_value_in_a_file_is_reported_with_the_variable);
    tcase_add_test(tests, files_of_credentials_are_not_read_here);
    tcase_add_loop_test(tests, a_value_and_its_file_together_are_refused, 0, 6);
    tcase_add_test(tests, a_bad_value_is_reported_with_its_variable_and_not_quoted);
    tcase_add_loop_test(tests, the_credential_that_is_given_chooses_the_method, 0,
                        COUNT(inferences));
    tcase_add_test(tests, a_client_certificate_beside_a_credential_is_only_tls);
    tcase_add_test(tests, two_credentials_of_one_method_are_no_conflict);
    tcase_add_loop_test(tests, credentials_of_two_kinds_are_refused_and_both_are_named, 0,
                        COUNT(conflicts));
    tcase_add_test(tests, a_method_that_is_given_decides_between_two_kinds);
    tcase_add_test(tests, a_method_that_is_given_in_a_file_decides_too);

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
