/*
 * s3_probe.c - one request to an S3 server (s3_probe.h). Called by check and minio_root.
 */
#include "s3_probe.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "secret_buffer.h"
#include "version.h"

#define PROBE_URL_MAX 2048
#define PROBE_TIMEOUT 10000L /* milliseconds for the whole request */
#define PROBE_CONNECT_TIMEOUT 3L
#define MINIO_DEFAULT "minioadmin" /* both name and password, as MinIO documents */
#define SKEW_MAX 840               /* seconds; servers refuse every key beyond 15 minutes */
#define DEFAULT_REGION "us-east-1" /* what servers without regions sign for */
#define AWS_ENDPOINT "https://s3.amazonaws.com"

/* What a request is made of; all of it wiped and freed together. */
struct probe {
    CURL *curl;
    struct curl_slist *headers;
    struct vc_buf url, user, token, service;
    time_t date; /* the server's clock; -1: not said */
};

/* NOLINTNEXTLINE(readability-non-const-parameter): libcurl's type */
static size_t discard(char *bytes, size_t size, size_t count, void *ctx)
{
    (void)bytes;
    (void)ctx;
    return size * count;
}

/* CURLOPT_HEADERFUNCTION: the server's clock. */
static size_t on_header(char *bytes, size_t size, size_t count, void *ctx)
{
    static const char name[] = "Date:";
    struct probe *probe = ctx;
    size_t len = size * count;
    char value[64]; /* an HTTP date has 29 characters */

    if (len < sizeof(name) || strncasecmp(bytes, name, sizeof(name) - 1) != 0)
        return len;
    snprintf(value, sizeof(value), "%.*s", (int)(len - (sizeof(name) - 1)),
             bytes + sizeof(name) - 1);
    probe->date = curl_getdate(value, NULL);
    return len;
}

/* The query's names stand in the order in which they are signed. */
static void build_url(struct vc_buf *url, const struct s3_credentials *credentials,
                      const char *bucket, const char *prefix)
{
    const char *endpoint =
        credentials->endpoint_url != NULL ? credentials->endpoint_url : AWS_ENDPOINT;

    vc_buf_append_format(url, "%s/", endpoint);
    if (bucket == NULL)
        return;
    vc_buf_append_format(url, "%s?list-type=2&max-keys=1", bucket);
    if (prefix == NULL)
        return;
    vc_buf_append_text(url, "&prefix=");
    vc_buf_append_percent(url, prefix);
}

static bool build(struct probe *probe, const struct s3_credentials *credentials, const char *bucket,
                  const char *prefix)
{
    const char *region = credentials->region != NULL ? credentials->region : DEFAULT_REGION;

    build_url(&probe->url, credentials, bucket, prefix);
    vc_buf_append_format(&probe->user, "%s:%s", credentials->access_key, credentials->secret_key);
    vc_buf_append_format(&probe->service, "aws:amz:%s:s3", region);
    if (credentials->session_token != NULL) {
        vc_buf_append_format(&probe->token, "x-amz-security-token: %s", credentials->session_token);
        probe->headers = curl_slist_append(NULL, vc_buf_text(&probe->token));
        if (probe->headers == NULL)
            return false;
    }
    return !probe->url.failed && !probe->user.failed && !probe->service.failed &&
           !probe->token.failed;
}

static bool set_options(struct probe *probe, const struct s3_probe_server *server)
{
    long timeout = server->timeout > 0 ? server->timeout : PROBE_TIMEOUT;
    CURL *curl = probe->curl;

    return curl_easy_setopt(curl, CURLOPT_URL, vc_buf_text(&probe->url)) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_USERPWD, vc_buf_text(&probe->user)) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, vc_buf_text(&probe->service)) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTPHEADER, probe->headers) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_USERAGENT, "minio-helper/" VC_VERSION) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, PROBE_CONNECT_TIMEOUT) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, discard) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HEADERDATA, probe) == CURLE_OK &&
           (server->ca_cert == NULL ||
            curl_easy_setopt(curl, CURLOPT_CAINFO, server->ca_cert) == CURLE_OK);
}

