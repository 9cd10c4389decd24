/*
 * s3_variables.c - sets of environment variables (s3_variables.h). Called by the formats that write
 * variables, and by exec.
 */
#include "s3_variables.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define AWS_ENDPOINT "https://s3.amazonaws.com" /* for programs that must be given one */

enum part {
    PART_END,
    PART_ACCESS_KEY,
    PART_SECRET_KEY,
    PART_SESSION_TOKEN,
    PART_EXPIRATION,
    PART_ENDPOINT,
    PART_BUCKET,
    PART_PREFIX,
    PART_REGION,
    PART_S3_URL,            /* s3://bucket/prefix */
    PART_RESTIC_REPOSITORY, /* s3:https://host/bucket/prefix */
    PART_TLS_HOST,          /* the endpoint without "https://"; http is refused */
    PART_ROOTED_PREFIX,     /* /prefix */
    PART_TRUE_AT_ENDPOINT,  /* "true" where an endpoint is given */
    PART_LITERAL
};

struct named_part {
    const char *name;
    enum part part;
    const char *literal;
};

struct s3_names {
    const char *name;
    struct named_part parts[S3_VARIABLES_MAX];
};

/* Names and meaning: each program's documentation. */
static const struct s3_names sets[] = {
    /* AWS SDKs and Tools Reference Guide, "Settings reference". Both names of the region: the CLI
     * and botocore read one, the other SDKs the other. */
    {"aws",
     {{"AWS_ACCESS_KEY_ID", PART_ACCESS_KEY, NULL},
      {"AWS_SECRET_ACCESS_KEY", PART_SECRET_KEY, NULL},
      {"AWS_SESSION_TOKEN", PART_SESSION_TOKEN, NULL},
      {"AWS_CREDENTIAL_EXPIRATION", PART_EXPIRATION, NULL},
      {"AWS_ENDPOINT_URL_S3", PART_ENDPOINT, NULL},
      {"AWS_REGION", PART_REGION, NULL},
      {"AWS_DEFAULT_REGION", PART_REGION, NULL}}},
    {"app",
     {{"S3_ENDPOINT_URL", PART_ENDPOINT, NULL},
      {"S3_ACCESS_KEY_ID", PART_ACCESS_KEY, NULL},
      {"S3_SECRET_ACCESS_KEY", PART_SECRET_KEY, NULL},
      {"S3_SESSION_TOKEN", PART_SESSION_TOKEN, NULL},
      {"S3_BUCKET_NAME", PART_BUCKET, NULL},
      {"S3_PREFIX", PART_PREFIX, NULL},
      {"S3_REGION", PART_REGION, NULL}}},
    /* pgBackRest configuration reference, "Repository Options". */
    {"pgbackrest",
     {{"PGBACKREST_REPO1_TYPE", PART_LITERAL, "s3"},
      {"PGBACKREST_REPO1_S3_KEY", PART_ACCESS_KEY, NULL},
      {"PGBACKREST_REPO1_S3_KEY_SECRET", PART_SECRET_KEY, NULL},
      {"PGBACKREST_REPO1_S3_TOKEN", PART_SESSION_TOKEN, NULL},
      {"PGBACKREST_REPO1_S3_ENDPOINT", PART_TLS_HOST, NULL},
      {"PGBACKREST_REPO1_S3_BUCKET", PART_BUCKET, NULL},
      {"PGBACKREST_REPO1_S3_REGION", PART_REGION, NULL},
      {"PGBACKREST_REPO1_S3_URI_STYLE", PART_LITERAL, "path"},
      {"PGBACKREST_REPO1_PATH", PART_ROOTED_PREFIX, NULL}}},
    /* WAL-G, "Storages: S3". */
    {"wal-g",
     {{"AWS_ACCESS_KEY_ID", PART_ACCESS_KEY, NULL},
      {"AWS_SECRET_ACCESS_KEY", PART_SECRET_KEY, NULL},
      {"AWS_SESSION_TOKEN", PART_SESSION_TOKEN, NULL},
      {"AWS_ENDPOINT", PART_ENDPOINT, NULL},
      {"AWS_REGION", PART_REGION, NULL},
      {"AWS_S3_FORCE_PATH_STYLE", PART_TRUE_AT_ENDPOINT, NULL},
      {"WALG_S3_PREFIX", PART_S3_URL, NULL}}},
    /* restic, "Preparing a new repository: Amazon S3, S3-compatible storage". */
    {"restic",
     {{"AWS_ACCESS_KEY_ID", PART_ACCESS_KEY, NULL},
      {"AWS_SECRET_ACCESS_KEY", PART_SECRET_KEY, NULL},
      {"AWS_SESSION_TOKEN", PART_SESSION_TOKEN, NULL},
      {"AWS_DEFAULT_REGION", PART_REGION, NULL},
      {"RESTIC_REPOSITORY", PART_RESTIC_REPOSITORY, NULL}}},
    /* Litestream, "Configuration File: Environment Variables"; the token by the SDK below it. */
    {"litestream",
     {{"LITESTREAM_ACCESS_KEY_ID", PART_ACCESS_KEY, NULL},
      {"LITESTREAM_SECRET_ACCESS_KEY", PART_SECRET_KEY, NULL},
      {"AWS_SESSION_TOKEN", PART_SESSION_TOKEN, NULL},
      {"LITESTREAM_ENDPOINT", PART_ENDPOINT, NULL},
      {"LITESTREAM_REGION", PART_REGION, NULL}}},
    /* The names that a secret has in Vault: for files, and for what a terminal is shown. */
    {"fields",
     {{"access_key_id", PART_ACCESS_KEY, NULL},
      {"secret_access_key", PART_SECRET_KEY, NULL},
      {"session_token", PART_SESSION_TOKEN, NULL},
      {"expiration", PART_EXPIRATION, NULL},
      {"endpoint_url", PART_ENDPOINT, NULL},
      {"bucket_name", PART_BUCKET, NULL},
      {"prefix", PART_PREFIX, NULL},
      {"region", PART_REGION, NULL}}},
    /* The MinIO server's own root user. */
    {"minio",
     {{"MINIO_ROOT_USER", PART_ACCESS_KEY, NULL}, {"MINIO_ROOT_PASSWORD", PART_SECRET_KEY, NULL}}},
};

