/*
 * transport_internal.h - what the files of the transport share; nobody else includes it.
 *
 *   transport.c          transfers: start, cancel, deliver
 *   transport_options.c  settings and requests -> libcurl's options
 *   transport_poll.c     libcurl's sockets and timers -> one pollable descriptor
 */
#ifndef VC_TRANSPORT_INTERNAL_H
#define VC_TRANSPORT_INTERNAL_H

#include <curl/curl.h>
#include <stdint.h>

#include "secret_file.h"
#include "transport.h"

#define NEVER INT64_MAX

/*
 * Sockets remembered per pool: every connection to every address, twice because libcurl tries IPv6
 * and IPv4 side by side. One that does not fit costs two system calls more per request, nothing
 * else.
 */
#define WATCH_MAX ((size_t)(2 * VC_TRANSPORT_MAX_CONNECTIONS * VC_MAX_ADDRESSES))

/* A socket of ours, and what epoll and libcurl each think that it is watched for (EPOLLIN,
 * EPOLLOUT). */
struct watch {
    curl_socket_t fd;
    uint32_t registered;
    uint32_t wanted;
};

enum { TLS_CA_CERT, TLS_CA_PATH, TLS_CLIENT_CERT, TLS_CLIENT_KEY, TLS_FILES };

/* The part of the settings that connections are made under. Strings are owned; NULL where not set.
 */
struct connection_options {
    char *file[TLS_FILES];
    char *server_name;
    bool skip_verify;
    vc_msec connect_timeout;
};

/*
 * Connections made under the same options. When these change, a new pool takes over and the old one
 * goes with its last transfer.
 */
struct connection_pool {
    struct connection_pool *next;
    struct vc_transport *transport;
    uint32_t id; /* tells the events of one pool's sockets from another's */
    CURLM *multi;
    bool
        broken; /* libcurl has failed in the middle of its work: the transfers end, the pool goes */
    vc_msec wake_at; /* when libcurl wants to be called without an event */
    struct connection_options options;
    struct vc_file_stamp stamp[TLS_FILES];
    struct vc_error fault; /* of these files: why no connection is made; VC_OK: none */
    struct watch watch[WATCH_MAX];
    size_t watch_count;
    size_t transfers;         /* that use it */
    struct vc_transfer *idle; /* easy handles ready for the next request */
    size_t idle_count;
};

struct transfer_list {
    struct vc_transfer *head, *tail;
};

struct vc_transfer {
    struct vc_transfer *prev, *next;
    struct transfer_list *list; /* that it is in: running, finished, or NULL */
    struct connection_pool *pool;
    CURL *easy;

    /* What the easy handle is set to: the next request changes only what differs. */
    char origin[VC_ADDRESS_MAX + 1];
    struct vc_buf header_text; /* the lines of headers, joined: to see whether they differ */
    struct curl_slist *headers;
    struct curl_slist *connect_to;
    enum vc_method method;
    bool with_body;
    bool fresh_connection;

    struct vc_reply reply;
    size_t head_bytes;
    enum vc_code refusal; /* why a callback ended the transfer */
    CURLcode result;
    char words[CURL_ERROR_SIZE]; /* libcurl's own, of the last failure */
    vc_transfer_done done;
    void *ctx;
};

struct vc_transport {
    const struct vc_allocator *allocator;
    int epoll_fd, timer_fd;
    vc_msec armed_at; /* when the timer fires; NEVER: not set */
    vc_msec alarm_at; /* vc_transport_alarm */
    vc_msec files_checked_at;
    uint32_t pool_id;
    struct connection_pool
        *pools; /* the first is in force, the others wait for their last transfer */
    struct transfer_list running;
    struct transfer_list finished;   /* libcurl is done with them */
    struct transfer_list delivering; /* of these, the ones that this run calls back for */
};

/* transport_options.c */
bool connection_options_copy(struct connection_options *to, const struct vc_allocator *allocator,
                             const struct vc_settings *settings);
void connection_options_free(struct connection_options *options,
                             const struct vc_allocator *allocator);
bool connection_options_equal(const struct connection_options *options,
                              const struct vc_settings *settings);
/* Once per easy handle. False: libcurl lacks memory or an option. */
bool transfer_set_connection_options(struct vc_transfer *transfer);
/* Once per request. */
enum vc_code transfer_set_request(struct vc_transfer *transfer, const char *origin,
                                  const struct vc_request *request, const char *token,
                                  const char *namespace_path, vc_msec time_left,
                                  struct vc_error *err);

/* transport_poll.c */
bool poll_open(struct vc_transport *transport);
void poll_close(struct vc_transport *transport);
bool poll_attach(struct connection_pool *pool);
curl_socket_t poll_open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *address);
int poll_close_socket(void *ctx, curl_socket_t fd);
/* Hands what has happened to libcurl. */
void poll_events(struct vc_transport *transport);
/* Lets libcurl do what it wants to do now without an event. */
void poll_drive(struct connection_pool *pool, vc_msec now);
/* Makes the descriptor readable when the next thing is due. */
void poll_rearm(struct vc_transport *transport);

/* transport.c: takes finished transfers from libcurl, after each call into it. */
void pool_collect(struct connection_pool *pool);

#endif
