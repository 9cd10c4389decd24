/*
 * new_password.h - a password that nobody has chosen.
 */
#ifndef VC_NEW_PASSWORD_H
#define VC_NEW_PASSWORD_H

#include "error.h"

/*
 * Of 62 characters each, so 190 bits: beyond guessing, and beyond what SCRAM-SHA-256 itself keeps.
 * Letters and digits alone, which no URL, shell, .pgpass or .env file needs quoted.
 */
#define VC_NEW_PASSWORD_LENGTH 32

/*
 * From the system's random source (getrandom, which waits until that is seeded). The caller wipes
 * it. VC_INTERNAL: the source cannot be read; out is then "".
 */
enum vc_code vc_new_password(char out[VC_NEW_PASSWORD_LENGTH + 1], struct vc_error *err);

#endif
