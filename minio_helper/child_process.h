/*
 * child_process.h - one child: started, signalled, reaped, and what its end means.
 */
#ifndef MH_CHILD_PROCESS_H
#define MH_CHILD_PROCESS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "error.h"

/* As env(1) has them. */
#define CHILD_NOT_EXECUTABLE 126
#define CHILD_NOT_FOUND 127
#define CHILD_BY_SIGNAL 128 /* plus the signal's number */

/*
 * Blocks the signals that are passed on to a child, and SIGCHLD; returns a signalfd for them. To be
 * called before anything is fetched, so that a signal waits for the child, or keeps it from being
 * started. -1: the system refuses. before: the mask for the child.
 */
int child_signals_open(sigset_t *before);

/*
 * Starts argv (found by PATH) with that environment, that signal mask and the core limit that this
 * process began with. On failure returns -1, with *status as env(1) would exit and err.
 */
pid_t child_start(char *const *argv, char *const *environment, const sigset_t *mask, int *status,
                  struct vc_error *err);

/*
 * Reaps all that has ended, orphans included (PID 1). True: pid was among them, and *status is what
 * to exit with.
 */
bool child_reap(pid_t pid, int *status);

#endif
