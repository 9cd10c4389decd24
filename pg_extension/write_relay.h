/*
 * write_relay.h - the keeper hands backends' writes to the fetcher, and its answers back.
 *
 * Called by the keeper alone. It looks at no write but for the tenant that it is about.
 */
#ifndef TV_WRITE_RELAY_H
#define TV_WRITE_RELAY_H

#include "postgres.h"

#include "../common/error.h"

/* A write has ended: VC_OK, what is known of the tenant is out of date; else it may be. */
typedef void (*TvWriteEnded)(const char *tenant, enum vc_code outcome);

/* Sends what is ordered, as far as the fetcher takes it. */
extern void tv_writes_send(void);
/* The fetcher's WRITTEN, valid by frame_payload_valid. */
extern void tv_writes_take_answer(uint64 id, const unsigned char *payload, Size len,
                                  TvWriteEnded ended);
/*
 * The fetcher has gone, or the keeper before this one: what either was at is answered, because
 * nobody knows what became of it.
 */
extern void tv_writes_lost(TvWriteEnded ended);
/* There is no fetcher, and none will come soon: what waits for one is answered with why. */
extern void tv_writes_refuse(const char *why);
/* Answers what was to have ended grace ms ago. */
extern void tv_writes_end_overdue(vc_msec grace, TvWriteEnded ended);

#endif
