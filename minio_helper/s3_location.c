/*
 * s3_location.c - which buckets, prefixes, endpoints and regions are taken (s3_location.h).
 */
#include "s3_location.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

#define BUCKET_MIN 3
#define PORT_MAX 65535

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

bool s3_bucket_valid(const char *bucket)
{
    size_t len = strlen(bucket);

    if (len < BUCKET_MIN || len > S3_BUCKET_MAX)
        return false;
    if (strspn(bucket, LOWER DIGITS ".-") != len)
        return false;
    return is_one_of(bucket[0], LOWER DIGITS) && is_one_of(bucket[len - 1], LOWER DIGITS);
}

static bool segment_is_dots(const char *segment, size_t len)
{
    return (len == 1 && segment[0] == '.') || (len == 2 && segment[0] == '.' && segment[1] == '.');
}

bool s3_prefix_valid(const char *prefix)
{
    size_t len = strlen(prefix);
    const char *segment = prefix;

    if (len == 0 || len > S3_PREFIX_MAX || prefix[len - 1] != '/')
        return false;
    while (*segment != '\0') {
        size_t size = strspn(segment, LOWER DIGITS "._=-");

        if (size == 0 || segment[size] != '/' || segment_is_dots(segment, size))
            return false;
        segment += size + 1;
    }
    return true;
}

/* The end of ":<port>", or of nothing; NULL where the port is none. */
static const char *behind_port(const char *text)
{
    size_t digits;

    if (*text != ':')
        return text;
    digits = strspn(text + 1, DIGITS);
    if (digits == 0 || digits > 5 || strtol(text + 1, NULL, 10) > PORT_MAX ||
        strtol(text + 1, NULL, 10) == 0)
        return NULL;
    return text + 1 + digits;
}

/* The end of a host: a name, an IPv4 address, or an IPv6 address in brackets; NULL: none. */
static const char *behind_host(const char *text)
{
    size_t len;

    if (*text == '[') {
        len = strspn(text + 1, DIGITS "abcdefABCDEF:.");
        return len > 0 && text[1 + len] == ']' ? text + len + 2 : NULL;
    }
    len = strspn(text, LOWER UPPER DIGITS ".-_");
    return len > 0 && text[0] != '-' && text[0] != '.' ? text + len : NULL;
}

bool s3_url_valid(const char *url)
{
    const char *at = NULL;
    size_t len = strlen(url);

    if (len > S3_URL_MAX || url[len - (len > 0)] == '/')
        return false;
    if (strncmp(url, "https://", 8) == 0)
        at = behind_host(url + 8);
    else if (strncmp(url, "http://", 7) == 0)
        at = behind_host(url + 7);
    if (at != NULL)
        at = behind_port(at);
    if (at == NULL || (*at != '\0' && *at != '/'))
        return false;
    return strspn(at, LOWER UPPER DIGITS "._~/-") == strlen(at) && strstr(at, "//") == NULL &&
           strstr(at, "/.") == NULL;
}

bool s3_region_valid(const char *region)
{
    size_t len = strlen(region);

    return len > 0 && len <= S3_REGION_MAX && strspn(region, LOWER UPPER DIGITS "._-") == len;
}
