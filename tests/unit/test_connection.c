/*
 * test_connection.c - a tenant's secret and the platform's template to a connection (connection.h).
 *
 * What is written is read back by libpq itself: keyword string and URL must give the very
 * parameters that went in.
 */
#include <check.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"

#define TEMPLATE                                                                                   \
    "postgresql://{username}:{password}@db.example:5433/{database_name}?sslmode=require"
#define SHARED "postgresql://app:shared@db.example/{database_name}" /* its own password */
#define CREDENTIALS "\"username\":\"u\",\"password\":\"p\""
#define WITH_HOST CREDENTIALS ",\"host\":\"h\""

static struct vc_connection connection;
static struct vc_error err;

/* Builds for tenant acme in dev; template NULL: no platform secret; secret NULL: none. */
static enum vc_code build_json(cJSON *platform, cJSON *secret)
{
    struct vc_connection_source source = {
        .tenant = "acme", .environment = "dev", .platform = platform, .secret = secret};
    enum vc_code code;

    vc_connection_free(&connection); /* a test may build twice */
    code = vc_connection_build(&connection, &vc_wiping_allocator, &source, &err);
    cJSON_Delete(platform);
    cJSON_Delete(secret);
    ck_assert_int_eq(code, err.code);
    return code;
}

static cJSON *platform_with(const char *template)
{
    cJSON *platform = cJSON_CreateObject();

    cJSON_AddStringToObject(platform, "main_url", "postgresql://main:MAIN-SECRET@main/main");
    if (template != NULL)
        cJSON_AddStringToObject(platform, "tenant_url_template", template);
    return platform;
}

/* fields: the inside of a JSON object, for example "\"host\":\"h\"". */
static enum vc_code build(const char *template, const char *fields)
{
    char *text = NULL;
    cJSON *secret = NULL;

    if (fields != NULL) {
        ck_assert_int_ge(asprintf(&text, "{%s}", fields), 0);
        secret = cJSON_Parse(text);
        ck_assert_msg(secret != NULL, "test's own JSON: %s", text);
        free(text);
    }
    return build_json(template != NULL ? platform_with(template) : NULL, secret);
}

/* The value that libpq reads for keyword out of text, "" where it reads none. */
static void assert_libpq_reads(const char *text, const char *keyword, const char *expected)
{
    char *message = NULL;
    PQconninfoOption *options = PQconninfoParse(text, &message);
    const char *found = "";

    ck_assert_msg(options != NULL, "%s: %s", text, message);
    for (PQconninfoOption *option = options; option->keyword != NULL; option++)
        if (strcmp(option->keyword, keyword) == 0 && option->val != NULL)
            found = option->val;
    ck_assert_str_eq(found, expected);
    PQconninfoFree(options);
}

static void assert_both_read(const char *keyword, const char *expected)
{
    assert_libpq_reads(vc_buf_text(&connection.conninfo), keyword, expected);
    assert_libpq_reads(vc_buf_text(&connection.url), keyword, expected);
}

static void assert_message_has(const char *part)
{
    ck_assert_msg(strstr(err.message, part) != NULL, "\"%s\" is not in \"%s\"", part, err.message);
}

static void teardown(void)
{
    vc_connection_free(&connection);
}

/* --- what comes out ------------------------------------------------------------------------ */

START_TEST(template_and_secret_give_the_whole_connection)
{
    ck_assert_int_eq(build(TEMPLATE, "\"username\":\"acme_app\",\"password\":\"s3cret\""), VC_OK);
    ck_assert_str_eq(connection.host, "db.example");
    ck_assert_str_eq(connection.port, "5433");
    ck_assert_str_eq(connection.dbname, "acme");
    ck_assert_str_eq(connection.username, "acme_app");
    ck_assert_str_eq(connection.password, "s3cret");
    ck_assert_str_eq(connection.sslmode, "require");
    ck_assert_str_eq(vc_buf_text(&connection.url),
                     "postgresql://acme_app:s3cret@db.example:5433/acme?sslmode=require");
    ck_assert_str_eq(vc_buf_text(&connection.conninfo),
                     "host=db.example port=5433 dbname=acme user=acme_app password=s3cret "
                     "sslmode=require");
}
END_TEST

