/*
 * tls_server.h - `openssl s_server` with certificates made for one test: for what a TLS peer can do
 * wrong, and a real Vault's listener is too well behaved to.
 */
#ifndef TLS_SERVER_H
#define TLS_SERVER_H

#include <sys/types.h>

/* Certificates in folder: ca.crt, other_ca.crt, and NAME.crt, NAME.key for each make_certificate.
 */
void tls_make_authority(const char *folder, const char *name);
/* subject_alt_name such as "DNS:vault.test,IP:127.0.0.1"; days 0: already expired. */
void tls_make_certificate(const char *folder, const char *authority, const char *name,
                          const char *subject_alt_name, int days);

struct tls_server {
    pid_t pid;
    char address[64]; /* "https://127.0.0.1:port" */
    unsigned port;
};
/*
 * Answers each path below /v1/ with the file of that name in folder (head and body, as they are).
 * options: more of them for s_server, separated by blanks.
 */
struct tls_server tls_server_start(const char *folder, const char *certificate,
                                   const char *options);
void tls_server_stop(struct tls_server *server);

#endif
