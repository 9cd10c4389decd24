/*
 * import_plan.h - what an .env file and Vault together come to: which fields of the platform's
 * secrets are new, the same or others, and what would be written.
 */
#ifndef MH_IMPORT_PLAN_H
#define MH_IMPORT_PLAN_H

#include "app_variable.h"
#include "dotenv.h"
#include "tenant_layout.h"
#include "vault_session.h"

enum import_state {
    IMPORT_UNUSED, /* not in the file, or empty there */
    IMPORT_NEW,    /* Vault has no such field */
    IMPORT_SAME,
    IMPORT_OTHER /* Vault has another value */
};

struct import_value {
    const struct dotenv_entry *entry; /* the file's last of that name; NULL: not there */
    const char *field;                /* that it goes to */
    enum import_state state;
};

/* One secret. */
struct import_target {
    char path[VC_PATH_MAX + 1];
    cJSON *data;       /* what it is to be, other fields included; NULL: it is not concerned */
    long long version; /* that is there, and that a write replaces; 0: none ever was */
    enum vc_code gone; /* VC_VERSION_DELETED, VC_VERSION_DESTROYED: and that version is that */
    bool adds, overwrites;
};

struct import_plan {
    struct import_value values[APP_VARIABLES]; /* as app_variables */
    struct import_target targets[APP_SECRETS];
};

/*
 * Takes the file's variables; the entries are the caller's. An empty one is left out.
 * VC_BAD_SETTING names the line: a value that its variable cannot have, or that is in doubt
 * (dotenv.h). Free in any case.
 */
enum vc_code import_plan_take(struct import_plan *plan, const struct dotenv *dotenv,
                              const char *source, struct vc_error *err);
/* Reads the secrets that are concerned, and compares. Errors: vault_session.h. */
enum vc_code import_plan_compare(struct import_plan *plan, struct vault_session *session,
                                 struct vc_error *err);
/* Wipes. */
void import_plan_free(struct import_plan *plan);

#endif
