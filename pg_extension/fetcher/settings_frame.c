/*
 * settings_frame.c - a SETTINGS frame's payload to settings (settings_frame.h).
 */
#include "settings_frame.h"

#include <string.h>

#define NAME_MAX_BYTES 64    /* the longest name is half as long */
#define VALUE_MAX_BYTES 8192 /* eight addresses of 512 bytes, twice over */

/* A life far beyond any that a GUC allows, so that sums of times cannot overflow. */
#define TTL_MAX ((vc_msec)1000 * 3600 * 24 * 365)

static vc_msec read_ttl(const unsigned char *payload, size_t len, enum frame_tag tag)
{
    int64_t ttl = frame_find_number(payload, len, tag, 0);

    if (ttl < 0)
        return 0;
    return ttl < TTL_MAX ? ttl : TTL_MAX;
}

/* Field's bytes as a C string into out; false: too long, or with a NUL inside. */
static bool copy_text(const struct frame_field *field, char *out, size_t size)
{
    if (field->len >= size || memchr(field->data, '\0', field->len) != NULL)
        return false;
    memcpy(out, field->data, field->len);
    out[field->len] = '\0';
    return true;
}

/* One name and its value. A refused setting goes into err, the first one wins. */
static bool read_pair(const struct frame_field *name, const struct frame_field *value,
                      struct vc_settings *settings, struct vc_error *err)
{
    char name_text[NAME_MAX_BYTES], value_text[VALUE_MAX_BYTES];
    struct vc_error refused;
    bool well_formed = copy_text(name, name_text, sizeof(name_text)) &&
                       copy_text(value, value_text, sizeof(value_text));

    if (well_formed && vc_settings_set(settings, name_text, value_text, &refused) != VC_OK &&
        err->code == VC_OK)
        *err = refused;
    explicit_bzero(value_text, sizeof(value_text));
    return well_formed;
}

static bool read_pairs(const unsigned char *payload, size_t len, struct vc_settings *settings,
                       struct vc_error *err)
{
    struct frame_field name, value;
    size_t offset = 0;

    while (frame_next(payload, len, &offset, &name)) {
        if (name.tag == TAG_SETTING_VALUE)
            return false;
        if (name.tag != TAG_SETTING_NAME)
            continue;
        if (!frame_next(payload, len, &offset, &value) || value.tag != TAG_SETTING_VALUE ||
            !read_pair(&name, &value, settings, err))
            return false;
    }
    return true;
}

bool settings_frame_read(const unsigned char *payload, size_t len,
                         struct fetcher_settings *settings, struct vc_error *err)
{
    struct frame_field scope;

    memset(settings, 0, sizeof(*settings));
    vc_settings_init(&settings->vault, &vc_wiping_allocator);
    vc_error_clear(err);
    if (!frame_find(payload, len, TAG_SCOPE, &scope) || scope.len > SCOPE_MAX)
        return false;
    memcpy(settings->scope, scope.data, scope.len);
    settings->scope_len = scope.len;
    settings->cache_ttl = read_ttl(payload, len, TAG_CACHE_TTL);
    settings->negative_ttl = read_ttl(payload, len, TAG_NEGATIVE_TTL);
    return read_pairs(payload, len, &settings->vault, err);
}

void settings_frame_free(struct fetcher_settings *settings)
{
    if (settings->vault.allocator != NULL)
        vc_settings_free(&settings->vault);
}

bool settings_frame_same_scope(const struct fetcher_settings *settings,
                               const unsigned char *payload, size_t len)
{
    struct frame_field scope;

    return frame_find(payload, len, TAG_SCOPE, &scope) && scope.len == settings->scope_len &&
           memcmp(scope.data, settings->scope, scope.len) == 0;
}
