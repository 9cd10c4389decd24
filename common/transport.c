/*
 * transport.c - transfers: one request to one origin, one reply back.
 *
 * Follows no redirect, retries nothing, knows no token's meaning. Called by vault_client.
 */
#include "transport.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "transport_internal.h"

#define KEPT_BODY_MAX 65536 /* a buffer that grew beyond this is freed after the reply */
#define KEPT_CONNECTIONS ((long)(VC_TRANSPORT_MAX_CONNECTIONS * 2)) /* idle ones included */
#define FILE_CHECK_INTERVAL 1000 /* milliseconds between looks at the TLS files */
#define SHORTEST_SECRET 8        /* a shorter token ("root") is also a word */

bool vc_transport_global_init(void)
{
    struct sigaction action;

    if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL) {
        action.sa_handler = SIG_IGN;
        sigaction(SIGPIPE, &action, NULL);
    }
    return curl_global_init_mem(CURL_GLOBAL_DEFAULT, vc_hook_malloc, vc_hook_free, vc_hook_realloc,
                                vc_hook_strdup, vc_hook_calloc) == CURLE_OK;
}

void vc_transport_global_cleanup(void)
{
    curl_global_cleanup();
}

/* ---- lists ---- */

static void list_append(struct transfer_list *list, struct vc_transfer *transfer)
{
    transfer->list = list;
    transfer->next = NULL;
    transfer->prev = list->tail;
    if (list->tail != NULL)
        list->tail->next = transfer;
    else
        list->head = transfer;
    list->tail = transfer;
}

static void list_remove(struct vc_transfer *transfer)
{
    struct transfer_list *list = transfer->list;

    if (list == NULL)
        return;
    if (transfer->prev != NULL)
        transfer->prev->next = transfer->next;
    else
        list->head = transfer->next;
    if (transfer->next != NULL)
        transfer->next->prev = transfer->prev;
    else
        list->tail = transfer->prev;
    transfer->list = NULL;
    transfer->prev = transfer->next = NULL;
}

/* ---- easy handles and pools of connections ---- */

static void transfer_free(struct vc_transfer *transfer)
{
    const struct vc_allocator *allocator = transfer->pool->transport->allocator;

    curl_easy_cleanup(transfer->easy);
    curl_slist_free_all(transfer->headers);
    curl_slist_free_all(transfer->connect_to);
    vc_buf_free(&transfer->header_text);
    vc_reply_free(&transfer->reply);
    vc_free(allocator, transfer, sizeof(*transfer));
}

static struct vc_transfer *transfer_new(struct connection_pool *pool)
{
    const struct vc_allocator *allocator = pool->transport->allocator;
    struct vc_transfer *transfer = vc_alloc(allocator, sizeof(*transfer));

    if (transfer == NULL)
        return NULL;
    transfer->pool = pool;
    vc_buf_init(&transfer->header_text, allocator, 0);
    vc_reply_init(&transfer->reply, allocator);
    transfer->easy = curl_easy_init();
    if (transfer->easy == NULL || !transfer_set_connection_options(transfer)) {
        transfer_free(transfer);
        return NULL;
    }
    return transfer;
}

static struct vc_transfer *transfer_take(struct connection_pool *pool)
{
    struct vc_transfer *transfer = pool->idle;

    if (transfer == NULL)
        return transfer_new(pool);
    pool->idle = transfer->next;
    pool->idle_count--;
    transfer->next = NULL;
    return transfer;
}

static void reply_clear(struct vc_reply *reply)
{
    if (reply->body.capacity > KEPT_BODY_MAX || reply->body.failed)
        vc_buf_free(&reply->body);
    else
        vc_buf_reset(&reply->body);
    reply->status = 0;
    reply->retry_after = -1;
    reply->index[0] = '\0';
    reply->location[0] = '\0';
}

/* Ends a transfer's use of its pool; the handle is kept for the next request. */
static void transfer_release(struct vc_transfer *transfer)
{
    struct connection_pool *pool = transfer->pool;

    pool->transfers--;
    if (pool != pool->transport->pools || pool->idle_count >= VC_TRANSPORT_MAX_CONNECTIONS) {
        transfer_free(transfer);
        return;
    }
    reply_clear(&transfer->reply);
    transfer->next = pool->idle;
    pool->idle = transfer;
    pool->idle_count++;
}