const struct s3_names *s3_names_find(const char *name)
{
    for (size_t i = 0; i < COUNT(sets); i++)
        if (strcmp(sets[i].name, name) == 0)
            return &sets[i];
    return NULL;
}

const char *s3_names_all(void)
{
    return "aws, app, pgbackrest, wal-g, restic, litestream, minio";
}

const char *s3_names_variable(const struct s3_names *names, size_t index)
{
    return index < S3_VARIABLES_MAX ? names->parts[index].name : NULL;
}

static const char *endpoint_of(const struct s3_credentials *credentials)
{
    return credentials->endpoint_url != NULL ? credentials->endpoint_url : AWS_ENDPOINT;
}

/* Appends "<bucket>[/<prefix without its slash>]". */
static void append_bucket(struct vc_buf *out, const struct s3_credentials *credentials)
{
    vc_buf_append_text(out, credentials->bucket);
    if (credentials->prefix == NULL)
        return;
    vc_buf_append_text(out, "/");
    vc_buf_append(out, credentials->prefix, strlen(credentials->prefix) - 1);
}

/* Puts a value together; one that stays empty is absent. */
static enum vc_code derive(struct vc_buf *out, enum part part,
                           const struct s3_credentials *credentials, struct vc_error *err)
{
    const char *endpoint = endpoint_of(credentials);

    switch (part) {
    case PART_S3_URL:
    case PART_RESTIC_REPOSITORY:
        if (credentials->bucket == NULL)
            break;
        vc_buf_append_text(out, part == PART_S3_URL ? "s3://" : "s3:");
        if (part == PART_RESTIC_REPOSITORY)
            vc_buf_append_format(out, "%s/", endpoint);
        append_bucket(out, credentials);
        break;
    case PART_TLS_HOST:
        if (strncmp(endpoint, "https://", strlen("https://")) != 0) {
            vc_error_set(err, VC_BAD_SECRET,
                         "pgBackRest speaks TLS only, and endpoint_url is http");
            vc_error_hint(err,
                          "give the server a certificate and write https:// into endpoint_url");
            return VC_BAD_SECRET;
        }
        vc_buf_append_text(out, endpoint + strlen("https://"));
        break;
    case PART_ROOTED_PREFIX:
        if (credentials->prefix != NULL)
            vc_buf_append_format(out, "/%.*s", (int)strlen(credentials->prefix) - 1,
                                 credentials->prefix);
        break;
    default:
        break;
    }
    return out->failed ? vc_error_set(err, VC_NO_MEMORY, "out of memory while naming variables")
                       : VC_OK;
}

static const char *plain_value(const struct named_part *part,
                               const struct s3_credentials *credentials)
{
    switch (part->part) {
    case PART_ACCESS_KEY:
        return credentials->access_key;
    case PART_SECRET_KEY:
        return credentials->secret_key;
    case PART_SESSION_TOKEN:
        return credentials->session_token;
    case PART_EXPIRATION:
        return credentials->expiration;
    case PART_ENDPOINT:
        return credentials->endpoint_url;
    case PART_BUCKET:
        return credentials->bucket;
    case PART_PREFIX:
        return credentials->prefix;
    case PART_REGION:
        return credentials->region;
    case PART_TRUE_AT_ENDPOINT:
        return credentials->endpoint_url != NULL ? "true" : NULL;
    case PART_LITERAL:
        return part->literal;
    default:
        return NULL;
    }
}

enum vc_code s3_variables_fill(struct s3_variables *variables, const struct s3_names *names,
                               const struct s3_credentials *credentials, struct vc_error *err)
{
    variables->count = 0;
    for (size_t i = 0; i < S3_VARIABLES_MAX; i++)
        vc_buf_init(&variables->derived[i], credentials->allocator, S3_DERIVED_MAX);

    for (size_t i = 0; i < S3_VARIABLES_MAX && names->parts[i].part != PART_END; i++) {
        const char *value = plain_value(&names->parts[i], credentials);
        struct vc_buf *derived = &variables->derived[i];

        if (value == NULL) {
            enum vc_code code = derive(derived, names->parts[i].part, credentials, err);

            if (code != VC_OK)
                return code;
            value = derived->data;
        }
        variables->list[variables->count++] =
            (struct env_variable){.name = names->parts[i].name, .value = value};
    }
    return VC_OK;
}

void s3_variables_free(struct s3_variables *variables)
{
    for (size_t i = 0; i < S3_VARIABLES_MAX; i++)
        vc_buf_free(&variables->derived[i]);
    variables->count = 0;
}
