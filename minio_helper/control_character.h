/*
 * control_character.h - the characters that no line of a file, header or URL may hold.
 */
#ifndef MH_CONTROL_CHARACTER_H
#define MH_CONTROL_CHARACTER_H

#include <stdbool.h>

/* A byte below 0x20, or 0x7F; newlines and tabs are among them. */
bool has_control_character(const char *text);

#endif
