/*
 * test_token_lifecycle.c - when a token is renewed, checked or replaced (token_lifecycle.h).
 *
 * First a table of moments, then whole lives: a simulated Vault that renews, caps, refuses, revokes
 * and goes away, walked through by the clock of the decisions, up to a year.
 */
#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "token_lifecycle.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

#define SECOND ((vc_msec)1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define YEAR (365 * DAY)
#define T (1000 * HOUR) /* some moment, to which the times of the table are relative */
#define NEVER 0
#define LOCKOUT ((vc_msec)VC_LOCKOUT_WAIT)

static const struct vc_token_policy policy = {
    .renew_threshold = 0.75,
    .check_interval = MINUTE,
    .backoff_min = SECOND,
    .backoff_max = MINUTE,
};

struct moment {
    const char *what;
    struct vc_token_state state;
    vc_msec now;
    enum vc_token_action action;
    vc_msec next_at;
};

/* A renewable token of an hour, and a second login possible, unless a row says otherwise. */
#define HOURLY(event, at)                                                                          \
    .last = (event), .last_at = (at), .ttl_at_issue = HOUR, .renewable = true, .can_log_in = true
#define FRESH HOURLY(VC_TOKEN_LOGGED_IN, T), .expires_at = T + HOUR

static const struct moment moments[] = {
    /* the beginning */
    {"no token: log in", {.last = VC_TOKEN_NONE, .can_log_in = true}, T, VC_TOKEN_LOGIN, T},
    {"no token and no credentials: blocked, and looked at again",
     {.last = VC_TOKEN_NONE},
     T,
     VC_TOKEN_BLOCKED,
     T + MINUTE},

    /* a token of an hour */
    {"just logged in: another look in a minute", {FRESH}, T, VC_TOKEN_WAIT, T + MINUTE},
    {"a second before 75 %: wait for it",
     {FRESH},
     T + 45 * MINUTE - SECOND,
     VC_TOKEN_WAIT,
     T + 45 * MINUTE},
    {"at 75 %: renew", {FRESH}, T + 45 * MINUTE, VC_TOKEN_RENEW, T + 45 * MINUTE},
    {"renewed: wait again",
     {HOURLY(VC_TOKEN_RENEWED, T), .expires_at = T + HOUR},
     T,
     VC_TOKEN_WAIT,
     T + MINUTE},
    {"at 75 % after a renewal: renew",
     {HOURLY(VC_TOKEN_RENEWED, T), .expires_at = T + HOUR},
     T + 50 * MINUTE,
     VC_TOKEN_RENEW,
     T + 50 * MINUTE},
    {"a renewal shorter than at issue, not capped: 75 % of what it gave",
     {HOURLY(VC_TOKEN_RENEWED, T), .expires_at = T + 40 * SECOND},
     T,
     VC_TOKEN_WAIT,
     T + 30 * SECOND},
    {"woken after its end: log in", {FRESH}, T + 2 * HOUR, VC_TOKEN_LOGIN, T + 2 * HOUR},

    /* a token from outside, seen late in its life */
    {"five of sixty minutes left when first seen: renew now",
     {HOURLY(VC_TOKEN_LOGGED_IN, T), .expires_at = T + 5 * MINUTE},
     T,
     VC_TOKEN_RENEW,
     T},
    {"TTL at issue unknown: 75 % of what is left",
     {.last = VC_TOKEN_LOGGED_IN, .last_at = T, .expires_at = T + 40 * SECOND, .renewable = true},
     T,
     VC_TOKEN_WAIT,
     T + 30 * SECOND},

    /* never expires */
    {"root-like: only a look a minute",
     {.last = VC_TOKEN_LOGGED_IN, .last_at = T, .expires_at = NEVER},
     T + YEAR,
     VC_TOKEN_WAIT,
     T + YEAR + MINUTE},
    {"root-like, with credentials: still nothing to do",
     {.last = VC_TOKEN_LOGGED_IN, .last_at = T, .expires_at = NEVER, .can_log_in = true},
     T + DAY,
     VC_TOKEN_WAIT,
     T + DAY + MINUTE},

    /* it cannot grow: a new one while the old one lives */
    {"not renewable, before 75 %: wait",
     {.last = VC_TOKEN_LOGGED_IN,
      .last_at = T,
      .ttl_at_issue = 40 * SECOND,
      .expires_at = T + 40 * SECOND,
      .can_log_in = true},
     T,
     VC_TOKEN_WAIT,
     T + 30 * SECOND},
    {"not renewable, at 75 %: log in while it lives",
     {.last = VC_TOKEN_LOGGED_IN,
      .last_at = T,
      .ttl_at_issue = 40 * SECOND,
      .expires_at = T + 40 * SECOND,
      .can_log_in = true},
     T + 30 * SECOND,
     VC_TOKEN_LOGIN,
     T + 30 * SECOND},
    {"not renewable, no credentials: used to its end",
     {.last = VC_TOKEN_LOGGED_IN,
      .last_at = T,
      .ttl_at_issue = 40 * SECOND,
      .expires_at = T + 40 * SECOND},
     T + 30 * SECOND,
     VC_TOKEN_WAIT,
     T + 40 * SECOND},
    {"not renewable, no credentials, ended: blocked",
     {.last = VC_TOKEN_LOGGED_IN,
      .last_at = T,
      .ttl_at_issue = 40 * SECOND,
      .expires_at = T + 40 * SECOND},
     T + 40 * SECOND,
     VC_TOKEN_BLOCKED,
     T + 100 * SECOND},
    {"capped, before 75 % of what is left: wait",
     {.last = VC_TOKEN_RENEWED,
      .last_at = T,
      .ttl_at_issue = 10 * SECOND,
      .expires_at = T + 8 * SECOND,
      .renewable = true,
      .capped = true,
      .can_log_in = true},
     T,
     VC_TOKEN_WAIT,
     T + 6 * SECOND},
    {"capped, at 75 % of what is left: log in while it lives",
     {.last = VC_TOKEN_RENEWED,
      .last_at = T,
      .ttl_at_issue = 10 * SECOND,
      .expires_at = T + 8 * SECOND,
      .renewable = true,
      .capped = true,
      .can_log_in = true},
     T + 6 * SECOND,
     VC_TOKEN_LOGIN,
     T + 6 * SECOND},
    {"capped, no credentials: used to its end",
     {.last = VC_TOKEN_RENEWED,
      .last_at = T,
      .ttl_at_issue = 10 * SECOND,
      .expires_at = T + 8 * SECOND,
      .renewable = true,
      .capped = true},
     T + 6 * SECOND,
     VC_TOKEN_WAIT,
     T + 8 * SECOND},
    {"renewal refused: log in at once, while it lives",
     {HOURLY(VC_TOKEN_RENEW_REFUSED, T), .expires_at = T + 15 * MINUTE},
     T,
     VC_TOKEN_LOGIN,
     T},
    {"renewal refused, no credentials: used to its end",
     {.last = VC_TOKEN_RENEW_REFUSED,
      .last_at = T,
      .ttl_at_issue = HOUR,
      .expires_at = T + 30 * SECOND},
     T,
     VC_TOKEN_WAIT,
     T + 30 * SECOND},

    /* Vault cannot be asked */
    {"renewal failed once: again in a second",
     {HOURLY(VC_TOKEN_RENEW_FAILED, T), .expires_at = T + 15 * MINUTE, .failures = 1},
     T,
     VC_TOKEN_WAIT,
     T + SECOND},
    {"renewal failed, backoff over: renew",
     {HOURLY(VC_TOKEN_RENEW_FAILED, T), .expires_at = T + 15 * MINUTE, .failures = 1},
     T + SECOND,
     VC_TOKEN_RENEW,
     T + SECOND},
    {"renewal failed five times: again in 16 s",
     {HOURLY(VC_TOKEN_RENEW_FAILED, T), .expires_at = T + 15 * MINUTE, .failures = 5},
     T,
     VC_TOKEN_WAIT,
     T + 16 * SECOND},
    {"renewal failed a hundred times: again in a minute",
     {HOURLY(VC_TOKEN_RENEW_FAILED, T), .expires_at = T + 15 * MINUTE, .failures = 100},
     T,
     VC_TOKEN_WAIT,
     T + MINUTE},
    {"renewal failed within a minute of the end: log in",
     {HOURLY(VC_TOKEN_RENEW_FAILED, T), .expires_at = T + 50 * SECOND, .failures = 3},
     T,
     VC_TOKEN_LOGIN,
     T},
    {"renewal failed, the backoff would end within that minute: wait only till it begins",
     {HOURLY(VC_TOKEN_RENEW_FAILED, T), .expires_at = T + 70 * SECOND, .failures = 6},
     T,
     VC_TOKEN_WAIT,
     T + 10 * SECOND},
    {"renewal failed, no credentials: renewing goes on to the end",
     {.last = VC_TOKEN_RENEW_FAILED,
      .last_at = T,
      .ttl_at_issue = HOUR,
      .expires_at = T + 50 * SECOND,
      .renewable = true,
      .failures = 1},
     T + SECOND,
     VC_TOKEN_RENEW,
     T + SECOND},
    {"renewal failed, then ended, no credentials: blocked",
     {.last = VC_TOKEN_RENEW_FAILED,
      .last_at = T,
      .ttl_at_issue = HOUR,
      .expires_at = T + SECOND,
      .renewable = true,
      .failures = 1},
     T + SECOND,
     VC_TOKEN_BLOCKED,
     T + SECOND + MINUTE},
    {"renewal failed, then ended: log in",
     {HOURLY(VC_TOKEN_RENEW_FAILED, T), .expires_at = T + SECOND, .failures = 1},
     T + SECOND,
     VC_TOKEN_LOGIN,
     T + SECOND},
    {"login failed once, no token: again in a second",
     {.last = VC_TOKEN_LOGIN_FAILED, .last_at = T, .can_log_in = true, .failures = 1},
     T,
     VC_TOKEN_WAIT,
     T + SECOND},
    {"login failed, backoff over: log in",
     {.last = VC_TOKEN_LOGIN_FAILED, .last_at = T, .can_log_in = true, .failures = 1},
     T + SECOND,
     VC_TOKEN_LOGIN,
     T + SECOND},
    {"login failed twenty times: again in a minute",
     {.last = VC_TOKEN_LOGIN_FAILED, .last_at = T, .can_log_in = true, .failures = 20},
     T,
     VC_TOKEN_WAIT,
     T + MINUTE},
    {"login failed while the old token lives: again after backoff, not a renewal",
     {HOURLY(VC_TOKEN_LOGIN_FAILED, T), .expires_at = T + 50 * SECOND, .failures = 2},
     T + 2 * SECOND,
     VC_TOKEN_LOGIN,
     T + 2 * SECOND},

    /* revoked */
    {"revoked: log in at once",
     {HOURLY(VC_TOKEN_REVOKED, T), .expires_at = T + HOUR, .failures = 1},
     T,
     VC_TOKEN_LOGIN,
     T},
    {"revoked again and again: with backoff",
     {HOURLY(VC_TOKEN_REVOKED, T), .expires_at = T + HOUR, .failures = 3},
     T,
     VC_TOKEN_WAIT,
     T + 2 * SECOND},
    {"revoked, no credentials: blocked",
     {.last = VC_TOKEN_REVOKED, .last_at = T, .expires_at = T + HOUR, .failures = 1},
     T,
     VC_TOKEN_BLOCKED,
     T + MINUTE},

    /* a refused login */
    {"refused: blocked, however long",
     {.last = VC_TOKEN_LOGIN_REFUSED, .last_at = T, .can_log_in = true, .failures = 1},
     T + YEAR,
     VC_TOKEN_BLOCKED,
     T + YEAR + MINUTE},
    {"refused, credential changed: log in",
     {.last = VC_TOKEN_LOGIN_REFUSED,
      .last_at = T,
      .can_log_in = true,
      .failures = 1,
      .credential_changed = true},
     T + SECOND,
     VC_TOKEN_LOGIN,
     T + SECOND},
    {"refused, credential changed in the same moment: not without a pause",
     {.last = VC_TOKEN_LOGIN_REFUSED,
      .last_at = T,
      .can_log_in = true,
      .failures = 1,
      .credential_changed = true},
     T,
     VC_TOKEN_WAIT,
     T + SECOND},
    {"refused while the old token lives: renewing goes on",
     {HOURLY(VC_TOKEN_LOGIN_REFUSED, T), .expires_at = T + 50 * SECOND, .failures = 1},
     T + SECOND,
     VC_TOKEN_RENEW,
     T + SECOND},
    {"refused while a token lives that cannot grow: blocked",
     {.last = VC_TOKEN_LOGIN_REFUSED,
      .last_at = T,
      .ttl_at_issue = HOUR,
      .expires_at = T + 50 * SECOND,
      .can_log_in = true,
      .failures = 1},
     T + SECOND,
     VC_TOKEN_BLOCKED,
     T + SECOND + MINUTE},
    {"refused once, renewal refused since: no second 400",
     {HOURLY(VC_TOKEN_RENEW_REFUSED, T), .expires_at = T + 15 * MINUTE, .login_refused = true},
     T,
     VC_TOKEN_BLOCKED,
     T + MINUTE},
    {"refused once, renewal failed near the end: renewing goes on, no second 400",
     {HOURLY(VC_TOKEN_RENEW_FAILED, T), .expires_at = T + 10 * SECOND, .failures = 1,
      .login_refused = true},
     T + SECOND,
     VC_TOKEN_RENEW,
     T + SECOND},
    {"refused once, token ended: blocked",
     {HOURLY(VC_TOKEN_RENEW_FAILED, T), .expires_at = T + SECOND, .failures = 1,
      .login_refused = true},
     T + SECOND,
     VC_TOKEN_BLOCKED,
     T + SECOND + MINUTE},
    {"refused once, revoked since: blocked",
     {HOURLY(VC_TOKEN_REVOKED, T), .failures = 1, .login_refused = true},
     T,
     VC_TOKEN_BLOCKED,
     T + MINUTE},

    /* locked out */
    {"locked out: blocked, a look a minute",
     {.last = VC_TOKEN_LOGIN_LOCKED,
      .last_at = T,
      .can_log_in = true,
      .failures = 1,
      .blocked_until = T + LOCKOUT},
     T,
     VC_TOKEN_BLOCKED,
     T + MINUTE},
    {"locked out, its end within the minute: until then",
     {.last = VC_TOKEN_LOGIN_LOCKED,
      .last_at = T,
      .can_log_in = true,
      .failures = 1,
      .blocked_until = T + LOCKOUT},
     T + LOCKOUT - SECOND,
     VC_TOKEN_BLOCKED,
     T + LOCKOUT},
    {"locked out, ended: log in",
     {.last = VC_TOKEN_LOGIN_LOCKED,
      .last_at = T,
      .can_log_in = true,
      .failures = 1,
      .blocked_until = T + LOCKOUT},
     T + LOCKOUT,
     VC_TOKEN_LOGIN,
     T + LOCKOUT},
    {"locked out, credential changed: log in",
     {.last = VC_TOKEN_LOGIN_LOCKED,
      .last_at = T,
      .can_log_in = true,
      .failures = 1,
      .blocked_until = T + LOCKOUT,
      .credential_changed = true},
     T + SECOND,
     VC_TOKEN_LOGIN,
     T + SECOND},
    {"locked out, nobody said until when: fifteen minutes",
     {.last = VC_TOKEN_LOGIN_LOCKED, .last_at = T, .can_log_in = true, .failures = 1},
     T + LOCKOUT - SECOND,
     VC_TOKEN_BLOCKED,
     T + LOCKOUT},
    {"locked out again, the end still that of the first time: fifteen minutes from now",
     {.last = VC_TOKEN_LOGIN_LOCKED,
      .last_at = T,
      .can_log_in = true,
      .failures = 2,
      .blocked_until = T - SECOND},
     T + SECOND,
     VC_TOKEN_BLOCKED,
     T + SECOND + MINUTE},
    {"locked out, renewal refused since: blocked until the lock-out's end",
     {HOURLY(VC_TOKEN_RENEW_REFUSED, T), .expires_at = T + 15 * MINUTE,
      .blocked_until = T + 30 * SECOND},
     T,
     VC_TOKEN_BLOCKED,
     T + 30 * SECOND},
    {"locked out while the old token lives: renewing goes on",
     {HOURLY(VC_TOKEN_LOGIN_LOCKED, T), .expires_at = T + 50 * SECOND, .failures = 1,
      .blocked_until = T + LOCKOUT},
     T + SECOND,
     VC_TOKEN_RENEW,
     T + SECOND},

    /* the shortest lives */
    {"a TTL of 1 s: renewed at 750 ms",
     {.last = VC_TOKEN_LOGGED_IN,
      .last_at = T,
      .ttl_at_issue = SECOND,
      .expires_at = T + SECOND,
      .renewable = true,
      .can_log_in = true},
     T,
     VC_TOKEN_WAIT,
     T + 750},
    {"a TTL of 1 s, at 750 ms: renew",
     {.last = VC_TOKEN_LOGGED_IN,
      .last_at = T,
      .ttl_at_issue = SECOND,
      .expires_at = T + SECOND,
      .renewable = true,
      .can_log_in = true},
     T + 750,
     VC_TOKEN_RENEW,
     T + 750},
    {"0 s left on arrival: the next login not before a second",
     {.last = VC_TOKEN_LOGGED_IN,
      .last_at = T,
      .expires_at = T,
      .renewable = true,
      .can_log_in = true},
     T,
     VC_TOKEN_WAIT,
     T + SECOND},
    {"0 s left after a renewal: the next login not before a second",
     {.last = VC_TOKEN_RENEWED,
      .last_at = T,
      .expires_at = T,
      .renewable = true,
      .can_log_in = true},
     T,
     VC_TOKEN_WAIT,
     T + SECOND},
    {"0 s left, a second later: log in",
     {.last = VC_TOKEN_LOGGED_IN,
      .last_at = T,
      .expires_at = T,
      .renewable = true,
      .can_log_in = true},
     T + SECOND,
     VC_TOKEN_LOGIN,
     T + SECOND},
    {"1 ms left and late: a pause first",
     {.last = VC_TOKEN_LOGGED_IN, .last_at = T, .expires_at = T + 1, .can_log_in = true},
     T,
     VC_TOKEN_WAIT,
     T + 100},

    /* where the branches of the decision part */
    {"capped and refused once, before 75 %: nothing to do yet",
     {.last = VC_TOKEN_RENEWED,
      .last_at = T,
      .ttl_at_issue = 10 * SECOND,
      .expires_at = T + 8 * SECOND,
      .renewable = true,
      .capped = true,
      .can_log_in = true,
      .login_refused = true},
     T,
     VC_TOKEN_WAIT,
     T + 6 * SECOND},
    {"login failed long before the old token's end (other settings): a login again",
     {HOURLY(VC_TOKEN_LOGIN_FAILED, T), .expires_at = T + 50 * MINUTE, .failures = 1},
     T + SECOND,
     VC_TOKEN_LOGIN,
     T + SECOND},
    {"renewal failed, half of the last quarter not begun: renew",
     {.last = VC_TOKEN_RENEW_FAILED,
      .last_at = T,
      .ttl_at_issue = 100 * SECOND,
      .expires_at = T + 20 * SECOND,
      .renewable = true,
      .can_log_in = true,
      .failures = 1},
     T + SECOND,
     VC_TOKEN_RENEW,
     T + SECOND},
    {"renewal failed, half of the last quarter begun: log in",
     {.last = VC_TOKEN_RENEW_FAILED,
      .last_at = T,
      .ttl_at_issue = 100 * SECOND,
      .expires_at = T + 13 * SECOND,
      .renewable = true,
      .can_log_in = true,
      .failures = 1},
     T + SECOND,
     VC_TOKEN_LOGIN,
     T + SECOND},

    /* clocks */
    {"an expiry before the clock began is an end, not for ever",
     {HOURLY(VC_TOKEN_RENEWED, T - HOUR), .expires_at = -1},
     T,
     VC_TOKEN_LOGIN,
     T},
    {"a year asleep: log in, once", {FRESH}, T + YEAR, VC_TOKEN_LOGIN, T + YEAR},
    {"the last event lies in the future (stored before a reboot): not waited for",
     {.last = VC_TOKEN_LOGIN_FAILED, .last_at = T + YEAR, .can_log_in = true, .failures = 5},
     T,
     VC_TOKEN_LOGIN,
     T},
    {"an expiry beyond all clocks does not overflow",
     {HOURLY(VC_TOKEN_LOGGED_IN, T), .expires_at = INT64_MAX},
     T,
     VC_TOKEN_WAIT,
     T + MINUTE},
};

