/*
 * output.c - a command's result to a file or to standard output (output.h).
 */
#include "output.h"

#include <string.h>
#include <unistd.h>

#include "output_file.h"
#include "report.h"

static enum vc_code write_standard(const char *bytes, size_t len, struct vc_error *err)
{
    if (write_whole(STDOUT_FILENO, bytes, len))
        return VC_OK;
    return vc_error_set(err, VC_INTERNAL, "cannot write to standard output: %m");
}

enum vc_code output_write(const struct output *output, const struct vc_buf *text, const char *names,
                          struct vc_error *err)
{
    if (output->path != NULL)
        return output_file_write(output->path, vc_buf_text(text), text->len, err);
    if (output->show || !isatty(STDOUT_FILENO))
        return write_standard(vc_buf_text(text), text->len, err);
    report_note("a terminal shows names only: --show for the values, --output FILE for a file");
    return write_standard(names, strlen(names), err);
}
