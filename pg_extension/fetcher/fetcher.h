/*
 * fetcher.h - the fetcher's event loop: frames of the keeper's in, requests to Vault out, answers
 * back.
 */
#ifndef TV_FETCHER_FETCHER_H
#define TV_FETCHER_FETCHER_H

enum fetcher_end {
    FETCHER_DONE,     /* end of the socket, or SIGTERM: the token is revoked */
    FETCHER_FAILED,   /* no memory, or a system call that must not fail did */
    FETCHER_MALFORMED /* the other end does not speak frame.h */
};

/*
 * Runs until it ends. socket: the keeper, non-blocking; terminate: a descriptor that is readable
 * once the process shall end. What goes wrong is said on standard error, never with a secret.
 */
enum fetcher_end fetcher_run(int socket, int terminate);

#endif
