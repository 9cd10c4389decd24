/*
 * utf8.h - one character of UTF-8 at a time (RFC 3629).
 */
#ifndef VC_UTF8_H
#define VC_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Bytes of the character at the start of text: 1 to 4. 0 where there is none: len is 0, or the
 * bytes are cut, overlong, a surrogate, or beyond U+10FFFF. A NUL byte is a character of 1.
 */
size_t vc_utf8_char(const char *text, size_t len);

/* True where all len bytes are such characters. */
bool vc_utf8_valid(const char *text, size_t len);

#endif
