/*
 * answer.h - ANSWER frames: what became of a fetch; WRITTEN frames: what became of a write.
 *
 * Each call queues exactly one frame for the fetch or write. An answer that is too large becomes an
 * error of its own; false means that not even that could be queued (no memory): the fetcher must
 * end, so that the keeper sees that no answer will come.
 */
#ifndef TV_FETCHER_ANSWER_H
#define TV_FETCHER_ANSWER_H

#include "channel.h"
#include "connection.h"
#include "error.h"
#include "vault_kv.h"

/* Which version of a secret an answer comes from. */
struct answer_origin {
    long long version; /* 0: none */
    char created_time[VC_CREATED_TIME_SIZE];
    char request_id[VC_REQUEST_ID_SIZE];
};

/* err->code is not VC_OK. */
bool answer_error(struct channel *channel, uint64_t id, const struct vc_error *err);
bool answer_connection(struct channel *channel, uint64_t id, const struct answer_origin *origin,
                       const struct vc_connection *connection);
/* data as JSON text. */
bool answer_data(struct channel *channel, uint64_t id, const struct answer_origin *origin,
                 const cJSON *data);

/* existed: nothing was written, because version was there already. err->code is not VC_OK. */
bool answer_written(struct channel *channel, uint64_t id, long long version, bool existed);
bool answer_write_error(struct channel *channel, uint64_t id, const struct vc_error *err);

#endif
