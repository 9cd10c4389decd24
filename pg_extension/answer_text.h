/*
 * answer_text.h - the texts in an answer, made fit for this database.
 *
 * The fetcher writes UTF-8; a database may have another encoding, and what came out of another
 * process is checked before it becomes a datum. Called by the SQL functions and by report.c.
 */
#ifndef TV_ANSWER_TEXT_H
#define TV_ANSWER_TEXT_H

#include "postgres.h"

#include "secret_lookup.h"

/*
 * A field as a text datum in the database's encoding, NULL where the answer has none. Raises 22P05,
 * naming what (for example "password") and name but no byte of the value, where the encoding has no
 * such character.
 */
extern text *tv_answer_text(const TvAnswer *answer, enum frame_tag tag, const char *what,
                            const char *name);

/* The same for a datum that came in UTF-8; value itself where nothing need be done: the hot path.
 */
extern text *tv_text_from_utf8(text *value, const char *what, text *name);

/*
 * A field for a message: one printable line of at most max bytes, what cannot be shown replaced by
 * "?". NULL where the answer has none, or an empty one.
 */
extern char *tv_answer_message(const TvAnswer *answer, enum frame_tag tag, size_t max);

/* A palloc'd copy with a capital first letter and, after a word, a full stop: a hint's form. */
extern char *tv_sentence(const char *clause);

#endif
