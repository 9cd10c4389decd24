/*
 * fuzz_frame.c - libFuzzer target: any bytes on the socket between keeper and fetcher.
 *
 * Reads them as both ends do; every field must lie inside its payload, and a frame that is valid
 * must come out byte for byte the same when it is written again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"

/* Writes the payload's fields into a frame of their own and compares. */
static void check_rewrite(const struct frame_header *header, const uint8_t *frame, size_t size)
{
    const uint8_t *payload = frame + FRAME_HEADER_SIZE;
    unsigned char *copy = malloc(size);
    struct frame_writer writer;
    struct frame_field field;
    size_t offset = 0;

    if (copy == NULL)
        abort();
    frame_begin(&writer, copy, size, header->type, header->id);
    while (frame_next(payload, header->length, &offset, &field))
        frame_put(&writer, field.tag, field.data, field.len);
    if (frame_end(&writer) != size || memcmp(copy, frame, size) != 0)
        abort();
    free(copy);
}

static volatile unsigned char sink; /* keeps the reads from being optimised away */

/* Touches each byte that is said to be a field's. */
static void read_fields(const uint8_t *payload, size_t len)
{
    struct frame_field field;
    size_t offset = 0;

    while (frame_next(payload, len, &offset, &field)) {
        if (offset > len || field.data < payload || field.data + field.len > payload + len)
            abort();
        for (uint32_t i = 0; i < field.len; i++)
            sink ^= field.data[i];
    }
    if (frame_payload_valid(payload, len) != (offset == len))
        abort();
    for (int tag = 0; tag <= UINT8_MAX; tag++)
        frame_find_number(payload, len, (uint8_t)tag, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame_header header;

    while (frame_header_read(data, size, &header) == 1) {
        size_t whole = FRAME_HEADER_SIZE + (size_t)header.length;

        if (whole > size)
            break;
        read_fields(data + FRAME_HEADER_SIZE, header.length);
        if (frame_payload_valid(data + FRAME_HEADER_SIZE, header.length))
            check_rewrite(&header, data, whole);
        data += whole;
        size -= whole;
    }
    read_fields(data, size);
    return 0;
}
