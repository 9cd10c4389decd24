/*
 * hba_file.c - the file for pg_hba.conf that names the login group while the library is loaded.
 *
 * Its first line says whose it is, so that of two servers with one port neither removes the
 * other's. Refuses folders in which others than the server's user could put a file.
 */
#include "postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "funcapi.h"
#include "miscadmin.h"
#include "postmaster/postmaster.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/varlena.h"

#include "guc.h"
#include "hba_file.h"
#include "sql_function.h"

TV_SQL_FUNCTION(tv_get_hba_file);

#define FILE_MODE 0600

/* The first line, comment to pg_hba.conf; process and data folder. */
#define OWNER_BEGIN "# tenant_vault, postmaster "
#define OWNER_FORMAT OWNER_BEGIN "%d of "
/* The line, and the group in two lines at most. */
#define CONTENT_SIZE (MAXPGPATH + 2 * NAMEDATALEN + 128)

/* statfs(2): file systems that a reboot empties. */
#define FS_TMPFS 0x01021994
#define FS_RAMFS 0x858458f6

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
static char owner_line[MAXPGPATH + 64];

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
    struct stat st;

    if (stat(folder, &st) != 0) {
        ereport(WARNING,
                (errcode_for_file_access(),
                 errmsg("could not look at folder \"%s\" for tenant_vault.hba_file: %m", folder)));
        return false;
    }
    if ((st.st_uid == geteuid() || st.st_uid == 0) && (st.st_mode & S_IWOTH) == 0)
        return true;
    ereport(LOG, (errmsg("tenant_vault writes no HBA file into \"%s\": others could put one there",
                         folder),
                  errhint("To let tenants log in, set unix_socket_directories or "
                          "tenant_vault.hba_file to a folder of the server's own.")));
    return false;
}

/* ---- whose ---- */

/* The pid in the owner line of the file that is there; 0: no such file, or none of ours. */
static int owner_of_file(const char *file_path, char *line, size_t size)
{
    FILE *file = fopen(file_path, "r");
    int pid = 0;

    if (file == NULL)
        return 0;
    if (fgets(line, (int)size, file) != NULL &&
        strncmp(line, OWNER_BEGIN, strlen(OWNER_BEGIN)) == 0)
        pid = (int)strtol(line + strlen(OWNER_BEGIN), NULL, 10);
    fclose(file);
    return pid;
}

/* Another server, alive and of another data folder, has the same port or file. */
static bool belongs_to_other(void)
{
    char line[sizeof(owner_line)];
    int pid = owner_of_file(path, line, sizeof(line));
    const char *folder = pid > 0 ? strstr(line, " of ") : NULL;

    if (folder == NULL || pid == getpid() || (kill(pid, 0) != 0 && errno == ESRCH))
        return false;
    return strcmp(folder, strstr(owner_line, " of ")) != 0;
}

static void path_of_file(size_t file, char *file_path)
{
    /* Long enough: write_file has had room for more. */
    snprintf(file_path, MAXPGPATH, "%s%s", path, files[file].suffix);
}

void tv_hba_file_remove(void)
{
    char line[sizeof(owner_line)], file_path[MAXPGPATH];

    for (size_t i = 0; path[0] != '\0' && i < lengthof(files); i++) {
        path_of_file(i, file_path);
        if (owner_of_file(file_path, line, sizeof(line)) != 0 && strcmp(line, owner_line) == 0)
            (void)unlink(file_path);
    }
}

static void remove_at_exit(int code, Datum argument)
{
    tv_hba_file_remove();
}

/* ---- writing ---- */

static bool write_content(const char *file_path, const char *content, size_t len)
{
    int fd = open(file_path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    bool written;

    if (fd < 0)
        return false;
    written = write(fd, content, len) == (ssize_t)len;
    return close(fd) == 0 && written;
}

static size_t make_content(size_t file, char *content)
{
    size_t len = strlcpy(content, owner_line, CONTENT_SIZE);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* of the constant table above */
    return len + snprintf(content + len, CONTENT_SIZE - len, files[file].format, tv_login_group);
#pragma GCC diagnostic pop
}

/* Whole or not at all. */
static void write_file(size_t file)
{
    char file_path[MAXPGPATH], new_path[MAXPGPATH], content[CONTENT_SIZE];
    size_t len = make_content(file, content);

    if (snprintf(new_path, sizeof(new_path), "%s%s.new", path, files[file].suffix) >=
        (int)sizeof(new_path))
        ereport(FATAL, (errmsg("tenant_vault.hba_file \"%s\" is too long", path)));
    path_of_file(file, file_path);
    if (unlink(new_path) != 0 && errno != ENOENT)
        ereport(FATAL,
                (errcode_for_file_access(), errmsg("could not remove \"%s\": %m", new_path)));
    if (!write_content(new_path, content, len) || rename(new_path, file_path) != 0)
        ereport(FATAL, (errcode_for_file_access(),
                        errmsg("could not write \"%s\" for tenant_vault.hba_file: %m", file_path),
                        errhint("Set tenant_vault.hba_file to a place that the server may write "
                                "to, or to \"none\".")));
}

void tv_hba_file_create(void)
{
    char folder[MAXPGPATH];

    if (!IsPostmasterEnvironment || IsUnderPostmaster || !choose_path())
        return;
    folder_of_path(folder);
    if (!folder_is_closed(folder)) {
        path[0] = '\0';
        return;
    }
    snprintf(owner_line, sizeof(owner_line), OWNER_FORMAT "%s\n", (int)getpid(), DataDir);
    if (belongs_to_other())
        ereport(FATAL, (errmsg("\"%s\" belongs to another server that is running", path),
                        errhint("Give each server a port, a socket folder or a "
                                "tenant_vault.hba_file of its own.")));
    on_proc_exit(remove_at_exit, (Datum)0);
    for (size_t i = 0; i < lengthof(files); i++)
        write_file(i);
}

const char *tv_hba_file_path(void)
{
    return path;
}

/* ---- for hba_findings ---- */

static bool on_volatile_disk(void)
{
    struct statfs fs;

    return statfs(path, &fs) == 0 && (fs.f_type == FS_TMPFS || fs.f_type == FS_RAMFS);
}

/* (path, exists, survives_reboot): NULL path where there is none. */
Datum tv_get_hba_file(PG_FUNCTION_ARGS)
{
    enum { PATH, PRESENT, SURVIVES_REBOOT, COLUMNS };
    Datum values[COLUMNS] = {0};
    bool nulls[COLUMNS] = {true, true, true};
    TupleDesc description;

    if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE ||
        description->natts != COLUMNS)
        elog(ERROR, "get_hba_file() must be declared to return %d columns", COLUMNS);
    if (path[0] != '\0') {
        memset(nulls, false, sizeof(nulls));
        values[PATH] = CStringGetTextDatum(path);
        values[PRESENT] = BoolGetDatum(access(path, R_OK) == 0);
        values[SURVIVES_REBOOT] = BoolGetDatum(!on_volatile_disk());
    }
    return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(description), values, nulls));
}
