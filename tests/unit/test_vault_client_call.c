/*
 * test_vault_client_call.c - addresses, redirects, retries: servers that misbehave as no real one
 * can be made to (vault_client.h).
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client_harness.h"
#include "scripted_server.h"
#include "tls_server.h"
#include "tracking_allocator.h"

#define SECRET                                                                                     \
    "{\"request_id\":\"r\",\"data\":{\"data\":{\"x\":\"1\"},\"metadata\":{\"version\":1,"          \
    "\"created_time\":\"2026-01-01T00:00:00Z\",\"deletion_time\":\"\",\"destroyed\":false}}}"
#define LOGIN                                                                                      \
    "{\"auth\":{\"client_token\":\"s.scripted\",\"lease_duration\":3600,\"renewable\":true,"       \
    "\"token_type\":\"service\",\"num_uses\":0}}"
#define READ_LINE "GET /v1/secret/data/a "
#define LOGIN_LINE "/v1/auth/approle/login "

static struct scripted_server *first, *second;

static void set_up(void)
{
    first = scripted_server_start();
    second = scripted_server_start();
    harness_set_up(scripted_server_address(first));
    set("role_id", "role");
    set("secret_id", "secret");
    set("request_timeout", "4s");
    set("connect_timeout", "1s");
}

static void tear_down(void)
{
    harness_tear_down();
    scripted_server_stop(first);
    scripted_server_stop(second);
}

static void use_both(void)
{
    char addresses[256];

    snprintf(addresses, sizeof(addresses), "%s,%s", scripted_server_address(first),
             scripted_server_address(second));
    set("address", addresses);
}

static void serve_logins(struct scripted_server *server)
{
    scripted_server_answer(server, LOGIN_LINE, 200, "", LOGIN);
}

static void serve_reads(struct scripted_server *server)
{
    scripted_server_answer(server, READ_LINE, 200, "", SECRET);
}

static void answer_times(struct scripted_server *server, const char *when, unsigned times,
                         const char *bytes)
{
    scripted_server_add(server,
                        &(struct scripted_reply){.when = when, .times = times, .bytes = bytes});
}

static void redirect(struct scripted_server *server, const char *when, const char *origin,
                     const char *path)
{
    char headers[256];

    snprintf(headers, sizeof(headers), "Location: %s%s\r\n", origin, path);
    scripted_server_answer(server, when, 307, headers, "");
}

static void expect(enum vc_code code)
{
    ck_assert_msg(outcome.err.code == code, "%d (%s): %s", outcome.err.code,
                  vc_code_text(outcome.err.code), outcome.err.message);
}

static unsigned reads(struct scripted_server *server)
{
    return scripted_server_requests(server, READ_LINE);
}

static unsigned logins(struct scripted_server *server)
{
    return scripted_server_requests(server, LOGIN_LINE);
}

/* ---- several addresses ---- */

START_TEST(a_dead_address_is_passed_over_and_the_living_one_remembered)
{
    scripted_server_deafen(first);
    serve_logins(second);
    serve_reads(second);
    use_both();
    configure();
    for (int i = 0; i < 5; i++) {
        read_secret("a");
        expect(VC_OK);
    }
    ck_assert_str_eq(status_now().address, scripted_server_address(second));
    /* The login tried the dead one; nothing after it did. */
    ck_assert_uint_eq(status_now().requests, 7);
}
END_TEST

START_TEST(an_address_that_dies_between_reads_is_replaced_by_the_other)
{
    serve_logins(first);
    serve_reads(first);
    serve_reads(second);
    use_both();
    configure();
    read_secret("a");
    scripted_server_deafen(first);
    read_secret("a");
    expect(VC_OK);
    ck_assert_uint_eq(reads(second), 1);
}
END_TEST

START_TEST(a_silent_address_leaves_time_for_the_other)
{
    vc_msec begun;

    serve_logins(first);
    scripted_server_add(first, &(struct scripted_reply){.when = READ_LINE, .hang = true});
    serve_reads(second);
    use_both();
    configure();
    begun = vc_now();
    read_secret("a");
    expect(VC_OK);
    ck_assert_int_lt(vc_now() - begun, 3500);
}
END_TEST

