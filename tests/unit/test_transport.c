/*
 * test_transport.c - one request, one reply, and all that can go wrong in between (transport.h).
 *
 * Against a scripted server and openssl's, because a real Vault neither cuts its replies nor drips
 * them. What a real one does is test_vault_client's.
 */
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scripted_server.h"
#include "tls_server.h"
#include "transport.h"

#define WAIT_MAX 15000 /* milliseconds for any one thing here */
#define HEAD "HTTP/1.1 200 OK\r\n"

#define TEST_SECONDS 60 /* check's own 4 are less than a token's life here */

static struct vc_transport *transport;
static struct vc_settings settings;
static struct scripted_server *server;
static struct vc_request request;
static char folder[64];

/* How the last transfer ended. */
static struct {
    unsigned count;
    long status;
    char body[4096];
    size_t body_len;
    long retry_after;
    char location[VC_LOCATION_MAX];
    char index[VC_INDEX_MAX];
    struct vc_error err;
    bool sent;
} result;

static void on_done(void *ctx, struct vc_reply *reply, const struct vc_error *err, bool sent)
{
    (void)ctx;
    result.count++;
    result.err = *err;
    result.sent = sent;
    if (err->code != VC_OK)
        return;
    result.status = reply->status;
    result.body_len = reply->body.len;
    snprintf(result.body, sizeof(result.body), "%s", vc_buf_text(&reply->body));
    result.retry_after = reply->retry_after;
    snprintf(result.location, sizeof(result.location), "%s", reply->location);
    snprintf(result.index, sizeof(result.index), "%s", reply->index);
}

static void configure(void)
{
    struct vc_error err;

    ck_assert_int_eq(vc_transport_configure(transport, &settings, &err), VC_OK);
}

static void set_up(void)
{
    struct vc_error err;

    ck_assert(vc_transport_global_init());
    vc_settings_init(&settings, &vc_wiping_allocator);
    settings.connect_timeout = 2000;
    transport = vc_transport_new(&vc_wiping_allocator, &err);
    ck_assert_ptr_nonnull(transport);
    configure();
    server = scripted_server_start();
    vc_request_init(&request, &vc_wiping_allocator);
    request.method = VC_GET;
    request.repeatable = request.with_token = request.with_namespace = true;
    snprintf(request.path, sizeof(request.path), "/v1/secret/data/x");
}

static void tear_down(void)
{
    vc_transport_free(transport);
    scripted_server_stop(server);
    vc_request_free(&request);
    vc_settings_free(&settings);
    vc_transport_global_cleanup();
}

static struct vc_transfer *start(const char *origin, vc_msec timeout)
{
    struct vc_error err;
    struct vc_transfer *transfer = vc_transport_start(
        transport, origin, &request, "s.token", "team-a", vc_now() + timeout, on_done, NULL, &err);

    ck_assert_ptr_nonnull(transfer);
    return transfer;
}

/* Runs the event loop until so many have ended; how often it woke up. */
static unsigned run_until(unsigned count, vc_msec timeout)
{
    vc_msec deadline = vc_now() + timeout;
    unsigned wakes = 0;

    while (result.count < count && vc_now() < deadline) {
        struct pollfd event = {.fd = vc_transport_fd(transport), .events = POLLIN};

        if (poll(&event, 1, (int)(deadline - vc_now())) > 0)
            wakes++;
        vc_transport_run(transport);
    }
    return wakes;
}

static void ask(const char *origin, vc_msec timeout)
{
    unsigned before = result.count;

    start(origin, timeout);
    run_until(before + 1, WAIT_MAX);
    ck_assert_uint_eq(result.count, before + 1);
}

static void ask_server(vc_msec timeout)
{
    ask(scripted_server_address(server), timeout);
}

static void add_bytes(const char *bytes)
{
    scripted_server_add(server, &(struct scripted_reply){.bytes = bytes, .close = true});
}

/* ---- what is sent and received ---- */