START_TEST(each_moment_has_its_decision)
{
    const struct moment *row = &moments[_i];
    struct vc_token_decision decision = vc_token_decide(&row->state, &policy, row->now);

    ck_assert_msg(decision.action == row->action, "%s: action %d", row->what, decision.action);
    ck_assert_msg(decision.next_at == row->next_at, "%s: %lld ms from now", row->what,
                  (long long)(decision.next_at - row->now));
}
END_TEST

START_TEST(the_backoff_doubles_from_its_least_to_its_greatest)
{
    vc_msec expected = SECOND;

    for (unsigned failures = 1; failures <= 40; failures++) {
        struct vc_token_state state = {
            .last = VC_TOKEN_LOGIN_FAILED, .last_at = T, .can_log_in = true, .failures = failures};

        ck_assert_int_eq(vc_token_decide(&state, &policy, T).next_at, T + expected);
        expected = expected * 2 > MINUTE ? MINUTE : expected * 2;
    }
}
END_TEST

START_TEST(the_threshold_can_be_set)
{
    struct vc_token_policy early = policy;
    struct vc_token_state state = {FRESH};

    early.renew_threshold = 0.5;
    ck_assert_int_eq(vc_token_decide(&state, &early, T + 30 * MINUTE).action, VC_TOKEN_RENEW);
    ck_assert_int_eq(vc_token_decide(&state, &policy, T + 30 * MINUTE).action, VC_TOKEN_WAIT);
}
END_TEST

