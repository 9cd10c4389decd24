/*
 * scram_verifier.c - a tenant's secret as what PostgreSQL's SCRAM exchange needs.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "catalog/pg_control.h"
#include "common/cryptohash.h"
#include "common/hmac.h"
#include "common/saslprep.h"
#include "common/sha2.h"
#include "libpq/libpq-be.h"
#include "libpq/sasl.h"
#include "libpq/scram.h"
#include "miscadmin.h"
#include "postmaster/postmaster.h"

#include "compat.h"
#include "guc.h"
#include "scram_verifier.h"
#include "secret_cache.h"

/*
 * A SCRAM verifier that Vault holds is longer only where its salt is; 256 bytes of salt are beyond
 * what anything writes.
 */
#define VERIFIER_MAX 512

/* SASLprep of longer ones would take time that a client can ask for; libpq's own limit. */
#define PASSWORD_MAX 65535

/* A NUL-terminated copy; NULL where there is none, it holds a NUL, or is longer than max. */
static char *copy_field(const TvAnswer *answer, enum frame_tag tag, Size max)
{
    struct frame_field field;

    if (!frame_find(answer->payload, answer->len, tag, &field) || field.len > max ||
        memchr(field.data, '\0', field.len) != NULL)
        return NULL;
    return pnstrdup((const char *)field.data, field.len);
}

static bool has_field(const TvAnswer *answer, enum frame_tag tag)
{
    struct frame_field field;

    return frame_find(answer->payload, answer->len, tag, &field);
}

static void wipe_text(char *text)
{
    explicit_bzero(text, strlen(text));
    pfree(text);
}

bool tv_scram_salt(const char *tenant, uint8 salt[SCRAM_DEFAULT_SALT_LEN])
{
    uint64 system = GetSystemIdentifier();
    const uint8 *key = (const uint8 *)GetMockAuthenticationNonce();
    pg_hmac_ctx *hmac = pg_hmac_create(PG_SHA256);
    uint8 digest[PG_SHA256_DIGEST_LENGTH];
    size_t scope_len;
    const char *scope = tv_scope(&scope_len);
    bool done;

    if (hmac == NULL)
        return false;
    done = pg_hmac_init(hmac, key, MOCK_AUTH_NONCE_LEN) == 0 &&
           pg_hmac_update(hmac, (const uint8 *)&system, sizeof(system)) == 0 &&
           pg_hmac_update(hmac, (const uint8 *)scope, scope_len + 1) == 0 &&
           pg_hmac_update(hmac, (const uint8 *)tenant, strlen(tenant)) == 0 &&
           pg_hmac_final(hmac, digest, sizeof(digest)) == 0;
    pg_hmac_free(hmac);
    if (done)
        memcpy(salt, digest, SCRAM_DEFAULT_SALT_LEN);
    return done;
}

/* -1: no such attribute. */
static int iterations_in(const char *text, const char *before)
{
    const char *found = text != NULL ? strstr(text, before) : NULL;

    return found != NULL ? (int)strtol(found + strlen(before), NULL, 10) : -1;
}

/* By beginning one. Whether it follows scram_iterations depends on the minor version. */
static int ask_mock_exchange(void)
{
    static const char first[] = "n,,n=,r=probe"; /* RFC 5802, section 7: client-first-message */
    void *state = pg_be_scram_mech.init(MyProcPort, SCRAM_SHA_256_NAME, NULL);
    const char *why = NULL;
    char *reply = NULL;
    int len = 0;

    (void)pg_be_scram_mech.exchange(state, first, (int)strlen(first), &reply, &len, &why);
    return iterations_in(reply, ",i=");
}

int tv_scram_mock_iterations(void)
{
    int shown;

    if (TV_SET_ITERATIONS == TV_DEFAULT_ITERATIONS || MyProcPort == NULL)
        return TV_DEFAULT_ITERATIONS;
    shown = ask_mock_exchange();
    return shown > 0 ? shown : TV_DEFAULT_ITERATIONS;
}

static char *derive(const char *tenant, const char *password)
{
    uint8 salt[SCRAM_DEFAULT_SALT_LEN];
    char *prepared = NULL;
    char *verifier;
    bool usable = pg_saslprep(password, &prepared) == SASLPREP_SUCCESS;

    /* As the server does it: what SASLprep refuses is taken byte by byte. */
    verifier = !tv_scram_salt(tenant, salt)
                   ? NULL
                   : tv_scram_verifier_build(usable ? prepared : password, salt,
                                             SCRAM_DEFAULT_SALT_LEN, tv_scram_mock_iterations());
    if (prepared != NULL)
        wipe_text(prepared);
    return verifier;
}

static char *from_vault(const TvAnswer *answer, const char **why)
{
    char *verifier = copy_field(answer, TAG_SCRAM_VERIFIER, VERIFIER_MAX);

    if (verifier != NULL && tv_scram_verifier_parses(verifier))
        return verifier;
    if (verifier != NULL)
        wipe_text(verifier);
    *why = "its scram_verifier is malformed";
    return NULL;
}

static char *from_password(const char *tenant, const TvAnswer *answer, const char **why)
{
    char *password = copy_field(answer, TAG_PASSWORD, PASSWORD_MAX);
    char *verifier;

    if (password == NULL || password[0] == '\0') {
        *why = "it has no password that can be used for logging in";
        return NULL;
    }
    verifier = derive(tenant, password);
    wipe_text(password);
    if (verifier == NULL)
        *why = "the verifier of its password could not be computed";
    else if (ClientAuthInProgress) /* a session's scram_iterations may be its own */
        tv_share_verifier(tenant, answer, verifier);
    return verifier;
}

static char *from_earlier_login(const TvAnswer *answer)
{
    char *verifier = copy_field(answer, TAG_DERIVED_VERIFIER, TV_VERIFIER_SIZE);

    if (verifier == NULL || !ClientAuthInProgress ||
        iterations_in(verifier, "$") == tv_scram_mock_iterations())
        return verifier;
    wipe_text(verifier);
    return NULL;
}

char *tv_scram_verifier(const char *tenant, const TvAnswer *answer, const char **why)
{
    char *verifier;

    if (has_field(answer, TAG_SCRAM_VERIFIER))
        return from_vault(answer, why);
    verifier = from_earlier_login(answer);
    return verifier != NULL ? verifier : from_password(tenant, answer, why);
}