START_TEST(a_template_alone_is_enough)
{
    ck_assert_int_eq(build("postgresql://{tenant}_{env}:pw@{tenant}.db/{database_name}", NULL),
                     VC_OK);
    ck_assert_str_eq(connection.username, "acme_dev");
    ck_assert_str_eq(connection.host, "acme.db");
    ck_assert_str_eq(connection.dbname, "acme");
    ck_assert_str_eq(connection.password, "pw");
}
END_TEST

START_TEST(a_secret_alone_is_enough_and_dbname_defaults_to_the_tenant)
{
    ck_assert_int_eq(build(NULL, WITH_HOST), VC_OK);
    ck_assert_str_eq(connection.host, "h");
    ck_assert_str_eq(connection.dbname, "acme");
    ck_assert_ptr_null(connection.port);
    ck_assert_ptr_null(connection.sslmode);
}
END_TEST

START_TEST(a_platform_secret_without_template_is_as_none)
{
    ck_assert_int_eq(build_json(platform_with(NULL), cJSON_Parse("{" WITH_HOST "}")), VC_OK);
    ck_assert_str_eq(connection.host, "h");
}
END_TEST

START_TEST(the_secrets_keywords_replace_those_of_the_template)
{
    ck_assert_int_eq(build(TEMPLATE, CREDENTIALS ",\"host\":\"other\",\"port\":\"6000\","
                                                 "\"sslmode\":\"verify-full\","
                                                 "\"options\":\"-c search_path=x\\\\ y\""),
                     VC_OK);
    assert_both_read("host", "other");
    assert_both_read("port", "6000");
    assert_both_read("sslmode", "verify-full");
    assert_both_read("options", "-c search_path=x\\ y");
}
END_TEST

START_TEST(the_secrets_dbname_fills_in_database_name)
{
    ck_assert_int_eq(build("postgresql://u:p@{database_name}-host/{database_name}",
                           CREDENTIALS ",\"dbname\":\"other\""),
                     VC_OK);
    ck_assert_str_eq(connection.dbname, "other");
    ck_assert_str_eq(connection.host, "other-host");
}
END_TEST

START_TEST(user_is_another_name_for_username)
{
    ck_assert_int_eq(build(TEMPLATE, "\"user\":\"u2\",\"password\":\"p\""), VC_OK);
    ck_assert_str_eq(connection.username, "u2");
}
END_TEST

START_TEST(a_port_may_be_a_number)
{
    ck_assert_int_eq(build(NULL, WITH_HOST ",\"port\":6432"), VC_OK);
    ck_assert_str_eq(connection.port, "6432");
}
END_TEST

START_TEST(a_url_in_the_secret_replaces_the_template)
{
    ck_assert_int_eq(
        build(TEMPLATE, "\"url\":\"postgres://a:b%20c@elsewhere:77/d?connect_timeout=3\""), VC_OK);
    assert_both_read("host", "elsewhere");
    assert_both_read("port", "77");
    assert_both_read("dbname", "d");
    assert_both_read("user", "a");
    assert_both_read("password", "b c");
    assert_both_read("connect_timeout", "3");
    assert_both_read("sslmode", "");
}
END_TEST

START_TEST(a_url_in_the_secret_needs_no_valid_template)
{
    ck_assert_int_eq(build("{broken", "\"url\":\"postgres://a:b@elsewhere\""), VC_OK);
    ck_assert_str_eq(connection.dbname, "acme");
}
END_TEST

START_TEST(the_platforms_own_url_is_never_used)
{
    ck_assert_int_eq(build(TEMPLATE, CREDENTIALS), VC_OK);
    ck_assert_ptr_null(strstr(vc_buf_text(&connection.conninfo), "MAIN-SECRET"));
    ck_assert_int_eq(build_json(platform_with(NULL), NULL), VC_NOT_FOUND);
}
END_TEST

