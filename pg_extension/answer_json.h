/*
 * answer_json.h - the JSON in an answer as jsonb.
 */
#ifndef TV_ANSWER_JSON_H
#define TV_ANSWER_JSON_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "secret_lookup.h"

/*
 * TAG_DATA as jsonb, palloc'd. Raises BAD_SECRET where the answer has none or where jsonb cannot
 * hold it (a number out of numeric's range, a character that the database's encoding lacks),
 * without showing it.
 */
extern Jsonb *tv_answer_json(const TvAnswer *answer, enum frame_kind kind, const char *name);

#endif