START_TEST(a_reply_comes_back_whole)
{
    scripted_server_answer(
        server, NULL, 429,
        "Retry-After: 7\r\nX-Vault-Index: v1:abc\r\nLocation: http://other:1/v1/x\r\n",
        "{\"errors\":[]}");
    ask_server(5000);
    ck_assert_int_eq(result.err.code, VC_OK);
    ck_assert_int_eq(result.status, 429);
    ck_assert_str_eq(result.body, "{\"errors\":[]}");
    ck_assert_int_eq(result.retry_after, 7);
    ck_assert_str_eq(result.index, "v1:abc");
    ck_assert_str_eq(result.location, "http://other:1/v1/x");
    ck_assert(result.sent);
}
END_TEST

START_TEST(a_chunked_reply_comes_back_whole)
{
    add_bytes(HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n");
    ask_server(5000);
    ck_assert_int_eq(result.err.code, VC_OK);
    ck_assert_str_eq(result.body, "{\"a\":1}");
}
END_TEST

START_TEST(the_body_is_bytes_and_not_a_string)
{
    scripted_server_add(
        server, &(struct scripted_reply){.bytes = HEAD "Content-Length: 3\r\n\r\na\0b",
                                         .len = sizeof(HEAD "Content-Length: 3\r\n\r\na\0b") - 1});
    ask_server(5000);
    ck_assert_uint_eq(result.body_len, 3);
}
END_TEST

START_TEST(a_request_carries_token_namespace_and_our_name)
{
    scripted_server_answer(server, NULL, 200, "", "{}");
    ask_server(5000);
    ck_assert_uint_eq(scripted_server_requests(server, "GET /v1/secret/data/x HTTP/1.1\r\n"), 1);
    ck_assert_uint_eq(scripted_server_requests(server, "\r\nX-Vault-Token: s.token\r\n"), 1);
    ck_assert_uint_eq(scripted_server_requests(server, "\r\nX-Vault-Namespace: team-a\r\n"), 1);
    ck_assert_uint_eq(scripted_server_requests(server, "\r\nX-Vault-Request: true\r\n"), 1);
    ck_assert_uint_eq(scripted_server_requests(server, "\r\nUser-Agent: tenant-vault/"), 1);
}
END_TEST

START_TEST(a_request_that_wants_neither_carries_neither_token_nor_namespace)
{
    scripted_server_answer(server, NULL, 200, "", "{}");
    ask_server(5000);
    request.with_token = request.with_namespace = false;
    ask_server(5000);
    ck_assert_uint_eq(scripted_server_requests(server, NULL), 2);
    ck_assert_uint_eq(scripted_server_requests(server, "X-Vault-Token"), 1);
    ck_assert_uint_eq(scripted_server_requests(server, "X-Vault-Namespace"), 1);
}
END_TEST

START_TEST(an_index_goes_with_the_wish_to_be_forwarded)
{
    scripted_server_answer(server, NULL, 200, "", "{}");
    snprintf(request.index, sizeof(request.index), "v1:i");
    ask_server(5000);
    ck_assert_uint_eq(scripted_server_requests(server, "\r\nX-Vault-Index: v1:i\r\n"), 1);
    ck_assert_uint_eq(
        scripted_server_requests(server, "\r\nX-Vault-Inconsistent: forward-active-node\r\n"), 1);
}
END_TEST

static const struct {
    enum vc_method method;
    const char *body;
    const char *line;
    const char *type;
} methods[] = {
    {VC_GET, "", "GET /v1/", NULL},
    {VC_LIST, "", "LIST /v1/", NULL},
    {VC_DELETE, "", "DELETE /v1/", NULL},
    {VC_POST, "{\"a\":1}", "POST /v1/", "Content-Type: application/json\r\n"},
    {VC_PUT, "{\"a\":1}", "PUT /v1/", "Content-Type: application/json\r\n"},
    {VC_PATCH, "{\"a\":1}", "PATCH /v1/", "Content-Type: application/merge-patch+json\r\n"},
};

START_TEST(every_method_goes_out_as_itself_also_after_each_other)
{
    scripted_server_answer(server, NULL, 200, "", "{}");
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
            request.method = methods[i].method;
            vc_buf_reset(&request.body);
            ck_assert(vc_buf_append_text(&request.body, methods[i].body));
            ask_server(5000);
            ck_assert_uint_eq(scripted_server_requests(server, methods[i].line), round + 1);
            if (methods[i].type != NULL)
                ck_assert_uint_ge(scripted_server_requests(server, methods[i].type), 1);
        }
    }
    ck_assert_uint_eq(scripted_server_requests(server, "\r\n\r\n{\"a\":1}"), 6);
    ck_assert_uint_eq(scripted_server_requests(server, "Expect:"), 0);
}
END_TEST

