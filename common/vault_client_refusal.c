/*
 * vault_client_refusal.c - a refused login, remembered beyond the process.
 *
 * Vault locks a role out after five refused logins. Whoever starts a client anew hands it what the
 * one before has learnt, so that a bad credential is not tried again for each start. Called by the
 * fetcher.
 */
#include <string.h>

#include "vault_client_internal.h"

_Static_assert(VC_REFUSAL_FILES == CREDENTIAL_FILES, "a stamp for each file that a login reads");

/* What Vault counts, or what a further try cannot change. */
static bool is_carried(enum vc_code code)
{
    return code == VC_LOGIN_REFUSED || code == VC_LOGIN_LOCKED || code == VC_WRAPPING_SPENT ||
           code == VC_WRAPPING_FOREIGN;
}

bool vc_client_refusal(const struct vc_client *client, struct vc_login_refusal *refusal)
{
    const struct session *session = &client->session;
    const struct vc_token_state *life = &session->life;

    if (!is_carried(session->error.code) ||
        (!life->login_refused && life->blocked_until <= vc_now()))
        return false;
    if (refusal == NULL)
        return true;
    memset(refusal, 0, sizeof(*refusal)); /* its bytes go on as they are, gaps included */
    refusal->error = session->error;
    refusal->blocked_until = life->blocked_until;
    memcpy(refusal->stamp, session->stamp, sizeof(refusal->stamp));
    return true;
}

void vc_client_recall_refusal(struct vc_client *client, const struct vc_login_refusal *refusal)
{
    struct session *session = &client->session;
    bool locked = refusal->error.code == VC_LOGIN_LOCKED;
    vc_msec latest = vc_now() + VC_LOCKOUT_WAIT;

    if (!is_carried(refusal->error.code) || session->token.len > 0 || session->step != LOGIN_IDLE)
        return;
    session->error = refusal->error;
    session->error.message[sizeof(session->error.message) - 1] = '\0';
    session->error.hint[sizeof(session->error.hint) - 1] = '\0';
    session->error.request_id[sizeof(session->error.request_id) - 1] = '\0';
    memcpy(session->stamp, refusal->stamp, sizeof(session->stamp));
    session->life.last = locked ? VC_TOKEN_LOGIN_LOCKED : VC_TOKEN_LOGIN_REFUSED;
    session->life.last_at = vc_now();
    session->life.failures = 1;
    session->life.login_refused = !locked;
    if (locked)
        session->life.blocked_until =
            refusal->blocked_until < latest ? refusal->blocked_until : latest;
    client->status.last_error = session->error;
    client->status.last_error_at = session->life.last_at;
    client->status.changes++;
    client->token_news = true;
    client_wake(client);
}
