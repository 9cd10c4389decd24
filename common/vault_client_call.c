/*
 * vault_client_call.c - one request until it has an answer: which address, how often, when.
 *
 * Follows a redirect once per try, only to an origin that the settings list and never from https to
 * http; sends nothing twice that may have had an effect (retry.h). Called by the client's other
 * files.
 */
#include <string.h>

#include "vault_address.h"
#include "vault_client_internal.h"
#include "vault_reply.h"

#define TRY_SHARE_MIN                                                                              \
    1000 /* ms: no try is cut shorter so that the next address has its turn as well */

/* The wait between rounds of all addresses stops growing here while there is no leader: 0.8 s. */
#define LEADERLESS_ROUND 3U

static void try_now(struct call *call, vc_msec now);

/* ---- lists ---- */

static vc_msec due_at(const struct call *call)
{
    return call->wake_at < call->deadline ? call->wake_at : call->deadline;
}

static void list_append(struct call_list *list, struct call *call)
{
    if (due_at(call) < list->due_at)
        list->due_at = due_at(call);
    call->list = list;
    call->next = NULL;
    call->prev = list->tail;
    if (list->tail != NULL)
        list->tail->next = call;
    else
        list->head = call;
    list->tail = call;
}

static void list_remove(struct call *call)
{
    struct call_list *list = call->list;

    if (list == NULL)
        return;
    if (call->prev != NULL)
        call->prev->next = call->next;
    else
        list->head = call->next;
    if (call->next != NULL)
        call->next->prev = call->prev;
    else
        list->tail = call->prev;
    call->list = NULL;
    call->prev = call->next = NULL;
}

/* ---- addresses ---- */

static size_t address_count(const struct call *call)
{
    return call->fixed_origin != NULL ? 1 : call->client->settings.address_count;
}

static const char *origin_of(const struct call *call)
{
    if (call->fixed_origin != NULL)
        return call->fixed_origin;
    /* There may be fewer since the settings changed. */
    return call->client->settings.addresses[call->address % call->client->settings.address_count];
}

static unsigned untried_count(const struct call *call)
{
    unsigned count = 0;

    for (size_t i = 0; i < address_count(call); i++)
        count += (call->tried >> i & 1) == 0;
    return count;
}

/* The next one in turn that this round has not asked; begins a new round where there is none. */
static void next_address(struct call *call)
{
    size_t count = address_count(call);

    if (untried_count(call) == 0) {
        call->tried = 0;
        call->round++;
    }
    for (size_t i = 1; i <= count; i++) {
        size_t candidate = (call->address + i) % count;

        if ((call->tried >> candidate & 1) == 0) {
            call->address = candidate;
            return;
        }
    }
}

/* ---- ends ---- */

static void finish(struct call *call, const struct vc_reply *reply)
{
    struct vc_error outcome = call->outcome;

    call->state = CALL_IDLE;
    list_remove(call);
    call->done(call, reply, &outcome);
}

/* Its callback comes with the next run, because this may be the caller's own stack. */
static void give_up_later(struct call *call)
{
    call->state = CALL_WAITING;
    call->given_up = true;
    call->wake_at = 0;
    list_remove(call);
    list_append(&call->client->waiting, call);
    client_wake(call->client);
}

static void wait_until(struct call *call, vc_msec at)
{
    call->state = CALL_WAITING;
    call->wake_at = at;
    list_remove(call);
    list_append(&call->client->waiting, call);
    client_wake(call->client);
}

static void out_of_time(struct call *call)
{
    /* What the last try said tells more than that the time is over. */
    if (call->outcome.code == VC_OK)
        vc_error_set(&call->outcome, VC_TIMEOUT, "no answer in time from Vault at %s",
                     origin_of(call));
}

/* ---- what a reply means for the next try ---- */

/* Go's server says this in plain text, and its 400 would pass for a refused login. */
static bool is_plain_http_refused(const struct vc_reply *reply)
{
    static const char words[] = "Client sent an HTTP request to an HTTPS server";

    return reply->status == 400 && reply->body.len >= sizeof(words) - 1 &&
           memcmp(reply->body.data, words, sizeof(words) - 1) == 0;
}

/* What a standby says of a mount that its leader has just made: it has not been asked anything yet.
 */
