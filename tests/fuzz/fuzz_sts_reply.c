/*
 * fuzz_sts_reply.c - any bytes as a reply of STS. What is accepted must hold what sts_reply.h
 * promises.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sts_reply.h"

static void require(bool holds)
{
    if (!holds)
        abort();
}

static const char *text_of(const struct sts_reply *reply, enum sts_field field)
{
    const char *text = vc_buf_text(&reply->field[field]);

    require(strlen(text) == reply->field[field].len); /* XML holds no NUL */
    return text;
}

static void require_word(const char *text)
{
    require(text[0] != '\0');
    for (; *text != '\0'; text++)
        require(*text > ' ' && *text <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sts_reply reply;
    struct vc_error err = {.code = VC_OK};
    enum vc_code code;

    sts_reply_init(&reply, &vc_wiping_allocator);
    code = sts_reply_parse(&reply, (const char *)data, size, &err);
    if (code == VC_OK && reply.is_error) {
        require_word(text_of(&reply, STS_ERROR_CODE));
        require(strlen(text_of(&reply, STS_ERROR_WORDS)) <= STS_ERROR_WORDS_MAX);
    } else if (code == VC_OK) {
        for (int i = STS_ACCESS_KEY; i <= STS_EXPIRATION; i++)
            require_word(text_of(&reply, i));
        require(strlen(text_of(&reply, STS_ACCESS_KEY)) <= STS_KEY_MAX);
        require(strlen(text_of(&reply, STS_SESSION_TOKEN)) <= STS_TOKEN_MAX);
    } else {
        require(code == VC_BAD_REPLY || code == VC_REPLY_TOO_LARGE);
        require(err.code == code && err.message[0] != '\0');
    }
    sts_reply_free(&reply);
    return 0;
}
