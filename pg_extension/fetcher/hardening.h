/*
 * hardening.h - what the process gives up before it touches the first secret.
 */
#ifndef TV_FETCHER_HARDENING_H
#define TV_FETCHER_HARDENING_H

#include <stdbool.h>

/*
 * Leaves the keeper's session, closes every descriptor above keep_fd, wipes the environment, writes
 * no core, cannot be traced, gains no privileges, wipes what libraries free. Returns a descriptor
 * that is readable once SIGTERM has come, -1 with errno on failure. Signals that a terminal or the
 * postmaster's group could bring are ignored: the end of the socket is what ends the fetcher.
 */
int hardening_apply(int keep_fd);

#endif
