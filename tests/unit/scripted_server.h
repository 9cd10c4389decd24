/*
 * scripted_server.h - an HTTP server in a thread that sends exactly the bytes it is told: for
 * replies and failures that a real Vault cannot be made to give.
 */
#ifndef SCRIPTED_SERVER_H
#define SCRIPTED_SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct scripted_server;

/* What a request is answered with. The first rule that fits and is not used up counts. */
struct scripted_reply {
    const char *when;  /* what the request's head or body must contain; NULL: any */
    const char *bytes; /* copied; all of the reply */
    size_t len;        /* 0: strlen(bytes) */
    unsigned times;    /* 0: always */
    unsigned delay;    /* milliseconds before the first byte */
    unsigned drip;     /* milliseconds before each byte */
    bool endless;      /* the last 1024 bytes again and again, until the client is gone */
    bool close;        /* after the reply */
    bool hang;         /* no reply, the connection stays */
    bool reset;        /* no reply, the connection is reset */
};

/* On a free port of the loopback address. Ends the test where that fails. */
struct scripted_server *scripted_server_start(void);
void scripted_server_add(struct scripted_server *server, const struct scripted_reply *reply);
/* A well-formed reply; headers: lines that end in "\r\n", or "". */
void scripted_server_answer(struct scripted_server *server, const char *when, int status,
                            const char *headers, const char *body);
/* Stops listening: further connections are refused. */
void scripted_server_deafen(struct scripted_server *server);
void scripted_server_stop(struct scripted_server *server);

const char *
scripted_server_address(const struct scripted_server *server); /* "http://127.0.0.1:port" */
/* Requests so far that contain text (NULL: all). */
unsigned scripted_server_requests(struct scripted_server *server, const char *text);
unsigned scripted_server_connections(struct scripted_server *server);
/* The connections that are open now are closed from this side. */
void scripted_server_hang_up(struct scripted_server *server);
/* A port on which nobody listens. */
unsigned scripted_closed_port(void);

#endif