static void pool_free_idle(struct connection_pool *pool)
{
    while (pool->idle != NULL) {
        struct vc_transfer *transfer = pool->idle;

        pool->idle = transfer->next;
        transfer_free(transfer);
    }
    pool->idle_count = 0;
}

static void pool_free(struct connection_pool *pool)
{
    const struct vc_allocator *allocator = pool->transport->allocator;

    pool_free_idle(pool);
    if (pool->multi != NULL)
        curl_multi_cleanup(pool->multi);
    connection_options_free(&pool->options, allocator);
    vc_free(allocator, pool, sizeof(*pool));
}

static void pool_stamp_files(struct connection_pool *pool)
{
    for (size_t i = 0; i < TLS_FILES; i++)
        if (pool->options.file[i] != NULL)
            vc_file_stamp_get(pool->options.file[i], &pool->stamp[i]);
}

/*
 * libcurl opens these files by their names, would wait for the writer of a FIFO, and takes a key
 * that everybody can read.
 */
static void pool_check_files(struct connection_pool *pool)
{
    static const int files[] = {TLS_CLIENT_KEY, TLS_CLIENT_CERT, TLS_CA_CERT};

    pool->fault.code = VC_OK;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && pool->fault.code == VC_OK; i++) {
        const char *path = pool->options.file[files[i]];

        /* One that is missing is libcurl's to report. */
        if (path != NULL && pool->stamp[files[i]].present)
            vc_secret_file_check(path, files[i] == TLS_CLIENT_KEY, &pool->fault);
    }
}

static bool pool_open(struct connection_pool *pool)
{
    pool->multi = curl_multi_init();
    return pool->multi != NULL && poll_attach(pool) &&
           curl_multi_setopt(pool->multi, CURLMOPT_MAX_HOST_CONNECTIONS,
                             (long)VC_TRANSPORT_MAX_CONNECTIONS) == CURLM_OK &&
           curl_multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS) == CURLM_OK;
}

static struct connection_pool *pool_new(struct vc_transport *transport,
                                        const struct vc_settings *settings)
{
    struct connection_pool *pool = vc_alloc(transport->allocator, sizeof(*pool));

    if (pool == NULL)
        return NULL;
    pool->transport = transport;
    pool->id = ++transport->pool_id;
    pool->wake_at = NEVER;
    if (!connection_options_copy(&pool->options, transport->allocator, settings) ||
        !pool_open(pool)) {
        pool_free(pool);
        return NULL;
    }
    /* In this order: what changes in between shows as a change. */
    pool_stamp_files(pool);
    pool_check_files(pool);
    return pool;
}

/* Frees the pools that were replaced and whose last transfer has ended. */
static void free_retired_pools(struct vc_transport *transport)
{
    struct connection_pool **link = transport->pools == NULL ? NULL : &transport->pools->next;

    while (link != NULL && *link != NULL) {
        struct connection_pool *pool = *link;

        if (pool->transfers > 0) {
            link = &pool->next;
            continue;
        }
        *link = pool->next;
        pool_free(pool);
    }
}

/*
 * settings: their part that connections are made under. The pool that was in force goes with the
 * next run, or with its last transfer.
 */
static bool replace_pool(struct vc_transport *transport, const struct vc_settings *settings)
{
    struct connection_pool *pool = pool_new(transport, settings);

    if (pool == NULL)
        return false;
    if (transport->pools != NULL)
        pool_free_idle(transport->pools);
    pool->next = transport->pools;
    transport->pools = pool;
    return true;
}

/* libcurl keeps the authorities that it has read with the pool, so that a changed file means
 * another pool. */
static bool tls_files_changed(const struct connection_pool *pool)
{
    struct vc_file_stamp stamp;

    for (size_t i = 0; i < TLS_FILES; i++) {
        if (pool->options.file[i] == NULL)
            continue;
        vc_file_stamp_get(pool->options.file[i], &stamp);
        if (!vc_file_stamp_equal(&stamp, &pool->stamp[i]))
            return true;
    }
    return false;
}

