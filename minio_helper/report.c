/*
 * report.c - errors and notes on standard error (report.h). Called by every command.
 */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define PROGRAM "minio-helper"

enum exit_status report_error(const struct vc_error *err)
{
    fprintf(stderr, PROGRAM ": %s\n",
            err->message[0] != '\0' ? err->message : vc_code_text(err->code));
    if (err->hint[0] != '\0')
        fprintf(stderr, "hint: %s\n", err->hint);
    return exit_status_of(err->code);
}

void report_event(const char *message)
{
    char when[sizeof("2026-01-01T00:00:00Z")] = "";
    time_t now = time(NULL);
    struct tm utc;

    if (gmtime_r(&now, &utc) != NULL)
        strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);
    report_note("%s %s", when, message);
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
