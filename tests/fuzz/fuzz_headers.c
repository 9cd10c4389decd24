/*
 * fuzz_headers.c - the head of a reply, as any server may send it (http_header.h).
 *
 * What must hold for each input: no crash, no read beyond a line (each is a heap block of its own
 * size), and what is kept may go into a request or a log: visible ASCII, terminated, within its
 * bound.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http_header.h"

#define NOW 1800000000 /* any time: the result must not depend on when the fuzzer runs */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_visible(const char *text, size_t size)
{
    size_t len = strnlen(text, size);

    if (len == size)
        abort();
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~')
            abort();
}

static void check_reply(const struct vc_reply *reply)
{
    check_visible(reply->location, sizeof(reply->location));
    check_visible(reply->index, sizeof(reply->index));
    if (reply->retry_after < -1 || reply->retry_after > VC_RETRY_AFTER_CEILING)
        abort();
}

/* A copy of exactly its size, so that the sanitizer sees a read of one byte too many. */
static void read_line(struct vc_reply *reply, const uint8_t *bytes, size_t len)
{
    char *line = malloc(len > 0 ? len : 1);

    if (line == NULL)
        return;
    memcpy(line, bytes, len);
    vc_http_header_read(reply, line, len, NOW);
    free(line);
    check_reply(reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vc_reply reply;

    vc_reply_init(&reply, &vc_wiping_allocator);
    while (size > 0) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t len = end == NULL ? size : (size_t)(end - data) + 1;

        read_line(&reply, data, len);
        data += len;
        size -= len;
    }
    vc_reply_free(&reply);
    return 0;
}
