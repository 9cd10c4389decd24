/*
 * vault_client_operation.c - what callers ask for: a token first, then the request, then the answer
 * in words.
 *
 * Called by vault_client; hands refusals over to diagnosis.
 */
#include <string.h>

#include "json.h"
#include "vault_client_internal.h"

static void on_call(struct call *call, const struct vc_reply *reply,
                    const struct vc_error *outcome);

/* ---- lists ---- */

static void list_append(struct operation_list *list, struct vc_operation *operation)
{
    operation->list = list;
    operation->next = NULL;
    operation->prev = list->tail;
    if (list->tail != NULL)
        list->tail->next = operation;
    else
        list->head = operation;
    list->tail = operation;
}

static void list_remove(struct vc_operation *operation)
{
    struct operation_list *list = operation->list;

    if (list == NULL)
        return;
    if (operation->prev != NULL)
        operation->prev->next = operation->next;
    else
        list->head = operation->next;
    if (operation->next != NULL)
        operation->next->prev = operation->prev;
    else
        list->tail = operation->prev;
    operation->list = NULL;
    operation->prev = operation->next = NULL;
}

/* ---- ends ---- */

static void operation_free(struct vc_operation *operation)
{
    list_remove(operation);
    call_free(&operation->call);
    cJSON_Delete(operation->data);
    vc_strfree(operation->client->allocator, operation->origin);
    vc_free(operation->client->allocator, operation, sizeof(*operation));
}

void operation_under_way(struct vc_operation *operation)
{
    list_remove(operation);
    list_append(&operation->client->operations, operation);
}

void operation_fail(struct vc_operation *operation, const struct vc_error *err)
{
    struct vc_error copy = *err; /* err may be the operation's own */

    if (diagnosis_ask_seal(operation, err))
        return;
    client_note_outcome(operation->client, &copy);
    list_remove(operation);
    switch (operation->kind) {
    case OP_READ:
        operation->done.secret(operation->ctx, NULL, &copy);
        break;
    case OP_LIST:
        operation->done.names(operation->ctx, NULL, &copy);
        break;
    case OP_HEALTH:
        operation->done.health(operation->ctx, VC_HEALTH_UNKNOWN, &copy);
        break;
    default:
        operation->done.written(operation->ctx, 0, &copy);
        break;
    }
    operation_free(operation);
}

static void succeed(struct vc_operation *operation)
{
    static const struct vc_error ok = {.code = VC_OK};

    client_note_outcome(operation->client, &ok);
    list_remove(operation);
}

static void succeed_written(struct vc_operation *operation, long long version)
{
    static const struct vc_error ok = {.code = VC_OK};

    succeed(operation);
    operation->done.written(operation->ctx, version, &ok);
    operation_free(operation);
}

/* ---- the request ---- */

static enum vc_code build_request(struct vc_operation *operation, struct vc_error *err)
{
    struct vc_request *request = &operation->call.request;
    const char *mount = operation->client->settings.kv_mount;

    vc_request_free(request);
    vc_request_init(request, operation->client->allocator);
    switch (operation->kind) {
    case OP_READ:
        return vc_kv_read_request(request, operation->kv, mount, operation->path,
                                  operation->version, err);
    case OP_LIST:
        return vc_kv_list_request(request, operation->kv, mount, operation->path, err);
    case OP_WRITE:
        return vc_kv_write_request(request, operation->kv, mount, operation->path, operation->data,
                                   operation->cas, err);
    case OP_REMOVE:
        return vc_kv_remove_request(request, operation->kv, operation->removal, mount,
                                    operation->path, operation->version, err);
    case OP_HEALTH:
        vc_health_request(request);
        return VC_OK;
    case OP_LOGIN:
        break;
    }
    return VC_OK;
}

/*
 * A read tries KV v2 and finds out when nothing is there. A write must know: on a v1 mount the v2
 * path is just another path, and the secret would land beside where it belongs.
 */
static bool must_know_version(const struct vc_operation *operation)
{
    return (operation->kind == OP_WRITE || operation->kind == OP_REMOVE) &&
           operation->client->kv == 0;
}

/* With the next run: this may be the stack of the caller who has not got the operation's handle
 * yet. */
static void fail_later(struct vc_operation *operation, const struct vc_error *err)
{
    struct vc_client *client = operation->client;

    operation->step = STEP_FAILED;
    operation->refusal = *err;
    list_remove(operation);
    list_append(&client->tokenless, operation);
    client->token_news = true;
    client_wake(client);
}

