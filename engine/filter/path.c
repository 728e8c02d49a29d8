/* SPDX-License-Identifier: Apache-2.0
 * Payload paths: text to steps, and walking a payload by steps.
 *   path  := key index* ( '.' key index* )*
 *   index := '[' digits? ']'
 *   key   := bare | '"' any but '"' '"'
 * Invariant: a parsed path has 1..FILTER_PATH_STEPS_MAX steps and its first
 * step has a key. */
#include "engine/filter/path.h"

#include <assert.h>
#include <string.h>

#define SHOWN_SIZE_MAX 128

struct path_reader {
    struct span text;
    size_t at;
    struct path_step steps[FILTER_PATH_STEPS_MAX];
    size_t steps_count;
};

static bool
is_bare(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           (unsigned char)c >= 0x80;
}

static bool
at_char(const struct path_reader *reader, char c)
{
    return reader->at < reader->text.size && reader->text.data[reader->at] == c;
}

static struct path_step *
step_new(struct path_reader *reader)
{
    if (reader->steps_count == FILTER_PATH_STEPS_MAX)
        return NULL;
    struct path_step *step = &reader->steps[reader->steps_count++];
    *step = (struct path_step){ .index = PATH_INDEX_NONE };
    return step;
}

static bool
read_key(struct path_reader *reader)
{
    struct path_step *step = step_new(reader);
    if (step == NULL)
        return false;
    bool is_quoted = at_char(reader, '"');
    if (is_quoted)
        reader->at++;
    size_t start = reader->at;
    while (reader->at < reader->text.size &&
           (is_quoted ? !at_char(reader, '"')
                      : is_bare(reader->text.data[reader->at])))
        reader->at++;
    step->key = (struct span){ reader->text.data + start, reader->at - start };
    if (step->key.size == 0)
        return false;
    if (!is_quoted)
        return true;
    if (!at_char(reader, '"'))
        return false;
    reader->at++;
    return true;
}

/* After '['. The first index of a key belongs to its step; each further one
 * is a step without a key. */
static bool
read_index(struct path_reader *reader)
{
    assert(reader->steps_count > 0);
    struct path_step *step = &reader->steps[reader->steps_count - 1];
    if (step->index != PATH_INDEX_NONE)
        step = step_new(reader);
    if (step == NULL)
        return false;
    if (at_char(reader, ']')) {
        step->index = PATH_INDEX_ALL;
        reader->at++;
        return true;
    }
    uint64_t element = 0;
    size_t start = reader->at;
    while (reader->at < reader->text.size && element <= UINT32_MAX) {
        char c = reader->text.data[reader->at];
        if (c < '0' || c > '9')
            break;
        element = element * 10 + (uint64_t)(c - '0');
        reader->at++;
    }
    if (reader->at == start || element > UINT32_MAX || !at_char(reader, ']'))
        return false;
    step->index = PATH_INDEX_ONE;
    step->element = (uint32_t)element;
    reader->at++;
    return true;
}

static bool
read_path(struct path_reader *reader)
{
    for (;;) {
        if (!read_key(reader))
            return false;
        while (at_char(reader, '[')) {
            reader->at++;
            if (!read_index(reader))
                return false;
        }
        if (reader->at == reader->text.size)
            return true;
        if (!at_char(reader, '.'))
            return false;
        reader->at++;
    }
}

enum engine_code
path_parse(struct span text, struct arena *arena, struct payload_path *ret_path,
           struct error *reterr)
{
    assert(arena != NULL && ret_path != NULL);
    struct path_reader reader = { .text = text };
    if (text.size > FILTER_PATH_SIZE_MAX || !read_path(&reader))
        return error_set(
            reterr, ENGINE_EFORMAT, "Invalid json path: '%.*s'%s",
            text.size < SHOWN_SIZE_MAX ? (int)text.size : SHOWN_SIZE_MAX,
            text.data == NULL ? "" : text.data,
            reader.steps_count == FILTER_PATH_STEPS_MAX ? " (too many steps)"
                                                        : "");
    struct payload_path path = { .text = text,
                                 .steps = reader.steps,
                                 .steps_count = reader.steps_count };
    return path_copy(&path, arena, ret_path, reterr);
}

