/*
 * fetcher.c - the fetcher's event loop (fetcher.h).
 *
 * One thread, three descriptors: the keeper's socket, the client of Vault, SIGTERM. Nothing blocks
 * but the end, which takes SHUTDOWN_TIMEOUT at most. While the keeper does not read its answers,
 * neither its frames nor Vault's replies are read.
 */
#include "fetcher.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "answer.h"
#include "channel.h"
#include "fetch.h"
#include "settings_frame.h"
#include "status_report.h"
#include "vault_client.h"
#include "write.h"

/* For revoking the token: the keeper, and with it the postmaster, is to see us gone within 1 s. */
#define SHUTDOWN_TIMEOUT 800

/* One watched descriptor and what epoll is told about it. */
struct watch {
    int fd;
    uint32_t events;
};

struct fetcher {
    struct channel channel;
    struct vc_client *client;
    struct fetch_table fetches;
    struct write_table writes;
    struct vc_operation *login; /* that the settings began, or NULL */
    struct status_report report;
    struct fetcher_settings settings; /* of the last SETTINGS frame */
    bool configured;                  /* there was one */
    bool took_frames;                 /* in this round: what they started can go at once */
    struct vc_error settings_err;     /* VC_OK: they are in force */

    int epoll;
    struct watch socket, vault, terminate;
    vc_msec report_at; /* when the status is to be looked at again; 0: after the client has run */
};

static void complain(const char *what)
{
    fprintf(stderr, "tenant-vault-fetcher: %s\n", what);
}

/* vc_client_log: to PostgreSQL's log by way of the keeper. A line too many is better lost than
 * kept. */
static void forward_log(void *ctx, enum vc_log_level level, const char *message)
{
    struct fetcher *fetcher = ctx;
    size_t size = strlen(message) + 2 * FRAME_FIELD_HEADER_SIZE + sizeof(int64_t);
    struct frame_writer writer;

    if (channel_congested(&fetcher->channel) ||
        !channel_begin(&fetcher->channel, &writer, size, FRAME_LOG, 0))
        return;
    frame_put_number(&writer, TAG_LOG_LEVEL, level);
    frame_put_text(&writer, TAG_MESSAGE, message);
    channel_end(&fetcher->channel, &writer);
}

/* --- the keeper's frames ------------------------------------------------------------------- */

/* What a fetcher before this one was refused is not tried again. */
static void recall_refusal(struct fetcher *fetcher, const unsigned char *payload, size_t len)
{
    struct vc_login_refusal refusal;
    struct frame_field field;

    if (!frame_find(payload, len, TAG_REFUSAL, &field) || field.len != sizeof(refusal))
        return;
    memcpy(&refusal, field.data, sizeof(refusal));
    vc_client_recall_refusal(fetcher->client, &refusal);
}

/* vc_written_done: what the login came to is in the client's status. */
static void login_ended(void *ctx, long long version, const struct vc_error *err)
{
    struct fetcher *fetcher = ctx;

    (void)version;
    (void)err;
    fetcher->login = NULL;
}

/*
 * Before anybody asks: whether this server can log in is to be seen when it starts, not when the
 * first session fails. Where it fails, the client tries again in its own time.
 */
static void log_in(struct fetcher *fetcher)
{
    if (fetcher->settings_err.code == VC_OK && fetcher->login == NULL)
        fetcher->login = vc_client_login(fetcher->client, 0, login_ended, fetcher);
}

/* Puts new settings in force, or says in settings_err why the old ones stay. */
static void apply_settings(struct fetcher *fetcher, const unsigned char *payload, size_t len)
{
    struct fetcher_settings *settings = &fetcher->settings;

    if (fetcher->settings_err.code == VC_OK)
        vc_client_configure(fetcher->client, &settings->vault, &fetcher->settings_err);
    if (fetcher->settings_err.code == VC_OK) {
        recall_refusal(fetcher, payload, len); /* first: the next line may want a login */
        platform_secret_configure(&fetcher->fetches.platform, settings->cache_ttl,
                                  settings->negative_ttl);
    }
    status_report_settings(&fetcher->report, &fetcher->settings_err);
    fetcher->report_at = vc_now();
}

static void cancel_all(struct fetcher *fetcher)
{
    fetch_cancel_all(&fetcher->fetches);
    write_cancel_unsent(&fetcher->writes);
}

static bool take_settings(struct fetcher *fetcher, const unsigned char *payload, size_t len)
{
    if (fetcher->configured && !settings_frame_same_scope(&fetcher->settings, payload, len))
        cancel_all(fetcher);
    settings_frame_free(&fetcher->settings);
    fetcher->configured = true;
    if (!settings_frame_read(payload, len, &fetcher->settings, &fetcher->settings_err))
        return false;
    apply_settings(fetcher, payload, len);
    log_in(fetcher);
    return true;
}

