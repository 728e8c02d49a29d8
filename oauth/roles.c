/* SPDX-License-Identifier: Apache-2.0
 * Role and group names out of claims that are already verified. Too many of
 * them mean fewer rights, never a failed login. */
#include "oauth/roles.h"

#include "oauth/json.h"

#include <string.h>

static bool
has_line(const struct bytes *out, struct span name)
{
    size_t at = 0;
    while (at < out->size) {
        const char *end = memchr(out->data + at, '\n', out->size - at);
        size_t size =
            end != NULL ? (size_t)(end - out->data) - at : out->size - at;
        if (span_equal((struct span){ out->data + at, size }, name))
            return true;
        at += size + 1;
    }
    return false;
}

static void
add_name(struct span name, struct bytes *out)
{
    if (name.size == 0 || name.size > ROLES_NAME_SIZE_MAX)
        return;
    for (size_t i = 0; i < name.size; i++) {
        if ((unsigned char)name.data[i] < 0x20 || name.data[i] == 0x7f)
            return;
    }
    if (has_line(out, name) || name.size + 1 > out->size_max - out->size)
        return;
    if (out->size > 0)
        bytes_add_char(out, '\n');
    bytes_add_span(out, name);
}

static void
add_array(const json_t *array, struct bytes *out)
{
    if (!json_is_array(array))
        return;
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        if (json_is_string(item))
            add_name((struct span){ json_string_value(item),
                                    json_string_length(item) },
                     out);
    }
}

void
roles_collect(const json_t *claims, struct span client_id, struct bytes *out)
{
    const json_t *realm = json_object_get(claims, "realm_access");
    const json_t *clients = json_object_get(claims, "resource_access");
    const char *key = NULL;
    json_t *value = NULL;
    add_array(json_object_get(claims, "roles"), out);
    add_array(json_object_get(realm, "roles"), out);
    if (!json_is_object(clients))
        return;
    for (void *at = json_object_iter((json_t *)(uintptr_t)clients); at != NULL;
         at = json_object_iter_next((json_t *)(uintptr_t)clients, at)) {
        key = json_object_iter_key(at);
        value = json_object_iter_value(at);
        if (span_equal_text(client_id, key))
            add_array(json_object_get(value, "roles"), out);
    }
}

void
roles_collect_groups(const json_t *claims, struct bytes *out)
{
    add_array(json_object_get(claims, "groups"), out);
}
