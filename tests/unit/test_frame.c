/*
 * test_frame.c - the frames between keeper and fetcher (pg_extension/frame.h).
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"

static unsigned char memory[4096];
static struct frame_writer writer;
static struct frame_header header;
static struct frame_field field;

/* What stands behind the header of the frame just written. */
static const unsigned char *payload(void)
{
    return memory + FRAME_HEADER_SIZE;
}

/* A whole frame with a text, a number and an empty text. */
static size_t write_sample(void)
{
    memset(memory, 0xee, sizeof(memory)); /* as memory that was in use comes back */
    frame_begin(&writer, memory, sizeof(memory), FRAME_FETCH, 0x1122334455667788u);
    frame_put_text(&writer, TAG_NAME, "acme");
    frame_put_number(&writer, TAG_TIMEOUT, -5);
    frame_put_text(&writer, TAG_SCOPE, "");
    return frame_end(&writer);
}

START_TEST(what_was_written_is_read_back)
{
    size_t size = write_sample(), offset = 0;

    ck_assert_uint_eq(size, FRAME_HEADER_SIZE + (5 + 4) + (5 + 8) + 5);
    ck_assert_int_eq(frame_header_read(memory, size, &header), 1);
    ck_assert_uint_eq(header.type, FRAME_FETCH);
    ck_assert(header.id == 0x1122334455667788u);
    ck_assert_uint_eq(header.length, size - FRAME_HEADER_SIZE);
    ck_assert(frame_payload_valid(payload(), header.length));

    ck_assert(frame_next(payload(), header.length, &offset, &field));
    ck_assert_uint_eq(field.tag, TAG_NAME);
    ck_assert_uint_eq(field.len, 4);
    ck_assert_mem_eq(field.data, "acme", 4);
    ck_assert(frame_next(payload(), header.length, &offset, &field));
    ck_assert_uint_eq(field.tag, TAG_TIMEOUT);
    ck_assert(frame_next(payload(), header.length, &offset, &field));
    ck_assert_uint_eq(field.tag, TAG_SCOPE);
    ck_assert_uint_eq(field.len, 0);
    ck_assert(!frame_next(payload(), header.length, &offset, &field));
    ck_assert(frame_find_number(payload(), header.length, TAG_TIMEOUT, 7) == -5);
}
END_TEST

START_TEST(a_frame_may_have_no_fields)
{
    frame_begin(&writer, memory, sizeof(memory), FRAME_PING, 1);
    ck_assert_uint_eq(frame_end(&writer), FRAME_HEADER_SIZE);
    ck_assert_int_eq(frame_header_read(memory, FRAME_HEADER_SIZE, &header), 1);
    ck_assert_uint_eq(header.length, 0);
    ck_assert(frame_payload_valid(payload(), 0));
}
END_TEST

START_TEST(a_text_that_is_not_there_is_left_out)
{
    frame_begin(&writer, memory, sizeof(memory), FRAME_PING, 1);
    frame_put_text(&writer, TAG_NAME, NULL);
    ck_assert_uint_eq(frame_end(&writer), FRAME_HEADER_SIZE);
}
END_TEST

START_TEST(a_header_in_pieces_asks_for_more)
{
    write_sample();
    for (size_t n = 0; n < FRAME_HEADER_SIZE; n++)
        ck_assert_int_eq(frame_header_read(memory, n, &header), 0);
}
END_TEST

START_TEST(a_header_of_another_version_is_malformed)
{
    write_sample();
    memory[5]++;
    ck_assert_int_eq(frame_header_read(memory, sizeof(memory), &header), -1);
}
END_TEST

START_TEST(a_header_whose_zero_bytes_are_not_zero_is_malformed)
{
    write_sample();
    memory[6 + _i] = 1;
    ck_assert_int_eq(frame_header_read(memory, sizeof(memory), &header), -1);
}
END_TEST