START_TEST(a_scram_verifier_is_enough_where_the_template_wants_a_password)
{
    ck_assert_int_eq(
        build(TEMPLATE, "\"username\":\"u\",\"scram_verifier\":\"SCRAM-SHA-256$4096:x\""), VC_OK);
    ck_assert_str_eq(connection.scram_verifier, "SCRAM-SHA-256$4096:x");
    ck_assert_ptr_null(connection.password);
    ck_assert_ptr_null(strstr(vc_buf_text(&connection.conninfo), "SCRAM"));
    assert_both_read("password", "");
    assert_both_read("user", "u");
}
END_TEST

START_TEST(a_credentials_path_stands_for_username_and_password)
{
    ck_assert_int_eq(build(TEMPLATE, "\"credentials_path\":\"database/creds/app\""), VC_OK);
    ck_assert_str_eq(connection.credentials_path, "database/creds/app");
    ck_assert_ptr_null(connection.username);
    ck_assert_ptr_null(connection.password);
    assert_both_read("host", "db.example");
}
END_TEST

static const char *const hosts[] = {
    "db.example", "10.0.0.1", "::1",          "2001:db8::7", "/run/postgresql", "a,b", "a,b,c",
    "@abstract",  "h_1-2.x",  "fe80::1%eth0", "a b",         "h\xc3\xb6st",
};

START_TEST(every_form_of_host_arrives_unchanged)
{
    cJSON *secret = cJSON_Parse("{" CREDENTIALS ",\"port\":5433}");

    cJSON_AddStringToObject(secret, "host", hosts[_i]);
    ck_assert_int_eq(build_json(NULL, secret), VC_OK);
    ck_assert_str_eq(connection.host, hosts[_i]);
    assert_both_read("host", hosts[_i]);
    assert_both_read("port", "5433");
}
END_TEST

START_TEST(a_list_of_hosts_and_ports_arrives_unchanged)
{
    ck_assert_int_eq(build("postgresql://u:p@a:1,b:2/{database_name}", NULL), VC_OK);
    assert_both_read("host", "a,b");
    assert_both_read("port", "1,2");
    ck_assert_int_eq(build(NULL, WITH_HOST ",\"port\":\"1,2\""), VC_OK);
    assert_both_read("host", "h");
    assert_both_read("port", "1,2");
}
END_TEST

START_TEST(a_hostaddr_is_enough)
{
    ck_assert_int_eq(build(NULL, CREDENTIALS ",\"hostaddr\":\"10.0.0.1\""), VC_OK);
    ck_assert_ptr_null(connection.host);
    assert_both_read("hostaddr", "10.0.0.1");
}
END_TEST

/* --- values that must survive -------------------------------------------------------------- */

/* password arrives unchanged by way of the template and by way of the secret alone. */
static void assert_arrives(const char *password)
{
    static const char *const templates[] = {TEMPLATE, NULL};

    for (size_t i = 0; i < 2; i++) {
        cJSON *secret = cJSON_Parse("{\"username\":\"u\",\"host\":\"h\"}");

        cJSON_AddStringToObject(secret, "password", password);
        ck_assert_int_eq(
            build_json(templates[i] != NULL ? platform_with(templates[i]) : NULL, secret), VC_OK);
        ck_assert_str_eq(connection.password, password);
        assert_both_read("password", password);
        vc_connection_free(&connection);
    }
}

START_TEST(each_single_character_arrives_unchanged)
{
    for (int c = 1; c < 128; c++) {
        char alone[] = {(char)c, '\0'}, first[] = {(char)c, 'x', '\0'},
             last[] = {'x', (char)c, '\0'}, twice[] = {'x', (char)c, (char)c, 'x', '\0'};

        assert_arrives(alone);
        assert_arrives(first);
        assert_arrives(last);
        assert_arrives(twice);
    }
}
END_TEST

START_TEST(all_printable_characters_at_once_arrive_unchanged)
{
    char password[128];
    size_t n = 0;

    for (int c = ' '; c <= '~'; c++)
        password[n++] = (char)c;
    password[n] = '\0';
    assert_arrives(password);
}
END_TEST

