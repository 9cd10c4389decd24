/*
 * test_new_password.c - a password that nobody has chosen (new_password.h).
 */
#include <check.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "new_password.h"

#define PASSWORDS 2000
#define CHARACTERS 62

static void make(char password[VC_NEW_PASSWORD_LENGTH + 1])
{
    struct vc_error err;

    ck_assert_int_eq(vc_new_password(password, &err), VC_OK);
}

START_TEST(it_is_letters_and_digits)
{
    char password[VC_NEW_PASSWORD_LENGTH + 1];

    for (int i = 0; i < PASSWORDS; i++) {
        make(password);
        ck_assert_uint_eq(strlen(password), VC_NEW_PASSWORD_LENGTH);
        for (const char *at = password; *at != '\0'; at++)
            ck_assert(isalnum((unsigned char)*at));
    }
}
END_TEST

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

START_TEST(no_two_are_the_same)
{
    static char passwords[PASSWORDS][VC_NEW_PASSWORD_LENGTH + 1];

    for (int i = 0; i < PASSWORDS; i++)
        make(passwords[i]);
    qsort(passwords, PASSWORDS, sizeof(passwords[0]), compare);
    for (int i = 1; i < PASSWORDS; i++)
        ck_assert_str_ne(passwords[i - 1], passwords[i]);
}
END_TEST

/* Each of 64,000 characters is one of 62: 1,032 each, give or take 32; 8 times that never happens.
 */
START_TEST(each_character_comes_as_often)
{
    char password[VC_NEW_PASSWORD_LENGTH + 1];
    int counts[256] = {0}, seen = 0;
    const int expected = PASSWORDS * VC_NEW_PASSWORD_LENGTH / CHARACTERS;

    for (int i = 0; i < PASSWORDS; i++) {
        make(password);
        for (const char *at = password; *at != '\0'; at++)
            counts[(unsigned char)*at]++;
    }
    for (int i = 0; i < 256; i++) {
        if (counts[i] == 0)
            continue;
        seen++;
        ck_assert_int_gt(counts[i], expected - 256);
        ck_assert_int_lt(counts[i], expected + 256);
    }
    ck_assert_int_eq(seen, CHARACTERS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("new_password");
    TCase *tests = tcase_create("random");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, it_is_letters_and_digits);
    tcase_add_test(tests, no_two_are_the_same);
    tcase_add_test(tests, each_character_comes_as_often);

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
