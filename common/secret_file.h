/*
 * secret_file.h - reads a file that holds one secret (secret_id, token, JWT, password).
 *
 * The rule is PostgreSQL's for its TLS key (src/backend/libpq/be-secure-common.c): a regular file
 * owned by the user that reads it and closed to group and others, or owned by root and readable by
 * at most its group.
 */
#ifndef VC_SECRET_FILE_H
#define VC_SECRET_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "error.h"
#include "secret_buffer.h"

#define VC_SECRET_FILE_MAX 65536 /* a JWT with many claims is below 16 kB */

/* What a file looked like; two equal stamps mean that nobody has replaced or rewritten it. */
struct vc_file_stamp {
    bool present;
    uint64_t device, inode, size;
    int64_t mtime_sec, mtime_nsec, ctime_sec, ctime_nsec;
};

/*
 * Reads path into out (initialised by the caller) without the newline(s) at its end. A symlink is
 * followed (Kubernetes mounts secrets as such). VC_BAD_FILE: absent, not a regular file, empty,
 * larger than VC_SECRET_FILE_MAX, holds a NUL, owner or mode too open, unreadable; the message
 * names the path and what is wrong, the hint the chmod/chown that mends it. check_mode false skips
 * owner and mode (role_id, a CA: not secret). stamp may be NULL.
 */
enum vc_code vc_secret_file_read(const char *path, bool check_mode, struct vc_buf *out,
                                 struct vc_file_stamp *stamp, struct vc_error *err);
/* The same rule for a file that a library reads by its name: kind, owner and mode, not the content.
 */
enum vc_code vc_secret_file_check(const char *path, bool check_mode, struct vc_error *err);
/* The stamp of a file that may be absent. */
void vc_file_stamp_get(const char *path, struct vc_file_stamp *stamp);
bool vc_file_stamp_equal(const struct vc_file_stamp *a, const struct vc_file_stamp *b);

#endif