static const char *const awkward[] = {
    "{password}",
    "{tenant}",
    "}{",
    "%41",
    "%",
    "%%00",
    "' host=evil '",
    "\\'",
    "\\\\",
    "a\\",
    "@evil/",
    ":@/?#[]&=+",
    "?sslmode=disable",
    "p\xc3\xa4ss\xe2\x82\xac\xf0\x9f\x94\x91",
    "\t\r\n",
    " lead",
    "trail ",
    "postgresql://x",
    "=",
};

START_TEST(awkward_values_arrive_unchanged)
{
    assert_arrives(awkward[_i]);
}
END_TEST

START_TEST(awkward_values_arrive_unchanged_as_username_and_dbname)
{
    cJSON *secret = cJSON_Parse("{\"password\":\"p\"}");

    cJSON_AddStringToObject(secret, "username", awkward[_i]);
    cJSON_AddStringToObject(secret, "dbname", awkward[_i]);
    ck_assert_int_eq(build_json(platform_with(TEMPLATE), secret), VC_OK);
    assert_both_read("user", awkward[_i]);
    assert_both_read("dbname", awkward[_i]);
    assert_both_read("host", "db.example");
    assert_both_read("sslmode", "require");
}
END_TEST

START_TEST(random_values_in_all_fields_arrive_unchanged)
{
    static const char *const fields[] = {"user",    "password",         "dbname",
                                         "options", "application_name", "sslrootcert"};

    srand(1);
    for (int round = 0; round < 2000; round++) {
        cJSON *secret = cJSON_Parse("{\"host\":\"h\"}");
        char value[6][41];

        for (size_t f = 0; f < 6; f++) {
            int length = 1 + rand() % 40;

            for (int i = 0; i < length; i++)
                value[f][i] = (char)(1 + rand() % 255);
            value[f][length] = '\0';
            cJSON_AddStringToObject(secret, fields[f], value[f]);
        }
        ck_assert_int_eq(build_json(round % 2 ? platform_with(TEMPLATE) : NULL, secret), VC_OK);
        for (size_t f = 0; f < 6; f++)
            assert_both_read(fields[f], value[f]);
        vc_connection_free(&connection);
    }
}
END_TEST

START_TEST(the_longest_value_is_taken_and_one_byte_more_is_refused)
{
    char *password = malloc(VC_CONNECTION_VALUE_MAX + 2);
    cJSON *secret = cJSON_Parse("{\"username\":\"u\",\"host\":\"h\"}");

    memset(password, '\'', VC_CONNECTION_VALUE_MAX + 1);
    password[VC_CONNECTION_VALUE_MAX + 1] = '\0';
    cJSON_AddStringToObject(secret, "password", password);
    ck_assert_int_eq(build_json(platform_with(TEMPLATE), secret), VC_BAD_SECRET);
    assert_message_has("\"password\"");
    assert_message_has("8193 bytes");
    password[VC_CONNECTION_VALUE_MAX] = '\0';
    assert_arrives(password);
    free(password);
}
END_TEST

/* --- templates that are refused ------------------------------------------------------------ */

static const struct {
    const char *template, *says;
} bad_templates[] = {
    {"postgresql://u:p@h/{dbname}", "unknown placeholder \"{dbname}\""},
    {"postgresql://u:p@h/{}", "unknown placeholder \"{}\""},
    {"postgresql://u:p@h/{DATABASE_NAME}", "unknown placeholder"},
    {"postgresql://u:p@h/{tenant", "unbalanced \"{\" at character 20"},
    {"postgresql://u:p@h/tenant}", "unbalanced \"}\" at character 26"},
    {"postgresql://u:p@h/{{tenant}}", "unbalanced \"{\""},
    {"postgresql://u:p@h/{tenant}}", "unbalanced \"}\""},
    {"postgresql://u:p@h/}tenant}", "unbalanced \"}\" at character 20"},
    {"{", "unbalanced"},
    {"postgresql://u:p@h/all", "no placeholder that tells tenants apart"},
    {"postgresql://u:p@h/all_{env}", "no placeholder that tells tenants apart"},
    {"postgresql://u:{password}@h/all", "no placeholder that tells tenants apart"},
    {"", "empty"},
    {"host=h dbname={tenant}", "does not begin with \"postgresql://\""},
    {"postgresql+psycopg://u:p@h/{tenant}", "does not begin with \"postgresql://\""},
    {"mysql://u:p@h/{tenant}", "does not begin with"},
    {"postgresql://u:%zz-SECRET@h/{tenant}", "not a URL that libpq takes: invalid percent-encoded"},
    {"postgresql://u:SECRET@[::1/{tenant}", "not a URL that libpq takes"},
    {"postgresql://u:SECRET@h/{tenant}?nonsense=1",
     "not a URL that libpq takes: invalid URI query"},
    {"postgresql://u:SECRET@h/{tenant}?service=x", "parameter \"service\", which is not allowed"},
    {"postgresql://u:SECRET@h/{tenant}?passfile=x", "parameter \"passfile\", which is not allowed"},
    {"postgresql://u:SECRET@h/{tenant}?replication=1", "parameter \"replication\""},
};

