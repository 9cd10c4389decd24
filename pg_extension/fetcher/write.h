/*
 * write.h - the writes under way: from a WRITE frame to its WRITTEN.
 *
 * Each write is answered exactly once. It reads the tenant's secret, decides, and writes with
 * check-and-set on what it has read; nothing is ever sent again that may have had an effect. The
 * new password is made here and goes to Vault alone.
 */
#ifndef TV_FETCHER_WRITE_H
#define TV_FETCHER_WRITE_H

#include "channel.h"
#include "vault_client.h"

/* With so many under way no further frame is read: above what a keeper asks for at once. */
#define WRITES_MAX 64

struct write;

struct write_table {
    struct channel *channel;
    struct vc_client *client;
    struct write *first; /* all under way, the newest first */
    size_t count;
    bool failed; /* an answer could not be queued: the fetcher must end */
};

/* channel and client outlive the table. */
void write_table_init(struct write_table *table, struct channel *channel, struct vc_client *client);
/* Gives up what is under way, without answers. */
void write_table_free(struct write_table *table);

/* A WRITE whose scope is the fetcher's. False: the frame is malformed. */
bool write_start(struct write_table *table, uint64_t id, const unsigned char *payload, size_t len);
/* The place that is written to has changed: those that only read so far are answered
 * VC_CANCELLED. */
void write_cancel_unsent(struct write_table *table);

#endif
