/*
 * unlabelled_roles.c - roles that are known to have no label.
 *
 * A mark is a role and the generation that it was made in. The transaction that writes a label
 * counts among the writers until its end, and then begins a new generation, after its label has
 * become visible: who reads the new generation first and takes his snapshot then sees the label.
 *
 * So it has to end where it has begun: a prepared one outlives a restart, which nothing here does,
 * and is committed by somebody who does not know what is in it. It is refused.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "common/hashfn.h"

#include "shared_state.h"
#include "unlabelled_roles.h"

static bool writing = false; /* this transaction is counted among the writers */

static pg_atomic_uint64 *place_of(Oid role)
{
    return &tv_control->unlabelled[murmurhash32(role) % TV_UNLABELLED_MAX];
}

static uint64 mark(Oid role, uint32 generation)
{
    return (uint64)role << 32 | generation;
}

bool tv_role_known_unlabelled(Oid role)
{
    return tv_control != NULL && pg_atomic_read_u32(&tv_control->label_writers) == 0 &&
           pg_atomic_read_u64(place_of(role)) == mark(role, tv_label_generation());
}

bool tv_labels_written_here(void)
{
    return tv_control != NULL && !RecoveryInProgress();
}

uint32 tv_label_generation(void)
{
    return tv_control != NULL ? pg_atomic_read_u32(&tv_control->label_generation) : 0;
}

void tv_role_note_unlabelled(Oid role, uint32 generation)
{
    pg_atomic_write_u64(place_of(role), mark(role, generation));
}

_Noreturn static void refuse_prepare(void)
{
    ereport(ERROR,
            (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
             errmsg("cannot PREPARE a transaction that binds a role to a tenant or unbinds one"),
             errhint("Commit it by itself.")));
    pg_unreachable();
}

static void transaction_ends(XactEvent event, void *argument)
{
    switch (event) {
    case XACT_EVENT_COMMIT:
    case XACT_EVENT_ABORT:
        if (writing) {
            pg_atomic_fetch_add_u32(&tv_control->label_generation, 1);
            pg_atomic_fetch_sub_u32(&tv_control->label_writers, 1);
        }
        writing = false;
        break;
    case XACT_EVENT_PRE_PREPARE:
        if (writing)
            refuse_prepare();
        break;
    default:
        break;
    }
}

void tv_labels_change(void)
{
    static bool registered = false;

    if (tv_control == NULL || writing)
        return;
    if (!registered)
        RegisterXactCallback(transaction_ends, NULL);
    registered = true;
    writing = true;
    pg_atomic_fetch_add_u32(&tv_control->label_writers, 1);
}
