/*
 * client_harness.h - a vault_client in a test: its settings, its log, and how the last operation
 * ended.
 */
#ifndef CLIENT_HARNESS_H
#define CLIENT_HARNESS_H

#include "vault_client.h"

#define WAIT_MAX 30000 /* milliseconds for any one operation */

extern struct vc_client *client;
extern struct vc_settings settings;

/* How the last operation ended. */
struct outcome {
    unsigned count; /* of all operations so far */
    struct vc_error err;
    char value[256]; /* member "x" of a secret */
    long long version;
    char names[256]; /* of a list, joined by commas */
    enum vc_health health;
};
extern struct outcome outcome;

/* Settings with this address, and a client that is not configured yet. */
void harness_set_up(const char *address);
void harness_tear_down(void);
void set(const char *name, const char *value);
void configure(void);
/* Ends the client without revoking anything, and begins another with the same settings. */
void restart_client(void);

void on_secret(void *ctx, struct vc_kv_secret *secret, const struct vc_error *err);
void on_names(void *ctx, const cJSON *names, const struct vc_error *err);
void on_written(void *ctx, long long version, const struct vc_error *err);
void on_health(void *ctx, enum vc_health health, const struct vc_error *err);

/* Run the client until one more operation has ended. */
void wait_for_one(void);
void wait_for(unsigned count);
void run_for(vc_msec time);
/* Start one and wait; outcome tells. */
void read_secret(const char *path);
void read_in_time(const char *path, vc_msec timeout);
void list_names(const char *path);
void write_secret(const char *path, const char *json, long long cas);
void log_in(void);

struct vc_client_status status_now(void);
/* Log lines that contain text. */
unsigned logged(const char *text);
void write_file(const char *path, const char *text);

#endif
