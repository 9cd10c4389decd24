/*
 * platform_secret.c - the platform's database secret, read once for all (platform_secret.h).
 */
#include "platform_secret.h"

#include <string.h>

#include "tenant_layout.h"

void platform_secret_init(struct platform_secret *platform, struct vc_client *client,
                          platform_secret_ended ended, void *ctx)
{
    *platform = (struct platform_secret){.client = client, .ended = ended, .ctx = ctx};
}

void platform_secret_free(struct platform_secret *platform)
{
    cJSON_Delete(platform->data);
    platform->data = NULL;
}

void platform_secret_forget(struct platform_secret *platform)
{
    if (platform->operation != NULL)
        vc_client_cancel(platform->client, platform->operation);
    platform->operation = NULL;
    platform->usable_for = 0;
}

/* Nothing there, in a form that a template's absence has. */
static bool is_absence(enum vc_code code)
{
    return code == VC_NOT_FOUND || code == VC_VERSION_DELETED || code == VC_VERSION_DESTROYED;
}

/* How long the answer that platform->err now holds may be used. */
static vc_msec lifetime(const struct platform_secret *platform, bool present)
{
    if (vc_code_is_outage(platform->err.code) || platform->err.code == VC_NO_MEMORY)
        return 0;
    return present ? platform->cache_ttl : platform->negative_ttl;
}

/* vc_secret_done */
static void read_ended(void *ctx, struct vc_kv_secret *secret, const struct vc_error *err)
{
    struct platform_secret *platform = ctx;

    platform->operation = NULL;
    platform->err = *err;
    cJSON_Delete(platform->data);
    platform->data = NULL;
    if (err->code == VC_OK) {
        platform->data = cJSON_Duplicate(secret->data, true);
        if (platform->data == NULL)
            vc_error_set(&platform->err, VC_NO_MEMORY, "out of memory in tenant-vault-fetcher");
    } else if (is_absence(err->code)) {
        vc_error_clear(&platform->err);
    }
    platform->read_at = platform->began_at;
    platform->usable_for = lifetime(platform, platform->data != NULL);
    platform->ended(platform->ctx);
}

static enum vc_code begin_read(struct platform_secret *platform, struct vc_error *err)
{
    const struct vc_settings *settings = vc_client_settings(platform->client);
    char path[VC_PATH_MAX + 1];
    enum vc_code code;

    code = vc_platform_path(path, sizeof(path), settings->secret_prefix, settings->environment,
                            "database", err);
    if (code != VC_OK)
        return code;
    /* Not the fetch's own timeout: others may join. */
    platform->operation = vc_client_read(platform->client, path, 0, 0, read_ended, platform);
    if (platform->operation == NULL)
        return vc_error_set(err, VC_NO_MEMORY, "out of memory in tenant-vault-fetcher");
    platform->began_at = vc_now();
    return VC_OK;
}

void platform_secret_configure(struct platform_secret *platform, vc_msec cache_ttl,
                               vc_msec negative_ttl)
{
    bool awaited = platform->operation != NULL;

    platform->cache_ttl = cache_ttl;
    platform->negative_ttl = negative_ttl;
    platform_secret_forget(platform);
    if (awaited && begin_read(platform, &platform->err) != VC_OK)
        platform->ended(platform->ctx);
}

enum vc_code platform_secret_need(struct platform_secret *platform, vc_msec max_age,
                                  enum platform_state *state, struct vc_error *err)
{
    vc_msec usable_for = platform->usable_for < max_age ? platform->usable_for : max_age;

    vc_error_clear(err);
    *state = PLATFORM_PENDING;
    if (vc_now() - platform->read_at < usable_for)
        *state = PLATFORM_KNOWN;
    else if (platform->operation == NULL)
        return begin_read(platform, err);
    return VC_OK;
}
