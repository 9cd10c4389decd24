/*
 * channel.c - the fetcher's end of the socketpair (channel.h).
 */
#include "channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IN_SIZE 16384         /* the keeper's frames are below 1 kB; grows for a larger one */
#define KEPT_WHEN_EMPTY 65536 /* an empty buffer that has grown beyond this is given back */
#define FRAME_MAX (FRAME_HEADER_SIZE + FRAME_PAYLOAD_MAX)

void channel_init(struct channel *channel, const struct vc_allocator *allocator, int fd)
{
    *channel = (struct channel){.allocator = allocator, .fd = fd};
}

static void release(struct channel *channel, struct channel_bytes *bytes)
{
    vc_free(channel->allocator, bytes->memory, bytes->size);
    *bytes = (struct channel_bytes){.memory = NULL};
}

void channel_free(struct channel *channel)
{
    release(channel, &channel->in);
    release(channel, &channel->out);
}

/* Gives up the first n bytes of the content. */
static void consume(struct channel *channel, struct channel_bytes *bytes, size_t n)
{
    explicit_bzero(bytes->memory + bytes->start, n);
    bytes->start += n;
    bytes->used -= n;
    if (bytes->used > 0)
        return;
    bytes->start = 0;
    if (bytes->size > KEPT_WHEN_EMPTY)
        release(channel, bytes);
}

/* Moves the content to the front. */
static void compact(struct channel_bytes *bytes)
{
    if (bytes->start == 0)
        return;
    memmove(bytes->memory, bytes->memory + bytes->start, bytes->used);
    explicit_bzero(bytes->memory + bytes->used, bytes->start);
    bytes->start = 0;
}

/* Makes room for n more bytes behind the content; false: beyond max, or no memory. */
static bool make_room(struct channel *channel, struct channel_bytes *bytes, size_t n, size_t max)
{
    size_t needed = bytes->used + n, size = bytes->size;
    unsigned char *memory;

    if (bytes->memory != NULL && bytes->size - bytes->start - bytes->used >= n)
        return true;
    if (n > max || needed > max)
        return false;
    if (bytes->memory != NULL)
        compact(bytes);
    if (needed <= bytes->size)
        return true;
    for (size = size > 0 ? size : IN_SIZE; size < needed;)
        size *= 2;
    memory = channel->allocator->resize(channel->allocator->ctx, bytes->memory, bytes->size, size);
    if (memory == NULL)
        return false;
    bytes->memory = memory;
    bytes->size = size;
    return true;
}

/* How many bytes the frame at the front still lacks; one buffer's worth where that is not known. */
static size_t wanted(const struct channel *channel)
{
    const struct channel_bytes *in = &channel->in;
    struct frame_header header;

    if (in->used == 0 || frame_header_read(in->memory + in->start, in->used, &header) != 1 ||
        FRAME_HEADER_SIZE + (size_t)header.length <= in->used)
        return IN_SIZE;
    return FRAME_HEADER_SIZE + (size_t)header.length - in->used;
}

enum channel_result channel_fill(struct channel *channel)
{
    struct channel_bytes *in = &channel->in;
    ssize_t n;

    if (!make_room(channel, in, wanted(channel), FRAME_MAX + IN_SIZE)) {
        errno = ENOMEM;
        return CHANNEL_FAILED;
    }
    do {
        n = read(channel->fd, in->memory + in->start + in->used, in->size - in->start - in->used);
    } while (n < 0 && errno == EINTR);
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        return CHANNEL_END;
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? CHANNEL_OK : CHANNEL_FAILED;
    in->used += (size_t)n;
    return CHANNEL_OK;
}

enum channel_result channel_next(struct channel *channel, struct frame_header *header,
                                 const unsigned char **payload)
{
    struct channel_bytes *in = &channel->in;
    int state;

    *payload = NULL;
    if (channel->consumed > 0)
        consume(channel, in, channel->consumed);
    channel->consumed = 0;
    if (in->used == 0)
        return CHANNEL_OK;
    state = frame_header_read(in->memory + in->start, in->used, header);
    if (state < 0)
        return CHANNEL_MALFORMED;
    if (state == 0 || in->used - FRAME_HEADER_SIZE < header->length)
        return CHANNEL_OK;
    *payload = in->memory + in->start + FRAME_HEADER_SIZE;
    channel->consumed = FRAME_HEADER_SIZE + (size_t)header->length;
    return frame_payload_valid(*payload, header->length) ? CHANNEL_OK : CHANNEL_MALFORMED;
}

bool channel_begin(struct channel *channel, struct frame_writer *writer, size_t payload_size,
                   enum frame_type type, uint64_t id)
{
    struct channel_bytes *out = &channel->out;
    size_t size = FRAME_HEADER_SIZE + payload_size;

    if (payload_size > FRAME_PAYLOAD_MAX || !make_room(channel, out, size, CHANNEL_OUT_MAX))
        return false;
    frame_begin(writer, out->memory + out->start + out->used, size, (uint8_t)type, id);
    return true;
}

bool channel_end(struct channel *channel, struct frame_writer *writer)
{
    size_t size = frame_end(writer);

    if (size == 0)
        explicit_bzero(writer->memory, writer->size);
    channel->out.used += size;
    return size > 0;
}

enum channel_result channel_flush(struct channel *channel)
{
    struct channel_bytes *out = &channel->out;

    while (out->used > 0) {
        ssize_t n = send(channel->fd, out->memory + out->start, out->used, MSG_NOSIGNAL);

        if (n > 0)
            consume(channel, out, (size_t)n);
        else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return CHANNEL_OK;
        else if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
            return CHANNEL_END;
        else if (n == 0 || errno != EINTR)
            return CHANNEL_FAILED;
    }
    return CHANNEL_OK;
}

bool channel_has_output(const struct channel *channel)
{
    return channel->out.used > 0;
}

bool channel_congested(const struct channel *channel)
{
    return channel->out.used >= CHANNEL_CONGESTED;
}
