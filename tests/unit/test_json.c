/*
 * test_json.c - which texts are one JSON value, and that each of cJSON's traps is closed (json.h).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "allocator.h"
#include "json.h"
#include "secret_buffer.h"
#include "wipe_recorder.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define MEBIBYTE (1024 * 1024)

static struct vc_error err;

static cJSON *parse(const char *text)
{
    vc_error_clear(&err);
    return vc_json_parse(text, strlen(text), &err);
}

/* RFC 8259's grammar, each rule once at least. */
static const char *const sound[] = {
    "{}",
    "[]",
    "null",
    "true",
    "false",
    "0",
    "-0",
    "10",
    "-1.5e+10",
    "1E-3",
    "0.5",
    "1e5",
    "\"\"",
    " \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } } \n",
    "{\"a\":{\"a\":{\"a\":1}}}",
    "[{\"a\":1},{\"a\":2}]",
    "{\"\":1}",
    "{\"a\":1,\"A\":2}",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\"",
    "\"\xc3\xa4\xf0\x9f\x98\x80\x7f\"",
    "\"\\ud83d\\ude00\"",
    "[[],[[]],{}]",
    "9007199254740993",
    "100000000000000000000000000000000000000000000000000000000000000",
};

struct refused {
    const char *text;
    const char *reason;
};

static const struct refused grammar[] = {
    {"", "value was expected"},
    {"   ", "value was expected"},
    {"{", "string was expected"},
    {"}", "value was expected"},
    {"[", "value was expected"},
    {"[1", "comma or a closing bracket"},
    {"[1}", "comma or a closing bracket"},
    {"{\"a\":1]", "comma or a closing bracket"},
    {"{\"a\" 1}", "colon was expected"},
    {"{\"a\":1,}", "string was expected"},
    {"{a:1}", "string was expected"},
    {"{'a':1}", "string was expected"},
    {"{1:1}", "string was expected"},
    {"[1,]", "value was expected"},
    {"[,1]", "value was expected"},
    {"[1 2]", "comma or a closing bracket"},
    {"nul", "value was expected"},
    {"True", "value was expected"},
    {"NaN", "value was expected"},
    {"-Infinity", "value was expected"},
    {"+1", "value was expected"},
    {"01", "text after the end"},
    {"-", "value was expected"},
    {"1.", "malformed number"},
    {".5", "value was expected"},
    {"1e", "malformed number"},
    {"1e+", "malformed number"},
    {"0x10", "text after the end"},
    {"1000000000000000000000000000000000000000000000000000000000000000", "number too long"},
    {"1e400", "out of range"},
    {"[{\"a\":-1e999}]", "out of range"},
    {"\"a", "does not end"},
    {"\"a\\", "unknown escape"},
    {"\"\\x41\"", "unknown escape"},
    {"\"\\u12\"", "malformed \\u"},
    {"\"\\u12g4\"", "malformed \\u"},
    {"\"\\u", "malformed \\u"},
    {"\"a\nb\"", "control character"},
    {"\"a\tb\"", "control character"},
    {"/* c */ 1", "value was expected"},
    {"\xef\xbb\xbf{}", "value was expected"},
    {"\v{}", "value was expected"},
    {"{}\f", "text after the end"},
    {"<html>", "value was expected"},
};

static const struct refused trailing[] = {
    {"{} x", "text after the end"},       {"{}{}", "text after the end"},
    {"1 2", "text after the end"},        {"null,", "text after the end"},
    {"{\"a\":1}}", "text after the end"}, {"[1]]", "text after the end"},
};

static const struct refused utf8[] = {
    {"\"\xff\"", "invalid UTF-8"},         {"\"\xc0\x80\"", "invalid UTF-8"},
    {"\"\xed\xa0\x80\"", "invalid UTF-8"}, {"{\"\xc3\":1}", "invalid UTF-8"},
    {"\"\xc3", "invalid UTF-8"},
};