static void send_request(struct vc_operation *operation)
{
    struct vc_error err = {.code = VC_OK};

    if (must_know_version(operation) && diagnosis_ask_mount(operation))
        return;
    operation->kv = operation->client->kv == 1 ? 1 : 2;
    if (build_request(operation, &err) != VC_OK) {
        fail_later(operation, &err);
        return;
    }
    operation->step = STEP_REQUEST;
    call_start(&operation->call, operation->deadline);
}

void operation_continue(struct vc_operation *operation)
{
    struct vc_client *client = operation->client;

    list_remove(operation);
    if (operation->kind != OP_HEALTH && operation->kind != OP_LOGIN &&
        session_demand(client, vc_now()) == TOKEN_HERE) {
        list_append(&client->operations, operation);
        send_request(operation);
        return;
    }
    operation->step = STEP_TOKEN;
    list_append(&client->tokenless, operation);
    client->token_news = true;
    client_wake(client);
}

/* ---- the answer ---- */

static bool is_empty_list(const cJSON *names)
{
    return names == NULL || names->child == NULL;
}

static void read_done(struct vc_operation *operation, const struct vc_reply *reply)
{
    struct vc_client *client = operation->client;
    struct vc_kv_secret secret = {.data = NULL};
    struct vc_error err = {.code = VC_OK};

    if (vc_kv_read_read(reply, operation->kv, client->settings.kv_mount, operation->path, &secret,
                        &err) != VC_OK) {
        diagnose(operation, &err);
        return;
    }
    client->kv = operation->kv;
    succeed(operation);
    operation->done.secret(operation->ctx, &secret, &err);
    vc_kv_secret_free(&secret);
    operation_free(operation);
}

static void list_done(struct vc_operation *operation, const struct vc_reply *reply)
{
    struct vc_client *client = operation->client;
    struct vc_error err = {.code = VC_OK};
    cJSON *names = NULL;

    if (vc_kv_list_read(reply, client->settings.kv_mount, operation->path, &names, &err) != VC_OK) {
        diagnose(operation, &err);
        return;
    }
    /* Nothing: or a KV v1 mount, where metadata/ is a folder like any other. */
    if (is_empty_list(names) && client->kv == 0 && diagnosis_ask_mount(operation)) {
        cJSON_Delete(names);
        return;
    }
    succeed(operation);
    operation->done.names(operation->ctx, names, &err);
    cJSON_Delete(names);
    operation_free(operation);
}

static void change_done(struct vc_operation *operation, const struct vc_reply *reply)
{
    struct vc_client *client = operation->client;
    const char *mount = client->settings.kv_mount;
    struct vc_error err = {.code = VC_OK};
    long long version = 0;
    enum vc_code code;

    if (operation->kind == OP_WRITE)
        code = vc_kv_write_read(reply, operation->kv, mount, operation->path, &version, &err);
    else
        code = vc_kv_remove_read(reply, mount, operation->path, &err);
    if (code != VC_OK) {
        diagnose(operation, &err);
        return;
    }
    if (reply->index[0] != '\0')
        memcpy(client->index, reply->index, sizeof(client->index));
    succeed_written(operation, version);
}

static void health_done(struct vc_operation *operation, const struct vc_reply *reply)
{
    struct vc_error err = {.code = VC_OK};
    enum vc_health health = VC_HEALTH_UNKNOWN;

    if (vc_health_read(reply, &health, &err) != VC_OK) {
        operation_fail(operation, &err);
        return;
    }
    list_remove(operation);
    operation->done.health(operation->ctx, health, &err);
    operation_free(operation);
}

static void request_done(struct vc_operation *operation, const struct vc_reply *reply)
{
    /* An answer of any kind but a refusal shows that the token lives. */
    if (operation->kind != OP_HEALTH && (reply->status < 300 || reply->status == 404))
        session_prove(operation->client, operation->call.token_generation,
                      operation->kind == OP_READ ? operation->call.request.path : NULL);
    switch (operation->kind) {
    case OP_READ:
        read_done(operation, reply);
        break;
    case OP_LIST:
        list_done(operation, reply);
        break;
    case OP_HEALTH:
        health_done(operation, reply);
        break;
    default:
        change_done(operation, reply);
        break;
    }
}