START_TEST(the_check_interval_can_be_set)
{
    struct vc_token_policy often = policy;
    struct vc_token_state state = {FRESH};

    often.check_interval = 5 * SECOND;
    ck_assert_int_eq(vc_token_decide(&state, &often, T).next_at, T + 5 * SECOND);
}
END_TEST

struct threshold {
    double given;
    double taken;
};

static const struct threshold thresholds[] = {
    {0.5, 0.5},   {0.1, 0.1},  {0.05, 0.1},      {0.95, 0.95},      {0.99, 0.95}, {2.0, 0.95},
    {-1.0, 0.75}, {NAN, 0.75}, {INFINITY, 0.95}, {-INFINITY, 0.75}, {0.0, 0.75},
};

START_TEST(a_threshold_without_sense_is_brought_into_its_range)
{
    struct vc_token_policy strange = policy;
    struct vc_token_state state = {.last = VC_TOKEN_RENEWED,
                                   .last_at = T,
                                   .renewable = true,
                                   .expires_at = T + 20 * SECOND,
                                   .can_log_in = true};
    vc_msec wait;

    strange.renew_threshold = thresholds[_i].given;
    wait = vc_token_decide(&state, &strange, T).next_at - T;
    ck_assert_int_le(llabs(wait - (vc_msec)(20 * SECOND * thresholds[_i].taken)), 1);
}
END_TEST

