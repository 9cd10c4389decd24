/*
 * connection.c - a tenant's secret and the platform's template to a connection (design section 3).
 *
 * Order of work: read the secret's fields; fill in the template and let libpq parse it; lay the
 * secret's values over it; check the whole; write keyword string and URL. What is refused stands in
 * connection.h. Secrets are treated as written by somebody who may know no other tenant's and not
 * the platform's password: see check_destination.
 */
#include "connection.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "connection_parameters.h"
#include "tenant_layout.h"

#define FIELD_SHOWN_MAX 48 /* bytes of an unknown field's name in a message */
#define PORT_MAX 65535

/* What the tenant's secret says. */
struct tenant_fields {
    struct connection_parameters own;
    char *url;
    char *scram_verifier;
    char *credentials_path;
};

/* What goes through all steps of one vc_connection_build. */
struct build {
    const struct vc_allocator *allocator;
    const struct vc_connection_source *source;
    struct vc_error *err;
    struct tenant_fields fields;
};

/* What a template's placeholders stand for. NULL: there is no such value. */
struct placeholders {
    const char *database_name, *tenant, *env, *username, *password;
    bool allow_missing; /* a missing username or password is filled in as nothing */
};

static enum vc_code no_memory(struct vc_error *err)
{
    return vc_error_set(err, VC_NO_MEMORY, "out of memory while building a connection");
}

/* Replaces *slot by a copy of text. */
static enum vc_code store(const struct build *build, char **slot, const char *text)
{
    char *copy = vc_strdup(build->allocator, text);

    if (copy == NULL)
        return no_memory(build->err);
    vc_strfree(build->allocator, *slot);
    *slot = copy;
    return VC_OK;
}

/* --- libpq's parser ------------------------------------------------------------------------ */

/* PQconninfoFree does not wipe. */
static void free_options(PQconninfoOption *options)
{
    if (options == NULL)
        return;
    for (PQconninfoOption *option = options; option->keyword != NULL; option++)
        if (option->val != NULL)
            explicit_bzero(option->val, strlen(option->val));
    PQconninfoFree(options);
}

/*
 * The part of libpq's message that says what is wrong: what it quotes can be the password. Wipes
 * and frees the message.
 */
static void take_libpq_words(struct vc_error *err, char *message)
{
    size_t length;

    if (message == NULL)
        return;
    length = strlen(message);
    message[strcspn(message, "\"\n:")] = '\0';
    vc_error_server_words(err, message);
    explicit_bzero(message, length);
    PQfreemem(message);
}

static bool is_postgresql_url(const char *text)
{
    return strncmp(text, "postgresql://", strlen("postgresql://")) == 0 ||
           strncmp(text, "postgres://", strlen("postgres://")) == 0;
}

/* Where a URL comes from: for its messages and its rules. */
struct url_origin {
    const char *field;
    enum vc_code bad;
    bool is_template;
};

static const struct url_origin from_template = {
    .field = "tenant_url_template", .bad = VC_BAD_TEMPLATE, .is_template = true};
static const struct url_origin from_secret = {.field = "url", .bad = VC_BAD_SECRET};

/* "tenant_url_template" or "field "url" in the secret of tenant "acme"", into out. */
static const char *origin_text(const struct build *build, const struct url_origin *origin,
                               char out[FIELD_SHOWN_MAX + VC_TENANT_NAME_MAX + 40])
{
    if (origin->is_template)
        return origin->field;
    snprintf(out, FIELD_SHOWN_MAX + VC_TENANT_NAME_MAX + 40,
             "field \"%s\" in the secret of tenant \"%s\"", origin->field, build->source->tenant);
    return out;
}

/* One parameter of a parsed URL. Empty ones are as if they were not there, as libpq has it. */
static enum vc_code take_option(const struct build *build, const struct url_origin *origin,
                                const PQconninfoOption *option,
                                struct connection_parameters *parameters)
{
    char where[FIELD_SHOWN_MAX + VC_TENANT_NAME_MAX + 40];
    size_t keyword;

