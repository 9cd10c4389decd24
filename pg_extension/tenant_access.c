/*
 * tenant_access.c - who may read which tenant's credentials.
 *
 * Decisions are kept in a small table of this session, because they stand on the path of every
 * call: looking one up costs a hash of the name, where asking the catalogs would cost more than the
 * secret. Whatever a decision rests on makes all of them void when it changes: roles, memberships,
 * the database's owner (by syscache callbacks) and the grants (their table's triggers send a
 * relcache invalidation).
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/sinval.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "../common/tenant_layout.h"
#include "name_check.h"
#include "role_label.h"
#include "sql_function.h"
#include "tenant_access.h"

/* A power of two. Some 20 kB, touched only as far as it is used; a session that goes round more
 * tenants than these asks the catalogs again for some. */
#define DECISIONS 256

/* Columns of tenant_vault.tenant_grant. */
#define GRANT_TENANT 1
#define GRANT_ROLE 2

typedef struct Decision {
    uint64 generation; /* what it was made in; 0: never */
    Oid user;
    bool allowed;
    uint8 len;
    char tenant[VC_TENANT_NAME_MAX];
} Decision;

static Decision decisions[DECISIONS];
static uint64 generation = 1; /* counts what makes decisions void */
static Oid grant_table = InvalidOid;
static bool callbacks_registered = false;

TV_SQL_FUNCTION(tv_tenant_grant_changed);

/* ---- what makes decisions void ---- */

static void roles_changed(Datum arg, int cacheid, uint32 hashvalue)
{
    generation++;
}

static void relation_changed(Datum arg, Oid relid)
{
    if (relid == InvalidOid || relid == grant_table) {
        generation++;
        grant_table = InvalidOid;
    }
}

/* There is no unregistering, and no need: the library stays loaded until the session ends. */
static void register_callbacks(void)
{
    if (callbacks_registered)
        return;
    callbacks_registered = true;
    CacheRegisterSyscacheCallback(AUTHOID, roles_changed, (Datum)0);
    CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, roles_changed, (Datum)0);
    CacheRegisterSyscacheCallback(DATABASEOID, roles_changed, (Datum)0); /* pg_database_owner */
    CacheRegisterRelcacheCallback(relation_changed, (Datum)0);
}

/* Trigger of tenant_grant, on every kind of change, so that every session hears of it. */
Datum tv_tenant_grant_changed(PG_FUNCTION_ARGS)
{
    TriggerData *trigger = (TriggerData *)fcinfo->context;

    if (!CALLED_AS_TRIGGER(fcinfo))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("tenant_grant_changed must be called as a trigger")));
    CacheInvalidateRelcache(trigger->tg_relation);
    return PointerGetDatum(NULL);
}

/* ---- deciding ---- */

/* Not any table of that name: where the schema was renamed, others could make one. */
static bool is_ours(Oid table)
{
    Oid extension = getExtensionOfObject(RelationRelationId, table);

    return OidIsValid(extension) && extension == get_extension_oid("tenant_vault", true);
}

Oid tv_grant_table(void)
{
    if (!OidIsValid(grant_table)) {
        Oid schema = get_namespace_oid("tenant_vault", true);
        Oid table = OidIsValid(schema) ? get_relname_relid("tenant_grant", schema) : InvalidOid;

        if (OidIsValid(table) && is_ours(table))
            grant_table = table;
    }
    return grant_table;
}

/* True where a row names the tenant and a role whose privileges the user has. */
static bool any_grant_covers(Relation grants, const char *tenant, size_t len, Oid user)
{
    /* By name, because the function that would give it has another signature in each version. */
    Oid index = get_relname_relid("tenant_grant_pkey", RelationGetNamespace(grants));
    text *key = cstring_to_text_with_len(tenant, len);
    bool covered = false;
    ScanKeyData scankey;
    SysScanDesc scan;
    HeapTuple row;

    ScanKeyInit(&scankey, GRANT_TENANT, BTEqualStrategyNumber, F_TEXTEQ, PointerGetDatum(key));
    /* No snapshot given: a new one, so that what others have committed meanwhile counts. */
    scan = systable_beginscan(grants, index, OidIsValid(index), NULL, 1, &scankey);
    while (!covered && HeapTupleIsValid(row = systable_getnext(scan))) {
        bool isnull;
        Datum role = heap_getattr(row, GRANT_ROLE, RelationGetDescr(grants), &isnull);

        covered = !isnull && has_privs_of_role(user, DatumGetObjectId(role));
    }
    systable_endscan(scan);
    pfree(key);
    return covered;
}

/* A role that logs in as the tenant may read its credentials: it has proved that it knows them. */
static bool is_own_tenant(const char *tenant, size_t len, Oid user)
{
    const char *own = tv_role_tenant(user);

    return own != NULL && strlen(own) == len && memcmp(own, tenant, len) == 0;
}

static bool decide(const char *tenant, size_t len, Oid user)
{
    Relation grants;
    Oid table;
    bool allowed;

    if (superuser_arg(user) || is_own_tenant(tenant, len, user))
        return true;
    table = tv_grant_table();
    grants = OidIsValid(table) ? try_table_open(table, AccessShareLock) : NULL;
    if (grants == NULL)
        return false;
    allowed = any_grant_covers(grants, tenant, len, user);
    table_close(grants, AccessShareLock);
    return allowed;
}

static Decision *decision_slot(const char *tenant, size_t len, Oid user)
{
    uint32 hash =
        hash_combine(hash_bytes((const unsigned char *)tenant, (int)len), murmurhash32(user));

    return &decisions[hash & (DECISIONS - 1)];
}

static bool decision_holds(const Decision *decision, const char *tenant, size_t len, Oid user)
{
    return decision->generation == generation && decision->user == user && decision->len == len &&
           memcmp(decision->tenant, tenant, len) == 0;
}

static void remember(Decision *decision, const char *tenant, size_t len, Oid user, bool allowed,
                     uint64 made_in)
{
    memcpy(decision->tenant, tenant, len);
    decision->len = (uint8)len;
    decision->user = user;
    decision->allowed = allowed;
    decision->generation = made_in;
}

_Noreturn static void deny(const char *tenant, size_t len, Oid user)
{
    char *name = pnstrdup(tenant, len);
    const char *role = quote_identifier(GetUserNameFromId(user, false));

    ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                    errmsg("permission denied for tenant \"%s\"", name),
                    errhint("A superuser can grant it: SELECT tenant_vault.grant_tenant(%s, %s);",
                            quote_literal_cstr(name), quote_literal_cstr(role))));
    pg_unreachable();
}

void tv_require_tenant_access(const char *tenant, size_t len)
{
    Oid user = GetUserId();
    Decision *decision;
    uint64 made_in;

    AcceptInvalidationMessages(); /* a few ns where there are none */
    if (len <= VC_TENANT_NAME_MAX) {
        decision = decision_slot(tenant, len, user);
        if (decision_holds(decision, tenant, len, user)) {
            if (!decision->allowed)
                deny(tenant, len, user);
            return;
        }
    }
    /* Names with a decision have passed this. */
    tv_require_tenant_name(tenant, len);

    register_callbacks();
    made_in =
        generation; /* before looking: a change while looking makes the decision void at once */
    decision = decision_slot(tenant, len, user);
    remember(decision, tenant, len, user, decide(tenant, len, user), made_in);
    if (!decision->allowed)
        deny(tenant, len, user);
}
