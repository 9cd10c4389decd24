/*
 * test_secret_file.c - which files are taken for a secret, on real files (secret_file.h).
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "secret_file.h"
#include "tracking_allocator.h"
#include "wipe_recorder.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define OTHER_USER 65534 /* nobody: any user but root will do */

static char directory[] = "/tmp/test_secret_file.XXXXXX";
static char path[64];
static struct tracking tracking;
static struct vc_buf out;
static struct vc_error err;

static void make_directory(void)
{
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(chmod(directory, 0711), 0);
    snprintf(path, sizeof(path), "%s/secret", directory);
    tracking_init(&tracking);
    vc_buf_init(&out, &tracking.allocator, VC_SECRET_FILE_MAX);
}

static void remove_directory(void)
{
    vc_buf_free(&out);
    ck_assert_uint_eq(tracking.blocks, 0);
    unlink(path);
    rmdir(directory);
}

static void write_file(const void *bytes, size_t len, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, len), (ssize_t)len);
    ck_assert_int_eq(fchmod(fd, mode), 0);
    close(fd);
}

static enum vc_code read_file(void)
{
    return vc_secret_file_read(path, true, &out, NULL, &err);
}

/* The file is refused, the message names it and says why, and nothing of it is left. */
static void expect_refused(const char *why)
{
    ck_assert_int_eq(read_file(), VC_BAD_FILE);
    ck_assert_int_eq(err.code, VC_BAD_FILE);
    ck_assert_ptr_nonnull(strstr(err.message, path));
    ck_assert_msg(strstr(err.message, why) != NULL, "%s", err.message);
    ck_assert_str_eq(vc_buf_text(&out), "");
    ck_assert(!out.failed);
}

struct content {
    const char *bytes;
    const char *secret;
};

static const struct content contents[] = {
    {"s3cr3t", "s3cr3t"},     {"s3cr3t\n", "s3cr3t"},   {"s3cr3t\n\n", "s3cr3t"},
    {"s3cr3t\r\n", "s3cr3t"}, {" s3cr3t ", " s3cr3t "}, {"two\nlines\n", "two\nlines"},
    {"\ns", "\ns"},
};

START_TEST(a_secret_is_the_content_without_newlines_at_its_end)
{
    write_file(contents[_i].bytes, strlen(contents[_i].bytes), 0600);
    ck_assert_int_eq(read_file(), VC_OK);
    ck_assert_str_eq(vc_buf_text(&out), contents[_i].secret);
    ck_assert_uint_eq(out.len, strlen(contents[_i].secret));
}
END_TEST

START_TEST(what_the_buffer_held_before_is_replaced)
{
    vc_buf_append_text(&out, "the last secret");
    write_file("new", 3, 0600);
    ck_assert_int_eq(read_file(), VC_OK);
    ck_assert_str_eq(vc_buf_text(&out), "new");
}
END_TEST

START_TEST(a_missing_file_is_refused)
{
    expect_refused("No such file or directory");
}
END_TEST

START_TEST(a_missing_file_empties_the_buffer)
{
    vc_buf_append_text(&out, "the last secret");
    expect_refused("could not open");
}
END_TEST

START_TEST(an_empty_file_is_refused)
{
    write_file("", 0, 0600);
    expect_refused("is empty");
}
END_TEST

START_TEST(a_file_of_newlines_only_is_refused)
{
    write_file("\r\n\n", 3, 0600);
    expect_refused("is empty");
}
END_TEST

START_TEST(a_nul_byte_is_refused_wherever_it_stands)
{
    static const char bytes[3][4] = {"\0ab", "a\0b", "ab\0"};

    write_file(bytes[_i], 3, 0600);
    expect_refused("NUL");
}
END_TEST

START_TEST(the_largest_file_is_read_whole)
{
    char *bytes = malloc(VC_SECRET_FILE_MAX);

    for (int i = 0; i < VC_SECRET_FILE_MAX; i++)
        bytes[i] = (char)('a' + i % 26);
    write_file(bytes, VC_SECRET_FILE_MAX, 0600);
    ck_assert_int_eq(read_file(), VC_OK);
    ck_assert_uint_eq(out.len, VC_SECRET_FILE_MAX);
    ck_assert_mem_eq(out.data, bytes, VC_SECRET_FILE_MAX);
    free(bytes);
}
END_TEST

