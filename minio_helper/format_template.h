/*
 * format_template.h - credentials in a form that the user describes.
 *
 * {{name}} stands for a value, {{name|json}}, {{name|sh}} and {{name|url}} for the value quoted.
 * Names: access_key_id, secret_access_key, session_token, expiration, endpoint_url, bucket_name,
 * prefix, region, tenant. A line that names an absent value is left out as a whole.
 */
#ifndef MH_FORMAT_TEMPLATE_H
#define MH_FORMAT_TEMPLATE_H

#include "format.h"

/*
 * Appends template, filled in. VC_BAD_SETTING: an unknown name or quoting, or {{ without }}; the
 * message gives the line's number. VC_NO_MEMORY.
 */
enum vc_code format_template(const struct s3_credentials *credentials, const char *template_text,
                             struct vc_buf *out, struct vc_error *err);

#endif
