/*
 * login.c - who may log in with a password that only Vault holds (login.h).
 *
 * There is no error handler yet while a client is being authenticated: an ERROR would reach it as
 * it is. So looking up is wrapped; what goes wrong there goes to the log, and the client is told
 * nothing but that it should come again.
 */
#include "postgres.h"

#include <limits.h>

#include "access/htup_details.h"
#include "catalog/pg_authid.h"
#include "libpq/auth.h"
#include "libpq/crypt.h"
#include "libpq/sasl.h"
#include "libpq/scram.h"
#include "miscadmin.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "utils/inval.h"
#include "utils/syscache.h"
#include "utils/timeout.h"

#include "../common/tenant_layout.h"
#include "answer_text.h"
#include "compat.h"
#include "freshness.h"
#include "guc.h"
#include "login.h"
#include "role_label.h"
#include "scram_verifier.h"
#include "secret_lookup.h"
#include "status.h"

/*
 * Kept free, of what authentication_timeout leaves, for the refusal to reach the client: at the
 * timeout itself it would see nothing but the connection's end. Ms, and a share.
 */
#define MARGIN_MIN 250
#define MARGIN_SHARE 10
/* Where no timeout runs; request_timeout bounds the wait. */
#define NO_TIMEOUT INT_MAX

typedef struct Attempt {
    Port *port;
    uint64 role_changes;  /* before the role was looked at */
    Oid role;             /* InvalidOid: there is none of that name */
    char *tenant;         /* NULL: the role has no label */
    bool cannot_ask;      /* neither Vault nor the cache has an answer */
    char *verifier;       /* NULL: nothing that the client proves will do */
    const char *reason;   /* of that, for the log */
    int64 version;        /* of the secret; 0: none */
    bool password_beside; /* the verifier is Vault's own, and there is a password beside it */
    uint64 read_ticket;   /* of that read of it */
    TimestampTz fetched_at;
    char *request_id; /* of Vault's, for the log; NULL: none */
} Attempt;

static ClientAuthentication_hook_type previous_hook;

/* Of whatever roles: what this backend has heard of. Writing a label counts too (role_label.c). */
static uint64 role_changes = 0;

/* ---- whose password, and what it is ---- */

static bool line_names_group(const HbaLine *line)
{
    ListCell *cell;

    foreach (cell, line->roles) {
        const AuthToken *token = lfirst(cell);

        if (!token->quoted && token->string[0] == '+' &&
            strcmp(token->string + 1, tv_login_group) == 0)
            return true;
    }
    return false;
}

/* NULL where the tenant's secret may open the role. */
static const char *why_not_by_vault(const char *tenant, HeapTuple role)
{
    if (!vc_tenant_name_valid(tenant, strlen(tenant)))
        return "its label is no tenant's name";
    return tv_role_expired(role) ? "the role's VALID UNTIL is over" : NULL;
}

static void find_role(Attempt *attempt)
{
    HeapTuple tuple = SearchSysCache1(AUTHNAME, CStringGetDatum(attempt->port->user_name));

    if (!HeapTupleIsValid(tuple))
        return;
    attempt->role = ((Form_pg_authid)GETSTRUCT(tuple))->oid;
    attempt->tenant = tv_role_tenant(attempt->role);
    if (attempt->tenant != NULL)
        attempt->reason = why_not_by_vault(attempt->tenant, tuple);
    ReleaseSysCache(tuple);
}

/* What is left for asking Vault, in ms. */
static vc_msec time_left(void)
{
    long left;

    /* It is this timer that enforces authentication_timeout (postinit.c). */
    if (!get_timeout_active(STATEMENT_TIMEOUT))
        return NO_TIMEOUT;
    left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
                                           get_timeout_finish_time(STATEMENT_TIMEOUT));
    return Max(1, left - Max(MARGIN_MIN, left / MARGIN_SHARE));
}

/* A final word of Vault's on the secret is an answer; all else means that it could not be asked. */
static void take_failure(Attempt *attempt, const TvAnswer *answer)
{
    attempt->cannot_ask =
        answer->outcome == VC_LOGIN_REFUSED || !freshness_code_shows_vault(answer->outcome);
    attempt->reason = tv_answer_message(answer, TAG_MESSAGE, VC_MESSAGE_SIZE - 1);
    if (attempt->reason == NULL)
        attempt->reason = vc_code_text(answer->outcome);
}

