/*
 * scram_secret.c - what a server stores of a password for SCRAM-SHA-256. Called by the fetcher.
 */
#include "scram_secret.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define KEY_SIZE 32 /* of SHA-256 */
/* Base64 of n bytes, with its NUL. */
#define BASE64_SIZE(n) (((n) + 2) / 3 * 4 + 1)

/* RFC 5802 section 3; what the server keeps, and what leads to it. */
struct keys {
    unsigned char salted_password[KEY_SIZE], client[KEY_SIZE], stored[KEY_SIZE], server[KEY_SIZE];
};

static bool hmac(const unsigned char key[KEY_SIZE], const char *text, unsigned char out[KEY_SIZE])
{
    return HMAC(EVP_sha256(), key, KEY_SIZE, (const unsigned char *)text, strlen(text), out,
                NULL) != NULL;
}

static bool derive(struct keys *keys, const char *password, const unsigned char *salt,
                   size_t salt_len, int iterations)
{
    return PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, (int)salt_len, iterations,
                             EVP_sha256(), KEY_SIZE, keys->salted_password) == 1 &&
           hmac(keys->salted_password, "Client Key", keys->client) &&
           EVP_Digest(keys->client, KEY_SIZE, keys->stored, NULL, EVP_sha256(), NULL) == 1 &&
           hmac(keys->salted_password, "Server Key", keys->server);
}

static void write_out(char out[VC_SCRAM_SECRET_SIZE], const struct keys *keys,
                      const unsigned char *salt, size_t salt_len, int iterations)
{
    unsigned char salt64[BASE64_SIZE(VC_SCRAM_SALT_MAX)];
    unsigned char stored64[BASE64_SIZE(KEY_SIZE)], server64[BASE64_SIZE(KEY_SIZE)];

    EVP_EncodeBlock(salt64, salt, (int)salt_len);
    EVP_EncodeBlock(stored64, keys->stored, KEY_SIZE);
    EVP_EncodeBlock(server64, keys->server, KEY_SIZE);
    snprintf(out, VC_SCRAM_SECRET_SIZE, "SCRAM-SHA-256$%d:%s$%s:%s", iterations, salt64, stored64,
             server64);
    explicit_bzero(stored64, sizeof(stored64));
    explicit_bzero(server64, sizeof(server64));
}

static bool is_printable_ascii(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~')
            return false;
    }
    return true;
}

enum vc_code vc_scram_secret(char out[VC_SCRAM_SECRET_SIZE], const char *password,
                             const unsigned char *salt, size_t salt_len, long long iterations,
                             struct vc_error *err)
{
    struct keys keys;
    bool derived;

    out[0] = '\0';
    if (password[0] == '\0' || !is_printable_ascii(password) || salt_len == 0 ||
        salt_len > VC_SCRAM_SALT_MAX || iterations < 1 || iterations > VC_SCRAM_ITERATIONS_MAX)
        return vc_error_set(err, VC_BAD_REQUEST, "no SCRAM verifier can be made of this");
    derived = derive(&keys, password, salt, salt_len, (int)iterations);
    if (derived)
        write_out(out, &keys, salt, salt_len, (int)iterations);
    explicit_bzero(&keys, sizeof(keys));
    if (!derived)
        return vc_error_set(err, VC_INTERNAL, "a SCRAM verifier could not be computed");
    vc_error_clear(err);
    return VC_OK;
}
