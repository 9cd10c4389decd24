/*
 * client_harness.c - a vault_client in a test. Called by test_vault_client and
 * test_vault_client_faults.
 */
#include "client_harness.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json.h"
#include "transport.h"

#define LOG_MAX 200

struct vc_client *client;
struct vc_settings settings;
struct outcome outcome;

static char log_lines[LOG_MAX][VC_MESSAGE_SIZE + 64];
static size_t log_count;

static void on_log(void *ctx, enum vc_log_level level, const char *message)
{
    (void)ctx;
    (void)level;
    if (log_count < LOG_MAX)
        snprintf(log_lines[log_count++], sizeof(log_lines[0]), "%s", message);
    if (getenv("TEST_LOG") != NULL)
        fprintf(stderr, "  log: %s\n", message);
}

static void new_client(void)
{
    struct vc_error err;

    client = vc_client_new(&vc_wiping_allocator, on_log, NULL, &err);
    ck_assert_ptr_nonnull(client);
}

void harness_set_up(const char *address)
{
    ck_assert(vc_transport_global_init());
    vc_json_use_wiping_hooks();
    vc_settings_init(&settings, &vc_wiping_allocator);
    set("address", address);
    new_client();
}

void harness_tear_down(void)
{
    vc_client_free(client);
    vc_settings_free(&settings);
    vc_transport_global_cleanup();
}

void set(const char *name, const char *value)
{
    struct vc_error err;

    ck_assert_msg(vc_settings_set(&settings, name, value, &err) == VC_OK, "%s", err.message);
}

void configure(void)
{
    struct vc_error err;

    ck_assert_msg(vc_client_configure(client, &settings, &err) == VC_OK, "%s", err.message);
}

void restart_client(void)
{
    vc_client_free(client);
    new_client();
    configure();
}

static void ended(const struct vc_error *err)
{
    outcome.count++;
    outcome.err = *err;
    outcome.value[0] = outcome.names[0] = '\0';
    outcome.version = 0;
    if (err->code != VC_OK && getenv("TEST_LOG") != NULL)
        fprintf(stderr, "  error %d: %s | %s\n", err->code, err->message, err->hint);
}

void on_secret(void *ctx, struct vc_kv_secret *secret, const struct vc_error *err)
{
    const char *value;

    (void)ctx;
    ended(err);
    if (err->code != VC_OK)
        return;
    value = vc_json_string(secret->data, "x");
    snprintf(outcome.value, sizeof(outcome.value), "%s", value == NULL ? "" : value);
    outcome.version = secret->version;
}

void on_names(void *ctx, const cJSON *names, const struct vc_error *err)
{
    const cJSON *name;

    (void)ctx;
    ended(err);
    cJSON_ArrayForEach (name, names) {
        size_t used = strlen(outcome.names);

        snprintf(outcome.names + used, sizeof(outcome.names) - used, "%s%s", used > 0 ? "," : "",
                 name->valuestring);
    }
}

void on_written(void *ctx, long long version, const struct vc_error *err)
{
    (void)ctx;
    ended(err);
    outcome.version = version;
}

void on_health(void *ctx, enum vc_health health, const struct vc_error *err)
{
    (void)ctx;
    ended(err);
    outcome.health = health;
}

void wait_for(unsigned count)
{
    vc_msec deadline = vc_now() + WAIT_MAX;
    bool never = false;

    while (outcome.count < count && vc_now() < deadline)
        vc_client_wait(client, &never, vc_now() + 5);
    ck_assert_uint_eq(outcome.count, count);
}

void wait_for_one(void)
{
    wait_for(outcome.count + 1);
}

void run_for(vc_msec time)
{
    bool never = false;

    vc_client_wait(client, &never, vc_now() + time);
}

void read_in_time(const char *path, vc_msec timeout)
{
    unsigned before = outcome.count;

    ck_assert_ptr_nonnull(vc_client_read(client, path, 0, timeout, on_secret, NULL));
    ck_assert_msg(outcome.count == before, "a callback came out of vc_client_read");
    wait_for(before + 1);
}

void read_secret(const char *path)
{
    read_in_time(path, 0);
}

void list_names(const char *path)
{
    ck_assert_ptr_nonnull(vc_client_list(client, path, 0, on_names, NULL));
    wait_for_one();
}

void write_secret(const char *path, const char *json, long long cas)
{
    cJSON *data = cJSON_Parse(json);

    ck_assert_ptr_nonnull(vc_client_write(client, path, data, cas, 0, on_written, NULL));
    cJSON_Delete(data);
    wait_for_one();
}

void log_in(void)
{
    ck_assert_ptr_nonnull(vc_client_login(client, 0, on_written, NULL));
    wait_for_one();
}

struct vc_client_status status_now(void)
{
    struct vc_client_status status;

    vc_client_status(client, &status);
    return status;
}

unsigned logged(const char *text)
{
    unsigned count = 0;

    for (size_t i = 0; i < log_count; i++)
        count += strstr(log_lines[i], text) != NULL;
    return count;
}

void write_file(const char *path, const char *text)
{
    char beside[256];
    FILE *file;

    /* As an agent does it: a new file in place of the old one. */
    snprintf(beside, sizeof(beside), "%s.new", path);
    file = fopen(beside, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fchmod(fileno(file), 0600), 0);
    fputs(text, file);
    fclose(file);
    ck_assert_int_eq(rename(beside, path), 0);
}
