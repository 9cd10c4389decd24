/*
 * fetcher_log.h - the fetcher's LOG frames as lines of the server's log.
 *
 * The text is hostile until cleaned: what could forge a line or drive a terminal is replaced, and a
 * flood is cut. Called by the keeper.
 */
#ifndef TV_FETCHER_LOG_H
#define TV_FETCHER_LOG_H

#include "postgres.h"

/* payload is valid by frame_payload_valid. */
extern void tv_fetcher_log(const unsigned char *payload, size_t len);

#endif
