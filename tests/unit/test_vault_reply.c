/*
 * test_vault_reply.c - the envelope of Vault's replies, and what a status means (vault_reply.h).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "json.h"
#include "recorded_reply.h"
#include "utf8.h"
#include "vault_reply.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

static struct vc_reply reply;
static struct vc_envelope envelope;
static struct vc_error err;

static void set_up(void)
{
    vc_json_use_wiping_hooks();
    vc_error_clear(&err);
}

static void tear_down(void)
{
    vc_envelope_free(&envelope);
    vc_reply_free(&reply);
}

static enum vc_code parse(long status, const char *body)
{
    vc_envelope_free(&envelope);
    return vc_envelope_parse(&envelope, recorded(&reply, status, body), &err);
}

static enum vc_code meaning(long status, const char *body)
{
    ck_assert_int_eq(parse(status, body), VC_OK);
    return vc_envelope_error(&envelope, &reply, "read secret/data/x", &err);
}

/* {"errors":["<text>"]}, text being what stands inside a JSON string. Valid until the next call. */
static const char *error_body(const char *text)
{
    static char body[2048];

    snprintf(body, sizeof(body), "{\"errors\":[\"%s\"]}", text);
    return body;
}

START_TEST(the_parts_of_a_reply_are_found)
{
    ck_assert_int_eq(
        parse(200, REPLY_DATA("{\"data\":{\"k\":\"v\"},\"metadata\":{\"version\":1}}")), VC_OK);
    ck_assert_ptr_nonnull(envelope.data);
    ck_assert_ptr_nonnull(envelope.metadata);
    ck_assert_ptr_null(envelope.auth);
    ck_assert_ptr_null(envelope.wrap_info);
    ck_assert_str_eq(envelope.request_id, RECORDED_REQUEST_ID);
    ck_assert_str_eq(envelope.words, "");
    ck_assert_str_eq(envelope.warning, "");
    ck_assert(!envelope.errors_empty);
}
END_TEST

START_TEST(an_empty_body_is_an_empty_envelope)
{
    ck_assert_int_eq(parse(204, ""), VC_OK);
    ck_assert_ptr_null(envelope.root);
    ck_assert_str_eq(envelope.request_id, "");
}
END_TEST

static const char *const no_objects[] = {
    "[]", "\"x\"", "1", "null", "<html>", "{", "{} {}", "{\"a\":1,\"a\":2}", "{\"a\":\"\\u0000\"}"};

START_TEST(a_good_status_without_a_json_object_is_refused)
{
    ck_assert_int_eq(parse(200, no_objects[_i]), VC_BAD_REPLY);
    ck_assert_int_eq(err.code, VC_BAD_REPLY);
    ck_assert_int_eq(err.http_status, 200);
}
END_TEST

START_TEST(an_error_without_a_json_object_is_no_error_of_the_parser)
{
    ck_assert_int_eq(parse(502, no_objects[_i]), VC_OK);
    ck_assert_ptr_null(envelope.root);
}
END_TEST

START_TEST(a_redirect_may_carry_html)
{
    ck_assert_int_eq(parse(307, "<a href=\"/v1/x\">Temporary Redirect</a>.\n"), VC_OK);
}
END_TEST

START_TEST(errors_are_joined)
{
    ck_assert_int_eq(parse(400, REPLY_ERRORS("\"one\",\"\",2,null,\"two\"")), VC_OK);
    ck_assert_str_eq(envelope.words, "one; two");
    ck_assert(!envelope.errors_empty);
}
END_TEST

START_TEST(no_errors_and_an_empty_list_of_errors_are_told_apart)
{
    ck_assert_int_eq(parse(404, "{\"errors\":[]}"), VC_OK);
    ck_assert(envelope.errors_empty);
    ck_assert_int_eq(parse(404, "{}"), VC_OK);
    ck_assert(!envelope.errors_empty);
}
END_TEST

struct unfolding {
    const char *error;
    const char *words;
};

static const struct unfolding unfoldings[] = {
    /* OpenBao 2.7.2, recorded: a path that the token's policies do not allow */
    {"1 error occurred:\\n\\t* permission denied\\n\\n", "permission denied"},
    /* HashiCorp Vault 1.13 and later, for a token that is not known */
    {"2 errors occurred:\\n\\t* permission denied\\n\\t* invalid token\\n\\n",
     "permission denied; invalid token"},
    {"1 error occurred: not a list", " not a list"},
    {"3 errors", "3 errors"},
    {" error occurred:\\n\\t* x", " error occurred: * x"},
    {"errors occurred:\\n\\t* x", "errors occurred: * x"},
    {"two\\n* stars", "two * stars"},
    {"1 error occurred:\\n\\t* 2 * 3", "2 * 3"},
};

