/*
 * transport_poll.c - libcurl's sockets and timers behind one epoll descriptor.
 *
 * A request over a kept-alive connection should cost little more than its send and recv, so two
 * habits of libcurl are not followed literally:
 *   - it takes a socket out of the set after each reply and puts it back with the next request: the
 * socket stays registered meanwhile, and goes only when it is closed or becomes readable while
 * idle;
 *   - it moves its timer with each step: the timer is set only to fire earlier than it would, and a
 * timer that fires too early finds nothing due. Called by transport.c.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "transport_internal.h"

#define EVENTS_PER_RUN 32 /* the rest stays readable for the next run */
#define DRIVE_ROUNDS 4    /* times in a row that libcurl may ask to be called at once */
#define TIMER_ID                                                                                   \
    UINT64_MAX /* epoll's data of the timer; a socket's is its pool's id and its number */
#define MSEC_PER_SEC 1000
#define NSEC_PER_MSEC 1000000

static uint64_t event_data(const struct connection_pool *pool, curl_socket_t fd)
{
    return (uint64_t)pool->id << 32 | (uint32_t)fd;
}

bool poll_open(struct vc_transport *transport)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = TIMER_ID};

    transport->timer_fd = -1;
    transport->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (transport->epoll_fd < 0)
        return false;
    transport->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    return transport->timer_fd >= 0 &&
           epoll_ctl(transport->epoll_fd, EPOLL_CTL_ADD, transport->timer_fd, &event) == 0;
}

void poll_close(struct vc_transport *transport)
{
    if (transport->timer_fd >= 0)
        close(transport->timer_fd);
    if (transport->epoll_fd >= 0)
        close(transport->epoll_fd);
}

static struct watch *find_watch(struct connection_pool *pool, curl_socket_t fd)
{
    for (size_t i = 0; i < pool->watch_count; i++)
        if (pool->watch[i].fd == fd)
            return &pool->watch[i];
    return NULL;
}

/* libcurl's CURLOPT_OPENSOCKETFUNCTION: ours, so that the socket is not inherited, and is known to
 * be new. */
curl_socket_t poll_open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct connection_pool *pool = ctx;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

    (void)purpose;
    if (fd < 0)
        return CURL_SOCKET_BAD;
    if (pool->watch_count < WATCH_MAX)
        pool->watch[pool->watch_count++] = (struct watch){.fd = fd};
    return fd;
}

/* CURLOPT_CLOSESOCKETFUNCTION. close(2) takes the socket out of epoll's set. */
int poll_close_socket(void *ctx, curl_socket_t fd)
{
    struct connection_pool *pool = ctx;
    struct watch *watch = find_watch(pool, fd);

    if (watch != NULL)
        *watch = pool->watch[--pool->watch_count];
    return close(fd);
}

static uint32_t wanted_events(int what)
{
    switch (what) {
    case CURL_POLL_IN:
        return EPOLLIN;
    case CURL_POLL_OUT:
        return EPOLLOUT;
    case CURL_POLL_INOUT:
        return EPOLLIN | EPOLLOUT;
    default:
        return 0;
    }
}

/* Returns false only where epoll has no memory; the transfer then ends at its deadline. */
static bool set_events(struct connection_pool *pool, curl_socket_t fd, bool known, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u64 = event_data(pool, fd)};
    int operation = events == 0 ? EPOLL_CTL_DEL : known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    return epoll_ctl(pool->transport->epoll_fd, operation, fd, &event) == 0;
}

/* A socket that libcurl made itself (the resolver thread's wake-up pair): its closing is not
 * announced. */
static void watch_foreign(struct connection_pool *pool, curl_socket_t fd, uint32_t events,
                          bool known)
{
    if (events == 0 && !known)
        return;
    set_events(pool, fd, known, events);
    if (events != 0 && !known)
        curl_multi_assign(pool->multi, fd, pool);
}

