/*
 * vault_address.c - one address of a Vault server, in one spelling.
 *
 * Refuses everything that curl and a reader might understand differently: an origin and nothing
 * else. A token goes to these origins only, so each must say plainly where that is. Called by
 * settings.
 */
#include "vault_address.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HOST_MAX 253 /* RFC 1035 section 2.3.4, without the dot at the end */
#define PORT_MAX 65535
#define PORT_DIGITS 5

struct scheme {
    const char *prefix;
    unsigned default_port;
};

static const struct scheme schemes[] = {
    {.prefix = "https://", .default_port = 443},
    {.prefix = "http://", .default_port = 80},
};

struct host_text {
    char text[HOST_MAX + sizeof("[]")];
};

static const struct scheme *find_scheme(const char *text, size_t len)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t prefix = strlen(schemes[i].prefix);

        if (len >= prefix && strncasecmp(text, schemes[i].prefix, prefix) == 0)
            return &schemes[i];
    }
    return NULL;
}

/* Characters that begin another part of a URL, or another spelling of one. */
static const char *find_foreign_part(const char *text, size_t len)
{
    if (memchr(text, '@', len) != NULL)
        return "a user name or password does not belong into an address";
    if (memchr(text, '?', len) != NULL || memchr(text, '#', len) != NULL)
        return "a query or fragment does not belong into an address";
    if (memchr(text, '/', len) != NULL)
        return "a path does not belong into an address";
    return NULL;
}

static char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool host_char_valid(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

static const char *parse_host_name(const char *text, size_t len, struct host_text *host)
{
    if (len == 0)
        return "the host is missing";
    if (len > HOST_MAX)
        return "the host name is too long";
    for (size_t i = 0; i < len; i++) {
        char c = ascii_lower(text[i]);

        if (!host_char_valid(c))
            return "the host name has a character other than letters, digits, '-', '_' and '.'";
        if (c == '.' && (i == 0 || text[i - 1] == '.'))
            return "the host name has an empty label";
        host->text[i] = c;
    }
    host->text[len] = '\0';
    return NULL;
}

/* text is what stands between the brackets. */
static const char *parse_ipv6(const char *text, size_t len, struct host_text *host)
{
    char literal[INET6_ADDRSTRLEN];
    struct in6_addr address;

    if (len >= sizeof(literal))
        return "what stands in brackets is not an IPv6 address";
    memcpy(literal, text, len);
    literal[len] = '\0';
    if (strlen(literal) != len || inet_pton(AF_INET6, literal, &address) != 1)
        return "what stands in brackets is not an IPv6 address";
    inet_ntop(AF_INET6, &address, literal, sizeof(literal));
    snprintf(host->text, sizeof(host->text), "[%s]", literal);
    return NULL;
}

/* Text is empty, or ":" and a port. */
static const char *parse_port(const char *text, size_t len, unsigned *port)
{
    unsigned value = 0;

    if (len == 0)
        return NULL;
    if (text[0] != ':' || len > 1 + PORT_DIGITS)
        return "the port is not a number from 1 to 65535";
    for (size_t i = 1; i < len; i++) {
        if (text[i] < '0' || text[i] > '9')
            return "the port is not a number from 1 to 65535";
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    if (value < 1 || value > PORT_MAX)
        return "the port is not a number from 1 to 65535";
    *port = value;
    return NULL;
}

static const char *parse_authority(const char *text, size_t len, struct host_text *host,
                                   unsigned *port)
{
    const char *fault;
    const char *host_end;

    if (len > 0 && text[0] == '[') {
        host_end = memchr(text, ']', len);
        if (host_end == NULL)
            return "what stands in brackets is not an IPv6 address";
        fault = parse_ipv6(text + 1, (size_t)(host_end - text) - 1, host);
        host_end++;
    } else {
        host_end = memchr(text, ':', len);
        if (host_end == NULL)
            host_end = text + len;
        fault = parse_host_name(text, (size_t)(host_end - text), host);
    }
    if (fault != NULL)
        return fault;
    return parse_port(host_end, (size_t)(text + len - host_end), port);
}

const char *vc_address_parse(const char *text, size_t len, char *out)
{
    const struct scheme *scheme = find_scheme(text, len);
    struct host_text host;
    const char *fault;
    unsigned port;

    if (scheme == NULL)
        return "an address must begin with https:// or http://";
    text += strlen(scheme->prefix);
    len -= strlen(scheme->prefix);
    while (len > 0 && text[len - 1] == '/')
        len--;

    port = scheme->default_port;
    fault = find_foreign_part(text, len);
    if (fault == NULL)
        fault = parse_authority(text, len, &host, &port);
    if (fault == NULL)
        snprintf(out, VC_ADDRESS_MAX + 1, "%s%s:%u", scheme->prefix, host.text, port);
    return fault;
}
