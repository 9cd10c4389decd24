/*
 * dotenv.h - the text of an .env file to variables, in the dialects that people have:
 * python-dotenv, Node's dotenv, Docker Compose, and files that a shell sources.
 *
 * Those readers agree on most lines. Where they do not, the entry says so (doubt), so that nobody
 * stores another password than the one that was meant. A pure function over memory.
 */
#ifndef MH_DOTENV_H
#define MH_DOTENV_H

#include <stdbool.h>
#include <stddef.h>

#include "allocator.h"
#include "error.h"
#include "secret_file.h"

#define DOTENV_TEXT_MAX VC_SECRET_FILE_MAX /* a large application's file is below 16 kB */
#define DOTENV_NAME_MAX 255                /* the longest that is known has about 60 */
#define DOTENV_ENTRIES_MAX 4096            /* a file of full length with 16 bytes a line */

struct dotenv_entry {
    char *name;
    char *value;
    size_t line; /* on which it begins, from 1 */
    bool
        has_reference; /* $NAME or ${NAME} that some readers fill in; it stands in value as it is */
    const char *doubt; /* what readers disagree about; NULL: nothing. Static */
};

struct dotenv {
    const struct vc_allocator *allocator;
    struct dotenv_entry *entries; /* in the file's order, a name as often as it is there */
    size_t count;
    size_t capacity;
};

/*
 * Lines are [export] NAME=VALUE, empty, or begin with #; blanks may stand around NAME and VALUE, a
 * byte order mark before all, and a carriage return before each newline. A NAME is
 * [A-Za-z_][A-Za-z0-9_.-]*. A VALUE is one of
 *   - what is left of the line, without a comment (blanks and #) and blanks at its end; backslashes
 *     and quotes within are text
 *   - "..." with the escapes \n \r \t \" \\ \$ \`; any other backslash is text. May hold newlines
 *   - '...' without escapes, and '...'\''...' as a shell quotes a quote. May hold newlines
 * and behind a quoted one only a comment may stand.
 *
 * VC_BAD_SETTING: anything else; a NUL, not UTF-8, or a bound above. The message is `"SOURCE", line
 * N: ...` and never shows the text. VC_NO_MEMORY. On error there is nothing to free.
 */
enum vc_code dotenv_parse(struct dotenv *dotenv, const struct vc_allocator *allocator,
                          const char *source, const char *text, size_t len, struct vc_error *err);
/* Wipes. */
void dotenv_free(struct dotenv *dotenv);

#endif