static bool is_unasked(const struct vc_operation *operation, const struct vc_reply *reply,
                       const struct vc_error *outcome)
{
    if (reply == NULL)
        return true;
    /* Health has its own reading of 429, 472, 473, 501 and 503. */
    if (operation->kind == OP_HEALTH)
        return false;
    /* A 400 that the call took for a node that is not ready: the reader would take it for a
     * refusal. */
    return outcome->code == VC_REDIRECT_REFUSED ||
           (outcome->code == VC_NOT_ACTIVE && reply->status == 400);
}

static void on_call(struct call *call, const struct vc_reply *reply, const struct vc_error *outcome)
{
    struct vc_operation *operation = call->owner;

    if (reply == NULL && outcome->code == VC_TOKEN_INVALID)
        operation_continue(operation);
    else if (operation->step == STEP_MOUNT)
        diagnosis_mount_done(operation, reply, outcome);
    else if (operation->step == STEP_CAPABILITIES)
        diagnosis_capabilities_done(operation, reply, outcome);
    else if (operation->step == STEP_PROBE)
        diagnosis_probe_done(operation, reply, outcome);
    else if (operation->step == STEP_SEAL)
        diagnosis_seal_done(operation, reply);
    else if (is_unasked(operation, reply, outcome))
        operation_fail(operation, outcome);
    else
        request_done(operation, reply);
}

/* ---- waiting for a token ---- */

/*
 * Where nobody answers, waiting for one more login serves nobody: whoever has something cached
 * should go on. One that began in the outage does not wait at all.
 */
static bool gives_up(const struct vc_operation *operation)
{
    const struct vc_client *client = operation->client;

    if (client->session.error.code == VC_OK || client->session.step != LOGIN_IDLE)
        return false;
    if (client->session.error.code == VC_NO_MEMORY)
        return true;
    if (client->status.reachable)
        return false;
    return operation->hurried || operation->login_failures > (unsigned)client->settings.max_retries;
}

/* Why there is no token: what the last login came to, or how far the present one is. */
static void fail_without_token(struct vc_operation *operation, enum vc_code code,
                               const char *message)
{
    const struct session *session = &operation->client->session;
    struct vc_error err = session->error;

    if (err.code == VC_OK && session->step != LOGIN_IDLE)
        err = session->call.outcome;
    if (err.code == VC_OK)
        vc_error_set(&err, code, "%s", message);
    operation_fail(operation, &err);
}

static void log_in_done(struct vc_operation *operation)
{
    succeed_written(operation, 0);
}

static void health_start(struct vc_operation *operation)
{
    list_append(&operation->client->operations, operation);
    send_request(operation);
}

static void look_again(struct vc_operation *operation, vc_msec now)
{
    struct vc_client *client = operation->client;

    list_remove(operation);
    if (operation->step == STEP_FAILED) {
        operation_fail(operation, &operation->refusal);
        return;
    }
    if (operation->kind == OP_HEALTH) {
        health_start(operation);
        return;
    }
    if (operation->deadline <= now) {
        fail_without_token(operation, VC_TIMEOUT, "no login to Vault in time");
        return;
    }
    switch (session_demand(client, now)) {
    case TOKEN_HERE:
        if (operation->kind == OP_LOGIN) {
            log_in_done(operation);
            return;
        }
        list_append(&client->operations, operation);
        send_request(operation);
        return;
    case TOKEN_NONE:
        fail_without_token(operation, VC_TOKEN_INVALID,
                           "the token has expired and there is no way to get another");
        return;
    case TOKEN_COMING:
        break;
    }
    if (gives_up(operation))
        fail_without_token(operation, VC_UNREACHABLE, "Vault does not answer");
    else
        list_append(&client->tokenless, operation);
}

void operations_login_ended(struct vc_client *client)
{
    if (client->session.error.code != VC_OK)
        for (struct vc_operation *at = client->tokenless.head; at != NULL; at = at->next)
            at->login_failures++;
    client->token_news = true;
    client_wake(client);
}

static vc_msec first_deadline(const struct operation_list *list)
{
    vc_msec first = NEVER;

    for (const struct vc_operation *at = list->head; at != NULL; at = at->next)
        if (at->deadline < first)
            first = at->deadline;
    return first;
}

vc_msec operations_tick(struct vc_client *client, vc_msec now)
{
    struct operation_list due = {.head = NULL};
    vc_msec first = first_deadline(&client->tokenless);

    if (!client->token_news && first > now)
        return first;
    client->token_news = false;
    while (client->tokenless.head != NULL) {
        struct vc_operation *operation = client->tokenless.head;

        list_remove(operation);
        list_append(&due, operation);
    }
    while (due.head != NULL)
        look_again(due.head, now);
    return client->token_news ? now : first_deadline(&client->tokenless);
}

