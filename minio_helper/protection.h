/*
 * protection.h - what keeps secrets inside this process: no core, no ptrace, a clean environment,
 * libraries that wipe.
 */
#ifndef MH_PROTECTION_H
#define MH_PROTECTION_H

#include <stdbool.h>
#include <sys/resource.h>

/*
 * Before anything else in main: no core file, not dumpable, libcurl and cJSON free by wiping.
 * False: the system refuses, or no memory; nothing may be read then.
 */
bool protection_apply(void);
void protection_end(void);

/*
 * Takes the variables that carry credentials for Vault (VAULT_TOKEN, VAULT_SECRET_ID, ...) out of
 * the environment and wipes their strings where /proc/PID/environ shows them. After settings were
 * read; a child started later inherits none of them.
 */
void protection_wipe_environment(void);

/* In a child, before exec: the core limit and SIGPIPE as this process was started with. */
void protection_restore_inherited(void);

#endif