static bool has_both(const TvAnswer *answer)
{
    struct frame_field field;

    return frame_find(answer->payload, answer->len, TAG_SCRAM_VERIFIER, &field) &&
           frame_find(answer->payload, answer->len, TAG_PASSWORD, &field);
}

static void ask_vault(Attempt *attempt)
{
    TvAnswer answer;

    tv_lookup_tenant_within(attempt->tenant, tv_login_max_age, time_left(), &answer);
    attempt->version = frame_find_number(answer.payload, answer.len, TAG_VERSION, 0);
    attempt->request_id = tv_answer_message(&answer, TAG_REQUEST_ID, VC_REQUEST_ID_SIZE - 1);
    attempt->fetched_at = answer.fetched_at;
    attempt->read_ticket = answer.read_ticket;
    attempt->password_beside = has_both(&answer);
    if (answer.found)
        attempt->verifier = tv_scram_verifier(attempt->tenant, &answer, &attempt->reason);
    else
        take_failure(attempt, &answer);
    tv_answer_wipe(&answer);
}

/* The error that was just thrown, for the log. */
static char *caught_message(MemoryContext context)
{
    ErrorData *error;

    MemoryContextSwitchTo(context);
    error = CopyErrorData();
    FlushErrorState();
    ConditionVariableCancelSleep();
    return error->message;
}

static void ask_vault_quietly(Attempt *attempt)
{
    MemoryContext context = CurrentMemoryContext;

    PG_TRY();
    {
        ask_vault(attempt);
    }
    PG_CATCH();
    {
        attempt->cannot_ask = true;
        attempt->reason = caught_message(context);
    }
    PG_END_TRY();
}

static void find_verifier(Attempt *attempt)
{
    if (attempt->tenant == NULL)
        attempt->verifier = get_role_password(attempt->port->user_name, &attempt->reason);
    else if (attempt->reason == NULL)
        ask_vault_quietly(attempt);
}

/* ---- what the log says ---- */

static char *origin(const Attempt *attempt)
{
    StringInfoData text;

    initStringInfo(&text);
    if (attempt->tenant == NULL)
        return text.data;
    appendStringInfo(&text, "tenant \"%s\"", attempt->tenant);
    if (attempt->version > 0)
        appendStringInfo(&text, ", version " INT64_FORMAT, attempt->version);
    if (attempt->request_id != NULL)
        appendStringInfo(&text, ", Vault's request ID %s", attempt->request_id);
    return text.data;
}

static char *detail_for_log(const Attempt *attempt)
{
    const HbaLine *line = attempt->port->hba;

    return psprintf("%s%s%s%sConnection matched pg_hba.conf line %d: \"%s\"", origin(attempt),
                    attempt->tenant != NULL && attempt->reason != NULL ? ": " : "",
                    attempt->reason != NULL ? attempt->reason : "",
                    attempt->tenant != NULL || attempt->reason != NULL ? "\n" : "",
                    line->linenumber, line->rawline);
}

/* ---- the ends that it can come to ---- */

_Noreturn static void refuse_for_now(const Attempt *attempt)
{
    tv_status_count_login(TV_LOGIN_UNCHECKED);
    ereport(FATAL, (errcode(ERRCODE_CANNOT_CONNECT_NOW),
                    errmsg("the password of user \"%s\" cannot be checked at present",
                           attempt->port->user_name),
                    errdetail_log("%s", detail_for_log(attempt)), errhint("Try again later.")));
    pg_unreachable();
}

/* In PostgreSQL's own words for a wrong password. */
_Noreturn static void refuse(const Attempt *attempt, int status)
{
    if (status == STATUS_EOF)
        proc_exit(0);
    ereport(FATAL,
            (errcode(ERRCODE_INVALID_PASSWORD),
             errmsg("password authentication failed for user \"%s\"", attempt->port->user_name),
             errdetail_log("%s", detail_for_log(attempt))));
    pg_unreachable();
}

