/*
 * new_password.c - a password that nobody has chosen. Called by the fetcher.
 */
#include "new_password.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/random.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

#define ALPHABET_SIZE (sizeof(alphabet) - 1)
/* Bytes from here on are thrown away: the alphabet's first characters would come more often. */
#define FAIR_BYTES (256 / ALPHABET_SIZE * ALPHABET_SIZE)
/* One batch is enough 19 times in 20; up to 256 bytes getrandom is never interrupted. */
#define BATCH 36

enum vc_code vc_new_password(char out[VC_NEW_PASSWORD_LENGTH + 1], struct vc_error *err)
{
    unsigned char batch[BATCH];
    size_t len = 0;

    while (len < VC_NEW_PASSWORD_LENGTH) {
        ssize_t got = getrandom(batch, sizeof(batch), 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            explicit_bzero(out, VC_NEW_PASSWORD_LENGTH + 1);
            return vc_error_set(err, VC_INTERNAL, "the system's random source cannot be read: %s",
                                strerror(errno));
        }
        for (ssize_t i = 0; i < got && len < VC_NEW_PASSWORD_LENGTH; i++) {
            if (batch[i] < FAIR_BYTES)
                out[len++] = alphabet[batch[i] % ALPHABET_SIZE];
        }
    }
    out[len] = '\0';
    explicit_bzero(batch, sizeof(batch));
    vc_error_clear(err);
    return VC_OK;
}