enum engine_code
path_copy(const struct payload_path *path, struct arena *arena,
          struct payload_path *ret_path, struct error *reterr)
{
    assert(path->steps_count > 0);
    char *text = arena_strndup(arena, path->text.data, path->text.size);
    struct path_step *steps =
        arena_calloc(arena, path->steps_count, sizeof(*steps));
    if (text == NULL || steps == NULL)
        return error_memory(reterr);
    for (size_t i = 0; i < path->steps_count; i++) {
        steps[i] = path->steps[i];
        if (!path_step_has_key(&steps[i]))
            continue;
        steps[i].key.data =
            arena_strndup(arena, steps[i].key.data, steps[i].key.size);
        if (steps[i].key.data == NULL)
            return error_memory(reterr);
    }
    *ret_path = (struct payload_path){ .text = { text, path->text.size },
                                       .steps = steps,
                                       .steps_count = path->steps_count };
    return ENGINE_OK;
}

bool
path_step_has_key(const struct path_step *step)
{
    return step->key.data != NULL;
}

bool
path_equal(const struct payload_path *a, const struct payload_path *b)
{
    if (a->steps_count != b->steps_count)
        return false;
    for (size_t i = 0; i < a->steps_count; i++) {
        const struct path_step *x = &a->steps[i], *y = &b->steps[i];
        if (path_step_has_key(x) != path_step_has_key(y) ||
            !span_equal(x->key, y->key) || x->index != y->index)
            return false;
        if (x->index == PATH_INDEX_ONE && x->element != y->element)
            return false;
    }
    return true;
}

struct walk {
    const struct payload_path *path;
    path_visit visit;
    void *ctx;
    bool is_entering; /* an array at the end is entered one level */
};

static bool
walk_end(const struct walk *walk, yyjson_val *value)
{
    if (!walk->is_entering || !yyjson_is_arr(value))
        return walk->visit(walk->ctx, value);
    size_t i, count;
    yyjson_val *element;
    yyjson_arr_foreach(value, i, count, element)
    {
        if (!walk->visit(walk->ctx, element))
            return false;
    }
    return true;
}

/* Recursion is as deep as the path has steps: FILTER_PATH_STEPS_MAX. */
static bool
walk_from(const struct walk *walk, size_t at, yyjson_val *value)
{
    if (at == walk->path->steps_count)
        return walk_end(walk, value);
    const struct path_step *step = &walk->path->steps[at];
    if (path_step_has_key(step)) {
        value = yyjson_obj_getn(value, step->key.data, step->key.size);
        if (value == NULL)
            return true;
    }
    switch (step->index) {
    case PATH_INDEX_NONE:
        return walk_from(walk, at + 1, value);
    case PATH_INDEX_ONE:
        value = yyjson_arr_get(value, step->element);
        return value == NULL || walk_from(walk, at + 1, value);
    case PATH_INDEX_ALL:
        break;
    }
    size_t i, count;
    yyjson_val *element;
    yyjson_arr_foreach(value, i, count, element)
    {
        if (!walk_from(walk, at + 1, element))
            return false;
    }
    return true;
}

bool
path_walk(const struct payload_path *path, yyjson_val *root, path_visit visit,
          void *ctx)
{
    assert(path->steps_count > 0 && path->steps_count <= FILTER_PATH_STEPS_MAX);
    struct walk walk = { .path = path, .visit = visit, .ctx = ctx };
    return root == NULL || walk_from(&walk, 0, root);
}

bool
path_walk_elements(const struct payload_path *path, yyjson_val *root,
                   path_visit visit, void *ctx)
{
    assert(path->steps_count > 0 && path->steps_count <= FILTER_PATH_STEPS_MAX);
    struct walk walk = {
        .path = path, .visit = visit, .ctx = ctx, .is_entering = true
    };
    return root == NULL || walk_from(&walk, 0, root);
}
