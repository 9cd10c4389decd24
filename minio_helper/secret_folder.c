/*
 * secret_folder.c - secrets as files of a folder (secret_folder.h). Called by exec and credentials.
 */
#include "secret_folder.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "output_file.h"

/*
 * Whoever owns a folder, or the link to it, reads and replaces what is in it: in /dev/shm anybody
 * may have made one of that name before us.
 */
static enum vc_code check_owner(const char *folder, struct vc_error *err)
{
    struct stat link, target;

    if (lstat(folder, &link) != 0 || stat(folder, &target) != 0)
        return vc_error_set(err, VC_BAD_FILE, "cannot examine the folder \"%s\": %m", folder);
    if ((link.st_uid == geteuid() || link.st_uid == 0) &&
        (target.st_uid == geteuid() || target.st_uid == 0))
        return VC_OK;
    vc_error_set(err, VC_BAD_FILE, "the folder \"%s\" belongs to another user", folder);
    vc_error_hint(err, "name one that is not there yet, or that is yours or root's");
    return VC_BAD_FILE;
}

enum vc_code secret_folder_open(const char *folder, bool in_memory, struct vc_error *err)
{
    struct statfs status;
    enum vc_code code;

    if (mkdir(folder, S_IRWXU) != 0 && errno != EEXIST)
        return vc_error_set(err, VC_BAD_FILE, "cannot make the folder \"%s\": %m", folder);
    if (!in_memory)
        return VC_OK;
    code = check_owner(folder, err);
    if (code != VC_OK)
        return code;
    if (statfs(folder, &status) != 0)
        return vc_error_set(err, VC_BAD_FILE, "cannot examine the folder \"%s\": %m", folder);
    if (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC)
        return VC_OK;
    vc_error_set(err, VC_BAD_FILE, "the folder \"%s\" is on a disk", folder);
    vc_error_hint(err, "name one below /run or /dev/shm, or mount a tmpfs there");
    return VC_BAD_FILE;
}

/* False: too long. */
static bool path_of(const char *folder, const char *name, char path[PATH_MAX])
{
    int len = snprintf(path, PATH_MAX, "%s/%s", folder, name);

    return len > 0 && len < PATH_MAX;
}

void secret_folder_remove(const char *folder, const char *name)
{
    char path[PATH_MAX];

    if (path_of(folder, name, path))
        unlink(path);
}

/* A file that is there keeps its owner (output_file.h): where everybody may make files, only ours.
 */
static enum vc_code check_file(const char *folder, const char *path, struct vc_error *err)
{
    struct stat around, file;

    if (lstat(path, &file) != 0 || file.st_uid == geteuid() || stat(folder, &around) != 0 ||
        (around.st_mode & S_IWOTH) == 0)
        return VC_OK;
    vc_error_set(err, VC_BAD_FILE, "the file \"%s\" belongs to another user", path);
    vc_error_hint(err, "everybody can write to its folder: name one that is yours");
    return VC_BAD_FILE;
}

enum vc_code secret_folder_write(const char *folder, const struct env_variable *variables,
                                 size_t count, struct vc_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const struct env_variable *variable = &variables[i];
        char path[PATH_MAX];
        enum vc_code code;

        if (variable->value == NULL) {
            secret_folder_remove(folder, variable->name);
            continue;
        }
        if (!path_of(folder, variable->name, path))
            return vc_error_set(err, VC_BAD_FILE, "the path of the folder is too long");
        code = check_file(folder, path, err);
        if (code == VC_OK)
            code = output_file_write(path, variable->value, strlen(variable->value), err);
        if (code != VC_OK)
            return code;
    }
    return VC_OK;
}
