/*
 * status_report.h - STATUS frames: how the client of Vault is, whenever that has changed and at
 * most every second.
 */
#ifndef TV_FETCHER_STATUS_REPORT_H
#define TV_FETCHER_STATUS_REPORT_H

#include "channel.h"
#include "vault_client.h"

#define STATUS_INTERVAL 1000 /* ms */

struct status_report {
    bool sent_before;
    vc_msec sent_at;
    unsigned long changes, requests; /* as sent last */
    bool refused;                    /* a refused login was in the last one */
    bool settings_changed;           /* settings_err is to be sent */
    struct vc_error settings_err;    /* VC_OK: the settings in force are those sent last */
    vc_msec settings_err_at;
};

/* What became of the last SETTINGS frame. */
void status_report_settings(struct status_report *report, const struct vc_error *err);
/*
 * Queues a STATUS frame where one is due. Returns when it wants to be called again, 0 for: after
 * the client has run.
 */
vc_msec status_report_send(struct status_report *report, const struct vc_client *client,
                           struct channel *channel, vc_msec now);

#endif
