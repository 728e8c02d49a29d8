/* SPDX-License-Identifier: Apache-2.0
 * Rows of turbo4. Inner products are the same before and after a rotation, so
 * all metrics but Manhattan stay in rotated components: the query is rotated
 * once, as floats. Manhattan rotates each row back, which costs a microsecond at
 * 384 dimensions. The rotation and the grid are those of codes (codes.c), whose
 * 4-bit codes a row can therefore stand in for. */
#include "engine/index/turbo.h"

#include "engine/index/rotation.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

/* Half of the grid in deviations of a rotated component, as in codes.c. */
#define SPAN  2.68f
#define STEPS 16.0f
/* Room for rotated components is on the stack: this much for most. */
#define SMALL_SIZE 2048u

#define UNSET __attribute__((uninitialized))

/* A query: this and float[turbo_size()], rotated but for Manhattan. */
struct query {
    float square; /* of its length */
    float values[];
};

uint32_t
turbo_size(size_t dim)
{
    size_t line = code_line_dims(CODE_4);
    assert(dim > 0 && dim <= TURBO_SIZE_MAX);
    return (uint32_t)((dim + line - 1) / line * line);
}

size_t
turbo_row_size(size_t dim)
{
    return turbo_size(dim) / 2 + sizeof(struct turbo_tail);
}

struct turbo_tail
turbo_tail_of(size_t dim, const void *row)
{
    struct turbo_tail tail;
    memcpy(&tail, (const char *)row + turbo_size(dim) / 2, sizeof(tail));
    return tail;
}

