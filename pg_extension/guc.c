/*
 * guc.c - the extension's settings (tenant_vault.*), and what is derived from them.
 *
 * Values are checked by the very setter that the fetcher uses (common/settings.c), so that a value
 * which PostgreSQL accepts is one that the fetcher can work with. A setting that only fails
 * together with others (no address, no credential) is accepted here and reported by the fetcher:
 * the server must start. Called from _PG_init, the keeper and the backends.
 */
#include "postgres.h"

#include <limits.h>

#include "miscadmin.h"
#include "utils/guc.h"

#include "../common/allocator.h"
#include "../common/settings.h"
#include "../common/tenant_layout.h"
#include "guc.h"

#define SECOND 1000 /* in ms, the unit of all durations here */
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* The bounds of common/settings.c. */
#define TIMEOUT_MIN 1
#define TIMEOUT_MAX HOUR
#define RENEW_CHECK_MIN 100
#define RENEW_CHECK_MAX DAY
#define RENEW_THRESHOLD_MIN 0.05
#define RENEW_THRESHOLD_MAX 0.95

#define REQUEST_RATE_MAX 1000000 /* beyond what any Vault answers */
#define NEGATIVE_TTL_MAX HOUR    /* longer, and nobody would think of it when a secret is missing */
#define CACHE_SIZE_MIN 1024      /* kB: DSA hands out segments of this order */
#define MAX_TENANTS_MIN 100
#define MAX_TENANTS_MAX 1000000 /* slots are allocated at start, some 200 bytes each */

#define NUMBER_TEXT 32 /* "%.17g" of a double and "%d" of an int need at most 25 */

char *tv_address, *tv_namespace, *tv_ca_cert, *tv_client_cert, *tv_client_key, *tv_tls_server_name;
int tv_auth_method = VC_AUTH_APPROLE;
char *tv_auth_mount, *tv_auth_role, *tv_role_id, *tv_role_id_file, *tv_secret_id_file,
    *tv_token_file, *tv_jwt_file, *tv_token_store;
bool tv_secret_id_wrapped = false;
char *tv_kv_mount, *tv_prefix, *tv_environment;
int tv_request_timeout = 10 * SECOND, tv_connect_timeout = 3 * SECOND;
int tv_cache_size = 64 * 1024;
int tv_max_tenants = 10000;
int tv_cache_ttl = 5 * MINUTE, tv_stale_limit = HOUR, tv_negative_ttl = 5 * SECOND;
int tv_login_max_age = 30 * SECOND;
char *tv_login_group, *tv_hba_file;
double tv_renew_threshold = 0.75;
int tv_renew_check_interval = MINUTE;
int tv_max_request_rate = 1000;

bool tv_preloaded = false;

/* VC_AUTH_TOKEN is left out: a token in a setting would be a secret in a file for many to read. */
static const struct config_enum_entry auth_methods[] = {
    {"approle", VC_AUTH_APPROLE, false},
    {"token_file", VC_AUTH_TOKEN_FILE, false},
    {"cert", VC_AUTH_CERT, false},
    {"jwt", VC_AUTH_JWT, false},
    {NULL, 0, false},
};

static bool scope_built = false;

/* ---- checking ---- */

static bool setting_acceptable(const char *setting, const char *value)
{
    struct vc_settings settings;
    struct vc_error err;
    enum vc_code code;

    vc_settings_init(&settings, &vc_wiping_allocator);
    code = vc_settings_set(&settings, setting, value, &err);
    vc_settings_free(&settings);
    if (code == VC_OK)
        return true;
    GUC_check_errdetail("%s", err.message);
    return false;
}

/* A part of every path: never empty, because an empty one would silently mean the default. */
static bool path_part_acceptable(const char *setting, const char *value)
{
    if (value[0] == '\0') {
        GUC_check_errdetail("It must not be empty.");
        return false;
    }
    if (strlen(value) > VC_PATH_MAX) { /* before slashes are trimmed: tv_scope's buffer */
        GUC_check_errdetail("It must not be longer than %d bytes.", VC_PATH_MAX);
        return false;
    }
    return setting_acceptable(setting, value);
}

static bool check_namespace(char **newval, void **extra, GucSource source)
{
    return (*newval)[0] == '\0' || path_part_acceptable("namespace", *newval);
}