START_TEST(a_length_beyond_the_bound_is_malformed)
{
    uint32_t length = FRAME_PAYLOAD_MAX;

    write_sample();
    memcpy(memory, &length, sizeof(length));
    ck_assert_int_eq(frame_header_read(memory, sizeof(memory), &header), 1);
    length++;
    memcpy(memory, &length, sizeof(length));
    ck_assert_int_eq(frame_header_read(memory, sizeof(memory), &header), -1);
    length = UINT32_MAX;
    memcpy(memory, &length, sizeof(length));
    ck_assert_int_eq(frame_header_read(memory, sizeof(memory), &header), -1);
}
END_TEST

START_TEST(a_payload_cut_inside_a_field_is_not_valid)
{
    size_t length = write_sample() - FRAME_HEADER_SIZE;

    for (size_t n = 0; n < length; n++) {
        bool whole_fields = n == 0 || n == 9 || n == 22;

        ck_assert_int_eq(frame_payload_valid(payload(), n), whole_fields);
    }
}
END_TEST

START_TEST(a_field_longer_than_the_payload_is_never_returned)
{
    static const uint32_t lengths[] = {5, 6, 0x7fffffff, 0x80000000, UINT32_MAX - 4, UINT32_MAX};
    unsigned char bytes[9] = {TAG_NAME, 0, 0, 0, 0, 'a', 'b', 'c', 'd'};
    size_t offset = 0;

    memcpy(bytes + 1, &lengths[_i], sizeof(lengths[_i]));
    ck_assert(!frame_payload_valid(bytes, sizeof(bytes)));
    ck_assert(!frame_next(bytes, sizeof(bytes), &offset, &field));
    ck_assert_uint_eq(offset, 0);
    ck_assert(!frame_find(bytes, sizeof(bytes), TAG_NAME, &field));
}
END_TEST

START_TEST(an_offset_beyond_the_end_ends_the_reading)
{
    size_t offset = 100;

    write_sample();
    ck_assert(!frame_next(payload(), 9, &offset, &field));
}
END_TEST

START_TEST(the_first_of_several_fields_with_one_tag_is_found)
{
    size_t size;

    frame_begin(&writer, memory, sizeof(memory), FRAME_SETTINGS, 0);
    frame_put_text(&writer, TAG_SETTING_NAME, "a");
    frame_put_text(&writer, TAG_SETTING_NAME, "b");
    size = frame_end(&writer) - FRAME_HEADER_SIZE;
    ck_assert(frame_find(payload(), size, TAG_SETTING_NAME, &field));
    ck_assert_mem_eq(field.data, "a", 1);
    ck_assert(!frame_find(payload(), size, TAG_SETTING_VALUE, &field));
    ck_assert_uint_eq(field.len, 0); /* nothing of the fields passed by */
    ck_assert_ptr_null(field.data);
}
END_TEST

START_TEST(a_number_that_is_absent_or_of_another_size_gives_the_fallback)
{
    size_t size;

    frame_begin(&writer, memory, sizeof(memory), FRAME_ANSWER, 0);
    frame_put(&writer, TAG_VERSION, "1234567", 7);
    frame_put(&writer, TAG_LEASE, "123456789", 9);
    size = frame_end(&writer) - FRAME_HEADER_SIZE;
    ck_assert(frame_find_number(payload(), size, TAG_VERSION, -1) == -1);
    ck_assert(frame_find_number(payload(), size, TAG_LEASE, -2) == -2);
    ck_assert(frame_find_number(payload(), size, TAG_OUTCOME, -3) == -3);
}
END_TEST

START_TEST(numbers_keep_their_extremes)
{
    static const int64_t numbers[] = {0, 1, -1, INT64_MAX, INT64_MIN};
    size_t size;

    frame_begin(&writer, memory, sizeof(memory), FRAME_ANSWER, UINT64_MAX);
    frame_put_number(&writer, TAG_VERSION, numbers[_i]);
    size = frame_end(&writer);
    frame_header_read(memory, size, &header);
    ck_assert(header.id == UINT64_MAX);
    ck_assert(frame_find_number(payload(), header.length, TAG_VERSION, 42) == numbers[_i]);
}
END_TEST

