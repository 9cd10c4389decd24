/*
 * freshness.h - how long an answer of Vault's may be used: the cache's policy, as pure functions.
 *
 * Knows neither PostgreSQL nor the cache's memory, so that each rule has its unit test
 * (tests/unit/test_freshness.c). Called by the backends' look-up and by the keeper's sweep.
 *
 * The rules:
 * - a value is served until cache_ttl after its read began; then a reader asks Vault and waits;
 * - where Vault cannot be asked, it is served until stale_limit after that read;
 * - never beyond the end of its lease;
 * - a final answer (403, 404, a malformed secret, ...) ends the value at once and is itself kept
 * for negative_ttl;
 * - a failure that is neither Vault's word on the secret nor an outage (a refused login, a missing
 * file) neither ends a value nor prolongs it, and is kept for negative_ttl beside it;
 * - an outage with nothing to carry on with is an answer to those only who asked before it came.
 */
#ifndef TV_FRESHNESS_H
#define TV_FRESHNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/error.h"
#include "../common/monotonic.h"

/* All in ms. */
struct freshness_settings {
    vc_msec cache_ttl, stale_limit, negative_ttl;
};

/* What is known of one key. All times by vc_now(). What each look-up needs comes first. */
struct freshness_entry {
    bool has_value;       /* a good read is there */
    uint8_t failures;     /* in a row, of the outage kind */
    enum vc_code outcome; /* of the last answer */
    vc_msec fetched_at;   /* when the read that gave the value began */
    vc_msec lease_end;    /* of the value; 0: no lease */
    vc_msec answered_at;  /* when the last answer came, whatever it was */
    vc_msec retry_at;     /* after an outage: not asked again before then */
};

enum freshness_verdict {
    FRESH_SERVE_VALUE,   /* as good as new */
    FRESH_SERVE_STALE,   /* the value, because Vault cannot be asked */
    FRESH_SERVE_FAILURE, /* the last answer, which was no value */
    FRESH_ASK            /* ask Vault and wait */
};

/*
 * What a reader gets. answers_me: the last answer came after this reader had asked. outage: Vault
 * has been found out of reach within the last seconds, by whatever request.
 */
enum freshness_verdict freshness_judge(const struct freshness_entry *entry,
                                       const struct freshness_settings *settings, bool answers_me,
                                       bool outage, vc_msec now);

/* True while the value may be served in an outage: within stale_limit (or cache_ttl) and the lease.
 */
bool freshness_value_usable(const struct freshness_entry *entry,
                            const struct freshness_settings *settings, vc_msec now);

/*
 * Until when the value is served without asking: the earlier of cache_ttl's end and the lease's.
 * 0 where there is no value.
 */
vc_msec freshness_fresh_until(const struct freshness_entry *entry,
                              const struct freshness_settings *settings);

/* Until when it may be served at all: the later of the two limits, cut at the lease. 0: no value.
 */
vc_msec freshness_stale_until(const struct freshness_entry *entry,
                              const struct freshness_settings *settings);

/*
 * Records an answer: outcome, when its read began and when it came, and the lease in ms from
 * answered_at (0 or less: none; only of VC_OK). Afterwards has_value says whether a value is there:
 * the new one for VC_OK, for anything else the one from before where it may carry on.
 */
void freshness_record(struct freshness_entry *entry, const struct freshness_settings *settings,
                      enum vc_code outcome, vc_msec started_at, vc_msec answered_at, vc_msec lease);

/*
 * True where a value that is in use should be read again before it gets too old, or now that Vault
 * may be back. used_at: last use by a reader. spread: any number that stays the same for a key; it
 * spreads the refreshes of many keys that were read together.
 */
bool freshness_refresh_due(const struct freshness_entry *entry,
                           const struct freshness_settings *settings, vc_msec used_at,
                           uint32_t spread, vc_msec now);

/* True where nothing of it can be served to anybody who asks from now on: it is to be wiped. */
bool freshness_over(const struct freshness_entry *entry, const struct freshness_settings *settings,
                    vc_msec now);

/* True for a failure that is not of one path's making: Vault as a whole cannot be asked. */
bool freshness_code_is_outage_of_all(enum vc_code code);

/* True for an outcome that can only have come from a Vault that is there and answers. */
bool freshness_code_shows_vault(enum vc_code code);

#endif
