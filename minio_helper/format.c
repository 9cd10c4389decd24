/*
 * format.c - the table of formats (format.h). Called by the commands that put credentials out.
 */
#include "format.h"

#include <string.h>

static const struct format formats[] = {
    {"process", "JSON for credential_process of the AWS CLI and SDKs, and for pgBackRest", false,
     false, format_process},
    {"json", "JSON with the names that the secret has in Vault", false, true, format_json},
    {"env", "sh: export NAME='value'", true, true, format_env},
    {"env-no-export", "sh: NAME='value'", true, true, format_env_no_export},
    {"fish", "fish: set -gx NAME 'value'", true, true, format_fish},
    {"powershell", "PowerShell: $env:NAME = 'value'", true, true, format_powershell},
    {"systemd", "EnvironmentFile= of a systemd unit", true, true, format_systemd},
    {"systemd-credentials", "a folder for LoadCredential= of a systemd unit, a file for each value",
     false, true, NULL},
    {"docker-run", "docker run --env-file", true, true, format_docker_run},
    {"compose", "env_file of Docker Compose", true, true, format_compose},
    {"aws", "a profile for ~/.aws/config", false, true, format_aws},
    {"mc", "JSON for mc alias import", false, true, format_mc},
    {"mc-host", "sh: export MC_HOST_alias=... for mc", false, true, format_mc_host},
    {"rclone", "a remote for rclone.conf", false, true, format_rclone},
    {"s3cmd", "~/.s3cfg of s3cmd", false, true, format_s3cmd},
    {"pgbackrest", "repo1-s3-* of pgbackrest.conf", false, true, format_pgbackrest},
    {"minio", "MINIO_CONFIG_ENV_FILE of the MinIO server: its root user", false, false,
     format_minio},
};

const struct format *format_at(size_t index)
{
    return index < sizeof(formats) / sizeof(formats[0]) ? &formats[index] : NULL;
}

const struct format *format_find(const char *name)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

enum vc_code format_refuse(const char *format, const char *field, const char *why,
                           struct vc_error *err)
{
    return vc_error_set(err, VC_BAD_SECRET, "format %s cannot carry this %s: %s", format, field,
                        why);
}

enum vc_code format_ended(const struct vc_buf *out, struct vc_error *err)
{
    if (!out->failed)
        return VC_OK;
    if (out->too_large)
        return vc_error_set(err, VC_BAD_SECRET, "output is longer than %zu bytes", out->max);
    return vc_error_set(err, VC_NO_MEMORY, "out of memory while writing credentials");
}