START_TEST(after_a_login_that_hung_the_next_one_goes_to_the_other_address)
{
    scripted_server_add(first, &(struct scripted_reply){.when = LOGIN_LINE, .hang = true});
    serve_logins(second);
    serve_reads(second);
    use_both();
    set("request_timeout", "1s");
    configure();
    read_in_time("a", 6000);
    expect(VC_OK);
    ck_assert_uint_eq(logins(first), 1);
}
END_TEST

START_TEST(when_nobody_answers_the_error_comes_within_the_deadline)
{
    vc_msec begun;

    scripted_server_deafen(first);
    scripted_server_deafen(second);
    use_both();
    configure();
    begun = vc_now();
    read_in_time("a", 2000);
    expect(VC_UNREACHABLE);
    ck_assert_int_lt(vc_now() - begun, 2100);
}
END_TEST

START_TEST(a_server_that_is_silent_ends_at_the_deadline)
{
    vc_msec begun;

    serve_logins(first);
    scripted_server_add(first, &(struct scripted_reply){.when = READ_LINE, .hang = true});
    configure();
    begun = vc_now();
    read_in_time("a", 1500);
    expect(VC_TIMEOUT);
    ck_assert_int_lt(vc_now() - begun, 1700);
}
END_TEST

START_TEST(a_sealed_node_is_passed_over)
{
    scripted_server_answer(first, NULL, 503, "", "{\"errors\":[\"Vault is sealed\"]}");
    serve_logins(second);
    serve_reads(second);
    use_both();
    configure();
    read_secret("a");
    expect(VC_OK);
}
END_TEST

START_TEST(a_standby_that_lags_behind_is_passed_over_at_once)
{
    vc_msec begun;

    serve_logins(first);
    scripted_server_answer(first, READ_LINE, 429, "", "{\"errors\":[]}");
    serve_reads(second);
    use_both();
    configure();
    log_in();
    begun = vc_now();
    read_secret("a");
    expect(VC_OK);
    ck_assert_int_lt(vc_now() - begun, 150);
}
END_TEST

START_TEST(the_index_of_a_login_goes_with_the_reads)
{
    scripted_server_answer(first, LOGIN_LINE, 200, "X-Vault-Index: v1:login\r\n", LOGIN);
    serve_reads(first);
    configure();
    read_secret("a");
    ck_assert_uint_eq(scripted_server_requests(first, "\r\nX-Vault-Index: v1:login\r\n"), 1);
    ck_assert_uint_eq(
        scripted_server_requests(first, "X-Vault-Inconsistent: forward-active-node\r\n"), 1);
}
END_TEST

START_TEST(the_index_of_a_write_goes_with_the_reads_that_follow)
{
    serve_logins(first);
    scripted_server_answer(
        first, "/v1/sys/internal/ui/mounts/secret", 200, "",
        "{\"data\":{\"path\":\"secret/\",\"type\":\"kv\",\"options\":{\"version\":\"2\"}}}");
    scripted_server_answer(first, "POST /v1/secret/data/a ", 200, "X-Vault-Index: v1:write\r\n",
                           "{\"data\":{\"version\":3,\"created_time\":\"t\",\"destroyed\":false}}");
    serve_reads(first);
    configure();
    write_secret("a", "{}", -1);
    expect(VC_OK);
    ck_assert_int_eq(outcome.version, 3);
    read_secret("a");
    ck_assert_uint_eq(scripted_server_requests(first, "\r\nX-Vault-Index: v1:write\r\n"), 1);
}
END_TEST

/* ---- redirects ---- */

START_TEST(a_redirect_to_a_listed_address_is_followed_with_the_token)
{
    serve_logins(first);
    redirect(first, READ_LINE, scripted_server_address(second), "/v1/secret/data/a");
    serve_reads(second);
    use_both();
    configure();
    read_secret("a");
    expect(VC_OK);
    ck_assert_uint_eq(scripted_server_requests(second, "X-Vault-Token: s.scripted"), 1);
}
END_TEST

