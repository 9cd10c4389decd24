/*
 * test_dotenv.c - which lines of .env files are read as what, which are refused, and which leave a
 * doubt (dotenv.h); and that what format_env_file writes for Compose is read back.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dotenv.h"
#include "format.h"
#include "tracking_allocator.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define RANDOM_VALUES 20000
#define RANDOM_LENGTH 12 /* short values meet each other's special characters more often */

static struct tracking tracking;
static struct dotenv dotenv;
static struct vc_error err;

static void set_up(void)
{
    tracking_init(&tracking);
    vc_error_clear(&err);
}

static enum vc_code parse(const char *text)
{
    return dotenv_parse(&dotenv, &tracking.allocator, ".env", text, strlen(text), &err);
}

static void finish(void)
{
    dotenv_free(&dotenv);
    ck_assert_uint_eq(tracking.blocks, 0);
    ck_assert_uint_eq(tracking.wrong_sizes, 0);
}

/* ---- what a line is read as ---- */

struct reading {
    const char *text;
    const char *name;
    const char *value;
};

static const struct reading readings[] = {
    {"A=b", "A", "b"},
    {"A=b\n", "A", "b"},
    {"A=b\r\n", "A", "b"},
    {"\xEF\xBB\xBF"
     "A=b",
     "A", "b"},
    {"A=", "A", ""},
    {"A=\n", "A", ""},
    {"A=''", "A", ""},
    {"A=\"\"", "A", ""},
    {"  A  =  b  ", "A", "b"},
    {"\tA\t=\tb\t", "A", "b"},
    {"export A=b", "A", "b"},
    {"export  A = b", "A", "b"},
    {"export=b", "export", "b"},
    {"exported=b", "exported", "b"},
    {"_a.b-c9=x", "_a.b-c9", "x"},
    {"A=b=c", "A", "b=c"},
    {"A=two words", "A", "two words"},
    {"A=b # comment", "A", "b"},
    {"A=b\t# comment", "A", "b"},
    {"A=b#no comment", "A", "b#no comment"},
    {"A=#b", "A", "#b"},
    {"A=it's", "A", "it's"},
    {"A=say \"hi\"", "A", "say \"hi\""},
    {"A=back\\nslash", "A", "back\\nslash"},
    {"A='b'", "A", "b"},
    {"A='b' # comment", "A", "b"},
    {"A='b # text'", "A", "b # text"},
    {"A=' b '", "A", " b "},
    {"A='a\nb'", "A", "a\nb"},
    {"A='a\r\nb'", "A", "a\nb"},
    {"A='\"'", "A", "\""},
    {"A='a\\nb'", "A", "a\\nb"},
    {"A='it'\\''s'", "A", "it's"},
    {"A=''\\'''\\'''", "A", "''"},
    {"A=\"b\"", "A", "b"},
    {"A=\"b\"# comment", NULL, NULL},
    {"A=\"b\" # comment", "A", "b"},
    {"A=\"b # text\"", "A", "b # text"},
    {"A=\"a\nb\"", "A", "a\nb"},
    {"A=\"a\\nb\\tc\\rd\"", "A", "a\nb\tc\rd"},
    {"A=\"\\\"\\\\\\$\\`\"", "A", "\"\\$`"},
    {"A=\"\\d\\.\"", "A", "\\d\\."},
    {"A=\"it's\"", "A", "it's"},
    {"A=caf\xC3\xA9", "A", "caf\xC3\xA9"},
    {"A=postgresql://u:p%40@h:5432/d?sslmode=require", "A",
     "postgresql://u:p%40@h:5432/d?sslmode=require"},
    {"A=-----BEGIN KEY-----", "A", "-----BEGIN KEY-----"},
};

START_TEST(a_line_is_read)
{
    const struct reading *reading = &readings[_i];

    if (reading->name == NULL) {
        ck_assert_int_eq(parse(reading->text), VC_BAD_SETTING);
        return;
    }
    ck_assert_int_eq(parse(reading->text), VC_OK);
    ck_assert_uint_eq(dotenv.count, 1);
    ck_assert_str_eq(dotenv.entries[0].name, reading->name);
    ck_assert_str_eq(dotenv.entries[0].value, reading->value);
    ck_assert_ptr_null(dotenv.entries[0].doubt);
    finish();
}
END_TEST

START_TEST(lines_without_a_variable_are_passed_over)
{
    ck_assert_int_eq(parse("\n  \n# a comment = '\n\t# another\n\r\n"), VC_OK);
    ck_assert_uint_eq(dotenv.count, 0);
    finish();
}
END_TEST

START_TEST(each_variable_has_its_line)
{
    ck_assert_int_eq(parse("# first\nA='one\ntwo\nthree'\nB=x\r\n\nA=again"), VC_OK);
    ck_assert_uint_eq(dotenv.count, 3);
    ck_assert_uint_eq(dotenv.entries[0].line, 2);
    ck_assert_uint_eq(dotenv.entries[1].line, 5);
    ck_assert_uint_eq(dotenv.entries[2].line, 7);
    ck_assert_str_eq(dotenv.entries[2].value, "again");
    finish();
}
END_TEST