START_TEST(a_bad_template_is_refused_and_the_message_says_why)
{
    ck_assert_int_eq(build(bad_templates[_i].template, CREDENTIALS), VC_BAD_TEMPLATE);
    assert_message_has("tenant_url_template");
    assert_message_has(bad_templates[_i].says);
    ck_assert_ptr_null(strstr(err.message, "SECRET"));
}
END_TEST

START_TEST(a_template_that_is_no_string_is_refused)
{
    cJSON *platform = cJSON_Parse("{\"tenant_url_template\":7}");

    ck_assert_int_eq(build_json(platform, NULL), VC_BAD_TEMPLATE);
    assert_message_has("a number");
}
END_TEST

START_TEST(a_template_may_name_the_clients_certificate)
{
    ck_assert_int_eq(build("postgresql://{tenant}@h/{tenant}?sslcert=/c.crt&sslkey=/c.key", NULL),
                     VC_OK);
    assert_both_read("sslcert", "/c.crt");
    assert_both_read("sslkey", "/c.key");
}
END_TEST

/* --- what is not there --------------------------------------------------------------------- */

START_TEST(neither_template_nor_secret_is_not_found)
{
    ck_assert_int_eq(build(NULL, NULL), VC_NOT_FOUND);
    assert_message_has("\"acme\"");
    ck_assert(err.hint[0] != '\0');
}
END_TEST

START_TEST(no_secret_where_the_template_needs_it_is_not_found)
{
    ck_assert_int_eq(build(TEMPLATE, NULL), VC_NOT_FOUND);
    assert_message_has("\"username\"");
    ck_assert_ptr_nonnull(strstr(err.hint, "dev/tenants/acme/database"));
}
END_TEST

START_TEST(a_secret_without_the_field_that_the_template_needs_is_refused)
{
    ck_assert_int_eq(build(TEMPLATE, "\"username\":\"u\""), VC_BAD_SECRET);
    assert_message_has("\"password\"");
    ck_assert_int_eq(build(TEMPLATE, ""), VC_BAD_SECRET);
    assert_message_has("\"username\"");
}
END_TEST

START_TEST(a_connection_without_username_is_refused)
{
    ck_assert_int_eq(build("postgresql://h/{database_name}", "\"password\":\"p\""), VC_BAD_SECRET);
    assert_message_has("no username");
}
END_TEST

START_TEST(a_connection_without_host_is_refused)
{
    ck_assert_int_eq(build(NULL, CREDENTIALS), VC_BAD_SECRET);
    assert_message_has("no host");
}
END_TEST

/* --- secrets that are refused -------------------------------------------------------------- */

