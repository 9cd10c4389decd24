/*
 * real_vault.c - a real OpenBao for a test. Called by test_vault_client.
 */
#include "real_vault.h"

#include <check.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND_MAX 512
#define REPLY_MAX 65536
#define LINE_MAX_BYTES 65536 /* of the audit log */
#define TIMEOUT_SECONDS 10L

struct reply {
    char bytes[REPLY_MAX];
    size_t len;
};

static void read_line(const char *folder, const char *name, const char *prefix, char *out,
                      size_t size)
{
    char path[COMMAND_MAX], line[COMMAND_MAX];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "r");
    ck_assert_msg(file != NULL, "no file %s", path);
    out[0] = '\0';
    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, prefix, strlen(prefix)) == 0)
            snprintf(out, size, "%.*s", (int)size - 1, line + strlen(prefix));
    }
    fclose(file);
}

void real_vault_command(const struct real_vault *vault, const char *command)
{
    char line[COMMAND_MAX];

    snprintf(line, sizeof(line), "%s/../setup/vault_server %s %s >/dev/null", TEST_DATA, command,
             vault->folder);
    ck_assert_msg(system(line) == 0, "%s", line);
}

void real_vault_start(struct real_vault *vault, const char *options)
{
    char line[COMMAND_MAX];

    snprintf(vault->folder, sizeof(vault->folder), "/tmp/real_vault.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(vault->folder));
    snprintf(line, sizeof(line), "%s/../setup/vault_server start %s %s >/dev/null", TEST_DATA,
             vault->folder, options);
    ck_assert_msg(system(line) == 0, "%s", line);
    read_line(vault->folder, "env", "export VAULT_ADDR=", vault->address, sizeof(vault->address));
    read_line(vault->folder, "root_token", "", vault->token, sizeof(vault->token));
}

void real_vault_stop(struct real_vault *vault)
{
    char line[COMMAND_MAX];

    real_vault_command(vault, "stop");
    snprintf(line, sizeof(line), "rm -rf %s", vault->folder);
    ck_assert_int_eq(system(line), 0);
}

static size_t receive(char *bytes, size_t size, size_t count, void *ctx)
{
    struct reply *reply = ctx;

    ck_assert_uint_lt(reply->len + size * count, sizeof(reply->bytes));
    memcpy(reply->bytes + reply->len, bytes, size * count);
    reply->len += size * count;
    return size * count;
}

static long request(const struct real_vault *vault, const char *method, const char *path,
                    const char *body, const char *token, struct reply *reply)
{
    char url[COMMAND_MAX], header[COMMAND_MAX];
    CURL *easy = curl_easy_init();
    struct curl_slist *headers;
    long status = 0;

    snprintf(url, sizeof(url), "%s/v1/%s", vault->address, path);
    snprintf(header, sizeof(header), "X-Vault-Token: %s", token);
    headers = curl_slist_append(NULL, header);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_TIMEOUT, TIMEOUT_SECONDS);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, reply);
    if (body != NULL)
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    ck_assert_int_eq(curl_easy_perform(easy), CURLE_OK);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
    return status;
}

cJSON *real_vault_api(const struct real_vault *vault, const char *method, const char *path,
                      const char *body)
{
    struct reply *reply = calloc(1, sizeof(*reply));
    long status = request(vault, method, path, body, vault->token, reply);
    cJSON *root;

    ck_assert_msg(status < 400, "%s %s: %ld %s", method, path, status, reply->bytes);
    root = reply->len > 0 ? cJSON_ParseWithLength(reply->bytes, reply->len) : cJSON_CreateObject();
    ck_assert_ptr_nonnull(root);
    free(reply);
    return root;
}

void real_vault_do(const struct real_vault *vault, const char *method, const char *path,
                   const char *body)
{
    cJSON_Delete(real_vault_api(vault, method, path, body));
}