    if (option->val == NULL || option->val[0] == '\0')
        return VC_OK;
    keyword = connection_find_keyword(option->keyword);
    if (keyword == NO_KEYWORD ||
        (connection_keywords[keyword].template_only && !origin->is_template))
        return vc_error_set(build->err, origin->bad,
                            "%s uses the parameter \"%s\", which is not allowed",
                            origin_text(build, origin, where), option->keyword);
    if (strlen(option->val) > VC_CONNECTION_VALUE_MAX)
        return vc_error_set(build->err, origin->bad, "%s has a \"%s\" of more than %d bytes",
                            origin_text(build, origin, where), option->keyword,
                            VC_CONNECTION_VALUE_MAX);
    return store(build, &parameters->value[keyword], option->val);
}

/* A URL's parameters into parameters (empty before). */
static enum vc_code parse_url(const struct build *build, const struct url_origin *origin,
                              const char *url, struct connection_parameters *parameters)
{
    char where[FIELD_SHOWN_MAX + VC_TENANT_NAME_MAX + 40];
    char *message = NULL;
    PQconninfoOption *options;
    enum vc_code code = VC_OK;

    if (!is_postgresql_url(url)) {
        vc_error_set(build->err, origin->bad, "%s does not begin with \"postgresql://\"",
                     origin_text(build, origin, where));
        vc_error_hint(build->err, "write it as libpq takes it, without a driver's name such as "
                                  "\"+psycopg\"");
        return origin->bad;
    }
    options = PQconninfoParse(url, &message);
    if (options == NULL && message == NULL)
        return no_memory(build->err);
    if (options == NULL) {
        vc_error_set(build->err, origin->bad, "%s is not a URL that libpq takes",
                     origin_text(build, origin, where));
        take_libpq_words(build->err, message);
        return origin->bad;
    }
    for (PQconninfoOption *option = options; code == VC_OK && option->keyword != NULL; option++)
        code = take_option(build, origin, option, parameters);
    free_options(options);
    return code;
}

/* --- the tenant's secret ------------------------------------------------------------------- */

static const char *json_kind(const cJSON *item)
{
    if (cJSON_IsNumber(item))
        return "a number";
    if (cJSON_IsNull(item))
        return "null";
    if (cJSON_IsBool(item))
        return "a boolean";
    if (cJSON_IsArray(item))
        return "an array";
    if (cJSON_IsObject(item))
        return "an object";
    return "a string";
}

/* A field's name as it may stand in a message: somebody may have swapped name and value. */
static const char *shown_field(const char *name, char out[FIELD_SHOWN_MAX + 1])
{
    size_t n = 0;

    for (; name[n] != '\0' && n < FIELD_SHOWN_MAX; n++)
        out[n] = name[n] >= ' ' && name[n] <= '~' ? name[n] : '?';
    out[n] = '\0';
    return out;
}

static enum vc_code bad_field(const struct build *build, const char *name, const char *fault)
{
    char shown[FIELD_SHOWN_MAX + 1];

    return vc_error_set(build->err, VC_BAD_SECRET, "field \"%s\" in the secret of tenant \"%s\" %s",
                        shown_field(name, shown), build->source->tenant, fault);
}

/* A port that somebody wrote as a JSON number. */
static enum vc_code store_port_number(const struct build *build, double number, char **slot)
{
    char text[16];

    if (!(number >= 1 && number <= PORT_MAX) || number != (double)(int)number)
        return bad_field(build, "port", "is not a port number");
    snprintf(text, sizeof(text), "%d", (int)number);
    return store(build, slot, text);
}

/* A field's text into *slot, which is NULL before (two fields can mean the same parameter). */
static enum vc_code store_field(const struct build *build, const cJSON *item, char **slot)
{
    char fault[64];
    size_t length;

