/*
 * channel.h - the fetcher's end of the socketpair: frames in, frames out, never blocking.
 *
 * Both buffers are bounded. Whoever owns the event loop stops reading, and stops making answers,
 * while channel_congested says so: a keeper that does not read cannot make the fetcher grow.
 */
#ifndef TV_FETCHER_CHANNEL_H
#define TV_FETCHER_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "allocator.h"
#include "frame.h"

/* From here on no frame is read and no reply of Vault's taken: half of the largest frame. */
#define CHANNEL_CONGESTED (1u << 20)
/*
 * Never more than this waits to be written: the above, and the largest answer for each connection
 * of the transport (16), which may all complete in one round.
 */
#define CHANNEL_OUT_MAX (CHANNEL_CONGESTED + 16u * (FRAME_PAYLOAD_MAX + FRAME_HEADER_SIZE))

/* Bytes from start to start + used are content; what was content is wiped. */
struct channel_bytes {
    unsigned char *memory;
    size_t size, start, used;
};

struct channel {
    const struct vc_allocator *allocator;
    int fd;
    struct channel_bytes in, out;
    size_t consumed; /* of in: the frame handed out last */
};

/* fd is non-blocking and stays the caller's. */
void channel_init(struct channel *channel, const struct vc_allocator *allocator, int fd);
void channel_free(struct channel *channel);

enum channel_result {
    CHANNEL_OK,
    CHANNEL_END,      /* the other end is closed */
    CHANNEL_FAILED,   /* errno says why; no memory: ENOMEM */
    CHANNEL_MALFORMED /* what came is no frame */
};

/* Reads what is there, at most about one buffer's worth. */
enum channel_result channel_fill(struct channel *channel);
/*
 * The next whole frame. CHANNEL_OK with *payload NULL: there is none yet. payload is valid until
 * the next call on this channel.
 */
enum channel_result channel_next(struct channel *channel, struct frame_header *header,
                                 const unsigned char **payload);

/*
 * Begins a frame whose payload needs at most payload_size bytes, field headers included. False:
 * there is no room for it, and nothing was begun.
 */
bool channel_begin(struct channel *channel, struct frame_writer *writer, size_t payload_size,
                   enum frame_type type, uint64_t id);
/* Ends it and queues it. False: it was too large; it is left out. */
bool channel_end(struct channel *channel, struct frame_writer *writer);

/* Writes as much as the socket takes. */
enum channel_result channel_flush(struct channel *channel);
bool channel_has_output(const struct channel *channel);
bool channel_congested(const struct channel *channel);

#endif
