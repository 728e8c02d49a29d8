/* SPDX-License-Identifier: Apache-2.0
 * Role and group names out of claims that are already verified. Too many of
 * them mean fewer rights, never a failed login. */
#include "oauth/roles.h"

#include "oauth/json.h"

#include <stdio.h>
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

static bool
is_name(struct span name)
{
    return name.size > 0 && name.size <= ROLES_NAME_SIZE_MAX &&
           !span_has_control(name);
}

/* Appends NAME, or SCOPE TAB NAME when there is a scope. */
static void
add_name(struct span scope, struct span name, struct bytes *out)
{
    char line[2 * ROLES_NAME_SIZE_MAX + 1];
    size_t size = 0;
    if (!is_name(name) || (scope.size > 0 && !is_name(scope)))
        return;
    if (scope.size > 0) {
        memcpy(line, scope.data, scope.size);
        line[scope.size] = '\t';
        size = scope.size + 1;
    }
    memcpy(line + size, name.data, name.size);
    size += name.size;
    if (has_line(out, (struct span){ line, size }) ||
        size + 1 > out->size_max - out->size)
        return;
    if (out->size > 0)
        bytes_add_char(out, '\n');
    bytes_add(out, line, size);
}

static void
add_array(struct span scope, const json_t *array, struct bytes *out)
{
    if (!json_is_array(array))
        return;
    for (size_t i = 0; i < json_array_size(array); i++) {
        const json_t *item = json_array_get(array, i);
        if (json_is_string(item))
            add_name(scope,
                     (struct span){ json_string_value(item),
                                    json_string_length(item) },
                     out);
    }
}

static const struct span no_scope = { NULL, 0 };

/* The roles of `client_id`, or with no_scope those of all clients, each with
 * its client. */
static void
add_clients(const json_t *claims, struct span client_id, struct bytes *out)
{
    const json_t *clients = json_object_get(claims, "resource_access");
    if (!json_is_object(clients))
        return;
    for (void *at = json_object_iter((json_t *)(uintptr_t)clients); at != NULL;
         at = json_object_iter_next((json_t *)(uintptr_t)clients, at)) {
        struct span key = span_of(json_object_iter_key(at));
        const json_t *roles =
            json_object_get(json_object_iter_value(at), "roles");
        if (client_id.size > 0 && span_equal(client_id, key))
            add_array(no_scope, roles, out);
        else if (client_id.size == 0 && key.size > 0)
            add_array(key, roles, out);
    }
}

void
roles_collect(const json_t *claims, struct span client_id, struct bytes *out)
{
    roles_collect_realm(claims, out);
    if (client_id.size > 0)
        add_clients(claims, client_id, out);
}

void
roles_collect_realm(const json_t *claims, struct bytes *out)
{
    const json_t *realm = json_object_get(claims, "realm_access");
    add_array(no_scope, json_object_get(claims, "roles"), out);
    add_array(no_scope, json_object_get(realm, "roles"), out);
}

void
roles_collect_clients(const json_t *claims, struct bytes *out)
{
    add_clients(claims, no_scope, out);
}

void
roles_collect_groups(const json_t *claims, struct bytes *out)
{
    add_array(no_scope, json_object_get(claims, "groups"), out);
}

void
roles_merge(struct span lines, struct bytes *out)
{
    while (lines.size > 0) {
        const char *end = memchr(lines.data, '\n', lines.size);
        size_t size = end != NULL ? (size_t)(end - lines.data) : lines.size;
        add_name(no_scope, (struct span){ lines.data, size }, out);
        size += end != NULL;
        lines = (struct span){ lines.data + size, lines.size - size };
    }
}

static void
add_claim(struct span name, const json_t *value, struct bytes *out)
{
    char text[24];
    if (json_is_string(value)) {
        add_name(name,
                 (struct span){ json_string_value(value),
                                json_string_length(value) },
                 out);
    } else if (json_is_boolean(value)) {
        add_name(name, span_of(json_is_true(value) ? "true" : "false"), out);
    } else if (json_is_integer(value)) {
        (void)snprintf(text, sizeof(text), "%lld",
                       (long long)json_integer_value(value));
        add_name(name, span_of(text), out);
    } else {
        add_array(name, value, out);
    }
}

void
roles_collect_claims(const json_t *claims, struct span names, struct bytes *out)
{
    while (names.size > 0) {
        char name[ROLES_NAME_SIZE_MAX + 1];
        const char *end = memchr(names.data, '\n', names.size);
        size_t size = end != NULL ? (size_t)(end - names.data) : names.size;
        if (size > 0 && size < sizeof(name)) {
            memcpy(name, names.data, size);
            name[size] = '\0';
            add_claim((struct span){ name, size },
                      json_object_get(claims, name), out);
        }
        size += end != NULL;
        names = (struct span){ names.data + size, names.size - size };
    }
}
