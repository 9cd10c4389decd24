/*
 * exit_status.h - what minio-helper's exit status says, and which outcome of the core is which.
 */
#ifndef MH_EXIT_STATUS_H
#define MH_EXIT_STATUS_H

#include "error.h"

enum exit_status {
    STATUS_DONE = 0,
    STATUS_INTERNAL = 1,
    STATUS_USAGE = 2,       /* usage or configuration: nothing was asked of anyone */
    STATUS_UNREACHABLE = 3, /* Vault or STS unreachable, sealed, overloaded: try again */
    STATUS_DENIED = 4,      /* authentication or permission */
    STATUS_NOT_FOUND = 5,
    STATUS_MALFORMED = 6 /* a secret is malformed, or the format asked for cannot carry it */
};

enum exit_status exit_status_of(enum vc_code code);

#endif
