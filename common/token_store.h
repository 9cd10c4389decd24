/*
 * token_store.h - the file in which a token outlives the process that logged in for it.
 *
 * For credentials that log in once only (a single-use or wrapped secret_id): belongs on a disk that
 * a reboot empties, never into a folder that backups carry. It is read back by secret_file.h, which
 * refuses a file that others can read.
 */
#ifndef VC_TOKEN_STORE_H
#define VC_TOKEN_STORE_H

#include "error.h"

/*
 * Replaces the file at path as a whole: a new file of mode 0600 beside it, synced, then renamed
 * over it, then the folder synced. A reader sees the old token or the new one, never a part.
 * VC_BAD_FILE, with the file that was there untouched.
 */
enum vc_code vc_token_store_write(const char *path, const char *token, struct vc_error *err);
/* Removes the file; one that is not there is no error. */
void vc_token_store_remove(const char *path);

#endif