/* CURLMOPT_SOCKETFUNCTION. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known)
{
    struct connection_pool *pool = ctx;
    struct watch *watch = find_watch(pool, fd);
    uint32_t events = wanted_events(what);

    (void)easy;
    if (watch == NULL) {
        watch_foreign(pool, fd, events, known != NULL);
        return 0;
    }
    watch->wanted = events;
    if (events == watch->registered || (events == 0 && watch->registered == EPOLLIN))
        return 0;
    if (set_events(pool, fd, watch->registered != 0, events))
        watch->registered = events;
    return 0;
}

/* CURLMOPT_TIMERFUNCTION. */
static int on_timer(CURLM *multi, long timeout, void *ctx)
{
    struct connection_pool *pool = ctx;

    (void)multi;
    pool->wake_at = timeout < 0 ? NEVER : vc_now() + timeout;
    return 0;
}

bool poll_attach(struct connection_pool *pool)
{
    return curl_multi_setopt(pool->multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
           curl_multi_setopt(pool->multi, CURLMOPT_SOCKETDATA, pool) == CURLM_OK &&
           curl_multi_setopt(pool->multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
           curl_multi_setopt(pool->multi, CURLMOPT_TIMERDATA, pool) == CURLM_OK;
}

/* After an error libcurl may have lost sight of a socket and its timer: nothing of the pool can be
 * relied on. */
static void act(struct connection_pool *pool, curl_socket_t fd, int what)
{
    int running;

    if (curl_multi_socket_action(pool->multi, fd, what, &running) != CURLM_OK)
        pool->broken = true;
    pool_collect(pool);
}

static void socket_event(struct connection_pool *pool, curl_socket_t fd, uint32_t events)
{
    struct watch *watch = find_watch(pool, fd);
    int what = 0;

    if (watch != NULL && watch->wanted == 0) {
        /* The server has closed an idle connection. libcurl sees that before it uses it again. */
        if (set_events(pool, fd, true, 0))
            watch->registered = 0;
        return;
    }
    if (events & EPOLLIN)
        what |= CURL_CSELECT_IN;
    if (events & EPOLLOUT)
        what |= CURL_CSELECT_OUT;
    if (events & (EPOLLERR | EPOLLHUP))
        what |= CURL_CSELECT_ERR;
    act(pool, fd, what);
}

void poll_drive(struct connection_pool *pool, vc_msec now)
{
    for (int round = 0; round < DRIVE_ROUNDS && pool->wake_at <= now; round++) {
        pool->wake_at = NEVER;
        act(pool, CURL_SOCKET_TIMEOUT, 0);
    }
}

static struct connection_pool *find_pool(struct vc_transport *transport, uint64_t data)
{
    struct connection_pool *pool = transport->pools;

    while (pool != NULL && pool->id != (uint32_t)(data >> 32))
        pool = pool->next;
    return pool;
}

static void timer_fired(struct vc_transport *transport)
{
    uint64_t expirations;

    if (read(transport->timer_fd, &expirations, sizeof(expirations)) > 0)
        transport->armed_at = NEVER;
}

void poll_events(struct vc_transport *transport)
{
    struct epoll_event events[EVENTS_PER_RUN];
    int count = epoll_wait(transport->epoll_fd, events, EVENTS_PER_RUN, 0);

    for (int i = 0; i < count; i++) {
        struct connection_pool *pool;

        if (events[i].data.u64 == TIMER_ID) {
            timer_fired(transport);
            continue;
        }
        pool = find_pool(transport, events[i].data.u64);
        if (pool != NULL)
            socket_event(pool, (curl_socket_t)(uint32_t)events[i].data.u64, events[i].events);
    }
}

static vc_msec next_due(const struct vc_transport *transport)
{
    vc_msec due = transport->alarm_at;

    if (transport->finished.head != NULL)
        return 0;
    for (const struct connection_pool *pool = transport->pools; pool != NULL; pool = pool->next)
        if (pool->broken && pool->transfers > 0)
            return 0;
        else if (pool->wake_at < due)
            due = pool->wake_at;
    return due;
}

void poll_rearm(struct vc_transport *transport)
{
    vc_msec due = next_due(transport);
    struct itimerspec when = {.it_value.tv_nsec = 1}; /* all zero would switch it off */

    if (due >= transport->armed_at)
        return;
    if (due > 0) {
        when.it_value.tv_sec = due / MSEC_PER_SEC;
        when.it_value.tv_nsec = due % MSEC_PER_SEC * NSEC_PER_MSEC + 1;
    }
    if (timerfd_settime(transport->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) == 0)
        transport->armed_at = due;
}