START_TEST(a_login_is_redirected_as_a_whole)
{
    redirect(first, LOGIN_LINE, scripted_server_address(second), "/v1/auth/approle/login");
    serve_reads(first);
    serve_logins(second);
    use_both();
    configure();
    read_secret("a");
    expect(VC_OK);
    ck_assert_uint_eq(scripted_server_requests(second, "\"secret_id\":\"secret\""), 1);
}
END_TEST

START_TEST(a_redirect_elsewhere_is_refused_and_nothing_goes_there)
{
    serve_logins(first);
    redirect(first, READ_LINE, scripted_server_address(second), "/v1/secret/data/a");
    serve_reads(second);
    configure();
    read_secret("a");
    expect(VC_REDIRECT_REFUSED);
    ck_assert_uint_eq(scripted_server_connections(second), 0);
    ck_assert_ptr_nonnull(strstr(outcome.err.hint, "address"));
}
END_TEST

START_TEST(a_login_redirected_elsewhere_is_refused_and_no_credential_goes_there)
{
    redirect(first, LOGIN_LINE, scripted_server_address(second), "/v1/auth/approle/login");
    serve_logins(second);
    configure();
    read_secret("a");
    expect(VC_REDIRECT_REFUSED);
    ck_assert_uint_eq(scripted_server_connections(second), 0);
}
END_TEST

START_TEST(a_redirect_to_another_path_is_refused)
{
    serve_logins(first);
    redirect(first, READ_LINE, scripted_server_address(first), "/v1/sys/raw/a");
    configure();
    read_secret("a");
    expect(VC_REDIRECT_REFUSED);
    ck_assert_ptr_nonnull(strstr(outcome.err.message, "another path"));
    ck_assert_uint_eq(reads(first), 1);
}
END_TEST

START_TEST(a_redirect_in_a_loop_ends)
{
    serve_logins(first);
    redirect(first, READ_LINE, scripted_server_address(second), "/v1/secret/data/a");
    redirect(second, READ_LINE, scripted_server_address(first), "/v1/secret/data/a");
    use_both();
    configure();
    read_secret("a");
    expect(VC_REDIRECT_REFUSED);
    ck_assert_uint_le(reads(first) + reads(second), 8);
}
END_TEST

START_TEST(a_redirect_to_itself_ends)
{
    serve_logins(first);
    redirect(first, READ_LINE, scripted_server_address(first), "/v1/secret/data/a");
    configure();
    read_secret("a");
    expect(VC_REDIRECT_REFUSED);
    ck_assert_uint_le(reads(first), 4);
}
END_TEST

START_TEST(a_redirect_without_an_address_is_refused)
{
    serve_logins(first);
    scripted_server_answer(first, READ_LINE, 307, "", "");
    configure();
    read_secret("a");
    expect(VC_REDIRECT_REFUSED);
}
END_TEST

/*
 * openssl's server knows one file, a redirect to the plain server, which is listed as well. The
 * plain one answers what a token from outside is asked about first, and sends the read to the other
 * address.
 */
