/*
 * secret_input.h - a secret's fields from standard input: never from argv, which others can read.
 */
#ifndef MH_SECRET_INPUT_H
#define MH_SECRET_INPUT_H

#include <cjson/cJSON.h>

#include "error.h"

#define SECRET_INPUT_MAX (1 << 20) /* Vault itself refuses an entry above 1 MiB on raft */

/*
 * Reads fd to its end: one JSON object, or lines NAME=VALUE (the value is all that follows the
 * first '=', without quoting; empty lines and lines that begin with # are passed over). The caller
 * deletes *data after VC_OK.
 *
 * VC_BAD_SETTING: nothing, too much, a line without '=' or name, a name twice, NUL, not UTF-8,
 * malformed JSON; the message gives the line's number and never its text. VC_NO_MEMORY.
 */
enum vc_code secret_input_read(int fd, cJSON **data, struct vc_error *err);

#endif
