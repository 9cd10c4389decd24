/*
 * fetch.c - the fetches under way (fetch.h).
 */
#include "fetch.h"

#include <string.h>

#include "answer.h"
#include "connection.h"
#include "tenant_layout.h"

/*
 * The client ends each operation at its timeout and says what it was waiting for; the table's own
 * deadline is for a fetch that waits for somebody else's read, and comes so much later.
 */
#define DEADLINE_MARGIN 20

#define TIMEOUT_MAX ((vc_msec)600 * 1000) /* the longest that the GUC request_timeout allows */

struct fetch {
    struct fetch_table *table;
    struct fetch *next, *previous;
    uint64_t id;
    enum frame_kind kind;
    char name[VC_PATH_MAX + 1];
    vc_msec timeout, deadline;

    struct vc_operation *operation; /* its own read; NULL before and after */
    bool waits_for_platform;

    /* of a tenant whose read has ended */
    bool read_ended;
    cJSON *secret; /* NULL: it has none */
    struct answer_origin origin;
};

/* --- one fetch's life ---------------------------------------------------------------------- */

static struct fetch *add_fetch(struct fetch_table *table, uint64_t id)
{
    struct fetch *fetch = vc_alloc(&vc_wiping_allocator, sizeof(*fetch));

    if (fetch == NULL)
        return NULL;
    fetch->table = table;
    fetch->id = id;
    fetch->next = table->first;
    if (table->first != NULL)
        table->first->previous = fetch;
    table->first = fetch;
    table->count++;
    return fetch;
}

/* Not from within a callback of the client unless the fetch's own operation has ended. */
static void remove_fetch(struct fetch *fetch)
{
    struct fetch_table *table = fetch->table;

    if (fetch->operation != NULL)
        vc_client_cancel(table->client, fetch->operation);
    if (fetch->previous != NULL)
        fetch->previous->next = fetch->next;
    else
        table->first = fetch->next;
    if (fetch->next != NULL)
        fetch->next->previous = fetch->previous;
    table->count--;
    cJSON_Delete(fetch->secret);
    vc_free(&vc_wiping_allocator, fetch, sizeof(*fetch));
}

static void finish_with_error(struct fetch *fetch, const struct vc_error *err)
{
    if (!answer_error(fetch->table->channel, fetch->id, err))
        fetch->table->failed = true;
    remove_fetch(fetch);
}

static void finish_without_memory(struct fetch *fetch)
{
    struct vc_error err;

    vc_error_set(&err, VC_NO_MEMORY, "out of memory in tenant-vault-fetcher");
    finish_with_error(fetch, &err);
}

static void finish_with_data(struct fetch *fetch, const struct answer_origin *origin,
                             const cJSON *data)
{
    if (!answer_data(fetch->table->channel, fetch->id, origin, data))
        fetch->table->failed = true;
    remove_fetch(fetch);
}

static void take_origin(struct answer_origin *origin, const struct vc_kv_secret *secret)
{
    origin->version = secret->version;
    memcpy(origin->created_time, secret->created_time, sizeof(origin->created_time));
    memcpy(origin->request_id, secret->request_id, sizeof(origin->request_id));
}

/* --- a tenant's connection ----------------------------------------------------------------- */

/* VC_OK with a connection to be freed, or what is wrong. */
static enum vc_code build_connection(const struct fetch *fetch, const cJSON *platform,
                                     struct vc_connection *connection, struct vc_error *err)
{
    struct vc_connection_source source = {.tenant = fetch->name,
                                          .environment =
                                              vc_client_settings(fetch->table->client)->environment,
                                          .platform = platform,
                                          .secret = fetch->secret};
    enum vc_code code = vc_connection_build(connection, &vc_wiping_allocator, &source, err);

    if (code == VC_OK && connection->credentials_path != NULL) {
        vc_connection_free(connection);
        code = vc_error_set(err, VC_BAD_SECRET,
                            "secret of tenant \"%s\" asks for dynamic credentials, which this "
                            "version does not support",
                            fetch->name);
        vc_error_hint(err, "write username and password instead of credentials_path");
    }
    if (code != VC_OK)
        memcpy(err->request_id, fetch->origin.request_id, sizeof(err->request_id));
    return code;
}

static void finish_with_connection(struct fetch *fetch, const cJSON *platform)
{
    struct vc_connection connection;
    struct vc_error err;

    if (build_connection(fetch, platform, &connection, &err) != VC_OK) {
        finish_with_error(fetch, &err);
        return;
    }
    if (!answer_connection(fetch->table->channel, fetch->id, &fetch->origin, &connection))
        fetch->table->failed = true;
    vc_connection_free(&connection);
    remove_fetch(fetch);
}

