/*
 * secret_watch.h - notices that a secret has changed, without holding up an event loop.
 */
#ifndef MH_SECRET_WATCH_H
#define MH_SECRET_WATCH_H

#include "credential_source.h"
#include "vault_client.h"

/* Versions can go backwards (metadata deleted, snapshot restored): both together tell. */
struct secret_watch {
    struct vc_client *client;
    struct credential_origin used;
    vc_msec interval;
    vc_msec next_at;
    struct vc_operation *operation; /* a look under way */
    bool changed;
};

/* From the version that is in use; the first look is after interval. */
void secret_watch_start(struct secret_watch *watch, struct vc_client *client,
                        const struct credential_origin *origin, vc_msec interval);
/* Another version is in use from now on. */
void secret_watch_set(struct secret_watch *watch, const struct credential_origin *origin);
/*
 * Begins a look where it is time. True, once for each change: another version is there. A secret
 * that cannot be read is no change.
 */
bool secret_watch_run(struct secret_watch *watch, vc_msec now);
void secret_watch_stop(struct secret_watch *watch);

#endif
