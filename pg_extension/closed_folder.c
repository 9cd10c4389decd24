/*
 * closed_folder.c - whether a folder is closed to others than the server's user (closed_folder.h).
 */
#include "postgres.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "closed_folder.h"

/* The server's own group may write: /run/postgresql is made so. */
static bool others_may_write(const struct stat *st)
{
    return (st->st_mode & S_IWOTH) != 0 ||
           ((st->st_mode & S_IWGRP) != 0 && st->st_gid != getegid());
}

/* above: a folder on the way, in which stickiness keeps others from what is not theirs. */
static const char *what_is_wrong_with(const char *folder, bool above)
{
    struct stat st;

    if (stat(folder, &st) != 0)
        return psprintf("Folder \"%s\" cannot be looked at: %m.", folder);
    if (st.st_uid != geteuid() && st.st_uid != 0)
        return psprintf("Folder \"%s\" is another user's.", folder);
    if (others_may_write(&st) && !(above && (st.st_mode & S_ISVTX) != 0))
        return psprintf("Others may write into folder \"%s\".", folder);
    return NULL;
}

const char *tv_folder_open_because(const char *folder)
{
    char place[PATH_MAX];
    const char *wrong;
    char *slash;

    if (realpath(folder, place) == NULL)
        return psprintf("Folder \"%s\" cannot be looked at: %m.", folder);
    wrong = what_is_wrong_with(place, false);
    while (wrong == NULL && strcmp(place, "/") != 0) {
        slash = strrchr(place, '/');
        slash[slash == place ? 1 : 0] = '\0';
        wrong = what_is_wrong_with(place, true);
    }
    return wrong;
}