START_TEST(a_header_cannot_be_smuggled_in)
{
    struct vc_error err;

    ck_assert_ptr_null(vc_transport_start(transport, scripted_server_address(server), &request,
                                          "s.token\r\nX-Evil: 1", NULL, vc_now() + 1000, on_done,
                                          NULL, &err));
    ck_assert_ptr_null(strstr(err.message, "s.token"));
}
END_TEST

START_TEST(a_body_that_could_not_be_built_is_not_sent)
{
    struct vc_error err;

    scripted_server_answer(server, NULL, 200, "", "{}");
    vc_buf_free(&request.body);
    vc_buf_init(&request.body, &vc_wiping_allocator, 1);
    ck_assert(!vc_buf_append_text(&request.body, "{}"));
    ck_assert_ptr_null(vc_transport_start(transport, scripted_server_address(server), &request,
                                          "s.token", NULL, vc_now() + 1000, on_done, NULL, &err));
    ck_assert_int_eq(err.code, VC_NO_MEMORY);
}
END_TEST

START_TEST(the_environments_proxy_is_not_asked)
{
    struct scripted_server *proxy = scripted_server_start();

    setenv("http_proxy", scripted_server_address(proxy), 1);
    setenv("all_proxy", scripted_server_address(proxy), 1);
    scripted_server_answer(server, NULL, 200, "", "{}");
    ask_server(5000);
    ck_assert_uint_eq(scripted_server_requests(server, NULL), 1);
    ck_assert_uint_eq(scripted_server_requests(proxy, NULL), 0);
    scripted_server_stop(proxy);
}
END_TEST

START_TEST(a_redirect_is_not_followed_here)
{
    struct scripted_server *other = scripted_server_start();
    char headers[256];

    snprintf(headers, sizeof(headers), "Location: %s/v1/secret/data/x\r\n",
             scripted_server_address(other));
    scripted_server_answer(server, NULL, 307, headers, "");
    ask_server(5000);
    ck_assert_int_eq(result.status, 307);
    ck_assert_uint_eq(scripted_server_requests(other, NULL), 0);
    scripted_server_stop(other);
}
END_TEST

/* ---- connections ---- */

START_TEST(repeatable_requests_share_a_connection)
{
    scripted_server_answer(server, NULL, 200, "", "{}");
    for (int i = 0; i < 20; i++)
        ask_server(5000);
    ck_assert_uint_eq(scripted_server_requests(server, NULL), 20);
    ck_assert_uint_eq(scripted_server_connections(server), 1);
}
END_TEST

START_TEST(a_kept_connection_that_died_does_not_fail_a_repeatable_request)
{
    scripted_server_answer(server, NULL, 200, "", "{}");
    ask_server(5000);
    scripted_server_hang_up(server);
    ask_server(5000);
    ck_assert_int_eq(result.err.code, VC_OK);
}
END_TEST

/* The server takes the second request of a connection and resets it: libcurl would send that once
 * more. */
