/*
 * sts.c - AssumeRole: checked, asked once, its answer explained (sts.h).
 *
 * Refuses to ask without a session policy. Called by credential_source.
 */
#include "sts.h"

#include <string.h>

#include "s3_location.h"
#include "session_policy.h"
#include "signed_request.h"
#include "sts_refusal.h"
#include "sts_reply.h"

#define API_VERSION "2011-06-15"
#define ARN_MIN 20 /* AssumeRole's bounds for RoleArn */
#define ARN_MAX 2048
/* all parameters, each byte percent-encoded */
#define FORM_MAX (3 * (SESSION_POLICY_MAX + ARN_MAX) + 1024)

static enum vc_code refuse_secret(const char *fault, struct vc_error *err)
{
    return vc_error_set(err, VC_BAD_SECRET, "temporary credentials cannot be asked for: %s", fault);
}

static bool arn_valid(const char *arn)
{
    size_t len = strlen(arn);

    return len >= ARN_MIN && len <= ARN_MAX && signed_request_key_valid(arn);
}

static enum vc_code check_request(const struct sts_request *request, struct vc_error *err)
{
    enum vc_code code = session_policy_check(request->policy, err);

    if (code != VC_OK)
        return code;
    if (request->duration != 0 &&
        (request->duration < STS_DURATION_MIN || request->duration > STS_DURATION_MAX)) {
        vc_error_set(err, VC_BAD_SETTING, "duration of %ld s", request->duration);
        vc_error_hint(err, "temporary credentials live %d s to %d s", STS_DURATION_MIN,
                      STS_DURATION_MAX);
        return VC_BAD_SETTING;
    }
    if (request->endpoint_url == NULL) {
        refuse_secret("no endpoint", err);
        vc_error_hint(err, "write endpoint_url, or sts_endpoint_url, into the platform's secret");
        return VC_BAD_SECRET;
    }
    if (!s3_url_valid(request->endpoint_url))
        return refuse_secret("the endpoint is not http(s)://host[:port]", err);
    if (request->region != NULL && !s3_region_valid(request->region))
        return refuse_secret("the region is not one ([A-Za-z0-9._-])", err);
    if (request->access_key == NULL || request->secret_key == NULL)
        return refuse_secret("no keys", err);
    if (!signed_request_key_valid(request->access_key))
        return refuse_secret("access_key_id holds a space, a comma or what is not ASCII", err);
    if (request->role_arn != NULL && !arn_valid(request->role_arn))
        return refuse_secret("sts_role_arn is not an ARN of 20 to 2048 characters", err);
    return VC_OK;
}

static void append_parameter(struct vc_buf *form, const char *name, const char *value)
{
    vc_buf_append_text(form, "&");
    vc_buf_append_text(form, name);
    vc_buf_append_text(form, "=");
    vc_buf_append_percent(form, value);
}

static bool write_form(const struct sts_request *request, struct vc_buf *form)
{
    vc_buf_append_text(form, "Action=AssumeRole&Version=" API_VERSION);
    append_parameter(form, "RoleSessionName", request->session_name);
    if (request->role_arn != NULL)
        append_parameter(form, "RoleArn", request->role_arn);
    if (request->duration != 0)
        vc_buf_append_format(form, "&DurationSeconds=%ld", request->duration);
    append_parameter(form, "Policy", request->policy);
    return !form->failed;
}

/* All four or none of them. */
static bool hand_over(const struct sts_reply *reply, struct s3_credentials *out)
{
    static const enum sts_field sources[] = {STS_ACCESS_KEY, STS_SECRET_KEY, STS_SESSION_TOKEN,
                                             STS_EXPIRATION};
    char **targets[] = {&out->access_key, &out->secret_key, &out->session_token, &out->expiration};
    char *copies[] = {NULL, NULL, NULL, NULL};
    const size_t count = sizeof(sources) / sizeof(sources[0]);
    bool done = true;

    for (size_t i = 0; i < count; i++) {
        copies[i] = vc_strdup(out->allocator, vc_buf_text(&reply->field[sources[i]]));
        done = done && copies[i] != NULL;
    }
    for (size_t i = 0; i < count; i++) {
        char *unused = done ? *targets[i] : copies[i];

        if (done)
            *targets[i] = copies[i];
        vc_strfree(out->allocator, unused);
    }
    return done;
}

static enum vc_code read_reply(const struct sts_request *request, const struct signed_reply *answer,
                               struct s3_credentials *out, struct vc_error *err)
{
    struct sts_reply reply;
    enum vc_code code;

    sts_reply_init(&reply, out->allocator);
    code = sts_reply_parse(&reply, vc_buf_text(&answer->body), answer->body.len, err);
    if (code == VC_NO_MEMORY)
        goto cleanup;
    if (answer->status != 200 || (code == VC_OK && reply.is_error))
        code = sts_refusal_explain(request, answer, code == VC_OK ? &reply : NULL, err);
    else if (code == VC_OK && !hand_over(&reply, out))
        code = vc_error_set(err, VC_NO_MEMORY, "out of memory while asking STS");
    else if (code != VC_OK)
        vc_error_hint(err, "does an S3 server with STS answer at %s?", request->endpoint_url);
cleanup:
    sts_reply_free(&reply);
    return code;
}

enum vc_code sts_assume_role(const struct sts_request *request, struct s3_credentials *out,
                             struct vc_error *err)
{
    struct signed_request message = {
        .url = request->endpoint_url,
        .service = "sts",
        .region = request->region != NULL ? request->region : STS_DEFAULT_REGION,
        .access_key = request->access_key,
        .secret_key = request->secret_key,
        .ca_file = request->ca_file,
        .timeout = request->timeout > 0 ? request->timeout : STS_TIMEOUT_DEFAULT,
        .interrupt = request->interrupt,
        .reply_max = STS_REPLY_MAX,
    };
    struct signed_reply answer;
    struct vc_buf form;
    enum vc_code code = check_request(request, err);

    if (code != VC_OK)
        return code;
    signed_reply_init(&answer, out->allocator);
    vc_buf_init(&form, out->allocator, FORM_MAX);
    if (write_form(request, &form)) {
        message.form = vc_buf_text(&form);
        code = signed_request_send(&message, &answer, err);
    } else {
        code = vc_error_set(err, VC_NO_MEMORY, "out of memory while asking STS");
    }
    if (code == VC_OK)
        code = read_reply(request, &answer, out, err);
    vc_buf_free(&form);
    signed_reply_free(&answer);
    return code;
}
