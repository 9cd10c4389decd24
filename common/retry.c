/*
 * retry.c - may this request be sent again, to whom, and when.
 *
 * Refuses to repeat what may have had an effect. Called by vault_client after each try that failed.
 */
#include "retry.h"

/* Who may be asked after an outcome. */
enum where {
    NOWHERE,
    ELSEWHERE, /* another address may do better, this one never will */
    ANYWHERE,  /* the next address, or after a wait this one */
    HERE       /* all addresses share the reason */
};

static enum where where_to_ask(enum vc_code code)
{
    switch (code) {
    case VC_UNREACHABLE:
    case VC_TIMEOUT:
    case VC_SEALED:
    case VC_NOT_ACTIVE:
    case VC_SERVER_ERROR:
    case VC_BAD_REPLY:
        return ANYWHERE;
    case VC_TLS:
    case VC_NOT_INITIALIZED:
    case VC_REPLY_TOO_LARGE:
    case VC_REDIRECT_REFUSED:
        return ELSEWHERE;
    case VC_RATE_LIMITED:
        return HERE;
    default:
        return NOWHERE;
    }
}

/* Refusals that Vault gives before it looks at the request. */
static bool nothing_was_done(enum vc_code code)
{
    return code == VC_SEALED || code == VC_NOT_INITIALIZED || code == VC_NOT_ACTIVE ||
           code == VC_RATE_LIMITED || code == VC_REDIRECT_REFUSED;
}

static enum where where_allowed(const struct vc_request *request, const struct vc_error *outcome,
                                bool sent)
{
    enum where where = where_to_ask(outcome->code);

    if (!sent)
        return where;
    if (request->login) {
        /* A single-use secret_id is spent by anything but a node that cannot look at it. */
        bool untouched = outcome->code == VC_SEALED || outcome->code == VC_NOT_INITIALIZED;

        return untouched ? ELSEWHERE : NOWHERE;
    }
    if (request->repeatable || nothing_was_done(outcome->code))
        return where;
    return NOWHERE;
}

static vc_msec wait_before_round(long retry_after, unsigned attempt)
{
    vc_msec wait = VC_RETRY_WAIT_MIN;
    vc_msec asked = retry_after < 0 ? 0 : retry_after;

    for (unsigned i = 1; i < attempt && wait < VC_RETRY_WAIT_MAX; i++)
        wait *= 2;
    if (wait > VC_RETRY_WAIT_MAX)
        wait = VC_RETRY_WAIT_MAX;
    if (asked > VC_RETRY_AFTER_MAX)
        asked = VC_RETRY_AFTER_MAX;
    return asked * 1000 > wait ? asked * 1000 : wait;
}

struct vc_retry vc_retry_decide(const struct vc_request *request, const struct vc_error *outcome,
                                bool sent, long retry_after, unsigned attempt, unsigned max_retries,
                                unsigned untried_addresses)
{
    enum where where = where_allowed(request, outcome, sent);
    vc_msec wait = wait_before_round(retry_after, attempt);

    if (where == NOWHERE)
        return (struct vc_retry){.kind = VC_RETRY_NO};
    if (where != HERE && untried_addresses > 0)
        return (struct vc_retry){.kind = VC_RETRY_NEXT_ADDRESS, .wait = 0};
    if (where == ELSEWHERE || attempt > max_retries)
        return (struct vc_retry){.kind = VC_RETRY_NO};
    return (struct vc_retry){.kind = where == HERE ? VC_RETRY_SAME : VC_RETRY_NEXT_ADDRESS,
                             .wait = wait};
}