    if (*slot != NULL)
        return bad_field(build, item->string, "is given twice, as \"user\" and as \"username\"");
    if (!cJSON_IsString(item) || item->valuestring == NULL) {
        snprintf(fault, sizeof(fault), "is %s, it must be a string", json_kind(item));
        return bad_field(build, item->string, fault);
    }
    length = strlen(item->valuestring);
    if (length == 0)
        return bad_field(build, item->string, "is empty");
    if (length > VC_CONNECTION_VALUE_MAX) {
        snprintf(fault, sizeof(fault), "has %zu bytes, at most %d are allowed", length,
                 VC_CONNECTION_VALUE_MAX);
        return bad_field(build, item->string, fault);
    }
    return store(build, slot, item->valuestring);
}

static enum vc_code unknown_field(const struct build *build, const cJSON *item)
{
    bad_field(build, item->string, "is not a connection parameter");
    vc_error_hint(build->err, "use username, password and libpq's keywords, or url; notes belong "
                              "into the secret's custom_metadata");
    return VC_BAD_SECRET;
}

/* True where the libpq at hand knows the keyword; options: its list, or NULL. */
static bool libpq_knows(const PQconninfoOption *options, const char *name)
{
    for (; options != NULL && options->keyword != NULL; options++)
        if (strcmp(options->keyword, name) == 0)
            return true;
    return false;
}

static enum vc_code read_field(struct build *build, const PQconninfoOption *options,
                               const cJSON *item)
{
    struct tenant_fields *fields = &build->fields;
    const char *name = item->string;
    size_t keyword;

    if (strcmp(name, "username") == 0)
        return store_field(build, item, &fields->own.value[KW_USER]);
    if (strcmp(name, "url") == 0)
        return store_field(build, item, &fields->url);
    if (strcmp(name, "scram_verifier") == 0)
        return store_field(build, item, &fields->scram_verifier);
    if (strcmp(name, "credentials_path") == 0)
        return store_field(build, item, &fields->credentials_path);
    keyword = connection_find_keyword(name);
    if (keyword == NO_KEYWORD && !libpq_knows(options, name))
        return unknown_field(build, item);
    if (keyword == NO_KEYWORD || connection_keywords[keyword].template_only)
        return bad_field(build, name, "is a parameter that a tenant's secret may not set");
    if (!libpq_knows(options, name))
        return bad_field(build, name, "is a parameter that the installed libpq does not know");
    if (keyword == KW_PORT && cJSON_IsNumber(item))
        return store_port_number(build, item->valuedouble, &fields->own.value[KW_PORT]);
    return store_field(build, item, &fields->own.value[keyword]);
}

/* What must hold between the secret's fields. */
static enum vc_code check_fields(const struct build *build)
{
    const struct tenant_fields *fields = &build->fields;

    for (size_t i = 0; fields->url != NULL && i < KEYWORDS; i++)
        if (fields->own.value[i] != NULL)
            return bad_field(build, "url", "stands beside single parameters: use one or the other");
    if (fields->scram_verifier != NULL &&
        strncmp(fields->scram_verifier, "SCRAM-SHA-256$", strlen("SCRAM-SHA-256$")) != 0)
        return bad_field(build, "scram_verifier", "does not begin with \"SCRAM-SHA-256$\"");
    if (fields->credentials_path == NULL)
        return VC_OK;
    if (!vc_path_valid(fields->credentials_path, strlen(fields->credentials_path)))
        return bad_field(build, "credentials_path", "is not a path");
    if (fields->url != NULL || fields->scram_verifier != NULL ||
        fields->own.value[KW_USER] != NULL || fields->own.value[KW_PASSWORD] != NULL)
        return bad_field(build, "credentials_path",
                         "stands beside credentials: use one or the other");
    return VC_OK;
}

static enum vc_code read_secret(struct build *build)
{
    const cJSON *secret = build->source->secret;
    PQconninfoOption *options;
    enum vc_code code = VC_OK;
    const cJSON *item;

