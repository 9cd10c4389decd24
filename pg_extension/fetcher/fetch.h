/*
 * fetch.h - the fetches under way: from a FETCH frame to its ANSWER.
 *
 * Each fetch is answered exactly once, in whatever order, unless the keeper cancels it. A fetch
 * that needs the platform's secret waits for it beside its own read.
 */
#ifndef TV_FETCHER_FETCH_H
#define TV_FETCHER_FETCH_H

#include "channel.h"
#include "platform_secret.h"
#include "vault_client.h"

/* With so many under way no further frame is read: far above what one keeper asks for at once. */
#define FETCHES_MAX 4096

struct fetch;

struct fetch_table {
    struct channel *channel;
    struct vc_client *client;
    struct platform_secret platform;
    struct fetch *first; /* all under way, the newest first */
    size_t count;
    bool failed; /* an answer could not be queued: the fetcher must end */
};

/* channel and client outlive the table. */
void fetch_table_init(struct fetch_table *table, struct channel *channel, struct vc_client *client);
/* Gives up what is under way, without answers. */
void fetch_table_free(struct fetch_table *table);

/* A FETCH whose scope is the fetcher's. False: the frame is malformed. */
bool fetch_start(struct fetch_table *table, uint64_t id, const unsigned char *payload, size_t len);
/* Nobody waits for it: no answer. An id that is not (or no longer) there is none of anyone's
 * concern. */
void fetch_cancel(struct fetch_table *table, uint64_t id);
/* The place that is read has changed: all are answered VC_CANCELLED. */
void fetch_cancel_all(struct fetch_table *table);
/* Answers those whose time is up; returns when the next one's is, 0 for never. */
vc_msec fetch_expire(struct fetch_table *table, vc_msec now);

#endif