START_TEST(an_error_of_several_lines_becomes_one_line)
{
    ck_assert_int_eq(meaning(403, error_body(unfoldings[_i].error)), VC_PERMISSION_DENIED);
    ck_assert_str_eq(envelope.words, unfoldings[_i].words);
}
END_TEST

START_TEST(control_characters_at_the_ends_of_an_error_leave_nothing)
{
    ck_assert_int_eq(parse(400, "{\"errors\":[\"\\n\\tone\\u007f\\r\\ntwo\\n\"]}"), VC_OK);
    ck_assert_str_eq(envelope.words, "one two");
}
END_TEST

START_TEST(words_that_do_not_fit_are_cut_between_characters)
{
    char text[601] = "x";

    for (int i = _i; i + 1 < 600; i += 2)
        memcpy(text + i, "\xc3\xa4", 2);
    ck_assert_int_eq(parse(400, error_body(text)), VC_OK);
    ck_assert_uint_eq(strlen(envelope.words), VC_HINT_SIZE - 2 + (size_t)_i);
    ck_assert(vc_utf8_valid(envelope.words, strlen(envelope.words)));
}
END_TEST

START_TEST(a_gap_that_does_not_fit_is_left_out_with_what_follows)
{
    char text[VC_HINT_SIZE + 2];

    memset(text, 'a', VC_HINT_SIZE - 2);
    memcpy(text + VC_HINT_SIZE - 2, "\\nb", 4);
    ck_assert_int_eq(parse(400, error_body(text)), VC_OK);
    ck_assert_uint_eq(strlen(envelope.words), VC_HINT_SIZE - 2);
}
END_TEST

static const char *const bad_ids[] = {
    "{\"request_id\":\"a b\"}", "{\"request_id\":\"a\\nb\"}", "{\"request_id\":\"\xc3\xa4\"}",
    "{\"request_id\":7}",
    "{\"request_id\":\"0123456789012345678901234567890123456789012345678901234567890123\"}"};

START_TEST(a_request_id_that_is_no_short_word_is_left_out)
{
    ck_assert_int_eq(parse(200, bad_ids[_i]), VC_OK);
    ck_assert_str_eq(envelope.request_id, "");
}
END_TEST

START_TEST(the_first_warning_is_kept_and_all_are_searched)
{
    ck_assert_int_eq(parse(200, "{\"warnings\":[\"first\",\"the second one\"]}"), VC_OK);
    ck_assert_str_eq(envelope.warning, "first");
    ck_assert(vc_envelope_warns(&envelope, "second"));
    ck_assert(!vc_envelope_warns(&envelope, "third"));
}
END_TEST

struct status_meaning {
    long status;
    const char *body;
    enum vc_code code;
};

#define HTML "<html><body>Bad Gateway</body></html>"

