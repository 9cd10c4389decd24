/*
 * fetcher_process.h - the keeper's child: started, talked to, watched, ended.
 *
 * The fetcher is executed with one socket and nothing else of the server's: no shared memory, no
 * other descriptor, no environment but the few variables named in fetcher_process.c. Its bytes
 * count as hostile: frames go through frame.h's checks, and what is malformed ends it. Called by
 * the keeper alone.
 */
#ifndef TV_FETCHER_PROCESS_H
#define TV_FETCHER_PROCESS_H

#include "postgres.h"

#include "../common/monotonic.h"
#include "frame.h"

#define TV_FETCHER_PROGRAM "tenant-vault-fetcher"

/* Called for each whole frame whose payload is valid; the payload is wiped afterwards. */
typedef void (*TvFrameHandler)(const struct frame_header *header, const unsigned char *payload);

/* Starts it. False where that failed: tv_fetcher_trouble() then says why. */
extern bool tv_fetcher_start(void);

extern bool tv_fetcher_running(void);
extern int tv_fetcher_pid(void);             /* 0: not running */
extern pgsocket tv_fetcher_socket(void);     /* PGINVALID_SOCKET: not running */
extern bool tv_fetcher_wants_write(void);    /* bytes wait to be taken by the socket */
extern const char *tv_fetcher_trouble(void); /* one clause, "" while nothing is wrong */

/* When it is to be started next; only while it does not run. */
extern vc_msec tv_fetcher_start_at(void);
/* The last one has said something: it did not die of starting. */
extern bool tv_fetcher_had_spoken(void);
/* It has failed often in a row: whoever waits for it had better be told. */
extern bool tv_fetcher_failing(void);

/* Queues a frame that frame_end has finished. False where the queue is full: try again later. */
extern bool tv_fetcher_send(const unsigned char *frame, Size len);

/*
 * Writes and reads what the socket gives, and looks after the child's life: PING, silence, end.
 * Returns false when it has ended (it is reaped, and when to start the next one is known).
 */
extern bool tv_fetcher_serve(TvFrameHandler handler);

/* Ends it by closing its socket, which lets it revoke its token; kills it where it takes too long.
 */
extern void tv_fetcher_end(void);

/* For an exit that must not take time: closes the socket and goes. */
extern void tv_fetcher_abandon(void);

#endif
