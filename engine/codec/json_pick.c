/* SPDX-License-Identifier: Apache-2.0
 * A walk over the bytes of an object that is known to be valid: strings end at
 * the first quote that is not escaped, other values by counting brackets
 * outside of strings. Whatever does not look like that is refused. */
#include "engine/codec/json_pick.h"

#include <string.h>

/* Behind the closing quote of the string that begins at `at`; NULL: none. */
static const char *
skip_string(const char *at, const char *end)
{
    const char *begin = at + 1;
    for (at = begin; at < end; at++) {
        at = memchr(at, '"', (size_t)(end - at));
        if (at == NULL)
            return NULL;
        const char *slash = at;
        while (slash > begin && slash[-1] == '\\')
            slash--;
        if ((at - slash) % 2 == 0)
            return at + 1;
    }
    return NULL;
}

static const char *
skip_nested(const char *at, const char *end)
{
    size_t depth = 0;
    while (at < end) {
        char c = *at;
        if (c == '"') {
            at = skip_string(at, end);
            if (at == NULL)
                return NULL;
            continue;
        }
        at++;
        depth += c == '{' || c == '[';
        if ((c == '}' || c == ']') && --depth == 0)
            return at;
    }
    return NULL;
}

/* Behind the value; NULL: it does not end. */
static const char *
skip_value(const char *at, const char *end)
{
    if (at < end && *at == '"')
        return skip_string(at, end);
    if (at < end && (*at == '{' || *at == '['))
        return skip_nested(at, end);
    while (at < end && *at != ',' && *at != '}')
        at++;
    return at < end ? at : NULL;
}

static bool
is_wanted(struct span key, const struct span *keys, size_t keys_count)
{
    for (size_t i = 0; i < keys_count; i++)
        if (span_equal(keys[i], key))
            return true;
    return false;
}

bool
json_pick(struct span text, const struct span *keys, size_t keys_count,
          char *buffer, size_t size, struct span *ret_text)
{
    const char *at = text.data, *end = text.data + text.size;
    size_t used = 0;
    if (text.size < 2 || size < 2 || *at++ != '{')
        return false;
    buffer[used++] = '{';
    while (at < end && *at == '"') {
        const char *key = at + 1;
        const char *colon = skip_string(at, end);
        if (colon == NULL || colon >= end || *colon != ':')
            return false;
        struct span name = { key, (size_t)(colon - 1 - key) };
        if (memchr(name.data, '\\', name.size) != NULL)
            return false;
        const char *next = skip_value(colon + 1, end);
        if (next == NULL || next >= end || (*next != ',' && *next != '}'))
            return false;
        if (is_wanted(name, keys, keys_count)) {
            size_t more = (size_t)(next - at);
            if (more + 3 > size - used)
                return false;
            if (used > 1)
                buffer[used++] = ',';
            memcpy(buffer + used, at, more);
            used += more;
        }
        at = *next == ',' ? next + 1 : next;
    }
    if (at + 1 != end || *at != '}' || used >= size)
        return false;
    buffer[used++] = '}';
    *ret_text = (struct span){ buffer, used };
    return true;
}
