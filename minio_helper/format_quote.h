/*
 * format_quote.h - what several formats need for writing a value.
 */
#ifndef MH_FORMAT_QUOTE_H
#define MH_FORMAT_QUOTE_H

#include <stdbool.h>

#include "secret_buffer.h"

/* POSIX sh: the value in single quotes. */
void quote_sh(struct vc_buf *out, const char *value);

/* True where a reader of lines would change the value: a control character or an edge space. */
bool breaks_line(const char *value);

#endif
