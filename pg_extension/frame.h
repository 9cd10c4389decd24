/*
 * frame.h - what keeper and fetcher say to each other over their socketpair.
 *
 * Both ends are built together and run on one machine: numbers are in native byte order. Both ends
 * treat the other's bytes as hostile: every length is checked against what is there and against the
 * bounds below before it is used. The codec works on memory alone (fuzzed by
 * tests/fuzz/fuzz_frame.c).
 *
 *   frame   := header payload
 *   header  := u32 payload length, u8 type, u8 FRAME_VERSION, u16 zero, u64 id
 *   payload := field*
 *   field   := u8 tag, u32 length, bytes
 *
 * The payload of an answer is kept in the shared cache as it is, and backends read their fields out
 * of it.
 */
#ifndef TV_FRAME_H
#define TV_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_VERSION 1
#define FRAME_HEADER_SIZE 16
#define FRAME_FIELD_HEADER_SIZE 5
/* A KV entry is below 1 MiB on raft; as JSON text with escapes it stays below twice that. */
#define FRAME_PAYLOAD_MAX (2u << 20)

enum frame_type {
    /* keeper to fetcher */
    FRAME_SETTINGS = 1, /* SCOPE, CACHE_TTL, NEGATIVE_TTL, perhaps REFUSAL, then pairs of
                           SETTING_NAME and SETTING_VALUE */
    FRAME_FETCH = 2,    /* id; KIND, SCOPE, NAME, WANTED_VERSION, TIMEOUT, perhaps CACHE_TTL */
    FRAME_CANCEL = 3,   /* id of a fetch nobody waits for */
    FRAME_PING = 4,     /* id */
    FRAME_WRITE = 5,    /* id; OPERATION, SCOPE, NAME, TIMEOUT; to create or rotate SALT and
                           ITERATIONS; to create USERNAME and perhaps HOST, PORT, DBNAME. No secret:
                           the fetcher makes the password, and nobody else sees it on its way to
                           Vault */

    /* fetcher to keeper */
    FRAME_ANSWER = 16, /* id; OUTCOME, MESSAGE, HINT, HTTP_STATUS, REQUEST_ID, VERSION,
                          CREATED_TIME, LEASE, the value */
    FRAME_STATUS = 17, /* the ST_ fields */
    FRAME_LOG = 18,    /* LOG_LEVEL, MESSAGE */
    FRAME_PONG = 19,   /* id */
    FRAME_WRITTEN = 20 /* id of a WRITE; OUTCOME, MESSAGE, HINT, HTTP_STATUS, REQUEST_ID, VERSION,
                          EXISTED */
};

/* Texts carry no terminating NUL. Numbers are i64. */
enum frame_tag {
    /* Namespace, mount, prefix, environment joined by newlines; compared, never parsed. */
    TAG_SCOPE = 1,
    TAG_KIND = 2,           /* enum frame_kind */
    TAG_NAME = 3,           /* tenant, or path below the prefix; "" for a list */
    TAG_WANTED_VERSION = 4, /* 0: the newest */
    TAG_TIMEOUT = 5,        /* ms for the whole operation */
    TAG_SETTING_NAME = 6,   /* of vc_settings_set */
    TAG_SETTING_VALUE = 7,
    /* ms. In the settings: how long the fetcher keeps the platform's template. In a fetch: how old
     * the template may be for this one. */
    TAG_CACHE_TTL = 8,
    TAG_NEGATIVE_TTL = 9, /* ms */
    /* What the last fetcher said in ST_REFUSAL, for the next one: absent after a reload. */
    TAG_REFUSAL = 10,
    TAG_OPERATION = 11,  /* enum frame_operation */
    TAG_SALT = 12,       /* bytes, of the SCRAM verifier that goes beside the password */
    TAG_ITERATIONS = 13, /* of the same */

    TAG_OUTCOME = 20, /* enum vc_code; VC_CANCELLED: the scope is not the fetcher's, ask again */
    TAG_MESSAGE = 21,
    TAG_HINT = 22,
    TAG_HTTP_STATUS = 23,
    TAG_REQUEST_ID = 24,
    TAG_VERSION = 25, /* absent where there is none (template alone, KV v1, list) */
    TAG_CREATED_TIME = 26,
    TAG_LEASE = 27,   /* ms from now that the value lives at most; absent: no lease */
    TAG_EXISTED = 28, /* 1: what was to be created was there already and has been left as it is */