/* Answers a tenant's fetch as soon as all is there that it needs. */
static void try_to_finish(struct fetch *fetch)
{
    const struct platform_secret *platform = &fetch->table->platform;

    if (!fetch->read_ended)
        return;
    /* A url of its own replaces the template. */
    if (cJSON_GetObjectItemCaseSensitive(fetch->secret, "url") != NULL)
        finish_with_connection(fetch, NULL);
    else if (fetch->waits_for_platform)
        return;
    else if (platform->err.code != VC_OK)
        finish_with_error(fetch, &platform->err);
    else
        finish_with_connection(fetch, platform->data);
}

/* platform_secret_ended */
static void platform_ended(void *ctx)
{
    struct fetch_table *table = ctx;
    struct fetch *next;

    for (struct fetch *fetch = table->first; fetch != NULL; fetch = next) {
        next = fetch->next;
        if (!fetch->waits_for_platform)
            continue;
        fetch->waits_for_platform = false;
        try_to_finish(fetch);
    }
}

/* vc_secret_done. A path where nothing is means: the template alone. */
static void tenant_read_ended(void *ctx, struct vc_kv_secret *secret, const struct vc_error *err)
{
    struct fetch *fetch = ctx;

    fetch->operation = NULL;
    fetch->read_ended = true;
    if (err->code != VC_OK && err->code != VC_NOT_FOUND) {
        finish_with_error(fetch, err);
        return;
    }
    if (err->code == VC_NOT_FOUND) {
        memcpy(fetch->origin.request_id, err->request_id, sizeof(fetch->origin.request_id));
    } else {
        fetch->secret = cJSON_Duplicate(secret->data, true);
        if (fetch->secret == NULL) {
            finish_without_memory(fetch);
            return;
        }
        take_origin(&fetch->origin, secret);
    }
    try_to_finish(fetch);
}

static enum vc_code start_tenant(struct fetch *fetch, vc_msec max_age, struct vc_error *err)
{
    const struct vc_settings *settings = vc_client_settings(fetch->table->client);
    enum platform_state state;
    char path[VC_PATH_MAX + 1];
    enum vc_code code;

    code = vc_tenant_path(path, sizeof(path), settings->secret_prefix, settings->environment,
                          fetch->name, "database", err);
    if (code == VC_OK)
        code = platform_secret_need(&fetch->table->platform, max_age, &state, err);
    if (code != VC_OK)
        return code;
    fetch->waits_for_platform = state == PLATFORM_PENDING;
    fetch->operation =
        vc_client_read(fetch->table->client, path, 0, fetch->timeout, tenant_read_ended, fetch);
    return VC_OK;
}

/* --- a secret, and the list of tenants ----------------------------------------------------- */

/* vc_secret_done */
static void secret_read_ended(void *ctx, struct vc_kv_secret *secret, const struct vc_error *err)
{
    struct answer_origin origin = {.version = 0};
    struct fetch *fetch = ctx;

    fetch->operation = NULL;
    if (err->code != VC_OK) {
        finish_with_error(fetch, err);
        return;
    }
    take_origin(&origin, secret);
    finish_with_data(fetch, &origin, secret->data);
}

static enum vc_code start_secret(struct fetch *fetch, long long version, struct vc_error *err)
{
    const struct vc_settings *settings = vc_client_settings(fetch->table->client);
    char path[VC_PATH_MAX + 1];
    enum vc_code code;

    if (version < 0)
        return vc_error_set(err, VC_BAD_NAME, "version %lld of a secret does not exist", version);
    code = vc_secret_path(path, sizeof(path), settings->secret_prefix, fetch->name, err);
    if (code == VC_OK)
        fetch->operation = vc_client_read(fetch->table->client, path, version, fetch->timeout,
                                          secret_read_ended, fetch);
    return code;
}

/* vc_names_done */
static void list_ended(void *ctx, const cJSON *names, const struct vc_error *err)
{
    struct answer_origin origin = {.version = 0};
    struct fetch *fetch = ctx;

    fetch->operation = NULL;
    if (err->code != VC_OK)
        finish_with_error(fetch, err);
    else
        finish_with_data(fetch, &origin, names);
}

static enum vc_code start_list(struct fetch *fetch, struct vc_error *err)
{
    const struct vc_settings *settings = vc_client_settings(fetch->table->client);
    char path[VC_PATH_MAX + 1];
    enum vc_code code;

    code = vc_tenants_path(path, sizeof(path), settings->secret_prefix, settings->environment, err);
    if (code == VC_OK)
        fetch->operation =
            vc_client_list(fetch->table->client, path, fetch->timeout, list_ended, fetch);
    return code;
}

