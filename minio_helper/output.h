/*
 * output.h - where a command's result goes: a file, or standard output, which shows no secret on a
 * terminal unless told to.
 */
#ifndef MH_OUTPUT_H
#define MH_OUTPUT_H

#include <stdbool.h>

#include "error.h"
#include "secret_buffer.h"

struct output {
    const char *path; /* --output; NULL: standard output */
    bool show;        /* --show */
};

/*
 * Writes text. Where that would be a terminal, and not output->show, writes names (lines of what
 * there is, without values) instead and says so on standard error. Errors: output_file.h;
 * VC_INTERNAL where standard output is closed or full.
 */
enum vc_code output_write(const struct output *output, const struct vc_buf *text, const char *names,
                          struct vc_error *err);

#endif