START_TEST(one_byte_more_than_the_largest_is_refused)
{
    char *bytes = malloc(VC_SECRET_FILE_MAX + 1);

    vc_buf_free(&out);
    vc_buf_init(&out, &tracking.allocator, (size_t)2 * VC_SECRET_FILE_MAX);
    memset(bytes, 'x', VC_SECRET_FILE_MAX + 1);
    write_file(bytes, VC_SECRET_FILE_MAX + 1, 0600);
    expect_refused("larger than 65536 bytes");
    free(bytes);
}
END_TEST

START_TEST(a_file_beyond_the_buffers_own_cap_is_refused)
{
    vc_buf_free(&out);
    vc_buf_init(&out, &tracking.allocator, 3);
    write_file("four", 4, 0600);
    ck_assert_int_eq(read_file(), VC_BAD_FILE);
    ck_assert_ptr_nonnull(strstr(err.message, "larger than 3 bytes"));
}
END_TEST

START_TEST(a_directory_is_refused)
{
    ck_assert_int_eq(mkdir(path, 0700), 0);
    expect_refused("not a regular file");
    rmdir(path);
}
END_TEST

START_TEST(a_fifo_without_writer_is_refused_and_not_waited_for)
{
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    expect_refused("not a regular file");
}
END_TEST

START_TEST(a_device_is_refused)
{
    ck_assert_int_eq(symlink("/dev/zero", path), 0);
    expect_refused("not a regular file");
}
END_TEST

START_TEST(a_symlink_is_followed_as_kubernetes_needs_it)
{
    char target[80];

    snprintf(target, sizeof(target), "%s/target", directory);
    write_file("s3cr3t", 6, 0600);
    ck_assert_int_eq(rename(path, target), 0);
    ck_assert_int_eq(symlink(target, path), 0);
    ck_assert_int_eq(read_file(), VC_OK);
    ck_assert_str_eq(vc_buf_text(&out), "s3cr3t");
    unlink(target);
}
END_TEST

START_TEST(a_file_that_others_can_touch_is_refused_with_the_remedy)
{
    static const mode_t modes[] = {0604, 0602, 0601, 0620, 0610, 0666, 0777};

    write_file("s3cr3t", 6, modes[_i]);
    expect_refused("open to others");
    ck_assert_ptr_nonnull(strstr(err.hint, "chmod 0600"));
    ck_assert_ptr_nonnull(strstr(err.hint, path));
}
END_TEST

START_TEST(a_file_that_only_its_owner_can_read_is_accepted)
{
    static const mode_t modes[] = {0600, 0400, 0700};

    write_file("s3cr3t", 6, modes[_i]);
    ck_assert_int_eq(read_file(), VC_OK);
}
END_TEST

START_TEST(roots_file_may_be_read_by_its_group)
{
    if (geteuid() != 0)
        return;
    write_file("s3cr3t", 6, 0640);
    ck_assert_int_eq(read_file(), VC_OK);
    ck_assert_int_eq(chown(path, 0, OTHER_USER), 0);
    ck_assert_int_eq(setegid(OTHER_USER), 0);
    ck_assert_int_eq(seteuid(OTHER_USER), 0);
    ck_assert_int_eq(read_file(), VC_OK);
    ck_assert_int_eq(seteuid(0), 0);
    ck_assert_int_eq(setegid(0), 0);
}
END_TEST

START_TEST(another_users_file_may_not_be_read_by_its_group)
{
    enum vc_code code;

    write_file("s3cr3t", 6, 0640);
    if (geteuid() == 0) {
        ck_assert_int_eq(chown(path, OTHER_USER, OTHER_USER), 0);
        ck_assert_int_eq(seteuid(OTHER_USER), 0);
        code = read_file();
        ck_assert_int_eq(seteuid(0), 0);
    } else {
        code = read_file();
    }
    ck_assert_int_eq(code, VC_BAD_FILE);
    ck_assert_ptr_nonnull(strstr(err.message, "open to others (mode 0640)"));
}
END_TEST

START_TEST(a_file_of_a_third_user_is_refused_even_for_root)
{
    if (geteuid() != 0)
        return;
    write_file("s3cr3t", 6, 0600);
    ck_assert_int_eq(chown(path, OTHER_USER, OTHER_USER), 0);
    expect_refused("belongs to user id 65534");
    ck_assert_ptr_nonnull(strstr(err.hint, "chown 0 "));
}
END_TEST

