/*
 * settings.c - everything that says which Vault is asked, as whom, and for how long.
 *
 * One table of rules: each setting has a name, a kind that says which values are refused, and a
 * default. Called by settings_environment (command-line programs) and by the fetcher (PostgreSQL's
 * GUCs).
 */
#include "settings.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "setting_value.h"
#include "tenant_layout.h"
#include "utf8.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define TEXT_MAX_BYTES                                                                             \
    8192 /* an HTTP header must fit a token; batch tokens have some 200 bytes                      \
          */

enum kind {
    KIND_ADDRESSES,
    KIND_METHOD,
    KIND_AUTH_MOUNT,
    KIND_MOUNT_PATH,
    KIND_ENVIRONMENT,
    KIND_HOST_NAME,
    KIND_FILE,  /* path of a file or directory */
    KIND_TEXT,  /* travels in JSON */
    KIND_TOKEN, /* travels in an HTTP header */
    KIND_BOOL,
    KIND_INTEGER,
    KIND_NUMBER,
    KIND_DURATION
};

struct rule {
    const char *name;
    enum kind kind;
    size_t offset;          /* of the field, in struct vc_settings */
    const char *by_default; /* as text, or NULL */
    double low, high;       /* of numbers; durations in milliseconds */
};

#define SECOND 1000.0
#define HOUR (3600.0 * SECOND)

#define NUMBER(a_name, a_kind, field, a_default, lowest, highest)                                  \
    {                                                                                              \
        .name = a_name, .kind = a_kind, .offset = offsetof(struct vc_settings, field),             \
        .by_default = a_default, .low = lowest, .high = highest                                    \
    }
#define VALUE(a_name, a_kind, field, a_default) NUMBER(a_name, a_kind, field, a_default, 0, 0)

static const struct rule rules[] = {
    VALUE("address", KIND_ADDRESSES, addresses, NULL),
    VALUE("namespace", KIND_MOUNT_PATH, namespace_path, NULL),
    VALUE("ca_cert", KIND_FILE, ca_cert, NULL),
    VALUE("ca_path", KIND_FILE, ca_path, NULL),
    VALUE("client_cert", KIND_FILE, client_cert, NULL),
    VALUE("client_key", KIND_FILE, client_key, NULL),
    VALUE("tls_server_name", KIND_HOST_NAME, tls_server_name, NULL),
    VALUE("skip_verify", KIND_BOOL, skip_verify, "false"),
    VALUE("auth_method", KIND_METHOD, auth_method, "approle"),
    VALUE("auth_mount", KIND_AUTH_MOUNT, auth_mount, NULL),
    VALUE("role", KIND_TEXT, auth_role, NULL),
    VALUE("role_id", KIND_TEXT, role_id, NULL),
    VALUE("role_id_file", KIND_FILE, role_id_file, NULL),
    VALUE("secret_id", KIND_TEXT, secret_id, NULL),
    VALUE("secret_id_file", KIND_FILE, secret_id_file, NULL),
    VALUE("secret_id_wrapped", KIND_BOOL, secret_id_wrapped, "false"),
    VALUE("token", KIND_TOKEN, token, NULL),
    VALUE("token_file", KIND_FILE, token_file, NULL),
    VALUE("jwt_file", KIND_FILE, jwt_file, NULL),
    VALUE("token_store", KIND_FILE, token_store, NULL),
    VALUE("check_token", KIND_BOOL, check_token, "true"),
    VALUE("kv_mount", KIND_MOUNT_PATH, kv_mount, "secret"),
    VALUE("prefix", KIND_MOUNT_PATH, secret_prefix, "saas-project"),
    VALUE("environment", KIND_ENVIRONMENT, environment, "dev"),
    /* Never 0: every wait has an end. */
    NUMBER("request_timeout", KIND_DURATION, request_timeout, "10s", 1, HOUR),
    NUMBER("connect_timeout", KIND_DURATION, connect_timeout, "3s", 1, HOUR),
    /* Each retry waits; request_timeout bounds them all together. */
    NUMBER("max_retries", KIND_INTEGER, max_retries, "2", 0, 100),
    /* At 0 a token would be renewed without end, at 1 when it is gone. */
    NUMBER("renew_threshold", KIND_NUMBER, renew_threshold, "0.75", 0.05, 0.95),
    NUMBER("renew_check_interval", KIND_DURATION, renew_check_interval, "60s", 100, 24 * HOUR),
    NUMBER("max_request_rate", KIND_NUMBER, max_request_rate, "1000", 0.1, 1e6),
};