static const struct {
    const char *fields, *says;
} bad_secrets[] = {
    {"\"username\":\"u\",\"password\":12345678",
     "\"password\" in the secret of tenant \"acme\" is a number"},
    {"\"username\":\"u\",\"password\":null",
     "\"password\" in the secret of tenant \"acme\" is null"},
    {"\"username\":\"u\",\"password\":true", "is a boolean"},
    {"\"username\":\"u\",\"password\":{\"a\":\"b\"}", "is an object"},
    {"\"username\":\"u\",\"password\":[\"a\"]", "is an array"},
    {"\"username\":\"u\",\"password\":\"\"",
     "\"password\" in the secret of tenant \"acme\" is empty"},
    {"\"username\":\"\",\"password\":\"p\"",
     "\"username\" in the secret of tenant \"acme\" is empty"},
    {"\"username\":7,\"password\":\"p\"", "\"username\""},
    {CREDENTIALS ",\"user\":\"u\"", "given twice"},
    {CREDENTIALS ",\"host\":7", "\"host\""},
    {CREDENTIALS ",\"sslmod\":\"verify-full\"", "\"sslmod\""},
    {CREDENTIALS ",\"SSLMODE\":\"verify-full\"", "\"SSLMODE\""},
    {CREDENTIALS ",\"comment\":\"SECRET\"", "\"comment\""},
    {CREDENTIALS ",\"\":\"SECRET\"", "\"\""},
    {CREDENTIALS ",\"a\\nLOG: forged\":\"x\"", "\"a?LOG: forged\""},
    {CREDENTIALS ",\"sslmode\":\"verify_full\"", "unknown sslmode"},
    {CREDENTIALS ",\"port\":0", "not a port number"},
    {CREDENTIALS ",\"port\":65536", "not a port number"},
    {CREDENTIALS ",\"port\":1.5", "not a port number"},
    {CREDENTIALS ",\"port\":1e300", "not a port number"},
    {CREDENTIALS ",\"port\":\"x\"", "malformed port"},
    {CREDENTIALS ",\"port\":\"65536\"", "malformed port"},
    {CREDENTIALS ",\"port\":\"1,2,x\"", "malformed port"},
    {CREDENTIALS ",\"port\":\"999999999999999999999\"", "malformed port"},
    {CREDENTIALS ",\"service\":\"x\"", "may not set"},
    {CREDENTIALS ",\"passfile\":\"/etc/x\"", "may not set"},
    {CREDENTIALS ",\"replication\":\"database\"", "may not set"},
    {CREDENTIALS ",\"sslkey\":\"engine:key\"", "may not set"},
    {CREDENTIALS ",\"sslcert\":\"/x\"", "may not set"},
    {CREDENTIALS ",\"sslpassword\":\"x\"", "may not set"},
    {"\"url\":\"postgresql://u:p@h/d\"," CREDENTIALS, "stands beside single parameters"},
    {"\"url\":\"host=h user=u\"", "\"url\" in the secret of tenant \"acme\" does not begin with"},
    {"\"url\":\"postgresql://u:%zzSECRET@h\"", "not a URL that libpq takes"},
    {"\"url\":\"postgresql://u:SECRET@h/d?sslkey=/x\"",
     "parameter \"sslkey\", which is not allowed"},
    {"\"url\":\"postgresql://u:SECRET@h/d?service=x\"",
     "parameter \"service\", which is not allowed"},
    {"\"url\":\"postgresql://h/d\"", "no username"},
    {"\"url\":\"postgresql://u:p@/d\"", "no host"},
    {"\"url\":\"postgresql://u:p@h:0/d\"", "malformed port"},
    {"\"url\":7", "\"url\""},
    {"\"url\":\"\"", "\"url\""},
    {CREDENTIALS ",\"scram_verifier\":\"md5SECRET\"", "\"scram_verifier\""},
    {CREDENTIALS ",\"credentials_path\":\"database/creds/a\"", "\"credentials_path\""},
    {"\"url\":\"postgresql://u:p@h/d\",\"credentials_path\":\"a/b\"", "\"credentials_path\""},
    {"\"credentials_path\":\"../x\"", "\"credentials_path\""},
};

START_TEST(a_bad_secret_is_refused_and_the_message_names_the_field)
{
    ck_assert_int_eq(build(TEMPLATE, bad_secrets[_i].fields), VC_BAD_SECRET);
    assert_message_has("\"acme\"");
    assert_message_has(bad_secrets[_i].says);
    ck_assert_ptr_null(strstr(err.message, "SECRET"));
    ck_assert_ptr_null(connection.conninfo.data);
}
END_TEST