/* The same options, new connections. Without memory for them the old pool goes on. */
static void renew_pool(struct vc_transport *transport)
{
    const struct connection_options *options = &transport->pools->options;

    replace_pool(transport, &(struct vc_settings){.ca_cert = options->file[TLS_CA_CERT],
                                                  .ca_path = options->file[TLS_CA_PATH],
                                                  .client_cert = options->file[TLS_CLIENT_CERT],
                                                  .client_key = options->file[TLS_CLIENT_KEY],
                                                  .tls_server_name = options->server_name,
                                                  .skip_verify = options->skip_verify,
                                                  .connect_timeout = options->connect_timeout});
}

static void look_at_tls_files(struct vc_transport *transport, vc_msec now)
{
    if (now - transport->files_checked_at < FILE_CHECK_INTERVAL)
        return;
    transport->files_checked_at = now;
    if (tls_files_changed(transport->pools))
        renew_pool(transport);
}

/* ---- the transport ---- */

struct vc_transport *vc_transport_new(const struct vc_allocator *allocator, struct vc_error *err)
{
    struct vc_transport *transport = vc_alloc(allocator, sizeof(*transport));

    if (transport == NULL) {
        vc_error_set(err, VC_NO_MEMORY, "cannot allocate a transport");
        return NULL;
    }
    transport->allocator = allocator;
    transport->armed_at = NEVER;
    transport->alarm_at = NEVER;
    if (!poll_open(transport)) {
        vc_error_set(err, VC_INTERNAL, "cannot open an epoll or timer descriptor: %m");
        vc_transport_free(transport);
        return NULL;
    }
    return transport;
}

enum vc_code vc_transport_configure(struct vc_transport *transport,
                                    const struct vc_settings *settings, struct vc_error *err)
{
    if (transport->pools != NULL && connection_options_equal(&transport->pools->options, settings))
        return VC_OK;
    if (!replace_pool(transport, settings))
        return vc_error_set(err, VC_NO_MEMORY, "cannot allocate connections to Vault");
    return VC_OK;
}

int vc_transport_fd(const struct vc_transport *transport)
{
    return transport->epoll_fd;
}

void vc_transport_alarm(struct vc_transport *transport, vc_msec at)
{
    transport->alarm_at = at;
    poll_rearm(transport);
}

struct vc_transfer *vc_transport_start(struct vc_transport *transport, const char *origin,
                                       const struct vc_request *request, const char *token,
                                       const char *namespace_path, vc_msec deadline,
                                       vc_transfer_done done, void *ctx, struct vc_error *err)
{
    vc_msec now = vc_now();
    struct connection_pool *pool;
    struct vc_transfer *transfer;

    if (transport->pools == NULL) {
        vc_error_set(err, VC_INTERNAL, "the transport has no settings yet");
        return NULL;
    }
    look_at_tls_files(transport, now);
    pool = transport->pools;
    if (pool->fault.code != VC_OK) {
        *err = pool->fault;
        return NULL;
    }
    transfer = transfer_take(pool);
    if (transfer == NULL) {
        vc_error_set(err, VC_NO_MEMORY, "cannot allocate a request to Vault");
        return NULL;
    }
    pool->transfers++;
    transfer->done = done;
    transfer->ctx = ctx;
    transfer->head_bytes = 0;
    transfer->refusal = VC_OK;
    transfer->words[0] = '\0';
    if (transfer_set_request(transfer, origin, request, request->with_token ? token : NULL,
                             request->with_namespace ? namespace_path : NULL,
                             deadline > now ? deadline - now : 1, err) != VC_OK) {
        transfer_release(transfer);
        return NULL;
    }
    if (curl_multi_add_handle(pool->multi, transfer->easy) != CURLM_OK) {
        vc_error_set(err, VC_NO_MEMORY, "cannot start a request to Vault at %s", origin);
        transfer_release(transfer);
        return NULL;
    }
    list_append(&transport->running, transfer);
    poll_drive(pool, vc_now());
    poll_rearm(transport);
    return transfer;
}