/* Sums in double: a length may be squared without an end. */
static double
length_of(const float *values, size_t dim)
{
    double sums[4] = { 0, 0, 0, 0 };
    for (size_t i = 0; i < dim; i++)
        sums[i % 4] += (double)values[i] * (double)values[i];
    return sqrt((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

/* ---- storing: `room` is float[size] ---- */

static void
store_with(const struct rotation *rotation, const float *values, void *ret_row,
           float *room)
{
    const struct grid *grid = kernel_get()->code->grid;
    struct turbo_tail tail = { 0 };
    uint32_t size = rotation->size;
    double length = length_of(values, rotation->dim);
    if (length < (double)FLT_MIN) {
        memset(room, 0, size * sizeof(*room));
    } else {
        rotation_apply(rotation, values, (float)(1.0 / length), room);
        length = length < (double)FLT_MAX ? length : (double)FLT_MAX;
        tail.length = (float)length;
    }
    grid->pack_4(room, size, STEPS * sqrtf((float)size) / (2.0f * SPAN),
                 ret_row);
    if (tail.length > 0.0f) {
        /* How long the steps are among the vector's own dimensions. */
        grid->spread_4(ret_row, size, room);
        rotation_undo(rotation, room);
        double kept = length_of(room, rotation->dim);
        tail.factor = kept > 0.0 ? (float)(length / kept) : 0.0f;
    }
    memcpy((char *)ret_row + size / 2, &tail, sizeof(tail));
}

static void
load_with(const struct rotation *rotation, const void *row, float *ret_values,
          float *room)
{
    float factor = turbo_tail_of(rotation->dim, row).factor;
    kernel_get()->code->grid->spread_4(row, rotation->size, room);
    rotation_undo(rotation, room);
    /* No zero has a sign. */
    for (uint32_t i = 0; i < rotation->dim; i++)
        ret_values[i] = room[i] * factor + 0.0f;
}

/* Frames of up to 256 KiB, for rows of thousands of dimensions alone. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wframe-larger-than="

__attribute__((noinline)) static void
store_large(const struct rotation *rotation, const float *values, void *ret_row)
{
    UNSET float room[TURBO_SIZE_MAX];
    store_with(rotation, values, ret_row, room);
}

__attribute__((noinline)) static void
store_small(const struct rotation *rotation, const float *values, void *ret_row)
{
    UNSET float room[SMALL_SIZE];
    store_with(rotation, values, ret_row, room);
}

__attribute__((noinline)) static void
load_large(const struct rotation *rotation, const void *row, float *ret_values)
{
    UNSET float room[TURBO_SIZE_MAX];
    load_with(rotation, row, ret_values, room);
}

__attribute__((noinline)) static void
load_small(const struct rotation *rotation, const void *row, float *ret_values)
{
    UNSET float room[SMALL_SIZE];
    load_with(rotation, row, ret_values, room);
}

void
turbo_store(size_t dim, const float *values, void *ret_row)
{
    struct rotation rotation;
    rotation_init(&rotation, (uint32_t)dim, turbo_size(dim));
    if (rotation.size > SMALL_SIZE)
        store_large(&rotation, values, ret_row);
    else
        store_small(&rotation, values, ret_row);
}

void
turbo_load(size_t dim, const void *row, float *ret_values)
{
    struct rotation rotation;
    rotation_init(&rotation, (uint32_t)dim, turbo_size(dim));
    if (rotation.size > SMALL_SIZE)
        load_large(&rotation, row, ret_values);
    else
        load_small(&rotation, row, ret_values);
}

/* ---- rotated components ---- */

void
turbo_rotate(size_t dim, const float *values, float scale, float *ret_rotated)
{
    struct rotation rotation;
    rotation_init(&rotation, (uint32_t)dim, turbo_size(dim));
    rotation_apply(&rotation, values, scale, ret_rotated);
}

float
turbo_square(size_t dim, const float *values)
{
    double length = length_of(values, dim);
    double square = length * length;
    return square < (double)FLT_MAX ? (float)square : FLT_MAX;
}

void
turbo_spread(size_t dim, const void *row, float *ret_rotated)
{
    float factor = turbo_tail_of(dim, row).factor;
    uint32_t size = turbo_size(dim);
    kernel_get()->code->grid->spread_4(row, size, ret_rotated);
    for (uint32_t i = 0; i < size; i++)
        ret_rotated[i] *= factor;
}

/* ---- queries ---- */

size_t
turbo_query_size(size_t dim)
{
    return sizeof(struct query) + turbo_size(dim) * sizeof(float);
}

void
turbo_ask(enum metric metric, size_t dim, const float *values, void *ret_query)
{
    struct query *query = ret_query;
    query->square = turbo_square(dim, values);
    if (metric == METRIC_MANHATTAN)
        memcpy(query->values, values, dim * sizeof(*values));
    else
        turbo_rotate(dim, values, 1.0f, query->values);
}

void
turbo_ask_row(enum metric metric, size_t dim, const void *row, void *ret_query)
{
    struct query *query = ret_query;
    struct turbo_tail tail = turbo_tail_of(dim, row);
    query->square = tail.length * tail.length;
    if (metric == METRIC_MANHATTAN)
        turbo_load(dim, row, query->values);
    else
        turbo_spread(dim, row, query->values);
}

/* ---- distances ---- */

static void
dots(const void *query_row, const void *const *rows, size_t count, size_t dim,
     float *ret_distances)
{
    const struct query *query = query_row;
    const struct grid *grid = kernel_get()->code->grid;
    uint32_t size = turbo_size(dim);
    for (size_t i = 0; i < count; i++)
        ret_distances[i] = -turbo_tail_of(dim, rows[i]).factor *
                           grid->dot_4(query->values, rows[i], size);
}

static void
squares(const void *query_row, const void *const *rows, size_t count,
        size_t dim, float *ret_distances)
{
    const struct query *query = query_row;
    dots(query_row, rows, count, dim, ret_distances);
    for (size_t i = 0; i < count; i++) {
        float length = turbo_tail_of(dim, rows[i]).length;
        float square = query->square + length * length;
        square += 2.0f * ret_distances[i];
        /* Rounding must not make it negative; NaN stays. */
        ret_distances[i] = square < 0.0f ? 0.0f : square;
    }
}

static float
distance_to(const struct query *query, const float *values, size_t dim)
{
    return kernel_get()->metrics[DATATYPE_F32]->pair[METRIC_MANHATTAN](
        query->values, values, dim);
}

__attribute__((noinline)) static void
manhattan_small(const struct query *query, const void *const *rows,
                size_t count, size_t dim, float *ret_distances)
{
    UNSET float values[SMALL_SIZE];
    for (size_t i = 0; i < count; i++) {
        turbo_load(dim, rows[i], values);
        ret_distances[i] = distance_to(query, values, dim);
    }
}

__attribute__((noinline)) static void
manhattan_large(const struct query *query, const void *const *rows,
                size_t count, size_t dim, float *ret_distances)
{
    UNSET float values[TURBO_SIZE_MAX];
    for (size_t i = 0; i < count; i++) {
        turbo_load(dim, rows[i], values);
        ret_distances[i] = distance_to(query, values, dim);
    }
}

#pragma GCC diagnostic pop

static void
manhattan(const void *query, const void *const *rows, size_t count, size_t dim,
          float *ret_distances)
{
    if (dim > SMALL_SIZE)
        manhattan_large(query, rows, count, dim, ret_distances);
    else
        manhattan_small(query, rows, count, dim, ret_distances);
}

kernel_rows_fn
turbo_kernel(enum metric metric)
{
    switch (metric) {
    case METRIC_EUCLID:
        return squares;
    case METRIC_MANHATTAN:
        return manhattan;
    case METRIC_COSINE:
    case METRIC_DOT:
        break;
    }
    return dots;
}
