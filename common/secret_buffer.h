/*
 * secret_buffer.h - a growable byte string with a cap, wiped whenever memory is given up.
 */
#ifndef VC_SECRET_BUFFER_H
#define VC_SECRET_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

#include "allocator.h"

/*
 * data is always NUL-terminated once something was appended (NULL before). A failed append (cap
 * reached, no memory) wipes and frees the content and sets failed; later appends fail as well, so
 * that a chain of appends needs one check at its end.
 */
struct vc_buf {
    char *data;
    size_t len;
    size_t capacity;
    size_t max; /* bytes, without the terminating NUL */
    bool failed;
    bool too_large; /* failed because of max, not of memory */
    const struct vc_allocator *allocator;
};

void vc_buf_init(struct vc_buf *buf, const struct vc_allocator *allocator, size_t max);
/*
 * All appends return false after a failure, of this call or an earlier one. What they append must
 * not lie in the buffer itself: growing wipes the old place.
 */
bool vc_buf_append(struct vc_buf *buf, const void *bytes, size_t len);
bool vc_buf_append_text(struct vc_buf *buf, const char *text);
bool vc_buf_append_format(struct vc_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Appends text percent-encoded: everything but RFC 3986 section 2.3's unreserved characters. */
bool vc_buf_append_percent(struct vc_buf *buf, const char *text);
/*
 * Appends a JSON string with its quotes (RFC 8259 section 7). Text that is not UTF-8 is a failure
 * (not too_large): Vault would store other bytes than were given.
 */
bool vc_buf_append_json(struct vc_buf *buf, const char *text);
/* "" where nothing was appended; never NULL. */
const char *vc_buf_text(const struct vc_buf *buf);
/* Wipes, keeps the memory, clears failed. */
void vc_buf_reset(struct vc_buf *buf);
/* Wipes and frees; the buffer may be used again. */
void vc_buf_free(struct vc_buf *buf);

#endif
