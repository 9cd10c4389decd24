/*
 * status_report.c - STATUS frames (status_report.h).
 */
#include "status_report.h"

/* Three texts and the numbers, with their headers. */
#define STATUS_SIZE                                                                                \
    (VC_ADDRESS_MAX + VC_MESSAGE_SIZE + 64 + sizeof(struct vc_login_refusal) +                     \
     24 * (FRAME_FIELD_HEADER_SIZE + sizeof(int64_t)))

void status_report_settings(struct status_report *report, const struct vc_error *err)
{
    report->settings_changed = true;
    report->settings_err = *err;
    report->settings_err_at = vc_now();
}

static void put_token(struct frame_writer *writer, const struct vc_client_status *status,
                      vc_msec now)
{
    frame_put_number(writer, TAG_ST_LOGGED_IN, status->logged_in);
    frame_put_number(writer, TAG_ST_CAN_LOG_IN, status->can_log_in_again);
    if (!status->logged_in)
        return;
    frame_put_number(writer, TAG_ST_TOKEN_RENEWABLE, status->token_renewable);
    frame_put_number(writer, TAG_ST_TOKEN_NEVER_EXPIRES, status->token_never_expires);
    if (!status->token_never_expires && status->token_expires_at > now)
        frame_put_number(writer, TAG_ST_TOKEN_TTL, status->token_expires_at - now);
}

/* Settings that are refused come first: nothing works until they are mended. */
static void put_error(struct frame_writer *writer, const struct status_report *report,
                      const struct vc_client_status *status, vc_msec now)
{
    bool of_settings = report->settings_err.code != VC_OK;
    const struct vc_error *err = of_settings ? &report->settings_err : &status->last_error;
    vc_msec at = of_settings ? report->settings_err_at : status->last_error_at;

    if (err->code == VC_OK)
        return;
    frame_put_text(writer, TAG_ST_ERROR, err->message);
    frame_put_number(writer, TAG_ST_ERROR_CODE, err->code);
    frame_put_number(writer, TAG_ST_ERROR_AGE, now > at ? now - at : 0);
}

static void put_refusal(struct frame_writer *writer, const struct vc_client *client)
{
    struct vc_login_refusal refusal;

    if (vc_client_refusal(client, &refusal))
        frame_put(writer, TAG_ST_REFUSAL, &refusal, sizeof(refusal));
}

static bool queue_status(const struct status_report *report, const struct vc_client *client,
                         const struct vc_client_status *status, struct channel *channel,
                         vc_msec now)
{
    struct frame_writer writer;

    if (!channel_begin(channel, &writer, STATUS_SIZE, FRAME_STATUS, 0))
        return false;
    frame_put_text(&writer, TAG_ST_ADDRESS, status->address);
    frame_put_text(&writer, TAG_ST_HEALTH, vc_health_text(status->health));
    frame_put_number(&writer, TAG_ST_REACHABLE, status->reachable);
    put_token(&writer, status, now);
    frame_put_number(&writer, TAG_ST_REQUESTS, (int64_t)status->requests);
    frame_put_number(&writer, TAG_ST_LOGINS, (int64_t)status->logins);
    frame_put_number(&writer, TAG_ST_RENEWALS, (int64_t)status->renewals);
    frame_put_number(&writer, TAG_ST_LOGIN_FAILURES, (int64_t)status->login_failures);
    frame_put_number(&writer, TAG_ST_RENEWAL_FAILURES, (int64_t)status->renewal_failures);
    frame_put_number(&writer, TAG_ST_FAILURES, (int64_t)status->failures);
    put_error(&writer, report, status, now);
    put_refusal(&writer, client);
    return channel_end(channel, &writer);
}

vc_msec status_report_send(struct status_report *report, const struct vc_client *client,
                           struct channel *channel, vc_msec now)
{
    struct vc_client_status status;

    /* A refusal is news that must not die with this process. */
    if (report->sent_before && now - report->sent_at < STATUS_INTERVAL &&
        report->refused == vc_client_refusal(client, NULL))
        return report->sent_at + STATUS_INTERVAL;
    vc_client_status(client, &status);
    if (report->sent_before && !report->settings_changed && status.changes == report->changes &&
        status.requests == report->requests)
        return 0;
    /* No room: the keeper is behind, and gets the next one. */
    if (queue_status(report, client, &status, channel, now)) {
        report->settings_changed = false;
        report->refused = vc_client_refusal(client, NULL);
        report->changes = status.changes;
        report->requests = status.requests;
    }
    report->sent_before = true;
    report->sent_at = now;
    return now + STATUS_INTERVAL;
}
