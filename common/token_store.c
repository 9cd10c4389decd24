/*
 * token_store.c - writes a token's file whole or not at all. Called by vault_client after a login.
 */
#include "token_store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "monotonic.h"

#define NAME_TRIES 16 /* other names for the new file, where one is taken */

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, bytes, len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        bytes += written;
        len -= (size_t)written;
    }
    return true;
}

/* A file of a name that nobody has, so that no link of somebody else's is written through. */
static int create_beside(const char *path, char *name, size_t size)
{
    for (int i = 0; i < NAME_TRIES; i++) {
        int len =
            snprintf(name, size, "%s.%llx", path, (unsigned long long)vc_jitter(0, INT64_MAX));
        int fd;

        if (len < 0 || (size_t)len >= size) {
            errno = ENAMETOOLONG;
            return -1;
        }
        fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

/* Without this the rename may be lost with the power, and a spent secret_id with it. */
static void sync_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int len = slash == NULL ? 1 : slash == path ? 1 : (int)(slash - path);
    int fd;

    if ((size_t)len >= sizeof(folder))
        return;
    memcpy(folder, slash == NULL ? "." : path, (size_t)len);
    folder[len] = '\0';
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

enum vc_code vc_token_store_write(const char *path, const char *token, struct vc_error *err)
{
    char name[PATH_MAX];
    int fd = create_beside(path, name, sizeof(name));
    bool written;

    if (fd < 0)
        return vc_error_set(err, VC_BAD_FILE, "cannot create the token store \"%s\": %m", path);
    written = write_all(fd, token, strlen(token)) && write_all(fd, "\n", 1) && fsync(fd) == 0;
    if (close(fd) != 0)
        written = false;
    if (!written || rename(name, path) != 0) {
        vc_error_set(err, VC_BAD_FILE, "cannot write the token store \"%s\": %m", path);
        unlink(name);
        return VC_BAD_FILE;
    }
    sync_folder(path);
    return VC_OK;
}

void vc_token_store_remove(const char *path)
{
    if (unlink(path) == 0)
        sync_folder(path);
}
