/*
 * tenant_layout.h - names to Vault paths.
 *
 * Refuses every name that is not of design section 3's form before any request is made. Called by
 * whoever takes a tenant's name or a path from outside: SQL functions, the fetcher, minio-helper.
 */
#ifndef VC_TENANT_LAYOUT_H
#define VC_TENANT_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

#define VC_TENANT_NAME_MAX 63 /* PostgreSQL's limit for a role or database of the same name */
#define VC_ENVIRONMENT_MAX 32
#define VC_PATH_MAX 512 /* below a mount; Vault itself has no limit that low */

bool vc_tenant_name_valid(const char *name, size_t len); /* [a-z0-9][a-z0-9_-]{0,62} */
bool vc_environment_valid(const char *name);             /* [a-z0-9][a-z0-9_-]{0,31} */

/*
 * One or more segments of [A-Za-z0-9._~ @+=:,-] joined by single slashes; no empty, "." or ".."
 * segment, at most VC_PATH_MAX bytes. Percent signs, backslashes, question marks, hashes and
 * control bytes are refused: Vault decodes and cleans paths, and a policy check on another spelling
 * is not a check.
 */
bool vc_path_valid(const char *path, size_t len);

/*
 * Say in err (VC_BAD_NAME) what is wrong with the name; VC_OK where nothing is. The message shows
 * the name, unprintable bytes replaced and long ones cut. name need not be NUL-terminated.
 */
enum vc_code vc_tenant_name_check(const char *name, size_t len, struct vc_error *err);
enum vc_code vc_environment_check(const char *name, struct vc_error *err);
enum vc_code vc_path_check(const char *path, size_t len, struct vc_error *err);

/*
 * Paths below the KV mount, into out (size VC_PATH_MAX + 1 holds every valid one):
 *   platform:  <prefix>/<environment>/<what>            what: database, jwt, s3
 *   tenant:    <prefix>/<environment>/tenants/<tenant>/<what>
 *   list:      <prefix>/<environment>/tenants
 *   secret:    <prefix>/<path>
 * Each part is checked again here, so that no caller can forget to. VC_BAD_NAME: a part is not
 * valid, or the whole is longer than VC_PATH_MAX or does not fit into size; out is then "".
 */
enum vc_code vc_platform_path(char *out, size_t size, const char *prefix, const char *environment,
                              const char *what, struct vc_error *err);
enum vc_code vc_tenant_path(char *out, size_t size, const char *prefix, const char *environment,
                            const char *tenant, const char *what, struct vc_error *err);
enum vc_code vc_tenants_path(char *out, size_t size, const char *prefix, const char *environment,
                             struct vc_error *err);
enum vc_code vc_secret_path(char *out, size_t size, const char *prefix, const char *path,
                            struct vc_error *err);

#endif
