/*
 * write.c - the writes under way (write.h).
 *
 * Each operation is safe to repeat, whatever became of the one before: a tenant that is there
 * already is not created again, a password is exchanged for yet another one, and what is deleted
 * stays so.
 */
#include "write.h"

#include <string.h>

#include "answer.h"
#include "connection.h"
#include "new_password.h"
#include "scram_secret.h"
#include "tenant_layout.h"

#define TIMEOUT_MAX ((vc_msec)600 * 1000) /* as fetch.c's */

/* Bytes of a host name or address, a port, and a name in PostgreSQL, with their NULs. */
#define HOST_SIZE 256
#define PORT_SIZE 6
#define IDENTIFIER_SIZE 64

struct write {
    struct write_table *table;
    struct write *next, *previous;
    uint64_t id;
    enum frame_operation operation;
    char tenant[VC_TENANT_NAME_MAX + 1];
    char path[VC_PATH_MAX + 1];
    vc_msec deadline;

    /* of the secret to be written */
    char username[IDENTIFIER_SIZE], host[HOST_SIZE], port[PORT_SIZE], dbname[IDENTIFIER_SIZE];
    unsigned char salt[VC_SCRAM_SALT_MAX];
    size_t salt_len;
    int64_t iterations;

    struct vc_operation *request; /* NULL: none is under way */
    bool sent;                    /* request changes something */
    bool read_again;              /* after a check-and-set that failed */
    long long version;            /* of what is removed */
};

static void read_secret(struct write *write);

/* --- one write's life ---------------------------------------------------------------------- */

static struct write *add_write(struct write_table *table, uint64_t id)
{
    struct write *write = vc_alloc(&vc_wiping_allocator, sizeof(*write));

    if (write == NULL)
        return NULL;
    write->table = table;
    write->id = id;
    write->next = table->first;
    if (table->first != NULL)
        table->first->previous = write;
    table->first = write;
    table->count++;
    return write;
}

/* Not from within a callback of the client unless the write's own request has ended. */
static void remove_write(struct write *write)
{
    struct write_table *table = write->table;

    if (write->request != NULL)
        vc_client_cancel(table->client, write->request);
    if (write->previous != NULL)
        write->previous->next = write->next;
    else
        table->first = write->next;
    if (write->next != NULL)
        write->next->previous = write->previous;
    table->count--;
    vc_free(&vc_wiping_allocator, write, sizeof(*write));
}

static void finish(struct write *write, long long version, bool existed)
{
    if (!answer_written(write->table->channel, write->id, version, existed))
        write->table->failed = true;
    remove_write(write);
}

/* Where a change was on its way, nobody can say whether it has arrived. */
static bool is_unknown_outcome(const struct write *write, const struct vc_error *err)
{
    return write->sent && (vc_code_is_outage(err->code) || err->code == VC_INTERNAL);
}

static void finish_with_error(struct write *write, const struct vc_error *err)
{
    struct vc_error told = *err;

    if (is_unknown_outcome(write, err)) {
        vc_error_server_words(&told, "whether Vault has made the change is not known");
        vc_error_hint(&told, "call the function again: it finds out, and finishes what is missing");
    }
    if (!answer_write_error(write->table->channel, write->id, &told))
        write->table->failed = true;
    remove_write(write);
}

static enum vc_code no_memory(struct vc_error *err)
{
    return vc_error_set(err, VC_NO_MEMORY, "out of memory in tenant-vault-fetcher");
}

static void finish_without_memory(struct write *write)
{
    struct vc_error err;

    no_memory(&err);
    finish_with_error(write, &err);
}

static vc_msec time_left(const struct write *write)
{
    vc_msec left = write->deadline - vc_now();

    return left > 1 ? left : 1; /* 0 would be the settings' own timeout */
}

/* --- what is written ----------------------------------------------------------------------- */

static bool set_field(cJSON *data, const char *name, const char *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(data, name);
    return cJSON_AddStringToObject(data, name, value) != NULL;
}

/* A new password, and its verifier beside it. */
static enum vc_code set_password(const struct write *write, cJSON *data, struct vc_error *err)
{
    char password[VC_NEW_PASSWORD_LENGTH + 1], verifier[VC_SCRAM_SECRET_SIZE];
    enum vc_code code = vc_new_password(password, err);

    if (code == VC_OK)
        code = vc_scram_secret(verifier, password, write->salt, write->salt_len, write->iterations,
                               err);
    if (code == VC_OK &&
        (!set_field(data, "password", password) || !set_field(data, "scram_verifier", verifier)))
        code = no_memory(err);
    explicit_bzero(password, sizeof(password));
    explicit_bzero(verifier, sizeof(verifier));
    return code;
}

static bool set_given(cJSON *data, const char *name, const char *value)
{
    return value[0] == '\0' || set_field(data, name, value);
}

/* The fields of a new tenant's secret but the password; NULL without memory. */
static cJSON *new_secret(const struct write *write)
{
    cJSON *data = cJSON_CreateObject();

    if (data != NULL && set_field(data, "username", write->username) &&
        set_given(data, "host", write->host) && set_given(data, "port", write->port) &&
        set_given(data, "dbname", write->dbname))
        return data;
    cJSON_Delete(data);
    return NULL;
}

