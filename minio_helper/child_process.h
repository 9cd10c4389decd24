/*
 * child_process.h - one child: started, signalled, reaped, and what its end means.
 */
#ifndef MH_CHILD_PROCESS_H
#define MH_CHILD_PROCESS_H

#include <signal.h>
#include <stdbool.h>
#include <sys/select.h>
#include <sys/types.h>

#include "error.h"

/* As env(1) has them. */
#define CHILD_NOT_EXECUTABLE 126
#define CHILD_NOT_FOUND 127
#define CHILD_BY_SIGNAL 128 /* plus the signal's number */

/* What a child gets as this process got it. */
struct child_inheritance {
    sigset_t mask;
    fd_set descriptors; /* open when this process began; beyond FD_SETSIZE none is kept */
};

/*
 * Blocks the signals that are passed on to a child, and SIGCHLD; returns a signalfd for them. To be
 * called before anything is opened or fetched, so that a signal waits for the child, or keeps it
 * from being started. -1: the system refuses.
 */
int child_signals_open(struct child_inheritance *inheritance);

/*
 * Reads the signals that came before there is a child. The number of the first that ends programs;
 * 0: none did.
 */
int child_signals_stop(int signals);

/*
 * Starts argv (found by PATH) with that environment, and the signal mask, descriptors and core
 * limit that this process began with: no connection to Vault goes along. On failure returns -1,
 * with *status as env(1) would exit and err.
 */
pid_t child_start(char *const *argv, char *const *environment,
                  const struct child_inheritance *inheritance, int *status, struct vc_error *err);

/*
 * Reaps all that has ended, orphans included (PID 1). True: pid was among them, and *status is what
 * to exit with.
 */
bool child_reap(pid_t pid, int *status);
/*
 * From now on what a child leaves behind is ours, and child_reap's: without that a server started
 * by a shell would outlive it unseen. False: the system refuses.
 */
bool child_adopt(void);
/* Kills all children that are left, those that they leave behind as well, within a second. */
void child_kill_all(void);

#endif