static const struct reading references[] = {
    {"A=${B}/c", "yes", "${B}/c"},     {"A=$B", "yes", "$B"},
    {"A=\"x ${B}\"", "yes", "x ${B}"}, {"A='${B}'", NULL, "${B}"},
    {"A=\"\\${B}\"", NULL, "${B}"},    {"A=$", NULL, "$"},
    {"A=pa$$word", "yes", "pa$$word"}, {"A=costs 5$", NULL, "costs 5$"},
};

START_TEST(references_stay_as_they_are_and_are_told)
{
    ck_assert_int_eq(parse(references[_i].text), VC_OK);
    ck_assert_str_eq(dotenv.entries[0].value, references[_i].value);
    ck_assert_int_eq(dotenv.entries[0].has_reference, references[_i].name != NULL);
    finish();
}
END_TEST

static const char *const doubtful[] = {
    "A='it\\'s'",    "A='a\\\\b'",      "A='C:\\'",    "A='C:\\' # drive", "A=\"it\\'s\"",
    "A=\"bell\\a\"", "A=\"join\\\nb\"", "A= # empty?", "A=C:\\",           "A= #fff",
    "A=a\rb\n",      "A=a\v\n",         "A=a\r",
};

START_TEST(what_readers_disagree_about_is_a_doubt)
{
    ck_assert_int_eq(parse(doubtful[_i]), VC_OK);
    ck_assert_uint_eq(dotenv.count, 1);
    ck_assert_ptr_nonnull(dotenv.entries[0].doubt);
    finish();
}
END_TEST

/* ---- what is refused ---- */

struct refusal {
    const char *text;
    size_t line;
    const char *why;
};

static const struct refusal refusals[] = {
    {"A=1\nsecretword", 2, "no ="},
    {"export secretword\n", 1, "no ="},
    {"=secretword", 1, "no name"},
    {"A=1\n\n9secretword=x", 3, "no name"},
    {"a b=secretword", 1, "a name is"},
    {"A/B=secretword", 1, "a name is"},
    {"name: secretword", 1, "a name is"},
    {"\nA='secretword\nB=2\n", 2, "not closed"},
    {"A=\"secretword\\\"\nB=2", 1, "not closed"},
    {"A=\"", 1, "not closed"},
    {"A='secret'word", 1, "text behind"},
    {"A=\"secret\" word", 1, "text behind"},
    {"A=x\nB='two\nlines' x", 3, "text behind"},
    {"A=1\nB=secret\xFF", 2, "UTF-8"},
};

START_TEST(a_malformed_line_is_refused_by_its_number)
{
    char where[32];

    ck_assert_int_eq(parse(refusals[_i].text), VC_BAD_SETTING);
    snprintf(where, sizeof(where), "\".env\", line %zu: ", refusals[_i].line);
    ck_assert_msg(strstr(err.message, where) != NULL, "%s", err.message);
    ck_assert_msg(strstr(err.message, refusals[_i].why) != NULL, "%s", err.message);
    ck_assert_ptr_null(strstr(err.message, "word"));
    ck_assert_uint_eq(tracking.blocks, 0);
}
END_TEST

START_TEST(a_nul_is_refused)
{
    ck_assert_int_eq(dotenv_parse(&dotenv, &tracking.allocator, ".env", "A=1\nB=\0", 7, &err),
                     VC_BAD_SETTING);
    ck_assert_ptr_nonnull(strstr(err.message, "line 2"));
}
END_TEST

static char *repeat(const char *text, size_t times)
{
    size_t len = strlen(text);
    char *all = malloc(len * times + 1);

    ck_assert_ptr_nonnull(all);
    for (size_t i = 0; i < times; i++)
        memcpy(all + i * len, text, len);
    all[len * times] = '\0';
    return all;
}

START_TEST(the_bounds_hold)
{
    char *names = repeat("A=\n", DOTENV_ENTRIES_MAX);
    char *too_many = repeat("A=\n", DOTENV_ENTRIES_MAX + 1);
    char *too_long = repeat("#", DOTENV_TEXT_MAX + 1);
    char *name = repeat("N", DOTENV_NAME_MAX + 2);

    ck_assert_int_eq(parse(names), VC_OK);
    ck_assert_uint_eq(dotenv.count, DOTENV_ENTRIES_MAX);
    finish();
    ck_assert_int_eq(parse(too_many), VC_BAD_SETTING);
    ck_assert_int_eq(parse(too_long), VC_BAD_SETTING);
    name[DOTENV_NAME_MAX] = '=';
    ck_assert_int_eq(parse(name), VC_OK);
    finish();
    name[DOTENV_NAME_MAX] = 'N';
    name[DOTENV_NAME_MAX + 1] = '=';
    ck_assert_int_eq(parse(name), VC_BAD_SETTING);
    ck_assert_ptr_nonnull(strstr(err.message, "longer than 255"));
    free(names);
    free(too_many);
    free(too_long);
    free(name);
}
END_TEST

