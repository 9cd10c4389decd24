/*
 * signed_request.c - a signed request by libcurl (signed_request.h): its easy interface within a
 * multi handle, whose wait can be interrupted.
 */
#include "signed_request.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "version.h"

#define CONNECT_TIMEOUT 3000    /* milliseconds, as for Vault */
#define SIGNATURE_SCOPE_MAX 128 /* "aws:amz:", a region of 64, a service */
#define LOOK_MSEC 1000          /* libcurl's own timers end a wait sooner */
#define HEAD_MAX 65536          /* bytes of a reply's head; MinIO's has 600 */
#define TOKEN_HEADER "X-Amz-Security-Token: "
#define HEADER_TEXT_MAX (32 * 1024) /* a session token has 2 to 6 kB */

/* What the callbacks need. */
struct exchange {
    const struct signed_request *request;
    struct signed_reply *reply;
    CURL *easy;
    struct curl_slist *headers;
    size_t head_bytes;
    char words[CURL_ERROR_SIZE];
};

/* One option, or leave the function: a handle that is set half would be less safe than none. */
#define SET(option, value)                                                                         \
    do {                                                                                           \
        if (curl_easy_setopt(exchange->easy, (option), (value)) != CURLE_OK)                       \
            return false;                                                                          \
    } while (0)

void signed_reply_init(struct signed_reply *reply, const struct vc_allocator *allocator)
{
    *reply = (struct signed_reply){.date = -1};
    vc_buf_init(&reply->body, allocator, 0);
}

void signed_reply_free(struct signed_reply *reply)
{
    vc_buf_free(&reply->body);
}

bool signed_request_key_valid(const char *access_key)
{
    for (const char *c = access_key; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~' || *c == ',')
            return false;
    return access_key[0] != '\0';
}

/* CURLOPT_WRITEFUNCTION: a short count ends the transfer. */
static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
    struct exchange *exchange = ctx;

    return vc_buf_append(&exchange->reply->body, bytes, size * count) ? size * count : 0;
}

/* CURLOPT_HEADERFUNCTION: the server's clock. */
static size_t on_header(char *bytes, size_t size, size_t count, void *ctx)
{
    static const char name[] = "Date:";
    struct exchange *exchange = ctx;
    size_t len = size * count;
    char value[64]; /* an HTTP date has 29 characters */

    exchange->head_bytes += len;
    if (exchange->head_bytes > HEAD_MAX)
        return 0;
    if (len < sizeof(name) || strncasecmp(bytes, name, sizeof(name) - 1) != 0)
        return len;
    snprintf(value, sizeof(value), "%.*s", (int)(len - (sizeof(name) - 1)),
             bytes + sizeof(name) - 1);
    exchange->reply->date = curl_getdate(value, NULL);
    return len;
}

static bool set_connection(struct exchange *exchange)
{
    const struct signed_request *request = exchange->request;

    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_PROXY, ""); /* not the environment's either */
    SET(CURLOPT_USERAGENT, "minio-helper/" VC_VERSION);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (request->ca_file != NULL) {
        SET(CURLOPT_CAINFO, request->ca_file);
        SET(CURLOPT_CAPATH, NULL); /* else the system's authorities are trusted besides */
    }
    SET(CURLOPT_TIMEOUT_MS, (long)request->timeout);
    SET(CURLOPT_CONNECTTIMEOUT_MS,
        (long)(request->timeout < CONNECT_TIMEOUT ? request->timeout : CONNECT_TIMEOUT));
    SET(CURLOPT_ERRORBUFFER, exchange->words);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, exchange);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, exchange);
    return true;
}

/* The token is signed with the rest because libcurl signs each header that it is given. */
static bool set_token(struct exchange *exchange)
{
    const char *token = exchange->request->session_token;
    struct vc_buf text;

    if (token == NULL)
        return true;
    vc_buf_init(&text, &vc_wiping_allocator, HEADER_TEXT_MAX);
    vc_buf_append_text(&text, TOKEN_HEADER);
    if (vc_buf_append_text(&text, token))
        exchange->headers = curl_slist_append(NULL, vc_buf_text(&text));
    vc_buf_free(&text);
    if (exchange->headers == NULL)
        return false;
    SET(CURLOPT_HTTPHEADER, exchange->headers);
    return true;
}

/*
 * Name and password apart, and not as "name:password": neither is then searched for a colon, nor
 * percent-decoded.
 */
static bool set_signature(struct exchange *exchange)
{
    const struct signed_request *request = exchange->request;
    char scope[SIGNATURE_SCOPE_MAX];
    int len = snprintf(scope, sizeof(scope), "aws:amz:%s:%s", request->region, request->service);

    if (len < 0 || (size_t)len >= sizeof(scope))
        return false;
    SET(CURLOPT_AWS_SIGV4, scope);
    SET(CURLOPT_USERNAME, request->access_key);
    SET(CURLOPT_PASSWORD, request->secret_key);
    return set_token(exchange);
}

