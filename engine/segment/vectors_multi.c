/* SPDX-License-Identifier: Apache-2.0
 * Rows of multivectors. They have any length, so each is a block of its own
 * and the slab holds its address. A row is written before its slot is seen and
 * freed when its slot is: after the grace period of a grave (grave.c), or when
 * the slot gets another row. Graphs and codes never look at it. */
#include "engine/segment/vectors.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum engine_code
vectors_multi_init(struct vectors *vectors, struct error *reterr)
{
    const struct segment_vector_options *options = &vectors->options;
    bool is_product =
        options->metric == METRIC_COSINE || options->metric == METRIC_DOT;
    if (!is_product || options->dim > FDE_DIM_MAX)
        return ENGINE_OK;
    return fde_create(options->dim, &vectors->fde, reterr);
}

static void **
cell(const struct vectors *vectors, uint32_t slot)
{
    return slab_row(&vectors->rows, slot);
}

void
vectors_multi_forget(struct vectors *vectors, uint32_t slot)
{
    if (slot >= vectors->cells_end)
        return;
    void **row = cell(vectors, slot);
    if (*row == NULL)
        return;
    atomic_fetch_sub(&vectors->rows_size, vectors_row_size(vectors, *row));
    free(*row);
    *row = NULL;
}

void
vectors_multi_cut(struct vectors *vectors, uint32_t end_slot)
{
    for (uint32_t slot = end_slot; slot < vectors->cells_end; slot++)
        vectors_multi_forget(vectors, slot);
    if (end_slot < vectors->cells_end)
        vectors->cells_end = end_slot;
}

void
vectors_multi_release(struct vectors *vectors)
{
    vectors_multi_cut(vectors, 0);
    fde_free(vectors->fde);
    free(vectors->encoding);
}

/* Floats of the row beside the row itself. */
static size_t
scored_size(const struct vectors *vectors, const void *row)
{
    return vectors->form.datatype == DATATYPE_F32
               ? 0
               : vector_row_size(VECTOR_MULTI, vectors->options.dim, row);
}

static size_t
encoding_rows(const void *row)
{
    return vector_row_value(VECTOR_MULTI, 0, row).rows;
}

/* Room to encode the row: the encoding, the work, and its sub-vectors as
 * floats. */
static bool
encoding_reserve(struct vectors *vectors, const void *row)
{
    size_t size = fde_size(vectors->fde) * sizeof(float) +
                  fde_work_size(vectors->fde, encoding_rows(row)) +
                  scored_size(vectors, row);
    if (size <= vectors->encoding_size)
        return true;
    void *room = malloc(size);
    if (room == NULL)
        return false;
    free(vectors->encoding);
    vectors->encoding = room;
    vectors->encoding_size = size;
    return true;
}

static void
encode(struct vectors *vectors, const void *row)
{
    float *encoding = vectors->encoding;
    float *work = encoding + fde_size(vectors->fde);
    size_t work_size = fde_work_size(vectors->fde, encoding_rows(row));
    struct vector_value value = vector_row_scored(
        &vectors->form, row, work + work_size / sizeof(*work));
    fde_encode(vectors->fde, FDE_DOCUMENT, value.values, value.rows, work,
               encoding);
}

enum engine_code
vectors_multi_put(struct vectors *vectors, uint32_t slot, const void *row,
                  struct error *reterr)
{
    if (vectors->codes != NULL && !encoding_reserve(vectors, row))
        return error_memory(reterr);
    if (!vectors->is_on_disk) {
        size_t size = vectors_row_size(vectors, row);
        void *copy = malloc(size);
        if (copy == NULL)
            return error_memory(reterr);
        memcpy(copy, row, size);
        /* What a slab held before it was cut is not said. */
        for (; vectors->cells_end <= slot; vectors->cells_end++)
            *cell(vectors, vectors->cells_end) = NULL;
        vectors_multi_forget(vectors, slot);
        *cell(vectors, slot) = copy;
        atomic_fetch_add(&vectors->rows_size, size);
    }
    atomic_fetch_add(&vectors->put_size, vectors_row_size(vectors, row));
    atomic_fetch_add(&vectors->put_count, 1);
    if (vectors->codes != NULL) {
        encode(vectors, row);
        codes_put(vectors->codes, slot, vectors->encoding, &vectors->coding);
    }
    return ENGINE_OK;
}

size_t
vectors_multi_size_about(const struct vectors *vectors)
{
    uint64_t count = atomic_load(&vectors->put_count);
    return count == 0 ? row_form_size(&vectors->form)
                      : (size_t)(atomic_load(&vectors->put_size) / count);
}

const void *
vectors_multi_row(const struct vectors *vectors, uint32_t slot)
{
    assert(!vectors->is_on_disk);
    return *cell(vectors, slot);
}
