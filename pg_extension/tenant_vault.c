/*
 * tenant_vault.c - the library's entry: what PostgreSQL calls when it loads it.
 *
 * Preloaded, it asks for shared memory, registers the keeper, takes over the logins of labelled
 * roles and writes the HBA file. Merely loaded (LOAD, CREATE
 * EXTENSION, pg_upgrade's check) it defines its settings and nothing else: the functions then say
 * which line to add.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"

#include "guc.h"
#include "hba_file.h"
#include "keeper.h"
#include "login.h"
#include "role_label.h"
#include "shared_state.h"
#include "sql_function.h"

TV_MODULE_MAGIC("tenant_vault", "1.0");

extern PGDLLEXPORT void _PG_init(void);

static shmem_request_hook_type previous_shmem_request;
static shmem_startup_hook_type previous_shmem_startup;

static void request_shmem(void)
{
    if (previous_shmem_request != NULL)
        previous_shmem_request();
    tv_shmem_request();
}

static void startup_shmem(void)
{
    if (previous_shmem_startup != NULL)
        previous_shmem_startup();
    tv_shmem_startup();
}

void _PG_init(void)
{
    tv_preloaded = process_shared_preload_libraries_in_progress;
    tv_guc_define();
    tv_role_label_init();
    if (!tv_preloaded)
        return;

    tv_login_init();
    tv_hba_file_create();

    previous_shmem_request = shmem_request_hook;
    shmem_request_hook = request_shmem;
    previous_shmem_startup = shmem_startup_hook;
    shmem_startup_hook = startup_shmem;
    if (!IsBinaryUpgrade) /* pg_upgrade's servers have nobody to serve, and must not log in */
        tv_keeper_register();
}
