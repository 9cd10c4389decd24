/*
 * transport.h - moves one request to one origin and brings its reply: libcurl's multi interface
 * behind one pollable descriptor. No retries, no Vault semantics: those are vault_client's.
 *
 * Keep-alive; TLS >= 1.2; no redirect is followed here; replies are capped (VC_REPLY_BODY_MAX) as
 * they arrive; a transfer slower than VC_SLOW_BYTES per second for VC_SLOW_SECONDS ends, and each
 * has a deadline. The environment's proxies are ignored. CA and client certificate files are read
 * anew when they change.
 */
#ifndef VC_TRANSPORT_H
#define VC_TRANSPORT_H

#include "settings.h"
#include "vault_message.h"

#define VC_TRANSPORT_MAX_CONNECTIONS 16 /* to one origin; Vault's own client keeps as many */
#define VC_SLOW_BYTES 100
#define VC_SLOW_SECONDS 5

struct vc_transport;
struct vc_transfer;

/*
 * Initialises libcurl, with the wiping allocator's hooks so that header lists and buffers that held
 * a token are wiped, and has SIGPIPE ignored where it had its default action: OpenSSL raises it
 * when a server hangs up (a program that runs another sets it back for that one). Once per process,
 * before any thread is started and before the first vc_transport_new; the counterpart at the end of
 * main. False: no memory.
 */
bool vc_transport_global_init(void);
void vc_transport_global_cleanup(void);

/*
 * Called once for each transfer that was started and not cancelled, from vc_transport_run, never
 * from vc_transport_start. err->code VC_OK: reply is whole (any HTTP status). Else VC_UNREACHABLE,
 * VC_TIMEOUT, VC_TLS, VC_REPLY_TOO_LARGE, VC_BAD_REPLY, VC_NO_MEMORY. sent: bytes of the request
 * may have left. The callee may start and cancel transfers; reply is freed after the callback.
 */
typedef void (*vc_transfer_done)(void *ctx, struct vc_reply *reply, const struct vc_error *err,
                                 bool sent);

struct vc_transport *vc_transport_new(const struct vc_allocator *allocator, struct vc_error *err);
/* Copies what it needs (TLS files, timeouts). Running transfers go on as they are; new ones use new
 * connections. */
enum vc_code vc_transport_configure(struct vc_transport *transport,
                                    const struct vc_settings *settings, struct vc_error *err);
/*
 * origin: one of the settings' addresses. token: X-Vault-Token or NULL; namespace_path or NULL.
 * request must stay valid until the callback. One that is not repeatable goes out on a connection
 * of its own, because libcurl sends a request again when a kept-alive connection turns out to be
 * dead. deadline: a point in time of vc_now's clock. NULL on failure, with err.
 */
struct vc_transfer *vc_transport_start(struct vc_transport *transport, const char *origin,
                                       const struct vc_request *request, const char *token,
                                       const char *namespace_path, vc_msec deadline,
                                       vc_transfer_done done, void *ctx, struct vc_error *err);
void vc_transport_cancel(struct vc_transport *transport,
                         struct vc_transfer *transfer); /* no callback */

/* Readable when vc_transport_run has something to do, timers included. */
int vc_transport_fd(const struct vc_transport *transport);
/* Makes the descriptor readable at that time, once; a later call replaces an earlier one, INT64_MAX
 * ends it. */
void vc_transport_alarm(struct vc_transport *transport, vc_msec at);
void vc_transport_run(struct vc_transport *transport);  /* never blocks */
void vc_transport_free(struct vc_transport *transport); /* cancels what runs */

#endif