struct method {
    const char *name;
    enum vc_auth_method method;
    const char *mount;
};

static const struct method methods[] = {
    {.name = "approle", .method = VC_AUTH_APPROLE, .mount = "approle"},
    {.name = "token", .method = VC_AUTH_TOKEN, .mount = "token"},
    {.name = "token_file", .method = VC_AUTH_TOKEN_FILE, .mount = "token"},
    {.name = "cert", .method = VC_AUTH_CERT, .mount = "cert"},
    {.name = "jwt", .method = VC_AUTH_JWT, .mount = "jwt"},
    {.name = "kubernetes", .method = VC_AUTH_JWT, .mount = "kubernetes"},
};

static void *field_of(struct vc_settings *settings, const struct rule *rule)
{
    return (char *)settings + rule->offset;
}

static bool holds_string(enum kind kind)
{
    switch (kind) {
    case KIND_AUTH_MOUNT:
    case KIND_MOUNT_PATH:
    case KIND_ENVIRONMENT:
    case KIND_HOST_NAME:
    case KIND_FILE:
    case KIND_TEXT:
    case KIND_TOKEN:
        return true;
    default:
        return false;
    }
}

static enum vc_code no_memory(struct vc_error *err)
{
    return vc_error_set(err, VC_NO_MEMORY, "out of memory while reading settings");
}

static enum vc_code refuse(const struct rule *rule, const char *why, struct vc_error *err)
{
    return vc_error_set(err, VC_BAD_SETTING, "setting \"%s\": %s", rule->name, why);
}

static void free_addresses(const struct vc_allocator *allocator, char **addresses, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        vc_strfree(allocator, addresses[i]);
        addresses[i] = NULL;
    }
}

static enum vc_code replace_string(struct vc_settings *settings, char **field, const char *text,
                                   size_t len, struct vc_error *err)
{
    char *copy = NULL;

    if (text != NULL) {
        copy = vc_strndup(settings->allocator, text, len);
        if (copy == NULL)
            return no_memory(err);
    }
    vc_strfree(settings->allocator, *field);
    *field = copy;
    return VC_OK;
}

/* Which bytes a KIND_TEXT, KIND_FILE and KIND_TOKEN may hold; NULL where all is well. */
static const char *text_fault(enum kind kind, const char *value, size_t len)
{
    if (len > (kind == KIND_FILE ? PATH_MAX - 1 : TEXT_MAX_BYTES))
        return "too long";
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)value[i];

        if (c < 0x20 || c == 0x7F)
            return "holds a control character";
        if (kind == KIND_TOKEN && (c == ' ' || c > 0x7F))
            return "holds a character that no token has";
    }
    if (kind != KIND_FILE && !vc_utf8_valid(value, len))
        return "not valid UTF-8";
    return NULL;
}

static const char *host_name_fault(const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:",
                   value[i]) == NULL)
            return "not a host name";
    return len > VC_ADDRESS_MAX ? "too long" : NULL;
}

static void trim_slashes(const char **value, size_t *len)
{
    for (; *len > 0 && (*value)[0] == '/'; (*value)++)
        (*len)--;
    while (*len > 0 && (*value)[*len - 1] == '/')
        (*len)--;
}

static const char *string_fault(enum kind kind, const char *value, size_t len)
{
    switch (kind) {
    case KIND_AUTH_MOUNT:
    case KIND_MOUNT_PATH:
        return vc_path_valid(value, len) ? NULL : "not a path of names joined by single slashes";
    case KIND_ENVIRONMENT:
        return vc_environment_valid(value) ? NULL
                                           : "must be [a-z0-9][a-z0-9_-]* of at most 32 characters";
    case KIND_HOST_NAME:
        return host_name_fault(value, len);
    default:
        return text_fault(kind, value, len);
    }
}