START_TEST(a_request_that_is_not_repeatable_never_goes_out_twice)
{
    scripted_server_add(server, &(struct scripted_reply){.when = "PUT", .reset = true});
    scripted_server_answer(server, NULL, 200, "", "{}");
    ask_server(5000);
    request.method = VC_PUT;
    request.repeatable = false;
    ck_assert(vc_buf_append_text(&request.body, "{}"));
    ask_server(5000);
    ck_assert_int_eq(result.err.code, VC_UNREACHABLE);
    ck_assert(result.sent);
    ck_assert_uint_eq(scripted_server_requests(server, "PUT"), 1);
}
END_TEST

START_TEST(no_more_connections_than_allowed_are_opened_at_once)
{
    scripted_server_add(
        server, &(struct scripted_reply){.bytes = HEAD "Content-Length: 2\r\n\r\n{}", .delay = 20});
    for (int i = 0; i < 3 * VC_TRANSPORT_MAX_CONNECTIONS; i++)
        start(scripted_server_address(server), 10000);
    run_until(3 * VC_TRANSPORT_MAX_CONNECTIONS, WAIT_MAX);
    ck_assert_uint_eq(result.count, 3 * VC_TRANSPORT_MAX_CONNECTIONS);
    ck_assert_uint_eq(scripted_server_connections(server), VC_TRANSPORT_MAX_CONNECTIONS);
}
END_TEST

START_TEST(an_idle_connection_that_the_server_closes_wakes_nobody_for_ever)
{
    unsigned wakes = 0;

    scripted_server_answer(server, NULL, 200, "", "{}");
    ask_server(5000);
    scripted_server_hang_up(server);
    for (int i = 0; i < 20; i++) {
        struct pollfd event = {.fd = vc_transport_fd(transport), .events = POLLIN};

        if (poll(&event, 1, 20) > 0)
            wakes++;
        vc_transport_run(transport);
    }
    ck_assert_uint_le(wakes, 3);
}
END_TEST

START_TEST(the_loop_wakes_once_for_a_reply_and_not_for_timers)
{
    unsigned wakes = 0;

    scripted_server_answer(server, NULL, 200, "", "{}");
    ask_server(5000);
    for (unsigned i = 0; i < 50; i++) {
        start(scripted_server_address(server), 5000);
        wakes += run_until(result.count + 1, WAIT_MAX);
    }
    ck_assert_uint_le(wakes, 75);
}
END_TEST

START_TEST(new_settings_mean_new_connections_and_leave_running_transfers_alone)
{
    scripted_server_add(server,
                        &(struct scripted_reply){
                            .bytes = HEAD "Content-Length: 2\r\n\r\n{}", .delay = 300, .times = 1});
    scripted_server_answer(server, NULL, 200, "", "{}");
    start(scripted_server_address(server), 5000);
    run_until(1, 100);
    settings.connect_timeout = 1234;
    configure();
    ask_server(5000);
    ck_assert_int_eq(result.err.code, VC_OK);
    run_until(2, WAIT_MAX);
    ck_assert_uint_eq(result.count, 2);
    ck_assert_int_eq(result.err.code, VC_OK);
    ck_assert_uint_eq(scripted_server_connections(server), 2);
}
END_TEST

START_TEST(the_same_settings_again_keep_the_connections)
{
    scripted_server_answer(server, NULL, 200, "", "{}");
    ask_server(5000);
    configure();
    ask_server(5000);
    ck_assert_uint_eq(scripted_server_connections(server), 1);
}
END_TEST

/* ---- bad replies ---- */

