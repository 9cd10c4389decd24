/*
 * sts_refusal.c - why STS gave no credentials (sts_refusal.h).
 */
#include "sts_refusal.h"

#include <string.h>

enum vc_code sts_refusal_explain(const struct sts_request *request,
                                 const struct signed_reply *answer, const struct sts_reply *reply,
                                 struct vc_error *err)
{
    vc_error_set(err, VC_PERMISSION_DENIED, "STS at %s: %ld %s", request->endpoint_url,
                 answer->status, reply ? vc_buf_text(&reply->field[STS_ERROR_CODE]) : "-");
    vc_error_server_words(err, reply ? vc_buf_text(&reply->field[STS_ERROR_WORDS])
                                     : vc_buf_text(&answer->body));
    return VC_PERMISSION_DENIED;
}