static const struct refused surrogates[] = {
    {"\"\\ud83d\"", "lone surrogate"},        {"\"\\ude00\"", "lone surrogate"},
    {"\"\\ud83dx\"", "lone surrogate"},       {"\"\\ud83d\\n\"", "lone surrogate"},
    {"\"\\ud83d\\u0041\"", "lone surrogate"}, {"\"\\ud83d\\ud83d\"", "lone surrogate"},
    {"\"\\uDE00\\uDE00\"", "lone surrogate"}, {"\"\\uDE00\\uD83D\"", "lone surrogate"},
    {"\"\\ud83d\\", "lone surrogate"},
};

static const struct refused zeros[] = {
    {"\"\\u0000\"", "\\u0000"},           {"\"pass\\u0000word\"", "\\u0000"},
    {"{\"a\\u0000b\":1}", "\\u0000"},     {"\"\\\\\\u0000\"", "\\u0000"},
    {"{\"a\":[\"\\u0000\"]}", "\\u0000"},
};

static const struct refused duplicates[] = {
    {"{\"a\":1,\"a\":2}", "two equal names"},
    {"{\"a\":1,\"b\":2,\"a\":1}", "two equal names"},
    {"[[{\"x\":{\"a\":1,\"a\":2}}]]", "two equal names"},
    {"{\"a\":1,\"\\u0061\":2}", "two equal names"},
    {"{\"\":1,\"\":2}", "two equal names"},
    {"{\"0\":0,\"1\":0,\"2\":0,\"3\":0,\"4\":0,\"5\":0,\"6\":0,\"7\":0,\"8\":0,\"3\":0}",
     "two equal names"},
};

static void expect_refused(const struct refused *refused)
{
    ck_assert_ptr_null(parse(refused->text));
    ck_assert_int_eq(err.code, VC_BAD_REPLY);
    ck_assert_msg(strstr(err.message, refused->reason) != NULL, "%s: %s", refused->text,
                  err.message);
}

START_TEST(each_form_of_the_grammar_is_accepted)
{
    cJSON *value = parse(sound[_i]);

    ck_assert_msg(value != NULL, "%s: %s", sound[_i], err.message);
    cJSON_Delete(value);
}
END_TEST

START_TEST(anything_outside_the_grammar_is_refused_with_its_reason)
{
    expect_refused(&grammar[_i]);
}
END_TEST

START_TEST(text_after_the_value_is_refused)
{
    expect_refused(&trailing[_i]);
}
END_TEST

START_TEST(invalid_utf8_is_refused)
{
    expect_refused(&utf8[_i]);
}
END_TEST

START_TEST(a_lone_surrogate_is_refused)
{
    expect_refused(&surrogates[_i]);
}
END_TEST

START_TEST(an_escaped_nul_is_refused_wherever_it_stands)
{
    expect_refused(&zeros[_i]);
}
END_TEST

START_TEST(a_backslash_followed_by_u0000_is_only_text)
{
    cJSON *value = parse("{\"a\":\"\\\\u0000\",\"b\":\"\\\\\\\\u0000\"}");

    ck_assert_str_eq(vc_json_string(value, "a"), "\\u0000");
    ck_assert_str_eq(vc_json_string(value, "b"), "\\\\u0000");
    cJSON_Delete(value);
}
END_TEST

START_TEST(a_nul_byte_is_refused_wherever_it_stands)
{
    static const char *const texts[] = {"\0{}", "{\0}", "{}\0", "\"\0a\""};
    static const size_t sizes[] = {3, 3, 3, 4};

    for (int i = 0; i < COUNT(texts); i++) {
        ck_assert_ptr_null(vc_json_parse(texts[i], sizes[i], &err));
        ck_assert_int_eq(err.code, VC_BAD_REPLY);
    }
}
END_TEST

START_TEST(two_equal_names_in_one_object_are_refused)
{
    expect_refused(&duplicates[_i]);
}
END_TEST

