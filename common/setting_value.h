/*
 * setting_value.h - text to booleans, numbers and durations; the same in every locale.
 */
#ifndef VC_SETTING_VALUE_H
#define VC_SETTING_VALUE_H

#include <stdbool.h>

/*
 * All return false, and leave the result alone, where text is anything else. No sign, no space, no
 * exponent.
 *
 * bool: the words of Go's strconv.ParseBool (1 t T TRUE true True, 0 f F FALSE false False), as
 * Vault's own client takes them.
 */
bool vc_parse_bool(const char *text, bool *value);
/* Digits with at most one point among them. */
bool vc_parse_number(const char *text, double *value);
/* Go's time.ParseDuration ("1m30s", "250ms", "1.5h"), or a bare number of seconds; in milliseconds.
 */
bool vc_parse_duration(const char *text, double *msec);

#endif
