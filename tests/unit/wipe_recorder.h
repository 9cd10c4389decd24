/*
 * wipe_recorder.h - what explicit_bzero was called for. Linking wipe_recorder.c replaces the C
 * library's, because freed memory itself must not be looked at.
 */
#ifndef TEST_WIPE_RECORDER_H
#define TEST_WIPE_RECORDER_H

#include <stdbool.h>
#include <stddef.h>

void wipes_forget(void);
/* True where the len bytes at ptr were wiped by one call since wipes_forget. */
bool wiped(const void *ptr, size_t len);
/* True where at least len bytes at some place were: a stack's, which a test cannot name. */
bool wiped_somewhere(size_t len);

#endif