    if (secret == NULL)
        return VC_OK;
    if (!cJSON_IsObject(secret))
        return vc_error_set(build->err, VC_BAD_SECRET,
                            "secret of tenant \"%s\" is %s, not an object", build->source->tenant,
                            json_kind(secret));
    options =
        PQconninfoParse("", NULL); /* the list of keywords; takes nothing from the environment */
    if (options == NULL)
        return no_memory(build->err);
    cJSON_ArrayForEach (item, secret) {
        code = read_field(build, options, item);
        if (code != VC_OK)
            break;
    }
    free_options(options);
    return code == VC_OK ? check_fields(build) : code;
}

/* --- the platform's template --------------------------------------------------------------- */

/* The value that a placeholder stands for; *known says whether there is such a placeholder. */
static const char *placeholder_value(const struct placeholders *values, const char *name,
                                     size_t len, bool *known, bool *tells_apart)
{
    const struct {
        const char *name, *value;
        bool tells_apart; /* the database or the role differs from tenant to tenant */
    } table[] = {
        {"database_name", values->database_name, true},
        {"tenant", values->tenant, true},
        {"env", values->env, false},
        {"username", values->username, true},
        {"password", values->password, false},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strlen(table[i].name) != len || memcmp(table[i].name, name, len) != 0)
            continue;
        *known = true;
        *tells_apart = *tells_apart || table[i].tells_apart;
        return table[i].value;
    }
    *known = false;
    return NULL;
}

static enum vc_code unbalanced(const struct build *build, char brace, size_t position)
{
    return vc_error_set(build->err, VC_BAD_TEMPLATE,
                        "tenant_url_template has an unbalanced \"%c\" at character %zu", brace,
                        position + 1);
}

/* The template needs a field of the secret that is not there. */
static enum vc_code missing_value(const struct build *build, const char *name, size_t len)
{
    enum vc_code code = build->source->secret == NULL ? VC_NOT_FOUND : VC_BAD_SECRET;

    vc_error_set(build->err, code,
                 code == VC_NOT_FOUND
                     ? "tenant \"%s\" has no secret, and tenant_url_template needs its \"%.*s\""
                     : "secret of tenant \"%s\" lacks \"%.*s\", which tenant_url_template needs",
                 build->source->tenant, (int)len, name);
    vc_error_hint(build->err, "write it to .../%s/tenants/%s/database", build->source->environment,
                  build->source->tenant);
    return code;
}

static enum vc_code unknown_placeholder(const struct build *build, const char *name, size_t len)
{
    char cut[FIELD_SHOWN_MAX + 1], shown[FIELD_SHOWN_MAX + 1];
    size_t n = len < FIELD_SHOWN_MAX ? len : FIELD_SHOWN_MAX;

    memcpy(cut, name, n);
    cut[n] = '\0';
    vc_error_set(build->err, VC_BAD_TEMPLATE,
                 "tenant_url_template has the unknown placeholder \"{%s}\"",
                 shown_field(cut, shown));
    vc_error_hint(build->err, "known are {database_name}, {tenant}, {env}, {username}, {password}");
    return VC_BAD_TEMPLATE;
}

/* Appends the value of the placeholder that begins at text[*position] and moves on behind it. */
static enum vc_code fill_placeholder(const struct build *build, const char *text, size_t *position,
                                     const struct placeholders *values, struct vc_buf *out,
                                     bool *tells_apart)
{
    const char *name = text + *position + 1;
    size_t len = strcspn(name, "{}");
    const char *value;
    bool known;

    if (name[-1] != '{' || name[len] != '}')
        return unbalanced(build, name[-1], *position);
    value = placeholder_value(values, name, len, &known, tells_apart);
    if (!known)
        return unknown_placeholder(build, name, len);
    if (value == NULL && !values->allow_missing)
        return missing_value(build, name, len);
    vc_buf_append_percent(out, value != NULL ? value : "");
    *position += len + 2;
    return VC_OK;
}

