/*
 * token_lifecycle.c - when to renew, check or replace a token: a pure function of what is known.
 *
 * Never tells to log in while a refusal or a lock-out stands, and never lets a caller spin: every
 * event gives at least a short pause before the next action of its kind. Called by vault_client.
 */
#include "token_lifecycle.h"

#include <stdint.h>

#define THRESHOLD_MIN 0.1 /* below it a token would be renewed all the time */
#define THRESHOLD_MAX 0.95
#define THRESHOLD_DEFAULT 0.75
#define CHECK_INTERVAL_MIN 100 /* milliseconds, as all below */
#define CHECK_INTERVAL_MAX (24 * 3600 * 1000)
#define BACKOFF_FLOOR 100
#define BACKOFF_CEILING (3600 * 1000)
#define PACE 100         /* between a login or renewal and what follows it: a TTL is 1 s at least */
#define MARGIN_MAX 60000 /* before expiry, for a login: longer than it takes at its slowest */
#define FAR_AHEAD ((vc_msec)1 << 60) /* beyond any clock, and still far from overflow */

/* What there is to know at one moment, with nonsense removed. */
struct view {
    const struct vc_token_state *state;
    struct vc_token_policy policy;
    vc_msec now;
    vc_msec last_at;    /* never in the future */
    vc_msec expires_at; /* 0: never */
    vc_msec ttl_at_issue;
};

static vc_msec clamp(vc_msec value, vc_msec low, vc_msec high)
{
    if (value < low)
        return low;
    return value > high ? high : value;
}

static struct vc_token_policy sensible(const struct vc_token_policy *policy)
{
    struct vc_token_policy p = *policy;

    if (!(p.renew_threshold > 0)) /* NaN as well */
        p.renew_threshold = THRESHOLD_DEFAULT;
    if (p.renew_threshold < THRESHOLD_MIN)
        p.renew_threshold = THRESHOLD_MIN;
    if (p.renew_threshold > THRESHOLD_MAX)
        p.renew_threshold = THRESHOLD_MAX;
    p.check_interval = clamp(p.check_interval, CHECK_INTERVAL_MIN, CHECK_INTERVAL_MAX);
    p.backoff_min = clamp(p.backoff_min, BACKOFF_FLOOR, BACKOFF_CEILING);
    p.backoff_max = clamp(p.backoff_max, p.backoff_min, BACKOFF_CEILING);
    return p;
}

static struct vc_token_decision act(const struct view *view, enum vc_token_action action)
{
    return (struct vc_token_decision){.action = action, .next_at = view->now};
}

/* Nothing until at, but another look after check_interval. */
static struct vc_token_decision rest(const struct view *view, enum vc_token_action action,
                                     vc_msec at)
{
    vc_msec next_at = clamp(at, view->now + 1, view->now + view->policy.check_interval);

    return (struct vc_token_decision){.action = action, .next_at = next_at};
}

static struct vc_token_decision at_time(const struct view *view, enum vc_token_action action,
                                        vc_msec at)
{
    return at <= view->now ? act(view, action) : rest(view, VC_TOKEN_WAIT, at);
}

static struct vc_token_decision blocked(const struct view *view, vc_msec until)
{
    return rest(view, VC_TOKEN_BLOCKED, until);
}

/* After the nth failure in a row: backoff_min, doubled each time, up to backoff_max. */
static vc_msec backoff(const struct view *view, unsigned failures)
{
    vc_msec wait = view->policy.backoff_min;

    for (unsigned i = 1; i < failures && wait < view->policy.backoff_max; i++)
        wait *= 2;
    return clamp(wait, view->policy.backoff_min, view->policy.backoff_max);
}

static vc_msec after_backoff(const struct view *view)
{
    return view->last_at + backoff(view, view->state->failures);
}

static bool last_was_login_failure(const struct vc_token_state *state)
{
    return state->last == VC_TOKEN_LOGIN_FAILED || state->last == VC_TOKEN_LOGIN_REFUSED ||
           state->last == VC_TOKEN_LOGIN_LOCKED;
}

/* Not known dead, and not past its end. After a failed login an old token may still live. */
static bool token_lives(const struct view *view)
{
    if (view->state->last == VC_TOKEN_NONE || view->state->last == VC_TOKEN_REVOKED)
        return false;
    if (view->expires_at == 0)
        return !last_was_login_failure(view->state);
    return view->expires_at > view->now;
}

static vc_msec lockout_end(const struct view *view)
{
    vc_msec until = view->state->blocked_until;

    if (view->state->last == VC_TOKEN_LOGIN_LOCKED && until <= view->last_at)
        until = view->last_at + VC_LOCKOUT_WAIT;
    return until;
}

/* When a login may be tried as far as refusals go; FAR_AHEAD: not before the credential changes. */
static vc_msec login_allowed_at(const struct view *view)
{
    const struct vc_token_state *state = view->state;

    if (!state->can_log_in)
        return FAR_AHEAD;
    if (state->credential_changed)
        return view->now;
    if (state->login_refused || state->last == VC_TOKEN_LOGIN_REFUSED)
        return FAR_AHEAD;
    return lockout_end(view);
}

