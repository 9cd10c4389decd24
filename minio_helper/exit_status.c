/*
 * exit_status.c - outcomes of the core to exit statuses (exit_status.h). Called by report.c.
 */
#include "exit_status.h"

enum exit_status exit_status_of(enum vc_code code)
{
    switch (code) {
    case VC_OK:
        return STATUS_DONE;
    case VC_NO_MEMORY:
    case VC_INTERNAL:
    case VC_CANCELLED:
        return STATUS_INTERNAL;
    case VC_BAD_NAME:
    case VC_BAD_SETTING:
    case VC_BAD_FILE:
    case VC_BAD_REQUEST:
    case VC_CAS_MISMATCH:
    case VC_CAS_REQUIRED:
    case VC_KV_V1_PATH:
        return STATUS_USAGE;
    case VC_UNREACHABLE:
    case VC_TIMEOUT:
    case VC_TLS:
    case VC_SEALED:
    case VC_NOT_INITIALIZED:
    case VC_NOT_ACTIVE:
    case VC_RATE_LIMITED:
    case VC_SERVER_ERROR:
    case VC_BAD_REPLY:
    case VC_REPLY_TOO_LARGE:
    case VC_REDIRECT_REFUSED:
        return STATUS_UNREACHABLE;
    case VC_LOGIN_REFUSED:
    case VC_LOGIN_LOCKED:
    case VC_WRAPPING_SPENT:
    case VC_WRAPPING_FOREIGN:
    case VC_TOKEN_INVALID:
    case VC_PERMISSION_DENIED:
        return STATUS_DENIED;
    case VC_NOT_FOUND:
    case VC_VERSION_DELETED:
    case VC_VERSION_DESTROYED:
    case VC_NO_MOUNT:
    case VC_NO_NAMESPACE:
        return STATUS_NOT_FOUND;
    case VC_BAD_SECRET:
    case VC_BAD_TEMPLATE:
        return STATUS_MALFORMED;
    }
    return STATUS_INTERNAL;
}
