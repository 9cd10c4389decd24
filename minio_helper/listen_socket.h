/*
 * listen_socket.h - a listening socket on loopback or in the file system, and nowhere else.
 *
 * Called by container_endpoint.
 */
#ifndef MH_LISTEN_SOCKET_H
#define MH_LISTEN_SOCKET_H

#include "error.h"

#define LISTEN_ADDRESS_MAX 128 /* "http://[::1]:65535", or the path of a socket (108) */

/*
 * text: "127.0.0.1:8099", "[::1]:0" (0: any free port), or "/path/of/socket", which is made 0600;
 * one that nobody listens on any more is replaced. address: what clients are told. Returns the
 * descriptor, for the caller to close; -1 with VC_BAD_SETTING.
 */
int listen_socket_open(const char *text, char address[LISTEN_ADDRESS_MAX], struct vc_error *err);

#endif
