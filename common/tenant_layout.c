/*
 * tenant_layout.c - names to Vault paths (design section 3).
 *
 * Refuses what could name another tenant's secret once Vault has decoded and cleaned the path.
 * Pure: no memory, no locale (the character classes are spelt out), no input or output.
 */
#include "tenant_layout.h"

#include <stdio.h>
#include <string.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

#define NAME_FIRST LOWER DIGITS
#define NAME_REST LOWER DIGITS "_-"
#define PATH_CHARACTERS LOWER UPPER DIGITS "._~ @+=:,-/"

#define SHOWN_MAX 80 /* bytes of a refused name in a message: a valid one and some more */

static bool is_one_of(char character, const char *set)
{
    return character != '\0' && strchr(set, character) != NULL;
}

/* The number of leading bytes that are in set. */
static size_t span(const char *text, size_t len, const char *set)
{
    size_t n = 0;

    while (n < len && is_one_of(text[n], set))
        n++;
    return n;
}

static bool name_valid(const char *name, size_t len, size_t max)
{
    return len >= 1 && len <= max && is_one_of(name[0], NAME_FIRST) &&
           span(name, len, NAME_REST) == len;
}

bool vc_tenant_name_valid(const char *name, size_t len)
{
    return name != NULL && name_valid(name, len, VC_TENANT_NAME_MAX);
}

bool vc_environment_valid(const char *name)
{
    return name != NULL && name_valid(name, strlen(name), VC_ENVIRONMENT_MAX);
}

static bool segment_valid(const char *segment, size_t len)
{
    if (len == 0)
        return false;
    return !(segment[0] == '.' && (len == 1 || (len == 2 && segment[1] == '.')));
}

static bool segments_valid(const char *path, size_t len)
{
    size_t start = 0;

    for (size_t i = 0; i <= len; i++) {
        if (i < len && path[i] != '/')
            continue;
        if (!segment_valid(path + start, i - start))
            return false;
        start = i + 1;
    }
    return true;
}

bool vc_path_valid(const char *path, size_t len)
{
    return path != NULL && len <= VC_PATH_MAX && span(path, len, PATH_CHARACTERS) == len &&
           segments_valid(path, len);
}

/* A refused name as it may stand in a message: printable ASCII only, cut at SHOWN_MAX. */
static void show(char out[SHOWN_MAX + 1], const char *name, size_t len)
{
    size_t n = len < SHOWN_MAX ? len : SHOWN_MAX;

    for (size_t i = 0; i < n; i++)
        out[i] = name[i] >= ' ' && name[i] <= '~' ? name[i] : '?';
    out[n] = '\0';
}

static enum vc_code refuse_name(const char *kind, const char *name, size_t len, size_t max,
                                struct vc_error *err)
{
    char shown[SHOWN_MAX + 1];

    if (len > 0)
        show(shown, name, len);
    if (len == 0)
        vc_error_set(err, VC_BAD_NAME, "%s is empty", kind);
    else if (len > max)
        vc_error_set(err, VC_BAD_NAME, "%s \"%s\" has %zu bytes, at most %zu are allowed", kind,
                     shown, len, max);
    else
        vc_error_set(err, VC_BAD_NAME, "%s \"%s\" is not valid", kind, shown);
    vc_error_hint(err, "use lower-case letters, digits, underscores and hyphens, "
                       "with a letter or digit first");
    return VC_BAD_NAME;
}

enum vc_code vc_tenant_name_check(const char *name, size_t len, struct vc_error *err)
{
    if (vc_tenant_name_valid(name, len))
        return VC_OK;
    return refuse_name("tenant name", name, name != NULL ? len : 0, VC_TENANT_NAME_MAX, err);
}

enum vc_code vc_environment_check(const char *name, struct vc_error *err)
{
    if (vc_environment_valid(name))
        return VC_OK;
    return refuse_name("environment name", name, name != NULL ? strlen(name) : 0,
                       VC_ENVIRONMENT_MAX, err);
}