static cJSON *parse_nested(int depth, char open, char close)
{
    char *text = malloc(2 * (size_t)depth);
    cJSON *value;

    memset(text, open, (size_t)depth);
    memset(text + depth, close, (size_t)depth);
    value = vc_json_parse(text, 2 * (size_t)depth, &err);
    free(text);
    return value;
}

START_TEST(the_greatest_depth_is_accepted)
{
    cJSON *value = parse_nested(VC_JSON_MAX_DEPTH, '[', ']');

    ck_assert_ptr_nonnull(value);
    cJSON_Delete(value);
}
END_TEST

START_TEST(one_level_more_is_refused)
{
    ck_assert_ptr_null(parse_nested(VC_JSON_MAX_DEPTH + 1, '[', ']'));
    ck_assert_ptr_nonnull(strstr(err.message, "nested too deeply"));
}
END_TEST

START_TEST(ten_thousand_levels_are_refused_before_the_stack_knows)
{
    ck_assert_ptr_null(parse_nested(10000, '[', ']'));
    ck_assert_ptr_nonnull(strstr(err.message, "nested too deeply"));
}
END_TEST

START_TEST(depth_counts_only_what_is_open)
{
    struct vc_buf text;
    cJSON *value;

    vc_buf_init(&text, &vc_wiping_allocator, MEBIBYTE);
    vc_buf_append_text(&text, "[[]");
    for (int i = 0; i < 10000; i++)
        vc_buf_append_text(&text, ",[],{}");
    vc_buf_append_text(&text, "]");
    value = vc_json_parse(text.data, text.len, &err);
    ck_assert_ptr_nonnull(value);
    cJSON_Delete(value);
    vc_buf_free(&text);
}
END_TEST

/* 50,000 names with a long common beginning; the last equals the first where repeat is set. */
static void append_many_names(struct vc_buf *text, bool repeat)
{
    vc_buf_init(text, &vc_wiping_allocator, 4 * MEBIBYTE);
    vc_buf_append_text(text, "{\"a_common_beginning_00000\":0");
    for (int i = 1; i < 50000; i++)
        vc_buf_append_format(text, ",\"a_common_beginning_%05d\":0", i);
    vc_buf_append_text(text, repeat ? ",\"a_common_beginning_00000\":0}" : "}");
}

START_TEST(fifty_thousand_names_take_a_fraction_of_a_second)
{
    struct vc_buf text;
    clock_t start;
    cJSON *value;

    append_many_names(&text, false);
    start = clock();
    value = vc_json_parse(text.data, text.len, &err);
    ck_assert_ptr_nonnull(value);
    /* In pairs it would be 1.25 billion comparisons. */
    ck_assert_int_lt((clock() - start) / (CLOCKS_PER_SEC / 1000), 1000);
    cJSON_Delete(value);
    vc_buf_free(&text);
}
END_TEST

START_TEST(one_repeat_among_fifty_thousand_names_is_found)
{
    struct vc_buf text;

    append_many_names(&text, true);
    ck_assert_ptr_null(vc_json_parse(text.data, text.len, &err));
    ck_assert_ptr_nonnull(strstr(err.message, "two equal names"));
    vc_buf_free(&text);
}
END_TEST

/* Under ASan a block of its own catches each byte read beyond. */
START_TEST(no_byte_beyond_the_length_is_read)
{
    static const char text[] = " {\"a\" : [-1.5e+3, true, false, null, \"\\ud83d\\ude00\"]} ";

    for (size_t len = 0; len < sizeof(text); len++) {
        char *copy = malloc(len == 0 ? 1 : len);
        cJSON *value;

        memcpy(copy, text, len);
        value = vc_json_parse(copy, len, &err);
        ck_assert_int_eq(value != NULL, len >= sizeof(text) - 2);
        cJSON_Delete(value);
        free(copy);
    }
}
END_TEST

START_TEST(an_error_never_quotes_the_input)
{
    ck_assert_ptr_null(parse("{\"hunter2\":\"hunter2\",\"hunter2\":hunter2}"));
    ck_assert_ptr_null(strstr(err.message, "hunter"));
    ck_assert_ptr_null(parse("{\"hunter2\":\"hunter2\",\"hunter2\":1}"));
    ck_assert_ptr_null(strstr(err.message, "hunter"));
}
END_TEST