static bool is_mount_in_the_making(const struct vc_envelope *envelope, const struct vc_reply *reply)
{
    return reply->status == 400 &&
           strstr(envelope->words, "This backend will be unavailable for a brief period") != NULL;
}

static void classify(struct call *call, const struct vc_reply *reply)
{
    struct vc_envelope envelope;

    if (is_plain_http_refused(reply)) {
        vc_error_set(&call->outcome, VC_TLS, "Vault at %s speaks TLS only", origin_of(call));
        vc_error_hint(&call->outcome, "write the address with https://");
        return;
    }
    if (vc_envelope_parse(&envelope, reply, &call->outcome) != VC_OK)
        return;
    vc_envelope_error(&envelope, reply, "get an answer", &call->outcome);
    if (is_mount_in_the_making(&envelope, reply))
        call->outcome.code = VC_NOT_ACTIVE;
    vc_envelope_free(&envelope);
}

static bool is_redirect(const struct vc_reply *reply)
{
    return reply->status == 301 || reply->status == 302 || reply->status == 303 ||
           reply->status == 307 || reply->status == 308;
}

/* The part of location that is its path, or NULL where location does not begin with an origin. */
static const char *path_of(const char *location)
{
    const char *scheme_end = strstr(location, "://");

    return scheme_end == NULL ? NULL : strchr(scheme_end + 3, '/');
}

static enum vc_code redirect_refused(struct call *call, const char *why, const char *whereto)
{
    vc_error_set(&call->outcome, VC_REDIRECT_REFUSED, "Vault at %s redirects %s%s", origin_of(call),
                 why, whereto);
    vc_error_hint(&call->outcome,
                  "list the cluster's every api_addr in the address setting, all with https");
    return VC_REDIRECT_REFUSED;
}

/* Where a redirect leads, as an index of the settings' addresses. VC_REDIRECT_REFUSED: it is not
 * followed. */
static enum vc_code redirect_target(struct call *call, const char *location, size_t *target)
{
    const struct vc_settings *settings = &call->client->settings;
    char origin[VC_ADDRESS_MAX + 1];
    const char *path = path_of(location);

    if (path == NULL || vc_address_parse(location, (size_t)(path - location), origin) != NULL)
        return redirect_refused(call, "to what is no address", "");
    if (call->fixed_origin != NULL || strcmp(path, call->request.path) != 0)
        return redirect_refused(call, "to another path", "");
    if (strncmp(origin_of(call), "https:", 6) == 0 && strncmp(origin, "https:", 6) != 0)
        return redirect_refused(call, "from https to http", "");
    for (size_t i = 0; i < settings->address_count; i++) {
        if (strcmp(settings->addresses[i], origin) == 0) {
            *target = i;
            return VC_OK;
        }
    }
    return redirect_refused(call, "to an address that is not listed: ", origin);
}

/* True: the request is on its way to where the redirect led. */
static bool follow_redirect(struct call *call, const struct vc_reply *reply)
{
    size_t target;

    if (redirect_target(call, reply->location, &target) != VC_OK)
        return false;
    if (call->redirected) {
        redirect_refused(call, "a second time, to ", call->client->settings.addresses[target]);
        return false;
    }
    call->redirected = true;
    call->address = target;
    try_now(call, vc_now());
    return true;
}

/* ---- the next try ---- */

/*
 * A standby sent us to a leader that is gone: as long as somebody answers, an election will bring
 * another, so this lasts until the deadline.
 */
static bool lacks_leader(const struct call *call)
{
    long status = call->outcome.http_status;

    /* A DR secondary (472) or a performance standby (473) stays what it is. */
    return call->outcome.code == VC_NOT_ACTIVE && call->client->status.reachable &&
           call->fixed_origin == NULL && call->client->settings.max_retries > 0 && status != 472 &&
           status != 473;
}

static unsigned max_retries(const struct call *call)
{
    const struct vc_client *client = call->client;

    if (call->fixed_origin != NULL)
        return 0;
    /* In an outage each address is asked once, so that whoever has something cached need not wait.
     */
    if (call->hurried && !client->status.reachable)
        return 0;
    return (unsigned)client->settings.max_retries;
}

