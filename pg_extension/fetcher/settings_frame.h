/*
 * settings_frame.h - a SETTINGS frame's payload to settings.
 */
#ifndef TV_FETCHER_SETTINGS_FRAME_H
#define TV_FETCHER_SETTINGS_FRAME_H

#include <stdbool.h>

#include "frame.h"
#include "settings.h"

/* Names the place that is read; compared, never parsed: namespace, mount, prefix, environment. */
#define SCOPE_MAX 2048 /* each of the four is below 512 bytes */

struct fetcher_settings {
    struct vc_settings vault;
    unsigned char scope[SCOPE_MAX];
    size_t scope_len;
    vc_msec cache_ttl, negative_ttl; /* of the platform's secret */
};

/*
 * Reads a valid payload into settings, which it initialises and the caller frees by
 * settings_frame_free, whatever this returned. VC_BAD_SETTING, with err, where a setting is
 * refused; the scope is read all the same. False: the frame is malformed (a value without a name,
 * no scope).
 */
bool settings_frame_read(const unsigned char *payload, size_t len,
                         struct fetcher_settings *settings, struct vc_error *err);
/* A zeroed struct may be freed too. */
void settings_frame_free(struct fetcher_settings *settings);

/* True where a FETCH's payload names the scope of settings. */
bool settings_frame_same_scope(const struct fetcher_settings *settings,
                               const unsigned char *payload, size_t len);

#endif
