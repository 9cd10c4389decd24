/*
 * transport_options.c - settings and requests to libcurl's options.
 *
 * Each easy handle is used for many requests: what connections are made under is set once, and of a
 * request only what differs from the one before. Called by transport.c.
 */
#include <string.h>
#include <time.h>

#include "http_header.h"
#include "transport_internal.h"
#include "version.h"

#define HEAD_MAX 65536       /* bytes of a reply's head: Vault's is below 1 kB, a proxy adds some */
#define HEADER_TEXT_MAX 8192 /* a token of VC_TOKEN_MAX, a namespace, an index, a host name */
#define KEEPALIVE_IDLE_SECONDS                                                                     \
    30 /* below the minute after which some firewalls forget a connection */
#define KEEPALIVE_INTERVAL_SECONDS 10
#define CONNECT_TO_MAX (2 * VC_ADDRESS_MAX)

/* One option, or leave the function: a handle that is set half would be less safe than none. */
#define SET(option, value)                                                                         \
    do {                                                                                           \
        if (curl_easy_setopt(easy, (option), (value)) != CURLE_OK)                                 \
            return false;                                                                          \
    } while (0)

static bool copy_text(char **to, const struct vc_allocator *allocator, const char *from)
{
    *to = vc_strdup(allocator, from);
    return *to != NULL || from == NULL;
}

bool connection_options_copy(struct connection_options *to, const struct vc_allocator *allocator,
                             const struct vc_settings *settings)
{
    *to = (struct connection_options){.skip_verify = settings->skip_verify,
                                      .connect_timeout = settings->connect_timeout};
    return copy_text(&to->file[TLS_CA_CERT], allocator, settings->ca_cert) &&
           copy_text(&to->file[TLS_CA_PATH], allocator, settings->ca_path) &&
           copy_text(&to->file[TLS_CLIENT_CERT], allocator, settings->client_cert) &&
           copy_text(&to->file[TLS_CLIENT_KEY], allocator, settings->client_key) &&
           copy_text(&to->server_name, allocator, settings->tls_server_name);
}

void connection_options_free(struct connection_options *options,
                             const struct vc_allocator *allocator)
{
    for (size_t i = 0; i < TLS_FILES; i++)
        vc_strfree(allocator, options->file[i]);
    vc_strfree(allocator, options->server_name);
    *options = (struct connection_options){.file = {NULL}};
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool connection_options_equal(const struct connection_options *options,
                              const struct vc_settings *settings)
{
    return same_text(options->file[TLS_CA_CERT], settings->ca_cert) &&
           same_text(options->file[TLS_CA_PATH], settings->ca_path) &&
           same_text(options->file[TLS_CLIENT_CERT], settings->client_cert) &&
           same_text(options->file[TLS_CLIENT_KEY], settings->client_key) &&
           same_text(options->server_name, settings->tls_server_name) &&
           options->skip_verify == settings->skip_verify &&
           options->connect_timeout == settings->connect_timeout;
}

/* CURLOPT_WRITEFUNCTION: a short count ends the transfer. */
static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct vc_transfer *transfer = ctx;

    if (vc_buf_append(&transfer->reply.body, bytes, size * count))
        return size * count;
    transfer->refusal = transfer->reply.body.too_large ? VC_REPLY_TOO_LARGE : VC_NO_MEMORY;
    return 0;
}

/* CURLOPT_HEADERFUNCTION. */
static size_t on_header(char *bytes, size_t size, size_t count, void *ctx)
{
    struct vc_transfer *transfer = ctx;

    transfer->head_bytes += size * count;
    if (transfer->head_bytes > HEAD_MAX) {
        transfer->refusal = VC_REPLY_TOO_LARGE;
        return 0;
    }
    vc_http_header_read(&transfer->reply, bytes, size * count, time(NULL));
    return size * count;
}

static bool set_tls(CURL *easy, const struct connection_options *options)
{
    const char *ca_cert = options->file[TLS_CA_CERT];
    const char *ca_path = options->file[TLS_CA_PATH];

    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, options->skip_verify ? 0L : 1L);
    SET(CURLOPT_SSL_VERIFYHOST, options->skip_verify ? 0L : 2L);
    if (ca_cert != NULL || ca_path != NULL) {
        /* Both, NULL too: else libcurl goes on trusting the system's authorities besides. */
        SET(CURLOPT_CAINFO, ca_cert);
        SET(CURLOPT_CAPATH, ca_path);
    }
    SET(CURLOPT_SSLCERT, options->file[TLS_CLIENT_CERT]);
    SET(CURLOPT_SSLKEY, options->file[TLS_CLIENT_KEY]);
    return true;
}

