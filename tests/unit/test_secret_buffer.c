/*
 * test_secret_buffer.c - a byte string that grows to its cap, fails as a whole, and leaves nothing
 * behind (secret_buffer.h).
 */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "secret_buffer.h"
#include "tracking_allocator.h"
#include "wipe_recorder.h"

#define LARGE 100000

static struct tracking tracking;
static struct vc_buf buf;

static void init(size_t max)
{
    tracking_init(&tracking);
    vc_buf_init(&buf, &tracking.allocator, max);
}

/* Nothing is left over, and each block was given back with its own size. */
static void finish(void)
{
    vc_buf_free(&buf);
    ck_assert_uint_eq(tracking.blocks, 0);
    ck_assert_uint_eq(tracking.wrong_sizes, 0);
}

START_TEST(a_new_buffer_is_an_empty_text)
{
    init(10);
    ck_assert_str_eq(vc_buf_text(&buf), "");
    ck_assert_ptr_null(buf.data);
    ck_assert_uint_eq(tracking.allocations, 0);
    finish();
}
END_TEST

START_TEST(appended_bytes_follow_each_other_and_are_terminated)
{
    init(LARGE);
    ck_assert(vc_buf_append(&buf, "a\0b", 3));
    ck_assert(vc_buf_append_text(&buf, "cd"));
    ck_assert_uint_eq(buf.len, 5);
    ck_assert_mem_eq(buf.data, "a\0bcd", 6);
    finish();
}
END_TEST

START_TEST(appending_nothing_makes_a_terminated_empty_text)
{
    init(10);
    ck_assert(vc_buf_append(&buf, NULL, 0));
    ck_assert_ptr_nonnull(buf.data);
    ck_assert_str_eq(buf.data, "");
    finish();
}
END_TEST

START_TEST(a_long_text_in_small_pieces_arrives_whole)
{
    init(LARGE);
    for (int i = 0; i < LARGE; i++)
        ck_assert(vc_buf_append(&buf, &"0123456789"[i % 10], 1));
    for (int i = 0; i < LARGE; i++)
        ck_assert_int_eq(buf.data[i], '0' + i % 10);
    ck_assert_int_eq(buf.data[LARGE], '\0');
    ck_assert_uint_lt(tracking.allocations, 20);
    finish();
}
END_TEST

START_TEST(exactly_the_cap_fits)
{
    init(1000);
    for (int i = 0; i < 1000; i++)
        ck_assert(vc_buf_append(&buf, "x", 1));
    ck_assert_uint_eq(buf.len, 1000);
    ck_assert_uint_le(buf.capacity, 1001);
    finish();
}
END_TEST

START_TEST(one_byte_more_than_the_cap_loses_everything)
{
    init(4);
    vc_buf_append_text(&buf, "abcd");
    ck_assert(!vc_buf_append(&buf, "e", 1));
    ck_assert(buf.failed);
    ck_assert(buf.too_large);
    ck_assert_str_eq(vc_buf_text(&buf), "");
    ck_assert_uint_eq(buf.len, 0);
    ck_assert_uint_eq(tracking.blocks, 0);
    finish();
}
END_TEST

START_TEST(no_length_can_overflow_the_cap)
{
    init(SIZE_MAX);
    vc_buf_append_text(&buf, "abc");
    ck_assert(!vc_buf_append(&buf, "x", SIZE_MAX - 1));
    ck_assert(buf.too_large);
    finish();
}
END_TEST

START_TEST(a_failed_buffer_takes_nothing_more)
{
    init(4);
    vc_buf_append_text(&buf, "abcde");
    ck_assert(!vc_buf_append_text(&buf, "a"));
    ck_assert(!vc_buf_append_format(&buf, "%d", 1));
    ck_assert(!vc_buf_append_percent(&buf, "a"));
    ck_assert(!vc_buf_append_json(&buf, "a"));
    ck_assert_str_eq(vc_buf_text(&buf), "");
    finish();
}
END_TEST

START_TEST(without_memory_it_fails_but_is_not_too_large)
{
    init(LARGE);
    tracking.fail_from = 2;
    vc_buf_append_text(&buf, "the first block");
    for (int i = 0; i < 1000; i++)
        vc_buf_append_text(&buf, "0123456789");
    ck_assert(buf.failed);
    ck_assert(!buf.too_large);
    ck_assert_uint_eq(tracking.blocks, 0);
    finish();
}
END_TEST

START_TEST(a_failure_wipes_the_content)
{
    const char *content;
    size_t capacity;

    vc_buf_init(&buf, &vc_wiping_allocator, 10);
    vc_buf_append_text(&buf, "hunter2");
    content = buf.data;
    capacity = buf.capacity;
    wipes_forget();
    vc_buf_append_text(&buf, "too long by far");
    ck_assert(wiped(content, capacity));
}
END_TEST

START_TEST(growing_wipes_the_old_place)
{
    const char *content;

    vc_buf_init(&buf, &vc_wiping_allocator, LARGE);
    vc_buf_append_text(&buf, "hunter2");
    content = buf.data;
    wipes_forget();
    for (int i = 0; i < 1000; i++)
        vc_buf_append_text(&buf, "0123456789");
    ck_assert(wiped(content, sizeof("hunter2")));
    vc_buf_free(&buf);
}
END_TEST

START_TEST(a_reset_wipes_all_its_memory_and_starts_again)
{
    init(10);
    vc_buf_append_text(&buf, "hunter2");
    wipes_forget();
    vc_buf_reset(&buf);
    ck_assert(wiped(buf.data, buf.capacity));
    ck_assert_str_eq(vc_buf_text(&buf), "");
    ck_assert_uint_eq(buf.len, 0);
    finish();
}
END_TEST

