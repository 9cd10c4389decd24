/*
 * sts_refusal.c - why STS gave no credentials (sts_refusal.h).
 */
#include "sts_refusal.h"

#include <string.h>

#define SECONDS_PER_MINUTE 60

/* What an answer looks like, and what it means. The first row that fits counts. */
struct refusal {
    const char *code;  /* the error's code; NULL: any */
    const char *words; /* a part of its words; NULL: any */
    enum vc_code outcome;
    const char *meaning; /* in place of the server's words; NULL: these */
    const char *hint;
};

static const struct refusal refusals[] = {
    /* The region that MinIO says it expects is its default, not the one that it was given. */
    {NULL, "region is wrong", VC_PERMISSION_DENIED, "the region that was signed for is not its own",
     "write the server's own region (MINIO_SITE_REGION, or its site settings) as region into the "
     "secret"},
    {NULL, "signature we calculated does not match", VC_PERMISSION_DENIED, NULL,
     "secret_access_key is not the one of this access_key_id"},
    {"SignatureDoesNotMatch", NULL, VC_PERMISSION_DENIED, NULL,
     "secret_access_key is not the one of this access_key_id"},
    {NULL, "does not exist in our records", VC_PERMISSION_DENIED, NULL,
     "no user of this server has the platform's access_key_id"},
    {"InvalidClientTokenId", NULL, VC_PERMISSION_DENIED, NULL,
     "no user of this server has the platform's access_key_id"},
    {NULL, "not authorized to assume role", VC_PERMISSION_DENIED, NULL,
     "the trust policy of the role in sts_role_arn must name the platform's user"},
    {"AccessDenied", NULL, VC_PERMISSION_DENIED, NULL,
     "on MinIO the platform's keys must be a user's, not a service account's or temporary ones; on "
     "SeaweedFS an administrator's, or with an sts_role_arn whose role trusts them"},
    {"ServiceUnavailable", NULL, VC_SERVER_ERROR, NULL,
     "if this stays so the server has no STS: SeaweedFS needs -s3.iam.config with \"sts\" in it; "
     "or give the tenant static keys"},
    {"SlowDown", NULL, VC_RATE_LIMITED, NULL, "try again later"},
    {"Throttling", NULL, VC_RATE_LIMITED, NULL, "try again later"},
    {NULL, "made to API port", VC_BAD_REQUEST, NULL,
     "endpoint_url names the port of MinIO's console instead of its S3 API"},
    {NULL, "token expiry", VC_BAD_REQUEST, NULL, "choose another --duration"},
    {"MalformedPolicyDocument", NULL, VC_BAD_REQUEST, NULL, "the policy of --policy is not valid"},
    {"PackedPolicyTooLarge", NULL, VC_BAD_REQUEST, NULL, "name fewer resources in the policy"},
    {"NotImplemented", NULL, VC_SERVER_ERROR, NULL,
     "this server has no STS: name one in sts_endpoint_url, or give the tenant static keys"},
};

static bool fits(const struct refusal *refusal, const char *code, const char *words)
{
    return (refusal->code == NULL || strcmp(refusal->code, code) == 0) &&
           (refusal->words == NULL || strstr(words, refusal->words) != NULL);
}

static const struct refusal *find(const char *code, const char *words)
{
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
        if (fits(&refusals[i], code, words))
            return &refusals[i];
    return NULL;
}

static enum vc_code code_of_status(long status)
{
    if (status >= 300 && status < 400)
        return VC_REDIRECT_REFUSED;
    if (status == 401 || status == 403)
        return VC_PERMISSION_DENIED;
    if (status == 429)
        return VC_RATE_LIMITED;
    if (status == 400)
        return VC_BAD_REQUEST;
    return status >= 500 ? VC_SERVER_ERROR : VC_BAD_REPLY;
}

/* STS has said nothing that it would say: something else may be listening there. */
static enum vc_code explain_other(const struct sts_request *request,
                                  const struct signed_reply *answer, struct vc_error *err)
{
    enum vc_code code = code_of_status(answer->status);

    vc_error_set(err, code, "no STS answers at %s (HTTP status %ld)", request->endpoint_url,
                 answer->status);
    if (code == VC_REDIRECT_REFUSED)
        vc_error_hint(err, "signed requests do not follow redirects: write the address that it "
                           "leads to into the secret");
    else
        vc_error_hint(err, "name the server's S3 API in endpoint_url, or its STS in "
                           "sts_endpoint_url");
    return code;
}

static enum vc_code explain_clock(const struct sts_request *request,
                                  const struct signed_reply *answer, struct vc_error *err)
{
    long ahead = answer->date == -1 ? 0 : (long)(time(NULL) - answer->date);
    long minutes = (ahead < 0 ? -ahead : ahead) / SECONDS_PER_MINUTE;

    if (minutes == 0)
        vc_error_set(err, VC_PERMISSION_DENIED,
                     "this machine's clock and that of STS at %s are too far apart",
                     request->endpoint_url);
    else
        vc_error_set(err, VC_PERMISSION_DENIED,
                     "this machine's clock is %ld minutes %s that of STS at %s", minutes,
                     ahead < 0 ? "behind" : "ahead of", request->endpoint_url);
    vc_error_hint(err, "set the clock that is wrong (timedatectl shows whether this one is "
                       "synchronised): signatures are good for 15 minutes");
    return VC_PERMISSION_DENIED;
}

static enum vc_code explain_error(const struct sts_request *request,
                                  const struct signed_reply *answer, const char *code_word,
                                  const char *words, struct vc_error *err)
{
    const struct refusal *refusal = find(code_word, words);
    enum vc_code code = refusal != NULL ? refusal->outcome : code_of_status(answer->status);

    vc_error_set(err, code, "STS at %s refuses temporary credentials (%s)", request->endpoint_url,
                 code_word);
    vc_error_server_words(err,
                          refusal != NULL && refusal->meaning != NULL ? refusal->meaning : words);
    if (refusal != NULL)
        vc_error_hint(err, "%s", refusal->hint);
    return code;
}

enum vc_code sts_refusal_explain(const struct sts_request *request,
                                 const struct signed_reply *answer, const struct sts_reply *reply,
                                 struct vc_error *err)
{
    enum vc_code code;

    if (reply == NULL || !reply->is_error)
        code = explain_other(request, answer, err);
    else if (strcmp(vc_buf_text(&reply->field[STS_ERROR_CODE]), "RequestTimeTooSkewed") == 0)
        code = explain_clock(request, answer, err);
    else
        code = explain_error(request, answer, vc_buf_text(&reply->field[STS_ERROR_CODE]),
                             vc_buf_text(&reply->field[STS_ERROR_WORDS]), err);
    if (err != NULL)
        err->http_status = answer->status;
    return code;
}