/* VC_OK where Vault may be asked for what the payload names. */
static enum vc_code check_settings(const struct fetcher *fetcher, const unsigned char *payload,
                                   size_t len, struct vc_error *err)
{
    if (!fetcher->configured || !settings_frame_same_scope(&fetcher->settings, payload, len))
        return vc_error_set(err, VC_CANCELLED, "settings have changed");
    *err = fetcher->settings_err;
    return err->code;
}

static bool take_fetch(struct fetcher *fetcher, uint64_t id, const unsigned char *payload,
                       size_t len)
{
    struct vc_error err;

    if (check_settings(fetcher, payload, len, &err) == VC_OK)
        return fetch_start(&fetcher->fetches, id, payload, len);
    if (!answer_error(&fetcher->channel, id, &err))
        fetcher->fetches.failed = true;
    return true;
}

static bool take_write(struct fetcher *fetcher, uint64_t id, const unsigned char *payload,
                       size_t len)
{
    struct vc_error err;

    if (check_settings(fetcher, payload, len, &err) == VC_OK)
        return write_start(&fetcher->writes, id, payload, len);
    if (!answer_write_error(&fetcher->channel, id, &err))
        fetcher->writes.failed = true;
    return true;
}

static void take_ping(struct fetcher *fetcher, uint64_t id)
{
    struct frame_writer writer;

    if (!channel_begin(&fetcher->channel, &writer, 0, FRAME_PONG, id) ||
        !channel_end(&fetcher->channel, &writer))
        fetcher->fetches.failed = true;
}

/* False: no frame that a keeper sends. */
static bool take_frame(struct fetcher *fetcher, const struct frame_header *header,
                       const unsigned char *payload)
{
    switch (header->type) {
    case FRAME_SETTINGS:
        return take_settings(fetcher, payload, header->length);
    case FRAME_FETCH:
        return take_fetch(fetcher, header->id, payload, header->length);
    case FRAME_WRITE:
        return take_write(fetcher, header->id, payload, header->length);
    case FRAME_CANCEL:
        fetch_cancel(&fetcher->fetches, header->id);
        return true;
    case FRAME_PING:
        take_ping(fetcher, header->id);
        return true;
    default:
        return false;
    }
}

/* True while frames may be taken in. */
static bool has_capacity(const struct fetcher *fetcher)
{
    return !channel_congested(&fetcher->channel) && fetcher->fetches.count < FETCHES_MAX &&
           fetcher->writes.count < WRITES_MAX;
}

/* Takes the frames that have come, as far as there is capacity. */
static enum channel_result take_frames(struct fetcher *fetcher)
{
    while (has_capacity(fetcher)) {
        const unsigned char *payload;
        struct frame_header header;
        enum channel_result result = channel_next(&fetcher->channel, &header, &payload);

        if (result != CHANNEL_OK || payload == NULL)
            return result;
        if (!take_frame(fetcher, &header, payload))
            return CHANNEL_MALFORMED;
        fetcher->took_frames = true;
    }
    return CHANNEL_OK;
}

/* --- the loop ------------------------------------------------------------------------------ */

/* Tells epoll what is wanted of a descriptor, where that has changed. */
static bool want(struct fetcher *fetcher, struct watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    if (watch->events == events)
        return true;
    watch->events = events;
    return epoll_ctl(fetcher->epoll, EPOLL_CTL_MOD, watch->fd, &event) == 0;
}

