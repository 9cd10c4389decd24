/*
 * platform_secret.h - the platform's database secret (tenant_url_template), read once for all.
 *
 * Kept for cache_ttl, or negative_ttl where Vault's answer is that it is not there or may not be
 * read, so that a cold tenant costs one request. Fetches that need it at the same time share one
 * read.
 */
#ifndef TV_FETCHER_PLATFORM_SECRET_H
#define TV_FETCHER_PLATFORM_SECRET_H

#include <stdbool.h>

#include "vault_client.h"

/* A read has ended: data and err are those of now. From vc_client_run or platform_secret_configure.
 */
typedef void (*platform_secret_ended)(void *ctx);

/* data and err are read by others; everything else is this module's. */
struct platform_secret {
    cJSON *data;         /* NULL where it is not there (err is then VC_OK) or could not be read */
    struct vc_error err; /* of the last read that ended */

    struct vc_client *client;
    platform_secret_ended ended;
    void *ctx;
    vc_msec cache_ttl, negative_ttl;
    struct vc_operation *operation; /* NULL: no read is under way */
    vc_msec began_at;               /* of the read under way */
    vc_msec read_at;                /* when the last read that ended began */
    vc_msec usable_for;             /* counted from read_at */
};

void platform_secret_init(struct platform_secret *platform, struct vc_client *client,
                          platform_secret_ended ended, void *ctx);
void platform_secret_free(struct platform_secret *platform);

/*
 * The client has new settings: what is known serves no new fetch, and a read under way begins anew.
 */
void platform_secret_configure(struct platform_secret *platform, vc_msec cache_ttl,
                               vc_msec negative_ttl);
/* What is known serves no new fetch, and a read under way is given up; ended is not called for it.
 */
void platform_secret_forget(struct platform_secret *platform);

enum platform_state {
    PLATFORM_KNOWN,  /* data and err may be used now */
    PLATFORM_PENDING /* wait for ended */
};
/*
 * Makes sure that there is an answer no older than max_age ms (cache_ttl where that is less), or
 * that one is under way. VC_OK with *state, or VC_NO_MEMORY, VC_BAD_NAME with err.
 */
enum vc_code platform_secret_need(struct platform_secret *platform, vc_msec max_age,
                                  enum platform_state *state, struct vc_error *err);

#endif