enum vc_code vc_path_check(const char *path, size_t len, struct vc_error *err)
{
    char shown[SHOWN_MAX + 1];

    if (vc_path_valid(path, len))
        return VC_OK;
    if (path == NULL || len == 0)
        return vc_error_set(err, VC_BAD_NAME, "path is empty");
    show(shown, path, len);
    if (len > VC_PATH_MAX)
        return vc_error_set(err, VC_BAD_NAME,
                            "path \"%s...\" has %zu bytes, at most %d are allowed", shown, len,
                            VC_PATH_MAX);
    vc_error_set(err, VC_BAD_NAME, "path \"%s\" is not valid", shown);
    if (span(path, len, PATH_CHARACTERS) == len)
        vc_error_hint(err, "write it without an empty, \".\" or \"..\" segment and without a "
                           "slash at either end");
    else
        vc_error_hint(err, "use letters, digits, spaces, slashes and ._~@+=:,- only");
    return VC_BAD_NAME;
}

/* Puts up to four parts together; a NULL part ends the list. */
static enum vc_code join(char *out, size_t size, const char *const parts[5], struct vc_error *err)
{
    size_t used = 0;

    for (size_t i = 0; parts[i] != NULL; i++) {
        size_t len = strlen(parts[i]);
        size_t total = used + (i > 0) + len;

        if (total > VC_PATH_MAX || total >= size) {
            out[0] = '\0';
            return vc_error_set(err, VC_BAD_NAME, "path below \"%.*s\" is longer than %d bytes",
                                SHOWN_MAX, parts[0], VC_PATH_MAX);
        }
        if (i > 0)
            out[used++] = '/';
        memcpy(out + used, parts[i], len + 1);
        used = total;
    }
    return VC_OK;
}

/* The two parts that all but vc_secret_path begin with. */
static enum vc_code check_base(const char *prefix, const char *environment, struct vc_error *err)
{
    enum vc_code code = vc_path_check(prefix, prefix != NULL ? strlen(prefix) : 0, err);

    if (code != VC_OK)
        return code;
    return vc_environment_check(environment, err);
}

enum vc_code vc_platform_path(char *out, size_t size, const char *prefix, const char *environment,
                              const char *what, struct vc_error *err)
{
    enum vc_code code;

    out[0] = '\0';
    if ((code = check_base(prefix, environment, err)) != VC_OK)
        return code;
    if ((code = vc_path_check(what, what != NULL ? strlen(what) : 0, err)) != VC_OK)
        return code;
    return join(out, size, (const char *const[5]){prefix, environment, what}, err);
}

enum vc_code vc_tenant_path(char *out, size_t size, const char *prefix, const char *environment,
                            const char *tenant, const char *what, struct vc_error *err)
{
    char below[sizeof("tenants/") + VC_TENANT_NAME_MAX];
    enum vc_code code;

    out[0] = '\0';
    if ((code = check_base(prefix, environment, err)) != VC_OK)
        return code;
    if ((code = vc_tenant_name_check(tenant, tenant != NULL ? strlen(tenant) : 0, err)) != VC_OK)
        return code;
    if ((code = vc_path_check(what, what != NULL ? strlen(what) : 0, err)) != VC_OK)
        return code;
    snprintf(below, sizeof(below), "tenants/%s", tenant);
    return join(out, size, (const char *const[5]){prefix, environment, below, what}, err);
}

enum vc_code vc_tenants_path(char *out, size_t size, const char *prefix, const char *environment,
                             struct vc_error *err)
{
    return vc_platform_path(out, size, prefix, environment, "tenants", err);
}

enum vc_code vc_secret_path(char *out, size_t size, const char *prefix, const char *path,
                            struct vc_error *err)
{
    enum vc_code code;

    out[0] = '\0';
    if ((code = vc_path_check(prefix, prefix != NULL ? strlen(prefix) : 0, err)) != VC_OK)
        return code;
    if ((code = vc_path_check(path, path != NULL ? strlen(path) : 0, err)) != VC_OK)
        return code;
    return join(out, size, (const char *const[5]){prefix, path}, err);
}
