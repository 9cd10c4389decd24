/*
 * test_token_store.c - a token's file on a real file system (token_store.h).
 */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "secret_file.h"
#include "token_store.h"

static char folder[64];
static char path[128];

static void set_up(void)
{
    snprintf(folder, sizeof(folder), "/tmp/token_store.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/token", folder);
}

static unsigned entries(void)
{
    DIR *dir = opendir(folder);
    unsigned count = 0;
    struct dirent *entry;

    while ((entry = readdir(dir)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static void tear_down(void)
{
    unlink(path);
    rmdir(folder);
}

START_TEST(what_is_written_is_read_back)
{
    struct vc_error err;
    struct vc_buf token;

    vc_buf_init(&token, &vc_wiping_allocator, VC_SECRET_FILE_MAX);
    ck_assert_int_eq(vc_token_store_write(path, "s.abc", &err), VC_OK);
    ck_assert_int_eq(vc_secret_file_read(path, true, &token, NULL, &err), VC_OK);
    ck_assert_str_eq(token.data, "s.abc");
    vc_buf_free(&token);
}
END_TEST

START_TEST(the_file_is_closed_to_others_whatever_the_umask)
{
    struct stat info;
    struct vc_error err;

    umask(0);
    ck_assert_int_eq(vc_token_store_write(path, "s.abc", &err), VC_OK);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_int_eq(info.st_mode & 07777, 0600);
}
END_TEST

START_TEST(an_open_file_is_replaced_by_a_closed_one)
{
    struct stat info;
    struct vc_error err;
    FILE *open_file = fopen(path, "w");

    ck_assert_int_eq(chmod(path, 0666), 0);
    ck_assert_int_eq(vc_token_store_write(path, "s.new", &err), VC_OK);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_int_eq(info.st_mode & 07777, 0600);
    /* Who had the old one open does not see the new token. */
    ck_assert_int_eq(fstat(fileno(open_file), &info), 0);
    ck_assert_int_eq(info.st_size, 0);
    fclose(open_file);
}
END_TEST

START_TEST(a_symlink_is_replaced_and_not_written_through)
{
    char target[128];
    struct stat info;
    struct vc_error err;

    snprintf(target, sizeof(target), "%s.target", folder);
    fclose(fopen(target, "w"));
    ck_assert_int_eq(symlink(target, path), 0);
    ck_assert_int_eq(vc_token_store_write(path, "s.abc", &err), VC_OK);
    ck_assert_int_eq(stat(target, &info), 0);
    ck_assert_int_eq(info.st_size, 0);
    ck_assert_int_eq(lstat(path, &info), 0);
    ck_assert(S_ISREG(info.st_mode));
    unlink(target);
}
END_TEST

START_TEST(nothing_is_left_beside_it)
{
    struct vc_error err;

    ck_assert_int_eq(vc_token_store_write(path, "s.abc", &err), VC_OK);
    ck_assert_int_eq(vc_token_store_write(path, "s.def", &err), VC_OK);
    ck_assert_uint_eq(entries(), 1);
}
END_TEST

START_TEST(a_rename_that_fails_leaves_nothing_behind)
{
    struct vc_error err;

    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(vc_token_store_write(path, "s.abc", &err), VC_BAD_FILE);
    ck_assert_uint_eq(entries(), 1);
    rmdir(path);
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_an_error_that_names_the_file_and_not_the_token)
{
    struct vc_error err;

    ck_assert_int_eq(vc_token_store_write("/nowhere/at/all", "s.abc", &err), VC_BAD_FILE);
    ck_assert_ptr_nonnull(strstr(err.message, "/nowhere/at/all"));
    ck_assert_ptr_null(strstr(err.message, "s.abc"));
}
END_TEST

START_TEST(removing_what_is_not_there_is_no_error)
{
    struct vc_error err;

    vc_token_store_remove(path);
    ck_assert_int_eq(vc_token_store_write(path, "s.abc", &err), VC_OK);
    vc_token_store_remove(path);
    ck_assert_uint_eq(entries(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("token_store");
    TCase *tests = tcase_create("token_store");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, what_is_written_is_read_back);
    tcase_add_test(tests, the_file_is_closed_to_others_whatever_the_umask);
    tcase_add_test(tests, an_open_file_is_replaced_by_a_closed_one);
    tcase_add_test(tests, a_symlink_is_replaced_and_not_written_through);
    tcase_add_test(tests, nothing_is_left_beside_it);
    tcase_add_test(tests, a_rename_that_fails_leaves_nothing_behind);
    tcase_add_test(tests,
                   a_folder_that_is_not_there_is_an_error_that_names_the_file_and_not_the_token);
    tcase_add_test(tests, removing_what_is_not_there_is_no_error);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
