/*
 * output_file.h - a secret into a file: whole or not at all, and for nobody else's eyes.
 */
#ifndef MH_OUTPUT_FILE_H
#define MH_OUTPUT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

/*
 * Replaces the file at path: a new one beside it, synced, renamed over it, its folder synced.
 * A new file has mode 0600; an existing one's owner and mode are kept. SIGINT, SIGTERM, SIGHUP and
 * SIGQUIT wait until it is done.
 *
 * VC_BAD_FILE, and the file as it was: a symlink, not a regular file, a folder that is missing or
 * read-only, an owner that cannot be kept. VC_INTERNAL, likewise: the disk is full or fails.
 */
enum vc_code output_file_write(const char *path, const char *bytes, size_t len,
                               struct vc_error *err);

/* All of it, through interruptions; false with errno set. No stdio: it would keep a copy. */
bool write_whole(int fd, const char *bytes, size_t len);

#endif
