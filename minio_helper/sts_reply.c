/*
 * sts_reply.c - reads STS's XML by expat, by the path of each element (sts_reply.h).
 *
 * Called by sts; fuzzed by tests/fuzz/fuzz_sts_reply.c.
 */
#include "sts_reply.h"

#include <expat.h>
#include <string.h>

#define PATH_MAX_BYTES 256 /* of the names from the root on; the longest one here has 64 */
#define CREDENTIALS "/AssumeRoleResponse/AssumeRoleResult/Credentials/"

static const struct {
    const char *path;
    enum sts_field field;
} places[] = {
    {CREDENTIALS "AccessKeyId", STS_ACCESS_KEY},
    {CREDENTIALS "SecretAccessKey", STS_SECRET_KEY},
    {CREDENTIALS "SessionToken", STS_SESSION_TOKEN},
    {CREDENTIALS "Expiration", STS_EXPIRATION},
    {"/ErrorResponse/Error/Code", STS_ERROR_CODE},
    {"/ErrorResponse/Error/Message", STS_ERROR_WORDS},
    {"/Error/Code", STS_ERROR_CODE},
    {"/Error/Message", STS_ERROR_WORDS},
};

static const size_t field_max[STS_FIELDS] = {
    [STS_ACCESS_KEY] = STS_KEY_MAX,        [STS_SECRET_KEY] = STS_KEY_MAX,
    [STS_SESSION_TOKEN] = STS_TOKEN_MAX,   [STS_EXPIRATION] = STS_EXPIRATION_MAX,
    [STS_ERROR_CODE] = STS_ERROR_CODE_MAX, [STS_ERROR_WORDS] = STS_ERROR_WORDS_MAX,
};

struct reading {
    XML_Parser parser;
    struct sts_reply *reply;
    char path[PATH_MAX_BYTES];
    int depth;
    enum sts_field current; /* STS_FIELDS: an element whose text is of no interest */
    bool seen[STS_FIELDS];
    enum vc_code refusal;
    const char *fault; /* static text that goes with refusal */
};

static void refuse(struct reading *reading, enum vc_code code, const char *fault)
{
    if (reading->refusal != VC_OK)
        return;
    reading->refusal = code;
    reading->fault = fault;
    XML_StopParser(reading->parser, XML_FALSE);
}

static enum sts_field field_at(const char *path)
{
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (strcmp(places[i].path, path) == 0)
            return places[i].field;
    return STS_FIELDS;
}

static void XMLCALL on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
    struct reading *reading = ctx;
    size_t used = strlen(reading->path);
    size_t len = strlen(name);

    (void)attributes;
    if (reading->refusal != VC_OK) /* expat may call once more after it was stopped */
        return;
    if (++reading->depth > STS_DEPTH_MAX || used + len + 2 > sizeof(reading->path)) {
        refuse(reading, VC_BAD_REPLY, "it is nested too deep");
        return;
    }
    if (reading->current != STS_FIELDS) {
        refuse(reading, VC_BAD_REPLY, "a value holds an element");
        return;
    }
    reading->path[used] = '/';
    memcpy(reading->path + used + 1, name, len + 1);
    reading->current = field_at(reading->path);
    if (reading->current == STS_FIELDS)
        return;
    if (reading->seen[reading->current])
        refuse(reading, VC_BAD_REPLY, "a value is there twice");
    else
        reading->seen[reading->current] = true;
}

static void XMLCALL on_end(void *ctx, const XML_Char *name)
{
    struct reading *reading = ctx;

    (void)name;
    if (reading->refusal != VC_OK)
        return;
    reading->depth--;
    reading->current = STS_FIELDS;
    *strrchr(reading->path, '/') = '\0';
}

static void XMLCALL on_text(void *ctx, const XML_Char *text, int len)
{
    struct reading *reading = ctx;
    struct vc_buf *buf;
    size_t size = (size_t)len;

    if (reading->refusal != VC_OK || reading->current == STS_FIELDS)
        return;
    buf = &reading->reply->field[reading->current];
    if (reading->current == STS_ERROR_WORDS && size > buf->max - buf->len)
        size = buf->max - buf->len;
    if (vc_buf_append(buf, text, size))
        return;
    if (buf->too_large)
        refuse(reading, VC_BAD_REPLY, "a value is too long");
    else
        refuse(reading, VC_NO_MEMORY, NULL);
}

