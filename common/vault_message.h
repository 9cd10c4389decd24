/*
 * vault_message.h - one request to Vault and its reply, as plain memory: no socket, no libcurl.
 *
 * The vault_*.h modules build requests and read replies; transport.h moves them.
 */
#ifndef VC_VAULT_MESSAGE_H
#define VC_VAULT_MESSAGE_H

#include <stdbool.h>

#include "secret_buffer.h"
#include "tenant_layout.h"

#define VC_REQUEST_PATH_MAX (VC_PATH_MAX + 192) /* "/v1/", a mount, "/data/", "?version=N" around a path */
#define VC_REQUEST_BODY_MAX (1 << 20)           /* Vault itself refuses an entry above 1 MiB on raft */
#define VC_REPLY_BODY_MAX (2 << 20) /* an entry of 1 MiB with every byte escaped twice stays near this */
#define VC_INDEX_MAX 256            /* X-Vault-Index is about 60 bytes */
#define VC_LOCATION_MAX 1024

enum vc_method { VC_GET, VC_LIST, VC_POST, VC_PUT, VC_PATCH, VC_DELETE };

struct vc_request {
    enum vc_method method;
    char path[VC_REQUEST_PATH_MAX]; /* from "/v1/" on, percent-encoded where needed */
    struct vc_buf body;             /* JSON, or empty */
    bool with_token;                /* send X-Vault-Token */
    bool with_namespace;            /* send X-Vault-Namespace: not for sys/health, sys/seal-status, sys/init */
    bool repeatable;  /* may be sent again when it is not known whether Vault saw it (reads) */
    bool login;       /* never sent twice: a single-use secret_id is spent before the reply arrives */
    char index[VC_INDEX_MAX]; /* X-Vault-Index that the read must see, or "" */
};

struct vc_reply {
    long status;
    struct vc_buf body; /* at most VC_REPLY_BODY_MAX */
    long retry_after;   /* seconds, -1 where the header is absent or malformed (RFC 9110 section 10.2.3) */
    char index[VC_INDEX_MAX];
    char location[VC_LOCATION_MAX]; /* of a redirect, or "" */
};

void vc_request_init(struct vc_request *request, const struct vc_allocator *allocator);
void vc_request_free(struct vc_request *request);
void vc_reply_init(struct vc_reply *reply, const struct vc_allocator *allocator);
void vc_reply_free(struct vc_reply *reply);

#endif
