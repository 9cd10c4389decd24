/*
 * answer.c - ANSWER and WRITTEN frames (answer.h).
 */
#include "answer.h"

#include <string.h>

/*
 * What all answers have together, and every field's header: six texts of struct vc_error and struct
 * answer_origin, 16 fields at most.
 */
#define FIXED_SIZE                                                                                 \
    (VC_MESSAGE_SIZE + VC_HINT_SIZE + VC_REQUEST_ID_SIZE + VC_CREATED_TIME_SIZE +                  \
     16 * (FRAME_FIELD_HEADER_SIZE + sizeof(int64_t)))

/* Empty texts are left out: nothing distinguishes them from none. */
static void put_text(struct frame_writer *writer, enum frame_tag tag, const char *text)
{
    if (text != NULL && text[0] != '\0')
        frame_put_text(writer, (uint8_t)tag, text);
}

static bool answer_error_by(struct channel *channel, enum frame_type type, uint64_t id,
                            const struct vc_error *err)
{
    struct frame_writer writer;

    if (!channel_begin(channel, &writer, FIXED_SIZE, type, id))
        return false;
    frame_put_number(&writer, TAG_OUTCOME, err->code);
    put_text(&writer, TAG_MESSAGE, err->message);
    put_text(&writer, TAG_HINT, err->hint);
    if (err->http_status != 0)
        frame_put_number(&writer, TAG_HTTP_STATUS, err->http_status);
    put_text(&writer, TAG_REQUEST_ID, err->request_id);
    return channel_end(channel, &writer);
}

bool answer_error(struct channel *channel, uint64_t id, const struct vc_error *err)
{
    return answer_error_by(channel, FRAME_ANSWER, id, err);
}

bool answer_write_error(struct channel *channel, uint64_t id, const struct vc_error *err)
{
    return answer_error_by(channel, FRAME_WRITTEN, id, err);
}

bool answer_written(struct channel *channel, uint64_t id, long long version, bool existed)
{
    struct frame_writer writer;

    if (!channel_begin(channel, &writer, FIXED_SIZE, FRAME_WRITTEN, id))
        return false;
    frame_put_number(&writer, TAG_OUTCOME, VC_OK);
    if (version > 0)
        frame_put_number(&writer, TAG_VERSION, version);
    frame_put_number(&writer, TAG_EXISTED, existed);
    return channel_end(channel, &writer);
}

static bool answer_no_room(struct channel *channel, uint64_t id, size_t size)
{
    struct vc_error err;

    if (size > FRAME_PAYLOAD_MAX)
        vc_error_set(&err, VC_REPLY_TOO_LARGE, "secret needs %zu bytes, at most %u can be kept",
                     size, FRAME_PAYLOAD_MAX);
    else
        vc_error_set(&err, VC_NO_MEMORY, "out of memory in tenant-vault-fetcher");
    return answer_error(channel, id, &err);
}

static void put_origin(struct frame_writer *writer, const struct answer_origin *origin)
{
    frame_put_number(writer, TAG_OUTCOME, VC_OK);
    put_text(writer, TAG_REQUEST_ID, origin->request_id);
    if (origin->version > 0)
        frame_put_number(writer, TAG_VERSION, origin->version);
    put_text(writer, TAG_CREATED_TIME, origin->created_time);
}

bool answer_connection(struct channel *channel, uint64_t id, const struct answer_origin *origin,
                       const struct vc_connection *connection)
{
    const struct {
        enum frame_tag tag;
        const char *text;
    } fields[] = {
        {TAG_CONNINFO, vc_buf_text(&connection->conninfo)},
        {TAG_URL, vc_buf_text(&connection->url)},
        {TAG_HOST, connection->host},
        {TAG_PORT, connection->port},
        {TAG_DBNAME, connection->dbname},
        {TAG_USERNAME, connection->username},
        {TAG_PASSWORD, connection->password},
        {TAG_SSLMODE, connection->sslmode},
        {TAG_SCRAM_VERIFIER, connection->scram_verifier},
    };
    const size_t count = sizeof(fields) / sizeof(fields[0]);
    size_t size = FIXED_SIZE;
    struct frame_writer writer;

    for (size_t i = 0; i < count; i++)
        size += fields[i].text != NULL ? strlen(fields[i].text) : 0;
    if (!channel_begin(channel, &writer, size, FRAME_ANSWER, id))
        return answer_no_room(channel, id, size);
    /* Backends walk over the fields as they stand here: what is asked for most comes first. */
    for (size_t i = 0; i < count; i++)
        put_text(&writer, fields[i].tag, fields[i].text);
    put_origin(&writer, origin);
    return channel_end(channel, &writer);
}

bool answer_data(struct channel *channel, uint64_t id, const struct answer_origin *origin,
                 const cJSON *data)
{
    char *text = cJSON_PrintUnformatted(data);
    size_t size = FIXED_SIZE + (text != NULL ? strlen(text) : 0);
    struct frame_writer writer;
    bool queued;

    if (text == NULL || !channel_begin(channel, &writer, size, FRAME_ANSWER, id)) {
        queued = answer_no_room(channel, id, size);
    } else {
        put_origin(&writer, origin);
        frame_put_text(&writer, TAG_DATA, text);
        queued = channel_end(channel, &writer);
    }
    cJSON_free(text); /* the wiping hook */
    return queued;
}