static void finish_unversioned(struct write *write)
{
    struct vc_error err;

    vc_error_set(&err, VC_KV_V1_PATH,
                 "the mount is KV version 1, which has neither versions nor check-and-set");
    vc_error_hint(&err, "change the secret in Vault by hand, or move it to KV version 2");
    finish_with_error(write, &err);
}

/* vc_written_done */
static void change_ended(void *ctx, long long version, const struct vc_error *err)
{
    struct write *write = ctx;

    write->request = NULL;
    if (err->code == VC_OK) {
        finish(write, version > 0 ? version : write->version, false);
    } else if (err->code == VC_CAS_MISMATCH && write->operation == OPERATION_CREATE &&
               !write->read_again) {
        /* Somebody else has created it in this very moment. */
        write->read_again = true;
        read_secret(write);
    } else if (err->code == VC_BAD_REQUEST && err->http_status == 0) {
        finish_unversioned(write); /* the client has not even asked (vault_kv.h) */
    } else {
        finish_with_error(write, err);
    }
}

/* Takes data, which may be NULL for want of memory. */
static void write_secret(struct write *write, cJSON *data, long long cas)
{
    struct vc_client *client = write->table->client;
    struct vc_error err;

    if (data == NULL) {
        finish_without_memory(write);
        return;
    }
    if (set_password(write, data, &err) != VC_OK) {
        finish_with_error(write, &err);
    } else {
        write->request =
            vc_client_write(client, write->path, data, cas, time_left(write), change_ended, write);
        write->sent = write->request != NULL;
        if (write->request == NULL)
            finish_without_memory(write);
    }
    cJSON_Delete(data); /* the wiping hook */
}

static void remove_secret(struct write *write, enum vc_kv_removal what)
{
    write->request = vc_client_remove(write->table->client, write->path, what, 0, time_left(write),
                                      change_ended, write);
    write->sent = write->request != NULL;
    if (write->request == NULL)
        finish_without_memory(write);
}

/* --- what was read ------------------------------------------------------------------------- */

static const char *string_field(const cJSON *data, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(data, name));
}

static bool has_field(const cJSON *data, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(data, name) != NULL;
}

/* One that is there already is the tenant's, unless it is another role's or opens nothing. */
static void keep_existing(struct write *write, const struct vc_kv_secret *secret)
{
    const char *username = string_field(secret->data, "username");
    struct vc_error err;

    if (username == NULL)
        username = string_field(secret->data, "user");
    if (username != NULL && strcmp(username, write->username) != 0) {
        vc_error_set(&err, VC_BAD_SECRET,
                     "tenant has a secret already, for another user than \"%s\"", write->username);
        vc_error_hint(&err, "name that user as the role, or drop the tenant first");
        finish_with_error(write, &err);
    } else if (!has_field(secret->data, "password") && !has_field(secret->data, "scram_verifier") &&
               !has_field(secret->data, "url")) {
        vc_error_set(&err, VC_BAD_SECRET, "tenant has a secret already, without a password");
        vc_error_hint(&err, "call rotate_password to give it one, or drop the tenant first");
        finish_with_error(write, &err);
    } else {
        finish(write, secret->version, true);
    }
}

static void rotate(struct write *write, const struct vc_kv_secret *secret)
{
    const char *const fixed[] = {"url", "credentials_path"};
    struct vc_error err;

    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        if (!has_field(secret->data, fixed[i]))
            continue;
        vc_error_set(&err, VC_BAD_SECRET,
                     "secret of tenant has \"%s\", in which no password can be exchanged",
                     fixed[i]);
        vc_error_hint(&err, "write username, host and the like in its place");
        finish_with_error(write, &err);
        return;
    }
    write_secret(write, cJSON_Duplicate(secret->data, true), secret->version);
}

static void secret_there(struct write *write, const struct vc_kv_secret *secret)
{
    if (secret->version == 0) {
        finish_unversioned(write);
        return;
    }
    write->version = secret->version;
    switch (write->operation) {
    case OPERATION_CREATE:
        keep_existing(write, secret);
        break;
    case OPERATION_ROTATE:
        rotate(write, secret);
        break;
    case OPERATION_DELETE:
        remove_secret(write, VC_KV_DELETE);
        break;
    case OPERATION_DESTROY:
        remove_secret(write, VC_KV_DELETE_METADATA);
        break;
    }
}

/* Nothing is there: gone is what that is called, with the version that was the last. */
static void secret_gone(struct write *write, const struct vc_error *gone)
{
    struct vc_error err = *gone;

    switch (write->operation) {
    case OPERATION_CREATE:
        write_secret(write, new_secret(write), gone->version);
        break;
    case OPERATION_ROTATE:
        vc_error_hint(&err, "create the tenant first: SELECT tenant_vault.create_tenant('%s')",
                      write->tenant);
        finish_with_error(write, &err);
        break;
    case OPERATION_DELETE:
        finish(write, 0, false);
        break;
    case OPERATION_DESTROY:
        if (gone->code == VC_NOT_FOUND)
            finish(write, 0, false);
        else
            remove_secret(write, VC_KV_DELETE_METADATA);
        break;
    }
}