static const struct status_meaning meanings[] = {
    /* OpenBao 2.7.2, recorded */
    {403, REPLY_ERRORS("\"permission denied\""), VC_PERMISSION_DENIED},
    {404, REPLY_ERRORS(""), VC_NOT_FOUND},
    {404, REPLY_ERRORS("\"no handler for route \\\"nomount/data/t\\\". route entry not found.\""),
     VC_NO_MOUNT},
    {404, REPLY_ERRORS("\"namespace not found\""), VC_NO_NAMESPACE},
    {400, REPLY_ERRORS("\"operation unavailable in namespaces\""), VC_BAD_REQUEST},
    {400, REPLY_ERRORS("\"relative paths not supported\""), VC_BAD_REQUEST},
    {413, REPLY_ERRORS("\"http: request body too large\""), VC_BAD_REQUEST},
    {429, REPLY_ERRORS(""), VC_NOT_ACTIVE},
    {429, REPLY_ERRORS("\"request path \\\"secret/data/saas/v\\\": rate limit quota exceeded\""),
     VC_RATE_LIMITED},
    {503, REPLY_ERRORS("\"Vault is sealed\""), VC_SEALED},
    {307, "", VC_REDIRECT_REFUSED},
    /* HashiCorp Vault's documentation and issues */
    {405, REPLY_ERRORS("\"unsupported operation\""), VC_BAD_REQUEST},
    {412, REPLY_ERRORS("\"required index state not present\""), VC_NOT_ACTIVE},
    {472, "", VC_NOT_ACTIVE},
    {473, "", VC_NOT_ACTIVE},
    {474, "", VC_NOT_ACTIVE},
    {500, REPLY_ERRORS("\"local node not active but active cluster node not found\""),
     VC_NOT_ACTIVE},
    {500, REPLY_ERRORS("\"internal error\""), VC_SERVER_ERROR},
    {501, "", VC_NOT_INITIALIZED},
    {502, REPLY_ERRORS("\"failed to reach a plugin\""), VC_SERVER_ERROR},
    {503, "", VC_SERVER_ERROR},
    {504, "", VC_SERVER_ERROR},
    {530, "", VC_SERVER_ERROR},
    /* something that stands before Vault */
    {429, HTML, VC_RATE_LIMITED},
    {429, "", VC_NOT_ACTIVE},
    {400, HTML, VC_BAD_REPLY},
    {401, HTML, VC_BAD_REPLY},
    {403, HTML, VC_BAD_REPLY},
    {403, "", VC_BAD_REPLY},
    {404, HTML, VC_BAD_REPLY},
    {404, "", VC_BAD_REPLY},
    {413, HTML, VC_BAD_REQUEST},
    {502, HTML, VC_SERVER_ERROR},
    {503, HTML, VC_SERVER_ERROR},
    {301, HTML, VC_REDIRECT_REFUSED},
    {600, "", VC_BAD_REPLY},
    {100, "", VC_BAD_REPLY},
    {200, REPLY_DATA("null"), VC_BAD_REPLY},
    {299, "", VC_BAD_REPLY},
    {-1, "", VC_BAD_REPLY},
};

START_TEST(each_status_has_its_meaning)
{
    const struct status_meaning *row = &meanings[_i];

    ck_assert_msg(meaning(row->status, row->body) == row->code, "%ld %s: %s", row->status,
                  row->body, vc_code_text(err.code));
    ck_assert_int_eq(err.code, row->code);
    ck_assert_int_eq(err.http_status, row->status);
}
END_TEST

START_TEST(a_429_with_retry_after_is_a_rate_limit_whatever_its_body)
{
    ck_assert_int_eq(parse(429, ""), VC_OK);
    reply.retry_after = 4;
    ck_assert_int_eq(vc_envelope_error(&envelope, &reply, "read x", &err), VC_RATE_LIMITED);
}
END_TEST

START_TEST(an_error_says_what_was_done_and_ends_with_vaults_words)
{
    meaning(403, REPLY_ERRORS("\"permission denied\""));
    ck_assert_str_eq(err.message,
                     "could not read secret/data/x: Vault answered 403: permission denied");
    ck_assert_str_ne(err.hint, "");
}
END_TEST

START_TEST(an_error_carries_the_request_id)
{
    meaning(404, REPLY_DATA("null"));
    ck_assert_str_eq(err.request_id, RECORDED_REQUEST_ID);
}
END_TEST

START_TEST(a_long_path_leaves_room_for_vaults_words)
{
    char doing[1000];

    memset(doing, 'a', sizeof(doing) - 1);
    doing[sizeof(doing) - 1] = '\0';
    ck_assert_int_eq(parse(403, REPLY_ERRORS("\"permission denied\"")), VC_OK);
    vc_envelope_error(&envelope, &reply, doing, &err);
    ck_assert_ptr_nonnull(strstr(err.message, "permission denied"));
}
END_TEST

struct hiding {
    const char *words;
    const char *shown;
};

static const struct hiding hidings[] = {
    {"invalid role or secret ID", "invalid role or secret ID"},
    {"bad acc4e928-9132-fad0-9e5d-cca8ded6cebd here", "bad [hidden] here"},
    {"token s.Ssy5ZSdmAzfXHvXrZQtcZfex", "token s.[hidden]"},
    {"token hvs.CAESIJT2KM9n2KJqg_E267EHJSY0c4NWtTRnBsNWhzUDkQZQ", "token hvs.[hidden]"},
    {"eyJhbGciOiJSUzI1NiJ9aaaaaa.eyJzdWIiOiJ4In0aaaaaaaaa.c2lnbmF0dXJl1234567890",
     "[hidden].[hidden].[hidden]"},
    {"source address \\\"127.0.0.1\\\" unauthorized by CIDR restrictions on the role",
     "source address \"127.0.0.1\" unauthorized by CIDR restrictions on the role"},
    {"internationalization-without-digits", "internationalization-without-digits"},
    {"1234567890123456789", "1234567890123456789"},
    {"12345678901234567890", "[hidden]"},
    {"\xc3\xa4 12345678901234567890\xc3\xa4", "\xc3\xa4 [hidden]\xc3\xa4"},
};