static const struct {
    const char *what;
    const char *bytes;
    enum vc_code code;
} bad_replies[] = {
    {"cut", HEAD "Content-Length: 100\r\n\r\n{\"a\":", VC_BAD_REPLY},
    {"cut between chunks", HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n", VC_BAD_REPLY},
    {"no status line", "hello\r\n\r\n", VC_BAD_REPLY},
    {"not HTTP at all", "\x15\x03\x01\x00\x02\x02\x46", VC_BAD_REPLY},
    {"announced as too large", HEAD "Content-Length: 10485760\r\n\r\n{", VC_REPLY_TOO_LARGE},
};

START_TEST(a_bad_reply_is_an_error)
{
    add_bytes(bad_replies[_i].bytes);
    ask_server(5000);
    ck_assert_msg(result.err.code == bad_replies[_i].code, "%s: %d %s", bad_replies[_i].what,
                  result.err.code, result.err.message);
    ck_assert(result.sent);
}
END_TEST

START_TEST(nothing_at_all_is_unreachable)
{
    scripted_server_add(server, &(struct scripted_reply){.reset = true});
    ask_server(5000);
    ck_assert_int_eq(result.err.code, VC_UNREACHABLE);
    ck_assert(result.sent);
}
END_TEST

START_TEST(a_reply_that_never_ends_is_cut_at_the_limit)
{
    char bytes[4096];

    snprintf(bytes, sizeof(bytes), HEAD "\r\n%*s", 4000, "");
    scripted_server_add(server, &(struct scripted_reply){.bytes = bytes, .endless = true});
    ask_server(10000);
    ck_assert_int_eq(result.err.code, VC_REPLY_TOO_LARGE);
}
END_TEST

START_TEST(a_head_that_never_ends_is_cut_at_the_limit)
{
    struct vc_buf bytes;

    vc_buf_init(&bytes, &vc_wiping_allocator, 4096);
    vc_buf_append_text(&bytes, HEAD);
    /* Lines of 32 bytes, so that the last 1024 are whole lines. */
    while (bytes.len < 2048)
        vc_buf_append_text(&bytes, "X-Filler: 01234567890123456789\r\n");
    scripted_server_add(server, &(struct scripted_reply){.bytes = bytes.data, .endless = true});
    vc_buf_free(&bytes);
    ask_server(10000);
    ck_assert_int_eq(result.err.code, VC_REPLY_TOO_LARGE);
}
END_TEST

/* ---- time ---- */

START_TEST(a_server_that_says_nothing_is_given_up_at_the_deadline)
{
    vc_msec begun = vc_now();

    scripted_server_add(server, &(struct scripted_reply){.hang = true});
    ask_server(300);
    ck_assert_int_eq(result.err.code, VC_TIMEOUT);
    ck_assert(result.sent);
    ck_assert_int_ge(vc_now() - begun, 290);
    ck_assert_int_lt(vc_now() - begun, 1000);
}
END_TEST

START_TEST(a_reply_at_a_byte_per_second_is_given_up_before_the_deadline)
{
    vc_msec begun = vc_now();

    scripted_server_add(
        server, &(struct scripted_reply){.bytes = HEAD "Content-Length: 90\r\n\r\n{", .drip = 100});
    ask_server(14000);
    ck_assert_int_eq(result.err.code, VC_TIMEOUT);
    ck_assert_int_lt(vc_now() - begun, (VC_SLOW_SECONDS + 4) * 1000);
}
END_TEST

START_TEST(nobody_listening_is_unreachable_and_nothing_was_sent)
{
    char origin[64];

    snprintf(origin, sizeof(origin), "http://127.0.0.1:%u", scripted_closed_port());
    ask(origin, 5000);
    ck_assert_int_eq(result.err.code, VC_UNREACHABLE);
    ck_assert(!result.sent);
    ck_assert_ptr_nonnull(strstr(result.err.message, origin));
}
END_TEST

START_TEST(a_name_that_does_not_resolve_is_unreachable_and_nothing_was_sent)
{
    ask("http://no-such-host.invalid:8200", 5000);
    ck_assert_int_eq(result.err.code, VC_UNREACHABLE);
    ck_assert(!result.sent);
}
END_TEST

START_TEST(starting_calls_nobody_back)
{
    char origin[64];

    snprintf(origin, sizeof(origin), "http://127.0.0.1:%u", scripted_closed_port());
    start(origin, 5000);
    ck_assert_uint_eq(result.count, 0);
    run_until(1, WAIT_MAX);
    ck_assert_uint_eq(result.count, 1);
}
END_TEST

START_TEST(a_cancelled_transfer_calls_nobody_back)
{
    struct vc_transfer *transfer;

    scripted_server_answer(server, NULL, 200, "", "{}");
    transfer = start(scripted_server_address(server), 5000);
    vc_transport_cancel(transport, transfer);
    run_until(1, 200);
    ck_assert_uint_eq(result.count, 0);
    ask_server(5000);
    ck_assert_int_eq(result.err.code, VC_OK);
}
END_TEST

START_TEST(the_alarm_makes_the_descriptor_readable)
{
    struct pollfd event = {.fd = vc_transport_fd(transport), .events = POLLIN};
    vc_msec begun = vc_now();

    vc_transport_alarm(transport, begun + 150);
    ck_assert_int_eq(poll(&event, 1, 5000), 1);
    ck_assert_int_ge(vc_now() - begun, 149);
    vc_transport_run(transport);
    ck_assert_int_eq(poll(&event, 1, 50), 0);
}
END_TEST

START_TEST(freeing_cancels_what_runs)
{
    scripted_server_add(server, &(struct scripted_reply){.hang = true});
    for (int i = 0; i < 5; i++)
        start(scripted_server_address(server), 5000);
    run_until(1, 100);
    /* tear_down frees; a leak or a callback would show there. */
}
END_TEST

/* ---- TLS ---- */

static void write_file(const char *name, const char *text)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

static void set_up_tls(void)
{
    char command[256];

    set_up();
    snprintf(folder, sizeof(folder), "/tmp/transport_tls.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(command, sizeof(command), "mkdir -p %s/v1/secret/data", folder);
    ck_assert_int_eq(system(command), 0);
    write_file("v1/secret/data/x", HEAD "Content-Length: 2\r\n\r\n{}");
    tls_make_authority(folder, "ca");
    tls_make_authority(folder, "other_ca");
}

static void tear_down_tls(void)
{
    char command[256];

    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
    tear_down();
}

static void trust(const char *authority)
{
    char path[256];
    struct vc_error err;

    snprintf(path, sizeof(path), "%s/%s.crt", folder, authority);
    ck_assert_int_eq(vc_settings_set(&settings, "ca_cert", path, &err), VC_OK);
    configure();
}

static void ask_tls(const char *san, int days, const char *options)
{
    struct tls_server tls;

    tls_make_certificate(folder, "ca", "server", san, days);
    tls = tls_server_start(folder, "server", options);
    ask(tls.address, 5000);
    tls_server_stop(&tls);
}

START_TEST(a_certificate_of_the_given_authority_for_this_address_is_good)
{
    trust("ca");
    ask_tls("IP:127.0.0.1", 1, "");
    ck_assert_msg(result.err.code == VC_OK, "%s", result.err.message);
    ck_assert_int_eq(result.status, 200);
}
END_TEST

START_TEST(a_certificate_of_another_authority_is_refused)
{
    trust("other_ca");
    ask_tls("IP:127.0.0.1", 1, "");
    ck_assert_int_eq(result.err.code, VC_TLS);
    ck_assert(!result.sent);
    ck_assert_str_ne(result.err.hint, "");
}
END_TEST

START_TEST(an_expired_certificate_is_refused)
{
    trust("ca");
    ask_tls("IP:127.0.0.1", 0, "");
    ck_assert_int_eq(result.err.code, VC_TLS);
    ck_assert_ptr_nonnull(strstr(result.err.message, "expired"));
}
END_TEST

START_TEST(a_certificate_for_another_name_is_refused)
{
    trust("ca");
    ask_tls("DNS:vault.test", 1, "");
    ck_assert_int_eq(result.err.code, VC_TLS);
    ck_assert(!result.sent);
}
END_TEST

START_TEST(the_servers_name_may_differ_from_its_address_where_the_settings_say_so)
{
    struct vc_error err;

    ck_assert_int_eq(vc_settings_set(&settings, "tls_server_name", "vault.test", &err), VC_OK);
    trust("ca");
    ask_tls("DNS:vault.test", 1, "");
    ck_assert_msg(result.err.code == VC_OK, "%s", result.err.message);
}
END_TEST

START_TEST(the_servers_name_is_checked_where_the_settings_give_one)
{
    struct vc_error err;

    ck_assert_int_eq(vc_settings_set(&settings, "tls_server_name", "vault.test", &err), VC_OK);
    trust("ca");
    ask_tls("IP:127.0.0.1,DNS:localhost", 1, "");
    ck_assert_int_eq(result.err.code, VC_TLS);
}
END_TEST

START_TEST(tls_1_1_is_refused)
{
    trust("ca");
    ask_tls("IP:127.0.0.1", 1, "-tls1_1 -cipher ALL:@SECLEVEL=0");
    ck_assert_int_eq(result.err.code, VC_TLS);
}
END_TEST

START_TEST(skip_verify_takes_any_certificate)
{
    trust("other_ca");
    settings.skip_verify = true;
    configure();
    ask_tls("DNS:vault.test", 0, "");
    ck_assert_msg(result.err.code == VC_OK, "%s", result.err.message);
}
END_TEST

START_TEST(a_ca_file_that_is_missing_is_a_tls_error_that_names_it)
{
    trust("no_such_ca");
    ask_tls("IP:127.0.0.1", 1, "");
    ck_assert_int_eq(result.err.code, VC_TLS);
    ck_assert_ptr_nonnull(strstr(result.err.message, "no_such_ca.crt"));
}
END_TEST

START_TEST(a_ca_file_that_is_replaced_counts_for_new_connections)
{
    char command[512];

    trust("other_ca");
    ask_tls("IP:127.0.0.1", 1, "");
    ck_assert_int_eq(result.err.code, VC_TLS);
    snprintf(command, sizeof(command), "cp %s/ca.crt %s/other_ca.crt; sleep 1.1", folder, folder);
    ck_assert_int_eq(system(command), 0);
    ask_tls("IP:127.0.0.1", 1, "");
    ck_assert_msg(result.err.code == VC_OK, "%s", result.err.message);
}
END_TEST

START_TEST(a_client_certificate_is_shown_to_a_server_that_asks)
{
    char path[256];
    struct vc_error err;

    trust("ca");
    ask_tls("IP:127.0.0.1", 1, "-Verify 1");
    ck_assert_int_ne(result.err.code, VC_OK);
    tls_make_certificate(folder, "ca", "client", "DNS:client", 1);
    snprintf(path, sizeof(path), "%s/client.crt", folder);
    ck_assert_int_eq(vc_settings_set(&settings, "client_cert", path, &err), VC_OK);
    snprintf(path, sizeof(path), "%s/client.key", folder);
    ck_assert_int_eq(vc_settings_set(&settings, "client_key", path, &err), VC_OK);
    configure();
    ask_tls("IP:127.0.0.1", 1, "-Verify 1");
    ck_assert_msg(result.err.code == VC_OK, "%s", result.err.message);
}
END_TEST

START_TEST(plain_http_on_a_tls_address_is_a_tls_error)
{
    char origin[64];

    scripted_server_answer(server, NULL, 200, "", "{}");
    snprintf(origin, sizeof(origin), "https%s", scripted_server_address(server) + 4);
    ask(origin, 2000);
    ck_assert_msg(result.err.code == VC_TLS || result.err.code == VC_TIMEOUT, "%s",
                  result.err.message);
    ck_assert_uint_eq(scripted_server_requests(server, "s.token"), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("transport");
    TCase *tests = tcase_create("transport");
    TCase *tls = tcase_create("tls");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tests, TEST_SECONDS);
    tcase_set_timeout(tls, TEST_SECONDS);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_reply_comes_back_whole);
    tcase_add_test(tests, a_chunked_reply_comes_back_whole);
    tcase_add_test(tests, the_body_is_bytes_and_not_a_string);
    tcase_add_test(tests, a_request_carries_token_namespace_and_our_name);
    tcase_add_test(tests, a_request_that_wants_neither_carries_neither_token_nor_namespace);
    tcase_add_test(tests, an_index_goes_with_the_wish_to_be_forwarded);
    tcase_add_test(tests, every_method_goes_out_as_itself_also_after_each_other);
    tcase_add_test(tests, a_header_cannot_be_smuggled_in);
    tcase_add_test(tests, a_body_that_could_not_be_built_is_not_sent);
    tcase_add_test(tests, the_environments_proxy_is_not_asked);
    tcase_add_test(tests, a_redirect_is_not_followed_here);
    tcase_add_test(tests, repeatable_requests_share_a_connection);
    tcase_add_test(tests, a_kept_connection_that_died_does_not_fail_a_repeatable_request);
    tcase_add_test(tests, a_request_that_is_not_repeatable_never_goes_out_twice);
    tcase_add_test(tests, no_more_connections_than_allowed_are_opened_at_once);
    tcase_add_test(tests, an_idle_connection_that_the_server_closes_wakes_nobody_for_ever);
    tcase_add_test(tests, the_loop_wakes_once_for_a_reply_and_not_for_timers);
    tcase_add_test(tests, new_settings_mean_new_connections_and_leave_running_transfers_alone);
    tcase_add_test(tests, the_same_settings_again_keep_the_connections);
    tcase_add_loop_test(tests, a_bad_reply_is_an_error, 0,
                        sizeof(bad_replies) / sizeof(bad_replies[0]));
    tcase_add_test(tests, nothing_at_all_is_unreachable);
    tcase_add_test(tests, a_reply_that_never_ends_is_cut_at_the_limit);
    tcase_add_test(tests, a_head_that_never_ends_is_cut_at_the_limit);
    tcase_add_test(tests, a_server_that_says_nothing_is_given_up_at_the_deadline);
    tcase_add_test(tests, a_reply_at_a_byte_per_second_is_given_up_before_the_deadline);
    tcase_add_test(tests, nobody_listening_is_unreachable_and_nothing_was_sent);
    tcase_add_test(tests, a_name_that_does_not_resolve_is_unreachable_and_nothing_was_sent);
    tcase_add_test(tests, starting_calls_nobody_back);
    tcase_add_test(tests, a_cancelled_transfer_calls_nobody_back);
    tcase_add_test(tests, the_alarm_makes_the_descriptor_readable);
    tcase_add_test(tests, freeing_cancels_what_runs);
    suite_add_tcase(suite, tests);

    tcase_add_checked_fixture(tls, set_up_tls, tear_down_tls);
    tcase_add_test(tls, a_certificate_of_the_given_authority_for_this_address_is_good);
    tcase_add_test(tls, a_certificate_of_another_authority_is_refused);
    tcase_add_test(tls, an_expired_certificate_is_refused);
    tcase_add_test(tls, a_certificate_for_another_name_is_refused);
    tcase_add_test(tls, the_servers_name_may_differ_from_its_address_where_the_settings_say_so);
    tcase_add_test(tls, the_servers_name_is_checked_where_the_settings_give_one);
    tcase_add_test(tls, tls_1_1_is_refused);
    tcase_add_test(tls, skip_verify_takes_any_certificate);
    tcase_add_test(tls, a_ca_file_that_is_missing_is_a_tls_error_that_names_it);
    tcase_add_test(tls, a_ca_file_that_is_replaced_counts_for_new_connections);
    tcase_add_test(tls, a_client_certificate_is_shown_to_a_server_that_asks);
    tcase_add_test(tls, plain_http_on_a_tls_address_is_a_tls_error);
    suite_add_tcase(suite, tls);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
