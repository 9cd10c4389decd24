/*
 * http_header.c - Retry-After, Location and X-Vault-Index out of a reply's head.
 *
 * Refuses, by ignoring the field: what is malformed, too long, or holds anything but visible ASCII.
 * Called by transport.c for each line that libcurl hands over.
 */
#include "http_header.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define HTTP_DATE_MAX                                                                              \
    40 /* "Sun, 06 Nov 1994 08:49:37 GMT" is 29; the obsolete forms are shorter than 40 */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Where the line is the field called name: its value without the white space around it. */
static bool field_value(const char *line, size_t len, const char *name, const char **value,
                        size_t *value_len)
{
    size_t name_len = strlen(name);

    if (len <= name_len || line[name_len] != ':' || strncasecmp(line, name, name_len) != 0)
        return false;
    line += name_len + 1;
    len -= name_len + 1;
    while (len > 0 && is_space(line[0])) {
        line++;
        len--;
    }
    while (len > 0 && is_space(line[len - 1]))
        len--;
    *value = line;
    *value_len = len;
    return true;
}

static void copy_visible(char *out, size_t size, const char *value, size_t len)
{
    if (out[0] != '\0' || len == 0 || len >= size)
        return;
    for (size_t i = 0; i < len; i++)
        if (value[i] < 0x21 || value[i] > 0x7E)
            return;
    memcpy(out, value, len);
    out[len] = '\0';
}

/* Seconds, or -1 where value is anything but digits. */
static long delay_seconds(const char *value, size_t len)
{
    long seconds = 0;

    if (len == 0)
        return -1;
    for (size_t i = 0; i < len; i++) {
        if (value[i] < '0' || value[i] > '9')
            return -1;
        if (seconds < VC_RETRY_AFTER_CEILING)
            seconds = seconds * 10 + (value[i] - '0');
    }
    return seconds < VC_RETRY_AFTER_CEILING ? seconds : VC_RETRY_AFTER_CEILING;
}

/* Seconds until an HTTP date, 0 where it has passed, -1 where it is none. */
static long date_seconds(const char *value, size_t len, time_t now)
{
    char date[HTTP_DATE_MAX];
    time_t when;

    /* A date names its day first. Without this check libcurl takes many things for one. */
    if (len == 0 || len >= sizeof(date) || memchr(value, ':', len) == NULL ||
        strchr("SMTWF", value[0]) == NULL)
        return -1;
    memcpy(date, value, len);
    date[len] = '\0';
    when = curl_getdate(date, NULL);
    if (when < 0)
        return -1;
    if (when <= now)
        return 0;
    return when - now < VC_RETRY_AFTER_CEILING ? (long)(when - now) : VC_RETRY_AFTER_CEILING;
}

static long retry_after(const char *value, size_t len, time_t now)
{
    long seconds = delay_seconds(value, len);

    return seconds >= 0 ? seconds : date_seconds(value, len, now);
}

void vc_http_header_read(struct vc_reply *reply, const char *line, size_t len, time_t now)
{
    const char *value;
    size_t value_len;

    if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        reply->retry_after = -1;
        reply->location[0] = '\0';
        reply->index[0] = '\0';
        return;
    }
    if (field_value(line, len, "Location", &value, &value_len)) {
        copy_visible(reply->location, sizeof(reply->location), value, value_len);
        return;
    }
    if (field_value(line, len, "X-Vault-Index", &value, &value_len)) {
        copy_visible(reply->index, sizeof(reply->index), value, value_len);
        return;
    }
    if (reply->retry_after < 0 && field_value(line, len, "Retry-After", &value, &value_len))
        reply->retry_after = retry_after(value, value_len, now);
}
