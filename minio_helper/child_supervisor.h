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

/*
 * Runs command with the environment of secrets until it has ended for good. signals: of
 * child_signals_open; one that ends programs and came before keeps the command from being started.
 * Returns what to exit with.
 */
int child_supervisor_run(char **command, const struct change_action *on_change,
                         struct child_secrets *secrets, int signals,
                         const struct child_inheritance *inheritance);

#endif