static bool set_callbacks(CURL *easy, struct vc_transfer *transfer)
{
    SET(CURLOPT_PRIVATE, transfer);
    SET(CURLOPT_ERRORBUFFER, transfer->words);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, transfer);
    SET(CURLOPT_OPENSOCKETFUNCTION, poll_open_socket);
    SET(CURLOPT_OPENSOCKETDATA, transfer->pool);
    SET(CURLOPT_CLOSESOCKETFUNCTION, poll_close_socket);
    SET(CURLOPT_CLOSESOCKETDATA, transfer->pool);
    return true;
}

bool transfer_set_connection_options(struct vc_transfer *transfer)
{
    const struct connection_options *options = &transfer->pool->options;
    CURL *easy = transfer->easy;

    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_PROXY,
        ""); /* not the environment's either: a token goes to Vault and nowhere else */
    SET(CURLOPT_USERAGENT, "tenant-vault/" VC_VERSION);
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)VC_REPLY_BODY_MAX);
    SET(CURLOPT_LOW_SPEED_LIMIT, (long)VC_SLOW_BYTES);
    SET(CURLOPT_LOW_SPEED_TIME, (long)VC_SLOW_SECONDS);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout);
    SET(CURLOPT_TCP_NODELAY, 1L);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_SECONDS);
    SET(CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_INTERVAL_SECONDS);
    return set_callbacks(easy, transfer) && set_tls(easy, options);
}

static const char *method_name(enum vc_method method)
{
    switch (method) {
    case VC_GET:
        return "GET";
    case VC_LIST:
        return "LIST";
    case VC_POST:
        return "POST";
    case VC_PUT:
        return "PUT";
    case VC_PATCH:
        return "PATCH";
    case VC_DELETE:
        return "DELETE";
    }
    return "GET";
}

static bool set_method(struct vc_transfer *transfer, enum vc_method method, bool with_body)
{
    CURL *easy = transfer->easy;

    if (transfer->method == method && transfer->with_body == with_body)
        return true;
    if (with_body)
        SET(CURLOPT_POST, 1L);
    else
        SET(CURLOPT_HTTPGET, 1L);
    SET(CURLOPT_CUSTOMREQUEST, method == VC_GET ? NULL : method_name(method));
    transfer->method = method;
    transfer->with_body = with_body;
    return true;
}

/* "host:port" of an origin, whose scheme is given by vc_address_parse. */
static const char *authority(const char *origin)
{
    const char *colon = strchr(origin, ':');

    return colon == NULL ? origin : colon + 3;
}

/* True where the certificate is to be checked for another name than the address has. */
static bool has_other_name(const struct connection_options *options, const char *origin)
{
    return options->server_name != NULL && strncmp(origin, "https:", 6) == 0;
}

/* The URL then names the server as its certificate does, and CURLOPT_CONNECT_TO says where that is.
 */
static bool set_connect_to(struct vc_transfer *transfer, const char *origin)
{
    const char *port = strrchr(origin, ':') + 1;
    char line[CONNECT_TO_MAX];
    struct curl_slist *list;
    CURL *easy = transfer->easy;
    int len = snprintf(line, sizeof(line), "%s:%s:%s", transfer->pool->options.server_name, port,
                       authority(origin));

    if (len < 0 || (size_t)len >= sizeof(line))
        return false;
    list = curl_slist_append(NULL, line);
    if (list == NULL)
        return false;
    curl_slist_free_all(transfer->connect_to);
    transfer->connect_to = list;
    SET(CURLOPT_CONNECT_TO, list);
    return true;
}

static bool set_url(struct vc_transfer *transfer, const char *origin, const char *path)
{
    char url[2 * VC_ADDRESS_MAX + VC_REQUEST_PATH_MAX];
    const struct connection_options *options = &transfer->pool->options;
    CURL *easy = transfer->easy;
    int len;

    if (has_other_name(options, origin)) {
        if (strcmp(transfer->origin, origin) != 0 && !set_connect_to(transfer, origin))
            return false;
        len = snprintf(url, sizeof(url), "https://%s%s%s", options->server_name,
                       strrchr(origin, ':'), path);
    } else {
        len = snprintf(url, sizeof(url), "%s%s", origin, path);
    }
    if (len < 0 || (size_t)len >= sizeof(url))
        return false;
    snprintf(transfer->origin, sizeof(transfer->origin), "%s", origin);
    SET(CURLOPT_URL, url);
    return true;
}

