/*
 * command_check.c - `minio-helper check`: says in order what works and what does not.
 *
 * Each step is a line: "ok", "--" (not there, which may be meant so) or "FAILED" with what to do. A
 * step that the later ones need ends the run. The exit status is the first failure's.
 */
#include "command.h"

#include <stdio.h>
#include <string.h>

#include "credential_source.h"
#include "report.h"
#include "shared_options.h"
#include "s3_probe.h"
#include "vault_session.h"

struct check {
    const char *tenant;
    bool minio;
    struct vault_session session;
    enum exit_status status; /* of the first failure */
};

static const struct option_row rows[] = {
    OPTION_TENANT(struct check, tenant,
                  "look at this tenant's secrets and S3 credentials as well: what is\n"
                  "inside its bounds must open, what is outside must not"),
    {"minio", 0, NULL, "the S3 server must refuse MinIO's default password", option_take_flag,
     offsetof(struct check, minio)},
};

static const struct usage usage = {
    .command = "check",
    .arguments = "",
    .summary = "Say step by step what works: settings, Vault, login, each secret, S3.",
    .notes = "example:\n"
             "  minio-helper check --tenant acme",
    .operands_least = 0,
    .operands_most = 0,
    .options = rows,
    .option_count = sizeof(rows) / sizeof(rows[0]),
};

/* ---- what is said ---- */

static void say_ok(const char *what, const char *which, const char *detail)
{
    printf("ok      %s %s%s%s\n", what, which, detail[0] != '\0' ? ": " : "", detail);
}

static void say_absent(const char *what, const char *which)
{
    printf("--      %s %s: nothing there\n", what, which);
}

static void say_failed(struct check *check, const char *what, const char *which,
                       const struct vc_error *err)
{
    printf("FAILED  %s %s: %s\n", what, which, err->message);
    if (err->hint[0] != '\0')
        printf("        %s\n", err->hint);
    if (check->status == STATUS_DONE)
        check->status = exit_status_of(err->code);
}

/* ---- the steps ---- */

static bool check_settings(struct check *check)
{
    static const struct vault_session_options options = {.long_lived = true};
    struct vc_error err = {.code = VC_OK};

    if (vault_session_open(&check->session, &options, &err) != VC_OK) {
        say_failed(check, "settings", "of the environment", &err);
        return false;
    }
    say_ok("settings", "of the environment", check->session.settings.environment);
    if (check->session.settings.skip_verify)
        printf("--      VAULT_SKIP_VERIFY is set: anyone on the way can read every secret\n");
    return true;
}

/* True where at least one address answers. */
static bool check_addresses(struct check *check)
{
    const struct vc_settings *settings = &check->session.settings;
    bool alive = false;

    for (size_t i = 0; i < settings->address_count; i++) {
        struct vc_error err = {.code = VC_OK};
        enum vc_health health = VC_HEALTH_UNKNOWN;

        if (vault_session_alive(&check->session, i, 0, &health, &err) == VC_OK) {
            say_ok("Vault", settings->addresses[i], vc_health_text(health));
            alive = true;
            continue;
        }
        say_failed(check, "Vault", settings->addresses[i], &err);
    }
    return alive;
}

static bool check_login(struct check *check)
{
    struct vc_error err = {.code = VC_OK};
    struct vc_client_status status;
    char detail[64] = "";

    if (vault_session_login(&check->session, 0, &err) != VC_OK) {
        say_failed(check, "login", "to Vault", &err);
        return false;
    }
    vc_client_status(check->session.client, &status);
    if (status.token_expires_at > 0)
        snprintf(detail, sizeof(detail), "token valid for %lld s, %s",
                 (long long)(status.token_expires_at - vc_now()) / 1000,
                 status.token_renewable ? "renewable" : "not renewable");
    say_ok("login", "to Vault", detail);
    return true;
}

static void check_secret(struct check *check, const char *tenant, const char *what)
{
    struct vc_error err = {.code = VC_OK};
    char path[VC_PATH_MAX + 1];
    struct vc_kv_secret secret;
    char detail[64];
    enum vc_code code = vault_session_path(&check->session, tenant, what, path, &err);

    if (code == VC_OK)
        code = vault_session_read(&check->session, path, 0, &secret, &err);
    if (code == VC_NOT_FOUND) {
        say_absent("secret", path);
    } else if (code != VC_OK) {
        say_failed(check, "secret", path[0] != '\0' ? path : what, &err);
    } else {
        snprintf(detail, sizeof(detail), "version %lld, %d fields", secret.version,
                 cJSON_GetArraySize(secret.data));
        say_ok("secret", path, detail);
        vc_kv_secret_free(&secret);
    }
}

