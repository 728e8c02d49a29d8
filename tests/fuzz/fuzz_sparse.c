/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a vector of a body and as a record of the store: refused with a
 * text, or a sparse vector that ascends, makes a row that reads back, and finds
 * itself in an index. */
#include "engine/api/rest_vector.h"
#include "engine/index/sparse.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARENA_SIZE ((size_t)16 << 20)

static void
check_index(const struct vector_value *value)
{
    static struct epoch epoch;
    struct sparse_options options = { .datatype = DATATYPE_F32 };
    struct sparse *sparse;
    struct hit hit;
    uint32_t count = 0, *counts = malloc(value->dim * sizeof(*counts));
    epoch_init(&epoch);
    struct slotview *view = slotview_next(NULL, 2);
    assert(counts != NULL && view != NULL);
    bool is_fine =
        sparse_create(&epoch, &options, &sparse, NULL) == ENGINE_OK &&
        slotview_put(view, NULL, 1, true) &&
        sparse_add(sparse, 1, value, NULL) == ENGINE_OK;
    assert(is_fine);
    struct slot_filter filter = { .view = view };
    struct sparse_search search = { .indices = value->indices,
                                    .weights = value->values,
                                    .count = value->dim,
                                    .k = 1,
                                    .filter = &filter };
    is_fine = sparse_search(sparse, &search, &hit, &count, NULL) == ENGINE_OK;
    assert(is_fine && count == 1 && hit.slot == 1);
    assert(!isnan(hit.distance));
    sparse_frequencies(sparse, value->indices, value->dim, &filter, counts);
    for (size_t i = 0; i < value->dim; i++)
        assert(counts[i] == 1);
    sparse_free(sparse);
    slotview_discard(view, NULL);
    free(counts);
}

static void
check_value(const struct vector_value *value)
{
    for (size_t i = 0; i < value->dim; i++) {
        assert(isfinite(value->values[i]));
        assert(i == 0 || value->indices[i - 1] < value->indices[i]);
    }
    size_t size = vector_row_size_of(value);
    void *row = malloc(size);
    assert(row != NULL);
    vector_row_write(value, row);
    struct span record = { row, size };
    assert(vector_row_is_whole(VECTOR_SPARSE, NULL, record));
    assert(vector_row_size(VECTOR_SPARSE, 0, row) == size);
    struct vector_value back = vector_row_value(VECTOR_SPARSE, 0, row);
    assert(back.dim == value->dim);
    if (value->dim > 0) {
        assert(memcmp(back.indices, value->indices,
                      value->dim * sizeof(uint32_t)) == 0);
        check_index(&back);
    }
    free(row);
}

static void
check_body(struct span body, size_t index)
{
    struct arena arena;
    struct error error = { .text = "" };
    struct named_vector vector = { 0 };
    yyjson_doc *doc = NULL;
    arena_init(&arena, ARENA_SIZE);
    if (json_parse(body, &doc, NULL) == ENGINE_OK) {
        enum engine_code code =
            rest_vector_parse(yyjson_doc_get_root(doc),
                              (struct rest_where){ "points", index, true },
                              &arena, &vector, &error);
        assert(code == ENGINE_OK || error.text[0] != '\0');
        if (code == ENGINE_OK && vector.kind == VECTOR_SPARSE) {
            struct vector_value value = { vector.kind, vector.values,
                                          vector.dim, vector.indices, 0 };
            check_value(&value);
        }
    }
    yyjson_doc_free(doc);
    arena_release(&arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = { (const char *)data, size };
    check_body(text, 0);
    check_body(text, REST_NO_INDEX);
    if (vector_row_is_whole(VECTOR_SPARSE, NULL, text)) {
        void *row = malloc(size);
        assert(row != NULL);
        memcpy(row, data, size);
        struct vector_value value = vector_row_value(VECTOR_SPARSE, 0, row);
        check_value(&value);
        free(row);
    }
    return 0;
}
