/*
 * plain_client.c - the plainest program that does minio-helper's requests with libcurl: what it is
 * compared with.
 *
 * Called by tests/bench/rows_helper.py. Reads the paths from Vault over one connection; then, with
 * --sts, asks an S3 server for temporary keys by the access_key_id and secret_access_key of the
 * last one; then, with --exec, becomes a command. Prints what came.
 *
 *   plain_client [--sts URL POLICY] PATH... [--exec COMMAND]
 *
 * From the environment: VAULT_ADDR, VAULT_TOKEN_FILE.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct reply {
    char bytes[65536];
    size_t len;
};

static void fail(const char *what)
{
    fprintf(stderr, "plain_client: %s\n", what);
    exit(1);
}

static size_t receive(char *bytes, size_t size, size_t count, void *ctx)
{
    struct reply *reply = ctx;

    if (size * count > sizeof reply->bytes - 1 - reply->len)
        return 0;
    memcpy(reply->bytes + reply->len, bytes, size * count);
    reply->len += size * count;
    reply->bytes[reply->len] = '\0';
    return size * count;
}

static void perform(CURL *curl)
{
    long status = 0;

    if (curl_easy_perform(curl) != CURLE_OK)
        fail("no answer");
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200)
        fail("not 200");
}

static struct curl_slist *token_header(void)
{
    char line[256] = "X-Vault-Token: ";
    size_t len = strlen(line);
    FILE *file = fopen(getenv("VAULT_TOKEN_FILE"), "r");

    if (file == NULL || fgets(line + len, (int)(sizeof line - len), file) == NULL)
        fail("no token");
    fclose(file);
    line[strcspn(line, "\n")] = '\0';
    return curl_slist_append(NULL, line);
}

static void read_secret(CURL *curl, const char *path, struct reply *reply)
{
    char url[512];

    snprintf(url, sizeof url, "%s/v1/%s", getenv("VAULT_ADDR"), path);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    reply->len = 0;
    perform(curl);
}

/* A string without escapes, as the benchmark's keys are. */
static void member(const char *json, const char *name, char *out, size_t size)
{
    char wanted[64];
    const char *at;

    snprintf(wanted, sizeof wanted, "\"%s\":\"", name);
    at = strstr(json, wanted);
    if (at == NULL)
        fail("no keys");
    snprintf(out, size, "%.*s", (int)strcspn(at + strlen(wanted), "\""), at + strlen(wanted));
}

static void assume_role(const char *url, const char *policy, const char *secret,
                        struct reply *reply)
{
    CURL *curl = curl_easy_init();
    char id[128], key[128], user[258], body[4096];
    char *escaped = curl_easy_escape(curl, policy, 0);

    member(secret, "access_key_id", id, sizeof id);
    member(secret, "secret_access_key", key, sizeof key);
    snprintf(user, sizeof user, "%s:%s", id, key);
    snprintf(body, sizeof body,
             "Action=AssumeRole&Version=2011-06-15&RoleSessionName=acme&Policy=%s", escaped);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_USERPWD, user);
    curl_easy_setopt(curl, CURLOPT_AWS_SIGV4, "aws:amz:us-east-1:sts");
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
    reply->len = 0;
    perform(curl);
    curl_free(escaped);
    curl_easy_cleanup(curl);
}

int main(int argc, char **argv)
{
    static struct reply reply;
    struct curl_slist *headers;
    const char *sts = NULL, *policy = NULL;
    char **path = argv + 1;
    CURL *curl;

    if (argc > 3 && strcmp(argv[1], "--sts") == 0) {
        sts = argv[2];
        policy = argv[3];
        path += 3;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    curl = curl_easy_init();
    headers = token_header();
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply);
    for (; *path != NULL && strcmp(*path, "--exec") != 0; path++)
        read_secret(curl, *path, &reply);
    if (sts != NULL)
        assume_role(sts, policy, reply.bytes, &reply);
    if (*path != NULL && path[1] != NULL) {
        execvp(path[1], path + 1);
        fail("cannot run it");
    }
    puts(reply.bytes);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    curl_global_cleanup();
    return 0;
}
