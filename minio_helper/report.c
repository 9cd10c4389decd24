/*
 * report.c - errors and notes on standard error (report.h). Called by every command.
 */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>

#define PROGRAM "minio-helper"

enum exit_status report_error(const struct vc_error *err)
{
    fprintf(stderr, PROGRAM ": %s\n",
            err->message[0] != '\0' ? err->message : vc_code_text(err->code));
    if (err->hint[0] != '\0')
        fprintf(stderr, "hint: %s\n", err->hint);
    return exit_status_of(err->code);
}

void report_note(const char *format, ...)
{
    struct vc_error line;
    char text[VC_MESSAGE_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    /* Brings in what errors promise: one printable line. */
    vc_error_set(&line, VC_OK, "%s", text);
    fprintf(stderr, PROGRAM ": %s\n", line.message);
}
