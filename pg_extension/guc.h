/*
 * guc.h - the extension's settings (tenant_vault.*), and what is derived from them.
 */
#ifndef TV_GUC_H
#define TV_GUC_H

#include "postgres.h"

/* Secrets are never GUCs: only the names of files that hold them. Strings are "" where not set. */
extern char *tv_address, *tv_namespace, *tv_ca_cert, *tv_client_cert, *tv_client_key,
    *tv_tls_server_name;
extern int tv_auth_method; /* enum vc_auth_method, by a GUC enum: approle, token_file, cert, jwt */
extern char *tv_auth_mount, *tv_auth_role, *tv_role_id, *tv_role_id_file, *tv_secret_id_file,
    *tv_token_file, *tv_jwt_file, *tv_token_store;
extern bool tv_secret_id_wrapped;
extern char *tv_kv_mount, *tv_prefix, *tv_environment;
extern int tv_request_timeout, tv_connect_timeout;        /* ms */
extern int tv_cache_size;                                 /* kB, postmaster */
extern int tv_max_tenants;                                /* postmaster; number of cache slots */
extern int tv_cache_ttl, tv_stale_limit, tv_negative_ttl; /* ms */
extern int tv_login_max_age;                              /* ms */
extern char *tv_login_group;                              /* postmaster: the HBA file names it */
extern char *tv_hba_file; /* postmaster; "": the default of hba_file.c; "none": no file */
extern double tv_renew_threshold;
extern int tv_renew_check_interval; /* ms */
extern int tv_max_request_rate;     /* requests per second */

/* Defines them all and reserves the prefix. From _PG_init. */
extern void tv_guc_define(void);

/* True where the library came in by shared_preload_libraries; else functions say what to add. */
extern bool tv_preloaded;

/*
 * namespace, mount, prefix and environment joined by newlines: part of each cache key, so that an
 * entry never outlives the place it was read from. Valid until the next reload; len excludes the
 * NUL.
 */
extern const char *tv_scope(size_t *len);

/* Calls put(ctx, name, value) for each setting that the fetcher needs: vc_settings_set's names. */
extern void tv_guc_for_each_fetcher_setting(void (*put)(void *ctx, const char *name,
                                                        const char *value),
                                            void *ctx);

#endif