static bool set_request(struct exchange *exchange)
{
    const struct signed_request *request = exchange->request;

    SET(CURLOPT_URL, request->url);
    if (request->form != NULL) {
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(request->form));
        SET(CURLOPT_POSTFIELDS, request->form);
    }
    return true;
}

static enum vc_code code_of(CURLcode result, const struct vc_buf *body)
{
    switch (result) {
    case CURLE_OK:
        return VC_OK;
    case CURLE_OUT_OF_MEMORY:
        return VC_NO_MEMORY;
    case CURLE_OPERATION_TIMEDOUT:
        return VC_TIMEOUT;
    case CURLE_ABORTED_BY_CALLBACK:
        return VC_CANCELLED;
    case CURLE_WRITE_ERROR:
        return body->failed && !body->too_large ? VC_NO_MEMORY : VC_REPLY_TOO_LARGE;
    case CURLE_PARTIAL_FILE:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL: /* what libcurl calls a reply without a status line */
    case CURLE_RECV_ERROR:
        return VC_BAD_REPLY;
    case CURLE_SSL_CACERT_BADFILE:
        return VC_BAD_FILE;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
        return VC_TLS;
    default:
        return VC_UNREACHABLE;
    }
}

static void hint(enum vc_code code, const struct signed_request *request, struct vc_error *err)
{
    if (code == VC_TLS && request->ca_file != NULL)
        vc_error_hint(err, "is its certificate signed by an authority in \"%s\", for this name?",
                      request->ca_file);
    else if (code == VC_TLS)
        vc_error_hint(err, "a server whose authority the system does not know needs "
                           "AWS_CA_BUNDLE=FILE.pem; one without TLS an http:// address");
    else if (code == VC_BAD_FILE)
        vc_error_hint(err, "AWS_CA_BUNDLE must name a readable PEM file");
    else if (code == VC_UNREACHABLE || code == VC_TIMEOUT)
        vc_error_hint(err, "is the server up, and is this its address?");
}

static enum vc_code report(const struct exchange *exchange, CURLcode result, struct vc_error *err)
{
    const struct signed_request *request = exchange->request;
    enum vc_code code = code_of(result, &exchange->reply->body);
    const char *words = exchange->words[0] != '\0' ? exchange->words : curl_easy_strerror(result);

    if (code == VC_OK)
        return VC_OK;
    if (code == VC_NO_MEMORY)
        return vc_error_set(err, code, "out of memory while asking %s", request->url);
    if (code == VC_CANCELLED)
        return vc_error_set(err, code, "interrupted while asking %s", request->url);
    if (code == VC_REPLY_TOO_LARGE)
        return vc_error_set(err, code, "reply of %s is larger than %zu bytes", request->url,
                            request->reply_max);
    vc_error_set(err, code, "no answer from %s", request->url);
    vc_error_server_words(err, words);
    hint(code, request, err);
    return code;
}

/* The transfer's end, or the interruption as if a callback of ours had ended it. */
static CURLcode wait_for(CURLM *multi, int interrupt)
{
    struct curl_waitfd extra = {.fd = interrupt, .events = CURL_WAIT_POLLIN};
    unsigned extras = interrupt >= 0 ? 1 : 0;
    const CURLMsg *message;
    int running = 1;
    int unread;

    for (;;) {
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            return CURLE_OUT_OF_MEMORY;
        if (running == 0)
            break;
        if (curl_multi_poll(multi, &extra, extras, LOOK_MSEC, NULL) != CURLM_OK)
            return CURLE_OUT_OF_MEMORY;
        if (extra.revents != 0)
            return CURLE_ABORTED_BY_CALLBACK;
    }
    message = curl_multi_info_read(multi, &unread);
    return message != NULL ? message->data.result : CURLE_OUT_OF_MEMORY;
}

static CURLcode perform(const struct exchange *exchange)
{
    CURLM *multi = curl_multi_init();
    CURLcode result = CURLE_OUT_OF_MEMORY;

    if (multi != NULL && curl_multi_add_handle(multi, exchange->easy) == CURLM_OK) {
        result = wait_for(multi, exchange->request->interrupt);
        curl_multi_remove_handle(multi, exchange->easy);
    }
    curl_multi_cleanup(multi);
    return result;
}

enum vc_code signed_request_send(const struct signed_request *request, struct signed_reply *reply,
                                 struct vc_error *err)
{
    struct exchange exchange = {.request = request, .reply = reply, .easy = curl_easy_init()};
    enum vc_code code;

    reply->body.max = request->reply_max;
    if (exchange.easy != NULL && set_connection(&exchange) && set_signature(&exchange) &&
        set_request(&exchange)) {
        CURLcode result = perform(&exchange);

        curl_easy_getinfo(exchange.easy, CURLINFO_RESPONSE_CODE, &reply->status);
        code = report(&exchange, result, err);
    } else {
        code = vc_error_set(err, VC_NO_MEMORY, "cannot prepare a request to %s", request->url);
    }
    curl_easy_cleanup(exchange.easy);
    curl_slist_free_all(exchange.headers);
    return code;
}