START_TEST(each_allocation_may_fail)
{
    static const char text[] = "A=1\nexport B='two\nlines'\nC=\"x\"\n";
    unsigned long needed;

    ck_assert_int_eq(parse(text), VC_OK);
    needed = tracking.allocations;
    finish();
    for (unsigned long n = 1; n <= needed; n++) {
        tracking_init(&tracking);
        tracking.fail_from = n;
        ck_assert_int_eq(parse(text), VC_NO_MEMORY);
        ck_assert_uint_eq(tracking.blocks, 0);
    }
}
END_TEST

/* ---- the way back ---- */

static void random_value(char *value, unsigned *seed)
{
    static const char interesting[] = " '\"\\$#={}`!\n\tab0\xC3\xA9~/:@%&";
    size_t len = (size_t)rand_r(seed) % RANDOM_LENGTH;
    size_t at = 0;

    while (at < len) {
        char c = interesting[(size_t)rand_r(seed) % (sizeof(interesting) - 1)];

        if (c == '\xC3' || c == '\xA9') { /* a whole character or none of it */
            value[at++] = '\xC3';
            c = '\xA9';
        }
        value[at++] = c;
    }
    value[at] = '\0';
}

/* True: the very value. What is refused, or left in doubt, is at least not another value. */
static bool reads_back(const char *text, const char *value)
{
    bool sure;

    if (parse(text) != VC_OK)
        return false;
    ck_assert_uint_eq(dotenv.count, 1);
    sure = dotenv.entries[0].doubt == NULL;
    if (sure)
        ck_assert_str_eq(dotenv.entries[0].value, value);
    finish();
    return sure;
}

/* How many of the random values the format writes, and how many of these are read back. */
static void round_trips(const char *format, int *written, int *read)
{
    unsigned seed = 20260101;

    *written = *read = 0;
    for (int i = 0; i < RANDOM_VALUES; i++) {
        char value[RANDOM_LENGTH + 2];
        struct env_variable variable = {.name = "SECRET_KEY", .value = value};
        struct format_request request = {.variables = &variable, .variable_count = 1};
        struct vc_buf text;

        random_value(value, &seed);
        vc_buf_init(&text, &vc_wiping_allocator, FORMAT_OUTPUT_MAX);
        if (format_find(format)->render(&request, &text, &err) == VC_OK) {
            ++*written;
            *read += reads_back(vc_buf_text(&text), value);
        }
        vc_buf_free(&text);
    }
}

START_TEST(what_is_written_for_compose_is_read_back)
{
    int written, read;

    round_trips("compose", &written, &read);
    ck_assert_int_gt(written, RANDOM_VALUES / 10);
    ck_assert_int_eq(read, written);
}
END_TEST

/* Not where a backslash stands before a quote: other readers of single quotes see an escape. */
START_TEST(what_is_written_for_a_shell_is_read_back_or_refused)
{
    int written, read;

    round_trips("env", &written, &read);
    ck_assert_int_eq(written, RANDOM_VALUES);
    ck_assert_int_gt(read, RANDOM_VALUES / 2);
}
END_TEST

static Suite *suite(void)
{
    Suite *whole = suite_create("dotenv");
    TCase *reading = tcase_create("reading");
    TCase *refusing = tcase_create("refusing");
    TCase *back = tcase_create("the way back");

    tcase_add_checked_fixture(reading, set_up, NULL);
    tcase_add_loop_test(reading, a_line_is_read, 0, COUNT(readings));
    tcase_add_test(reading, lines_without_a_variable_are_passed_over);
    tcase_add_test(reading, each_variable_has_its_line);
    tcase_add_loop_test(reading, references_stay_as_they_are_and_are_told, 0, COUNT(references));
    tcase_add_loop_test(reading, what_readers_disagree_about_is_a_doubt, 0, COUNT(doubtful));
    suite_add_tcase(whole, reading);
    tcase_add_checked_fixture(refusing, set_up, NULL);
    tcase_add_loop_test(refusing, a_malformed_line_is_refused_by_its_number, 0, COUNT(refusals));
    tcase_add_test(refusing, a_nul_is_refused);
    tcase_add_test(refusing, the_bounds_hold);
    tcase_add_test(refusing, each_allocation_may_fail);
    suite_add_tcase(whole, refusing);
    tcase_add_checked_fixture(back, set_up, NULL);
    tcase_add_test(back, what_is_written_for_compose_is_read_back);
    tcase_add_test(back, what_is_written_for_a_shell_is_read_back_or_refused);
    suite_add_tcase(whole, back);
    return whole;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