/* What a document type can do (entities, files) no STS needs. */
static void XMLCALL on_doctype(void *ctx, const XML_Char *name, const XML_Char *system_id,
                               const XML_Char *public_id, int has_internal_subset)
{
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal_subset;
    refuse(ctx, VC_BAD_REPLY, "it has a document type");
}

void sts_reply_init(struct sts_reply *reply, const struct vc_allocator *allocator)
{
    *reply = (struct sts_reply){.is_error = false};
    for (int i = 0; i < STS_FIELDS; i++)
        vc_buf_init(&reply->field[i], allocator, field_max[i]);
}

void sts_reply_free(struct sts_reply *reply)
{
    for (int i = 0; i < STS_FIELDS; i++)
        vc_buf_free(&reply->field[i]);
}

static bool is_word(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            return false;
    return text[0] != '\0';
}

/* RFC 3339's date-time in UTC, each digit in its place. */
static bool is_timestamp(const char *text)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd";
    const char *c = text;

    for (const char *f = form; *f != '\0'; f++, c++)
        if (*f == 'd' ? *c < '0' || *c > '9' : *c != *f)
            return false;
    if (*c == '.') {
        size_t digits = strspn(++c, "0123456789");

        if (digits == 0)
            return false;
        c += digits;
    }
    return strcmp(c, "Z") == 0;
}

static const char *text_of(const struct sts_reply *reply, enum sts_field field)
{
    return vc_buf_text(&reply->field[field]);
}

/* NULL: the document is of a shape that this module promises. */
static const char *shape_fault(struct sts_reply *reply)
{
    reply->is_error = text_of(reply, STS_ERROR_CODE)[0] != '\0';
    if (reply->is_error)
        return is_word(text_of(reply, STS_ERROR_CODE)) ? NULL : "the error's code is no word";
    for (int i = STS_ACCESS_KEY; i <= STS_SESSION_TOKEN; i++)
        if (!is_word(text_of(reply, i)))
            return "it holds neither credentials nor an error";
    return is_timestamp(text_of(reply, STS_EXPIRATION)) ? NULL : "the expiration is no timestamp";
}

static enum vc_code bad_reply(const char *fault, struct vc_error *err)
{
    return vc_error_set(err, VC_BAD_REPLY, "reply of STS is of no use: %s", fault);
}

static void parse(struct reading *reading, const char *text, size_t len)
{
    XML_Parser parser = reading->parser;

    XML_SetUserData(parser, reading);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    XML_SetStartDoctypeDeclHandler(parser, on_doctype);
    if (XML_Parse(parser, text, (int)len, XML_TRUE) == XML_STATUS_OK || reading->refusal != VC_OK)
        return;
    reading->refusal =
        XML_GetErrorCode(parser) == XML_ERROR_NO_MEMORY ? VC_NO_MEMORY : VC_BAD_REPLY;
    reading->fault = "it is not XML, or cut";
}

enum vc_code sts_reply_parse(struct sts_reply *reply, const char *text, size_t len,
                             struct vc_error *err)
{
    static const XML_Memory_Handling_Suite wiping = {vc_hook_malloc, vc_hook_realloc, vc_hook_free};
    struct reading reading = {.reply = reply, .current = STS_FIELDS, .refusal = VC_OK};
    const char *fault;

    if (len > STS_REPLY_MAX)
        return vc_error_set(err, VC_REPLY_TOO_LARGE, "reply of STS is larger than %d bytes",
                            STS_REPLY_MAX);
    reading.parser = XML_ParserCreate_MM(NULL, &wiping, NULL);
    if (reading.parser == NULL)
        return vc_error_set(err, VC_NO_MEMORY, "out of memory while reading a reply of STS");
    parse(&reading, text, len);
    XML_ParserFree(reading.parser);
    if (reading.refusal == VC_NO_MEMORY)
        return vc_error_set(err, VC_NO_MEMORY, "out of memory while reading a reply of STS");
    if (reading.refusal != VC_OK)
        return bad_reply(reading.fault, err);
    fault = shape_fault(reply);
    return fault == NULL ? VC_OK : bad_reply(fault, err);
}