/* The pause that the last event demands before a login. */
static vc_msec login_pause_ends(const struct view *view)
{
    const struct vc_token_state *state = view->state;

    switch (state->last) {
    case VC_TOKEN_LOGIN_FAILED:
    case VC_TOKEN_LOGIN_REFUSED:
    case VC_TOKEN_LOGIN_LOCKED:
        return after_backoff(view);
    case VC_TOKEN_LOGGED_IN:
    case VC_TOKEN_RENEWED:
        /* One that was dead on arrival must not bring the next login at once. */
        return token_lives(view) ? view->last_at + PACE : view->last_at + view->policy.backoff_min;
    case VC_TOKEN_REVOKED:
        /* Once may happen to anyone; a second time there is something wrong with each new one. */
        return state->failures > 1 ? view->last_at + backoff(view, state->failures - 1) : view->now;
    default:
        return view->now;
    }
}

static struct vc_token_decision log_in_from(const struct view *view, vc_msec at)
{
    vc_msec allowed_at = login_allowed_at(view);
    vc_msec pause_ends = login_pause_ends(view);

    if (allowed_at > view->now)
        return blocked(view, allowed_at);
    return at_time(view, VC_TOKEN_LOGIN, at > pause_ends ? at : pause_ends);
}

static bool just_issued(const struct vc_token_state *state)
{
    return state->last == VC_TOKEN_LOGGED_IN || state->last == VC_TOKEN_RENEWED;
}

/* The share of ttl that the threshold leaves. */
static vc_msec rest_of(const struct view *view, vc_msec ttl)
{
    return (vc_msec)((double)ttl * (1.0 - view->policy.renew_threshold));
}

/* When a token that was issued, renewed or looked up at last_at has used up its threshold. */
static vc_msec threshold_at(const struct view *view)
{
    vc_msec at = view->expires_at - rest_of(view, view->expires_at - view->last_at);

    return at > view->last_at + PACE ? at : view->last_at + PACE;
}

/* From here on a login is better than one more renewal. */
static vc_msec margin_at(const struct view *view)
{
    vc_msec margin = rest_of(view, view->ttl_at_issue) / 2;

    return view->expires_at - clamp(margin, 0, MARGIN_MAX);
}

/* It cannot grow: a new one is fetched while it lives, or it is used to its end. */
static struct vc_token_decision decide_last_life(const struct view *view)
{
    vc_msec at = just_issued(view->state) ? threshold_at(view) : view->now;

    if (!view->state->can_log_in)
        return rest(view, VC_TOKEN_WAIT, view->expires_at);
    if (at > view->now)
        return rest(view, VC_TOKEN_WAIT, at);
    return log_in_from(view, at);
}

/* A renewal or login did not work, and the token can still grow. */
static struct vc_token_decision decide_growing_again(const struct view *view)
{
    vc_msec retry_at = after_backoff(view);
    vc_msec margin_starts = margin_at(view);
    bool may_log_in = login_allowed_at(view) <= view->now;

    if (view->state->last == VC_TOKEN_LOGIN_FAILED && may_log_in)
        return at_time(view, VC_TOKEN_LOGIN, retry_at);
    if (may_log_in && view->now >= margin_starts)
        return log_in_from(view, view->now);
    if (may_log_in && retry_at > margin_starts)
        return rest(view, VC_TOKEN_WAIT, margin_starts);
    return at_time(view, VC_TOKEN_RENEW, retry_at);
}

static struct vc_token_decision decide_growing(const struct view *view)
{
    const struct vc_token_state *state = view->state;
    vc_msec at;

    if (!just_issued(state))
        return decide_growing_again(view);
    at = threshold_at(view);
    /* A token from outside may have used up most of its TTL before we saw it. */
    if (state->last == VC_TOKEN_LOGGED_IN) {
        vc_msec by_issue = view->expires_at - rest_of(view, view->ttl_at_issue);

        at = by_issue < at ? by_issue : at;
    }
    return at_time(view, VC_TOKEN_RENEW, at);
}

struct vc_token_decision vc_token_decide(const struct vc_token_state *state,
                                         const struct vc_token_policy *policy, vc_msec now)
{
    struct view view = {.state = state, .policy = sensible(policy)};

    view.now = clamp(now, 0, FAR_AHEAD);
    view.last_at = state->last_at > view.now ? 0 : clamp(state->last_at, 0, FAR_AHEAD);
    view.expires_at = state->expires_at == 0 ? 0 : clamp(state->expires_at, 1, FAR_AHEAD);
    view.ttl_at_issue = clamp(state->ttl_at_issue, 0, FAR_AHEAD);

    if (!token_lives(&view))
        return log_in_from(&view, view.now);
    if (view.expires_at == 0)
        return rest(&view, VC_TOKEN_WAIT, FAR_AHEAD);
    if (!state->renewable || state->capped || state->last == VC_TOKEN_RENEW_REFUSED)
        return decide_last_life(&view);
    return decide_growing(&view);
}
