/*
 * http_header.h - the three header fields of a reply that matter here, read from raw header lines.
 */
#ifndef VC_HTTP_HEADER_H
#define VC_HTTP_HEADER_H

#include <stddef.h>
#include <time.h>

#include "vault_message.h"

/* A date or a number of seconds further away than this is kept as this: nothing waits that long. */
#define VC_RETRY_AFTER_CEILING 86400

/*
 * Takes one line of a reply's head, with or without its CR LF; line need not be NUL-terminated. A
 * status line begins a new head (an interim 1xx reply may precede the final one) and clears what
 * came before. Retry-After    (RFC 9110 section 10.2.3) seconds, or an HTTP date counted from now;
 * else ignored Location       visible ASCII shorter than VC_LOCATION_MAX; else ignored
 *   X-Vault-Index  visible ASCII shorter than VC_INDEX_MAX (it becomes a request header again);
 * else ignored Of repeated fields the first valid one counts. now: seconds since the epoch, for
 * dates.
 */
void vc_http_header_read(struct vc_reply *reply, const char *line, size_t len, time_t now);

#endif
