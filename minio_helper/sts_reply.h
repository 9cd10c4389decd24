/*
 * sts_reply.h - what STS answers to AssumeRole: credentials, or an error in one of two shapes.
 *
 * AWS STS API reference, "AssumeRole" and "Common errors": <AssumeRoleResponse>, <ErrorResponse>;
 * and the bare <Error> of S3, which MinIO sends where a request fails before its STS sees it.
 * Refuses a document type (and with it entities), depth, size, and what is cut. A pure function
 * over memory. Called by sts.
 */
#ifndef MH_STS_REPLY_H
#define MH_STS_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"
#include "secret_buffer.h"

#define STS_REPLY_MAX 65536     /* bytes; a reply has about 3 kB, its token at most 6 kB */
#define STS_DEPTH_MAX 16        /* an AssumeRoleResponse nests 4 deep */
#define STS_KEY_MAX 256         /* bytes of a key; AWS's limit for an access key is 128 */
#define STS_TOKEN_MAX 16384     /* AWS gives no limit; MinIO's holds the policy, encoded twice */
#define STS_EXPIRATION_MAX 40   /* an RFC 3339 timestamp with nanoseconds has 30 */
#define STS_ERROR_CODE_MAX 64   /* "InvalidParameterValue" */
#define STS_ERROR_WORDS_MAX 300 /* a sentence; more is cut, so that a hint keeps its place */

enum sts_field {
    STS_ACCESS_KEY,
    STS_SECRET_KEY,
    STS_SESSION_TOKEN,
    STS_EXPIRATION, /* YYYY-MM-DDThh:mm:ss[.fraction]Z */
    STS_ERROR_CODE,
    STS_ERROR_WORDS,
    STS_FIELDS
};

struct sts_reply {
    bool is_error;                   /* else all four of success are there */
    struct vc_buf field[STS_FIELDS]; /* vc_buf_text; "" where it is not there */
};

void sts_reply_init(struct sts_reply *reply, const struct vc_allocator *allocator);
/* Wipes. May be called whatever sts_reply_parse returned. */
void sts_reply_free(struct sts_reply *reply);
/*
 * VC_OK: credentials, whole (keys and token of printable ASCII without spaces), or an error with
 * its code. VC_BAD_REPLY: any other text. VC_REPLY_TOO_LARGE: above STS_REPLY_MAX. VC_NO_MEMORY.
 * No message quotes the text.
 */
enum vc_code sts_reply_parse(struct sts_reply *reply, const char *text, size_t len,
                             struct vc_error *err);

#endif
