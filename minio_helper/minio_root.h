/*
 * minio_root.h - a MinIO server's root credentials, by the file that MINIO_CONFIG_ENV_FILE names.
 *
 * MinIO fails open: where the file is missing, empty or not as it wants it, it starts all the same,
 * with minioadmin for name and password. So the file is read back before the server is started, and
 * the running server is asked whether it takes these keys and refuses minioadmin.
 */
#ifndef MH_MINIO_ROOT_H
#define MH_MINIO_ROOT_H

#include "child_environment.h"
#include "s3_credentials.h"

#include "error.h"

#define MINIO_ROOT_PATH_MAX 4096
#define MINIO_ROOT_URL_MAX 1024

struct minio_root {
    char path[MINIO_ROOT_PATH_MAX]; /* of the file; "": none yet */
    char url[MINIO_ROOT_URL_MAX];   /* where the server will answer */
    struct s3_credentials root;
};

/*
 * url: where the server will answer; NULL: what command says by --address, or MINIO_ADDRESS, on
 * this machine and by plain HTTP. VC_BAD_SETTING: that is no address. Free in any case.
 */
enum vc_code minio_root_init(struct minio_root *minio, const char *url, char *const *command,
                             struct vc_error *err);
/*
 * Writes the file into folder, and names it in the environment, out of which goes all else that
 * would give MinIO root credentials. VC_BAD_SECRET: MinIO would not take these keys (format.h).
 * Others: output_file.h.
 */
enum vc_code minio_root_put(struct minio_root *minio, const char *folder,
                            const struct s3_credentials *credentials,
                            struct child_environment *environment, struct vc_error *err);
/* Reads the file as MinIO does. VC_BAD_FILE: it would not start with these keys. */
enum vc_code minio_root_check_file(const struct minio_root *minio, struct vc_error *err);
/*
 * Asks the server, by two signed requests; takes 2 s at most. VC_OK: it takes the keys out of Vault
 * and refuses minioadmin. VC_UNREACHABLE: it does not answer, or is not ready. Others: it is to be
 * stopped (VC_PERMISSION_DENIED: it takes minioadmin, or not these keys).
 */
enum vc_code minio_root_check_server(const struct minio_root *minio, struct vc_error *err);
/* Removes the file, wipes the keys. */
void minio_root_free(struct minio_root *minio);

#endif
