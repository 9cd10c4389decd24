/*
 * utf8.c - one character of UTF-8 at a time (RFC 3629, section 4).
 *
 * Refuses overlong forms, surrogates and what lies beyond U+10FFFF: each of them is a second
 * spelling, or no character at all, to whoever reads the text next. Called by error, json and
 * secret_buffer.
 */
#include "utf8.h"

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

/* The second byte has a narrower range after some first bytes: the table of RFC 3629, section 4. */
static bool second_byte_fits(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xE0:
        return second >= 0xA0 && second <= 0xBF;
    case 0xED:
        return second >= 0x80 && second <= 0x9F;
    case 0xF0:
        return second >= 0x90 && second <= 0xBF;
    case 0xF4:
        return second >= 0x80 && second <= 0x8F;
    default:
        return is_continuation(second);
    }
}

static size_t length_by_first_byte(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first <= 0xDF)
        return 2;
    if (first >= 0xE0 && first <= 0xEF)
        return 3;
    if (first >= 0xF0 && first <= 0xF4)
        return 4;
    return 0;
}

size_t vc_utf8_char(const char *text, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t need;

    if (len == 0)
        return 0;
    need = length_by_first_byte(bytes[0]);
    if (need <= 1)
        return need;
    if (need > len || !second_byte_fits(bytes[0], bytes[1]))
        return 0;
    for (size_t i = 2; i < need; i++)
        if (!is_continuation(bytes[i]))
            return 0;
    return need;
}

bool vc_utf8_valid(const char *text, size_t len)
{
    while (len > 0) {
        size_t step = vc_utf8_char(text, len);

        if (step == 0)
            return false;
        text += step;
        len -= step;
    }
    return true;
}
