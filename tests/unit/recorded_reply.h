/*
 * recorded_reply.h - a reply of Vault as the readers get it: a status and a body.
 *
 * The bodies in the tests were recorded from OpenBao 2.7.2, or have the shape that HashiCorp
 * Vault's API documentation shows; which of the two stands beside them.
 */
#ifndef TEST_RECORDED_REPLY_H
#define TEST_RECORDED_REPLY_H

#include "vault_message.h"

/* The usual beginning and end of a 200. */
#define REPLY_HEAD                                                                                 \
    "{\"request_id\":\"91870848-9056-8a0b-24dd-557d1e784297\",\"lease_id\":\"\","                  \
    "\"renewable\":false,\"lease_duration\":0,"
#define REPLY_DATA(data)                                                                           \
    REPLY_HEAD "\"data\":" data ",\"wrap_info\":null,\"warnings\":null,\"auth\":null}\n"
#define REPLY_AUTH(auth)                                                                           \
    REPLY_HEAD "\"data\":null,\"wrap_info\":null,\"warnings\":null,\"auth\":" auth "}\n"
#define REPLY_ERRORS(errors) "{\"errors\":[" errors "]}\n"
#define RECORDED_REQUEST_ID "91870848-9056-8a0b-24dd-557d1e784297"

/* Fills reply; what an earlier call left in it is freed. reply starts as all zeros. */
struct vc_reply *recorded(struct vc_reply *reply, long status, const char *body);

#endif