/* A quota's seconds are cut to whole ones by OpenBao (0 for the last of them): one more is due. */
static long retry_after(const struct call *call, const struct vc_reply *reply)
{
    if (reply == NULL || reply->retry_after < 0)
        return -1;
    return call->outcome.code == VC_RATE_LIMITED ? reply->retry_after + 1 : reply->retry_after;
}

/* reply may be NULL. sent: the try may have had an effect. */
static void retry_or_finish(struct call *call, const struct vc_reply *reply, bool sent)
{
    vc_msec now = vc_now();
    unsigned round = call->round;
    struct vc_retry retry;
    vc_msec at = now;

    if (lacks_leader(call) && round > LEADERLESS_ROUND)
        round = LEADERLESS_ROUND;
    retry = vc_retry_decide(&call->request, &call->outcome, sent, retry_after(call, reply), round,
                            lacks_leader(call) ? LEADERLESS_ROUND : max_retries(call),
                            untried_count(call));
    if (retry.kind == VC_RETRY_NO || call->client->shutting_down) {
        finish(call, reply);
        return;
    }
    if (retry.wait > 0)
        at += retry.wait + vc_jitter(0, retry.wait / 2);
    if (at >= call->deadline) {
        finish(call, reply);
        return;
    }
    call->redirected = false;
    if (retry.kind == VC_RETRY_SAME)
        call->round++;
    else
        next_address(call);
    if (at > now)
        wait_until(call, at);
    else
        try_now(call, now);
}

static void leader_is_silent(struct call *call, const struct vc_error *err)
{
    call->client->status.reachable = true;
    vc_error_set(&call->outcome, VC_NOT_ACTIVE,
                 "Vault has no active node: a standby names %s, which does not answer",
                 origin_of(call));
    vc_error_server_words(&call->outcome, err->message);
    vc_error_hint(&call->outcome,
                  "wait for the cluster to elect another leader, or check the quorum");
}

static void transfer_ended(struct call *call, struct vc_reply *reply, const struct vc_error *err,
                           bool sent)
{
    struct vc_client *client = call->client;

    if (err->code != VC_OK) {
        call->outcome = *err;
        if (call->fixed_origin == NULL)
            client_note_silence(client, call->address);
        /* The standby is alive, the leader that it knows is not: that is no outage of all. */
        if (call->redirected && err->code != VC_TLS)
            leader_is_silent(call, err);
        retry_or_finish(call, NULL, sent);
        return;
    }
    vc_error_clear(&call->outcome);
    vc_reply_drop_echo(reply, &call->request);
    if (reply->status >= 300)
        classify(call, reply);
    if (call->fixed_origin == NULL && !call->redirected)
        client_note_reply(client, call->address, call->outcome.code);
    if (is_redirect(reply) && follow_redirect(call, reply))
        return;
    if (call->outcome.code == VC_OK) {
        finish(call, reply);
        return;
    }
    retry_or_finish(call, reply, true);
}

/* The transport's callback. */
static void on_transfer(void *ctx, struct vc_reply *reply, const struct vc_error *err, bool sent)
{
    struct call *call = ctx;
    struct vc_client *client = call->client;

    call->transfer = NULL;
    call->state = CALL_IDLE;
    if (call->counted)
        client->in_flight--;
    transfer_ended(call, reply, err, sent);
}

/* Where more addresses could be asked, one that accepts and stays silent must not use up all the
 * time. */
static vc_msec try_deadline(const struct call *call, vc_msec now)
{
    unsigned others = untried_count(call);
    vc_msec share;

    if (others == 0 || !call->request.repeatable)
        return call->deadline;
    share = (call->deadline - now) / (others + 1);
    if (share < TRY_SHARE_MIN)
        share = TRY_SHARE_MIN;
    return now + share < call->deadline ? now + share : call->deadline;
}

/* The token went while the call waited for its turn. Without one Vault would refuse it, and be
 * misunderstood. */
static bool lacks_token(const struct call *call)
{
    return call->request.with_token && call->token == NULL && call->client->session.token.len == 0;
}