static void check_secrets(struct check *check)
{
    static const char *const names[] = {"database", "jwt", "s3"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        check_secret(check, NULL, names[i]);
    if (check->tenant == NULL)
        return;
    check_secret(check, check->tenant, "database");
    check_secret(check, check->tenant, "s3");
}

static void check_inside(struct check *check, const struct s3_credentials *credentials)
{
    const struct s3_probe_server server = {.ca_cert = s3_probe_ca()};
    struct vc_error err = {.code = VC_OK};

    if (s3_probe_list(credentials, credentials->bucket, credentials->prefix, &server, &err) ==
        VC_OK)
        say_ok("S3", "list within the bounds", credentials->bucket);
    else
        say_failed(check, "S3", "list within the bounds", &err);
}

/* With a prefix the whole bucket is outside, else another bucket. 404 means: may look. */
static void check_outside(struct check *check, const struct s3_credentials *credentials)
{
    const struct s3_probe_server server = {.ca_cert = s3_probe_ca()};
    struct vc_error err = {.code = VC_OK};
    char other[80];
    enum vc_code code;

    snprintf(other, sizeof(other), "%.60s-x", credentials->bucket);
    code = s3_probe_list(credentials, credentials->prefix != NULL ? credentials->bucket : other,
                         NULL, &server, &err);
    if (code == VC_PERMISSION_DENIED) {
        say_ok("S3", "list outside the bounds", "refused, as it should be");
        return;
    }
    if (code == VC_OK || code == VC_NOT_FOUND) {
        vc_error_set(&err, VC_PERMISSION_DENIED, "permitted: these credentials are not confined");
        vc_error_hint(&err, "take the policy of this user back, or remove its static keys for STS");
    }
    say_failed(check, "S3", "list outside the bounds", &err);
}

static void check_default_password(struct check *check, const struct s3_credentials *credentials)
{
    const struct s3_probe_server server = {.ca_cert = s3_probe_ca()};
    struct vc_error err = {.code = VC_OK};
    enum vc_code code = s3_probe_default_password(credentials, &server, &err);

    if (code == VC_PERMISSION_DENIED) {
        say_ok("S3", "default password", "refused, as it should be");
        return;
    }
    if (code == VC_OK) {
        vc_error_set(&err, VC_PERMISSION_DENIED, "MinIO takes minioadmin: it is open to everyone");
        vc_error_hint(&err, "start it by: minio-helper exec --minio -- minio server ...");
    }
    say_failed(check, "S3", "default password", &err);
}

static void check_s3(struct check *check)
{
    const struct credential_request request = {
        .tenant = check->tenant, .secret = CREDENTIAL_SECRET, .needs_location = true};
    const char *whose = check->tenant != NULL ? check->tenant : "platform";
    struct vc_error err = {.code = VC_OK};
    struct s3_credentials credentials;

    s3_credentials_init(&credentials, &vc_wiping_allocator);
    if (credential_source_get(&check->session, &request, &credentials, NULL, &err) != VC_OK) {
        say_failed(check, "S3 credentials of", whose, &err);
    } else {
        say_ok("S3 credentials of", whose,
               credentials.session_token != NULL ? "temporary ones" : "static keys");
        if (credentials.bucket != NULL)
            check_inside(check, &credentials);
        if (check->tenant != NULL && credentials.bucket != NULL)
            check_outside(check, &credentials);
        if (check->minio)
            check_default_password(check, &credentials);
    }
    s3_credentials_free(&credentials);
}

int command_check(int argc, char **argv)
{
    struct check check = {.status = STATUS_DONE};
    char **operands;
    int status;

    if (!options_parse(&usage, argc, argv, &check, &operands, &status))
        return status;
    if (check_settings(&check) && check_addresses(&check) && check_login(&check)) {
        check_secrets(&check);
        if (check.tenant != NULL || check.minio)
            check_s3(&check);
    }
    vault_session_close(&check.session);
    return check.status;
}