START_TEST(a_secret_that_is_no_object_is_refused)
{
    ck_assert_int_eq(build_json(NULL, cJSON_Parse("[1]")), VC_BAD_SECRET);
    assert_message_has("an array");
}
END_TEST

START_TEST(an_unknown_field_comes_with_a_hint)
{
    ck_assert_int_eq(build(TEMPLATE, CREDENTIALS ",\"note\":\"x\""), VC_BAD_SECRET);
    ck_assert_ptr_nonnull(strstr(err.hint, "custom_metadata"));
}
END_TEST

/* --- the platform's password --------------------------------------------------------------- */

static const struct {
    const char *template, *fields;
} leaks[] = {
    {SHARED, "\"host\":\"evil\""},
    {SHARED, "\"hostaddr\":\"10.6.6.6\""},
    {SHARED, "\"port\":6666"},
    {"postgresql://app:shared@{database_name}.db/{tenant}", "\"dbname\":\"evil,x\""},
    {"postgresql://app:shared@db/{tenant}?host={username}", "\"username\":\"evil\""},
};

START_TEST(the_templates_own_password_goes_nowhere_else)
{
    ck_assert_int_eq(build(leaks[_i].template, leaks[_i].fields), VC_BAD_SECRET);
    assert_message_has("leads elsewhere");
    ck_assert_ptr_null(strstr(err.message, "shared"));
}
END_TEST

START_TEST(the_templates_own_password_stays_where_the_destination_is_the_same)
{
    ck_assert_int_eq(build(SHARED, "\"dbname\":\"other\",\"application_name\":\"x\""), VC_OK);
    ck_assert_str_eq(connection.password, "shared");
    ck_assert_str_eq(connection.dbname, "other");
}
END_TEST

START_TEST(a_tenant_with_its_own_password_may_live_elsewhere)
{
    ck_assert_int_eq(build(SHARED, CREDENTIALS ",\"host\":\"other\""), VC_OK);
    ck_assert_str_eq(connection.password, "p");
    ck_assert_ptr_null(strstr(vc_buf_text(&connection.url), "shared"));
}
END_TEST

/* --- memory -------------------------------------------------------------------------------- */

/* Fails from the nth request on, and counts what is not given back. */
struct failing {
    long until, live;
};

static void *failing_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    struct failing *failing = ctx;
    void *result;

    if (new_size > 0 && failing->until-- <= 0)
        return NULL;
    result = vc_wiping_allocator.resize(vc_wiping_allocator.ctx, ptr, old_size, new_size);
    if (ptr == NULL && result != NULL)
        failing->live++;
    if (ptr != NULL && new_size == 0)
        failing->live--;
    return result;
}

START_TEST(every_allocation_may_fail_and_nothing_is_lost)
{
    cJSON *platform = platform_with(SHARED);
    cJSON *secret = cJSON_Parse("{\"username\":\"u\",\"options\":\"o o\"}");
    struct vc_connection_source source = {
        .tenant = "acme", .environment = "dev", .platform = platform, .secret = secret};
    enum vc_code code = VC_NO_MEMORY;

    for (long n = 0; code != VC_OK; n++) {
        struct failing failing = {.until = n};
        struct vc_allocator allocator = {failing_resize, &failing};

        ck_assert_int_lt(n, 1000);
        code = vc_connection_build(&connection, &allocator, &source, &err);
        ck_assert(code == VC_OK || code == VC_NO_MEMORY);
        vc_connection_free(&connection);
        ck_assert_int_eq(failing.live, 0);
    }
    cJSON_Delete(platform);
    cJSON_Delete(secret);
}
END_TEST

START_TEST(a_connection_may_be_freed_twice)
{
    ck_assert_int_eq(build(TEMPLATE, CREDENTIALS), VC_OK);
    vc_connection_free(&connection);
    vc_connection_free(&connection);
    vc_connection_free(NULL);
}
END_TEST

START_TEST(the_environment_adds_nothing)
{
    setenv("PGHOST", "from-env", 1);
    setenv("PGSSLMODE", "disable", 1);
    setenv("PGSERVICE", "no-such-service", 1);
    ck_assert_int_eq(build(NULL, CREDENTIALS), VC_BAD_SECRET);
    assert_message_has("no host");
    ck_assert_int_eq(build(NULL, WITH_HOST), VC_OK);
    ck_assert_ptr_null(connection.sslmode);
}
END_TEST

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

