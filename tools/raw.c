/* SPDX-License-Identifier: Apache-2.0
 * A scanner over JSON text. It never looks past the end of a span and keeps
 * the open brackets in one small array instead of recursing. */
#include "tools/raw.h"

#include <string.h>

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct span
skip_spaces(struct span text)
{
    while (text.size > 0 && is_space(*text.data))
        text.data++, text.size--;
    return text;
}

static struct span
skip(struct span text, size_t size)
{
    return (struct span){ text.data + size, text.size - size };
}

/* The size of the string with its quotes; 0 when it has no end. */
static size_t
string_size(struct span text)
{
    for (size_t i = 1; i < text.size; i++) {
        if (text.data[i] == '\\')
            i++;
        else if (text.data[i] == '"')
            return i + 1;
    }
    return 0;
}

static size_t
nested_size(struct span text)
{
    char open[RAW_DEPTH_MAX];
    size_t depth = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '"') {
            size_t size = string_size(skip(text, i));
            if (size == 0)
                return 0;
            i += size - 1;
        } else if (c == '{' || c == '[') {
            if (depth == RAW_DEPTH_MAX)
                return 0;
            open[depth++] = c;
        } else if (c == '}' || c == ']') {
            /* Never below 0: the first byte opened, and 0 returns. */
            if (open[--depth] != (c == '}' ? '{' : '['))
                return 0;
            if (depth == 0)
                return i + 1;
        }
    }
    return 0;
}

/* Of a number or a name: up to what can follow a value. */
static size_t
scalar_size(struct span text)
{
    size_t size = 0;
    while (size < text.size && !is_space(text.data[size]) &&
           strchr(",:]}[{\"", text.data[size]) == NULL)
        size++;
    return size;
}

bool
raw_value(struct span text, struct span *ret_value, struct span *ret_rest)
{
    text = skip_spaces(text);
    if (text.size == 0)
        return false;
    char first = *text.data;
    size_t size = first == '"'                   ? string_size(text)
                  : first == '{' || first == '[' ? nested_size(text)
                                                 : scalar_size(text);
    if (size == 0)
        return false;
    *ret_value = (struct span){ text.data, size };
    *ret_rest = skip(text, size);
    return true;
}

bool
raw_member(struct span object, const char *key, struct span *ret_value)
{
    struct span rest = skip_spaces(object), name, value;
    if (rest.size == 0 || *rest.data != '{')
        return false;
    do {
        rest = skip(rest, 1);
        if (!raw_value(rest, &name, &rest) || *name.data != '"')
            return false;
        rest = skip_spaces(rest);
        if (rest.size == 0 || *rest.data != ':' ||
            !raw_value(skip(rest, 1), &value, &rest))
            return false;
        struct span plain = { name.data + 1, name.size - 2 };
        if (span_equal_text(plain, key)) {
            *ret_value = value;
            return true;
        }
        rest = skip_spaces(rest);
    } while (rest.size > 0 && *rest.data == ',');
    return false;
}

bool
raw_next(struct span *cursor, struct span *ret_item, bool *ret_is_broken)
{
    struct span rest = skip_spaces(*cursor);
    *ret_is_broken = true;
    if (rest.size == 0 || strchr("[,]", *rest.data) == NULL)
        return false;
    bool is_first = *rest.data == '[';
    if (*rest.data != ']') {
        struct span after = skip_spaces(skip(rest, 1));
        if (is_first && after.size > 0 && *after.data == ']')
            rest = after;
    }
    if (*rest.data == ']') {
        *ret_is_broken = false;
        return false;
    }
    if (!raw_value(skip(rest, 1), ret_item, cursor))
        return false;
    *ret_is_broken = false;
    return true;
}