void vc_transport_cancel(struct vc_transport *transport, struct vc_transfer *transfer)
{
    if (transfer->list == &transport->running)
        curl_multi_remove_handle(transfer->pool->multi, transfer->easy);
    list_remove(transfer);
    transfer_release(transfer);
}

void pool_collect(struct connection_pool *pool)
{
    struct vc_transport *transport = pool->transport;
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(pool->multi, &left)) != NULL) {
        struct vc_transfer *transfer = NULL;
        CURLcode result = message->data.result;

        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        curl_multi_remove_handle(pool->multi, transfer->easy);
        transfer->result = result;
        list_remove(transfer);
        list_append(&transport->finished, transfer);
    }
}

/* ---- what a transfer came to ---- */

static enum vc_code code_of(const struct vc_transfer *transfer)
{
    switch (transfer->result) {
    case CURLE_OK:
        return VC_OK;
    case CURLE_OUT_OF_MEMORY:
        /* In the midst of the head: what libcurl calls a line that is too long for it. */
        return transfer->head_bytes > 0 && transfer->reply.body.len == 0 ? VC_REPLY_TOO_LARGE
                                                                         : VC_NO_MEMORY;
    case CURLE_OPERATION_TIMEDOUT:
        return VC_TIMEOUT;
    case CURLE_WRITE_ERROR:
        return transfer->refusal != VC_OK ? transfer->refusal : VC_INTERNAL;
    case CURLE_FILESIZE_EXCEEDED:
        return VC_REPLY_TOO_LARGE;
    case CURLE_PARTIAL_FILE:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL: /* what libcurl calls a reply without a status line */
    case CURLE_BAD_CONTENT_ENCODING:
        return VC_BAD_REPLY;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_CLIENTCERT:
    case CURLE_USE_SSL_FAILED:
        return VC_TLS;
    default:
        return VC_UNREACHABLE;
    }
}

static void set_hint(struct vc_error *err, const struct vc_transfer *transfer)
{
    switch (err->code) {
    case VC_UNREACHABLE:
        vc_error_hint(err,
                      "check that Vault runs at this address and that no firewall is in between");
        break;
    case VC_TLS:
        if (transfer->result == CURLE_SSL_CONNECT_ERROR)
            vc_error_hint(err,
                          "check that the port speaks TLS 1.2 or later and whether it asks for a "
                          "client certificate");
        else
            vc_error_hint(err, "check ca_cert, client_cert, client_key and tls_server_name against "
                               "the server's certificate");
        break;
    default:
        break;
    }
}

static void describe(struct vc_error *err, const struct vc_transfer *transfer)
{
    enum vc_code code = code_of(transfer);
    const char *words =
        transfer->words[0] != '\0' ? transfer->words : curl_easy_strerror(transfer->result);

    if (code == VC_REPLY_TOO_LARGE) {
        vc_error_set(err, code, "Vault at %s sends a reply of more than %d bytes", transfer->origin,
                     VC_REPLY_BODY_MAX);
        return;
    }
    vc_error_set(err, code,
                 code == VC_TLS         ? "no TLS connection to Vault at %s"
                 : code == VC_BAD_REPLY ? "Vault at %s sends a malformed reply"
                 : code == VC_TIMEOUT   ? "no answer in time from Vault at %s"
                                        : "cannot reach Vault at %s",
                 transfer->origin);
    vc_error_server_words(err, words);
    set_hint(err, transfer);
}

/* Whether anything of the request may have left. libcurl counts what it hands to the connection,
 * TLS included; its times do not tell: 8.22 gives one for the begin of a transfer that had no
 * connection. */
static bool was_sent(const struct vc_transfer *transfer)
{
    long bytes = 0;

    if (transfer->result == CURLE_OK)
        return true;
    return curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &bytes) != CURLE_OK ||
           bytes > 0;
}

/* Overwrites every occurrence, in place. */
static void blot_out(char *text, size_t len, const char *secret, size_t secret_len)
{
    char *at;

    while ((at = memmem(text, len, secret, secret_len)) != NULL) {
        memset(at, '*', secret_len);
        len -= (size_t)(at - text) + secret_len;
        text = at + secret_len;
    }
}