static enum vc_code set_string(struct vc_settings *settings, const struct rule *rule,
                               const char *value, struct vc_error *err)
{
    size_t len = value == NULL ? 0 : strlen(value);

    if (value != NULL) {
        const char *fault;

        if (rule->kind == KIND_MOUNT_PATH || rule->kind == KIND_AUTH_MOUNT)
            trim_slashes(&value, &len);
        fault = string_fault(rule->kind, value, len);
        if (fault != NULL)
            return refuse(rule, fault, err);
    }
    return replace_string(settings, field_of(settings, rule), value, len, err);
}

static enum vc_code set_auth_mount(struct vc_settings *settings, const struct rule *rule,
                                   const char *value, struct vc_error *err)
{
    const char *mount = value == NULL ? settings->default_auth_mount : value;
    enum vc_code code = set_string(settings, rule, mount, err);

    if (code == VC_OK)
        settings->auth_mount_given = value != NULL;
    return code;
}

static enum vc_code set_method(struct vc_settings *settings, const struct rule *rule,
                               const char *value, struct vc_error *err)
{
    const struct method *method = NULL;

    for (size_t i = 0; i < COUNT(methods) && method == NULL; i++)
        if (strcmp(value, methods[i].name) == 0)
            method = &methods[i];
    if (method == NULL)
        return refuse(rule, "must be approle, token, token_file, cert, jwt or kubernetes", err);

    if (!settings->auth_mount_given &&
        replace_string(settings, &settings->auth_mount, method->mount, strlen(method->mount),
                       err) != VC_OK)
        return VC_NO_MEMORY;
    settings->auth_method = method->method;
    settings->default_auth_mount = method->mount;
    return VC_OK;
}

static bool is_listed(char *const *addresses, size_t count, const char *address)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(addresses[i], address) == 0)
            return true;
    return false;
}

/* Adds one address of the list; one that is there already counts once. */
static enum vc_code add_address(const struct vc_allocator *allocator, const struct rule *rule,
                                const char *text, size_t len, char **addresses, size_t *count,
                                struct vc_error *err)
{
    char address[VC_ADDRESS_MAX + 1];
    const char *fault;

    for (; len > 0 && *text == ' '; text++)
        len--;
    while (len > 0 && text[len - 1] == ' ')
        len--;
    fault = vc_address_parse(text, len, address);
    if (fault != NULL)
        return refuse(rule, fault, err);
    if (is_listed(addresses, *count, address))
        return VC_OK;
    if (*count == VC_MAX_ADDRESSES)
        return vc_error_set(err, VC_BAD_SETTING, "setting \"%s\": more than %d addresses",
                            rule->name, VC_MAX_ADDRESSES);
    addresses[*count] = vc_strdup(allocator, address);
    if (addresses[*count] == NULL)
        return no_memory(err);
    (*count)++;
    return VC_OK;
}

static enum vc_code set_addresses(struct vc_settings *settings, const struct rule *rule,
                                  const char *value, struct vc_error *err)
{
    char *addresses[VC_MAX_ADDRESSES] = {NULL};
    size_t count = 0;

    while (value != NULL) {
        size_t len = strcspn(value, ",");
        enum vc_code code =
            add_address(settings->allocator, rule, value, len, addresses, &count, err);

        if (code != VC_OK) {
            free_addresses(settings->allocator, addresses, count);
            return code;
        }
        value = value[len] == ',' ? value + len + 1 : NULL;
    }
    free_addresses(settings->allocator, settings->addresses, settings->address_count);
    memcpy(settings->addresses, addresses, sizeof(addresses));
    settings->address_count = count;
    return VC_OK;
}

static enum vc_code set_bool(struct vc_settings *settings, const struct rule *rule,
                             const char *value, struct vc_error *err)
{
    if (vc_parse_bool(value, field_of(settings, rule)))
        return VC_OK;
    return refuse(rule, "must be true or false", err);
}

static enum vc_code refuse_range(const struct rule *rule, struct vc_error *err)
{
    if (rule->kind == KIND_DURATION)
        return vc_error_set(err, VC_BAD_SETTING,
                            "setting \"%s\": must be a duration from %g s to %g s, such as \"10s\"",
                            rule->name, rule->low / SECOND, rule->high / SECOND);
    return vc_error_set(err, VC_BAD_SETTING, "setting \"%s\": must be %s from %g to %g", rule->name,
                        rule->kind == KIND_INTEGER ? "an integer" : "a number", rule->low,
                        rule->high);
}

