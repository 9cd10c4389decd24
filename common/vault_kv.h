/*
 * vault_kv.h - KV version 1 and 2. Vault API: /secret (KV), "KV secrets engine - version 2".
 */
#ifndef VC_VAULT_KV_H
#define VC_VAULT_KV_H

#include "vault_reply.h"

#define VC_CREATED_TIME_SIZE 48 /* RFC 3339 with nanoseconds: 35 */

/* One version of a secret. Free with vc_kv_secret_free. */
struct vc_kv_secret {
    struct vc_envelope envelope; /* owns data */
    const cJSON *data;           /* the object of fields */
    long long version;           /* 0 on KV v1 */
    /* RFC 3339, "" on KV v1. With version it identifies the content: versions can go backwards. */
    char created_time[VC_CREATED_TIME_SIZE];
    char request_id[VC_REQUEST_ID_SIZE];
};
void vc_kv_secret_free(struct vc_kv_secret *secret);

struct vc_kv_metadata {
    long long current_version, oldest_version;
    char created_time[VC_CREATED_TIME_SIZE], updated_time[VC_CREATED_TIME_SIZE];
    bool cas_required;
};

/*
 * kv: 1 or 2. path: below the mount; VC_BAD_NAME where it is not plain (tenant_layout.h), and
 * VC_BAD_SETTING the mount. version 0: the newest; ignored on v1.
 */
enum vc_code vc_kv_read_request(struct vc_request *request, int kv, const char *mount,
                                const char *path, long long version, struct vc_error *err);
/*
 * On VC_OK the caller frees secret; on an error there is nothing to free. 404 with metadata:
 * VC_VERSION_DELETED or VC_VERSION_DESTROYED; 404 with the "Invalid path for a versioned" warning:
 * VC_KV_V1_PATH; 404 "no handler for route": VC_NO_MOUNT; 404 "namespace not found":
 * VC_NO_NAMESPACE; other 404: VC_NOT_FOUND. 403: VC_PERMISSION_DENIED. Each message names mount and
 * path.
 */
enum vc_code vc_kv_read_read(const struct vc_reply *reply, int kv, const char *mount,
                             const char *path, struct vc_kv_secret *secret, struct vc_error *err);

/*
 * cas -1: no check; 0: must not exist; n: must be the current version. data is a JSON object
 * (VC_BAD_SECRET where it is not, is no UTF-8, or is longer than VC_REQUEST_BODY_MAX). v1 has no
 * CAS: with one VC_BAD_REQUEST.
 */
enum vc_code vc_kv_write_request(struct vc_request *request, int kv, const char *mount,
                                 const char *path, const cJSON *data, long long cas,
                                 struct vc_error *err);
/*
 * version: the one written (0 on v1). VC_CAS_MISMATCH, VC_CAS_REQUIRED, VC_PERMISSION_DENIED, the
 * 404s above.
 */
enum vc_code vc_kv_write_read(const struct vc_reply *reply, int kv, const char *mount,
                              const char *path, long long *version, struct vc_error *err);

/* path may be "": the whole mount. */
enum vc_code vc_kv_list_request(struct vc_request *request, int kv, const char *mount,
                                const char *path, struct vc_error *err);
/*
 * names: array of strings, owned by the caller; an empty one for 404 with empty errors[]. Folders
 * end in '/'.
 */
enum vc_code vc_kv_list_read(const struct vc_reply *reply, const char *mount, const char *path,
                             cJSON **names, struct vc_error *err);

/* v2 only */
enum vc_code vc_kv_metadata_request(struct vc_request *request, const char *mount, const char *path,
                                    struct vc_error *err);
enum vc_code vc_kv_metadata_read(const struct vc_reply *reply, const char *mount, const char *path,
                                 struct vc_kv_metadata *metadata, struct vc_error *err);

enum vc_kv_removal {
    VC_KV_DELETE,         /* the version given, 0 the newest; can be undone; on v1 for good */
    VC_KV_UNDELETE,       /* the version given */
    VC_KV_DESTROY,        /* the version given, for good */
    VC_KV_DELETE_METADATA /* all versions, for good */
};
/* VC_BAD_REQUEST: no version where one is needed, or not possible on v1. */
enum vc_code vc_kv_remove_request(struct vc_request *request, int kv, enum vc_kv_removal what,
                                  const char *mount, const char *path, long long version,
                                  struct vc_error *err);
enum vc_code vc_kv_remove_read(const struct vc_reply *reply, const char *mount, const char *path,
                               struct vc_error *err);

#endif