/* ck_assert talks to its parent at each call: too slow for a loop of a million. */
static void require(bool holds, const char *what)
{
    if (!holds)
        ck_abort_msg("%s", what);
}

/*
 * A Vault of one role, and a client that does what it is told. Whatever happens is decided by dice,
 * so that a test can count what a year of it costs.
 */
struct simulation {
    uint64_t dice;
    vc_msec now;
    struct vc_token_state state;
    /* the role */
    vc_msec ttl, max_ttl;
    bool renewable;
    bool single_use; /* the secret_id: spent by the first login */
    bool periodic;
    /* per mille */
    unsigned outage, revoked;
    vc_msec outage_until;
    /* the token that Vault knows */
    vc_msec issued_at, ends_at;
    bool spent;
    /* counted */
    unsigned long logins, renewals, looks, refused_logins;
    vc_msec without_token; /* how long there was none */
};

static unsigned roll(struct simulation *sim, unsigned sides)
{
    sim->dice = sim->dice * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(sim->dice >> 33) % sides;
}

static void happened(struct simulation *sim, enum vc_token_event event)
{
    bool same = sim->state.last == event;

    sim->state.last = event;
    sim->state.last_at = sim->now;
    sim->state.failures = same ? sim->state.failures + 1 : 1;
}

static bool vault_answers(struct simulation *sim)
{
    if (sim->now >= sim->outage_until && roll(sim, 1000) < sim->outage)
        sim->outage_until = sim->now + (vc_msec)roll(sim, 3600) * SECOND;
    return sim->now >= sim->outage_until;
}

