/*
 * role_label.c - security labels that bind a role to a tenant, and who may write them.
 *
 * Refuses a label of whoever is not a superuser (CREATEROLE, which PostgreSQL would allow, is not
 * enough), a label that is no tenant's name, and a label on a superuser. Removing one is open to
 * superusers alone, too.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_shseclabel.h"
#include "commands/seclabel.h"
#include "commands/user.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "guc.h"
#include "name_check.h"
#include "role_label.h"
#include "unlabelled_roles.h"

#define PROVIDER "tenant_vault"

static check_password_hook_type previous_check_password;

char *tv_role_tenant(Oid role)
{
    const ObjectAddress address = {.classId = AuthIdRelationId, .objectId = role};
    uint32 generation;
    bool may_note;
    char *label;

    if (tv_role_known_unlabelled(role))
        return NULL;
    may_note = tv_labels_written_here();
    generation = tv_label_generation();
    InvalidateCatalogSnapshot(); /* an older one may not show what this generation has */
    label = GetSecurityLabel(&address, PROVIDER);
    if (label == NULL && may_note)
        tv_role_note_unlabelled(role, generation);
    return label;
}

bool tv_role_expired(HeapTuple role)
{
    bool isnull;
    Datum until = SysCacheGetAttr(AUTHOID, role, Anum_pg_authid_rolvaliduntil, &isnull);

    return !isnull && DatumGetTimestampTz(until) < GetCurrentTimestamp();
}

/* ---- writing a label ---- */

/* pg_shseclabel has no cache of its own: whoever decided by a label hears of the role instead. */
static void invalidate_role(Oid role)
{
    Relation roles = table_open(AuthIdRelationId, AccessShareLock);
    HeapTuple tuple = SearchSysCache1(AUTHOID, ObjectIdGetDatum(role));

    if (HeapTupleIsValid(tuple)) {
        CacheInvalidateHeapTuple(roles, tuple, NULL);
        ReleaseSysCache(tuple);
    }
    table_close(roles, AccessShareLock);
}

static void check_target(const ObjectAddress *object)
{
    if (object->classId != AuthIdRelationId)
        ereport(ERROR,
                (errcode(ERRCODE_WRONG_OBJECT_TYPE), errmsg("tenant_vault labels roles only"),
                 errhint("SECURITY LABEL FOR tenant_vault ON ROLE ... IS 'tenant'")));
    if (!superuser())
        ereport(
            ERROR,
            (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
             errmsg("permission denied to bind a role to a tenant"),
             errdetail("Only a superuser may: the tenant's password in Vault opens the role.")));
}

static void check_label(const ObjectAddress *object, const char *label)
{
    tv_require_tenant_name(label, strlen(label));
    if (superuser_arg(object->objectId))
        ereport(ERROR, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                        errmsg("role \"%s\" is a superuser and cannot be bound to a tenant",
                               GetUserNameFromId(object->objectId, false)),
                        errhint("Whoever can write the tenant's secret in Vault could then do "
                                "anything here. Use a role without SUPERUSER.")));
}

/* Called by SECURITY LABEL before it writes; a NULL label removes the one that is there. */
static void relabel(const ObjectAddress *object, const char *label)
{
    check_target(object);
    if (label != NULL)
        check_label(object, label);
    tv_labels_change();
    invalidate_role(object->objectId);
}

/* ---- removing all of them ---- */

static bool is_ours(Relation labels, HeapTuple tuple)
{
    bool isnull;
    Datum provider =
        heap_getattr(tuple, Anum_pg_shseclabel_provider, RelationGetDescr(labels), &isnull);

    return ((Form_pg_shseclabel)GETSTRUCT(tuple))->classoid == AuthIdRelationId &&
           strcmp(TextDatumGetCString(provider), PROVIDER) == 0;
}

static List *labelled_roles(void)
{
    Relation labels = table_open(SharedSecLabelRelationId, AccessShareLock);
    SysScanDesc scan = systable_beginscan(labels, InvalidOid, false, NULL, 0, NULL);
    List *roles = NIL;
    HeapTuple tuple;

    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        if (is_ours(labels, tuple))
            roles = lappend_oid(roles, ((Form_pg_shseclabel)GETSTRUCT(tuple))->objoid);
    }
    systable_endscan(scan);
    table_close(labels, AccessShareLock);
    return roles;
}

int64 tv_role_labels_remove(void)
{
    List *roles = labelled_roles();
    ListCell *cell;

    foreach (cell, roles) {
        const ObjectAddress role = {.classId = AuthIdRelationId, .objectId = lfirst_oid(cell)};

        CHECK_FOR_INTERRUPTS();
        relabel(&role, NULL);
        SetSecurityLabel(&role, PROVIDER, NULL);
    }
    return list_length(roles);
}

/* ---- passwords of labelled roles ---- */

static void refuse_password(const char *role_name, const char *shadow_pass, PasswordType type,
                            Datum valid_until, bool valid_until_is_null)
{
    Oid role = get_role_oid(role_name, true); /* not there yet in CREATE ROLE */
    char *tenant = OidIsValid(role) ? tv_role_tenant(role) : NULL;

    if (tenant != NULL)
        ereport(
            ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
             errmsg("the password of role \"%s\" is tenant \"%s\"'s in Vault", role_name, tenant),
             errhint("Change it there, or unbind the role: SELECT tenant_vault.unenroll(...);")));
    if (previous_check_password != NULL)
        previous_check_password(role_name, shadow_pass, type, valid_until, valid_until_is_null);
}

void tv_role_label_init(void)
{
    register_label_provider(PROVIDER, relabel);
    if (!tv_preloaded)
        return;
    previous_check_password = check_password_hook;
    check_password_hook = refuse_password;
}
