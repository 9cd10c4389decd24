/*
 * child_supervisor.h - runs exec's command: passes signals on, does what is wanted when its secrets
 * change, and gives its exit status.
 */
#ifndef MH_CHILD_SUPERVISOR_H
#define MH_CHILD_SUPERVISOR_H

#include "child_process.h"
#include "child_secrets.h"

/* What happens when the secrets are other ones. */
enum change { CHANGE_NONE, CHANGE_RESTART, CHANGE_SIGNAL, CHANGE_COMMAND };

struct change_action {
    enum change change;
    int signal;          /* of CHANGE_SIGNAL */
    const char *command; /* of CHANGE_COMMAND: sh's */
};

/* "none", "restart", "signal:HUP" or "command:..."; false: no such action. */
bool change_action_parse(const char *text, struct change_action *action);

/* What is to be true of the command, for those that must not run otherwise. */
struct child_checks {
    /* Before each start; any code but VC_OK keeps it from being started. */
    enum vc_code (*before)(void *ctx, struct vc_error *err);
    /*
     * Asked again and again while it runs. VC_OK: it is as it should be. VC_UNREACHABLE: not yet
     * to be told, which may be so for `within` after a start. Others: it is stopped, and that is
     * the result.
     */
    enum vc_code (*running)(void *ctx, struct vc_error *err);
    void *ctx;
    vc_msec within;
};

struct child_supervision {
    char **command;
    const struct change_action *on_change;
    const struct child_checks *checks; /* NULL: none */
    struct child_secrets *secrets;
    int signals; /* of child_signals_open */
    const struct child_inheritance *inheritance;
};

/*
 * Runs the command with the environment of secrets until it has ended for good. A signal that ends
 * programs and came before keeps it from being started. Returns what to exit with.
 */
int child_supervisor_run(const struct child_supervision *what);

#endif
