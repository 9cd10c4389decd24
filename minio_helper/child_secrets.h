/*
 * child_secrets.h - the secrets that exec's command is given: fetched, put into its environment or
 * into files, and fetched anew when they change or come to their end.
 */
#ifndef MH_CHILD_SECRETS_H
#define MH_CHILD_SECRETS_H

#include <stdbool.h>

#include "app_config.h"
#include "child_endpoint.h"
#include "child_environment.h"
#include "child_process.h"
#include "credential_source.h"
#include "minio_root.h"
#include "monotonic.h"
#include "s3_variables.h"
#include "secret_watch.h"
#include "vault_session.h"

#define CHILD_SECRETS_SDK_NAMES                                                                    \
    "aws" /* the names that SDKs know, and can refresh by themselves                               \
           */

#define CHILD_SECRETS_MAX (APP_SECRETS + 1)

/* The caller's, as long as the secrets are open. */
struct child_secrets_options {
    struct vault_session_options session;
    struct credential_request request;
    const struct s3_names *names; /* of the S3 credentials; NULL: none are wanted */
    bool app;                     /* the application's variables (app_variable.h) as well */
    const char *folder; /* files in it, on a tmpfs, instead of values; NULL: the environment */
    struct minio_root *minio; /* a MinIO server's root credentials instead; NULL: not those */
    int signals;              /* of child_signals_open: one that comes ends a wait for Vault */
    vc_msec watch_interval;   /* between looks for another version; 0: nobody wants to know */
};

/* Of what is in use. */
struct origins {
    struct credential_origin list[CHILD_SECRETS_MAX];
    size_t count;
};

struct child_secrets {
    const struct child_secrets_options *options;
    struct vault_session session;
    struct child_environment environment; /* to start a child with */
    char own_folder[48];                  /* made for MinIO's file where none is given; "": none */
    struct origins origins;
    struct child_endpoint endpoint; /* from which the command refreshes temporary keys */
    struct secret_watch watches[CHILD_SECRETS_MAX]; /* of each origin */
    vc_msec refresh_at; /* temporary keys are got anew; 0: static ones */
    int stopped_by;     /* a signal that ends programs came before all was there; 0: none */
    bool told;          /* that an environment cannot be refreshed */
    bool busy;          /* an SDK's fetch has the session, and may have it for long */
};

/*
 * Opens the session, asks Vault, and puts what it says where a child finds it. child_secrets_close
 * in any case. VC_CANCELLED: stopped_by says by what. Errors: vault_session.h, credential_source.h,
 * secret_folder.h.
 */
enum vc_code child_secrets_open(struct child_secrets *secrets,
                                const struct child_secrets_options *options, struct vc_error *err);
/*
 * Lets Vault's client work (the token is renewed). True: child_secrets_reload is due. Neither waits
 * for an SDK's fetch, which lets the client work meanwhile.
 */
bool child_secrets_run(struct child_secrets *secrets);
/* Fetches anew; what was there before stays where that fails, and another try is planned. */
enum vc_code child_secrets_reload(struct child_secrets *secrets, struct vc_error *err);
/*
 * What to wait on for child_secrets_run (-1: for nothing), and until when at the latest, if before
 * `until`.
 */
int child_secrets_fd(const struct child_secrets *secrets);
vc_msec child_secrets_next_at(const struct child_secrets *secrets, vc_msec until);
/* Wipes, removes the files, gives the token back. */
void child_secrets_close(struct child_secrets *secrets);

#endif