static void simulate_login(struct simulation *sim)
{
    sim->logins++;
    sim->state.credential_changed = false;
    if (!vault_answers(sim)) {
        happened(sim, VC_TOKEN_LOGIN_FAILED);
        if (sim->ends_at <= sim->now)
            sim->state.expires_at = 0;
        return;
    }
    if (sim->spent) {
        sim->refused_logins++;
        happened(sim, VC_TOKEN_LOGIN_REFUSED);
        sim->state.login_refused = true;
        if (sim->ends_at <= sim->now)
            sim->state.expires_at = 0;
        return;
    }
    sim->spent = sim->single_use;
    happened(sim, VC_TOKEN_LOGGED_IN);
    sim->issued_at = sim->now;
    sim->ends_at = sim->now + sim->ttl;
    sim->state.ttl_at_issue = sim->ttl;
    sim->state.expires_at = sim->ends_at;
    sim->state.renewable = sim->renewable;
    sim->state.capped = false;
    sim->state.login_refused = false;
}

static void simulate_renewal(struct simulation *sim)
{
    vc_msec end = sim->now + sim->ttl;
    vc_msec last_end = sim->issued_at + sim->max_ttl;

    sim->renewals++;
    if (!vault_answers(sim)) {
        happened(sim, VC_TOKEN_RENEW_FAILED);
        return;
    }
    if (sim->ends_at <= sim->now) {
        happened(sim, VC_TOKEN_RENEW_REFUSED);
        sim->state.renewable = false;
        return;
    }
    sim->state.capped = !sim->periodic && end > last_end;
    sim->ends_at = sim->state.capped ? last_end : end;
    happened(sim, VC_TOKEN_RENEWED);
    sim->state.expires_at = sim->ends_at;
}

