/*
 * vault_health.h - sys/health and sys/seal-status. Vault API: /sys/health, /sys/seal-status.
 */
#ifndef VC_VAULT_HEALTH_H
#define VC_VAULT_HEALTH_H

#include "vault_reply.h"

enum vc_health {
    VC_HEALTH_UNKNOWN,
    VC_HEALTH_ACTIVE,
    VC_HEALTH_STANDBY,
    VC_HEALTH_PERFORMANCE_STANDBY,
    VC_HEALTH_DR_SECONDARY,
    VC_HEALTH_SEALED,
    VC_HEALTH_NOT_INITIALIZED
};

const char *vc_health_text(enum vc_health health);
bool vc_health_alive(enum vc_health health); /* active, any standby, DR secondary */

void vc_health_request(struct vc_request *request);
/*
 * The body tells where there is one, the code where it is empty. Any other code: as
 * vc_envelope_error says; a body without the fields: VC_BAD_REPLY. health is then
 * VC_HEALTH_UNKNOWN.
 */
enum vc_code vc_health_read(const struct vc_reply *reply, enum vc_health *health,
                            struct vc_error *err);

struct vc_seal_status {
    bool initialized, sealed;
    long threshold, shares, progress;
};
void vc_seal_status_request(struct vc_request *request);
/* Errors as above; status says sealed then. */
enum vc_code vc_seal_status_read(const struct vc_reply *reply, struct vc_seal_status *status,
                                 struct vc_error *err);

#endif
