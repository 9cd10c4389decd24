/*
 * protection.c - what keeps secrets inside this process (protection.h). Called by main, and by the
 * commands once they have their settings.
 */
#include "protection.h"

#include <signal.h>
#include <stddef.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "json.h"
#include "transport.h"

/* LeakSanitizer attaches to its own process at the end. */
#if defined(__SANITIZE_ADDRESS__)
#define TRACEABLE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TRACEABLE 1
#endif
#endif
#ifndef TRACEABLE
#define TRACEABLE 0
#endif

#define FREED_BYTE 0x5a /* any value but 0; glibc fills freed memory with its complement */

/* Globals, because a child asks for them after fork. */
static struct rlimit core_limit_at_start;
static struct sigaction sigpipe_at_start;

static const char *const credential_variables[] = {
    "VAULT_TOKEN", "BAO_TOKEN", "VAULT_SECRET_ID", "VAULT_ROLE_ID", "VAULT_JWT",
};

bool protection_apply(void)
{
    struct rlimit none;

    /* The transport is to ignore it. */
    if (getrlimit(RLIMIT_CORE, &core_limit_at_start) != 0 ||
        sigaction(SIGPIPE, NULL, &sigpipe_at_start) != 0)
        return false;
    /* The hard limit stays: a process without privileges could not give it back to a child. */
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = core_limit_at_start.rlim_max};
    if (setrlimit(RLIMIT_CORE, &none) != 0)
        return false;
    if (!TRACEABLE && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return false;
    /* expat, libpq and OpenSSL free without wiping and take no allocator for all of it. */
    mallopt(M_PERTURB, FREED_BYTE);
    vc_json_use_wiping_hooks();
    return vc_transport_global_init();
}

void protection_end(void)
{
    vc_transport_global_cleanup();
}

/*
 * The variable's own string, in the place that the kernel shows; each, where an environment has it
 * more than once. unsetenv would take away both and leave the text of the second.
 */
static void wipe_variable(const char *name)
{
    size_t len = strlen(name);
    char **kept = environ;

    for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
        if (strncmp(*entry, name, len) == 0 && (*entry)[len] == '=')
            explicit_bzero(*entry, strlen(*entry));
        else
            *kept++ = *entry;
    }
    if (kept != NULL)
        *kept = NULL;
}

void protection_wipe_environment(void)
{
    for (size_t i = 0; i < sizeof(credential_variables) / sizeof(credential_variables[0]); i++)
        wipe_variable(credential_variables[i]);
}

void protection_restore_inherited(void)
{
    setrlimit(RLIMIT_CORE, &core_limit_at_start);
    sigaction(SIGPIPE, &sigpipe_at_start, NULL);
}
