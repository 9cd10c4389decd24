/*
 * report.h - outcomes as PostgreSQL errors: SQLSTATE, message, detail, hint.
 *
 * Never puts a field of a secret's into a message: it is given names, paths, and the message and
 * hint that the fetcher composed without the value. Called by the SQL functions.
 */
#ifndef TV_REPORT_H
#define TV_REPORT_H

#include "postgres.h"

#include "../common/error.h"
#include "secret_lookup.h"

/* The SQLSTATE (an ERRCODE_ value) of an outcome; the table is in report.c. */
extern int tv_sqlstate(enum vc_code code);

/* What to do about an outcome where nobody who knew more said so; NULL where there is nothing to
 * say. */
extern const char *tv_default_hint(enum vc_code code);

/* What a failure's answer says is wrong, or its outcome's name. */
extern const char *tv_message_of(const TvAnswer *answer);

/* Raises what a function of common/ said of its caller's input. */
_Noreturn extern void tv_report_error(const struct vc_error *err);

/* Raises what Vault, or the way to it, answered about name (a tenant or a path, "" for a list). */
_Noreturn extern void tv_report_answer(enum frame_kind kind, const char *name,
                                       const TvAnswer *answer);

/* The same of what was attempted in other words, for example "could not create tenant \"acme\"". */
_Noreturn extern void tv_report_attempt(const char *attempt, const TvAnswer *answer);

/* Raises BAD_SECRET: the secret was read, and why (no value in it) says what is wrong with it. */
_Noreturn extern void tv_report_bad_secret(enum frame_kind kind, const char *name, const char *why);

/* Raises 55000 where shared_preload_libraries does not name the library: there is no cache to ask.
 */
extern void tv_require_preloaded(void);

#endif
