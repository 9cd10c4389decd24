/*
 * test_allocator.c - memory that is given up is wiped, and any allocation can be made to fail
 * (allocator.h).
 */
#include <check.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "tracking_allocator.h"
#include "wipe_recorder.h"

static const struct vc_allocator *const wiping = &vc_wiping_allocator;

static void *wiping_resize(void *ptr, size_t old_size, size_t new_size)
{
    return wiping->resize(wiping->ctx, ptr, old_size, new_size);
}

START_TEST(memory_is_wiped_before_it_is_freed)
{
    char *secret = wiping_resize(NULL, 0, 32);

    wipes_forget();
    ck_assert_ptr_null(wiping_resize(secret, 32, 0));
    ck_assert(wiped(secret, 32));
}
END_TEST

START_TEST(the_old_place_is_wiped_when_memory_grows)
{
    char *secret = wiping_resize(NULL, 0, 8);
    char *grown;

    memcpy(secret, "hunter2", 8);
    wipes_forget();
    grown = wiping_resize(secret, 8, 4096);
    ck_assert(wiped(secret, 8));
    ck_assert_str_eq(grown, "hunter2");
    wiping_resize(grown, 4096, 0);
}
END_TEST

START_TEST(memory_that_shrinks_keeps_its_beginning)
{
    char *secret = wiping_resize(NULL, 0, 64);
    char *shrunk;

    memset(secret, 'x', 64);
    shrunk = wiping_resize(secret, 64, 4);
    ck_assert_mem_eq(shrunk, "xxxx", 4);
    wiping_resize(shrunk, 4, 0);
}
END_TEST

START_TEST(memory_stays_valid_where_it_cannot_grow)
{
    char *text = vc_strdup(wiping, "kept");
    volatile size_t impossible = SIZE_MAX / 2;

    ck_assert_ptr_null(wiping_resize(text, 5, impossible));
    ck_assert_str_eq(text, "kept");
    vc_strfree(wiping, text);
}
END_TEST

START_TEST(new_memory_is_zeroed)
{
    struct tracking tracking;
    static const char zeros[100];
    char *ptr;

    tracking_init(&tracking);
    ptr = vc_alloc(&tracking.allocator, sizeof(zeros));
    ck_assert_mem_eq(ptr, zeros, sizeof(zeros));
    vc_free(&tracking.allocator, ptr, sizeof(zeros));
    ck_assert_uint_eq(tracking.blocks, 0);
}
END_TEST

START_TEST(a_copy_of_text_ends_at_a_nul_so_that_its_size_is_known)
{
    struct tracking tracking;
    char *copy;

    tracking_init(&tracking);
    copy = vc_strndup(&tracking.allocator, "ab\0cd", 5);
    ck_assert_str_eq(copy, "ab");
    vc_strfree(&tracking.allocator, copy);
    ck_assert_uint_eq(tracking.wrong_sizes, 0);
    ck_assert_uint_eq(tracking.blocks, 0);
}
END_TEST

START_TEST(a_copy_of_part_of_a_text_is_terminated)
{
    char *copy = vc_strndup(wiping, "abcdef", 3);

    ck_assert_str_eq(copy, "abc");
    vc_strfree(wiping, copy);
}
END_TEST

START_TEST(no_text_has_no_copy_and_is_freed_in_peace)
{
    ck_assert_ptr_null(vc_strdup(wiping, NULL));
    ck_assert_ptr_null(vc_strndup(wiping, NULL, 3));
    vc_strfree(wiping, NULL);
    vc_free(wiping, NULL, 10);
    vc_hook_free(NULL);
}
END_TEST

START_TEST(each_function_returns_null_where_there_is_no_memory)
{
    struct tracking tracking;

    tracking_init(&tracking);
    tracking.fail_from = 1;
    ck_assert_ptr_null(vc_alloc(&tracking.allocator, 1));
    ck_assert_ptr_null(vc_strdup(&tracking.allocator, "a"));
    ck_assert_ptr_null(vc_strndup(&tracking.allocator, "a", 1));
}
END_TEST