static void simulate_use(struct simulation *sim)
{
    if (sim->ends_at > sim->now && roll(sim, 1000) < sim->revoked) {
        sim->ends_at = sim->now;
        happened(sim, VC_TOKEN_REVOKED);
        sim->state.expires_at = 0;
    }
}

/* Until sim->now is end. Every wait must move the clock, and at most actions happen. */
static void simulate(struct simulation *sim, vc_msec end, unsigned long most_actions)
{
    while (sim->now < end) {
        struct vc_token_decision decision = vc_token_decide(&sim->state, &policy, sim->now);

        switch (decision.action) {
        case VC_TOKEN_LOGIN:
            simulate_login(sim);
            break;
        case VC_TOKEN_RENEW:
            simulate_renewal(sim);
            break;
        default:
            require(decision.next_at > sim->now, "a wait that does not move the clock");
            require(decision.next_at <= sim->now + policy.check_interval, "too long a wait");
            if (sim->ends_at <= decision.next_at)
                sim->without_token +=
                    decision.next_at - (sim->ends_at > sim->now ? sim->ends_at : sim->now);
            sim->now = decision.next_at;
            sim->looks++;
            simulate_use(sim);
        }
        require(sim->logins + sim->renewals <= most_actions, "too many actions");
    }
}

static struct simulation role(vc_msec ttl, vc_msec max_ttl)
{
    return (struct simulation){.dice = 1,
                               .now = T,
                               .state = {.can_log_in = true},
                               .ttl = ttl,
                               .max_ttl = max_ttl,
                               .renewable = true};
}

START_TEST(a_year_of_a_token_of_an_hour_costs_one_renewal_per_45_minutes)
{
    struct simulation sim = role(HOUR, 100 * YEAR);

    simulate(&sim, T + YEAR, 20000);
    ck_assert_uint_eq(sim.logins, 1);
    ck_assert_uint_eq(sim.renewals, (unsigned long)((YEAR - 1) / (45 * MINUTE)));
    ck_assert_int_eq(sim.without_token, 0);
    ck_assert_uint_le(sim.looks, (unsigned long)(2 * YEAR / MINUTE));
}
END_TEST

START_TEST(a_token_that_reaches_max_ttl_is_replaced_without_a_gap)
{
    struct simulation sim = role(HOUR, DAY);

    simulate(&sim, T + YEAR, 20000);
    ck_assert_int_eq(sim.without_token, 0);
    ck_assert_uint_ge(sim.logins, 365);
    ck_assert_uint_le(sim.logins, 400);
}
END_TEST