static enum vc_code set_number(struct vc_settings *settings, const struct rule *rule,
                               const char *value, struct vc_error *err)
{
    void *field = field_of(settings, rule);
    double number;
    bool sound = rule->kind == KIND_DURATION ? vc_parse_duration(value, &number)
                                             : vc_parse_number(value, &number);

    if (!sound || !(number >= rule->low && number <= rule->high))
        return refuse_range(rule, err);
    if (rule->kind == KIND_INTEGER && number != (int)number)
        return refuse_range(rule, err);

    if (rule->kind == KIND_INTEGER)
        *(int *)field = (int)number;
    else if (rule->kind == KIND_DURATION)
        *(vc_msec *)field = (vc_msec)(number + 0.5);
    else
        *(double *)field = number;
    return VC_OK;
}

static enum vc_code apply(struct vc_settings *settings, const struct rule *rule, const char *value,
                          struct vc_error *err)
{
    if (value == NULL || value[0] == '\0')
        value = rule->by_default;
    switch (rule->kind) {
    case KIND_ADDRESSES:
        return set_addresses(settings, rule, value, err);
    case KIND_METHOD:
        return set_method(settings, rule, value, err);
    case KIND_AUTH_MOUNT:
        return set_auth_mount(settings, rule, value, err);
    case KIND_BOOL:
        return set_bool(settings, rule, value, err);
    case KIND_INTEGER:
    case KIND_NUMBER:
    case KIND_DURATION:
        return set_number(settings, rule, value, err);
    default:
        return set_string(settings, rule, value, err);
    }
}

void vc_settings_init(struct vc_settings *settings, const struct vc_allocator *allocator)
{
    memset(settings, 0, sizeof(*settings));
    settings->allocator = allocator;
    for (size_t i = 0; i < COUNT(rules); i++)
        apply(settings, &rules[i], NULL, NULL);
}

void vc_settings_free(struct vc_settings *settings)
{
    free_addresses(settings->allocator, settings->addresses, settings->address_count);
    for (size_t i = 0; i < COUNT(rules); i++)
        if (holds_string(rules[i].kind))
            vc_strfree(settings->allocator, *(char **)field_of(settings, &rules[i]));
    memset(settings, 0, sizeof(*settings));
}

static bool copy_strings(struct vc_settings *to)
{
    bool complete = true;

    /* Every pointer is replaced, even after a failure: none may stay shared. */
    for (size_t i = 0; i < COUNT(rules); i++) {
        char **field = field_of(to, &rules[i]);

        if (!holds_string(rules[i].kind) || *field == NULL)
            continue;
        *field = vc_strdup(to->allocator, *field);
        complete = complete && *field != NULL;
    }
    for (size_t i = 0; i < to->address_count; i++) {
        to->addresses[i] = vc_strdup(to->allocator, to->addresses[i]);
        complete = complete && to->addresses[i] != NULL;
    }
    return complete;
}

enum vc_code vc_settings_copy(struct vc_settings *to, const struct vc_settings *from,
                              struct vc_error *err)
{
    *to = *from;
    if (copy_strings(to))
        return VC_OK;
    vc_settings_free(to);
    return no_memory(err);
}

enum vc_code vc_settings_set(struct vc_settings *settings, const char *name, const char *value,
                             struct vc_error *err)
{
    for (size_t i = 0; i < COUNT(rules); i++)
        if (strcmp(name, rules[i].name) == 0)
            return apply(settings, &rules[i], value, err);
    return vc_error_set(err, VC_BAD_SETTING, "unknown setting \"%s\"", name);
}

static enum vc_code missing(struct vc_error *err, const char *what, const char *hint)
{
    vc_error_set(err, VC_BAD_SETTING, "%s", what);
    vc_error_hint(err, "%s", hint);
    return VC_BAD_SETTING;
}

/* A value that may stand in the setting itself or in a file: exactly one of the two. */
static enum vc_code check_one_of_two(const char *value, const char *file, const char *name,
                                     struct vc_error *err)
{
    if (value == NULL && file == NULL)
        vc_error_set(err, VC_BAD_SETTING, "%s is not set, and authentication by AppRole needs it",
                     name);
    else if (value != NULL && file != NULL)
        vc_error_set(err, VC_BAD_SETTING, "both %s and %s_file are set", name, name);
    else
        return VC_OK;
    vc_error_hint(err, "set either %s or %s_file", name, name);
    return VC_BAD_SETTING;
}

