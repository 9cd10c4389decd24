/*
 * fuzz_settings.c - lines of "name=value", as the keeper sends them to the fetcher. What was taken
 * must be of the form that settings.h promises, and taken again as it stands.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "settings.h"
#include "tenant_layout.h"

#define LINES_MAX 64

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* A mount or prefix is a path, and so ends up in a request's URL. */
static void check_path(const char *path)
{
    if (path != NULL)
        require(vc_path_valid(path, strlen(path)));
}

static void check_addresses(const struct vc_settings *settings)
{
    char again[VC_ADDRESS_MAX + 1];

    require(settings->address_count <= VC_MAX_ADDRESSES);
    for (size_t i = 0; i < settings->address_count; i++) {
        const char *address = settings->addresses[i];

        require(strncmp(address, "https://", 8) == 0 || strncmp(address, "http://", 7) == 0);
        require(vc_address_parse(address, strlen(address), again) == NULL);
        require(strcmp(again, address) == 0);
        for (size_t j = 0; j < i; j++)
            require(strcmp(settings->addresses[j], address) != 0);
    }
}

static void check_settings(const struct vc_settings *settings)
{
    check_addresses(settings);
    check_path(settings->namespace_path);
    check_path(settings->auth_mount);
    check_path(settings->kv_mount);
    check_path(settings->secret_prefix);
    require(vc_environment_valid(settings->environment));
    require(settings->token == NULL || strpbrk(settings->token, "\r\n ") == NULL);
    require(settings->request_timeout >= 1 && settings->connect_timeout >= 1);
    require(settings->max_retries >= 0);
    require(settings->renew_threshold > 0 && settings->renew_threshold < 1);
    require(settings->renew_check_interval >= 1 && settings->max_request_rate > 0);
}

static void set_line(struct vc_settings *settings, char *line)
{
    char *value = strchr(line, '=');
    struct vc_error err;

    if (value != NULL)
        *value++ = '\0';
    if (vc_settings_set(settings, line, value, &err) != VC_OK)
        require(err.code == VC_BAD_SETTING && err.message[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vc_settings settings, copy;
    char *text = malloc(size + 1);
    char *line = text;
    char *next;

    memcpy(text, data, size);
    text[size] = '\0';
    vc_settings_init(&settings, &vc_wiping_allocator);
    for (int i = 0; i < LINES_MAX && line != NULL; i++, line = next) {
        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        set_line(&settings, line);
    }
    check_settings(&settings);
    vc_settings_check(&settings, NULL);
    require(vc_settings_copy(&copy, &settings, NULL) == VC_OK);
    require(vc_settings_same_identity(&settings, &copy));
    vc_settings_free(&copy);
    vc_settings_free(&settings);
    free(text);
    return 0;
}
