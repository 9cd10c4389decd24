/*
 * listen_socket.c - a listening socket on loopback, or one with a path (listen_socket.h).
 */
#include "listen_socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 128
#define HOST_SIZE 64 /* a numeric address */
#define PORT_MAX 65535

static int refuse(const char *text, const char *fault, struct vc_error *err)
{
    vc_error_set(err, VC_BAD_SETTING, "cannot listen on \"%s\": %s", text, fault);
    vc_error_hint(err, "127.0.0.1:8099, [::1]:8099 or /path/of/socket");
    return -1;
}

static int refuse_errno(const char *text, int fd, struct vc_error *err)
{
    vc_error_set(err, VC_BAD_SETTING, "cannot listen on \"%s\": %m", text);
    if (fd >= 0)
        close(fd);
    return -1;
}

/* ---- in the file system ---- */

/* Left by a server that is gone: a socket that refuses. */
static void remove_stale(const struct sockaddr_un *name)
{
    struct stat status;
    int fd;

    if (lstat(name->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode))
        return;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)name, sizeof(*name)) != 0)
        unlink(name->sun_path);
    close(fd);
}

static int open_unix(const char *path, char *address, struct vc_error *err)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    mode_t mask;
    int fd;
    int bound;

    if (strlen(path) >= sizeof(name.sun_path))
        return refuse(path, "the path is too long for a socket", err);
    snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
    remove_stale(&name);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return refuse_errno(path, fd, err);
    mask = umask(0177); /* before anybody can connect */
    bound = bind(fd, (const struct sockaddr *)&name, sizeof(name));
    umask(mask);
    if (bound != 0 || listen(fd, BACKLOG) != 0)
        return refuse_errno(path, fd, err);
    snprintf(address, LISTEN_ADDRESS_MAX, "%s", path);
    return fd;
}

/* ---- loopback ---- */

static bool is_loopback(const struct sockaddr *name)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)name;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)name;

    if (name->sa_family == AF_INET)
        return (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
    return name->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* getaddrinfo takes 99999 for 34463. */
static bool is_port(const char *text)
{
    size_t len = strspn(text, "0123456789");

    return len > 0 && len <= 5 && text[len] == '\0' && strtol(text, NULL, 10) <= PORT_MAX;
}

/* "host:port" or "[host]:port" into host; returns the port's text, or NULL. */
static const char *split(const char *text, char host[HOST_SIZE])
{
    const char *colon = strrchr(text, ':');
    size_t len;

    if (colon == NULL || !is_port(colon + 1))
        return NULL;
    len = (size_t)(colon - text);
    if (text[0] == '[' && len > 2 && colon[-1] == ']') {
        text++;
        len -= 2;
    } else if (memchr(text, ':', len) != NULL) {
        return NULL;
    }
    if (len == 0 || len >= HOST_SIZE)
        return NULL;
    memcpy(host, text, len);
    host[len] = '\0';
    return colon + 1;
}

static bool name_address(int fd, const char *host, char *address)
{
    struct sockaddr_storage name;
    socklen_t len = sizeof(name);
    char port[8];

    if (getsockname(fd, (struct sockaddr *)&name, &len) != 0 ||
        getnameinfo((const struct sockaddr *)&name, len, NULL, 0, port, sizeof(port),
                    NI_NUMERICSERV) != 0)
        return false;
    snprintf(address, LISTEN_ADDRESS_MAX, strchr(host, ':') ? "http://[%s]:%s" : "http://%s:%s",
             host, port);
    return true;
}

static int open_loopback(const char *text, char *address, struct vc_error *err)
{
    const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *found = NULL;
    char host[HOST_SIZE];
    const char *port = split(text, host);
    int on = 1;
    int fd;

    if (port == NULL || getaddrinfo(host, port, &wanted, &found) != 0)
        return refuse(text, "this is no address with a port, nor an absolute path", err);
    if (!is_loopback(found->ai_addr)) {
        freeaddrinfo(found);
        return refuse(text, "credentials are given out on loopback only", err);
    }
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0 ||
        !name_address(fd, host, address)) {
        freeaddrinfo(found);
        return refuse_errno(text, fd, err);
    }
    freeaddrinfo(found);
    return fd;
}

int listen_socket_open(const char *text, char address[LISTEN_ADDRESS_MAX], struct vc_error *err)
{
    return text[0] == '/' ? open_unix(text, address, err) : open_loopback(text, address, err);
}