static bool same_tenant(const char *one, const char *other)
{
    return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

/* NULL where role and label are still what the verifier was for, and will do. */
static const char *what_has_changed(const Attempt *attempt)
{
    Attempt now = {.port = attempt->port};

    AcceptInvalidationMessages();
    if (role_changes == attempt->role_changes)
        return NULL;
    find_role(&now);
    if (now.role != attempt->role || !same_tenant(now.tenant, attempt->tenant))
        return "the role or its label has changed meanwhile";
    return now.reason;
}

/* SYSTEM_USER, log_connections and pg_stat_activity tell how the client was authenticated. */
static void note_identity(const Attempt *attempt)
{
    Port *port = attempt->port;
    HbaLine *line = MemoryContextAlloc(TopMemoryContext, sizeof(HbaLine));

    /* A copy: the line itself is the postmaster's, shared by all who come by it. */
    *line = *port->hba;
    line->auth_method = uaSCRAM;
    port->hba = line;
    tv_set_authn_id(port, port->user_name);
}

static void log_login(const Attempt *attempt)
{
    if (attempt->tenant != NULL && tv_logins_are_logged())
        ereport(LOG, (errmsg("tenant_vault: role \"%s\" has logged in as %s",
                             attempt->port->user_name, origin(attempt))));
}

/* ---- the exchange ---- */

static void wipe_verifier(Attempt *attempt)
{
    if (attempt->verifier != NULL)
        explicit_bzero(attempt->verifier, strlen(attempt->verifier));
}

/*
 * A client may draw the exchange out, up to authentication_timeout: what it has proved must still
 * be the tenant's password, or one that was rotated away because it had leaked would still let in
 * whoever has begun before. NULL: it is.
 */
static const char *why_proof_is_void(Attempt *attempt)
{
    Attempt now = {.port = attempt->port, .tenant = attempt->tenant};
    const char *why = NULL;

    if (attempt->tenant == NULL || tv_tenant_read_is_current(attempt->tenant, attempt->read_ticket))
        return NULL;
    ask_vault_quietly(&now);
    attempt->cannot_ask = now.cannot_ask;
    if (now.verifier == NULL)
        why = now.reason;
    else if (strcmp(now.verifier, attempt->verifier) != 0)
        why = "the password has changed meanwhile";
    wipe_verifier(&now);
    return why;
}

static int exchange(Attempt *attempt)
{
    const char *detail = NULL;
    int status = CheckSASLAuth(&pg_be_scram_mech, attempt->port, attempt->verifier, &detail);

    if (attempt->verifier == NULL && status == STATUS_OK)
        status = STATUS_ERROR; /* cannot be, and must not */
    if (attempt->reason == NULL)
        attempt->reason = detail;
    /* What was written to Vault by hand may be the password alone. */
    if (status == STATUS_ERROR && attempt->reason == NULL && attempt->password_beside)
        attempt->reason = "it was not the password of the secret's scram_verifier, which counts "
                          "whatever the password beside it is";
    if (status != STATUS_OK)
        return status;
    attempt->reason = what_has_changed(attempt);
    if (attempt->reason == NULL)
        attempt->reason = why_proof_is_void(attempt);
    return attempt->reason == NULL ? STATUS_OK : STATUS_ERROR;
}

static void challenge(Attempt *attempt)
{
    int status;
    bool suspect;

    find_verifier(attempt);
    /*
     * Not a failed attempt: no client has been asked for a password. So the previous hook hears
     * nothing of it, as of a line that says reject: a lock-out module would turn an outage of
     * Vault's into one of its own.
     */
    if (attempt->cannot_ask)
        refuse_for_now(attempt);

    status = exchange(attempt);
    if (attempt->cannot_ask)
        refuse_for_now(attempt);
    suspect = status == STATUS_ERROR && attempt->tenant != NULL && attempt->verifier != NULL;
    wipe_verifier(attempt);
    if (suspect)
        tv_suspect_tenant(attempt->tenant, attempt->fetched_at);
    if (status != STATUS_EOF && attempt->tenant != NULL)
        tv_status_count_login(status == STATUS_OK ? TV_LOGIN_OK : TV_LOGIN_REFUSED);
    if (status == STATUS_OK)
        note_identity(attempt);
    if (previous_hook != NULL) /* which may refuse by itself */
        previous_hook(attempt->port, status);
    if (status != STATUS_OK)
        refuse(attempt, status);
    log_login(attempt);
}

static void check_client(Port *port, int status)
{
    Attempt attempt = {.port = port, .role_changes = role_changes};

    if (status == STATUS_OK && port->hba->auth_method == uaTrust) {
        find_role(&attempt);
        if (attempt.tenant != NULL || line_names_group(port->hba)) {
            challenge(&attempt);
            return;
        }
    }
    if (previous_hook != NULL)
        previous_hook(port, status);
}

static void note_role_change(Datum argument, int cache, uint32 hash)
{
    role_changes++;
}

void tv_login_init(void)
{
    /* Here, in the postmaster: each backend inherits it. */
    CacheRegisterSyscacheCallback(AUTHOID, note_role_change, (Datum)0);
    previous_hook = ClientAuthentication_hook;
    ClientAuthentication_hook = check_client;
}
