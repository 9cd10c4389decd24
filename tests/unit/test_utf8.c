/*
 * test_utf8.c - what is a character of UTF-8, and what only looks like one (utf8.h).
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

struct sequence {
    const char *text;
    size_t size;
};

static const struct sequence characters[] = {
    {"a", 1},
    {"\x7f", 1},
    {"\xc2\x80", 2},
    {"\xdf\xbf", 2},
    {"\xe0\xa0\x80", 3},
    {"\xed\x9f\xbf", 3},
    {"\xee\x80\x80", 3},
    {"\xef\xbf\xbf", 3},
    {"\xf0\x90\x80\x80", 4},
    {"\xf4\x8f\xbf\xbf", 4},
};

static const struct sequence broken[] = {
    {"\x80", 1},             /* a continuation alone */
    {"\xc0\x80", 2},         /* overlong NUL */
    {"\xc1\xbf", 2},         /* overlong */
    {"\xe0\x9f\xbf", 3},     /* overlong */
    {"\xf0\x8f\xbf\xbf", 4}, /* overlong */
    {"\xed\xa0\x80", 3},     /* surrogate */
    {"\xed\xbf\xbf", 3},     /* surrogate */
    {"\xf4\x90\x80\x80", 4}, /* beyond U+10FFFF */
    {"\xf5\x80\x80\x80", 4},
    {"\xff", 1},
    {"\xc3", 1},         /* cut */
    {"\xe2\x82", 2},     /* cut */
    {"\xf0\x9f\x98", 3}, /* cut */
    {"\xc3\x28", 2},     /* second byte is none */
    {"\xe2\x28\xa1", 3},
    {"\xe2\x82\x28", 3},
    {"\xf0\x9f\x98\x28", 4},
    {"\xc3\xc3", 2},
    {"\xe2\x82\xe2", 3},
};

START_TEST(each_range_of_rfc_3629_is_accepted_to_its_edges)
{
    ck_assert_uint_eq(vc_utf8_char(characters[_i].text, characters[_i].size), characters[_i].size);
    ck_assert(vc_utf8_valid(characters[_i].text, characters[_i].size));
}
END_TEST

START_TEST(what_is_overlong_cut_a_surrogate_or_too_large_is_no_character)
{
    ck_assert_uint_eq(vc_utf8_char(broken[_i].text, broken[_i].size), 0);
    ck_assert(!vc_utf8_valid(broken[_i].text, broken[_i].size));
}
END_TEST

START_TEST(no_byte_beyond_the_length_is_looked_at)
{
    ck_assert_uint_eq(vc_utf8_char("\xc3\xa4", 1), 0);
    ck_assert_uint_eq(vc_utf8_char("a", 0), 0);
}
END_TEST

START_TEST(a_nul_byte_is_a_character_of_its_own)
{
    ck_assert_uint_eq(vc_utf8_char("\0a", 2), 1);
}
END_TEST

START_TEST(one_broken_byte_anywhere_makes_a_text_invalid)
{
    ck_assert(vc_utf8_valid("a\xc3\xa4z", 4));
    ck_assert(!vc_utf8_valid("a\xc3\xa4\xffz", 5));
    ck_assert(!vc_utf8_valid("az\xc3", 3));
    ck_assert(vc_utf8_valid("", 0));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("utf8");
    TCase *tests = tcase_create("characters");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, each_range_of_rfc_3629_is_accepted_to_its_edges, 0,
                        COUNT(characters));
    tcase_add_loop_test(tests, what_is_overlong_cut_a_surrogate_or_too_large_is_no_character, 0,
                        COUNT(broken));
    tcase_add_test(tests, no_byte_beyond_the_length_is_looked_at);
    tcase_add_test(tests, a_nul_byte_is_a_character_of_its_own);
    tcase_add_test(tests, one_broken_byte_anywhere_makes_a_text_invalid);

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