/* A check hook is not told whose value it checks: each setting has its own. */
#define CHECK_BY(function, setting)                                                                \
    static bool check_##setting(char **newval, void **extra, GucSource source)                     \
    {                                                                                              \
        return function(#setting, *newval);                                                        \
    }

CHECK_BY(setting_acceptable, address)
CHECK_BY(setting_acceptable, ca_cert)
CHECK_BY(setting_acceptable, client_cert)
CHECK_BY(setting_acceptable, client_key)
CHECK_BY(setting_acceptable, tls_server_name)
CHECK_BY(setting_acceptable, auth_mount)
CHECK_BY(setting_acceptable, role)
CHECK_BY(setting_acceptable, role_id)
CHECK_BY(setting_acceptable, role_id_file)
CHECK_BY(setting_acceptable, secret_id_file)
CHECK_BY(setting_acceptable, token_file)
CHECK_BY(setting_acceptable, jwt_file)
CHECK_BY(setting_acceptable, token_store)
CHECK_BY(path_part_acceptable, kv_mount)
CHECK_BY(path_part_acceptable, prefix)
CHECK_BY(path_part_acceptable, environment)

/* A role's name that fits into one word of an HBA file. */
static bool check_login_group(char **newval, void **extra, GucSource source)
{
    size_t len = strlen(*newval);

    if (len == 0 || len >= NAMEDATALEN) {
        GUC_check_errdetail("It must have 1 to %d bytes.", NAMEDATALEN - 1);
        return false;
    }
    if (strpbrk(*newval, "\"\\\n\r") != NULL) {
        GUC_check_errdetail("It must have no quotation mark, backslash or line break.");
        return false;
    }
    return true;
}

static bool check_hba_file(char **newval, void **extra, GucSource source)
{
    const char *path = *newval;

    if (path[0] == '\0' || path[0] == '/' || strcmp(path, "none") == 0)
        return true;
    GUC_check_errdetail("It must be an absolute path, \"none\" or empty.");
    return false;
}

static void forget_scope(const char *newval, void *extra)
{
    scope_built = false;
}

/* ---- defining ---- */

struct string_setting {
    const char *name, *summary, *detail;
    char **variable;
    const char *by_default;
    GucStringCheckHook check;
    GucStringAssignHook assign;
};

static const struct string_setting string_settings[] = {
    {.name = "tenant_vault.address",
     .summary = "Addresses of Vault, comma-separated; they are tried in turn.",
     .detail = "For example https://vault1:8200,https://vault2:8200.",
     .variable = &tv_address,
     .check = check_address},
    {.name = "tenant_vault.namespace",
     .summary = "Vault namespace of all requests.",
     .variable = &tv_namespace,
     .check = check_namespace,
     .assign = forget_scope},
    {.name = "tenant_vault.ca_cert",
     .summary = "File of the certificate authorities that Vault's certificate is checked against.",
     .detail = "Empty: the system's.",
     .variable = &tv_ca_cert,
     .check = check_ca_cert},
    {.name = "tenant_vault.client_cert",
     .summary = "File of the TLS certificate shown to Vault.",
     .variable = &tv_client_cert,
     .check = check_client_cert},
    {.name = "tenant_vault.client_key",
     .summary = "File of the private key of tenant_vault.client_cert.",
     .variable = &tv_client_key,
     .check = check_client_key},
    {.name = "tenant_vault.tls_server_name",
     .summary = "Name that Vault's certificate must bear.",
     .detail = "Empty: the host name in tenant_vault.address.",
     .variable = &tv_tls_server_name,
     .check = check_tls_server_name},
    {.name = "tenant_vault.auth_mount",
     .summary = "Mount path of the authentication method in Vault.",
     .detail = "Empty: approle, cert or jwt, by tenant_vault.auth_method.",
     .variable = &tv_auth_mount,
     .check = check_auth_mount},
    {.name = "tenant_vault.auth_role",
     .summary = "Role (jwt) or certificate name (cert) to log in as.",
     .variable = &tv_auth_role,
     .check = check_role},
    {.name = "tenant_vault.role_id",
     .summary = "AppRole role_id to log in with.",
     .variable = &tv_role_id,
     .check = check_role_id},
    {.name = "tenant_vault.role_id_file",
     .summary = "File that holds the AppRole role_id.",
     .variable = &tv_role_id_file,
     .check = check_role_id_file},
    {.name = "tenant_vault.secret_id_file",
     .summary = "File that holds the AppRole secret_id; read anew at each login.",
     .detail = "It must belong to the server's user or root and be closed to others.",
     .variable = &tv_secret_id_file,
     .check = check_secret_id_file},
    {.name = "tenant_vault.token_file",
     .summary = "File that holds a Vault token, kept by an agent; read anew when it changes.",
     .variable = &tv_token_file,
     .check = check_token_file},
    {.name = "tenant_vault.jwt_file",
     .summary = "File that holds the JWT to log in with; read anew at each login.",
     .variable = &tv_jwt_file,
     .check = check_jwt_file},
    {.name = "tenant_vault.token_store",
     .summary = "File in which the Vault token outlives a restart of the server.",
     .detail = "On a disk that a reboot empties, never in the data directory. Empty: the token is "
               "revoked at shutdown.",
     .variable = &tv_token_store,
     .check = check_token_store},
    {.name = "tenant_vault.kv_mount",
     .summary = "Mount path of the KV secrets engine.",
     .variable = &tv_kv_mount,
     .by_default = "secret",
     .check = check_kv_mount,
     .assign = forget_scope},
    {.name = "tenant_vault.prefix",
     .summary = "Path below the mount under which all secrets lie.",
     .variable = &tv_prefix,
     .by_default = "saas-project",
     .check = check_prefix,
     .assign = forget_scope},
    {.name = "tenant_vault.environment",
     .summary = "Path below the prefix under which this cluster's tenants lie.",
     .variable = &tv_environment,
     .by_default = "dev",
     .check = check_environment,
     .assign = forget_scope},
};

static void define_strings(void)
{
    for (size_t i = 0; i < lengthof(string_settings); i++) {
        const struct string_setting *setting = &string_settings[i];

        DefineCustomStringVariable(
            setting->name, setting->summary, setting->detail, setting->variable,
            setting->by_default != NULL ? setting->by_default : "", PGC_SIGHUP, GUC_SUPERUSER_ONLY,
            setting->check, setting->assign, NULL);
    }
}

static void define_login(void)
{
    DefineCustomEnumVariable("tenant_vault.auth_method", "How to log in to Vault.", NULL,
                             &tv_auth_method, VC_AUTH_APPROLE, auth_methods, PGC_SIGHUP,
                             GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
    DefineCustomBoolVariable("tenant_vault.secret_id_wrapped",
                             "The secret_id file holds a wrapping token instead of a secret_id.",
                             NULL, &tv_secret_id_wrapped, false, PGC_SIGHUP, GUC_SUPERUSER_ONLY,
                             NULL, NULL, NULL);
    DefineCustomRealVariable("tenant_vault.renew_threshold",
                             "Share of its time to live after which the Vault token is renewed.",
                             NULL, &tv_renew_threshold, 0.75, RENEW_THRESHOLD_MIN,
                             RENEW_THRESHOLD_MAX, PGC_SIGHUP, 0, NULL, NULL, NULL);
}

static void define_duration(const char *name, const char *summary, const char *detail,
                            int *variable, int by_default, int min, int max)
{
    DefineCustomIntVariable(name, summary, detail, variable, by_default, min, max, PGC_SIGHUP,
                            GUC_UNIT_MS, NULL, NULL, NULL);
}

/* Of logins to PostgreSQL. Both names are read into the HBA file, once: at start. */
static void define_server_login(void)
{
    GucContext at_start = tv_preloaded ? PGC_POSTMASTER : PGC_SIGHUP;

    define_duration("tenant_vault.login_max_age",
                    "Age up to which a login accepts a cached secret without asking Vault.",
                    "0: every login asks.", &tv_login_max_age, 30 * SECOND, 0, INT_MAX);
    DefineCustomStringVariable("tenant_vault.login_group",
                               "Group of the roles whose passwords Vault holds.", NULL,
                               &tv_login_group, "tenant_vault_login", at_start, GUC_SUPERUSER_ONLY,
                               check_login_group, NULL, NULL);
    DefineCustomStringVariable("tenant_vault.hba_file",
                               "File for pg_hba.conf that names the login group while the library "
                               "is loaded.",
                               "Empty: tenant_vault.PORT in the first Unix socket directory. none: "
                               "no file.",
                               &tv_hba_file, "", at_start, GUC_SUPERUSER_ONLY, check_hba_file, NULL,
                               NULL);
}

static void define_durations(void)
{
    define_duration("tenant_vault.request_timeout",
                    "Longest wait for a secret, all retries included.", NULL, &tv_request_timeout,
                    10 * SECOND, TIMEOUT_MIN, TIMEOUT_MAX);
    define_duration("tenant_vault.connect_timeout",
                    "Longest wait for a connection to one address of Vault.", NULL,
                    &tv_connect_timeout, 3 * SECOND, TIMEOUT_MIN, TIMEOUT_MAX);
    define_duration("tenant_vault.cache_ttl",
                    "Age from which a cached secret is read from Vault again.", NULL, &tv_cache_ttl,
                    5 * MINUTE, 0, INT_MAX);
    define_duration("tenant_vault.stale_limit",
                    "Age up to which a cached secret is served while Vault cannot be asked.",
                    "0: never beyond tenant_vault.cache_ttl.", &tv_stale_limit, HOUR, 0, INT_MAX);
    define_duration("tenant_vault.negative_ttl",
                    "How long Vault's answer that there is no secret, or no permission, is kept.",
                    NULL, &tv_negative_ttl, 5 * SECOND, 0, NEGATIVE_TTL_MAX);
    define_duration("tenant_vault.renew_check_interval",
                    "Longest time between two looks at the Vault token's age.", NULL,
                    &tv_renew_check_interval, MINUTE, RENEW_CHECK_MIN, RENEW_CHECK_MAX);
}

static void define_sizes(void)
{
    /*
     * Settings of the postmaster's context can only be made while it preloads; a library that was
     * merely loaded has no cache, and takes them so that the prefix's reservation does not complain
     * of them.
     */
    GucContext at_start = tv_preloaded ? PGC_POSTMASTER : PGC_SIGHUP;

    DefineCustomIntVariable("tenant_vault.cache_size", "Shared memory for cached secrets.", NULL,
                            &tv_cache_size, 64 * 1024, CACHE_SIZE_MIN, MAX_KILOBYTES, at_start,
                            GUC_UNIT_KB, NULL, NULL, NULL);
    DefineCustomIntVariable("tenant_vault.max_tenants", "Number of secrets that can be cached.",
                            NULL, &tv_max_tenants, 10000, MAX_TENANTS_MIN, MAX_TENANTS_MAX,
                            at_start, 0, NULL, NULL, NULL);
    DefineCustomIntVariable("tenant_vault.max_request_rate",
                            "Most requests per second to Vault, of all sessions together.", NULL,
                            &tv_max_request_rate, 1000, 1, REQUEST_RATE_MAX, PGC_SIGHUP, 0, NULL,
                            NULL, NULL);
}

void tv_guc_define(void)
{
    define_strings();
    define_login();
    define_durations();
    define_server_login();
    define_sizes();
    MarkGUCPrefixReserved("tenant_vault");
}

/* ---- deriving ---- */

const char *tv_scope(size_t *len)
{
    /* Three paths, an environment, three newlines and the NUL. */
    static char scope[3 * VC_PATH_MAX + VC_ENVIRONMENT_MAX + 4];
    static size_t scope_len;

    if (!scope_built) {
        scope_len = snprintf(scope, sizeof(scope), "%s\n%s\n%s\n%s", tv_namespace, tv_kv_mount,
                             tv_prefix, tv_environment);
        Assert(scope_len < sizeof(scope));
        scope_built = true;
    }
    *len = scope_len;
    return scope;
}

static const char *auth_method_name(void)
{
    for (const struct config_enum_entry *method = auth_methods; method->name != NULL; method++)
        if (method->val == tv_auth_method)
            return method->name;
    return "";
}

void tv_guc_for_each_fetcher_setting(void (*put)(void *ctx, const char *name, const char *value),
                                     void *ctx)
{
    const struct {
        const char *name, *value;
    } texts[] = {
        {"address", tv_address},
        {"namespace", tv_namespace},
        {"ca_cert", tv_ca_cert},
        {"client_cert", tv_client_cert},
        {"client_key", tv_client_key},
        {"tls_server_name", tv_tls_server_name},
        {"auth_method", auth_method_name()},
        {"auth_mount", tv_auth_mount},
        {"role", tv_auth_role},
        {"role_id", tv_role_id},
        {"role_id_file", tv_role_id_file},
        {"secret_id_file", tv_secret_id_file},
        {"secret_id_wrapped", tv_secret_id_wrapped ? "true" : "false"},
        {"token_file", tv_token_file},
        {"jwt_file", tv_jwt_file},
        {"token_store", tv_token_store},
        {"kv_mount", tv_kv_mount},
        {"prefix", tv_prefix},
        {"environment", tv_environment},
    };
    const struct {
        const char *name;
        int ms;
    } durations[] = {
        {"request_timeout", tv_request_timeout},
        {"connect_timeout", tv_connect_timeout},
        {"renew_check_interval", tv_renew_check_interval},
    };
    char text[NUMBER_TEXT];

    for (size_t i = 0; i < lengthof(texts); i++)
        put(ctx, texts[i].name, texts[i].value);
    for (size_t i = 0; i < lengthof(durations); i++) {
        snprintf(text, sizeof(text), "%dms", durations[i].ms);
        put(ctx, durations[i].name, text);
    }
    snprintf(text, sizeof(text), "%.17g", tv_renew_threshold);
    put(ctx, "renew_threshold", text);
    snprintf(text, sizeof(text), "%d", tv_max_request_rate);
    put(ctx, "max_request_rate", text);
}