/* One header per line; the values come from validated settings and replies, and still none may
 * break a line. */
static void append_header(struct vc_buf *text, const char *name, const char *value)
{
    if (value == NULL || value[0] == '\0')
        return;
    if (strpbrk(value, "\r\n") != NULL) {
        text->failed = true;
        return;
    }
    vc_buf_append_text(text, name);
    vc_buf_append_text(text, value);
    vc_buf_append_text(text, "\n");
}

static void write_headers(struct vc_buf *text, const struct vc_transfer *transfer,
                          const char *origin, const struct vc_request *request, const char *token,
                          const char *namespace_path)
{
    if (has_other_name(&transfer->pool->options, origin))
        append_header(text, "Host: ", authority(origin));
    /* An agent or proxy may demand it, so that a browser cannot be made to send requests. */
    append_header(text, "X-Vault-Request: ", "true");
    append_header(text, "X-Vault-Token: ", token);
    append_header(text, "X-Vault-Namespace: ", namespace_path);
    append_header(text, "X-Vault-Index: ", request->index);
    if (request->index[0] != '\0')
        append_header(text, "X-Vault-Inconsistent: ", "forward-active-node");
    if (request->body.len > 0) {
        append_header(text, "Content-Type: ",
                      request->method == VC_PATCH ? "application/merge-patch+json"
                                                  : "application/json");
        /* Not asked for before a large body: one round trip more. An empty value removes the
         * header. */
        vc_buf_append_text(text, "Expect:\n");
    }
}

/* Cuts text into lines, in place, and makes a list of them. NULL: no memory. */
static struct curl_slist *make_list(char *text)
{
    struct curl_slist *list = NULL;
    char *end;

    for (char *line = text; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        struct curl_slist *longer;

        *end = '\0';
        longer = curl_slist_append(list, line);
        *end = '\n';
        if (longer == NULL) {
            curl_slist_free_all(list);
            return NULL;
        }
        list = longer;
    }
    return list;
}

static bool set_headers(struct vc_transfer *transfer, const char *origin,
                        const struct vc_request *request, const char *token,
                        const char *namespace_path)
{
    CURL *easy = transfer->easy;
    struct curl_slist *list;
    struct vc_buf text;

    vc_buf_init(&text, transfer->pool->transport->allocator, HEADER_TEXT_MAX);
    write_headers(&text, transfer, origin, request, token, namespace_path);
    if (text.failed)
        goto failed;
    if (transfer->headers != NULL && strcmp(text.data, transfer->header_text.data) == 0) {
        vc_buf_free(&text);
        return true;
    }
    list = make_list(text.data);
    if (list == NULL)
        goto failed;
    curl_slist_free_all(transfer->headers);
    transfer->headers = list;
    vc_buf_free(&transfer->header_text);
    transfer->header_text = text;
    SET(CURLOPT_HTTPHEADER, list);
    return true;
failed:
    vc_buf_free(&text);
    return false;
}

/* A login or a write must not go out twice, which libcurl does where a kept-alive connection has
 * died. */
static bool set_fresh_connection(struct vc_transfer *transfer, bool fresh)
{
    CURL *easy = transfer->easy;

    if (transfer->fresh_connection != fresh)
        SET(CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L);
    transfer->fresh_connection = fresh;
    return true;
}

static bool set_body(struct vc_transfer *transfer, const struct vc_request *request)
{
    CURL *easy = transfer->easy;

    if (request->body.len == 0)
        return true;
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
    SET(CURLOPT_POSTFIELDS, request->body.data);
    return true;
}

static bool set_time_left(CURL *easy, vc_msec time_left)
{
    SET(CURLOPT_TIMEOUT_MS, (long)time_left);
    return true;
}

enum vc_code transfer_set_request(struct vc_transfer *transfer, const char *origin,
                                  const struct vc_request *request, const char *token,
                                  const char *namespace_path, vc_msec time_left,
                                  struct vc_error *err)
{
    /* The URL before the headers: both compare with the origin of the request before. */
    if (!request->body.failed && set_headers(transfer, origin, request, token, namespace_path) &&
        set_url(transfer, origin, request->path) &&
        set_method(transfer, request->method, request->body.len > 0) &&
        set_body(transfer, request) && set_fresh_connection(transfer, !request->repeatable) &&
        set_time_left(transfer->easy, time_left))
        return VC_OK;
    return vc_error_set(err, VC_NO_MEMORY, "cannot prepare a request to Vault at %s", origin);
}
