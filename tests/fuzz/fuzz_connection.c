/*
 * fuzz_connection.c - libFuzzer target: any platform template and any tenant's secret.
 *
 * Input: the platform's data and the tenant's secret as JSON, a zero byte between them; either may
 * be empty for "not there". What is built must be read back by libpq unchanged, from both forms.
 */
#include <libpq-fe.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "json.h"

/* libpq reads of text what the connection says. */
static void check_read_back(const struct vc_connection *connection, const struct vc_buf *text)
{
    PQconninfoOption *options = PQconninfoParse(vc_buf_text(text), NULL);

    if (options == NULL)
        abort();
    for (PQconninfoOption *option = options; option->keyword != NULL; option++) {
        const char *expected = strcmp(option->keyword, "host") == 0       ? connection->host
                               : strcmp(option->keyword, "port") == 0     ? connection->port
                               : strcmp(option->keyword, "dbname") == 0   ? connection->dbname
                               : strcmp(option->keyword, "user") == 0     ? connection->username
                               : strcmp(option->keyword, "password") == 0 ? connection->password
                               : strcmp(option->keyword, "sslmode") == 0  ? connection->sslmode
                                                                          : option->val;

        if ((expected == NULL) != (option->val == NULL))
            abort();
        if (expected != NULL && strcmp(expected, option->val) != 0)
            abort();
    }
    PQconninfoFree(options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = memchr(data, 0, size);
    size_t first = zero != NULL ? (size_t)(zero - data) : size;
    const char *second = zero != NULL ? (const char *)zero + 1 : "";
    cJSON *platform = vc_json_parse((const char *)data, first, NULL);
    cJSON *secret = vc_json_parse(second, zero != NULL ? size - first - 1 : 0, NULL);
    struct vc_connection_source source = {
        .tenant = "acme", .environment = "dev", .platform = platform, .secret = secret};
    struct vc_connection connection;
    struct vc_error err;

    if (vc_connection_build(&connection, &vc_wiping_allocator, &source, &err) == VC_OK) {
        check_read_back(&connection, &connection.conninfo);
        check_read_back(&connection, &connection.url);
    }
    vc_connection_free(&connection);
    cJSON_Delete(platform);
    cJSON_Delete(secret);
    return 0;
}
