/*
 * report.c - outcomes as PostgreSQL errors: SQLSTATE, message, detail, hint.
 *
 * The classes were chosen by what a program does with them. Nothing here is of class 08 or 57P0x:
 * drivers and pools take those for the loss of their connection to PostgreSQL, and drop a sound
 * one. Nothing is of class 02, which PL/pgSQL does not take for an error.
 *
 *   58000 system_error                  Vault cannot be asked now; the same call may work later
 *   58030 io_error                      what answered makes no sense, or Vault refused the
 * request's form 53400 configuration_limit_exceeded  Vault's rate limit 53200 out_of_memory 28000
 * invalid_authorization_specification   Vault does not let this server log in F0000
 * config_file_error             a setting, or a file that one names 42501 insufficient_privilege no
 * grant here, or no policy there 42704 undefined_object              no such secret, version,
 * mount, namespace 42809 wrong_object_type             the mount's KV version is not the one that
 * was assumed 22000 data_exception                the secret or the template is of no use 22023
 * invalid_parameter_value       a tenant name or path that is none 40001 serialization_failure
 * somebody else has written since (check-and-set) 55000 object_not_in_prerequisite_state   not
 * preloaded; a write without check-and-set
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "answer_text.h"
#include "guc.h"
#include "report.h"

struct outcome {
    int sqlstate; /* 0 stands for internal_error */
    const char *hint;
};

static const struct outcome outcomes[] = {
    [VC_NO_MEMORY] = {ERRCODE_OUT_OF_MEMORY, "Free memory on the server's machine."},
    [VC_INTERNAL] = {ERRCODE_INTERNAL_ERROR, "See the server's log."},
    [VC_CANCELLED] = {ERRCODE_SYSTEM_ERROR,
                      "Try again: the settings changed, or the fetcher was restarted, while Vault "
                      "was being asked."},

    [VC_BAD_NAME] = {ERRCODE_INVALID_PARAMETER_VALUE, NULL},
    [VC_BAD_SETTING] = {ERRCODE_CONFIG_FILE_ERROR,
                        "Correct the tenant_vault settings, then reload the server's "
                        "configuration."},
    [VC_BAD_FILE] = {ERRCODE_CONFIG_FILE_ERROR,
                     "The file must exist, belong to the server's user or root, be closed to "
                     "others and not be empty."},

    [VC_UNREACHABLE] = {ERRCODE_SYSTEM_ERROR,
                        "Check that Vault runs and that tenant_vault.address names it."},
    [VC_TIMEOUT] = {ERRCODE_SYSTEM_ERROR,
                    "Check Vault and the network to it; tenant_vault.request_timeout bounds the "
                    "wait."},
    [VC_TLS] = {ERRCODE_SYSTEM_ERROR,
                "Check tenant_vault.ca_cert, tenant_vault.tls_server_name and the dates of Vault's "
                "certificate."},
    [VC_SEALED] = {ERRCODE_SYSTEM_ERROR, "Unseal Vault."},
    [VC_NOT_INITIALIZED] = {ERRCODE_SYSTEM_ERROR, "Initialize Vault, then unseal it."},
    [VC_NOT_ACTIVE] = {ERRCODE_SYSTEM_ERROR,
                       "Try again; where that does not help, see that Vault's cluster has a "
                       "leader."},
    [VC_RATE_LIMITED] = {ERRCODE_CONFIGURATION_LIMIT_EXCEEDED,
                         "Try again later, or raise the rate limit quota in Vault."},
    [VC_SERVER_ERROR] = {ERRCODE_SYSTEM_ERROR, "See Vault's log."},
    [VC_BAD_REPLY] = {ERRCODE_IO_ERROR,
                      "Check that tenant_vault.address names Vault, and not something before it."},
    [VC_REPLY_TOO_LARGE] = {ERRCODE_IO_ERROR,
                            "Check that tenant_vault.address names Vault; a secret should be "
                            "small."},
    [VC_REDIRECT_REFUSED] = {ERRCODE_IO_ERROR, "Where the redirect is meant, list its target in "
                                               "tenant_vault.address."},

    [VC_LOGIN_REFUSED] = {ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
                          "Supply a valid credential: no login is tried again until its file "
                          "changes or the configuration is reloaded."},
    [VC_LOGIN_LOCKED] = {ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
                         "Wait for the end of Vault's lock-out (15 minutes by default), and check "
                         "tenant_vault.auth_mount and tenant_vault.namespace."},
    [VC_WRAPPING_SPENT] = {ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
                           "Find out who opened it, revoke what was in it, and issue a new wrapped "
                           "secret_id."},
    [VC_WRAPPING_FOREIGN] = {ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
                             "Somebody may have exchanged it: find out who, and issue a new "
                             "wrapped secret_id."},
    [VC_TOKEN_INVALID] = {ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION,
                          "Supply a valid token in tenant_vault.token_file."},

    [VC_PERMISSION_DENIED] = {ERRCODE_INSUFFICIENT_PRIVILEGE,
                              "Let the policy of this server's role in Vault read the path."},
    [VC_NOT_FOUND] = {ERRCODE_UNDEFINED_OBJECT,
                      "Write the secret in Vault, or check tenant_vault.prefix and "
                      "tenant_vault.environment."},
    [VC_VERSION_DELETED] = {ERRCODE_UNDEFINED_OBJECT,
                            "Undelete the version in Vault, or write a new one."},
    [VC_VERSION_DESTROYED] = {ERRCODE_UNDEFINED_OBJECT,
                              "Write a new version in Vault: a destroyed one cannot be had back."},
    [VC_NO_MOUNT] = {ERRCODE_UNDEFINED_OBJECT, "Check tenant_vault.kv_mount."},
    [VC_NO_NAMESPACE] = {ERRCODE_UNDEFINED_OBJECT, "Check tenant_vault.namespace."},
    [VC_KV_V1_PATH] = {ERRCODE_WRONG_OBJECT_TYPE,
                       "Check the KV version of the mount that tenant_vault.kv_mount names."},
    [VC_CAS_MISMATCH] = {ERRCODE_T_R_SERIALIZATION_FAILURE,
                         "Somebody else has written the secret: look at it, then try again."},
    [VC_CAS_REQUIRED] = {ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, NULL},
    [VC_BAD_REQUEST] = {ERRCODE_IO_ERROR, NULL},

    [VC_BAD_SECRET] = {ERRCODE_DATA_EXCEPTION, "Correct the secret in Vault."},
    [VC_BAD_TEMPLATE] = {ERRCODE_DATA_EXCEPTION,
                         "Correct tenant_url_template in the platform's secret \"database\"."},
};

