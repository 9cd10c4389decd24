/*
 * secret_watch.c - notices that a secret has changed (secret_watch.h). Called by exec.
 */
#include "secret_watch.h"

#include <string.h>

static void look_ended(void *ctx, struct vc_kv_secret *secret, const struct vc_error *err)
{
    struct secret_watch *watch = ctx;

    watch->operation = NULL;
    if (err->code == VC_OK && (watch->used.version != secret->version ||
                               strcmp(watch->used.created_time, secret->created_time) != 0))
        watch->changed = true;
}

void secret_watch_start(struct secret_watch *watch, struct vc_client *client,
                        const struct credential_origin *origin, vc_msec interval)
{
    *watch = (struct secret_watch){
        .client = client, .used = *origin, .interval = interval, .next_at = vc_now() + interval};
}

void secret_watch_set(struct secret_watch *watch, const struct credential_origin *origin)
{
    watch->used = *origin;
    watch->changed = false;
}

bool secret_watch_run(struct secret_watch *watch, vc_msec now)
{
    bool changed = watch->changed;

    watch->changed = false;
    if (watch->operation == NULL && now >= watch->next_at) {
        watch->next_at = now + watch->interval;
        watch->operation = vc_client_read(watch->client, watch->used.path, 0, 0, look_ended, watch);
    }
    return changed;
}

void secret_watch_stop(struct secret_watch *watch)
{
    if (watch->operation != NULL)
        vc_client_cancel(watch->client, watch->operation);
    watch->operation = NULL;
}