/*
 * What an error reply says goes into messages and logs. A server or a proxy before it may repeat
 * the request there, and with it the token.
 */
static void hide_token(struct vc_transfer *transfer)
{
    static const char field[] = "X-Vault-Token: ";
    struct vc_reply *reply = &transfer->reply;
    const char *token = strstr(vc_buf_text(&transfer->header_text), field);
    size_t len;

    if (token == NULL || (transfer->result == CURLE_OK && reply->status < 300))
        return;
    token += sizeof(field) - 1;
    len = strcspn(token, "\n");
    if (len < SHORTEST_SECRET)
        return;
    if (reply->body.len > 0)
        blot_out(reply->body.data, reply->body.len, token, len);
    blot_out(reply->location, strlen(reply->location), token, len);
    blot_out(transfer->words, strlen(transfer->words), token, len);
}

static void deliver(struct vc_transfer *transfer)
{
    struct vc_error err;
    bool sent = was_sent(transfer);

    if (transfer->result == CURLE_OK)
        curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &transfer->reply.status);
    hide_token(transfer);
    if (transfer->result == CURLE_OK) {
        err.code = VC_OK;
        vc_error_clear(&err);
    } else {
        describe(&err, transfer);
    }
    transfer->done(transfer->ctx, &transfer->reply, &err, sent);
    transfer_release(transfer);
}

static void end_transfers_of(struct connection_pool *pool)
{
    struct vc_transport *transport = pool->transport;
    struct vc_transfer *next;

    for (struct vc_transfer *transfer = transport->running.head; transfer != NULL;
         transfer = next) {
        next = transfer->next;
        if (transfer->pool != pool)
            continue;
        curl_multi_remove_handle(pool->multi, transfer->easy);
        transfer->result = CURLE_WRITE_ERROR;
        transfer->refusal = VC_NO_MEMORY;
        snprintf(transfer->words, sizeof(transfer->words), "libcurl is out of memory");
        list_remove(transfer);
        list_append(&transport->finished, transfer);
    }
}

/* Without memory for another pool the broken one is tried again: each of its failures ends what
 * runs. */
static void give_up_broken_pools(struct vc_transport *transport)
{
    for (struct connection_pool *pool = transport->pools; pool != NULL; pool = pool->next) {
        if (!pool->broken)
            continue;
        end_transfers_of(pool);
        pool->broken = false;
        if (pool == transport->pools)
            renew_pool(transport);
    }
}

/* Only what has finished by now: a callback that starts what fails at once must not keep this
 * going. */
static void deliver_finished(struct vc_transport *transport)
{
    while (transport->finished.head != NULL) {
        struct vc_transfer *transfer = transport->finished.head;

        list_remove(transfer);
        list_append(&transport->delivering, transfer);
    }
    while (transport->delivering.head != NULL) {
        struct vc_transfer *transfer = transport->delivering.head;

        list_remove(transfer);
        deliver(transfer);
    }
}

void vc_transport_run(struct vc_transport *transport)
{
    vc_msec now;

    poll_events(transport);
    now = vc_now();
    for (struct connection_pool *pool = transport->pools; pool != NULL; pool = pool->next)
        poll_drive(pool, now);
    if (transport->alarm_at <= now)
        transport->alarm_at = NEVER;
    give_up_broken_pools(transport);
    deliver_finished(transport);
    free_retired_pools(transport);
    poll_rearm(transport);
}

void vc_transport_free(struct vc_transport *transport)
{
    if (transport == NULL)
        return;
    while (transport->running.head != NULL)
        vc_transport_cancel(transport, transport->running.head);
    while (transport->finished.head != NULL)
        vc_transport_cancel(transport, transport->finished.head);
    while (transport->pools != NULL) {
        struct connection_pool *pool = transport->pools;

        transport->pools = pool->next;
        pool_free(pool);
    }
    poll_close(transport);
    vc_free(transport->allocator, transport, sizeof(*transport));
}