START_TEST(a_file_that_is_no_secret_may_be_open_to_all)
{
    write_file("role", 4, 0666);
    ck_assert_int_eq(vc_secret_file_read(path, false, &out, NULL, &err), VC_OK);
    ck_assert_str_eq(vc_buf_text(&out), "role");
}
END_TEST

START_TEST(without_memory_the_file_itself_is_not_blamed)
{
    write_file("s3cr3t", 6, 0600);
    tracking.fail_from = 1;
    ck_assert_int_eq(read_file(), VC_NO_MEMORY);
}
END_TEST

START_TEST(no_descriptor_is_left_open)
{
    int before = open("/dev/null", O_RDONLY);
    int after;

    close(before);
    write_file("s3cr3t", 6, 0600);
    read_file();
    write_file("", 0, 0600);
    read_file();
    after = open("/dev/null", O_RDONLY);
    close(after);
    ck_assert_int_eq(after, before);
}
END_TEST

/* The stack copy is gone: some wipe covered a whole chunk. */
START_TEST(the_copy_used_for_reading_is_wiped)
{
    struct vc_file_stamp stamp;

    write_file("s3cr3t", 6, 0600);
    wipes_forget();
    ck_assert_int_eq(vc_secret_file_read(path, true, &out, &stamp, &err), VC_OK);
    ck_assert(wiped_somewhere(4096));
}
END_TEST

static void stamps_around(struct vc_file_stamp *before, struct vc_file_stamp *after,
                          void (*change)(void))
{
    struct timespec tick = {.tv_nsec = 20000000}; /* beyond the clock tick that stamps a file */

    write_file("s3cr3t", 6, 0600);
    vc_file_stamp_get(path, before);
    nanosleep(&tick, NULL);
    change();
    vc_file_stamp_get(path, after);
}

static void change_nothing(void)
{
    ck_assert_int_eq(read_file(), VC_OK);
}

static void rewrite_same_content(void)
{
    write_file("s3cr3t", 6, 0600);
}

static void rename_another_over_it(void)
{
    char other[80];

    snprintf(other, sizeof(other), "%s.new", path);
    ck_assert_int_eq(rename(path, other), 0);
    write_file("s3cr3t", 6, 0600);
    unlink(other);
}

static void remove_it(void)
{
    unlink(path);
}

START_TEST(reading_a_file_does_not_change_its_stamp)
{
    struct vc_file_stamp before, after;

    stamps_around(&before, &after, change_nothing);
    ck_assert(vc_file_stamp_equal(&before, &after));
}
END_TEST

START_TEST(a_file_that_is_rewritten_replaced_or_removed_has_another_stamp)
{
    static void (*const changes[])(void) = {rewrite_same_content, rename_another_over_it,
                                            remove_it};
    struct vc_file_stamp before, after;

    stamps_around(&before, &after, changes[_i]);
    ck_assert(!vc_file_stamp_equal(&before, &after));
}
END_TEST

START_TEST(each_part_of_a_stamp_counts)
{
    const struct vc_file_stamp parts[] = {
        {.present = true}, {.device = 1},     {.inode = 1},     {.size = 1},
        {.mtime_sec = 1},  {.mtime_nsec = 1}, {.ctime_sec = 1}, {.ctime_nsec = 1},
    };
    const struct vc_file_stamp none = {.present = false};

    ck_assert(!vc_file_stamp_equal(&parts[_i], &none));
    ck_assert(vc_file_stamp_equal(&parts[_i], &parts[_i]));
}
END_TEST

START_TEST(a_stamp_is_what_stat_says)
{
    struct vc_file_stamp stamp;
    struct stat status;

    write_file("s3cr3t", 6, 0600);
    ck_assert_int_eq(stat(path, &status), 0);
    vc_file_stamp_get(path, &stamp);
    ck_assert(stamp.present);
    ck_assert_uint_eq(stamp.device, status.st_dev);
    ck_assert_uint_eq(stamp.inode, status.st_ino);
    ck_assert_uint_eq(stamp.size, 6);
    ck_assert_int_eq(stamp.mtime_sec, status.st_mtim.tv_sec);
    ck_assert_int_eq(stamp.mtime_nsec, status.st_mtim.tv_nsec);
    ck_assert_int_eq(stamp.ctime_sec, status.st_ctim.tv_sec);
    ck_assert_int_eq(stamp.ctime_nsec, status.st_ctim.tv_nsec);
}
END_TEST

