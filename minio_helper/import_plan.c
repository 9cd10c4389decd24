/*
 * import_plan.c - compares an .env file with Vault (import_plan.h). Called by import.
 */
#include "import_plan.h"

#include <stdio.h>
#include <string.h>

#include "report.h"

/* ---- the file ---- */

static enum vc_code refuse_entry(const char *source, const struct dotenv_entry *entry,
                                 const char *before, const char *why, struct vc_error *err)
{
    return vc_error_set(err, VC_BAD_SETTING, "\"%s\", line %zu: %s%s%s", source, entry->line,
                        entry->name, before, why);
}

static enum vc_code take_entry(struct import_plan *plan, const struct dotenv_entry *entry,
                               const char *source, struct vc_error *err)
{
    const struct app_variable *variable = app_variable_find(entry->name);
    struct import_value *value;
    const char *fault;

    if (variable == NULL)
        return VC_OK;
    value = &plan->values[variable - app_variables];
    if (value->entry != NULL)
        report_note("\"%s\", line %zu: %s stands there again, and this one counts", source,
                    entry->line, entry->name);
    value->entry = entry;
    value->state = IMPORT_UNUSED;
    if (entry->doubt != NULL)
        return refuse_entry(source, entry, ": ", entry->doubt, err);
    if (entry->value[0] == '\0')
        return VC_OK;
    fault = app_variable_fault(variable, entry->value);
    if (fault != NULL)
        return refuse_entry(source, entry, " ", fault, err);
    if (entry->has_reference)
        report_note("\"%s\", line %zu: %s holds a $ with a name, which stays as it is: nothing is "
                    "filled in",
                    source, entry->line, entry->name);
    value->state = IMPORT_NEW;
    return VC_OK;
}

enum vc_code import_plan_take(struct import_plan *plan, const struct dotenv *dotenv,
                              const char *source, struct vc_error *err)
{
    enum vc_code code = VC_OK;

    *plan = (struct import_plan){.values = {{.entry = NULL}}};
    for (size_t i = 0; code == VC_OK && i < dotenv->count; i++)
        code = take_entry(plan, &dotenv->entries[i], source, err);
    return code;
}

/* ---- Vault ---- */

static bool is_concerned(const struct import_plan *plan, enum app_secret which)
{
    for (size_t i = 0; i < APP_VARIABLES; i++)
        if (app_variables[i].secret == which && plan->values[i].state != IMPORT_UNUSED)
            return true;
    return false;
}

static enum vc_code no_memory(struct vc_error *err)
{
    return vc_error_set(err, VC_NO_MEMORY, "out of memory while comparing with Vault");
}

/* The target as it is in Vault: data, or none yet. */
static enum vc_code read_target(struct import_target *target, struct vault_session *session,
                                struct vc_error *err)
{
    struct vc_kv_secret secret;
    enum vc_code code = vault_session_read(session, target->path, 0, &secret, err);

    if (code == VC_OK) {
        target->version = secret.version;
        target->data = cJSON_Duplicate(secret.data, true);
        vc_kv_secret_free(&secret);
    } else if (code == VC_NOT_FOUND || code == VC_VERSION_DELETED || code == VC_VERSION_DESTROYED) {
        target->version = err->version;
        target->gone = code == VC_NOT_FOUND ? VC_OK : code;
        target->data = cJSON_CreateObject();
    } else {
        return code;
    }
    return target->data != NULL ? VC_OK : no_memory(err);
}

/* A string, or a number where seconds may be one. */
static bool is_value(const cJSON *item, const struct app_variable *variable, const char *value)
{
    char number[32];

    if (cJSON_IsString(item))
        return strcmp(item->valuestring, value) == 0;
    if (!cJSON_IsNumber(item) || variable->kind != APP_SECONDS)
        return false;
    snprintf(number, sizeof(number), "%.0f", item->valuedouble);
    return item->valuedouble == (double)(long)item->valuedouble && strcmp(number, value) == 0;
}

/*
 * A variable that shares a field with another one keeps to it as long as both have the same value,
 * and gets the field of its own otherwise. data: with what went in before.
 */
static const char *choose_field(const struct app_variable *variable, const cJSON *data,
                                const char *value)
{
    const cJSON *shared;

    if (variable->otherwise == NULL ||
        cJSON_GetObjectItemCaseSensitive(data, variable->field) != NULL)
        return variable->field;
    shared = cJSON_GetObjectItemCaseSensitive(data, variable->otherwise);
    return shared == NULL || is_value(shared, variable, value) ? variable->otherwise
                                                               : variable->field;
}

/* old: of Vault; what is to be goes into the target's data. */
static enum vc_code place_value(struct import_value *value, const struct app_variable *variable,
                                const cJSON *old, struct import_target *target,
                                struct vc_error *err)
{
    const char *text = value->entry->value;
    const cJSON *before;
    cJSON *item;

    value->field = choose_field(variable, target->data, text);
    before = cJSON_GetObjectItemCaseSensitive(old, value->field);
    value->state = before == NULL                     ? IMPORT_NEW
                   : is_value(before, variable, text) ? IMPORT_SAME
                                                      : IMPORT_OTHER;
    target->adds |= value->state == IMPORT_NEW;
    target->overwrites |= value->state == IMPORT_OTHER;
    if (value->state == IMPORT_SAME)
        return VC_OK;
    item = cJSON_CreateString(text);
    cJSON_DeleteItemFromObjectCaseSensitive(target->data, value->field);
    if (item == NULL || !cJSON_AddItemToObject(target->data, value->field, item)) {
        cJSON_Delete(item);
        return no_memory(err);
    }
    return VC_OK;
}

static enum vc_code compare_target(struct import_plan *plan, enum app_secret which,
                                   struct vc_error *err)
{
    struct import_target *target = &plan->targets[which];
    cJSON *old = cJSON_Duplicate(target->data, true);
    enum vc_code code = old != NULL ? VC_OK : no_memory(err);

    for (size_t i = 0; code == VC_OK && i < APP_VARIABLES; i++)
        if (app_variables[i].secret == which && plan->values[i].state != IMPORT_UNUSED)
            code = place_value(&plan->values[i], &app_variables[i], old, target, err);
    cJSON_Delete(old);
    if (code == VC_OK && (target->adds || target->overwrites))
        code = vault_session_check_data(target->path, target->data, err);
    return code;
}

enum vc_code import_plan_compare(struct import_plan *plan, struct vault_session *session,
                                 struct vc_error *err)
{
    enum vc_code code = VC_OK;

    for (int which = 0; code == VC_OK && which < APP_SECRETS; which++) {
        struct import_target *target = &plan->targets[which];

        if (!is_concerned(plan, which))
            continue;
        code = vault_session_path(session, NULL, app_secret_name(which), target->path, err);
        if (code == VC_OK)
            code = read_target(target, session, err);
        if (code == VC_OK)
            code = compare_target(plan, which, err);
    }
    return code;
}

void import_plan_free(struct import_plan *plan)
{
    for (int which = 0; which < APP_SECRETS; which++)
        cJSON_Delete(plan->targets[which].data);
    *plan = (struct import_plan){.values = {{.entry = NULL}}};
}