/* vc_secret_done */
static void read_ended(void *ctx, struct vc_kv_secret *secret, const struct vc_error *err)
{
    struct write *write = ctx;

    write->request = NULL;
    if (err->code == VC_OK)
        secret_there(write, secret);
    else if (err->code == VC_NOT_FOUND || err->code == VC_VERSION_DELETED ||
             err->code == VC_VERSION_DESTROYED)
        secret_gone(write, err);
    else
        finish_with_error(write, err);
}

static void read_secret(struct write *write)
{
    write->sent = false;
    write->request =
        vc_client_read(write->table->client, write->path, 0, time_left(write), read_ended, write);
    if (write->request == NULL)
        finish_without_memory(write);
}

/* --- from frame to write ------------------------------------------------------------------- */

/* False where the text holds a NUL or does not fit. An absent one is "". */
static bool take_text(const unsigned char *payload, size_t len, uint8_t tag, char *out, size_t size)
{
    struct frame_field field;

    out[0] = '\0';
    if (!frame_find(payload, len, tag, &field))
        return true;
    if (field.len >= size || memchr(field.data, '\0', field.len) != NULL)
        return false;
    memcpy(out, field.data, field.len);
    out[field.len] = '\0';
    return true;
}

static bool take_salt(struct write *write, const unsigned char *payload, size_t len)
{
    struct frame_field field;

    if (!frame_find(payload, len, TAG_SALT, &field))
        return true;
    if (field.len > sizeof(write->salt))
        return false;
    memcpy(write->salt, field.data, field.len);
    write->salt_len = field.len;
    return true;
}

static bool take_fields(struct write *write, const unsigned char *payload, size_t len)
{
    write->iterations = frame_find_number(payload, len, TAG_ITERATIONS, 0);
    return take_salt(write, payload, len) &&
           take_text(payload, len, TAG_USERNAME, write->username, sizeof(write->username)) &&
           take_text(payload, len, TAG_HOST, write->host, sizeof(write->host)) &&
           take_text(payload, len, TAG_PORT, write->port, sizeof(write->port)) &&
           take_text(payload, len, TAG_DBNAME, write->dbname, sizeof(write->dbname)) &&
           (write->operation != OPERATION_CREATE || write->username[0] != '\0');
}

static void take_timeout(struct write *write, const unsigned char *payload, size_t len)
{
    int64_t timeout = frame_find_number(payload, len, TAG_TIMEOUT, 0);

    if (timeout <= 0)
        timeout = vc_client_settings(write->table->client)->request_timeout;
    write->deadline = vc_now() + (timeout < TIMEOUT_MAX ? timeout : TIMEOUT_MAX);
}

static enum vc_code take_tenant(struct write *write, const struct frame_field *name,
                                struct vc_error *err)
{
    const struct vc_settings *settings = vc_client_settings(write->table->client);
    enum vc_code code = vc_tenant_name_check((const char *)name->data, name->len, err);

    if (code != VC_OK)
        return code;
    memcpy(write->tenant, name->data, name->len);
    write->tenant[name->len] = '\0';
    return vc_tenant_path(write->path, sizeof(write->path), settings->secret_prefix,
                          settings->environment, write->tenant, "database", err);
}

static bool is_operation(int64_t number)
{
    return number == OPERATION_CREATE || number == OPERATION_ROTATE || number == OPERATION_DELETE ||
           number == OPERATION_DESTROY;
}

bool write_start(struct write_table *table, uint64_t id, const unsigned char *payload, size_t len)
{
    int64_t operation = frame_find_number(payload, len, TAG_OPERATION, 0);
    struct frame_field name;
    struct write *write;
    struct vc_error err;

    if (!is_operation(operation) || !frame_find(payload, len, TAG_NAME, &name))
        return false;
    write = add_write(table, id);
    if (write == NULL) {
        table->failed = true;
        return true;
    }
    write->operation = (enum frame_operation)operation;
    if (!take_fields(write, payload, len)) {
        remove_write(write);
        return false;
    }
    take_timeout(write, payload, len);
    if (take_tenant(write, &name, &err) == VC_OK)
        read_secret(write);
    else
        finish_with_error(write, &err);
    return true;
}

void write_cancel_unsent(struct write_table *table)
{
    struct vc_error err;
    struct write *next;

    vc_error_set(&err, VC_CANCELLED, "settings have changed");
    for (struct write *write = table->first; write != NULL; write = next) {
        next = write->next;
        if (!write->sent)
            finish_with_error(write, &err);
    }
}

void write_table_init(struct write_table *table, struct channel *channel, struct vc_client *client)
{
    *table = (struct write_table){.channel = channel, .client = client};
}

void write_table_free(struct write_table *table)
{
    while (table->first != NULL)
        remove_write(table->first);
}