static bool add_watch(struct fetcher *fetcher, struct watch *watch, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = watch};

    *watch = (struct watch){.fd = fd, .events = EPOLLIN};
    return epoll_ctl(fetcher->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

/* Milliseconds until the next thing that comes by time, -1 for never. */
static int time_to_wait(vc_msec expires_at, vc_msec report_at)
{
    vc_msec at = expires_at, now = vc_now();

    if (at == 0 || (report_at != 0 && report_at < at))
        at = report_at;
    if (at == 0)
        return -1;
    if (at <= now)
        return 0;
    return at - now < INT_MAX ? (int)(at - now) : INT_MAX;
}

/* What every round ends with. *wait: how long the next one may sleep. */
static enum channel_result end_round(struct fetcher *fetcher, bool client_ran, int *wait)
{
    vc_msec now = vc_now(), expires_at;
    enum channel_result result;
    uint32_t events;

    expires_at = fetch_expire(&fetcher->fetches, now);
    if (fetcher->configured &&
        (client_ran || (fetcher->report_at != 0 && fetcher->report_at <= now)))
        fetcher->report_at =
            status_report_send(&fetcher->report, fetcher->client, &fetcher->channel, now);
    result = channel_flush(&fetcher->channel);
    if (result != CHANNEL_OK)
        return result;
    events = (has_capacity(fetcher) ? EPOLLIN : 0) |
             (channel_has_output(&fetcher->channel) ? EPOLLOUT : 0);
    if (!want(fetcher, &fetcher->socket, events) ||
        !want(fetcher, &fetcher->vault, channel_congested(&fetcher->channel) ? 0 : EPOLLIN))
        return CHANNEL_FAILED;
    *wait = time_to_wait(expires_at, fetcher->report_at);
    return CHANNEL_OK;
}

/* One round: sleep, read, run. *ended: SIGTERM has come. */
static enum channel_result run_round(struct fetcher *fetcher, int *wait, bool *ended)
{
    struct epoll_event events[3];
    enum channel_result result = CHANNEL_OK;
    bool run_client;
    int n = epoll_wait(fetcher->epoll, events, 3, *wait);

    if (n < 0 && errno != EINTR)
        return CHANNEL_FAILED;
    run_client = fetcher->took_frames = false;
    for (int i = 0; i < n && result == CHANNEL_OK; i++) {
        if (events[i].data.ptr == &fetcher->terminate)
            *ended = true;
        else if (events[i].data.ptr == &fetcher->vault)
            run_client = true;
        else if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            result = channel_fill(&fetcher->channel);
    }
    /* Also when nothing new has come: frames may wait since there was no capacity. */
    if (result == CHANNEL_OK)
        result = take_frames(fetcher);
    if (result != CHANNEL_OK)
        return result;
    run_client = (run_client || fetcher->took_frames) && !channel_congested(&fetcher->channel);
    if (run_client)
        vc_client_run(fetcher->client);
    return end_round(fetcher, run_client, wait);
}

/* An answer that could not be queued will never come: the keeper must see that. */
static bool out_of_memory(const struct fetcher *fetcher)
{
    return fetcher->fetches.failed || fetcher->writes.failed;
}

static enum fetcher_end run(struct fetcher *fetcher)
{
    enum channel_result result = CHANNEL_OK;
    bool ended = false;
    int wait = -1;

    while (!ended && result == CHANNEL_OK && !out_of_memory(fetcher))
        result = run_round(fetcher, &wait, &ended);
    if (result == CHANNEL_MALFORMED) {
        complain("malformed frame from the keeper");
        return FETCHER_MALFORMED;
    }
    if (result == CHANNEL_FAILED || out_of_memory(fetcher)) {
        complain(result == CHANNEL_FAILED ? strerror(errno) : "out of memory");
        return FETCHER_FAILED;
    }
    return FETCHER_DONE;
}

static bool start(struct fetcher *fetcher, int socket, int terminate)
{
    struct vc_error err;

    channel_init(&fetcher->channel, &vc_wiping_allocator, socket);
    fetcher->client = vc_client_new(&vc_wiping_allocator, forward_log, fetcher, &err);
    if (fetcher->client == NULL) {
        complain(err.message);
        return false;
    }
    fetch_table_init(&fetcher->fetches, &fetcher->channel, fetcher->client);
    write_table_init(&fetcher->writes, &fetcher->channel, fetcher->client);
    fetcher->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (fetcher->epoll < 0 || !add_watch(fetcher, &fetcher->socket, socket) ||
        !add_watch(fetcher, &fetcher->terminate, terminate) ||
        !add_watch(fetcher, &fetcher->vault, vc_client_fd(fetcher->client))) {
        complain(strerror(errno));
        return false;
    }
    return true;
}

static void stop(struct fetcher *fetcher)
{
    if (fetcher->client != NULL) {
        vc_client_shutdown(fetcher->client, SHUTDOWN_TIMEOUT);
        fetch_table_free(&fetcher->fetches);
        write_table_free(&fetcher->writes);
        vc_client_free(fetcher->client);
    }
    settings_frame_free(&fetcher->settings);
    channel_free(&fetcher->channel);
    if (fetcher->epoll >= 0)
        close(fetcher->epoll);
}

enum fetcher_end fetcher_run(int socket, int terminate)
{
    static struct fetcher fetcher; /* too large for a stack frame, and there is only one */
    enum fetcher_end end = FETCHER_FAILED;

    fetcher = (struct fetcher){.epoll = -1};
    if (start(&fetcher, socket, terminate))
        end = run(&fetcher);
    stop(&fetcher);
    return end;
}