START_TEST(what_looks_like_a_credential_is_hidden_from_words)
{
    ck_assert_int_eq(parse(400, error_body(hidings[_i].words)), VC_OK);
    vc_envelope_hide_credentials(&envelope);
    ck_assert_str_eq(envelope.words, hidings[_i].shown);
}
END_TEST

START_TEST(a_malformed_reply_names_what_it_lacks)
{
    ck_assert_int_eq(parse(200, REPLY_DATA("null")), VC_OK);
    ck_assert_int_eq(vc_envelope_malformed(&envelope, &reply, "read x", "a version", &err),
                     VC_BAD_REPLY);
    ck_assert_str_eq(err.message, "could not read x: Vault's reply lacks a version");
    ck_assert_str_eq(err.request_id, RECORDED_REQUEST_ID);
    ck_assert_int_eq(err.http_status, 200);
}
END_TEST

START_TEST(a_caller_may_not_care_why)
{
    ck_assert_int_eq(vc_envelope_parse(&envelope, recorded(&reply, 200, "x"), NULL), VC_BAD_REPLY);
    ck_assert_int_eq(parse(404, REPLY_ERRORS("")), VC_OK);
    ck_assert_int_eq(vc_envelope_error(&envelope, &reply, "read x", NULL), VC_NOT_FOUND);
    ck_assert_int_eq(vc_envelope_malformed(&envelope, &reply, "read x", "y", NULL), VC_BAD_REPLY);
}
END_TEST

START_TEST(without_memory_a_reply_is_not_taken_for_something_elses)
{
    vc_hook_fail_from(1);
    ck_assert_int_eq(parse(403, REPLY_ERRORS("\"permission denied\"")), VC_NO_MEMORY);
    vc_hook_fail_from(0);
    ck_assert_int_eq(err.code, VC_NO_MEMORY);
}
END_TEST

static void add_table(TCase *tests, const TTest *test, int count)
{
    tcase_add_loop_test(tests, test, 0, count);
}

int main(void)
{
    Suite *suite = suite_create("vault_reply");
    TCase *tests = tcase_create("the envelope and the status");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, the_parts_of_a_reply_are_found);
    tcase_add_test(tests, an_empty_body_is_an_empty_envelope);
    add_table(tests, a_good_status_without_a_json_object_is_refused, COUNT(no_objects));
    add_table(tests, an_error_without_a_json_object_is_no_error_of_the_parser, COUNT(no_objects));
    tcase_add_test(tests, a_redirect_may_carry_html);
    tcase_add_test(tests, errors_are_joined);
    tcase_add_test(tests, no_errors_and_an_empty_list_of_errors_are_told_apart);
    add_table(tests, an_error_of_several_lines_becomes_one_line, COUNT(unfoldings));
    tcase_add_test(tests, control_characters_at_the_ends_of_an_error_leave_nothing);
    add_table(tests, words_that_do_not_fit_are_cut_between_characters, 2);
    tcase_add_test(tests, a_gap_that_does_not_fit_is_left_out_with_what_follows);
    add_table(tests, a_request_id_that_is_no_short_word_is_left_out, COUNT(bad_ids));
    tcase_add_test(tests, the_first_warning_is_kept_and_all_are_searched);
    add_table(tests, each_status_has_its_meaning, COUNT(meanings));
    tcase_add_test(tests, a_429_with_retry_after_is_a_rate_limit_whatever_its_body);
    tcase_add_test(tests, an_error_says_what_was_done_and_ends_with_vaults_words);
    tcase_add_test(tests, an_error_carries_the_request_id);
    tcase_add_test(tests, a_long_path_leaves_room_for_vaults_words);
    add_table(tests, what_looks_like_a_credential_is_hidden_from_words, COUNT(hidings));
    tcase_add_test(tests, a_malformed_reply_names_what_it_lacks);
    tcase_add_test(tests, a_caller_may_not_care_why);
    tcase_add_test(tests, without_memory_a_reply_is_not_taken_for_something_elses);

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
