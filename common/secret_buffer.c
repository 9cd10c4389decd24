/*
 * secret_buffer.c - a growable byte string with a cap, wiped whenever memory is given up.
 *
 * Refuses to grow beyond its cap, and after one failure refuses everything until reset or freed.
 * Called by whoever assembles a request, a URL or a frame.
 */
#include "secret_buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

#define FIRST_CAPACITY 256 /* most paths and JSON bodies fit: one allocation */
#define NO_MAX (SIZE_MAX - 1)

void vc_buf_init(struct vc_buf *buf, const struct vc_allocator *allocator, size_t max)
{
    /* One byte is always kept for the terminating NUL. */
    *buf = (struct vc_buf){.allocator = allocator, .max = max < NO_MAX ? max : NO_MAX};
}

static void give_up_memory(struct vc_buf *buf)
{
    vc_free(buf->allocator, buf->data, buf->capacity);
    buf->data = NULL;
    buf->len = 0;
    buf->capacity = 0;
}

static bool fail(struct vc_buf *buf, bool too_large)
{
    give_up_memory(buf);
    buf->failed = true;
    buf->too_large = too_large;
    return false;
}

/* Makes room for more bytes and the NUL. */
static bool reserve(struct vc_buf *buf, size_t more)
{
    size_t limit = buf->max + 1;
    size_t need;
    size_t capacity = buf->capacity > 0 ? buf->capacity : FIRST_CAPACITY;
    void *data;

    if (buf->failed)
        return false;
    if (more > buf->max - buf->len)
        return fail(buf, true);
    need = buf->len + more + 1;
    if (need <= buf->capacity)
        return true;
    while (capacity < need)
        capacity = capacity > limit / 2 ? limit : capacity * 2;
    if (capacity > limit)
        capacity = limit;
    data = buf->allocator->resize(buf->allocator->ctx, buf->data, buf->capacity, capacity);
    if (data == NULL)
        return fail(buf, false);
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

bool vc_buf_append(struct vc_buf *buf, const void *bytes, size_t len)
{
    if (!reserve(buf, len))
        return false;
    if (len > 0)
        memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
    return true;
}

bool vc_buf_append_text(struct vc_buf *buf, const char *text)
{
    return vc_buf_append(buf, text, strlen(text));
}

bool vc_buf_append_format(struct vc_buf *buf, const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0)
        return fail(buf, false);
    if (!reserve(buf, (size_t)len))
        return false;
    va_start(args, format);
    vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
    return true;
}

/* RFC 3986, section 2.3. Not isalnum: that one asks the locale. */
static bool is_unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

bool vc_buf_append_percent(struct vc_buf *buf, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";

    for (const char *at = text; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        const char encoded[3] = {'%', hex[c >> 4], hex[c & 0x0F]};

        if (!(is_unreserved(c) ? vc_buf_append(buf, at, 1) : vc_buf_append(buf, encoded, 3)))
            return false;
    }
    return vc_buf_append(buf, "", 0);
}

/* One character of a JSON string (RFC 8259, section 7): only quote, backslash and C0 need an
 * escape. */
static bool append_json_char(struct vc_buf *buf, const char *at, size_t size)
{
    unsigned char c = (unsigned char)at[0];

    if (c == '"' || c == '\\')
        return vc_buf_append(buf, "\\", 1) && vc_buf_append(buf, at, 1);
    if (c < 0x20)
        return vc_buf_append_format(buf, "\\u%04x", c);
    return vc_buf_append(buf, at, size);
}

bool vc_buf_append_json(struct vc_buf *buf, const char *text)
{
    size_t len = strlen(text);

    vc_buf_append(buf, "\"", 1);
    while (len > 0) {
        size_t size = vc_utf8_char(text, len);

        /* Vault would replace the bytes in silence: another secret than the one that was given. */
        if (size == 0)
            return fail(buf, false);
        if (!append_json_char(buf, text, size))
            return false;
        text += size;
        len -= size;
    }
    return vc_buf_append(buf, "\"", 1);
}

const char *vc_buf_text(const struct vc_buf *buf)
{
    return buf->data == NULL ? "" : buf->data;
}

void vc_buf_reset(struct vc_buf *buf)
{
    if (buf->data != NULL)
        explicit_bzero(buf->data, buf->capacity);
    buf->len = 0;
    buf->failed = false;
    buf->too_large = false;
}

void vc_buf_free(struct vc_buf *buf)
{
    give_up_memory(buf);
    buf->failed = false;
    buf->too_large = false;
}
