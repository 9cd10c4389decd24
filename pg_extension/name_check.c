/*
 * name_check.c - names that users give, checked before anything is asked.
 *
 * Refuses what Vault would decode or clean into another name. Called by the SQL functions.
 */
#include "postgres.h"

#include "../common/tenant_layout.h"
#include "guc.h"
#include "name_check.h"
#include "report.h"

void tv_require_tenant_name(const char *tenant, size_t len)
{
    struct vc_error err;

    if (vc_tenant_name_check(tenant, len, &err) != VC_OK)
        tv_report_error(&err);
}

void tv_require_secret_path(const char *path)
{
    char whole[VC_PATH_MAX + 1];
    struct vc_error err;

    if (vc_secret_path(whole, sizeof(whole), tv_prefix, path, &err) != VC_OK)
        tv_report_error(&err);
}
