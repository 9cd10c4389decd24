/*
 * hba_file.c - the file for pg_hba.conf that names the login group while the library is loaded.
 *
 * It has to be gone whenever the library is, also where every process of the server was killed at
 * once. So it lies in memory that the postmaster alone holds open, and its name is a symbolic link
 * to it, through /proc: with the postmaster's end, however that comes, the kernel makes the link
 * lead nowhere. Refuses to take another server's place, or that of a file which is none of ours,
 * and folders in which others than the server's user could put one.
 */
#include "postgres.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "funcapi.h"
#include "miscadmin.h"
#include "postmaster/postmaster.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

#include "closed_folder.h"
#include "guc.h"
#include "hba_file.h"
#include "sql_function.h"

TV_SQL_FUNCTION(tv_get_hba_file);

#define FILE_MODE 0400

/*
 * Beyond what a server has open when it reads pg_hba.conf: where each postmaster has the same
 * number, as in a container, the link of one that was killed leads to nothing of the next one's.
 */
#define FIRST_FD 200

/* The first line, a comment to pg_hba.conf, by which another server's file is known. */
#define OWNER_LINE "# tenant_vault's, while the server runs with the library\n"
/* That, and the group in two lines at most. */
#define CONTENT_SIZE (sizeof(OWNER_LINE) + 2 * NAMEDATALEN + 64)

#define LINK_FORMAT "/proc/%d/fd/%d"
#define LINK_PATTERN "/proc/[1-9]*/fd/[1-9]*"
#define LINK_SIZE 48

/*
 * The file itself, for @ in any line, and whole lines beside it for include_if_exists, which
 * PostgreSQL 16 brought. %s is the group.
 */
static const struct {
    const char *suffix, *format;
} files[] = {
    {"", "+\"%1$s\"\n"},
    {".conf", "local all +\"%1$s\" trust\nhostssl all +\"%1$s\" all trust\n"},
};

static char path[MAXPGPATH] = "";
static char links[lengthof(files)][LINK_SIZE];

/* ---- where ---- */

/* The first folder of unix_socket_directories, abstract sockets apart; false where there is none.
 */
static bool socket_folder(char *folder, size_t size)
{
    char *list = pstrdup(Unix_socket_directories);
    List *names = NIL;
    ListCell *cell;
    bool found = false;

    if (SplitDirectoriesString(list, ',', &names)) {
        foreach (cell, names) {
            const char *name = lfirst(cell);

            if (!found && name[0] == '/')
                found = strlcpy(folder, name, size) < size;
        }
    }
    return found;
}

static bool choose_path(void)
{
    char folder[MAXPGPATH];

    if (strcmp(tv_hba_file, "none") == 0)
        return false;
    if (tv_hba_file[0] != '\0')
        return strlcpy(path, tv_hba_file, sizeof(path)) < sizeof(path);
    return socket_folder(folder, sizeof(folder)) &&
           snprintf(path, sizeof(path), "%s/tenant_vault.%d", folder, PostPortNumber) <
               (int)sizeof(path);
}

static void folder_of_path(char *folder)
{
    strlcpy(folder, path, MAXPGPATH);
    get_parent_directory(folder);
}

static bool folder_is_closed(const char *folder)
{
    const char *wrong = tv_folder_open_because(folder);

    if (wrong == NULL)
        return true;
    ereport(LOG, (errmsg("tenant_vault writes no HBA file into \"%s\": others could put one there",
                         folder),
                  errdetail("%s", wrong),
                  errhint("To let tenants log in, set unix_socket_directories or "
                          "tenant_vault.hba_file to a folder of the server's own.")));
    return false;
}

static void path_of_file(size_t file, char *file_path)
{
    /* Long enough: create_link has had room for more. */
    snprintf(file_path, MAXPGPATH, "%s%s", path, files[file].suffix);
}

/* ---- whose ---- */

/* False where there is nothing; what is no link is read as an empty one. */
static bool read_link(const char *file_path, char *target, size_t size)
{
    ssize_t len = readlink(file_path, target, size - 1);

    target[Max(len, 0)] = '\0';
    return len >= 0 || errno != ENOENT;
}

static bool is_link_of_ours(const char *target)
{
    return fnmatch(LINK_PATTERN, target, FNM_PATHNAME) == 0;
}

