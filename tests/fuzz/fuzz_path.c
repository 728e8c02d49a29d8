/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a payload path: parsed within its limits or refused, and what
 * was parsed walks a payload and copies to an equal path. */
#include "engine/codec/json_read.h"
#include "engine/filter/path.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
count_visit(void *ctx, yyjson_val *value)
{
    size_t *count = ctx;
    assert(value != NULL);
    (*count)++;
    return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char payload[] =
        "{\"a\":{\"b\":[1,[2,3],{\"c\":null}]},\"x y\":[[[4]]],\"n\":null}";
    struct arena arena;
    struct payload_path path, copy;
    struct error error;
    arena_init(&arena, (size_t)1 << 20);
    struct span text = { (const char *)data, size };
    if (path_parse(text, &arena, &path, &error) == ENGINE_OK) {
        assert(path.steps_count > 0);
        assert(path.steps_count <= FILTER_PATH_STEPS_MAX);
        assert(path_step_has_key(&path.steps[0]));
        assert(path_copy(&path, &arena, &copy, &error) == ENGINE_OK);
        assert(path_equal(&path, &copy));
        yyjson_doc *doc;
        size_t count = 0;
        assert(json_parse(span_of(payload), &doc, &error) == ENGINE_OK);
        path_walk(&path, yyjson_doc_get_root(doc), count_visit, &count);
        path_walk_elements(&path, yyjson_doc_get_root(doc), count_visit,
                           &count);
        yyjson_doc_free(doc);
    }
    arena_release(&arena);
    return 0;
}
