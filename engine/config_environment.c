/* SPDX-License-Identifier: Apache-2.0
 * The environment source: QDRANT__SERVICE__HTTP_PORT=6333 and the like. */
#include "engine/config_keys.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* SERVICE__HTTP_PORT -> service.http_port; false when it is too long. */
static bool
variable_key(const char *name, size_t name_size, char *key, size_t key_size)
{
    size_t used = 0;
    for (size_t i = 0; i < name_size; i++) {
        if (used + 1 >= key_size)
            return false;
        if (name[i] == '_' && i + 1 < name_size && name[i + 1] == '_') {
            key[used++] = '.';
            i++;
        } else
            key[used++] = (char)tolower((unsigned char)name[i]);
    }
    key[used] = '\0';
    return true;
}

static enum engine_code
variable_set(struct server_config *config, const char *key, const char *value,
             const char *origin, struct error *reterr)
{
    const struct key *known = config_key_find(key);
    if (known == NULL || known->kind != KEY_LIST)
        return server_config_set(config, key, value, origin, reterr);
    server_config_clear(config, key);
    while (*value != '\0') {
        size_t size = strcspn(value, ",");
        char item[512];
        if (size >= sizeof(item))
            return error_set(reterr, ENGINE_EINPUT,
                             "%s: an item of %s is longer than %zu bytes",
                             origin, key, sizeof(item) - 1);
        memcpy(item, value, size);
        item[size] = '\0';
        enum engine_code code =
            server_config_set(config, key, item, origin, reterr);
        if (code != ENGINE_OK)
            return code;
        value += size;
        value += *value == ',';
    }
    return ENGINE_OK;
}

enum engine_code
server_config_read_environment(struct server_config *config,
                               const char *const *environment,
                               struct error *reterr)
{
    static const char prefix[] = "QDRANT__";
    for (; *environment != NULL; environment++) {
        const char *name = *environment;
        const char *mark = strchr(name, '=');
        if (mark == NULL || strncmp(name, prefix, sizeof(prefix) - 1) != 0)
            continue;
        char key[128], origin[160];
        snprintf(origin, sizeof(origin), "environment %.*s",
                 (int)(mark - name < 128 ? mark - name : 128), name);
        const char *rest = name + sizeof(prefix) - 1;
        if (!variable_key(rest, (size_t)(mark - rest), key, sizeof(key))) {
            return error_set(reterr, ENGINE_EINPUT,
                             "%s: there is no key with so long a name", origin);
        }
        enum engine_code code =
            variable_set(config, key, mark + 1, origin, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}
