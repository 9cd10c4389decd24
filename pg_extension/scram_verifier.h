/*
 * scram_verifier.h - a tenant's secret as what PostgreSQL's SCRAM exchange needs.
 *
 * Called by login.c and by pgbouncer_auth(), so that both use the very same verifier. Knows nothing
 * of Vault but the fields of an answer.
 */
#ifndef TV_SCRAM_VERIFIER_H
#define TV_SCRAM_VERIFIER_H

#include "postgres.h"

#include "common/scram-common.h"

#include "secret_lookup.h"

/*
 * The verifier for an answer that was found: the secret's own scram_verifier as it is, else what an
 * earlier login derived of the password, else derived now (3 ms) and handed to the keeper.
 * Palloc'd; the caller wipes it.
 *
 * NULL where the secret is of no use for logging in; *why then says so, without a value in it.
 * Where the secret has a scram_verifier that is malformed, the password beside it is not tried:
 * which of the two is meant nobody can say.
 *
 * The iterations are those of the mock exchange, now: when a client logs in, what was derived with
 * others is derived anew.
 */
extern char *tv_scram_verifier(const char *tenant, const TvAnswer *answer, const char **why);

/*
 * The salt is the same for a tenant's path whatever the password, on a standby and after a restart
 * too: HMAC-SHA-256 over system identifier and path, keyed by the nonce that the server's own mock
 * exchange uses (RFC 5802 section 2.2 asks for no more than a salt; PgBouncer's pass-through needs
 * it to be the same everywhere). A verifier that is written to Vault has it too. False where the
 * hash cannot be computed (out of memory).
 */
extern bool tv_scram_salt(const char *tenant, uint8 salt[SCRAM_DEFAULT_SALT_LEN]);

/* The iterations that the server's mock exchange shows for a role that does not exist. */
extern int tv_scram_mock_iterations(void);

#endif
