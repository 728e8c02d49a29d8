/* SPDX-License-Identifier: Apache-2.0
 * Rows of a named vector by its kind: how long they are, which are the same,
 * and reading many of them from the store. */
#include "engine/segment/body.h"

#include <assert.h>
#include <string.h>

#define READ_SLOTS 64

size_t
vectors_row_size(const struct vectors *vectors, const void *row)
{
    return vector_row_stored_size(vectors->options.kind, &vectors->form, row);
}

const void *
vectors_row(const struct vectors *vectors, uint32_t slot)
{
    assert(!vectors->is_on_disk);
    return vectors->options.kind == VECTOR_MULTI
               ? vectors_multi_row(vectors, slot)
               : slab_row(&vectors->rows, slot);
}

size_t
vectors_row_size_about(const struct vectors *vectors)
{
    if (vectors->options.kind == VECTOR_DENSE)
        return row_form_size(&vectors->form);
    if (vectors->options.kind == VECTOR_MULTI)
        return vectors_multi_size_about(vectors);
    uint64_t count = sparse_count(vectors->sparse);
    if (count == 0)
        return sizeof(float);
    return (size_t)(sparse_entries(vectors->sparse) / count + 1) *
           (sizeof(uint32_t) + sizeof(float));
}

enum engine_code
vectors_prepare(struct vectors *vectors, uint32_t slot, const void *row,
                struct error *reterr)
{
    if (vectors->options.kind == VECTOR_MULTI)
        return vectors_multi_put(vectors, slot, row, reterr);
    if (vectors->sparse == NULL)
        return ENGINE_OK;
    struct vector_value value = vector_row_value(VECTOR_SPARSE, 0, row);
    return sparse_add(vectors->sparse, slot, &value, reterr);
}

void
vectors_forget(struct vectors *vectors, uint32_t slot)
{
    if (vectors->sparse != NULL)
        sparse_forget(vectors->sparse, slot);
    vectors_multi_forget(vectors, slot);
    vectors_note_free(vectors, slot);
}

bool
vectors_row_is_whole(const struct vectors *vectors, struct span record)
{
    return vector_row_is_whole(vectors->options.kind, &vectors->form, record);
}

bool
vectors_row_equal(const struct vectors *vectors, const void *a, const void *b)
{
    size_t size = vectors_row_size(vectors, a);
    return size == vectors_row_size(vectors, b) && memcmp(a, b, size) == 0;
}

/* One batch of records on its way into the arena. */
struct taking {
    const struct vectors *vectors;
    struct arena *arena;
    const void **rows; /* of the batch */
    bool is_damaged;
    bool is_out; /* of memory */
};

static void
take_record(void *ctx, size_t position, struct span value)
{
    struct taking *taking = ctx;
    taking->rows[position] = NULL;
    if (value.data == NULL)
        return;
    if (!vectors_row_is_whole(taking->vectors, value)) {
        taking->is_damaged = true;
        return;
    }
    void *row = arena_alloc(taking->arena, value.size);
    if (row != NULL)
        memcpy(row, value.data, value.size);
    taking->is_out = taking->is_out || row == NULL;
    taking->rows[position] = row;
}

enum engine_code
vectors_read_rows(const struct vectors *vectors, const uint32_t *slots,
                  size_t count, struct arena *arena, const void **ret_rows,
                  struct error *reterr)
{
    assert(vectors->is_on_disk);
    struct segment_key raw[READ_SLOTS];
    struct span keys[READ_SLOTS];
    struct taking taking = { .vectors = vectors, .arena = arena };
    enum engine_code code = ENGINE_OK;
    for (size_t i = 0; code == ENGINE_OK && i < count; i += READ_SLOTS) {
        size_t part = count - i < READ_SLOTS ? count - i : READ_SLOTS;
        for (size_t k = 0; k < part; k++) {
            raw[k] = segment_key_vector(vectors->number, slots[i + k]);
            keys[k] = segment_key_span(&raw[k]);
        }
        taking.rows = ret_rows + i;
        code = store_get_many(vectors->store, STORE_VECTORS, keys, part,
                              take_record, &taking, reterr);
    }
    if (code == ENGINE_OK && taking.is_out)
        return error_memory(reterr);
    if (code == ENGINE_OK && taking.is_damaged)
        return error_set(reterr, ENGINE_ECORRUPT,
                         "damaged vector record: stop and put the collection's "
                         "folder back from a backup");
    return code;
}