START_TEST(a_librarys_memory_is_wiped_whole_before_it_is_freed)
{
    void *ptr = vc_hook_malloc(20);
    size_t size = malloc_usable_size(ptr);

    wipes_forget();
    vc_hook_free(ptr);
    ck_assert(wiped(ptr, size));
}
END_TEST

START_TEST(a_librarys_memory_is_wiped_when_it_moves)
{
    char *ptr = vc_hook_strdup("hunter2");
    char *moved;

    wipes_forget();
    moved = vc_hook_realloc(ptr, 5000);
    ck_assert(wiped(ptr, sizeof("hunter2")));
    ck_assert_str_eq(moved, "hunter2");
    vc_hook_free(moved);
}
END_TEST

START_TEST(a_librarys_realloc_shrinks_and_allocates_as_realloc_does)
{
    char *ptr = vc_hook_realloc(NULL, 100);

    memset(ptr, 'y', 100);
    ptr = vc_hook_realloc(ptr, 3);
    ck_assert_mem_eq(ptr, "yyy", 3);
    ptr = vc_hook_realloc(ptr, 0);
    ck_assert_ptr_nonnull(ptr);
    vc_hook_free(ptr);
}
END_TEST

START_TEST(a_librarys_calloc_is_zeroed_and_refuses_to_overflow)
{
    static const char zeros[64];
    void *ptr = vc_hook_calloc(8, 8);
    volatile size_t huge = SIZE_MAX / 2;

    ck_assert_mem_eq(ptr, zeros, sizeof(zeros));
    vc_hook_free(ptr);
    ck_assert_ptr_null(vc_hook_calloc(huge, 4));
}
END_TEST

START_TEST(the_nth_allocation_of_a_library_fails_and_each_later_one)
{
    char *kept;

    vc_hook_fail_from(3);
    vc_hook_free(vc_hook_malloc(1));
    kept = vc_hook_strdup("kept");
    ck_assert_ptr_nonnull(kept);
    ck_assert_ptr_null(vc_hook_calloc(1, 1));
    ck_assert_ptr_null(vc_hook_malloc(1));
    ck_assert_ptr_null(vc_hook_strdup("a"));
    ck_assert_ptr_null(vc_hook_realloc(kept, 100));
    ck_assert_str_eq(kept, "kept");

    vc_hook_fail_from(0);
    kept = vc_hook_realloc(kept, 100);
    ck_assert_str_eq(kept, "kept");
    vc_hook_free(kept);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("allocator");
    TCase *tests = tcase_create("wiping and failing");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, memory_is_wiped_before_it_is_freed);
    tcase_add_test(tests, the_old_place_is_wiped_when_memory_grows);
    tcase_add_test(tests, memory_that_shrinks_keeps_its_beginning);
    tcase_add_test(tests, memory_stays_valid_where_it_cannot_grow);
    tcase_add_test(tests, new_memory_is_zeroed);
    tcase_add_test(tests, a_copy_of_text_ends_at_a_nul_so_that_its_size_is_known);
    tcase_add_test(tests, a_copy_of_part_of_a_text_is_terminated);
    tcase_add_test(tests, no_text_has_no_copy_and_is_freed_in_peace);
    tcase_add_test(tests, each_function_returns_null_where_there_is_no_memory);
    tcase_add_test(tests, a_librarys_memory_is_wiped_whole_before_it_is_freed);
    tcase_add_test(tests, a_librarys_memory_is_wiped_when_it_moves);
    tcase_add_test(tests, a_librarys_realloc_shrinks_and_allocates_as_realloc_does);
    tcase_add_test(tests, a_librarys_calloc_is_zeroed_and_refuses_to_overflow);
    tcase_add_test(tests, the_nth_allocation_of_a_library_fails_and_each_later_one);

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