static void send_now(struct call *call, vc_msec now)
{
    struct vc_client *client = call->client;
    const char *token = call->token != NULL ? call->token : vc_buf_text(&client->session.token);
    bool see_writes = call->request.repeatable && call->request.with_token;

    /* Only what is repeatable and has no index of its own: a login needs no replica's state. */
    if (see_writes)
        memcpy(call->request.index, client->index, sizeof(client->index));
    call->address %= address_count(call);
    call->tried |= 1U << call->address;
    call->token_generation = client->session.generation;
    call->sent_at = now;
    call->transfer = vc_transport_start(
        client->transport, origin_of(call), &call->request, token,
        call->fixed_origin != NULL ? call->fixed_namespace : client->settings.namespace_path,
        try_deadline(call, now), on_transfer, call, &call->outcome);
    if (call->transfer == NULL) {
        give_up_later(call);
        return;
    }
    call->state = CALL_SENT;
    if (call->counted)
        client->in_flight++;
    client->status.requests++;
}

static void try_now(struct call *call, vc_msec now)
{
    struct vc_client *client = call->client;
    vc_msec wait;

    if (now >= call->deadline) {
        out_of_time(call);
        give_up_later(call);
        return;
    }
    if (lacks_token(call)) {
        vc_error_set(&call->outcome, VC_TOKEN_INVALID, "the token was given up meanwhile");
        give_up_later(call);
        return;
    }
    if (call->counted && client->in_flight >= VC_TRANSPORT_MAX_CONNECTIONS) {
        call->state = CALL_QUEUED;
        call->wake_at = NEVER;
        list_remove(call);
        list_append(&client->queued, call);
        return;
    }
    wait = vc_rate_limit_take(&client->rate, now);
    if (wait > 0) {
        wait_until(call, now + wait);
        return;
    }
    list_remove(call);
    send_now(call, now);
}

/* ---- for the other files ---- */

void call_init(struct call *call, struct vc_client *client, call_done done, void *owner)
{
    *call = (struct call){.client = client, .done = done, .owner = owner};
    vc_request_init(&call->request, client->allocator);
}

void call_start(struct call *call, vc_msec deadline)
{
    call->deadline = deadline;
    call->round = 1;
    call->tried = 0;
    call->address = call->fixed_origin != NULL ? 0 : call->client->address;
    call->redirected = false;
    call->given_up = false;
    call->hurried = call->client->outage;
    vc_error_clear(&call->outcome);
    try_now(call, vc_now());
}

void call_new_request(struct call *call)
{
    vc_request_free(&call->request);
    vc_request_init(&call->request, call->client->allocator);
}

bool call_active(const struct call *call)
{
    return call->state != CALL_IDLE;
}

void call_cancel(struct call *call)
{
    if (call->transfer != NULL) {
        vc_transport_cancel(call->client->transport, call->transfer);
        call->transfer = NULL;
        if (call->counted)
            call->client->in_flight--;
        if (call->client->queued.head != NULL)
            client_wake(call->client);
    }
    list_remove(call);
    call->state = CALL_IDLE;
}

void call_free(struct call *call)
{
    call_cancel(call);
    vc_request_free(&call->request);
}

/* Moves those that are due into a list of their own: callbacks may cancel any of them, or add more.
 */
static void take_due(struct call_list *from, struct call_list *due, vc_msec now)
{
    struct call *following;

    if (now < from->due_at)
        return;
    from->due_at = NEVER;
    for (struct call *call = from->head; call != NULL; call = following) {
        following = call->next;
        if (due_at(call) <= now) {
            list_remove(call);
            list_append(due, call);
        } else if (due_at(call) < from->due_at) {
            from->due_at = due_at(call);
        }
    }
}

static void go_on(struct call *call, vc_msec now)
{
    list_remove(call);
    if (call->given_up || call->deadline <= now) {
        out_of_time(call);
        finish(call, NULL);
        return;
    }
    try_now(call, now);
}

static void go_on_with_due(struct call_list *from, vc_msec now)
{
    struct call_list due = {.due_at = NEVER};

    take_due(from, &due, now);
    while (due.head != NULL)
        go_on(due.head, now);
}

vc_msec calls_tick(struct vc_client *client, vc_msec now)
{
    go_on_with_due(&client->waiting, now);
    go_on_with_due(&client->queued, now);
    while (client->queued.head != NULL && client->in_flight < VC_TRANSPORT_MAX_CONNECTIONS)
        go_on(client->queued.head, now);
    return client->waiting.due_at < client->queued.due_at ? client->waiting.due_at
                                                          : client->queued.due_at;
}
