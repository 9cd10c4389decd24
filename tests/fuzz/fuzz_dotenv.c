/*
 * fuzz_dotenv.c - any bytes as an .env file. What is accepted must hold what dotenv.h promises, and
 * what is refused must say where.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dotenv.h"
#include "utf8.h"

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void require_entry(const struct dotenv_entry *entry, size_t line, size_t size)
{
    require(entry->line >= line && entry->line <= size + 1);
    require(entry->name[0] != '\0' && strlen(entry->name) <= DOTENV_NAME_MAX);
    require(strpbrk(entry->name, " \t\r\n='\"$") == NULL);
    require(strlen(entry->value) <= size);
    require(vc_utf8_valid(entry->value, strlen(entry->value)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dotenv dotenv;
    struct vc_error err = {.code = VC_OK};
    enum vc_code code =
        dotenv_parse(&dotenv, &vc_wiping_allocator, ".env", (const char *)data, size, &err);

    if (code == VC_OK) {
        size_t line = 1;

        require(dotenv.count <= DOTENV_ENTRIES_MAX);
        for (size_t i = 0; i < dotenv.count; i++) {
            require_entry(&dotenv.entries[i], line, size);
            line = dotenv.entries[i].line;
        }
    } else {
        require(code == VC_BAD_SETTING && err.code == code);
        require(strncmp(err.message, "\".env\"", 6) == 0);
    }
    dotenv_free(&dotenv);
    return 0;
}
