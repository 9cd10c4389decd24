/*
 * frame.c - the codec of the frames between keeper and fetcher (frame.h).
 *
 * Refuses, when reading, every length that leads beyond the bytes at hand or the bounds of frame.h;
 * when writing, what does not fit. Works on memory alone, byte by byte where alignment is not
 * known. Called by keeper, fetcher and backends: includes neither PostgreSQL's nor the core's
 * headers.
 */
#include "frame.h"

#include <string.h>

/* Where the header's members are; see frame.h. */
#define AT_LENGTH 0
#define AT_TYPE 4
#define AT_VERSION 5
#define AT_ZERO 6
#define AT_ID 8

void frame_begin(struct frame_writer *writer, void *memory, size_t size, uint8_t type, uint64_t id)
{
    *writer = (struct frame_writer){.memory = memory, .size = size};
    if (size < FRAME_HEADER_SIZE) {
        writer->overflow = true;
        return;
    }
    memset(writer->memory, 0, FRAME_HEADER_SIZE);
    writer->memory[AT_TYPE] = type;
    writer->memory[AT_VERSION] = FRAME_VERSION;
    memcpy(writer->memory + AT_ID, &id, sizeof(id));
    writer->used = FRAME_HEADER_SIZE;
}

void frame_put(struct frame_writer *writer, uint8_t tag, const void *data, size_t len)
{
    size_t room = writer->size - writer->used;
    uint32_t len32 = (uint32_t)len;

    if (writer->overflow || len > FRAME_PAYLOAD_MAX || room < FRAME_FIELD_HEADER_SIZE ||
        room - FRAME_FIELD_HEADER_SIZE < len) {
        writer->overflow = true;
        return;
    }
    writer->memory[writer->used] = tag;
    memcpy(writer->memory + writer->used + 1, &len32, sizeof(len32));
    if (len > 0)
        memcpy(writer->memory + writer->used + FRAME_FIELD_HEADER_SIZE, data, len);
    writer->used += FRAME_FIELD_HEADER_SIZE + len;
}

void frame_put_text(struct frame_writer *writer, uint8_t tag, const char *text)
{
    if (text != NULL)
        frame_put(writer, tag, text, strlen(text));
}

void frame_put_number(struct frame_writer *writer, uint8_t tag, int64_t number)
{
    frame_put(writer, tag, &number, sizeof(number));
}

size_t frame_end(struct frame_writer *writer)
{
    uint32_t length;

    if (writer->overflow || writer->used - FRAME_HEADER_SIZE > FRAME_PAYLOAD_MAX)
        return 0;
    length = (uint32_t)(writer->used - FRAME_HEADER_SIZE);
    memcpy(writer->memory + AT_LENGTH, &length, sizeof(length));
    return writer->used;
}

int frame_header_read(const void *bytes, size_t available, struct frame_header *header)
{
    const unsigned char *at = bytes;

    if (available < FRAME_HEADER_SIZE)
        return 0;
    memcpy(&header->length, at + AT_LENGTH, sizeof(header->length));
    header->type = at[AT_TYPE];
    memcpy(&header->id, at + AT_ID, sizeof(header->id));
    if (at[AT_VERSION] != FRAME_VERSION || at[AT_ZERO] != 0 || at[AT_ZERO + 1] != 0 ||
        header->length > FRAME_PAYLOAD_MAX)
        return -1;
    return 1;
}

bool frame_payload_valid(const void *payload, size_t len)
{
    struct frame_field field;
    size_t offset = 0;
    bool more;

    do {
        more = frame_next(payload, len, &offset, &field);
    } while (more);
    return offset == len;
}

bool frame_next(const void *payload, size_t len, size_t *offset, struct frame_field *field)
{
    const unsigned char *at = payload;
    uint32_t field_len;

    if (*offset >= len || len - *offset < FRAME_FIELD_HEADER_SIZE)
        return false;
    at += *offset;
    memcpy(&field_len, at + 1, sizeof(field_len));
    if (field_len > len - *offset - FRAME_FIELD_HEADER_SIZE)
        return false;
    *field =
        (struct frame_field){.tag = at[0], .data = at + FRAME_FIELD_HEADER_SIZE, .len = field_len};
    *offset += FRAME_FIELD_HEADER_SIZE + (size_t)field_len;
    return true;
}

bool frame_find(const void *payload, size_t len, uint8_t tag, struct frame_field *field)
{
    size_t offset = 0;

    while (frame_next(payload, len, &offset, field))
        if (field->tag == tag)
            return true;
    *field = (struct frame_field){.tag = tag}; /* not another one, which may be a password */
    return false;
}

int64_t frame_find_number(const void *payload, size_t len, uint8_t tag, int64_t fallback)
{
    struct frame_field field;
    int64_t number;

    if (!frame_find(payload, len, tag, &field) || field.len != sizeof(number))
        return fallback;
    memcpy(&number, field.data, sizeof(number));
    return number;
}
