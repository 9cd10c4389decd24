/*
 * freshness.c - how long an answer of Vault's may be used.
 */
#include "freshness.h"

/*
 * Retries after an outage: the first soon, because most end within a second (a leader's election, a
 * restart); none later than what an operator who has just unsealed Vault will wait for.
 */
#define RETRY_FIRST 1000
#define RETRY_LAST 5000

/* A value in use is read again in the last fifth of cache_ttl, spread over the first half of that.
 */
#define REFRESH_PERCENT 80
#define REFRESH_SPREAD_PERCENT 10

/*
 * A failure without a value answers those who asked before it came. They are awake within
 * milliseconds; what is left after this is a backend that could not run, and it will ask again.
 */
#define FAILURE_HANDOVER 2000

static vc_msec later(vc_msec a, vc_msec b)
{
    return a > b ? a : b;
}

static vc_msec cut_at_lease(const struct freshness_entry *entry, vc_msec until)
{
    return entry->lease_end != 0 && entry->lease_end < until ? entry->lease_end : until;
}

/* VC_REPLY_TOO_LARGE and the like end a value only by time; these end it at once. */
static bool is_final(enum vc_code code)
{
    return code >= VC_PERMISSION_DENIED && !vc_code_is_outage(code);
}

vc_msec freshness_fresh_until(const struct freshness_entry *entry,
                              const struct freshness_settings *settings)
{
    if (!entry->has_value)
        return 0;
    return cut_at_lease(entry, entry->fetched_at + settings->cache_ttl);
}

vc_msec freshness_stale_until(const struct freshness_entry *entry,
                              const struct freshness_settings *settings)
{
    vc_msec limit = later(settings->cache_ttl, settings->stale_limit);

    if (!entry->has_value)
        return 0;
    return cut_at_lease(entry, entry->fetched_at + limit);
}

bool freshness_value_usable(const struct freshness_entry *entry,
                            const struct freshness_settings *settings, vc_msec now)
{
    return now < freshness_stale_until(entry, settings);
}

static bool failure_kept(const struct freshness_entry *entry,
                         const struct freshness_settings *settings, vc_msec now)
{
    return !vc_code_is_outage(entry->outcome) && entry->outcome != VC_OK &&
           now < entry->answered_at + settings->negative_ttl;
}

enum freshness_verdict freshness_judge(const struct freshness_entry *entry,
                                       const struct freshness_settings *settings, bool answers_me,
                                       bool outage, vc_msec now)
{
    bool leased_out = entry->lease_end != 0 && now >= entry->lease_end;

    if (now < freshness_fresh_until(entry, settings))
        return FRESH_SERVE_VALUE;

    if (entry->outcome == VC_OK) {
        /* With cache_ttl 0 every answer is old already, except to those who wait for it. */
        if (answers_me && entry->has_value && !leased_out)
            return FRESH_SERVE_VALUE;
        return outage && freshness_value_usable(entry, settings, now) ? FRESH_SERVE_STALE
                                                                      : FRESH_ASK;
    }

    if (vc_code_is_outage(entry->outcome)) {
        if (freshness_value_usable(entry, settings, now) &&
            (answers_me || outage || now < entry->retry_at))
            return FRESH_SERVE_STALE;
        return answers_me ? FRESH_SERVE_FAILURE : FRESH_ASK;
    }

    return answers_me || failure_kept(entry, settings, now) ? FRESH_SERVE_FAILURE : FRESH_ASK;
}

static vc_msec retry_delay(uint8_t failures)
{
    vc_msec delay = RETRY_FIRST;

    for (uint8_t i = 1; i < failures && delay < RETRY_LAST; i++)
        delay *= 2;
    return vc_jitter(delay / 2, delay < RETRY_LAST ? delay : RETRY_LAST);
}

void freshness_record(struct freshness_entry *entry, const struct freshness_settings *settings,
                      enum vc_code outcome, vc_msec started_at, vc_msec answered_at, vc_msec lease)
{
    entry->outcome = outcome;
    entry->answered_at = answered_at;
    entry->retry_at = 0;

    if (outcome == VC_OK) {
        entry->has_value = true;
        entry->failures = 0;
        entry->fetched_at = started_at;
        entry->lease_end = lease > 0 ? answered_at + lease : 0;
        return;
    }

    if (vc_code_is_outage(outcome)) {
        if (entry->failures < UINT8_MAX)
            entry->failures++;
        entry->retry_at = answered_at + retry_delay(entry->failures);
    } else {
        entry->failures = 0;
    }
    if (is_final(outcome) || !freshness_value_usable(entry, settings, answered_at))
        entry->has_value = false;
}

bool freshness_refresh_due(const struct freshness_entry *entry,
                           const struct freshness_settings *settings, vc_msec used_at,
                           uint32_t spread, vc_msec now)
{
    vc_msec lifetime = freshness_fresh_until(entry, settings) - entry->fetched_at;
    vc_msec window = lifetime * REFRESH_SPREAD_PERCENT / 100;

    if (!entry->has_value || lifetime <= 0 || used_at <= entry->fetched_at)
        return false;
    if (now < entry->retry_at)
        return false;
    if (failure_kept(entry, settings, now))
        return false;
    return now >= entry->fetched_at + lifetime * REFRESH_PERCENT / 100 +
                      (window > 0 ? spread % window : 0);
}

bool freshness_over(const struct freshness_entry *entry, const struct freshness_settings *settings,
                    vc_msec now)
{
    if (freshness_value_usable(entry, settings, now))
        return false;
    return !failure_kept(entry, settings, now) && now >= entry->answered_at + FAILURE_HANDOVER;
}

bool freshness_code_is_outage_of_all(enum vc_code code)
{
    switch (code) {
    case VC_UNREACHABLE:
    case VC_TIMEOUT:
    case VC_TLS:
    case VC_SEALED:
    case VC_NOT_INITIALIZED:
    case VC_NOT_ACTIVE:
        return true;
    default:
        return false;
    }
}

bool freshness_code_shows_vault(enum vc_code code)
{
    return code == VC_OK || code == VC_LOGIN_REFUSED || is_final(code);
}
