/*
 * format.h - the forms in which credentials are put out, each for one reader.
 *
 * A format quotes as its reader unquotes. A value that the reader would change is refused
 * (VC_BAD_SECRET, exit status 6), never bent.
 */
#ifndef MH_FORMAT_H
#define MH_FORMAT_H

#include <stdbool.h>

#include "env_variable.h"
#include "error.h"
#include "s3_credentials.h"
#include "secret_buffer.h"

#define FORMAT_OUTPUT_MAX (1 << 20) /* three keys of full length, each byte escaped */

struct format_request {
    const struct s3_credentials *credentials;
    const char *alias; /* of the profile, remote or alias, for formats that name one */
    const struct env_variable
        *variables; /* what formats that write variables write, and only that */
    size_t variable_count;
};

/* Appends the whole output to out. */
typedef enum vc_code (*format_render)(const struct format_request *request, struct vc_buf *out,
                                      struct vc_error *err);

struct format {
    const char *name;
    const char *summary;
    bool writes_variables; /* and reads nothing else of the request */
    bool needs_location;   /* says endpoint, bucket or region as well */
    format_render render;  /* NULL: a file for each value, in a folder (secret_folder.h) */
};

/* NULL: no such format. */
const struct format *format_find(const char *name);
/* All, in the order of the help; NULL behind the last. */
const struct format *format_at(size_t index);

/* For formats: "format F cannot carry <field>: <why>", VC_BAD_SECRET. */
enum vc_code format_refuse(const char *format, const char *field, const char *why,
                           struct vc_error *err);
/* For formats: VC_OK, or what made the buffer fail. */
enum vc_code format_ended(const struct vc_buf *out, struct vc_error *err);

/* --- by families, each in the file of its name; called through the table only --- */
enum vc_code format_process(const struct format_request *request, struct vc_buf *out,
                            struct vc_error *err);
enum vc_code format_json(const struct format_request *request, struct vc_buf *out,
                         struct vc_error *err);
enum vc_code format_env(const struct format_request *request, struct vc_buf *out,
                        struct vc_error *err);
enum vc_code format_env_no_export(const struct format_request *request, struct vc_buf *out,
                                  struct vc_error *err);
enum vc_code format_fish(const struct format_request *request, struct vc_buf *out,
                         struct vc_error *err);
enum vc_code format_powershell(const struct format_request *request, struct vc_buf *out,
                               struct vc_error *err);
enum vc_code format_systemd(const struct format_request *request, struct vc_buf *out,
                            struct vc_error *err);
enum vc_code format_docker_run(const struct format_request *request, struct vc_buf *out,
                               struct vc_error *err);
enum vc_code format_compose(const struct format_request *request, struct vc_buf *out,
                            struct vc_error *err);
enum vc_code format_minio(const struct format_request *request, struct vc_buf *out,
                          struct vc_error *err);
enum vc_code format_aws(const struct format_request *request, struct vc_buf *out,
                        struct vc_error *err);
enum vc_code format_rclone(const struct format_request *request, struct vc_buf *out,
                           struct vc_error *err);
enum vc_code format_s3cmd(const struct format_request *request, struct vc_buf *out,
                          struct vc_error *err);
enum vc_code format_pgbackrest(const struct format_request *request, struct vc_buf *out,
                               struct vc_error *err);
enum vc_code format_mc(const struct format_request *request, struct vc_buf *out,
                       struct vc_error *err);
enum vc_code format_mc_host(const struct format_request *request, struct vc_buf *out,
                            struct vc_error *err);

#endif
