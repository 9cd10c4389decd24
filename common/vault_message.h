/*
 * vault_message.h - one request to Vault and its reply, as plain memory: no socket, no libcurl.
 *
 * The vault_*.h modules build requests and read replies; transport.h moves them. A request is
 * initialised by vc_request_init, filled by one builder, and freed. A builder that returns nothing
 * can only run out of memory: body.failed is then set, and whoever sends the request refuses it.
 */
#ifndef VC_VAULT_MESSAGE_H
#define VC_VAULT_MESSAGE_H

#include <stdbool.h>

#include "secret_buffer.h"
#include "tenant_layout.h"

#define VC_MOUNT_MAX 128 /* bytes of a mount's path; Vault itself has no limit that low */
/* "/v1/", "/undelete/" and "?version=N" around a mount and a path, each byte percent-encoded */
#define VC_REQUEST_PATH_MAX (3 * (VC_PATH_MAX + VC_MOUNT_MAX) + 64)
#define VC_REQUEST_BODY_MAX (1 << 20) /* Vault itself refuses an entry above 1 MiB on raft */
#define VC_REPLY_BODY_MAX (2 << 20)   /* such an entry with each byte escaped stays near this */
#define VC_INDEX_MAX 256              /* X-Vault-Index is about 60 bytes */
#define VC_LOCATION_MAX 1024

enum vc_method { VC_GET, VC_LIST, VC_POST, VC_PUT, VC_PATCH, VC_DELETE };

struct vc_request {
    enum vc_method method;
    char path[VC_REQUEST_PATH_MAX]; /* from "/v1/" on, percent-encoded where needed */
    struct vc_buf body;             /* JSON, or empty */
    bool with_token;                /* send X-Vault-Token */
    bool with_namespace; /* send X-Vault-Namespace: not for sys/health, sys/seal-status, sys/init */
    bool repeatable;     /* may be sent again when it is not known whether Vault saw it (reads) */
    bool secret_values;  /* body holds some: an error reply may repeat them */
    bool login; /* never sent twice: a single-use secret_id is spent before the reply arrives */
    char index[VC_INDEX_MAX]; /* X-Vault-Index that the read must see, or "" */
};

struct vc_reply {
    long status;
    struct vc_buf body; /* at most VC_REPLY_BODY_MAX */
    long retry_after;   /* seconds, -1: absent or malformed (RFC 9110 section 10.2.3) */
    char index[VC_INDEX_MAX];
    char location[VC_LOCATION_MAX]; /* of a redirect, or "" */
};

void vc_request_init(struct vc_request *request, const struct vc_allocator *allocator);
void vc_request_free(struct vc_request *request);

/*
 * For the builders. Sets method, and path to "/v1/" and the parts, each percent-encoded but for its
 * slashes; a NULL part ends the list. Sends token and namespace, is repeatable unless it writes
 * (POST, PUT, PATCH, DELETE): the builder changes what differs. VC_BAD_NAME: longer than
 * VC_REQUEST_PATH_MAX.
 */
enum vc_code vc_request_begin(struct vc_request *request, enum vc_method method,
                              const char *const *parts, struct vc_error *err);
/*
 * VC_BAD_SETTING, naming what ("kv_mount"), where mount is not a valid path (tenant_layout.h) of at
 * most VC_MOUNT_MAX bytes.
 */
enum vc_code vc_mount_check(const char *mount, const char *what, struct vc_error *err);
/* VC_OK where the body was built; otherwise where it is too long; VC_NO_MEMORY. */
enum vc_code vc_request_body_check(const struct vc_request *request, enum vc_code otherwise,
                                   struct vc_error *err);

void vc_reply_init(struct vc_reply *reply, const struct vc_allocator *allocator);
void vc_reply_free(struct vc_reply *reply);
/*
 * Empties the body of an error reply (300 or above) that repeats one of the request's
 * secret_values, or a part of one: a server, or a proxy before it, may do so, and what it says goes
 * into messages and logs. Of a value's text as it stands in JSON; one below 4 bytes is no secret.
 */
void vc_reply_drop_echo(struct vc_reply *reply, const struct vc_request *request);

#endif
