/*
 * signed_request.h - one HTTP request with an AWS signature (version 4), and its reply as memory.
 *
 * AWS General Reference, "Signing AWS API requests"; the signature is libcurl's
 * (CURLOPT_AWS_SIGV4). TLS is always verified, redirects and the environment's proxies are not
 * followed, the reply is capped, the whole has a deadline. Called by sts and s3_probe.
 */
#ifndef MH_SIGNED_REQUEST_H
#define MH_SIGNED_REQUEST_H

#include <time.h>

#include "error.h"
#include "monotonic.h"
#include "secret_buffer.h"

/* All strings stay the caller's. */
struct signed_request {
    const char *url;     /* whole; its query percent-encoded, in the order of its names */
    const char *service; /* "sts", "s3" */
    const char *region;
    const char *access_key; /* signed_request_key_valid */
    const char *secret_key;
    const char *session_token; /* NULL: static keys */
    const char *form;          /* body of a POST, percent-encoded; NULL: GET */
    const char *ca_file;       /* PEM, instead of the system's authorities; NULL */
    vc_msec timeout;           /* of the whole */
    int interrupt;             /* a descriptor that ends it when it becomes readable; -1: none */
    size_t reply_max;          /* bytes of the reply's body */
};

struct signed_reply {
    long status;
    time_t date; /* the server's clock, by its Date header; -1: not said */
    struct vc_buf body;
};

void signed_reply_init(struct signed_reply *reply, const struct vc_allocator *allocator);
void signed_reply_free(struct signed_reply *reply);

/* True where an access key can stand in a header: 1 or more of printable ASCII, no space, no comma
 * (it would end there). */
bool signed_request_key_valid(const char *access_key);

/*
 * Blocks. VC_OK: reply is whole, whatever its status. VC_UNREACHABLE, VC_TIMEOUT, VC_TLS,
 * VC_BAD_FILE (ca_file), VC_BAD_REPLY, VC_REPLY_TOO_LARGE, VC_NO_MEMORY: the message names the
 * URL, and ends with libcurl's words. VC_CANCELLED: interrupt. reply is initialised and freed by
 * the caller.
 */
enum vc_code signed_request_send(const struct signed_request *request, struct signed_reply *reply,
                                 struct vc_error *err);

#endif