static enum vc_code fill_template(const struct build *build, const char *text,
                                  const struct placeholders *values, struct vc_buf *out)
{
    bool tells_apart = false;
    size_t position = 0;

    for (;;) {
        size_t plain = strcspn(text + position, "{}");
        enum vc_code code;

        vc_buf_append(out, text + position, plain);
        position += plain;
        if (text[position] == '\0')
            break;
        code = fill_placeholder(build, text, &position, values, out, &tells_apart);
        if (code != VC_OK)
            return code;
    }
    if (!tells_apart) {
        vc_error_set(build->err, VC_BAD_TEMPLATE,
                     "tenant_url_template has no placeholder that tells tenants apart");
        vc_error_hint(build->err,
                      "without {database_name}, {tenant} or {username} all tenants would "
                      "share one database");
        return VC_BAD_TEMPLATE;
    }
    if (out->failed && !out->too_large)
        return no_memory(build->err);
    if (out->failed)
        return vc_error_set(build->err, VC_BAD_TEMPLATE,
                            "tenant_url_template filled in is longer than %d bytes",
                            VC_CONNECTION_TEXT_MAX);
    return VC_OK;
}

/* Fills the template in with values and parses it into parameters (empty before). */
static enum vc_code parse_template(const struct build *build, const char *text,
                                   const struct placeholders *values,
                                   struct connection_parameters *parameters)
{
    struct vc_buf url;
    enum vc_code code;

    vc_buf_init(&url, build->allocator, VC_CONNECTION_TEXT_MAX);
    code = fill_template(build, text, values, &url);
    if (code == VC_OK)
        code = parse_url(build, &from_template, vc_buf_text(&url), parameters);
    vc_buf_free(&url);
    return code;
}

/* The template's text into *text; NULL where the platform has none. */
static enum vc_code find_template(const struct build *build, const char **text)
{
    const cJSON *item =
        cJSON_GetObjectItemCaseSensitive(build->source->platform, from_template.field);

    *text = NULL;
    if (item == NULL)
        return VC_OK;
    if (!cJSON_IsString(item) || item->valuestring == NULL)
        return vc_error_set(build->err, VC_BAD_TEMPLATE,
                            "tenant_url_template is %s, it must be a string", json_kind(item));
    if (item->valuestring[0] == '\0')
        return vc_error_set(build->err, VC_BAD_TEMPLATE, "tenant_url_template is empty");
    if (strlen(item->valuestring) > VC_CONNECTION_VALUE_MAX)
        return vc_error_set(build->err, VC_BAD_TEMPLATE,
                            "tenant_url_template is longer than %d bytes", VC_CONNECTION_VALUE_MAX);
    *text = item->valuestring;
    return VC_OK;
}

/* --- the two together ---------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return strcmp(a, b) == 0;
}

/*
 * A password that stands in the template itself is the platform's. Whoever may write a tenant's
 * secret must not be able to send it to a server of their own, be it by host= or through a
 * placeholder: with it, host and port must be those that the tenant's name alone would give.
 */
static enum vc_code check_destination(const struct build *build, const char *text,
                                      const struct connection_parameters *merged)
{
    static const enum keyword destination[] = {KW_HOST, KW_HOSTADDR, KW_PORT};
    const char *tenant = build->source->tenant;
    struct placeholders neutral = {.database_name = tenant,
                                   .tenant = tenant,
                                   .env = build->source->environment,
                                   .username = tenant,
                                   .allow_missing = true};
    struct connection_parameters expected = {.value = {NULL}};
    enum vc_code code = parse_template(build, text, &neutral, &expected);

    for (size_t i = 0; code == VC_OK && i < sizeof(destination) / sizeof(destination[0]); i++)
        if (!same_text(merged->value[destination[i]], expected.value[destination[i]]))
            code = bad_field(build, connection_keywords[destination[i]].name,
                             "leads elsewhere than tenant_url_template, whose password does not "
                             "follow: give a password too");
    connection_parameters_free(build->allocator, &expected);
    return code;
}