START_TEST(a_caller_may_not_care_why)
{
    ck_assert_ptr_null(vc_json_parse("[", 1, NULL));
    ck_assert_ptr_null(vc_json_parse("{\"a\":1,\"a\":1}", 13, NULL));
}
END_TEST

START_TEST(each_allocation_that_fails_is_reported_as_such_and_leaves_nothing)
{
    static const char text[] = "{\"a\":\"x\",\"b\":[1,2],\"c\":1,\"d\":1,\"e\":1,\"f\":1,"
                               "\"g\":1,\"h\":1,\"i\":1,\"j\":1}";
    cJSON *value = NULL;
    unsigned long nth;

    vc_json_use_wiping_hooks();
    for (nth = 1; value == NULL; nth++) {
        vc_hook_fail_from(nth);
        value = parse(text);
        vc_hook_fail_from(0);
        if (value == NULL)
            ck_assert_int_eq(err.code, VC_NO_MEMORY);
    }
    ck_assert_uint_gt(nth, 20);
    cJSON_Delete(value);
}
END_TEST

START_TEST(strings_are_wiped_when_a_reply_is_deleted)
{
    cJSON *value;
    const char *secret;

    vc_json_use_wiping_hooks();
    value = parse("{\"password\":\"hunter2\"}");
    secret = vc_json_string(value, "password");
    wipes_forget();
    cJSON_Delete(value);
    ck_assert(wiped(secret, sizeof("hunter2")));
}
END_TEST

START_TEST(members_are_found_by_exact_name_and_type)
{
    cJSON *value = parse("{\"s\":\"text\",\"S\":\"other\",\"o\":{},\"a\":[],\"n\":null}");

    ck_assert_str_eq(vc_json_string(value, "s"), "text");
    ck_assert_str_eq(vc_json_string(value, "S"), "other");
    ck_assert_ptr_nonnull(vc_json_object(value, "o"));
    ck_assert_ptr_nonnull(vc_json_array(value, "a"));
    ck_assert_ptr_null(vc_json_object(value, "O"));
    ck_assert_ptr_null(vc_json_object(value, "a"));
    ck_assert_ptr_null(vc_json_array(value, "o"));
    ck_assert_ptr_null(vc_json_string(value, "o"));
    ck_assert_ptr_null(vc_json_string(value, "n"));
    ck_assert_ptr_null(vc_json_object(value, "n"));
    cJSON_Delete(value);
}
END_TEST

START_TEST(what_is_no_object_has_no_members)
{
    cJSON *value = parse("[\"s\"]");

    ck_assert_ptr_null(vc_json_string(value, "s"));
    ck_assert_ptr_null(vc_json_string(NULL, "s"));
    ck_assert_ptr_null(vc_json_object(NULL, "s"));
    ck_assert_ptr_null(vc_json_array(NULL, "s"));
    ck_assert(vc_json_bool(NULL, "s", true));
    ck_assert_int_eq(vc_json_integer(NULL, "s", 7), 7);
    cJSON_Delete(value);
}
END_TEST

START_TEST(a_bool_is_true_or_false_and_nothing_like_it)
{
    cJSON *value = parse("{\"t\":true,\"f\":false,\"n\":1,\"s\":\"true\",\"z\":null}");

    ck_assert(vc_json_bool(value, "t", false));
    ck_assert(!vc_json_bool(value, "f", true));
    ck_assert(!vc_json_bool(value, "n", false));
    ck_assert(!vc_json_bool(value, "s", false));
    ck_assert(vc_json_bool(value, "z", true));
    ck_assert(vc_json_bool(value, "absent", true));
    cJSON_Delete(value);
}
END_TEST

struct integer {
    const char *text;
    long long value; /* -7 stands for the fallback */
};

