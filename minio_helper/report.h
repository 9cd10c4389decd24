/*
 * report.h - what minio-helper says on standard error: errors with their hints, and notes.
 */
#ifndef MH_REPORT_H
#define MH_REPORT_H

#include "exit_status.h"

/* "minio-helper: <message>" and "hint: <hint>"; returns the status to exit with. */
enum exit_status report_error(const struct vc_error *err);
/* One line without a status of its own. Control characters become '?'. */
void report_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with the time in UTC: for what happens in the course of a long run. */
void report_event(const char *message);

#endif