START_TEST(a_missing_file_has_the_stamp_of_nothing)
{
    struct vc_file_stamp stamp, none = {.present = false};

    vc_file_stamp_get(path, &stamp);
    ck_assert(vc_file_stamp_equal(&stamp, &none));
}
END_TEST

START_TEST(reading_gives_the_stamp_of_what_was_read)
{
    struct vc_file_stamp read, seen;

    write_file("s3cr3t", 6, 0600);
    ck_assert_int_eq(vc_secret_file_read(path, true, &out, &read, &err), VC_OK);
    vc_file_stamp_get(path, &seen);
    ck_assert(read.present);
    ck_assert(vc_file_stamp_equal(&read, &seen));
}
END_TEST

START_TEST(a_refused_file_has_its_stamp_so_that_a_change_is_noticed)
{
    struct vc_file_stamp read, seen;

    write_file("s3cr3t", 6, 0666);
    ck_assert_int_eq(vc_secret_file_read(path, true, &out, &read, &err), VC_BAD_FILE);
    vc_file_stamp_get(path, &seen);
    ck_assert(vc_file_stamp_equal(&read, &seen));
}
END_TEST

START_TEST(a_missing_file_clears_the_callers_stamp)
{
    struct vc_file_stamp stamp = {.present = true, .inode = 5};

    ck_assert_int_eq(vc_secret_file_read(path, true, &out, &stamp, &err), VC_BAD_FILE);
    ck_assert(!stamp.present);
    ck_assert_uint_eq(stamp.inode, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("secret_file");
    TCase *tests = tcase_create("files and stamps");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, make_directory, remove_directory);
    tcase_add_loop_test(tests, a_secret_is_the_content_without_newlines_at_its_end, 0,
                        COUNT(contents));
    tcase_add_test(tests, what_the_buffer_held_before_is_replaced);
    tcase_add_test(tests, a_missing_file_is_refused);
    tcase_add_test(tests, a_missing_file_empties_the_buffer);
    tcase_add_test(tests, an_empty_file_is_refused);
    tcase_add_test(tests, a_file_of_newlines_only_is_refused);
    tcase_add_loop_test(tests, a_nul_byte_is_refused_wherever_it_stands, 0, 3);
    tcase_add_test(tests, the_largest_file_is_read_whole);
    tcase_add_test(tests, one_byte_more_than_the_largest_is_refused);
    tcase_add_test(tests, a_file_beyond_the_buffers_own_cap_is_refused);
    tcase_add_test(tests, a_directory_is_refused);
    tcase_add_test(tests, a_fifo_without_writer_is_refused_and_not_waited_for);
    tcase_add_test(tests, a_device_is_refused);
    tcase_add_test(tests, a_symlink_is_followed_as_kubernetes_needs_it);
    tcase_add_loop_test(tests, a_file_that_others_can_touch_is_refused_with_the_remedy, 0, 7);
    tcase_add_loop_test(tests, a_file_that_only_its_owner_can_read_is_accepted, 0, 3);
    tcase_add_test(tests, roots_file_may_be_read_by_its_group);
    tcase_add_test(tests, another_users_file_may_not_be_read_by_its_group);
    tcase_add_test(tests, a_file_of_a_third_user_is_refused_even_for_root);
    tcase_add_test(tests, a_file_that_is_no_secret_may_be_open_to_all);
    tcase_add_test(tests, without_memory_the_file_itself_is_not_blamed);
    tcase_add_test(tests, no_descriptor_is_left_open);
    tcase_add_test(tests, the_copy_used_for_reading_is_wiped);
    tcase_add_test(tests, reading_a_file_does_not_change_its_stamp);
    tcase_add_loop_test(tests, a_file_that_is_rewritten_replaced_or_removed_has_another_stamp, 0,
                        3);
    tcase_add_loop_test(tests, each_part_of_a_stamp_counts, 0, 8);
    tcase_add_test(tests, a_stamp_is_what_stat_says);
    tcase_add_test(tests, a_missing_file_has_the_stamp_of_nothing);
    tcase_add_test(tests, reading_gives_the_stamp_of_what_was_read);
    tcase_add_test(tests, a_refused_file_has_its_stamp_so_that_a_change_is_noticed);
    tcase_add_test(tests, a_missing_file_clears_the_callers_stamp);

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
