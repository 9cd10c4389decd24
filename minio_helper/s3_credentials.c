/*
 * s3_credentials.c - holds one set of S3 credentials, and wipes it (s3_credentials.h).
 */
#include "s3_credentials.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

void s3_credentials_init(struct s3_credentials *credentials, const struct vc_allocator *allocator)
{
    *credentials = (struct s3_credentials){.allocator = allocator};
}

bool s3_credentials_set(struct s3_credentials *credentials, char **field, const char *text)
{
    char *copy = NULL;

    if (text != NULL && text[0] != '\0') {
        copy = vc_strdup(credentials->allocator, text);
        if (copy == NULL)
            return false;
    }
    vc_strfree(credentials->allocator, *field);
    *field = copy;
    return true;
}

void s3_credentials_free(struct s3_credentials *credentials)
{
    char **fields[] = {
        &credentials->access_key,   &credentials->secret_key,       &credentials->session_token,
        &credentials->expiration,   &credentials->endpoint_url,     &credentials->bucket,
        &credentials->prefix,       &credentials->region,           &credentials->tenant,
        &credentials->sts_role_arn, &credentials->sts_endpoint_url,
    };

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        s3_credentials_set(credentials, fields[i], NULL);
}

bool s3_credentials_seconds_left(const struct s3_credentials *credentials, long *seconds)
{
    struct tm parts = {.tm_sec = 0};
    const char *end;

    if (credentials->expiration == NULL)
        return false;
    end = strptime(credentials->expiration, "%Y-%m-%dT%H:%M:%S", &parts);
    /* A fraction may follow; an offset other than Z would be another time. */
    if (end == NULL || credentials->expiration[strlen(credentials->expiration) - 1] != 'Z')
        return false;
    *seconds = (long)(timegm(&parts) - time(NULL));
    return true;
}