static void cancel_list(struct operation_list *list)
{
    struct vc_error err;

    vc_error_set(&err, VC_CANCELLED, "the client is shutting down");
    while (list->head != NULL)
        operation_fail(list->head, &err);
}

void operations_cancel_all(struct vc_client *client)
{
    cancel_list(&client->operations);
    cancel_list(&client->tokenless);
}

/* ---- public ---- */

static struct vc_operation *operation_new(struct vc_client *client, enum operation_kind kind,
                                          const char *path, vc_msec timeout, void *ctx)
{
    struct vc_operation *operation = vc_alloc(client->allocator, sizeof(*operation));

    if (operation == NULL)
        return NULL;
    operation->client = client;
    operation->kind = kind;
    operation->ctx = ctx;
    operation->hurried = client->outage;
    operation->deadline = vc_now() + (timeout > 0 ? timeout : client->settings.request_timeout);
    call_init(&operation->call, client, on_call, operation);
    operation->call.counted = kind != OP_HEALTH;
    /* One byte too many is kept of a path that is too long: the request's builder refuses it then.
     */
    if (path != NULL) {
        size_t len = strnlen(path, sizeof(operation->path));

        if (len >= sizeof(operation->path))
            len = sizeof(operation->path) - 1;
        memcpy(operation->path, path, len);
    }
    return operation;
}

struct vc_operation *vc_client_read(struct vc_client *client, const char *path, long long version,
                                    vc_msec timeout, vc_secret_done done, void *ctx)
{
    struct vc_operation *operation = operation_new(client, OP_READ, path, timeout, ctx);

    if (operation == NULL)
        return NULL;
    operation->version = version;
    operation->done.secret = done;
    operation_continue(operation);
    return operation;
}

struct vc_operation *vc_client_list(struct vc_client *client, const char *path, vc_msec timeout,
                                    vc_names_done done, void *ctx)
{
    struct vc_operation *operation = operation_new(client, OP_LIST, path, timeout, ctx);

    if (operation == NULL)
        return NULL;
    operation->done.names = done;
    operation_continue(operation);
    return operation;
}

struct vc_operation *vc_client_write(struct vc_client *client, const char *path, const cJSON *data,
                                     long long cas, vc_msec timeout, vc_written_done done,
                                     void *ctx)
{
    struct vc_operation *operation = operation_new(client, OP_WRITE, path, timeout, ctx);

    if (operation == NULL)
        return NULL;
    operation->cas = cas;
    operation->done.written = done;
    operation->data = cJSON_Duplicate(data, true);
    if (operation->data == NULL) {
        operation_free(operation);
        return NULL;
    }
    operation_continue(operation);
    return operation;
}

struct vc_operation *vc_client_remove(struct vc_client *client, const char *path,
                                      enum vc_kv_removal what, long long version, vc_msec timeout,
                                      vc_written_done done, void *ctx)
{
    struct vc_operation *operation = operation_new(client, OP_REMOVE, path, timeout, ctx);

    if (operation == NULL)
        return NULL;
    operation->removal = what;
    operation->version = version;
    operation->done.written = done;
    operation_continue(operation);
    return operation;
}

struct vc_operation *vc_client_login(struct vc_client *client, vc_msec timeout,
                                     vc_written_done done, void *ctx)
{
    struct vc_operation *operation = operation_new(client, OP_LOGIN, NULL, timeout, ctx);

    if (operation == NULL)
        return NULL;
    operation->done.written = done;
    operation_continue(operation);
    return operation;
}

struct vc_operation *vc_client_health(struct vc_client *client, size_t address, vc_msec timeout,
                                      vc_health_done done, void *ctx)
{
    struct vc_operation *operation = operation_new(client, OP_HEALTH, NULL, timeout, ctx);

    if (operation == NULL)
        return NULL;
    operation->done.health = done;
    /* A copy: the settings may change meanwhile. */
    if (address < client->settings.address_count)
        operation->origin = vc_strdup(client->allocator, client->settings.addresses[address]);
    if (operation->origin == NULL) {
        operation_free(operation);
        return NULL;
    }
    operation->call.fixed_origin = operation->origin;
    operation_continue(operation);
    return operation;
}

void vc_client_cancel(struct vc_client *client, struct vc_operation *operation)
{
    (void)client;
    operation_free(operation);
}