/* A frame of one field of four bytes needs 25 bytes. */
START_TEST(nothing_is_written_beyond_the_memory_given)
{
    for (size_t size = 0; size <= 25; size++) {
        memset(memory, 0xee, sizeof(memory));
        frame_begin(&writer, memory, size, FRAME_FETCH, 1);
        frame_put_text(&writer, TAG_NAME, "acme");
        ck_assert_uint_eq(frame_end(&writer), size == 25 ? 25 : 0);
        ck_assert_int_eq(writer.overflow, size < 25);
        for (size_t i = size; i < 64; i++)
            ck_assert_uint_eq(memory[i], 0xee);
    }
}
END_TEST

START_TEST(after_an_overflow_smaller_fields_are_left_out_too)
{
    frame_begin(&writer, memory, 32, FRAME_FETCH, 1);
    frame_put_text(&writer, TAG_NAME, "a name that is too long for this");
    frame_put_text(&writer, TAG_NAME, "a");
    ck_assert_uint_eq(writer.used, FRAME_HEADER_SIZE);
    ck_assert_uint_eq(frame_end(&writer), 0);
}
END_TEST

START_TEST(a_payload_has_at_most_two_megabytes)
{
    size_t size = FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX + 100;
    unsigned char *big = malloc(size), *data = calloc(1, FRAME_PAYLOAD_MAX + 1);

    frame_begin(&writer, big, size, FRAME_ANSWER, 1);
    frame_put(&writer, TAG_DATA, data, FRAME_PAYLOAD_MAX - FRAME_FIELD_HEADER_SIZE);
    ck_assert_uint_eq(frame_end(&writer), FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX);
    frame_put_text(&writer, TAG_HINT, "");
    ck_assert_uint_eq(frame_end(&writer), 0);

    frame_begin(&writer, big, size, FRAME_ANSWER, 1);
    frame_put(&writer, TAG_DATA, data, FRAME_PAYLOAD_MAX + 1);
    ck_assert(writer.overflow);
    free(big);
    free(data);
}
END_TEST

START_TEST(frames_may_lie_at_any_address)
{
    static unsigned char odd[64];

    frame_begin(&writer, odd + 1, sizeof(odd) - 1, FRAME_PING, 77);
    frame_put_number(&writer, TAG_TIMEOUT, 9);
    frame_end(&writer);
    ck_assert_int_eq(frame_header_read(odd + 1, sizeof(odd) - 1, &header), 1);
    ck_assert(header.id == 77);
    ck_assert(frame_find_number(odd + 1 + FRAME_HEADER_SIZE, header.length, TAG_TIMEOUT, 0) == 9);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("frame");
    TCase *tests = tcase_create("codec");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, what_was_written_is_read_back);
    tcase_add_test(tests, a_frame_may_have_no_fields);
    tcase_add_test(tests, a_text_that_is_not_there_is_left_out);
    tcase_add_test(tests, a_header_in_pieces_asks_for_more);
    tcase_add_test(tests, a_header_of_another_version_is_malformed);
    tcase_add_loop_test(tests, a_header_whose_zero_bytes_are_not_zero_is_malformed, 0, 2);
    tcase_add_test(tests, a_length_beyond_the_bound_is_malformed);
    tcase_add_test(tests, a_payload_cut_inside_a_field_is_not_valid);
    tcase_add_loop_test(tests, a_field_longer_than_the_payload_is_never_returned, 0, 6);
    tcase_add_test(tests, an_offset_beyond_the_end_ends_the_reading);
    tcase_add_test(tests, the_first_of_several_fields_with_one_tag_is_found);
    tcase_add_test(tests, a_number_that_is_absent_or_of_another_size_gives_the_fallback);
    tcase_add_loop_test(tests, numbers_keep_their_extremes, 0, 5);
    tcase_add_test(tests, nothing_is_written_beyond_the_memory_given);
    tcase_add_test(tests, after_an_overflow_smaller_fields_are_left_out_too);
    tcase_add_test(tests, a_payload_has_at_most_two_megabytes);
    tcase_add_test(tests, frames_may_lie_at_any_address);

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