/* The template's parameters, with the secret's own laid over them. */
static enum vc_code merge_template(const struct build *build, const char *text,
                                   struct connection_parameters *merged)
{
    const struct tenant_fields *fields = &build->fields;
    const char *const *own = (const char *const *)fields->own.value;
    struct placeholders values = {
        .database_name = own[KW_DBNAME] != NULL ? own[KW_DBNAME] : build->source->tenant,
        .tenant = build->source->tenant,
        .env = build->source->environment,
        .username = own[KW_USER],
        .password = own[KW_PASSWORD],
        .allow_missing = fields->scram_verifier != NULL || fields->credentials_path != NULL};
    enum vc_code code = VC_OK;
    bool platform_password;

    if (text != NULL)
        code = parse_template(build, text, &values, merged);
    platform_password = merged->value[KW_PASSWORD] != NULL && own[KW_PASSWORD] == NULL;
    for (size_t i = 0; code == VC_OK && i < KEYWORDS; i++)
        if (own[i] != NULL)
            code = store(build, &merged->value[i], own[i]);
    if (code == VC_OK && platform_password && build->source->secret != NULL)
        code = check_destination(build, text, merged);
    return code;
}

static enum vc_code merge(const struct build *build, struct connection_parameters *merged)
{
    const char *text;
    enum vc_code code;

    if (build->fields.url != NULL) {
        code = parse_url(build, &from_secret, build->fields.url, merged);
    } else {
        code = find_template(build, &text);
        if (code == VC_OK && text == NULL && build->source->secret == NULL) {
            vc_error_set(build->err, VC_NOT_FOUND,
                         "tenant \"%s\" has no secret, and there is no tenant_url_template",
                         build->source->tenant);
            vc_error_hint(build->err, "write .../%s/tenants/%s/database or .../%s/database",
                          build->source->environment, build->source->tenant,
                          build->source->environment);
            return VC_NOT_FOUND;
        }
        if (code == VC_OK)
            code = merge_template(build, text, merged);
    }
    if (code == VC_OK && merged->value[KW_DBNAME] == NULL)
        code = store(build, &merged->value[KW_DBNAME], build->source->tenant);
    return code;
}

/* --- checks of the whole ------------------------------------------------------------------- */

/* libpq takes a list of ports, any of them empty: "5432", "5432,,5433". */
static bool ports_valid(const char *text)
{
    for (;;) {
        size_t digits = strspn(text, "0123456789");
        long port = 0;

        if (digits > 5)
            return false;
        for (size_t i = 0; i < digits; i++)
            port = port * 10 + (text[i] - '0');
        if (digits > 0 && (port < 1 || port > PORT_MAX))
            return false;
        text += digits;
        if (*text == '\0')
            return true;
        if (*text++ != ',')
            return false;
    }
}

static bool sslmode_valid(const char *text)
{
    static const char *const modes[] = {"disable", "allow",     "prefer",
                                        "require", "verify-ca", "verify-full"};

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (strcmp(text, modes[i]) == 0)
            return true;
    return false;
}

static enum vc_code bad_whole(const struct build *build, const char *fault, const char *hint)
{
    vc_error_set(build->err, VC_BAD_SECRET, "connection of tenant \"%s\" %s", build->source->tenant,
                 fault);
    vc_error_hint(build->err, "%s", hint);
    return VC_BAD_SECRET;
}

