/*
 * fetcher_log.c - the fetcher's LOG frames as lines of the server's log.
 */
#include "postgres.h"

#include "../common/error.h"
#include "../common/monotonic.h"
#include "../common/utf8.h"
#include "../common/vault_client.h"
#include "fetcher_log.h"
#include "frame.h"

/* Bytes of one line: the fetcher's own messages are below VC_MESSAGE_SIZE. */
#define LINE_MAX_BYTES (2 * VC_MESSAGE_SIZE)
/* An event is one line, and there are few events: beyond this in a window (ms) something runs wild.
 */
#define WINDOW 60000
#define WINDOW_LINES 60

static struct {
    vc_msec start;
    int lines, dropped;
} window;

/* False where this line is one too many. */
static bool may_log(void)
{
    vc_msec now = vc_now();

    if (window.start == 0 || now - window.start >= WINDOW) {
        if (window.dropped > 0)
            ereport(WARNING,
                    (errmsg("tenant_vault: left out %d lines of the fetcher's", window.dropped)));
        window.start = now;
        window.lines = window.dropped = 0;
    }
    if (window.lines < WINDOW_LINES) {
        window.lines++;
        return true;
    }
    window.dropped++;
    return false;
}

/* Bytes of the character at text that may be logged as it is; 0: C0, DEL, C1 or no UTF-8. */
static size_t loggable(const unsigned char *text, size_t len)
{
    size_t size = vc_utf8_char((const char *)text, len);

    if (size == 1 && (text[0] < 0x20 || text[0] == 0x7f))
        return 0;
    if (size == 2 && text[0] == 0xc2 && text[1] < 0xa0)
        return 0;
    return size;
}

static void clean(const struct frame_field *field, char *line)
{
    size_t used = 0, at = 0;

    while (at < field->len) {
        size_t size = loggable(field->data + at, field->len - at);

        if (used + Max(size, 1) >= LINE_MAX_BYTES)
            break;
        if (size == 0) {
            line[used++] = '?';
            at++;
            continue;
        }
        memcpy(line + used, field->data + at, size);
        used += size;
        at += size;
    }
    line[used] = '\0';
}

void tv_fetcher_log(const unsigned char *payload, size_t len)
{
    int64 level = frame_find_number(payload, len, TAG_LOG_LEVEL, VC_LOG_WARNING);
    char line[LINE_MAX_BYTES];
    struct frame_field message;

    if (!frame_find(payload, len, TAG_MESSAGE, &message) || !may_log())
        return;
    clean(&message, line);
    ereport(level == VC_LOG_INFO ? LOG : WARNING, (errmsg("tenant_vault: %s", line)));
}
