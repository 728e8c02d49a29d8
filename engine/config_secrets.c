/* SPDX-License-Identifier: Apache-2.0
 * Keys from files into the configuration, and out of the environment. */
#include "engine/config.h"

#include "engine/secret_file.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define KEY_SIZE_MAX 1024

/* A line: what editors and `echo` add is no part of a key. */
static size_t
trimmed(const char *text, size_t size)
{
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r'))
        size--;
    return size;
}

static enum engine_code
text_check(const struct secret_file *file, const char *text, size_t size,
           struct error *reterr)
{
    const char *why = NULL;
    if (size == 0)
        why = "is empty";
    for (size_t i = 0; i < size && why == NULL; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x21 || c > 0x7e)
            why = "holds more than one line of visible ASCII";
    }
    return why == NULL ? ENGINE_OK
                       : error_set(reterr, ENGINE_EINPUT, "%s %s %s", file->key,
                                   file->path, why);
}

static enum engine_code
key_read(const char *name, const char *path, char **place, struct error *reterr)
{
    char text[KEY_SIZE_MAX + 1];
    size_t size = 0;
    const struct secret_file file = { name, path, true };
    if (path == NULL)
        return ENGINE_OK;
    if (*place != NULL)
        return error_set(reterr, ENGINE_EINPUT,
                         "%s: the key itself is set, too: remove one of both",
                         name);
    enum engine_code code =
        secret_file_read(&file, text, KEY_SIZE_MAX, &size, reterr);
    if (code == ENGINE_OK) {
        size = trimmed(text, size);
        code = text_check(&file, text, size, reterr);
    }
    if (code == ENGINE_OK) {
        *place = strndup(text, size);
        if (*place == NULL)
            code = error_memory(reterr);
    }
    explicit_bzero(text, sizeof(text));
    return code;
}

enum engine_code
server_config_read_keys(struct server_config *config, struct error *reterr)
{
    enum engine_code code = key_read(
        "service.api_key_file", config->api_key_file, &config->api_key, reterr);
    if (code == ENGINE_OK)
        code = key_read("service.alt_api_key_file", config->alt_api_key_file,
                        &config->alt_api_key, reterr);
    if (code == ENGINE_OK)
        code = key_read("service.read_only_api_key_file",
                        config->read_only_api_key_file,
                        &config->read_only_api_key, reterr);
    return code;
}

void
server_config_hide(char **environment)
{
    static const char *const names[] = {
        "QDRANT__SERVICE__API_KEY=",
        "QDRANT__SERVICE__ALT_API_KEY=",
        "QDRANT__SERVICE__READ_ONLY_API_KEY=",
    };
    for (; *environment != NULL; environment++) {
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            size_t size = strlen(names[i]);
            char *value = *environment + size;
            if (strncasecmp(*environment, names[i], size) == 0)
                memset(value, '*', strlen(value));
        }
    }
}
