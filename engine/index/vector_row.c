/* SPDX-License-Identifier: Apache-2.0
 * Rows of each kind of vector. Dense rows have no head, so that stores from
 * before there were other kinds read as they are. */
#include "engine/index/vector_row.h"

#include "engine/kernel/kernel.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define ENTRY_SIZE (sizeof(uint32_t) + sizeof(float))

static size_t
sized(enum vector_kind kind, size_t dim, size_t count)
{
    switch (kind) {
    case VECTOR_SPARSE:
        return sizeof(struct vector_row_head) + count * ENTRY_SIZE;
    case VECTOR_MULTI:
        return sizeof(struct vector_row_head) + count * dim * sizeof(float);
    case VECTOR_DENSE:
        break;
    }
    return dim * sizeof(float);
}

size_t
vector_row_size_of(const struct vector_value *value)
{
    size_t count = value->kind == VECTOR_MULTI ? value->rows : value->dim;
    return sized(value->kind, value->dim, count);
}

void
vector_row_write(const struct vector_value *value, void *ret_row)
{
    char *at = ret_row;
    size_t count = value->kind == VECTOR_MULTI ? value->rows : value->dim;
    if (value->kind == VECTOR_DENSE) {
        memcpy(at, value->values, value->dim * sizeof(float));
        return;
    }
    assert(count <= UINT32_MAX);
    struct vector_row_head head = { VECTOR_ROW_FORMAT, (uint32_t)count };
    memcpy(at, &head, sizeof(head));
    at += sizeof(head);
    if (value->kind == VECTOR_SPARSE && count > 0) {
        memcpy(at, value->indices, count * sizeof(uint32_t));
        at += count * sizeof(uint32_t);
        memcpy(at, value->values, count * sizeof(float));
    }
    if (value->kind == VECTOR_MULTI)
        memcpy(at, value->values, count * value->dim * sizeof(float));
}

static struct vector_row_head
head_of(const void *row)
{
    struct vector_row_head head;
    memcpy(&head, row, sizeof(head));
    return head;
}

size_t
vector_row_size(enum vector_kind kind, size_t dim, const void *row)
{
    return sized(kind, dim, kind == VECTOR_DENSE ? 0 : head_of(row).count);
}

struct vector_value
vector_row_value(enum vector_kind kind, size_t dim, const void *row)
{
    const char *at = row;
    if (kind == VECTOR_DENSE)
        return (struct vector_value){ .values = row, .dim = dim };
    size_t count = head_of(row).count;
    at += sizeof(struct vector_row_head);
    if (kind == VECTOR_MULTI)
        return (struct vector_value){ .kind = kind,
                                      .values = (const float *)(const void *)at,
                                      .dim = dim,
                                      .rows = count };
    const char *values = at + count * sizeof(uint32_t);
    return (struct vector_value){ .kind = kind,
                                  .values = (const float *)(const void *)values,
                                  .dim = count,
                                  .indices =
                                      (const uint32_t *)(const void *)at };
}

void
vector_row_normalise(enum vector_kind kind, size_t dim, void *row)
{
    assert(kind != VECTOR_SPARSE);
    size_t count = 1;
    float *values = row;
    if (kind == VECTOR_MULTI) {
        count = head_of(row).count;
        values += sizeof(struct vector_row_head) / sizeof(*values);
    }
    for (size_t i = 0; i < count; i++)
        (void)kernel_normalise(values + i * dim, dim);
}

/* Indices ascend without repeats, values are numbers. */
static bool
is_sparse_whole(const char *at, size_t count)
{
    uint32_t before = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t index;
        float value;
        memcpy(&index, at + i * sizeof(index), sizeof(index));
        memcpy(&value, at + (count + i) * sizeof(value), sizeof(value));
        if ((i > 0 && index <= before) || !isfinite(value))
            return false;
        before = index;
    }
    return true;
}

static size_t
stored_size(enum vector_kind kind, const struct row_form *form, size_t count)
{
    switch (kind) {
    case VECTOR_DENSE:
        return row_form_size(form);
    case VECTOR_MULTI:
        return sizeof(struct vector_row_head) + count * row_form_size(form);
    case VECTOR_SPARSE:
        break;
    }
    return sized(kind, 0, count);
}

size_t
vector_row_stored_size(enum vector_kind kind, const struct row_form *form,
                       const void *row)
{
    return stored_size(kind, form,
                       kind == VECTOR_DENSE ? 0 : head_of(row).count);
}

void
vector_row_store(enum vector_kind kind, const struct row_form *form,
                 const void *floats, void *ret_row)
{
    struct vector_value value = vector_row_value(kind, form->dim, floats);
    size_t rows = kind == VECTOR_MULTI ? value.rows : 1;
    char *at = ret_row;
    assert(kind != VECTOR_SPARSE);
    if (kind == VECTOR_MULTI) {
        memcpy(at, floats, sizeof(struct vector_row_head));
        at += sizeof(struct vector_row_head);
    }
    for (size_t i = 0; i < rows; i++)
        row_form_store(form, value.values + i * form->dim,
                       at + i * row_form_size(form));
}

void
vector_row_load(enum vector_kind kind, const struct row_form *form,
                const void *row, void *ret_floats)
{
    const char *from = row;
    float *at = ret_floats;
    size_t rows = 1;
    assert(kind != VECTOR_SPARSE);
    if (kind == VECTOR_MULTI) {
        rows = head_of(row).count;
        memcpy(at, row, sizeof(struct vector_row_head));
        at += sizeof(struct vector_row_head) / sizeof(*at);
        from += sizeof(struct vector_row_head);
    }
    for (size_t i = 0; i < rows; i++)
        row_form_load(form, from + i * row_form_size(form), at + i * form->dim);
}

struct vector_parts
vector_row_parts(const void *row)
{
    return (struct vector_parts){
        (const char *)row + sizeof(struct vector_row_head), head_of(row).count
    };
}

struct vector_value
vector_row_scored(const struct row_form *form, const void *row, float *room)
{
    if (form->datatype == DATATYPE_F32)
        return vector_row_value(VECTOR_MULTI, form->dim, row);
    const char *at = row;
    size_t rows = head_of(row).count;
    at += sizeof(struct vector_row_head);
    for (size_t i = 0; i < rows; i++)
        (void)row_form_values(form, at + i * row_form_size(form),
                              room + i * form->dim);
    return (struct vector_value){
        .kind = VECTOR_MULTI, .values = room, .dim = form->dim, .rows = rows
    };
}

bool
vector_row_is_whole(enum vector_kind kind, const struct row_form *form,
                    struct span record)
{
    if (kind == VECTOR_DENSE)
        return record.size == row_form_size(form);
    if (record.size < sizeof(struct vector_row_head))
        return false;
    struct vector_row_head head = head_of(record.data);
    if (head.format != VECTOR_ROW_FORMAT ||
        (kind == VECTOR_SPARSE && head.count > VECTOR_SPARSE_MAX) ||
        (kind == VECTOR_MULTI &&
         (head.count == 0 || head.count > VECTOR_MULTI_MAX / form->dim)) ||
        record.size != stored_size(kind, form, head.count))
        return false;
    return kind != VECTOR_SPARSE ||
           is_sparse_whole(record.data + sizeof(head), head.count);
}
