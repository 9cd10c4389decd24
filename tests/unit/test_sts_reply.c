/*
 * test_sts_reply.c - what is taken for credentials, what for an error, and what for neither
 * (sts_reply.h). The replies are recorded from MinIO and SeaweedFS, keys replaced.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sts_reply.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define START "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
#define END "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
#define KEY "<AccessKeyId>ASIAEXAMPLE</AccessKeyId>"
#define SECRET "<SecretAccessKey>example/secret+key=</SecretAccessKey>"
#define TOKEN "<SessionToken>example.session.token</SessionToken>"
#define EXPIRATION "<Expiration>2026-11-23T07:29:46Z</Expiration>"
#define WHOLE START KEY SECRET TOKEN EXPIRATION END

static struct sts_reply reply;
static struct vc_error err;

static void set_up(void)
{
    sts_reply_init(&reply, &vc_wiping_allocator);
    vc_error_clear(&err);
}

static void tear_down(void)
{
    sts_reply_free(&reply);
}

static enum vc_code parse(const char *text)
{
    tear_down();
    set_up();
    return sts_reply_parse(&reply, text, strlen(text), &err);
}

static const char *text_of(enum sts_field field)
{
    return vc_buf_text(&reply.field[field]);
}

START_TEST(credentials_of_minio_are_read)
{
    ck_assert_int_eq(
        parse("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<AssumeRoleResponse "
              "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>"
              "<AssumedRoleUser><Arn></Arn><AssumeRoleId></AssumeRoleId></AssumedRoleUser>"
              "<Credentials>" KEY SECRET TOKEN EXPIRATION "</Credentials></AssumeRoleResult>"
              "<ResponseMetadata><RequestId>18EA98C80D013DE0</RequestId></ResponseMetadata>"
              "</AssumeRoleResponse>"),
        VC_OK);
    ck_assert(!reply.is_error);
    ck_assert_str_eq(text_of(STS_ACCESS_KEY), "ASIAEXAMPLE");
    ck_assert_str_eq(text_of(STS_SECRET_KEY), "example/secret+key=");
    ck_assert_str_eq(text_of(STS_SESSION_TOKEN), "example.session.token");
    ck_assert_str_eq(text_of(STS_EXPIRATION), "2026-11-23T07:29:46Z");
}
END_TEST

START_TEST(an_error_response_is_read)
{
    ck_assert_int_eq(parse("<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
                           "<Error><Type></Type><Code>AccessDenied</Code><Message>expecting "
                           "&#39;us-east-1&#39;.</Message></Error><RequestId>1</RequestId>"
                           "</ErrorResponse>"),
                     VC_OK);
    ck_assert(reply.is_error);
    ck_assert_str_eq(text_of(STS_ERROR_CODE), "AccessDenied");
    ck_assert_str_eq(text_of(STS_ERROR_WORDS), "expecting 'us-east-1'.");
}
END_TEST

START_TEST(a_bare_error_is_read)
{
    ck_assert_int_eq(parse("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>"
                           "RequestTimeTooSkewed</Code><Message>The difference</Message>"
                           "<Resource>/</Resource><RequestId>18</RequestId></Error>"),
                     VC_OK);
    ck_assert(reply.is_error);
    ck_assert_str_eq(text_of(STS_ERROR_CODE), "RequestTimeTooSkewed");
    ck_assert_str_eq(text_of(STS_ERROR_WORDS), "The difference");
}
END_TEST

static const char *const expirations[] = {"2026-11-23T07:29:46.123456789Z", "2026-11-23T07:29:46Z"};

START_TEST(an_expiration_may_have_a_fraction)
{
    char text[1024];

    snprintf(text, sizeof(text), START KEY SECRET TOKEN "<Expiration>%s</Expiration>" END,
             expirations[_i]);
    ck_assert_int_eq(parse(text), VC_OK);
    ck_assert_str_eq(text_of(STS_EXPIRATION), expirations[_i]);
}
END_TEST

START_TEST(long_words_of_an_error_are_cut)
{
    char words[STS_ERROR_WORDS_MAX + 100];
    char text[sizeof(words) + 100];

    memset(words, 'w', sizeof(words));
    words[sizeof(words) - 1] = '\0';
    snprintf(text, sizeof(text), "<Error><Code>A</Code><Message>%s</Message></Error>", words);
    ck_assert_int_eq(parse(text), VC_OK);
    ck_assert_uint_eq(strlen(text_of(STS_ERROR_WORDS)), STS_ERROR_WORDS_MAX);
}
END_TEST

START_TEST(a_token_of_the_longest_kind_is_read_and_a_longer_one_refused)
{
    static char text[STS_TOKEN_MAX + 1024];
    static char token[STS_TOKEN_MAX + 2];

    memset(token, 't', STS_TOKEN_MAX);
    snprintf(text, sizeof(text), START KEY SECRET "<SessionToken>%s</SessionToken>" EXPIRATION END,
             token);
    ck_assert_int_eq(parse(text), VC_OK);
    ck_assert_uint_eq(strlen(text_of(STS_SESSION_TOKEN)), STS_TOKEN_MAX);
    token[STS_TOKEN_MAX] = 't';
    snprintf(text, sizeof(text), START KEY SECRET "<SessionToken>%s</SessionToken>" EXPIRATION END,
             token);
    ck_assert_int_eq(parse(text), VC_BAD_REPLY);
}
END_TEST

static const char *const of_no_use[] = {
    "",
    "not XML",
    "{\"errors\":[]}",
    "<html><body>503</body></html>",
    "<Error></Error>",
    "<Error><Code></Code></Error>",
    "<Error><Code>two words</Code></Error>",
    "<Other><Error><Code>A</Code></Error></Other>",
    START KEY SECRET TOKEN EXPIRATION,
    WHOLE "trailing",
    WHOLE WHOLE,
    START SECRET TOKEN EXPIRATION END,
    START KEY TOKEN EXPIRATION END,
    START KEY SECRET EXPIRATION END,
    START KEY SECRET TOKEN END,
    START KEY KEY SECRET TOKEN EXPIRATION END,
    START "<AccessKeyId></AccessKeyId>" SECRET TOKEN EXPIRATION END,
    START "<AccessKeyId>A B</AccessKeyId>" SECRET TOKEN EXPIRATION END,
    START "<AccessKeyId>A\n</AccessKeyId>" SECRET TOKEN EXPIRATION END,
    START "<AccessKeyId>A&#10;B</AccessKeyId>" SECRET TOKEN EXPIRATION END,
    START "<AccessKeyId>A&#0;B</AccessKeyId>" SECRET TOKEN EXPIRATION END,
    START "<AccessKeyId>caf\xc3\xa9</AccessKeyId>" SECRET TOKEN EXPIRATION END,
    START "<AccessKeyId>A\x7f</AccessKeyId>" SECRET TOKEN EXPIRATION END,
    START "<AccessKeyId>A<x/>B</AccessKeyId>" SECRET TOKEN EXPIRATION END,
    START KEY SECRET TOKEN "<Expiration>2026-11-23T07:29:46</Expiration>" END,
    START KEY SECRET TOKEN "<Expiration>2026-11-23T07:29:46+01:00</Expiration>" END,
    START KEY SECRET TOKEN "<Expiration>2026-11-23T07:29:46.Z</Expiration>" END,
    START KEY SECRET TOKEN "<Expiration>tomorrow</Expiration>" END,
    START KEY SECRET TOKEN "<Expiration>2026-11-23 07:29:46Z</Expiration>" END,
    "<!DOCTYPE x>" WHOLE,
    "<!DOCTYPE x [<!ENTITY a \"A\">]>" WHOLE,
    "<!DOCTYPE x SYSTEM \"file:///etc/passwd\">" WHOLE,
    "<?xml version=\"1.0\" encoding=\"x-unknown\"?>" WHOLE,
};

START_TEST(what_is_neither_credentials_nor_an_error_is_refused)
{
    ck_assert_msg(parse(of_no_use[_i]) == VC_BAD_REPLY, "taken: %s", of_no_use[_i]);
    ck_assert_int_eq(err.code, VC_BAD_REPLY);
}
END_TEST

START_TEST(no_message_quotes_the_reply)
{
    ck_assert_int_eq(parse(START KEY SECRET TOKEN "<Expiration>later</Expiration>" END),
                     VC_BAD_REPLY);
    ck_assert_ptr_null(strstr(err.message, "later"));
    ck_assert_ptr_null(strstr(err.message, "example"));
}
END_TEST

START_TEST(a_nesting_beyond_the_limit_is_refused)
{
    char text[(STS_DEPTH_MAX + 1) * 3 + 1] = "";

    for (int i = 0; i <= STS_DEPTH_MAX; i++)
        strncat(text, "<a>", 4);
    ck_assert_int_eq(parse(text), VC_BAD_REPLY);
    ck_assert_ptr_nonnull(strstr(err.message, "nested too deep"));
}
END_TEST

START_TEST(names_too_long_for_any_reply_are_refused)
{
    char text[1002];

    memset(text, 'a', sizeof(text));
    text[0] = '<';
    text[1000] = '>';
    text[1001] = '\0';
    ck_assert_int_eq(parse(text), VC_BAD_REPLY);
    ck_assert_ptr_nonnull(strstr(err.message, "nested too deep"));
}
END_TEST

START_TEST(a_text_beyond_the_limit_is_refused_unread)
{
    static char text[STS_REPLY_MAX + 2];

    memset(text, ' ', sizeof(text));
    memcpy(text, WHOLE, sizeof(WHOLE) - 1);
    text[STS_REPLY_MAX] = '\0';
    ck_assert_int_eq(parse(text), VC_OK);
    text[STS_REPLY_MAX] = ' ';
    text[STS_REPLY_MAX + 1] = '\0';
    ck_assert_int_eq(parse(text), VC_REPLY_TOO_LARGE);
}
END_TEST

/* expat's own memory comes from the hooks, which can be made to fail. */
START_TEST(a_lack_of_memory_is_reported_at_every_allocation)
{
    unsigned long nth = 1;
    enum vc_code code;

    do {
        vc_hook_fail_from(nth);
        code = parse(WHOLE);
        vc_hook_fail_from(0);
        ck_assert(code == VC_OK || code == VC_NO_MEMORY);
        nth++;
    } while (code != VC_OK && nth < 1000);
    ck_assert_int_eq(code, VC_OK);
    ck_assert_uint_gt(nth, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sts_reply");
    TCase *tests = tcase_create("sts_reply");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, credentials_of_minio_are_read);
    tcase_add_test(tests, an_error_response_is_read);
    tcase_add_test(tests, a_bare_error_is_read);
    tcase_add_loop_test(tests, an_expiration_may_have_a_fraction, 0, COUNT(expirations));
    tcase_add_test(tests, long_words_of_an_error_are_cut);
    tcase_add_test(tests, a_token_of_the_longest_kind_is_read_and_a_longer_one_refused);
    tcase_add_loop_test(tests, what_is_neither_credentials_nor_an_error_is_refused, 0,
                        COUNT(of_no_use));
    tcase_add_test(tests, no_message_quotes_the_reply);
    tcase_add_test(tests, a_nesting_beyond_the_limit_is_refused);
    tcase_add_test(tests, names_too_long_for_any_reply_are_refused);
    tcase_add_test(tests, a_text_beyond_the_limit_is_refused_unread);
    tcase_add_test(tests, a_lack_of_memory_is_reported_at_every_allocation);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