static bool has_owner_line(const char *file_path)
{
    char line[sizeof(OWNER_LINE)] = "";
    int fd = open(file_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    bool has;

    if (fd < 0) /* the link leads nowhere: whose it was has ended */
        return false;
    has = read(fd, line, strlen(OWNER_LINE)) == (ssize_t)strlen(OWNER_LINE) &&
          strcmp(line, OWNER_LINE) == 0;
    close(fd);
    return has;
}

static void require_free_place(const char *file_path)
{
    char target[LINK_SIZE];

    if (!read_link(file_path, target, sizeof(target)))
        return;
    if (!is_link_of_ours(target))
        ereport(FATAL, (errmsg("\"%s\" is there already, and no file of tenant_vault's", file_path),
                        errhint("Remove it, or set tenant_vault.hba_file to another place.")));
    if (has_owner_line(file_path))
        ereport(FATAL, (errmsg("\"%s\" belongs to another server that is running", file_path),
                        errhint("Give each server a port, a socket folder or a "
                                "tenant_vault.hba_file of its own.")));
}

void tv_hba_file_remove(void)
{
    char target[LINK_SIZE], file_path[MAXPGPATH];

    for (size_t i = 0; path[0] != '\0' && i < lengthof(files); i++) {
        path_of_file(i, file_path);
        if (links[i][0] != '\0' && read_link(file_path, target, sizeof(target)) &&
            strcmp(target, links[i]) == 0)
            (void)unlink(file_path);
    }
}

static void remove_at_exit(int code, Datum argument)
{
    tv_hba_file_remove();
}

/* ---- writing ---- */

static size_t make_content(size_t file, char *content)
{
    size_t len = strlcpy(content, OWNER_LINE, CONTENT_SIZE);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* of the constant table above */
    return len + snprintf(content + len, CONTENT_SIZE - len, files[file].format, tv_login_group);
#pragma GCC diagnostic pop
}

/* The content, whole, and not to be changed by anybody any more. */
static bool fill_and_seal(int fd, const char *content, size_t len)
{
    return write(fd, content, len) == (ssize_t)len && fchmod(fd, FILE_MODE) == 0 &&
           fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0;
}

/* Its descriptor, which stays open as long as the postmaster lives; -1: errno says why. */
static int open_in_memory(size_t file)
{
    char content[CONTENT_SIZE];
    size_t len = make_content(file, content);
    int low = memfd_create("tenant_vault", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int fd = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, FIRST_FD);

    if (low >= 0)
        close(low);
    if (fd >= 0 && !fill_and_seal(fd, content, len)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* In the old one's place, in one step. */
static bool create_link(const char *target, const char *file_path)
{
    char new_path[MAXPGPATH];

    if (snprintf(new_path, sizeof(new_path), "%s.new", file_path) >= (int)sizeof(new_path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    if (unlink(new_path) != 0 && errno != ENOENT)
        return false;
    return symlink(target, new_path) == 0 && rename(new_path, file_path) == 0;
}

static void write_file(size_t file)
{
    char file_path[MAXPGPATH];
    int fd = open_in_memory(file);

    path_of_file(file, file_path);
    snprintf(links[file], LINK_SIZE, LINK_FORMAT, (int)getpid(), fd);
    if (fd < 0 || !create_link(links[file], file_path))
        ereport(FATAL, (errcode_for_file_access(),
                        errmsg("could not write \"%s\" for tenant_vault.hba_file: %m", file_path),
                        errhint("Set tenant_vault.hba_file to a place that the server may write "
                                "to, or to \"none\".")));
    if (!has_owner_line(file_path))
        ereport(FATAL, (errmsg("could not read \"%s\" back, which leads to \"%s\"", file_path,
                               links[file]),
                        errhint("The server needs a /proc of its own processes, or "
                                "tenant_vault.hba_file = \"none\".")));
}

void tv_hba_file_create(void)
{
    char folder[MAXPGPATH], file_path[MAXPGPATH];

    if (!IsPostmasterEnvironment || IsUnderPostmaster || !choose_path())
        return;
    folder_of_path(folder);
    if (!folder_is_closed(folder)) {
        path[0] = '\0';
        return;
    }
    for (size_t i = 0; i < lengthof(files); i++) {
        path_of_file(i, file_path);
        require_free_place(file_path);
    }
    on_proc_exit(remove_at_exit, (Datum)0);
    for (size_t i = 0; i < lengthof(files); i++)
        write_file(i);
}

const char *tv_hba_file_path(void)
{
    return path;
}

/* ---- for hba_findings ---- */

/* (path, present): NULL path where there is none. */
Datum tv_get_hba_file(PG_FUNCTION_ARGS)
{
    enum { PATH, PRESENT, COLUMNS };
    Datum values[COLUMNS] = {0};
    bool nulls[COLUMNS] = {true, true};
    TupleDesc description;

    if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE ||
        description->natts != COLUMNS)
        elog(ERROR, "get_hba_file() must be declared to return %d columns", COLUMNS);
    if (path[0] != '\0') {
        memset(nulls, false, sizeof(nulls));
        values[PATH] = CStringGetTextDatum(path);
        values[PRESENT] = BoolGetDatum(access(path, R_OK) == 0);
    }
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls));
}
