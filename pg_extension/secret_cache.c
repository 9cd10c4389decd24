/*
 * secret_cache.c - keys, slots, and how to find one.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "guc.h"
#include "secret_cache.h"

#define MEMORY_LINE 64
/* A tenant's answer with its key is some 400 bytes. */
#define BLOB_LINES 7

/* The scope's own hash, kept because a backend asks in one scope thousands of times. */
static uint64 scope_seed(const char *scope, size_t len)
{
    static struct {
        char scope[TV_KEY_TEXT_MAX];
        size_t len;
        uint64 seed; /* 0: none yet */
    } last;

    if (last.seed == 0 || last.len != len || memcmp(last.scope, scope, len) != 0) {
        memcpy(last.scope, scope, len);
        last.len = len;
        last.seed = hash_bytes_extended((const unsigned char *)scope, len, 0) | 1;
    }
    return last.seed;
}

bool tv_key_make(TvKey *key, enum frame_kind kind, const char *name, size_t name_len,
                 int64 wanted_version)
{
    size_t scope_len;
    const char *scope = tv_scope(&scope_len);
    uint64 seed, variant = (uint64)wanted_version * 256 + (uint64)kind;

    if (scope_len > TV_KEY_TEXT_MAX || name_len > TV_KEY_TEXT_MAX - scope_len)
        return false;

    seed = scope_seed(scope, scope_len);
    key->hash = hash_bytes_extended((const unsigned char *)name, name_len, seed + variant);
    key->wanted_version = wanted_version;
    key->kind = kind;
    key->scope = scope;
    key->scope_len = scope_len;
    key->name = name;
    key->name_len = name_len;
    return true;
}

bool tv_key_in_scope(const TvKey *key)
{
    size_t len;
    const char *scope = tv_scope(&len);

    return key->scope_len == len && memcmp(key->scope, scope, len) == 0;
}

static const TvBlob *any_blob(const TvSlot *slot)
{
    return tv_blob(DsaPointerIsValid(slot->value) ? slot->value : slot->failure);
}

static bool blob_has_key(const TvBlob *blob, const TvKey *key)
{
    return blob->kind == key->kind && blob->wanted_version == key->wanted_version &&
           blob->scope_len == key->scope_len && blob->name_len == key->name_len &&
           memcmp(blob->bytes, key->scope, key->scope_len) == 0 &&
           memcmp(blob->bytes + key->scope_len, key->name, key->name_len) == 0;
}

static const TvBucket *bucket_of(const TvKey *key)
{
    return &tv_buckets[key->hash & (tv_control->bucket_count - 1)];
}

/* The lines of a small blob at once, instead of one after the other as the fields are walked over.
 */
static void prefetch_blob(dsa_pointer pointer)
{
    const char *blob = (const char *)tv_blob(pointer);

    for (int line = 0; line < BLOB_LINES; line++)
        __builtin_prefetch(blob + line * MEMORY_LINE);
}

void tv_cache_prefetch(const TvKey *key)
{
    /* Read without a lock, and used as a hint only: it may be wrong by the time it is used. */
    const volatile TvBucket *bucket = bucket_of(key);
    int32 first = bucket->first;
    dsa_pointer value = bucket->likely;

    if (first >= 0)
        __builtin_prefetch(&tv_slots[first]);
    if (DsaPointerIsValid(value))
        prefetch_blob(value);
}

TvSlot *tv_cache_find(const TvKey *key)
{
    int32 index = bucket_of(key)->first;

    while (index >= 0) {
        TvSlot *slot = &tv_slots[index];

        if (slot->hash == key->hash && blob_has_key(any_blob(slot), key))
            return slot;
        index = slot->next;
    }
    return NULL;
}

void tv_slot_key(const TvSlot *slot, TvKey *key)
{
    const TvBlob *blob = any_blob(slot);

    *key = (TvKey){
        .hash = slot->hash,
        .wanted_version = blob->wanted_version,
        .kind = blob->kind,
        .scope_len = blob->scope_len,
        .name_len = blob->name_len,
        .scope = blob->bytes,
        .name = blob->bytes + blob->scope_len,
    };
}

struct freshness_settings tv_freshness_settings(void)
{
    return (struct freshness_settings){
        .cache_ttl = tv_cache_ttl,
        .stale_limit = tv_stale_limit,
        .negative_ttl = tv_negative_ttl,
    };
}

struct freshness_settings tv_freshness_settings_within(vc_msec max_age)
{
    struct freshness_settings settings = tv_freshness_settings();

    settings.cache_ttl = Min(settings.cache_ttl, max_age);
    return settings;
}