/* An outcome beyond the table can only come from a fetcher of another build. */
static struct outcome outcome_of(enum vc_code code)
{
    static const struct outcome unknown = {.sqlstate = ERRCODE_INTERNAL_ERROR};

    if ((size_t)code >= lengthof(outcomes) || outcomes[code].sqlstate == 0)
        return unknown;
    return outcomes[code];
}

int tv_sqlstate(enum vc_code code)
{
    return outcome_of(code).sqlstate;
}

const char *tv_default_hint(enum vc_code code)
{
    return outcome_of(code).hint;
}

void tv_report_error(const struct vc_error *err)
{
    const char *hint = err->hint[0] != '\0' ? err->hint : tv_default_hint(err->code);

    ereport(ERROR, (errcode(tv_sqlstate(err->code)), errmsg("%s", err->message),
                    hint != NULL ? errhint("%s", tv_sentence(hint)) : 0));
    pg_unreachable();
}

/* What was being done, as the beginning of a message. */
static char *attempt(enum frame_kind kind, const char *name)
{
    switch (kind) {
    case KIND_TENANT:
        return psprintf("could not get the credentials of tenant \"%s\"", name);
    case KIND_SECRET:
        return psprintf("could not read secret \"%s\"", name);
    case KIND_LIST:
        break;
    }
    return pstrdup("could not list the tenants");
}

/* What leads to the request in Vault's audit log, or to the setting; NULL where there is neither.
 */
static char *request_detail(const TvAnswer *answer)
{
    int64 status = frame_find_number(answer->payload, answer->len, TAG_HTTP_STATUS, 0);
    char *request_id = tv_answer_message(answer, TAG_REQUEST_ID, VC_REQUEST_ID_SIZE - 1);

    if (status != 0 && request_id != NULL)
        return psprintf("Vault answered with HTTP status " INT64_FORMAT ", request ID %s.", status,
                        request_id);
    if (status != 0)
        return psprintf("Vault answered with HTTP status " INT64_FORMAT ".", status);
    if (request_id != NULL)
        return psprintf("Vault's request ID was %s.", request_id);
    /* The core, which has other users, does not know how its settings are called here. */
    if (answer->outcome == VC_BAD_SETTING)
        return pstrdup("The settings are named without their prefix \"tenant_vault.\".");
    return NULL;
}

const char *tv_message_of(const TvAnswer *answer)
{
    const char *message = tv_answer_message(answer, TAG_MESSAGE, VC_MESSAGE_SIZE - 1);

    return message != NULL ? message : vc_code_text(answer->outcome);
}

void tv_report_attempt(const char *attempted, const TvAnswer *answer)
{
    const char *hint = tv_answer_message(answer, TAG_HINT, VC_HINT_SIZE - 1);
    const char *detail = request_detail(answer);

    if (hint == NULL)
        hint = tv_default_hint(answer->outcome);
    ereport(ERROR, (errcode(tv_sqlstate(answer->outcome)),
                    errmsg("%s: %s", attempted, tv_message_of(answer)),
                    detail != NULL ? errdetail("%s", detail) : 0,
                    hint != NULL ? errhint("%s", tv_sentence(hint)) : 0));
    pg_unreachable();
}

void tv_report_answer(enum frame_kind kind, const char *name, const TvAnswer *answer)
{
    tv_report_attempt(attempt(kind, name), answer);
}

void tv_report_bad_secret(enum frame_kind kind, const char *name, const char *why)
{
    ereport(ERROR, (errcode(tv_sqlstate(VC_BAD_SECRET)), errmsg("%s: %s", attempt(kind, name), why),
                    errhint("%s", tv_default_hint(VC_BAD_SECRET))));
    pg_unreachable();
}

void tv_require_preloaded(void)
{
    if (tv_preloaded)
        return;
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("tenant_vault must be loaded by shared_preload_libraries"),
                    errhint("Add tenant_vault to shared_preload_libraries in postgresql.conf and "
                            "restart the server.")));
}
