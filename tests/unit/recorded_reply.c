/*
 * recorded_reply.c - a reply of Vault as the readers get it.
 */
#include "recorded_reply.h"

#include <check.h>

struct vc_reply *recorded(struct vc_reply *reply, long status, const char *body)
{
    if (reply->body.allocator != NULL)
        vc_reply_free(reply);
    vc_reply_init(reply, &vc_wiping_allocator);
    reply->status = status;
    if (body[0] != '\0')
        ck_assert(vc_buf_append_text(&reply->body, body));
    return reply;
}