static const struct integer integers[] = {
    {"0", 0},
    {"-0", 0},
    {"3600", 3600},
    {"1e3", 1000},
    {"9007199254740992", 9007199254740992},
    {"9007199254740994", -7},
    {"1e300", -7},
    {"-1", -7},
    {"0.5", -7},
    {"\"5\"", -7},
    {"true", -7},
    {"null", -7},
};

START_TEST(an_integer_is_whole_exact_and_not_negative)
{
    char text[64];
    cJSON *value;

    snprintf(text, sizeof(text), "{\"n\":%s}", integers[_i].text);
    value = parse(text);
    ck_assert_int_eq(vc_json_integer(value, "n", -7), integers[_i].value);
    cJSON_Delete(value);
}
END_TEST

struct number {
    const char *text;
    bool exact;
};

static const struct number numbers[] = {
    {"0", true},
    {"-5", true},
    {"0.1", true},
    {"1e3", true},
    {"2147483648", true},
    {"999999999999999", true},
    {"4503599627370497", true},
    {"9007199254740990", true},
    {"9007199254740991", false},
    {"9007199254740992", false},
    {"9007199254740993", false},
    {"-9007199254740993", false},
    {"12345678901234567890", false},
    {"1e300", false},
    {"0.30000000000000004", false},
    {"\"9007199254740993\"", true},
    {"[1, {\"deep\": [9007199254740993]}]", false},
    {"[1, {\"deep\": [900719925474099]}, null, true]", true},
};

START_TEST(a_number_that_would_be_written_as_another_is_known)
{
    cJSON *value = parse(numbers[_i].text);

    ck_assert_int_eq(vc_json_exact(value), numbers[_i].exact);
    cJSON_Delete(value);
}
END_TEST

static void add_table(TCase *tests, const TTest *test, int count)
{
    tcase_add_loop_test(tests, test, 0, count);
}

int main(void)
{
    Suite *suite = suite_create("json");
    TCase *tests = tcase_create("one value and nothing else");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    add_table(tests, each_form_of_the_grammar_is_accepted, COUNT(sound));
    add_table(tests, anything_outside_the_grammar_is_refused_with_its_reason, COUNT(grammar));
    add_table(tests, text_after_the_value_is_refused, COUNT(trailing));
    add_table(tests, invalid_utf8_is_refused, COUNT(utf8));
    add_table(tests, a_lone_surrogate_is_refused, COUNT(surrogates));
    add_table(tests, an_escaped_nul_is_refused_wherever_it_stands, COUNT(zeros));
    tcase_add_test(tests, a_backslash_followed_by_u0000_is_only_text);
    tcase_add_test(tests, a_nul_byte_is_refused_wherever_it_stands);
    add_table(tests, two_equal_names_in_one_object_are_refused, COUNT(duplicates));
    tcase_add_test(tests, the_greatest_depth_is_accepted);
    tcase_add_test(tests, one_level_more_is_refused);
    tcase_add_test(tests, ten_thousand_levels_are_refused_before_the_stack_knows);
    tcase_add_test(tests, depth_counts_only_what_is_open);
    tcase_add_test(tests, fifty_thousand_names_take_a_fraction_of_a_second);
    tcase_add_test(tests, one_repeat_among_fifty_thousand_names_is_found);
    tcase_add_test(tests, no_byte_beyond_the_length_is_read);
    tcase_add_test(tests, an_error_never_quotes_the_input);
    tcase_add_test(tests, a_caller_may_not_care_why);
    tcase_add_test(tests, each_allocation_that_fails_is_reported_as_such_and_leaves_nothing);
    tcase_add_test(tests, strings_are_wiped_when_a_reply_is_deleted);
    tcase_add_test(tests, members_are_found_by_exact_name_and_type);
    tcase_add_test(tests, what_is_no_object_has_no_members);
    tcase_add_test(tests, a_bool_is_true_or_false_and_nothing_like_it);
    add_table(tests, an_integer_is_whole_exact_and_not_negative, COUNT(integers));
    add_table(tests, a_number_that_would_be_written_as_another_is_known, COUNT(numbers));

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
