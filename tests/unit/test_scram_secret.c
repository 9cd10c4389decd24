/*
 * test_scram_secret.c - what a server stores of a password (scram_secret.h).
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "scram_secret.h"

/* The example of RFC 7677 section 3: password "pencil"; its server signature follows from these. */
static const unsigned char rfc_salt[] = {0x5b, 0x6d, 0x99, 0x68, 0x9d, 0x12, 0x35, 0x8e,
                                         0xec, 0xa0, 0x4b, 0x14, 0x12, 0x36, 0xfa, 0x81};
static const char rfc_secret[] =
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";

START_TEST(it_is_what_the_rfc_says)
{
    char secret[VC_SCRAM_SECRET_SIZE];
    struct vc_error err;

    ck_assert_int_eq(vc_scram_secret(secret, "pencil", rfc_salt, sizeof(rfc_salt), 4096, &err),
                     VC_OK);
    ck_assert_str_eq(secret, rfc_secret);
}
END_TEST

START_TEST(the_largest_fits)
{
    unsigned char salt[VC_SCRAM_SALT_MAX];
    char secret[VC_SCRAM_SECRET_SIZE];
    struct vc_error err;

    memset(salt, 0xff, sizeof(salt));
    ck_assert_int_eq(
        vc_scram_secret(secret, "x", salt, sizeof(salt), VC_SCRAM_ITERATIONS_MAX, &err), VC_OK);
    ck_assert(strncmp(secret, "SCRAM-SHA-256$100000://///", 26) == 0);
    ck_assert_uint_lt(strlen(secret), sizeof(secret) - 1);
    ck_assert_int_eq(secret[strlen(secret) - 1], '=');
}
END_TEST

static const struct {
    const char *password;
    size_t salt_len;
    long long iterations;
} refused[] = {{"", 16, 4096},         {"tab\t", 16, 4096},
               {"\xc3\xa4", 16, 4096}, {"x", 0, 4096},
               {"x", 16, 0},           {"x", 16, -1},
               {"x", 16, 1LL << 32},   {"x", VC_SCRAM_SALT_MAX + 1, 4096}};

/* Above all a password that SASLprep would change: server and client would not agree. */
START_TEST(what_it_cannot_do_it_refuses)
{
    unsigned char salt[VC_SCRAM_SALT_MAX + 1] = {0};
    char secret[VC_SCRAM_SECRET_SIZE] = "before";
    struct vc_error err;

    ck_assert_int_eq(vc_scram_secret(secret, refused[_i].password, salt, refused[_i].salt_len,
                                     refused[_i].iterations, &err),
                     VC_BAD_REQUEST);
    ck_assert_str_eq(secret, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scram_secret");
    TCase *tests = tcase_create("verifier");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, it_is_what_the_rfc_says);
    tcase_add_test(tests, the_largest_fits);
    tcase_add_loop_test(tests, what_it_cannot_do_it_refuses, 0,
                        sizeof(refused) / sizeof(refused[0]));

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