START_TEST(a_ttl_of_seconds_is_kept_alive_without_a_gap)
{
    struct simulation sim = role(10 * SECOND, 25 * SECOND);

    simulate(&sim, T + DAY, 30000);
    ck_assert_int_eq(sim.without_token, 0);
}
END_TEST

START_TEST(a_ttl_of_one_second_is_kept_alive_without_a_gap)
{
    struct simulation sim = role(SECOND, 3 * SECOND);

    simulate(&sim, T + HOUR, 10 * 3600);
    ck_assert_int_eq(sim.without_token, 0);
}
END_TEST

START_TEST(tokens_that_cannot_be_renewed_follow_one_another_without_a_gap)
{
    struct simulation sim = role(HOUR, HOUR);

    sim.renewable = false;
    simulate(&sim, T + YEAR, 20000);
    ck_assert_int_eq(sim.without_token, 0);
    ck_assert_uint_eq(sim.renewals, 0);
}
END_TEST

START_TEST(a_ttl_of_zero_costs_one_login_a_second_at_most)
{
    struct simulation sim = role(0, 0);

    simulate(&sim, T + HOUR, 3601);
    ck_assert_uint_ge(sim.logins, 3599);
}
END_TEST

START_TEST(a_spent_credential_brings_one_400_in_a_year)
{
    struct simulation sim = role(HOUR, DAY);

    sim.single_use = true;
    simulate(&sim, T + YEAR, 1000);
    ck_assert_uint_eq(sim.logins, 2);
    ck_assert_uint_eq(sim.refused_logins, 1);
}
END_TEST

START_TEST(a_spent_credential_lives_as_long_as_its_periodic_token_is_renewed)
{
    struct simulation sim = role(HOUR, 0);

    sim.single_use = true;
    sim.periodic = true;
    simulate(&sim, T + YEAR, 20000);
    ck_assert_uint_eq(sim.logins, 1);
    ck_assert_int_eq(sim.without_token, 0);
}
END_TEST

START_TEST(an_outage_costs_one_try_a_minute)
{
    struct simulation sim = role(HOUR, DAY);

    simulate(&sim, T + MINUTE, 1);
    sim.outage_until = T + 30 * DAY;
    simulate(&sim, T + 30 * DAY, 30 * 24 * 60 + 100);
    simulate(&sim, T + 30 * DAY + 2 * MINUTE, 30 * 24 * 60 + 100);
    ck_assert_int_gt(sim.ends_at, sim.now);
}
END_TEST

START_TEST(an_outage_shorter_than_what_is_left_leaves_no_gap)
{
    struct simulation sim = role(HOUR, 100 * YEAR);

    simulate(&sim, T + 40 * MINUTE, 1);
    sim.outage_until = T + 58 * MINUTE;
    simulate(&sim, T + 2 * HOUR, 100);
    ck_assert_int_eq(sim.without_token, 0);
    ck_assert_uint_eq(sim.logins, 1);
}
END_TEST

START_TEST(a_year_of_dice_does_a_bounded_number_of_actions)
{
    static const vc_msec ttls[] = {MINUTE, 10 * MINUTE, HOUR, DAY};
    vc_msec ttl = ttls[_i % COUNT(ttls)];
    struct simulation sim = role(ttl, ttl * 7);
    unsigned long minutes = (unsigned long)(YEAR / MINUTE);

    sim.dice = (uint64_t)_i + 1;
    sim.outage = 10;
    sim.revoked = 1;
    sim.renewable = _i % 3 != 0;
    simulate(&sim, T + YEAR, 4 * minutes);
}
END_TEST

static vc_msec any_time(struct simulation *sim)
{
    static const vc_msec times[] = {0,        1,        T - YEAR,  T - HOUR,  T - SECOND,
                                    T - 1,    T,        T + 1,     T + 100,   T + SECOND,
                                    T + HOUR, T + YEAR, INT64_MAX, INT64_MIN, -1};

    return times[roll(sim, COUNT(times))];
}

static struct vc_token_state any_state(struct simulation *sim)
{
    return (struct vc_token_state){
        .last = (enum vc_token_event)roll(sim, VC_TOKEN_LOGIN_LOCKED + 1),
        .last_at = any_time(sim),
        .ttl_at_issue = any_time(sim),
        .expires_at = any_time(sim),
        .renewable = roll(sim, 2) == 1,
        .capped = roll(sim, 2) == 1,
        .can_log_in = roll(sim, 2) == 1,
        .failures = roll(sim, 5) == 0 ? UINT32_MAX : roll(sim, 50),
        .blocked_until = any_time(sim),
        .login_refused = roll(sim, 2) == 1,
        .credential_changed = roll(sim, 2) == 1,
    };
}

static struct vc_token_policy any_policy(struct simulation *sim)
{
    static const double any_threshold[] = {0.75, 0.0, 1.0, -1.0, 2.0, NAN, INFINITY, -INFINITY};

