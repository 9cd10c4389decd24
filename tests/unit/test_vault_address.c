/*
 * test_vault_address.c - an address is an origin in one spelling, and nothing more
 * (vault_address.h).
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "vault_address.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

struct spelling {
    const char *text;
    const char *origin;
};

static const struct spelling spellings[] = {
    {"https://vault.example.com:8200", "https://vault.example.com:8200"},
    {"https://vault.example.com", "https://vault.example.com:443"},
    {"http://vault.example.com", "http://vault.example.com:80"},
    {"HTTPS://Vault.Example.COM", "https://vault.example.com:443"},
    {"https://vault:08200", "https://vault:8200"},
    {"https://vault:8200/", "https://vault:8200"},
    {"https://vault:8200///", "https://vault:8200"},
    {"http://127.0.0.1:1", "http://127.0.0.1:1"},
    {"http://127.0.0.1:65535", "http://127.0.0.1:65535"},
    {"https://[::1]:8200", "https://[::1]:8200"},
    {"https://[::1]", "https://[::1]:443"},
    {"https://[2001:DB8:0:0:0:0:0:1]/", "https://[2001:db8::1]:443"},
    {"https://[::ffff:10.0.0.1]:8200", "https://[::ffff:10.0.0.1]:8200"},
    {"https://my_vault-1.svc:8200", "https://my_vault-1.svc:8200"},
    {"https://vault.example.com.", "https://vault.example.com.:443"},
};

struct refused {
    const char *text;
    const char *reason;
};

static const struct refused refusals[] = {
    {"", "begin with"},
    {"vault:8200", "begin with"},
    {"ftp://vault", "begin with"},
    {"unix:///run/vault.sock", "begin with"},
    {"file:///etc/passwd", "begin with"},
    {"https:/vault", "begin with"},
    {" https://vault", "begin with"},
    {"https://", "host is missing"},
    {"https:///", "host is missing"},
    {"https://:8200", "host is missing"},
    {"https://user@vault", "user name or password"},
    {"https://user:hunter2@vault:8200", "user name or password"},
    {"https://vault?x=1", "query"},
    {"https://vault/?x=1", "query"},
    {"https://vault#x", "fragment"},
    {"https://vault/v1", "path"},
    {"https://vault:8200/v1/", "path"},
    {"https://vault/..", "path"},
    {"https://va ult", "character"},
    {"https://vault\t", "character"},
    {"https://vault\n", "character"},
    {"https://vau%6ct", "character"},
    {"https://vault\\evil", "character"},
    {"https://v\xc3\xa4ult", "character"},
    {"https://a..b", "empty label"},
    {"https://.a", "empty label"},
    {"https://vault:", "port"},
    {"https://vault:0", "port"},
    {"https://vault:65536", "port"},
    {"https://vault:000001", "port"},
    {"https://vault:82x0", "port"},
    {"https://vault:-1", "port"},
    {"https://vault:2.", "port"},
    {"https://vault:+1", "port"},
    {"https://vault:8200:8201", "port"},
    {"https://::1:8200", "host is missing"},
    {"https://[::1", "IPv6"},
    {"https://[]", "IPv6"},
    {"https://[vault]", "IPv6"},
    {"https://[::1%25eth0]", "IPv6"},
    {"https://[fe80::1%eth0]", "IPv6"},
    {"https://[127.0.0.1]", "IPv6"},
    {"https://[1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8]", "IPv6"},
    {"https://[::1]x", "port"},
    {"https://[::1]8200", "port"},
};

START_TEST(each_spelling_of_an_origin_becomes_the_same_text)
{
    char origin[VC_ADDRESS_MAX + 1];
    const char *text = spellings[_i].text;
    const char *fault = vc_address_parse(text, strlen(text), origin);

    ck_assert_msg(fault == NULL, "%s: %s", text, fault);
    ck_assert_str_eq(origin, spellings[_i].origin);
}
END_TEST

START_TEST(an_origin_is_its_own_spelling)
{
    char origin[VC_ADDRESS_MAX + 1];
    const char *text = spellings[_i].origin;

    ck_assert_ptr_null(vc_address_parse(text, strlen(text), origin));
    ck_assert_str_eq(origin, text);
}
END_TEST

START_TEST(anything_else_is_refused_with_its_reason_and_not_quoted)
{
    char origin[VC_ADDRESS_MAX + 1];
    const char *fault = vc_address_parse(refusals[_i].text, strlen(refusals[_i].text), origin);

    ck_assert_msg(fault != NULL, "%s became %s", refusals[_i].text, origin);
    ck_assert_msg(strstr(fault, refusals[_i].reason) != NULL, "%s: %s", refusals[_i].text, fault);
    ck_assert_ptr_null(strstr(fault, "hunter2"));
}
END_TEST

START_TEST(a_nul_inside_is_refused)
{
    char origin[VC_ADDRESS_MAX + 1];

    ck_assert_ptr_nonnull(vc_address_parse("https://a\0b", 11, origin));
    ck_assert_ptr_nonnull(vc_address_parse("https://[::1\0]", 14, origin));
}
END_TEST

START_TEST(an_address_need_not_be_terminated)
{
    char origin[VC_ADDRESS_MAX + 1];

    ck_assert_ptr_null(vc_address_parse("https://a:12345", 12, origin));
    ck_assert_str_eq(origin, "https://a:12");
}
END_TEST

START_TEST(a_host_name_has_at_most_253_characters)
{
    char origin[VC_ADDRESS_MAX + 1];
    char text[300] = "https://";

    memset(text + 8, 'a', 254);
    ck_assert_ptr_null(vc_address_parse(text, 8 + 253, origin));
    ck_assert_uint_eq(strlen(origin), 8 + 253 + strlen(":443"));
    ck_assert_ptr_nonnull(vc_address_parse(text, 8 + 254, origin));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vault_address");
    TCase *tests = tcase_create("origins");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, each_spelling_of_an_origin_becomes_the_same_text, 0,
                        COUNT(spellings));
    tcase_add_loop_test(tests, an_origin_is_its_own_spelling, 0, COUNT(spellings));
    tcase_add_loop_test(tests, anything_else_is_refused_with_its_reason_and_not_quoted, 0,
                        COUNT(refusals));
    tcase_add_test(tests, a_nul_inside_is_refused);
    tcase_add_test(tests, an_address_need_not_be_terminated);
    tcase_add_test(tests, a_host_name_has_at_most_253_characters);

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