START_TEST(a_redirect_from_https_to_http_is_refused)
{
    char folder[] = "/tmp/vault_call.XXXXXX";
    char command[256], path[256], reply[256], addresses[256];
    struct tls_server tls;

    ck_assert_ptr_nonnull(mkdtemp(folder));
    tls_make_authority(folder, "ca");
    tls_make_certificate(folder, "ca", "server", "IP:127.0.0.1", 1);
    snprintf(command, sizeof(command), "mkdir -p %s/v1/secret/data", folder);
    ck_assert_int_eq(system(command), 0);
    snprintf(path, sizeof(path), "%s/v1/secret/data/a", folder);
    snprintf(reply, sizeof(reply),
             "HTTP/1.1 307 T\r\nLocation: %s/v1/secret/data/a\r\nContent-Length: 0\r\n\r\n",
             scripted_server_address(first));
    write_file(path, reply);
    tls = tls_server_start(folder, "server", "");
    snprintf(path, sizeof(path), "%s/ca.crt", folder);
    set("ca_cert", path);
    snprintf(addresses, sizeof(addresses), "%s,%s", scripted_server_address(first), tls.address);
    set("address", addresses);
    set("auth_method", "token");
    set("token", "s.mine");
    scripted_server_answer(first, "lookup", 403, "", "{\"errors\":[\"permission denied\"]}");
    answer_times(first, READ_LINE, 1,
                 "HTTP/1.1 429 T\r\nContent-Length: 13\r\n\r\n{\"errors\":[]}");
    serve_reads(first);
    configure();
    read_secret("a");
    expect(VC_REDIRECT_REFUSED);
    ck_assert_ptr_nonnull(strstr(outcome.err.message, "from https to http"));
    ck_assert_uint_eq(reads(first), 1);
    tls_server_stop(&tls);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(a_leader_that_is_dead_is_waited_for_until_there_is_another)
{
    char dead[64], addresses[256];

    snprintf(dead, sizeof(dead), "http://127.0.0.1:%u", scripted_closed_port());
    snprintf(addresses, sizeof(addresses), "%s,%s,%s", scripted_server_address(first),
             scripted_server_address(second), dead);
    set("address", addresses);
    /* Both standbys name the dead leader four times; then the second is the leader. */
    for (int i = 0; i < 2; i++) {
        char bytes[256];

        snprintf(
            bytes, sizeof(bytes),
            "HTTP/1.1 307 T\r\nLocation: %s/v1/auth/approle/login\r\nContent-Length: 0\r\n\r\n",
            dead);
        answer_times(i == 0 ? first : second, LOGIN_LINE, 4, bytes);
    }
    serve_logins(second);
    redirect(first, LOGIN_LINE, scripted_server_address(second), "/v1/auth/approle/login");
    serve_reads(first);
    serve_reads(second);
    configure();
    read_in_time("a", 8000);
    expect(VC_OK);
    ck_assert_uint_eq(status_now().failures, 0);
}
END_TEST

START_TEST(without_any_leader_the_error_says_so_at_the_deadline)
{
    char dead[64], addresses[256];
    vc_msec begun;

    snprintf(dead, sizeof(dead), "http://127.0.0.1:%u", scripted_closed_port());
    snprintf(addresses, sizeof(addresses), "%s,%s", scripted_server_address(first), dead);
    set("address", addresses);
    redirect(first, LOGIN_LINE, dead, "/v1/auth/approle/login");
    configure();
    begun = vc_now();
    read_in_time("a", 2500);
    expect(VC_NOT_ACTIVE);
    ck_assert_ptr_nonnull(strstr(outcome.err.message, "no active node"));
    ck_assert_int_lt(vc_now() - begun, 2700);
    ck_assert_uint_le(logins(first), 12);
}
END_TEST

/* ---- retries ---- */

static const char *const passing_failures[] = {"HTTP/1.1 500 E\r\nContent-Length: 2\r\n\r\n{}",
                                               "HTTP/1.1 502 E\r\nContent-Length: 2\r\n\r\n<>",
                                               "HTTP/1.1 503 E\r\nContent-Length: 2\r\n\r\n{}",
                                               "HTTP/1.1 412 E\r\nContent-Length: 2\r\n\r\n{}",
                                               "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"};

START_TEST(a_read_is_tried_again_after_a_passing_failure)
{
    serve_logins(first);
    scripted_server_add(
        first, &(struct scripted_reply){
                   .when = READ_LINE, .times = 2, .bytes = passing_failures[_i], .close = true});
    serve_reads(first);
    configure();
    read_secret("a");
    expect(VC_OK);
    ck_assert_uint_eq(reads(first), 3);
}
END_TEST

START_TEST(a_read_is_given_up_after_max_retries)
{
    serve_logins(first);
    scripted_server_answer(first, READ_LINE, 502, "", "<html>");
    set("max_retries", "1");
    configure();
    read_secret("a");
    expect(VC_SERVER_ERROR);
    ck_assert_uint_eq(reads(first), 2);
}
END_TEST

START_TEST(retry_after_is_waited_for)
{
    vc_msec begun;

    serve_logins(first);
    answer_times(first, READ_LINE, 1,
                 "HTTP/1.1 503 E\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\n{}");
    serve_reads(first);
    configure();
    log_in();
    begun = vc_now();
    read_secret("a");
    expect(VC_OK);
    ck_assert_int_ge(vc_now() - begun, 1000);
}
END_TEST

START_TEST(a_retry_after_beyond_the_deadline_fails_at_once)
{
    vc_msec begun;

    serve_logins(first);
    scripted_server_answer(first, READ_LINE, 429, "Retry-After: 3600\r\n",
                           "{\"errors\":[\"rate limit quota exceeded\"]}");
    configure();
    log_in();
    begun = vc_now();
    read_secret("a");
    expect(VC_RATE_LIMITED);
    ck_assert_int_lt(vc_now() - begun, 500);
}
END_TEST

START_TEST(a_write_that_may_have_been_done_is_not_sent_again)
{
    serve_logins(first);
    scripted_server_answer(
        first, "/v1/sys/internal/ui/mounts/secret", 200, "",
        "{\"data\":{\"path\":\"secret/\",\"type\":\"kv\",\"options\":{\"version\":\"2\"}}}");
    scripted_server_add(first,
                        &(struct scripted_reply){.when = "POST /v1/secret/data/a ", .reset = true});
    configure();
    write_secret("a", "{}", -1);
    expect(VC_UNREACHABLE);
    ck_assert_uint_eq(scripted_server_requests(first, "POST /v1/secret/data/a "), 1);
}
END_TEST

START_TEST(a_login_that_may_have_been_done_is_not_sent_again_at_once)
{
    scripted_server_add(first,
                        &(struct scripted_reply){.when = LOGIN_LINE, .times = 1, .reset = true});
    serve_logins(first);
    serve_reads(first);
    configure();
    ck_assert_ptr_nonnull(vc_client_read(client, "a", 0, 0, on_secret, NULL));
    run_for(700);
    ck_assert_uint_eq(logins(first), 1);
    wait_for(1);
    expect(VC_OK);
    ck_assert_uint_eq(logins(first), 2);
}
END_TEST

START_TEST(a_login_that_failed_with_500_is_not_hammered)
{
    scripted_server_answer(first, LOGIN_LINE, 500, "", "{\"errors\":[\"internal error\"]}");
    configure();
    for (int i = 0; i < 50; i++)
        ck_assert_ptr_nonnull(vc_client_read(client, "a", 0, 3500, on_secret, NULL));
    wait_for(50);
    expect(VC_SERVER_ERROR);
    ck_assert_uint_le(logins(first), 4);
}
END_TEST

/* ---- replies that are no replies ---- */

static const struct {
    const char *body;
    enum vc_code code;
} malformed[] = {
    {"<html>It works!</html>", VC_BAD_REPLY},
    {"", VC_BAD_REPLY},
    {"[]", VC_BAD_REPLY},
    {"{\"data\":{\"data\":{\"x\":\"a\\u0000b\"},\"metadata\":{\"version\":1}}}", VC_BAD_REPLY},
    {"{\"data\":{\"data\":{\"x\":\"1\",\"x\":\"2\"},\"metadata\":{\"version\":1}}}", VC_BAD_REPLY},
    {"{\"data\":{\"data\":{\"x\":\"1\"},\"metadata\":{\"version\":1}}} trailing", VC_BAD_REPLY},
    {"{\"data\":{}}", VC_KV_V1_PATH},
};

START_TEST(a_malformed_reply_is_an_error_without_its_content)
{
    serve_logins(first);
    scripted_server_answer(first, READ_LINE, 200, "", malformed[_i].body);
    configure();
    read_secret("a");
    expect(malformed[_i].code);
    ck_assert_ptr_null(strstr(outcome.err.message, "It works"));
}
END_TEST

START_TEST(a_reply_nested_ten_thousand_deep_is_refused)
{
    char *body = calloc(1, 20001);

    memset(body, '[', 10000);
    memset(body + 10000, ']', 10000);
    serve_logins(first);
    scripted_server_answer(first, READ_LINE, 200, "", body);
    free(body);
    configure();
    read_secret("a");
    expect(VC_BAD_REPLY);
}
END_TEST

START_TEST(a_reply_of_ten_megabytes_is_refused)
{
    serve_logins(first);
    scripted_server_add(first, &(struct scripted_reply){
                                   .when = READ_LINE,
                                   .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n ",
                                   .endless = true});
    configure();
    read_secret("a");
    expect(VC_REPLY_TOO_LARGE);
}
END_TEST

START_TEST(a_tls_port_asked_in_plain_http_is_not_taken_for_a_refused_login)
{
    static const char words[] =
        "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

    scripted_server_add(first, &(struct scripted_reply){.bytes = words, .close = true});
    configure();
    read_secret("a");
    expect(VC_TLS);
    ck_assert_ptr_nonnull(strstr(outcome.err.hint, "https"));
}
END_TEST

START_TEST(a_node_that_upgrades_its_mount_is_asked_again)
{
    static const char words[] = "{\"errors\":[\"Upgrading from non-versioned to versioned data. "
                                "This backend will be unavailable for a "
                                "brief period and will resume service shortly.\"]}";
    char bytes[512];

    snprintf(bytes, sizeof(bytes), "HTTP/1.1 400 B\r\nContent-Length: %zu\r\n\r\n%s",
             sizeof(words) - 1, words);
    serve_logins(first);
    answer_times(first, READ_LINE, 3, bytes);
    serve_reads(first);
    configure();
    read_secret("a");
    expect(VC_OK);
}
END_TEST

START_TEST(no_token_or_credential_shows_in_errors)
{
    serve_logins(first);
    scripted_server_answer(first, NULL, 403, "", "{\"errors\":[\"permission denied\"]}");
    configure();
    read_secret("a");
    expect(VC_PERMISSION_DENIED);
    ck_assert_ptr_null(strstr(outcome.err.message, "s.scripted"));
    ck_assert_ptr_null(strstr(outcome.err.hint, "s.scripted"));
    ck_assert_uint_eq(logged("s.scripted"), 0);
    ck_assert_uint_eq(logged("\"secret\""), 0);
    /* One login, and one more because the token might have been dead. */
    ck_assert_uint_eq(logins(first), 2);
    for (int i = 0; i < 5; i++)
        read_secret("a");
    ck_assert_uint_eq(logins(first), 2);
}
END_TEST

/* ---- without memory ---- */

/* A client's whole life, under an allocator that may fail; what its one read came to. */
static enum vc_code live(const struct vc_allocator *allocator, bool *called_back)
{
    struct vc_error err = {.code = VC_OK};
    struct vc_client *mine = vc_client_new(allocator, NULL, NULL, &err);
    unsigned before = outcome.count;

    *called_back = true;
    if (mine == NULL)
        return err.code;
    if (vc_client_configure(mine, &settings, &err) == VC_OK) {
        vc_msec end = vc_now() + 3000;
        bool never = false;

        *called_back = vc_client_read(mine, "a", 0, 500, on_secret, NULL) == NULL;
        while (!*called_back && vc_now() < end) {
            vc_client_wait(mine, &never, vc_now() + 1);
            *called_back = outcome.count > before;
        }
        if (outcome.count > before)
            err.code = outcome.err.code;
        vc_client_shutdown(mine, 100);
    }
    vc_client_free(mine);
    return err.code;
}

START_TEST(whatever_of_its_own_memory_is_refused_the_client_answers_and_leaks_nothing)
{
    struct tracking tracking;
    unsigned long allocations;
    bool called_back;

    serve_logins(first);
    serve_reads(first);
    scripted_server_answer(first, NULL, 204, "", "");
    tracking_init(&tracking);
    ck_assert_int_eq(live(&tracking.allocator, &called_back), VC_OK);
    allocations = tracking.allocations;
    for (unsigned long i = 1; i <= allocations; i++) {
        tracking_init(&tracking);
        tracking.fail_from = i;
        live(&tracking.allocator, &called_back);
        ck_assert_msg(called_back, "no callback when allocation %lu fails", i);
        ck_assert_msg(tracking.blocks == 0, "%zu blocks left when allocation %lu fails",
                      tracking.blocks, i);
        ck_assert_uint_eq(tracking.wrong_sizes, 0);
    }
}
END_TEST

START_TEST(whatever_of_libcurls_and_cjsons_memory_is_refused_the_client_answers_and_leaks_nothing)
{
    struct tracking tracking;
    bool called_back;

    serve_logins(first);
    serve_reads(first);
    scripted_server_answer(first, NULL, 204, "", "");
    /* The first ones are libcurl's own setting up; from there on every seventh is enough. */
    for (unsigned long i = 1; i < 400; i += i < 60 ? 1 : 7) {
        tracking_init(&tracking);
        vc_hook_fail_from(i);
        live(&tracking.allocator, &called_back);
        vc_hook_fail_from(0);
        ck_assert_msg(called_back, "no callback when allocation %lu fails", i);
        ck_assert_msg(tracking.blocks == 0, "%zu blocks left when allocation %lu fails",
                      tracking.blocks, i);
    }
}
END_TEST

static void add_addresses(TCase *tests)
{
    tcase_add_test(tests, a_dead_address_is_passed_over_and_the_living_one_remembered);
    tcase_add_test(tests, an_address_that_dies_between_reads_is_replaced_by_the_other);
    tcase_add_test(tests, a_silent_address_leaves_time_for_the_other);
    tcase_add_test(tests, after_a_login_that_hung_the_next_one_goes_to_the_other_address);
    tcase_add_test(tests, when_nobody_answers_the_error_comes_within_the_deadline);
    tcase_add_test(tests, a_server_that_is_silent_ends_at_the_deadline);
    tcase_add_test(tests, a_sealed_node_is_passed_over);
    tcase_add_test(tests, a_standby_that_lags_behind_is_passed_over_at_once);
    tcase_add_test(tests, the_index_of_a_login_goes_with_the_reads);
    tcase_add_test(tests, the_index_of_a_write_goes_with_the_reads_that_follow);
    tcase_add_test(tests, a_redirect_to_a_listed_address_is_followed_with_the_token);
    tcase_add_test(tests, a_login_is_redirected_as_a_whole);
    tcase_add_test(tests, a_redirect_elsewhere_is_refused_and_nothing_goes_there);
    tcase_add_test(tests, a_login_redirected_elsewhere_is_refused_and_no_credential_goes_there);
    tcase_add_test(tests, a_redirect_to_another_path_is_refused);
    tcase_add_test(tests, a_redirect_in_a_loop_ends);
    tcase_add_test(tests, a_redirect_to_itself_ends);
    tcase_add_test(tests, a_redirect_without_an_address_is_refused);
    tcase_add_test(tests, a_redirect_from_https_to_http_is_refused);
    tcase_add_test(tests, a_leader_that_is_dead_is_waited_for_until_there_is_another);
    tcase_add_test(tests, without_any_leader_the_error_says_so_at_the_deadline);
}

static void add_retries(TCase *tests)
{
    tcase_add_loop_test(tests, a_read_is_tried_again_after_a_passing_failure, 0,
                        sizeof(passing_failures) / sizeof(passing_failures[0]));
    tcase_add_test(tests, a_read_is_given_up_after_max_retries);
    tcase_add_test(tests, retry_after_is_waited_for);
    tcase_add_test(tests, a_retry_after_beyond_the_deadline_fails_at_once);
    tcase_add_test(tests, a_write_that_may_have_been_done_is_not_sent_again);
    tcase_add_test(tests, a_login_that_may_have_been_done_is_not_sent_again_at_once);
    tcase_add_test(tests, a_login_that_failed_with_500_is_not_hammered);
    tcase_add_loop_test(tests, a_malformed_reply_is_an_error_without_its_content, 0,
                        sizeof(malformed) / sizeof(malformed[0]));
    tcase_add_test(tests, a_reply_nested_ten_thousand_deep_is_refused);
    tcase_add_test(tests, a_reply_of_ten_megabytes_is_refused);
    tcase_add_test(tests, a_tls_port_asked_in_plain_http_is_not_taken_for_a_refused_login);
    tcase_add_test(tests, a_node_that_upgrades_its_mount_is_asked_again);
    tcase_add_test(tests, no_token_or_credential_shows_in_errors);
    tcase_add_test(tests,
                   whatever_of_its_own_memory_is_refused_the_client_answers_and_leaks_nothing);
    tcase_add_test(
        tests,
        whatever_of_libcurls_and_cjsons_memory_is_refused_the_client_answers_and_leaks_nothing);
}

int main(void)
{
    Suite *suite = suite_create("vault_client_call");
    TCase *tests = tcase_create("vault_client_call");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    add_addresses(tests);
    add_retries(tests);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
