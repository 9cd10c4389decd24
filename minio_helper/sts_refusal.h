/*
 * sts_refusal.h - why STS gave no credentials: an outcome, and what to do.
 *
 * Servers often name another cause than the true one; each row of the table behind this was seen
 * on a real MinIO or SeaweedFS. Called by sts.
 */
#ifndef MH_STS_REFUSAL_H
#define MH_STS_REFUSAL_H

#include "signed_request.h"
#include "sts.h"
#include "sts_reply.h"

/*
 * The code and err for a reply that is not 200 with credentials. reply: the error's code and words;
 * NULL where the body is no XML of STS. Returns VC_PERMISSION_DENIED, VC_BAD_REQUEST,
 * VC_RATE_LIMITED, VC_SERVER_ERROR, VC_REDIRECT_REFUSED or VC_BAD_REPLY.
 */
enum vc_code sts_refusal_explain(const struct sts_request *request,
                                 const struct signed_reply *answer, const struct sts_reply *reply,
                                 struct vc_error *err);

#endif