static enum vc_code check_approle(const struct vc_settings *settings, struct vc_error *err)
{
    enum vc_code code = check_one_of_two(settings->role_id, settings->role_id_file, "role_id", err);

    if (code != VC_OK)
        return code;
    return check_one_of_two(settings->secret_id, settings->secret_id_file, "secret_id", err);
}

static enum vc_code check_cert(const struct vc_settings *settings, struct vc_error *err)
{
    if (settings->client_cert == NULL)
        return missing(err, "client_cert is not set, and authentication by certificate needs it",
                       "set client_cert and client_key to the paths of PEM files");
    for (size_t i = 0; i < settings->address_count; i++)
        if (strncmp(settings->addresses[i], "https:", strlen("https:")) != 0)
            return missing(err, "authentication by certificate needs https, and an address is http",
                           "use https in address, or another auth_method");
    return VC_OK;
}

static enum vc_code check_jwt(const struct vc_settings *settings, struct vc_error *err)
{
    if (settings->jwt_file == NULL)
        return missing(err, "jwt_file is not set, and authentication by JWT needs it",
                       "set jwt_file to the path of the file that holds the JWT");
    if (settings->auth_role == NULL)
        return missing(err, "role is not set, and authentication by JWT needs it",
                       "set role to the name of the role at the auth mount");
    return VC_OK;
}

static enum vc_code check_method(const struct vc_settings *settings, struct vc_error *err)
{
    switch (settings->auth_method) {
    case VC_AUTH_APPROLE:
        return check_approle(settings, err);
    case VC_AUTH_TOKEN:
        if (settings->token == NULL)
            return missing(err, "token is not set, and authentication by token needs it",
                           "set token, or use another auth_method");
        return VC_OK;
    case VC_AUTH_TOKEN_FILE:
        if (settings->token_file == NULL)
            return missing(err, "token_file is not set, and authentication by token file needs it",
                           "set token_file to the path of the file that an agent keeps");
        return VC_OK;
    case VC_AUTH_CERT:
        return check_cert(settings, err);
    case VC_AUTH_JWT:
        return check_jwt(settings, err);
    }
    return vc_error_set(err, VC_INTERNAL, "unknown authentication method");
}

enum vc_code vc_settings_check(const struct vc_settings *settings, struct vc_error *err)
{
    if (settings->auth_mount == NULL || settings->kv_mount == NULL ||
        settings->secret_prefix == NULL || settings->environment == NULL)
        return no_memory(err);
    if (settings->address_count == 0)
        return missing(err, "the address of Vault is not set",
                       "set it to a URL such as https://vault.example.com:8200");
    if (settings->client_key != NULL && settings->client_cert == NULL)
        return missing(err, "client_key is set without client_cert",
                       "set client_cert to the certificate that belongs to the key");
    return check_method(settings, err);
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Neither list has duplicates: equal in number and one within the other is equal. */
static bool same_addresses(const struct vc_settings *a, const struct vc_settings *b)
{
    if (a->address_count != b->address_count)
        return false;
    for (size_t i = 0; i < a->address_count; i++)
        if (!is_listed(b->addresses, b->address_count, a->addresses[i]))
            return false;
    return true;
}

static bool same_login(const struct vc_settings *a, const struct vc_settings *b)
{
    return a->auth_method == b->auth_method && same_text(a->auth_mount, b->auth_mount) &&
           same_text(a->auth_role, b->auth_role) && same_text(a->role_id, b->role_id) &&
           same_text(a->role_id_file, b->role_id_file) && same_text(a->secret_id, b->secret_id) &&
           same_text(a->secret_id_file, b->secret_id_file) &&
           a->secret_id_wrapped == b->secret_id_wrapped && same_text(a->token, b->token) &&
           same_text(a->token_file, b->token_file) && same_text(a->jwt_file, b->jwt_file);
}

bool vc_settings_same_identity(const struct vc_settings *a, const struct vc_settings *b)
{
    return same_addresses(a, b) && same_text(a->namespace_path, b->namespace_path) &&
           same_text(a->tls_server_name, b->tls_server_name) &&
           same_text(a->client_cert, b->client_cert) && same_text(a->client_key, b->client_key) &&
           same_login(a, b);
}