static enum vc_code check_whole(const struct build *build,
                                const struct connection_parameters *merged)
{
    const char *const *value = (const char *const *)merged->value;

    if (value[KW_HOST] == NULL && value[KW_HOSTADDR] == NULL)
        return bad_whole(build, "has no host",
                         "add host to the tenant's secret or to tenant_url_template");
    if (value[KW_USER] == NULL && build->fields.credentials_path == NULL)
        return bad_whole(build, "has no username",
                         "add username to the tenant's secret or to tenant_url_template");
    if (value[KW_PORT] != NULL && !ports_valid(value[KW_PORT]))
        return bad_whole(build, "has a malformed port", "a port is a number from 1 to 65535");
    if (value[KW_SSLMODE] != NULL && !sslmode_valid(value[KW_SSLMODE]))
        return bad_whole(build, "has an unknown sslmode",
                         "use disable, allow, prefer, require, verify-ca or verify-full");
    return VC_OK;
}

/* --- the result ------------------------------------------------------------------------- */

static char *take(char **slot)
{
    char *text = *slot;

    *slot = NULL;
    return text;
}

/* Moves what was built into the caller's struct. */
static enum vc_code publish(struct build *build, struct connection_parameters *merged,
                            struct vc_connection *connection)
{
    connection_write_conninfo(merged, &connection->conninfo);
    connection_write_url(merged, &connection->url);
    if (connection->conninfo.failed || connection->url.failed) {
        if (!connection->conninfo.too_large && !connection->url.too_large)
            return no_memory(build->err);
        return bad_whole(build, "is too long", "a whole connection string has at most 65536 bytes");
    }
    connection->host = take(&merged->value[KW_HOST]);
    connection->port = take(&merged->value[KW_PORT]);
    connection->dbname = take(&merged->value[KW_DBNAME]);
    connection->username = take(&merged->value[KW_USER]);
    connection->password = take(&merged->value[KW_PASSWORD]);
    connection->sslmode = take(&merged->value[KW_SSLMODE]);
    connection->scram_verifier = take(&build->fields.scram_verifier);
    connection->credentials_path = take(&build->fields.credentials_path);
    return VC_OK;
}

static void free_fields(const struct vc_allocator *allocator, struct tenant_fields *fields)
{
    connection_parameters_free(allocator, &fields->own);
    vc_strfree(allocator, fields->url);
    vc_strfree(allocator, fields->scram_verifier);
    vc_strfree(allocator, fields->credentials_path);
}

enum vc_code vc_connection_build(struct vc_connection *connection,
                                 const struct vc_allocator *allocator,
                                 const struct vc_connection_source *source, struct vc_error *err)
{
    struct build build = {.allocator = allocator, .source = source, .err = err};
    struct connection_parameters merged = {.value = {NULL}};
    enum vc_code code;

    *connection = (struct vc_connection){.allocator = allocator};
    vc_buf_init(&connection->conninfo, allocator, VC_CONNECTION_TEXT_MAX);
    vc_buf_init(&connection->url, allocator, VC_CONNECTION_TEXT_MAX);
    vc_error_clear(err);

    code = read_secret(&build);
    if (code == VC_OK)
        code = merge(&build, &merged);
    if (code == VC_OK)
        code = check_whole(&build, &merged);
    if (code == VC_OK)
        code = publish(&build, &merged, connection);
    connection_parameters_free(allocator, &merged);
    free_fields(allocator, &build.fields);
    if (code != VC_OK)
        vc_connection_free(connection);
    return code;
}

void vc_connection_free(struct vc_connection *connection)
{
    const struct vc_allocator *allocator;

    if (connection == NULL || connection->allocator == NULL)
        return;
    allocator = connection->allocator;
    vc_strfree(allocator, connection->host);
    vc_strfree(allocator, connection->port);
    vc_strfree(allocator, connection->dbname);
    vc_strfree(allocator, connection->username);
    vc_strfree(allocator, connection->password);
    vc_strfree(allocator, connection->sslmode);
    vc_strfree(allocator, connection->scram_verifier);
    vc_strfree(allocator, connection->credentials_path);
    vc_buf_free(&connection->conninfo);
    vc_buf_free(&connection->url);
    *connection = (struct vc_connection){.allocator = NULL};
}