static void add_results(TCase *tests)
{
    tcase_add_test(tests, template_and_secret_give_the_whole_connection);
    tcase_add_test(tests, a_template_alone_is_enough);
    tcase_add_test(tests, a_secret_alone_is_enough_and_dbname_defaults_to_the_tenant);
    tcase_add_test(tests, a_platform_secret_without_template_is_as_none);
    tcase_add_test(tests, the_secrets_keywords_replace_those_of_the_template);
    tcase_add_test(tests, the_secrets_dbname_fills_in_database_name);
    tcase_add_test(tests, user_is_another_name_for_username);
    tcase_add_test(tests, a_port_may_be_a_number);
    tcase_add_test(tests, a_url_in_the_secret_replaces_the_template);
    tcase_add_test(tests, a_url_in_the_secret_needs_no_valid_template);
    tcase_add_test(tests, the_platforms_own_url_is_never_used);
    tcase_add_test(tests, a_scram_verifier_is_enough_where_the_template_wants_a_password);
    tcase_add_test(tests, a_credentials_path_stands_for_username_and_password);
    tcase_add_loop_test(tests, every_form_of_host_arrives_unchanged, 0, COUNT(hosts));
    tcase_add_test(tests, a_list_of_hosts_and_ports_arrives_unchanged);
    tcase_add_test(tests, a_hostaddr_is_enough);
    tcase_add_test(tests, each_single_character_arrives_unchanged);
    tcase_add_test(tests, all_printable_characters_at_once_arrive_unchanged);
    tcase_add_loop_test(tests, awkward_values_arrive_unchanged, 0, COUNT(awkward));
    tcase_add_loop_test(tests, awkward_values_arrive_unchanged_as_username_and_dbname, 0,
                        COUNT(awkward));
    tcase_add_test(tests, random_values_in_all_fields_arrive_unchanged);
    tcase_add_test(tests, the_longest_value_is_taken_and_one_byte_more_is_refused);
}

static void add_refusals(TCase *tests)
{
    tcase_add_loop_test(tests, a_bad_template_is_refused_and_the_message_says_why, 0,
                        COUNT(bad_templates));
    tcase_add_test(tests, a_template_that_is_no_string_is_refused);
    tcase_add_test(tests, a_template_may_name_the_clients_certificate);
    tcase_add_test(tests, neither_template_nor_secret_is_not_found);
    tcase_add_test(tests, no_secret_where_the_template_needs_it_is_not_found);
    tcase_add_test(tests, a_secret_without_the_field_that_the_template_needs_is_refused);
    tcase_add_test(tests, a_connection_without_username_is_refused);
    tcase_add_test(tests, a_connection_without_host_is_refused);
    tcase_add_loop_test(tests, a_bad_secret_is_refused_and_the_message_names_the_field, 0,
                        COUNT(bad_secrets));
    tcase_add_test(tests, a_secret_that_is_no_object_is_refused);
    tcase_add_test(tests, an_unknown_field_comes_with_a_hint);
    tcase_add_loop_test(tests, the_templates_own_password_goes_nowhere_else, 0, COUNT(leaks));
    tcase_add_test(tests, the_templates_own_password_stays_where_the_destination_is_the_same);
    tcase_add_test(tests, a_tenant_with_its_own_password_may_live_elsewhere);
    tcase_add_test(tests, every_allocation_may_fail_and_nothing_is_lost);
    tcase_add_test(tests, a_connection_may_be_freed_twice);
    tcase_add_test(tests, the_environment_adds_nothing);
}

int main(void)
{
    Suite *suite = suite_create("connection");
    TCase *results = tcase_create("results"), *refusals = tcase_create("refusals");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(results, NULL, teardown);
    tcase_add_checked_fixture(refusals, NULL, teardown);
    suite_add_tcase(suite, results);
    suite_add_tcase(suite, refusals);
    add_results(results);
    add_refusals(refusals);

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
