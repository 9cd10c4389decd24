/*
 * test_tenant_layout.c - which names are accepted, and which paths they give (tenant_layout.h).
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tenant_layout.h"

#define SIXTY_THREE "a23456789012345678901234567890123456789012345678901234567890123"
#define THIRTY_TWO "a2345678901234567890123456789012"

static const char *const valid_names[] = {"acme", "a", "0", "a-b_c", "9lives", "a--", SIXTY_THREE};

static const char *const invalid_names[] = {
    "",     "..",  "a/b", "/",   "%2f",      "a%2fb", "Acme",  "ACME",          "_a",
    "-a",   "a.b", "a b", "a\n", "\n",       "a\\b",  "a?b",   "a#b",           "a'b",
    "a\"b", "a;b", "*",   "a*",  "\xc3\xa4", "a\x7f", "a\x01", SIXTY_THREE "4",
};

START_TEST(a_tenant_name_of_the_design_is_accepted)
{
    ck_assert(vc_tenant_name_valid(valid_names[_i], strlen(valid_names[_i])));
    ck_assert_int_eq(vc_tenant_name_check(valid_names[_i], strlen(valid_names[_i]), NULL), VC_OK);
}
END_TEST

START_TEST(any_other_tenant_name_is_refused_with_a_message_and_a_hint)
{
    const char *name = invalid_names[_i];
    struct vc_error err;

    ck_assert(!vc_tenant_name_valid(name, strlen(name)));
    ck_assert_int_eq(vc_tenant_name_check(name, strlen(name), &err), VC_BAD_NAME);
    ck_assert_ptr_nonnull(strstr(err.message, "tenant name"));
    ck_assert(err.hint[0] != '\0');
}
END_TEST

START_TEST(a_nul_inside_a_name_is_refused)
{
    ck_assert(!vc_tenant_name_valid("ac\0me", 5));
    ck_assert(!vc_path_valid("ac\0me", 5));
}
END_TEST

START_TEST(a_name_need_not_be_terminated)
{
    ck_assert(vc_tenant_name_valid("acme/../x", 4));
}
END_TEST

START_TEST(no_name_at_all_is_refused)
{
    ck_assert(!vc_tenant_name_valid(NULL, 0));
    ck_assert(!vc_environment_valid(NULL));
    ck_assert(!vc_path_valid(NULL, 0));
    ck_assert_int_eq(vc_tenant_name_check(NULL, 0, NULL), VC_BAD_NAME);
    ck_assert_int_eq(vc_environment_check(NULL, NULL), VC_BAD_NAME);
    ck_assert_int_eq(vc_path_check(NULL, 0, NULL), VC_BAD_NAME);
}
END_TEST

START_TEST(a_message_shows_no_control_byte_of_a_refused_name)
{
    struct vc_error err;

    vc_tenant_name_check("a\nLOG:  forged", 14, &err);
    ck_assert_ptr_null(strchr(err.message, '\n'));
    ck_assert_ptr_nonnull(strstr(err.message, "a?LOG"));
}
END_TEST

START_TEST(a_message_about_a_long_name_says_how_long_it_is)
{
    struct vc_error err;
    char name[1000];

    memset(name, 'a', sizeof(name));
    vc_tenant_name_check(name, sizeof(name), &err);
    ck_assert_ptr_nonnull(strstr(err.message, "1000 bytes"));
    ck_assert_ptr_nonnull(strstr(err.message, "63"));
}
END_TEST

START_TEST(an_environment_has_at_most_32_characters)
{
    struct vc_error err;

    ck_assert(vc_environment_valid("dev"));
    ck_assert(vc_environment_valid(THIRTY_TWO));
    ck_assert(!vc_environment_valid(THIRTY_TWO "3"));
    ck_assert(!vc_environment_valid(""));
    ck_assert(!vc_environment_valid("Dev"));
    ck_assert(!vc_environment_valid("../prod"));
    ck_assert_int_eq(vc_environment_check("../prod", &err), VC_BAD_NAME);
    ck_assert_ptr_nonnull(strstr(err.message, "environment name"));
}
END_TEST

static const char *const valid_paths[] = {
    "a", "a/b/c", "Dev/x.y", "...", "a/...", "..a", "a b/c", "~x/@y/+z=1:2,3-4_5",
};

static const char *const invalid_paths[] = {
    "",     "/",     "/a",     "a/",       "a//b",  ".",    "..",   "./a", "../a", "a/.",
    "a/..", "a/./b", "a/../b", "a%2fb",    "a%",    "a\\b", "a?b",  "a#b", "a\nb", "a*",
    "a\tb", "a&b",   "a;b",    "\xc3\xa4", "a\x7f", "a'b",  "a\"b", "a<b", "a|b",  "a$b",
};

START_TEST(a_plain_path_is_accepted)
{
    ck_assert(vc_path_valid(valid_paths[_i], strlen(valid_paths[_i])));
}
END_TEST

START_TEST(a_path_that_vault_would_decode_or_clean_is_refused)
{
    struct vc_error err;

    ck_assert(!vc_path_valid(invalid_paths[_i], strlen(invalid_paths[_i])));
    ck_assert_int_eq(vc_path_check(invalid_paths[_i], strlen(invalid_paths[_i]), &err),
                     VC_BAD_NAME);
    ck_assert_ptr_nonnull(strstr(err.message, "path"));
}
END_TEST

START_TEST(a_path_has_at_most_512_bytes)
{
    char path[VC_PATH_MAX + 1];

    memset(path, 'p', sizeof(path));
    ck_assert(vc_path_valid(path, VC_PATH_MAX));
    ck_assert(!vc_path_valid(path, VC_PATH_MAX + 1));
}
END_TEST

START_TEST(the_paths_are_those_of_the_design)
{
    char out[VC_PATH_MAX + 1];

    ck_assert_int_eq(vc_platform_path(out, sizeof(out), "saas-project", "dev", "database", NULL),
                     VC_OK);
    ck_assert_str_eq(out, "saas-project/dev/database");
    ck_assert_int_eq(vc_tenant_path(out, sizeof(out), "saas-project", "dev", "acme", "s3", NULL),
                     VC_OK);
    ck_assert_str_eq(out, "saas-project/dev/tenants/acme/s3");
    ck_assert_int_eq(vc_tenants_path(out, sizeof(out), "team/saas", "dev", NULL), VC_OK);
    ck_assert_str_eq(out, "team/saas/dev/tenants");
    ck_assert_int_eq(vc_secret_path(out, sizeof(out), "saas-project", "dev/jwt", NULL), VC_OK);
    ck_assert_str_eq(out, "saas-project/dev/jwt");
}
END_TEST

START_TEST(each_part_of_a_path_is_checked_again)
{
    char out[VC_PATH_MAX + 1] = "left over";

    ck_assert_int_eq(vc_tenant_path(out, sizeof(out), "p", "dev", "../x", "database", NULL),
                     VC_BAD_NAME);
    ck_assert_str_eq(out, "");
    ck_assert_int_eq(vc_tenant_path(out, sizeof(out), "p", "..", "acme", "database", NULL),
                     VC_BAD_NAME);
    ck_assert_int_eq(vc_tenant_path(out, sizeof(out), "p/..", "dev", "acme", "database", NULL),
                     VC_BAD_NAME);
    ck_assert_int_eq(vc_tenant_path(out, sizeof(out), "p", "dev", "acme", "../x", NULL),
                     VC_BAD_NAME);
    ck_assert_int_eq(vc_platform_path(out, sizeof(out), "p", "dev", "a//b", NULL), VC_BAD_NAME);
    ck_assert_int_eq(vc_secret_path(out, sizeof(out), "", "x", NULL), VC_BAD_NAME);
    ck_assert_int_eq(vc_secret_path(out, sizeof(out), "p", "../x", NULL), VC_BAD_NAME);
    ck_assert_int_eq(vc_tenants_path(out, sizeof(out), "p", NULL, NULL), VC_BAD_NAME);
}
END_TEST

START_TEST(a_whole_path_of_512_bytes_fits_and_one_more_is_refused)
{
    char out[2 * VC_PATH_MAX], path[VC_PATH_MAX + 1];
    struct vc_error err;

    memset(path, 'p', sizeof(path));
    path[VC_PATH_MAX - 2] = '\0'; /* "x/" before it */
    ck_assert_int_eq(vc_secret_path(out, sizeof(out), "x", path, &err), VC_OK);
    ck_assert_uint_eq(strlen(out), VC_PATH_MAX);
    path[VC_PATH_MAX - 2] = 'p';
    path[VC_PATH_MAX - 1] = '\0';
    ck_assert_int_eq(vc_secret_path(out, sizeof(out), "x", path, &err), VC_BAD_NAME);
    ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(a_path_is_never_written_beyond_the_callers_memory)
{
    char out[8] = "abcdefg";

    ck_assert_int_eq(vc_secret_path(out, 7, "abc", "def", NULL), VC_BAD_NAME);
    ck_assert_int_eq(out[7], '\0');
    ck_assert_int_eq(vc_secret_path(out, 8, "abc", "def", NULL), VC_OK);
    ck_assert_str_eq(out, "abc/def");
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

int main(void)
{
    Suite *suite = suite_create("tenant_layout");
    TCase *tests = tcase_create("names and paths");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, a_tenant_name_of_the_design_is_accepted, 0, COUNT(valid_names));
    tcase_add_loop_test(tests, any_other_tenant_name_is_refused_with_a_message_and_a_hint, 0,
                        COUNT(invalid_names));
    tcase_add_test(tests, a_nul_inside_a_name_is_refused);
    tcase_add_test(tests, a_name_need_not_be_terminated);
    tcase_add_test(tests, no_name_at_all_is_refused);
    tcase_add_test(tests, a_message_shows_no_control_byte_of_a_refused_name);
    tcase_add_test(tests, a_message_about_a_long_name_says_how_long_it_is);
    tcase_add_test(tests, an_environment_has_at_most_32_characters);
    tcase_add_loop_test(tests, a_plain_path_is_accepted, 0, COUNT(valid_paths));
    tcase_add_loop_test(tests, a_path_that_vault_would_decode_or_clean_is_refused, 0,
                        COUNT(invalid_paths));
    tcase_add_test(tests, a_path_has_at_most_512_bytes);
    tcase_add_test(tests, the_paths_are_those_of_the_design);
    tcase_add_test(tests, each_part_of_a_path_is_checked_again);
    tcase_add_test(tests, a_whole_path_of_512_bytes_fits_and_one_more_is_refused);
    tcase_add_test(tests, a_path_is_never_written_beyond_the_callers_memory);

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
