/*
 * fuzz_json.c - any bytes as a reply. What is accepted must hold what json.h promises, and be
 * accepted again after cJSON has written it out.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "json.h"
#include "utf8.h"

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_value(const cJSON *value, int depth)
{
    require(depth <= VC_JSON_MAX_DEPTH);
    if (cJSON_IsString(value))
        require(vc_utf8_valid(value->valuestring, strlen(value->valuestring)));
    if (cJSON_IsNumber(value))
        require(isfinite(value->valuedouble));
    for (const cJSON *child = value->child; child != NULL; child = child->next) {
        /* The first of two equal names would be another member than this one. */
        if (cJSON_IsObject(value))
            require(cJSON_GetObjectItemCaseSensitive(value, child->string) == child);
        check_value(child, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vc_error err;
    cJSON *value;
    cJSON *again;
    char *written;

    vc_json_use_wiping_hooks();
    value = vc_json_parse((const char *)data, size, &err);
    if (value == NULL) {
        require(err.code == VC_BAD_REPLY && err.message[0] != '\0');
        return 0;
    }
    check_value(value, 0);
    written = cJSON_PrintUnformatted(value);
    require(written != NULL);
    again = vc_json_parse(written, strlen(written), &err);
    require(again != NULL && cJSON_Compare(value, again, true));
    cJSON_Delete(again);
    cJSON_free(written);
    cJSON_Delete(value);
    return 0;
}