START_TEST(a_failed_buffer_works_again_after_a_reset)
{
    init(4);
    vc_buf_append_text(&buf, "abcde");
    vc_buf_reset(&buf);
    ck_assert(!buf.failed);
    ck_assert(!buf.too_large);
    ck_assert(vc_buf_append_text(&buf, "abcd"));
    ck_assert_str_eq(vc_buf_text(&buf), "abcd");
    ck_assert_uint_le(buf.capacity, 5);
    finish();
}
END_TEST

START_TEST(a_freed_buffer_may_be_freed_and_used_again)
{
    init(4);
    vc_buf_append_text(&buf, "ab");
    vc_buf_free(&buf);
    vc_buf_free(&buf);
    ck_assert(vc_buf_append_text(&buf, "abcd"));
    finish();
}
END_TEST

START_TEST(a_format_is_written_to_its_end_across_a_growth)
{
    init(LARGE);
    vc_buf_append_format(&buf, "%0300d", 7);
    vc_buf_append_format(&buf, "-%s", "end");
    ck_assert_uint_eq(buf.len, 304);
    ck_assert_str_eq(buf.data + 298, "07-end");
    finish();
}
END_TEST

START_TEST(a_format_is_held_to_the_cap)
{
    init(4);
    ck_assert(vc_buf_append_format(&buf, "%d", 1234));
    ck_assert(!vc_buf_append_format(&buf, "%d", 5));
    ck_assert(buf.too_large);
    finish();
}
END_TEST

START_TEST(percent_encoding_spares_the_unreserved_alone)
{
    char all[256];
    const char *expected =
        "%01%02%03%04%05%06%07%08%09%0A%0B%0C%0D%0E%0F%10%11%12%13%14%15%16%17%18%19%1A%1B%1C%1D%1E"
        "%1F%20%21%22%23%24%25%26%27%28%29%2A%2B%2C-.%2F0123456789%3A%3B%3C%3D%3E%3F%"
        "40ABCDEFGHIJKLMNOPQRSTUVWXYZ%5B%5C%5D%5E_%60abcdefghijklmnopqrstuvwxyz%7B%7C%7D~%7F%80%81";

    for (int i = 0; i < 255; i++)
        all[i] = (char)(i + 1);
    all[255] = '\0';
    init(LARGE);
    ck_assert(vc_buf_append_percent(&buf, all));
    ck_assert_mem_eq(buf.data, expected, strlen(expected));
    ck_assert_str_eq(buf.data + buf.len - 9, "%FD%FE%FF");
    finish();
}
END_TEST

START_TEST(an_empty_text_is_encoded_as_an_empty_text)
{
    init(10);
    ck_assert(vc_buf_append_percent(&buf, ""));
    ck_assert_ptr_nonnull(buf.data);
    ck_assert(vc_buf_append_json(&buf, ""));
    ck_assert_str_eq(buf.data, "\"\"");
    finish();
}
END_TEST

START_TEST(a_json_string_escapes_quote_backslash_and_control_characters)
{
    init(LARGE);
    ck_assert(vc_buf_append_json(&buf, "a\"b\\c\n\x01\x1f/\x7f\xc3\xa4\xf0\x9f\x98\x80"));
    ck_assert_str_eq(buf.data, "\"a\\\"b\\\\c\\u000a\\u0001\\u001f/\x7f\xc3\xa4\xf0\x9f\x98\x80\"");
    finish();
}
END_TEST

START_TEST(a_json_string_of_broken_utf8_is_refused)
{
    init(LARGE);
    ck_assert(!vc_buf_append_json(&buf, "a\xff"));
    ck_assert(buf.failed);
    ck_assert(!buf.too_large);
    finish();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("secret_buffer");
    TCase *tests = tcase_create("growing, failing, wiping");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, a_new_buffer_is_an_empty_text);
    tcase_add_test(tests, appended_bytes_follow_each_other_and_are_terminated);
    tcase_add_test(tests, appending_nothing_makes_a_terminated_empty_text);
    tcase_add_test(tests, a_long_text_in_small_pieces_arrives_whole);
    tcase_add_test(tests, exactly_the_cap_fits);
    tcase_add_test(tests, one_byte_more_than_the_cap_loses_everything);
    tcase_add_test(tests, no_length_can_overflow_the_cap);
    tcase_add_test(tests, a_failed_buffer_takes_nothing_more);
    tcase_add_test(tests, without_memory_it_fails_but_is_not_too_large);
    tcase_add_test(tests, a_failure_wipes_the_content);
    tcase_add_test(tests, growing_wipes_the_old_place);
    tcase_add_test(tests, a_reset_wipes_all_its_memory_and_starts_again);
    tcase_add_test(tests, a_failed_buffer_works_again_after_a_reset);
    tcase_add_test(tests, a_freed_buffer_may_be_freed_and_used_again);
    tcase_add_test(tests, a_format_is_written_to_its_end_across_a_growth);
    tcase_add_test(tests, a_format_is_held_to_the_cap);
    tcase_add_test(tests, percent_encoding_spares_the_unreserved_alone);
    tcase_add_test(tests, an_empty_text_is_encoded_as_an_empty_text);
    tcase_add_test(tests, a_json_string_escapes_quote_backslash_and_control_characters);
    tcase_add_test(tests, a_json_string_of_broken_utf8_is_refused);

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