    TAG_CONNINFO = 32,
    TAG_URL = 33,
    TAG_HOST = 34,
    TAG_PORT = 35,
    TAG_DBNAME = 36,
    TAG_USERNAME = 37,
    TAG_PASSWORD = 38,
    TAG_SSLMODE = 39,
    TAG_SCRAM_VERIFIER = 40,
    TAG_DATA = 41, /* JSON text: a secret's fields, or a list's names */
    TAG_DERIVED_VERIFIER =
        42, /* never on the wire: what a login derived of PASSWORD, in the cache */

    TAG_LOG_LEVEL = 50, /* enum vc_log_level */

    TAG_ST_ADDRESS = 64,
    TAG_ST_HEALTH = 65, /* text of vc_health_text */
    TAG_ST_REACHABLE = 66,
    TAG_ST_LOGGED_IN = 67,
    TAG_ST_TOKEN_RENEWABLE = 68,
    TAG_ST_TOKEN_NEVER_EXPIRES = 69,
    TAG_ST_TOKEN_TTL = 70, /* ms left */
    TAG_ST_CAN_LOG_IN = 71,
    TAG_ST_REQUESTS = 72,
    TAG_ST_LOGINS = 73,
    TAG_ST_RENEWALS = 74,
    TAG_ST_FAILURES = 75,
    TAG_ST_ERROR = 76, /* text of the last error */
    TAG_ST_ERROR_CODE = 77,
    TAG_ST_ERROR_AGE = 78, /* ms */
    TAG_ST_REFUSAL = 79,   /* a refused login, for the next fetcher: the keeper only keeps it */
    TAG_ST_LOGIN_FAILURES = 80,
    TAG_ST_RENEWAL_FAILURES = 81
};

enum frame_kind {
    KIND_TENANT = 't', /* NAME is a tenant: its connection */
    KIND_SECRET = 's', /* NAME is a path below the prefix */
    KIND_LIST = 'l'    /* the tenants that Vault lists */
};

/* What is done to a tenant's database secret. Each reads it first, and writes with check-and-set.
 */
enum frame_operation {
    OPERATION_CREATE = 'c', /* where there is none, or its newest version is deleted */
    OPERATION_ROTATE = 'r', /* a new password and verifier; its other fields stay */
    OPERATION_DELETE = 'd', /* the newest version, which can be undeleted */
    OPERATION_DESTROY = 'x' /* all versions, for good */
};

struct frame_header {
    uint32_t length; /* of the payload, at most FRAME_PAYLOAD_MAX */
    uint8_t type;
    uint64_t id;
};

struct frame_field {
    uint8_t tag;
    const unsigned char *data; /* into the payload */
    uint32_t len;
};

/* Writing: into the caller's memory. Past its end nothing is written and overflow is set. */
struct frame_writer {
    unsigned char *memory;
    size_t size, used;
    bool overflow;
};
void frame_begin(struct frame_writer *writer, void *memory, size_t size, uint8_t type, uint64_t id);
void frame_put(struct frame_writer *writer, uint8_t tag, const void *data, size_t len);
/* NULL: left out. */
void frame_put_text(struct frame_writer *writer, uint8_t tag, const char *text);
void frame_put_number(struct frame_writer *writer, uint8_t tag, int64_t number);
/* Fills in the length. Returns the whole frame's size, 0 after an overflow or beyond
 * FRAME_PAYLOAD_MAX. */
size_t frame_end(struct frame_writer *writer);

/* Reading. 1: header filled in; 0: more bytes needed; -1: malformed (version, zeros, length). */
int frame_header_read(const void *bytes, size_t available, struct frame_header *header);
/* True where the payload is a sequence of whole fields. The functions below may then be used. */
bool frame_payload_valid(const void *payload, size_t len);
/* The field at *offset, which moves on; false at the end or where it is malformed. */
bool frame_next(const void *payload, size_t len, size_t *offset, struct frame_field *field);
/* The first field with that tag; false, and an empty one, where there is none. */
bool frame_find(const void *payload, size_t len, uint8_t tag, struct frame_field *field);
/* A number field's value; fallback where it is absent or not 8 bytes long. */
int64_t frame_find_number(const void *payload, size_t len, uint8_t tag, int64_t fallback);

#endif
