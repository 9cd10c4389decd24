/*
 * json.h - cJSON with its traps closed.
 *
 * cJSON ends strings at \u0000, takes trailing garbage, ignores case in names, lets the first of
 * two equal names win. A reply that relies on any of these is refused here.
 */
#ifndef VC_JSON_H
#define VC_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "error.h"

#define VC_JSON_MAX_DEPTH 32 /* Vault's replies nest 6 deep; a KV secret may add a few levels */

/* Makes cJSON use the wiping hooks of allocator.h. Once per process, before the first parse. */
void vc_json_use_wiping_hooks(void);

/*
 * Parses len bytes that must be one JSON value (RFC 8259) and nothing else. Refused, with
 * VC_BAD_REPLY: \u0000 or a NUL byte, invalid UTF-8, a lone surrogate, nesting beyond
 * VC_JSON_MAX_DEPTH, two equal names in one object, a number that no double holds or of more than
 * 63 bytes, trailing bytes, no value. VC_NO_MEMORY. NULL on error; the caller frees with
 * cJSON_Delete (strings are wiped by the hooks). The error's text never quotes the input.
 */
cJSON *vc_json_parse(const char *text, size_t len, struct vc_error *err);

/* Case-sensitive member of that type, or NULL where it is absent, null or of another type. */
const cJSON *vc_json_object(const cJSON *object, const char *name);
const cJSON *vc_json_array(const cJSON *object, const char *name);
const char *vc_json_string(const cJSON *object, const char *name);
bool vc_json_bool(const cJSON *object, const char *name, bool fallback);
/* An integer in [0, 2^53]; fallback where absent or anything else. */
long long vc_json_integer(const cJSON *object, const char *name, long long fallback);

/*
 * True where each number within a parsed value is written as it was read. cJSON keeps doubles, and
 * writes the shortest of 15 or 17 digits that is near enough for it: beyond 2^53, and for some
 * numbers of 16 digits below, the last digits would become others.
 */
bool vc_json_exact(const cJSON *value);

#endif
