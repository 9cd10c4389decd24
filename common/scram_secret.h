/*
 * scram_secret.h - what a server stores of a password for SCRAM-SHA-256 (RFC 5802, RFC 7677).
 */
#ifndef VC_SCRAM_SECRET_H
#define VC_SCRAM_SECRET_H

#include <stddef.h>

#include "error.h"

#define VC_SCRAM_SALT_MAX 64
/* More would take the caller's thread for longer than 0.1 s. */
#define VC_SCRAM_ITERATIONS_MAX 100000
/* Mechanism, iterations, salt and two keys of 32 bytes in base64, what separates them, a NUL. */
#define VC_SCRAM_SECRET_SIZE 256

/*
 * PostgreSQL's form: SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>. The caller wipes
 * it. The password is printable ASCII, which SASLprep leaves as it is: anything else is refused.
 *
 * VC_BAD_REQUEST: password, salt or iterations are not of that kind. VC_INTERNAL: the hash cannot
 * be computed. out is then "".
 */
enum vc_code vc_scram_secret(char out[VC_SCRAM_SECRET_SIZE], const char *password,
                             const unsigned char *salt, size_t salt_len, long long iterations,
                             struct vc_error *err);

#endif