long real_vault_status(const struct real_vault *vault, const char *method, const char *path,
                       const char *body, const char *token)
{
    struct reply *reply = calloc(1, sizeof(*reply));
    long status = request(vault, method, path, body, token == NULL ? vault->token : token, reply);

    free(reply);
    return status;
}

void real_vault_take(cJSON *reply, const char *member, char *out, size_t size)
{
    const cJSON *data = cJSON_GetObjectItem(reply, "data");
    const cJSON *item = cJSON_GetObjectItem(data, member);

    if (!cJSON_IsString(item))
        item = cJSON_GetObjectItem(cJSON_GetObjectItem(reply, "wrap_info"), member);
    if (!cJSON_IsString(item))
        item = cJSON_GetObjectItem(cJSON_GetObjectItem(reply, "auth"), member);
    ck_assert_msg(cJSON_IsString(item), "no %s in the reply", member);
    snprintf(out, size, "%s", item->valuestring);
    cJSON_Delete(reply);
}

unsigned real_vault_count(const struct real_vault *vault, const char *path)
{
    char name[COMMAND_MAX], wanted[COMMAND_MAX];
    char *line = calloc(1, LINE_MAX_BYTES);
    unsigned count = 0;
    FILE *log;

    snprintf(name, sizeof(name), "%s/audit.log", vault->folder);
    snprintf(wanted, sizeof(wanted), "\"path\":\"%s\"", path);
    log = fopen(name, "r");
    ck_assert_ptr_nonnull(log);
    while (fgets(line, LINE_MAX_BYTES, log) != NULL)
        count += strstr(line, "\"type\":\"request\"") != NULL && strstr(line, wanted) != NULL;
    fclose(log);
    free(line);
    return count;
}

void real_vault_furnish(const struct real_vault *vault)
{
    real_vault_do(vault, "POST", "sys/mounts/secret",
                  "{\"type\":\"kv\",\"options\":{\"version\":\"2\"}}");
    real_vault_do(vault, "POST", "sys/mounts/kv1", "{\"type\":\"kv\"}");
    real_vault_do(vault, "POST", "sys/auth/approle", "{\"type\":\"approle\"}");
    real_vault_do(
        vault, "PUT", "sys/policies/acl/app",
        "{\"policy\":\"path \\\"secret/+/app/*\\\" {capabilities=[\\\"create\\\",\\\"read\\\","
        "\\\"update\\\",\\\"delete\\\",\\\"list\\\"]} path \\\"kv1/*\\\" {capabilities=["
        "\\\"create\\\",\\\"read\\\",\\\"update\\\",\\\"delete\\\",\\\"list\\\"]}\"}");
    /* A KV v2 mount upgrades itself for a moment after it was made. */
    for (int i = 0; i < 100; i++)
        if (real_vault_status(vault, "POST", "secret/data/app/a", "{\"data\":{\"x\":\"1\"}}",
                              NULL) == 200)
            break;
    real_vault_do(vault, "POST", "kv1/a", "{\"x\":\"1\"}");
}

void real_vault_secret_id(const struct real_vault *vault, const char *name, char *secret_id)
{
    char path[128];

    snprintf(path, sizeof(path), "auth/approle/role/%s/secret-id", name);
    real_vault_take(real_vault_api(vault, "POST", path, "{}"), "secret_id", secret_id, ID_SIZE);
}

void real_vault_role(const struct real_vault *vault, const char *name, const char *parameters,
                     char *role_id, char *secret_id)
{
    char path[128], body[COMMAND_MAX];

    snprintf(path, sizeof(path), "auth/approle/role/%s", name);
    snprintf(body, sizeof(body), "{\"token_policies\":\"app\"%s%s}",
             parameters[0] != '\0' ? "," : "", parameters);
    real_vault_do(vault, "POST", path, body);
    snprintf(path, sizeof(path), "auth/approle/role/%s/role-id", name);
    real_vault_take(real_vault_api(vault, "GET", path, NULL), "role_id", role_id, ID_SIZE);
    real_vault_secret_id(vault, name, secret_id);
}