static enum vc_code of_transport(CURLcode result, struct vc_error *err)
{
    enum vc_code code = VC_UNREACHABLE;

    if (result == CURLE_OPERATION_TIMEDOUT)
        code = VC_TIMEOUT;
    else if (result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CONNECT_ERROR)
        code = VC_TLS;
    return vc_error_set(err, code, "cannot ask the S3 server: %s", curl_easy_strerror(result));
}

static enum vc_code of_status(long status, struct vc_error *err)
{
    if (status == 200)
        return VC_OK;
    if (status == 401 || status == 403)
        return vc_error_set(err, VC_PERMISSION_DENIED, "the S3 server answered %ld", status);
    if (status == 404)
        return vc_error_set(err, VC_NOT_FOUND, "the S3 server answered 404");
    return vc_error_set(err, status >= 500 ? VC_SERVER_ERROR : VC_BAD_REQUEST,
                        "the S3 server answered %ld", status);
}

/* Then it is refused whatever the keys are, and a refusal says nothing about them. */
static enum vc_code check_clock(time_t date, struct vc_error *err)
{
    long long ahead = (long long)time(NULL) - (long long)date;

    if (date == -1 || llabs(ahead) <= SKEW_MAX)
        return VC_OK;
    vc_error_set(err, VC_BAD_REQUEST, "this clock is %lld minutes %s the S3 server's",
                 llabs(ahead) / 60, ahead > 0 ? "ahead of" : "behind");
    vc_error_hint(err, "set the clock: what it is asked for by these keys it refuses to everyone");
    return VC_BAD_REQUEST;
}

static enum vc_code perform(struct probe *probe, struct vc_error *err)
{
    CURLcode result = curl_easy_perform(probe->curl);
    long status = 0;

    if (result != CURLE_OK)
        return of_transport(result, err);
    curl_easy_getinfo(probe->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 403 && check_clock(probe->date, err) != VC_OK)
        return err->code;
    return of_status(status, err);
}

enum vc_code s3_probe_list(const struct s3_credentials *credentials, const char *bucket,
                           const char *prefix, const struct s3_probe_server *server,
                           struct vc_error *err)
{
    const struct vc_allocator *allocator = credentials->allocator;
    struct probe probe = {.curl = curl_easy_init(), .date = -1};
    enum vc_code code = VC_NO_MEMORY;

    vc_buf_init(&probe.url, allocator, PROBE_URL_MAX);
    vc_buf_init(&probe.user, allocator, 1 << 18); /* two keys of full length */
    vc_buf_init(&probe.token, allocator, 1 << 17);
    vc_buf_init(&probe.service, allocator, PROBE_URL_MAX);
    if (probe.curl != NULL && build(&probe, credentials, bucket, prefix) &&
        set_options(&probe, server))
        code = perform(&probe, err);
    else
        vc_error_set(err, code, "out of memory while asking the S3 server");
    curl_slist_free_all(probe.headers);
    curl_easy_cleanup(probe.curl);
    vc_buf_free(&probe.url);
    vc_buf_free(&probe.user);
    vc_buf_free(&probe.token);
    vc_buf_free(&probe.service);
    return code;
}

const char *s3_probe_ca(void)
{
    const char *path = getenv("AWS_CA_BUNDLE");

    return path != NULL && path[0] != '\0' ? path : NULL;
}

enum vc_code s3_probe_default_password(const struct s3_credentials *place,
                                       const struct s3_probe_server *server, struct vc_error *err)
{
    static char word[] = MINIO_DEFAULT; /* no secret, and not freed */
    struct s3_credentials everyone = *place;

    everyone.access_key = everyone.secret_key = word;
    everyone.session_token = NULL;
    return s3_probe_list(&everyone, NULL, NULL, server, err);
}
