/*
 * secret_file.c - reads a file that holds one secret.
 *
 * Refuses what is not a regular file, is open to others, is empty, too large or holds a NUL.
 * Everything is asked of the open descriptor, so that the file that was checked is the file that is
 * read; opening never blocks, so that a FIFO cannot hold up a login; read(2), because stdio would
 * keep a copy of the secret. Called at each login and by settings.
 */
#include "secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_SIZE 4096

/* Mode bits that must be off: root's file may be read by its group, as Kubernetes mounts secrets.
 */
#define TOO_OPEN_FOR_OWNER (S_IRWXG | S_IRWXO)
#define TOO_OPEN_FOR_ROOT (S_IWGRP | S_IXGRP | S_IRWXO)

static void stamp_from_stat(struct vc_file_stamp *stamp, const struct stat *status)
{
    *stamp = (struct vc_file_stamp){
        .present = true,
        .device = status->st_dev,
        .inode = status->st_ino,
        .size = (uint64_t)status->st_size,
        .mtime_sec = status->st_mtim.tv_sec,
        .mtime_nsec = status->st_mtim.tv_nsec,
        .ctime_sec = status->st_ctim.tv_sec,
        .ctime_nsec = status->st_ctim.tv_nsec,
    };
}

static enum vc_code check_owner_and_mode(const char *path, const struct stat *status,
                                         struct vc_error *err)
{
    mode_t refused = status->st_uid == 0 ? TOO_OPEN_FOR_ROOT : TOO_OPEN_FOR_OWNER;
    unsigned reader = (unsigned)geteuid();

    if (status->st_uid != reader && status->st_uid != 0) {
        vc_error_set(err, VC_BAD_FILE,
                     "file \"%s\" belongs to user id %u, not to user id %u or root", path,
                     (unsigned)status->st_uid, reader);
        vc_error_hint(err, "run: chown %u '%s' && chmod 0600 '%s'", reader, path, path);
        return VC_BAD_FILE;
    }
    if (status->st_mode & refused) {
        vc_error_set(err, VC_BAD_FILE, "file \"%s\" is open to others (mode %04o)", path,
                     (unsigned)(status->st_mode & 07777));
        vc_error_hint(err, "run: chmod %s '%s'", status->st_uid == reader ? "0600" : "0640", path);
        return VC_BAD_FILE;
    }
    return VC_OK;
}

static enum vc_code check_status(const char *path, const struct stat *status, bool check_mode,
                                 struct vc_error *err)
{
    if (!S_ISREG(status->st_mode))
        return vc_error_set(err, VC_BAD_FILE, "\"%s\" is not a regular file", path);
    return check_mode ? check_owner_and_mode(path, status, err) : VC_OK;
}

static enum vc_code too_large(const char *path, size_t max, struct vc_error *err)
{
    return vc_error_set(err, VC_BAD_FILE, "file \"%s\" is larger than %zu bytes", path, max);
}

static enum vc_code append_chunk(const char *path, struct vc_buf *out, const char *chunk,
                                 size_t len, struct vc_error *err)
{
    if (len > VC_SECRET_FILE_MAX - out->len)
        return too_large(path, VC_SECRET_FILE_MAX, err);
    if (vc_buf_append(out, chunk, len))
        return VC_OK;
    if (out->too_large)
        return too_large(path, out->max, err);
    return vc_error_set(err, VC_NO_MEMORY, "out of memory while reading file \"%s\"", path);
}

static enum vc_code read_all(const char *path, int fd, struct vc_buf *out, struct vc_error *err)
{
    char chunk[CHUNK_SIZE];
    enum vc_code code = VC_OK;
    ssize_t got;

    do {
        got = read(fd, chunk, sizeof(chunk));
        if (got > 0)
            code = append_chunk(path, out, chunk, (size_t)got, err);
        else if (got < 0 && errno != EINTR)
            code = vc_error_set(err, VC_BAD_FILE, "could not read file \"%s\": %m", path);
    } while (code == VC_OK && got != 0);
    explicit_bzero(chunk, sizeof(chunk));
    return code;
}

/* Takes the newlines off the end, and looks at what is left. */
static enum vc_code check_content(const char *path, struct vc_buf *out, struct vc_error *err)
{
    while (out->len > 0 && (out->data[out->len - 1] == '\n' || out->data[out->len - 1] == '\r'))
        out->data[--out->len] = '\0';
    if (out->len == 0)
        return vc_error_set(err, VC_BAD_FILE, "file \"%s\" is empty", path);
    if (memchr(out->data, '\0', out->len) != NULL)
        return vc_error_set(err, VC_BAD_FILE, "file \"%s\" holds a NUL byte", path);
    return VC_OK;
}

enum vc_code vc_secret_file_read(const char *path, bool check_mode, struct vc_buf *out,
                                 struct vc_file_stamp *stamp, struct vc_error *err)
{
    struct vc_file_stamp unused = {.present = false};
    struct stat status;
    enum vc_code code;
    int fd;

    stamp = stamp == NULL ? &unused : stamp;
    *stamp = (struct vc_file_stamp){.present = false};
    vc_buf_reset(out);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return vc_error_set(err, VC_BAD_FILE, "could not open file \"%s\": %m", path);

    if (fstat(fd, &status) != 0) {
        code = vc_error_set(err, VC_BAD_FILE, "could not examine file \"%s\": %m", path);
        goto cleanup;
    }
    /* Taken before reading: a file rewritten meanwhile no longer equals its stamp. */
    stamp_from_stat(stamp, &status);
    code = check_status(path, &status, check_mode, err);
    if (code == VC_OK)
        code = read_all(path, fd, out, err);
    if (code == VC_OK)
        code = check_content(path, out, err);

cleanup:
    close(fd);
    if (code != VC_OK)
        vc_buf_reset(out);
    return code;
}

enum vc_code vc_secret_file_check(const char *path, bool check_mode, struct vc_error *err)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return vc_error_set(err, VC_BAD_FILE, "could not examine file \"%s\": %m", path);
    return check_status(path, &status, check_mode, err);
}

void vc_file_stamp_get(const char *path, struct vc_file_stamp *stamp)
{
    struct stat status;

    if (stat(path, &status) == 0)
        stamp_from_stat(stamp, &status);
    else
        *stamp = (struct vc_file_stamp){.present = false};
}

bool vc_file_stamp_equal(const struct vc_file_stamp *a, const struct vc_file_stamp *b)
{
    return a->present == b->present && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && a->mtime_sec == b->mtime_sec && a->mtime_nsec == b->mtime_nsec &&
           a->ctime_sec == b->ctime_sec && a->ctime_nsec == b->ctime_nsec;
}