/* --- from frame to fetch ------------------------------------------------------------------- */

/* The name into fetch, by the rules of its kind. */
static enum vc_code take_name(struct fetch *fetch, const struct frame_field *name,
                              struct vc_error *err)
{
    const char *text = (const char *)name->data;
    enum vc_code code = VC_OK;

    if (fetch->kind == KIND_TENANT)
        code = vc_tenant_name_check(text, name->len, err);
    else if (fetch->kind == KIND_SECRET)
        code = vc_path_check(text, name->len, err);
    else if (name->len > 0)
        code = vc_error_set(err, VC_BAD_NAME, "the list of tenants has no name");
    if (code == VC_OK) {
        memcpy(fetch->name, text, name->len);
        fetch->name[name->len] = '\0';
    }
    return code;
}

static void take_timeout(struct fetch *fetch, const unsigned char *payload, size_t len)
{
    int64_t timeout = frame_find_number(payload, len, TAG_TIMEOUT, 0);

    if (timeout <= 0)
        timeout = vc_client_settings(fetch->table->client)->request_timeout;
    fetch->timeout = timeout < TIMEOUT_MAX ? timeout : TIMEOUT_MAX;
    fetch->deadline = vc_now() + fetch->timeout + DEADLINE_MARGIN;
}

static enum vc_code start_by_kind(struct fetch *fetch, const unsigned char *payload, size_t len,
                                  struct vc_error *err)
{
    vc_msec max_age = frame_find_number(payload, len, TAG_CACHE_TTL, INT64_MAX);
    enum vc_code code;

    if (fetch->kind == KIND_TENANT)
        code = start_tenant(fetch, max_age, err);
    else if (fetch->kind == KIND_SECRET)
        code = start_secret(fetch, frame_find_number(payload, len, TAG_WANTED_VERSION, 0), err);
    else
        code = start_list(fetch, err);
    if (code == VC_OK && fetch->operation == NULL)
        code = vc_error_set(err, VC_NO_MEMORY, "out of memory in tenant-vault-fetcher");
    return code;
}

bool fetch_start(struct fetch_table *table, uint64_t id, const unsigned char *payload, size_t len)
{
    int64_t kind = frame_find_number(payload, len, TAG_KIND, 0);
    struct frame_field name;
    struct fetch *fetch;
    struct vc_error err;
    enum vc_code code;

    if (kind != KIND_TENANT && kind != KIND_SECRET && kind != KIND_LIST)
        return false;
    if (!frame_find(payload, len, TAG_NAME, &name))
        return false;
    fetch = add_fetch(table, id);
    if (fetch == NULL) {
        table->failed = true;
        return true;
    }
    fetch->kind = (enum frame_kind)kind;
    take_timeout(fetch, payload, len);
    code = take_name(fetch, &name, &err);
    if (code == VC_OK)
        code = start_by_kind(fetch, payload, len, &err);
    if (code != VC_OK)
        finish_with_error(fetch, &err);
    return true;
}

void fetch_cancel(struct fetch_table *table, uint64_t id)
{
    struct fetch *next;

    for (struct fetch *fetch = table->first; fetch != NULL; fetch = next) {
        next = fetch->next;
        if (fetch->id == id)
            remove_fetch(fetch);
    }
}

void fetch_cancel_all(struct fetch_table *table)
{
    struct vc_error err;

    vc_error_set(&err, VC_CANCELLED, "settings have changed");
    platform_secret_forget(&table->platform);
    while (table->first != NULL)
        finish_with_error(table->first, &err);
}

vc_msec fetch_expire(struct fetch_table *table, vc_msec now)
{
    vc_msec earliest = 0;
    struct fetch *next;

    for (struct fetch *fetch = table->first; fetch != NULL; fetch = next) {
        next = fetch->next;
        if (fetch->deadline <= now) {
            struct vc_error err;

            vc_error_set(&err, VC_TIMEOUT, "Vault did not answer within %lld ms",
                         (long long)fetch->timeout);
            finish_with_error(fetch, &err);
        } else if (earliest == 0 || fetch->deadline < earliest) {
            earliest = fetch->deadline;
        }
    }
    return earliest;
}

void fetch_table_init(struct fetch_table *table, struct channel *channel, struct vc_client *client)
{
    *table = (struct fetch_table){.channel = channel, .client = client};
    platform_secret_init(&table->platform, client, platform_ended, table);
}

void fetch_table_free(struct fetch_table *table)
{
    platform_secret_forget(&table->platform);
    while (table->first != NULL)
        remove_fetch(table->first);
    platform_secret_free(&table->platform);
}