    return (struct vc_token_policy){
        .renew_threshold = any_threshold[roll(sim, COUNT(any_threshold))],
        .check_interval = any_time(sim),
        .backoff_min = any_time(sim),
        .backoff_max = any_time(sim),
    };
}

START_TEST(no_state_and_no_policy_brings_a_busy_loop)
{
    struct simulation sim = {.dice = 42};

    for (int i = 0; i < 200000; i++) {
        struct vc_token_state state = any_state(&sim);
        struct vc_token_policy wild = any_policy(&sim);
        struct vc_token_decision decision =
            vc_token_decide(&state, roll(&sim, 2) == 1 ? &wild : &policy, T);
        bool acts = decision.action == VC_TOKEN_LOGIN || decision.action == VC_TOKEN_RENEW;

        require(acts ? decision.next_at == T : decision.next_at > T, "a busy loop");
        require(decision.next_at <= T + DAY, "too long a wait");
    }
}
END_TEST

START_TEST(no_state_brings_a_login_without_credentials_or_against_a_refusal)
{
    struct simulation sim = {.dice = 43};

    for (int i = 0; i < 200000; i++) {
        struct vc_token_state state = any_state(&sim);
        bool refused = state.login_refused || state.last == VC_TOKEN_LOGIN_REFUSED;
        bool locked = state.blocked_until > T;

        if (vc_token_decide(&state, &policy, T).action != VC_TOKEN_LOGIN)
            continue;
        require(state.can_log_in, "a login without credentials");
        require(state.credential_changed || !refused, "a login against a refusal");
        require(state.credential_changed || !locked, "a login during a lock-out");
    }
}
END_TEST

START_TEST(no_state_brings_a_renewal_of_a_token_that_cannot_grow)
{
    struct simulation sim = {.dice = 44};

    for (int i = 0; i < 200000; i++) {
        struct vc_token_state state = any_state(&sim);

        if (vc_token_decide(&state, &policy, T).action != VC_TOKEN_RENEW)
            continue;
        require(state.renewable && !state.capped, "it cannot grow");
        require(state.expires_at > T, "it has ended");
        require(state.last != VC_TOKEN_NONE && state.last != VC_TOKEN_REVOKED, "there is none");
    }
}
END_TEST

START_TEST(any_time_of_the_clock_is_taken)
{
    struct simulation sim = {.dice = 45};

    for (int i = 0; i < 100000; i++) {
        struct vc_token_state state = any_state(&sim);
        vc_msec now = any_time(&sim);
        struct vc_token_decision decision = vc_token_decide(&state, &policy, now);

        require(decision.next_at >= 0, "before the clock began");
    }
}
END_TEST

static void add_table(TCase *tests, const TTest *test, int count)
{
    tcase_add_loop_test(tests, test, 0, count);
}

static void add_lives(TCase *tests)
{
    tcase_add_test(tests, a_year_of_a_token_of_an_hour_costs_one_renewal_per_45_minutes);
    tcase_add_test(tests, a_token_that_reaches_max_ttl_is_replaced_without_a_gap);
    tcase_add_test(tests, a_ttl_of_seconds_is_kept_alive_without_a_gap);
    tcase_add_test(tests, a_ttl_of_one_second_is_kept_alive_without_a_gap);
    tcase_add_test(tests, tokens_that_cannot_be_renewed_follow_one_another_without_a_gap);
    tcase_add_test(tests, a_ttl_of_zero_costs_one_login_a_second_at_most);
    tcase_add_test(tests, a_spent_credential_brings_one_400_in_a_year);
    tcase_add_test(tests, a_spent_credential_lives_as_long_as_its_periodic_token_is_renewed);
    tcase_add_test(tests, an_outage_costs_one_try_a_minute);
    tcase_add_test(tests, an_outage_shorter_than_what_is_left_leaves_no_gap);
    add_table(tests, a_year_of_dice_does_a_bounded_number_of_actions, 12);
}

int main(void)
{
    Suite *suite = suite_create("token_lifecycle");
    TCase *decisions = tcase_create("one moment");
    TCase *lives = tcase_create("whole lives");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, decisions);
    suite_add_tcase(suite, lives);
    add_table(decisions, each_moment_has_its_decision, COUNT(moments));
    tcase_add_test(decisions, the_backoff_doubles_from_its_least_to_its_greatest);
    tcase_add_test(decisions, the_threshold_can_be_set);
    add_table(decisions, a_threshold_without_sense_is_brought_into_its_range, COUNT(thresholds));
    tcase_add_test(decisions, the_check_interval_can_be_set);
    tcase_add_test(decisions, no_state_and_no_policy_brings_a_busy_loop);
    tcase_add_test(decisions, no_state_brings_a_login_without_credentials_or_against_a_refusal);
    tcase_add_test(decisions, no_state_brings_a_renewal_of_a_token_that_cannot_grow);
    tcase_add_test(decisions, any_time_of_the_clock_is_taken);
    add_lives(lives);

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
