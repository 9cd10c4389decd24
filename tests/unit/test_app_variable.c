/*
 * test_app_variable.c - an application's variables: which there are, and which values each can have
 * (app_variable.h).
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "app_variable.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

START_TEST(each_variable_is_found_by_its_name)
{
    for (int i = 0; i < APP_VARIABLES; i++)
        ck_assert_ptr_eq(app_variable_find(app_variables[i].name), &app_variables[i]);
    ck_assert_ptr_null(app_variable_find("LOG_LEVEL"));
    ck_assert_ptr_null(app_variable_find("secret_key"));
    ck_assert_ptr_null(app_variable_find(""));
}
END_TEST

START_TEST(variables_of_one_secret_stand_together_and_differ)
{
    for (int i = 1; i < APP_VARIABLES; i++) {
        ck_assert_int_ge(app_variables[i].secret, app_variables[i - 1].secret);
        for (int j = 0; j < i; j++)
            ck_assert(app_variables[i].secret != app_variables[j].secret ||
                      strcmp(app_variables[i].field, app_variables[j].field) != 0);
    }
}
END_TEST

START_TEST(secrets_have_the_names_of_the_layout)
{
    ck_assert_str_eq(app_secret_name(APP_DATABASE), "database");
    ck_assert_str_eq(app_secret_name(APP_JWT), "jwt");
    ck_assert_str_eq(app_secret_name(APP_S3), "s3");
}
END_TEST

struct value {
    const char *name;
    const char *value;
    const char *fault; /* within what is said; NULL: fine */
};

static const struct value values[] = {
    {"DATABASE_URL", "postgresql://u:p@h/d", NULL},
    {"DATABASE_URL", " caf\xC3\xA9 $ ' \" \\", NULL},
    {"DATABASE_URL", "", "empty"},
    {"DATABASE_URL", "x\n", "ends in a newline"},
    {"DATABASE_URL", "x\ny", "control character"},
    {"S3_REGION", "a\tb", "control character"},
    {"S3_REGION", "a\x7F", "control character"},
    {"JWT_SECRET_KEY", "", "empty"},
    {"JWT_SECRET_KEY", "-----BEGIN KEY-----\nx\n-----END KEY-----\n", NULL},
    {"SECRET_KEY", "\t", NULL},
    {"JWT_ACCESS_TOKEN_EXPIRES", "1", NULL},
    {"JWT_ACCESS_TOKEN_EXPIRES", "3600", NULL},
    {"JWT_ACCESS_TOKEN_EXPIRES", "2147483647", NULL},
    {"JWT_ACCESS_TOKEN_EXPIRES", "2147483648", "whole number"},
    {"JWT_ACCESS_TOKEN_EXPIRES", "0", "whole number"},
    {"JWT_ACCESS_TOKEN_EXPIRES", "-1", "whole number"},
    {"JWT_ACCESS_TOKEN_EXPIRES", "+1", "whole number"},
    {"JWT_ACCESS_TOKEN_EXPIRES", " 1", "whole number"},
    {"JWT_ACCESS_TOKEN_EXPIRES", "1 ", "whole number"},
    {"JWT_ACCESS_TOKEN_EXPIRES", "1.0", "whole number"},
    {"JWT_ACCESS_TOKEN_EXPIRES", "1e3", "whole number"},
    {"JWT_ACCESS_TOKEN_EXPIRES", "0x10", "whole number"},
    {"JWT_ACCESS_TOKEN_EXPIRES", "1h", "whole number"},
    {"JWT_ACCESS_TOKEN_EXPIRES", "", "empty"},
};

START_TEST(a_value_is_fine_or_has_a_named_fault)
{
    const struct value *value = &values[_i];
    const char *fault = app_variable_fault(app_variable_find(value->name), value->value);

    if (value->fault == NULL)
        ck_assert_msg(fault == NULL, "%s", fault);
    else
        ck_assert(fault != NULL && strstr(fault, value->fault) != NULL);
}
END_TEST

static Suite *suite(void)
{
    Suite *whole = suite_create("app_variable");
    TCase *table = tcase_create("table");
    TCase *faults = tcase_create("values");

    tcase_add_test(table, each_variable_is_found_by_its_name);
    tcase_add_test(table, variables_of_one_secret_stand_together_and_differ);
    tcase_add_test(table, secrets_have_the_names_of_the_layout);
    suite_add_tcase(whole, table);
    tcase_add_loop_test(faults, a_value_is_fine_or_has_a_named_fault, 0, COUNT(values));
    suite_add_tcase(whole, faults);
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
