/*
 * output_file.c - a secret into a file (output_file.h). Called by output.c and by exec --files.
 */
#include "output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monotonic.h"

#define NAME_TRIES 16 /* other names for the new file, where one is taken */
#define NEW_FILE_MODE 0600

/* Where the file is to stand, and what stood there. */
struct target {
    const char *path;
    const char *name; /* behind the last slash */
    int folder;       /* descriptor */
    bool exists;
    struct stat old;
    char beside[NAME_MAX + 1]; /* the new file's name until it is renamed */
};

bool write_whole(int fd, const char *bytes, size_t len)
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

static enum vc_code open_folder(struct target *target, struct vc_error *err)
{
    const char *slash = strrchr(target->path, '/');
    char folder[PATH_MAX];
    size_t len = slash == NULL ? 0 : slash == target->path ? 1 : (size_t)(slash - target->path);

    if (len >= sizeof(folder))
        return vc_error_set(err, VC_BAD_FILE, "the path of the output file is too long");
    snprintf(folder, sizeof(folder), "%.*s", (int)len, target->path);
    target->name = slash == NULL ? target->path : slash + 1;
    if (target->name[0] == '\0')
        return vc_error_set(err, VC_BAD_FILE, "\"%s\" is no file's name", target->path);
    target->folder = open(len == 0 ? "." : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (target->folder < 0)
        return vc_error_set(err, VC_BAD_FILE, "cannot open the folder of \"%s\": %m", target->path);
    return VC_OK;
}

static enum vc_code look_at_old(struct target *target, struct vc_error *err)
{
    if (fstatat(target->folder, target->name, &target->old, AT_SYMLINK_NOFOLLOW) != 0) {
        if (errno == ENOENT)
            return VC_OK;
        return vc_error_set(err, VC_BAD_FILE, "cannot examine \"%s\": %m", target->path);
    }
    if (S_ISLNK(target->old.st_mode)) {
        vc_error_set(err, VC_BAD_FILE, "\"%s\" is a symlink", target->path);
        vc_error_hint(err, "name the file that it points to");
        return VC_BAD_FILE;
    }
    if (!S_ISREG(target->old.st_mode)) {
        vc_error_set(err, VC_BAD_FILE, "\"%s\" is not a regular file", target->path);
        vc_error_hint(err, "write to it by redirecting standard output");
        return VC_BAD_FILE;
    }
    target->exists = true;
    return VC_OK;
}

/* A file of a name that nobody has, so that no link of somebody else's is written through. */
static int create_beside(struct target *target)
{
    for (int i = 0; i < NAME_TRIES; i++) {
        int len = snprintf(target->beside, sizeof(target->beside), ".%.200s.%llx", target->name,
                           (unsigned long long)vc_jitter(0, INT64_MAX));
        int fd;

        if (len < 0 || (size_t)len >= sizeof(target->beside))
            break;
        fd = openat(target->folder, target->beside,
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, NEW_FILE_MODE);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    errno = EEXIST;
    return -1;
}

/* Owner first: chown may clear mode bits. */
static bool keep_owner_and_mode(const struct target *target, int fd)
{
    struct stat status;

    if (!target->exists)
        return fchmod(fd, NEW_FILE_MODE) == 0; /* whatever umask says */
    if (fstat(fd, &status) != 0)
        return false;
    if ((status.st_uid != target->old.st_uid || status.st_gid != target->old.st_gid) &&
        fchown(fd, target->old.st_uid, target->old.st_gid) != 0)
        return false;
    return fchmod(fd, target->old.st_mode & 07777) == 0;
}

static enum vc_code fill_and_rename(struct target *target, int fd, const char *bytes, size_t len,
                                    struct vc_error *err)
{
    bool written;

    if (!keep_owner_and_mode(target, fd)) {
        vc_error_set(err, VC_BAD_FILE, "cannot keep the owner of \"%s\": %m", target->path);
        close(fd);
        return VC_BAD_FILE;
    }
    written = write_whole(fd, bytes, len) && fsync(fd) == 0;
    if (close(fd) != 0)
        written = false;
    if (!written || renameat(target->folder, target->beside, target->folder, target->name) != 0)
        return vc_error_set(err, VC_INTERNAL, "cannot write \"%s\": %m", target->path);
    fsync(target->folder); /* without it the rename may be lost with the power */
    return VC_OK;
}

static void block_signals(sigset_t *before)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGQUIT);
    sigprocmask(SIG_BLOCK, &set, before);
}

static enum vc_code replace(struct target *target, const char *bytes, size_t len,
                            struct vc_error *err)
{
    sigset_t before;
    enum vc_code code;
    int fd;

    block_signals(&before);
    fd = create_beside(target);
    if (fd < 0) {
        code =
            vc_error_set(err, VC_BAD_FILE, "cannot create a file beside \"%s\": %m", target->path);
    } else {
        code = fill_and_rename(target, fd, bytes, len, err);
        if (code != VC_OK)
            unlinkat(target->folder, target->beside, 0);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return code;
}

enum vc_code output_file_write(const char *path, const char *bytes, size_t len,
                               struct vc_error *err)
{
    struct target target = {.path = path, .name = path, .folder = -1};
    enum vc_code code = open_folder(&target, err);

    if (code == VC_OK)
        code = look_at_old(&target, err);
    if (code == VC_OK)
        code = replace(&target, bytes, len, err);
    if (target.folder >= 0)
        close(target.folder);
    return code;
}
