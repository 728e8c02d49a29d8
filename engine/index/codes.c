/* SPDX-License-Identifier: Apache-2.0
 * Codes: see codes.h. A rotated unit vector has components that are nearly
 * normal with deviation 1 / sqrt(size); the grid spans a fixed multiple of it
 * and clips what is beyond. Component j reads back as (c - middle) * step.
 * Queries are rotated the same way and rounded to signed bytes; the offset
 * of the grid becomes one constant per query, so that ranking needs nothing
 * but the integer sum. */
#include "engine/index/codes.h"

#include "engine/index/codes_planes.h"
#include "engine/index/turbo.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Half of the grid in deviations: the least mean error for normal values at
 * 16 steps (Max 1960), and what loses nothing at 256. */
#define SPAN_4 2.68f
#define SPAN_8 4.5f
/* The share of a normal vector's length that 16 steps keep (Max 1960). */
#define KEPT_4 0.9885f
/* Below, a vector is no longer than the code's line. Above, the graph decides
 * the recall and four bits walk fastest. */
#define DIM_MIN   32u
#define DIM_4_MIN 192u
#define QUERY_MAX 127.0f

static uint32_t
steps_of(enum code_kind kind)
{
    return kind == CODE_4 ? 16 : 256;
}

static float
middle_of(enum code_kind kind)
{
    return kind == CODE_4 ? 7.5f : 127.5f;
}

bool
codes_choose(uint32_t dim, enum metric metric, enum code_kind *ret_kind)
{
    assert(dim > 0 && (unsigned)metric < METRIC_COUNT);
    if (metric == METRIC_MANHATTAN || dim < DIM_MIN)
        return false;
    *ret_kind = dim >= DIM_4_MIN ? CODE_4 : CODE_8;
    return true;
}

bool
codes_choose_for(const struct codes_params *params,
                 const struct codes_wish *wish, enum code_kind *ret_kind)
{
    if (!codes_choose(params->dim, params->metric, ret_kind))
        return false;
    if (wish->is_set)
        *ret_kind = wish->kind;
    return true;
}

bool
codes_is_rough(const struct codes *codes)
{
    return code_kind_is_planes(codes->params.kind);
}

static bool
has_factors(const struct codes *codes)
{
    return codes->params.metric != METRIC_COSINE;
}

/* Returns how many components the rotation has. */
static uint32_t
grid_prepare(struct codes *codes)
{
    enum code_kind kind = codes->params.kind;
    uint32_t line = (uint32_t)code_line_dims(kind);
    codes->score = kernel_get()->code->rows[kind];
    codes->lines = (codes->params.dim + line - 1) / line;
    codes->row_size = codes->lines * CODE_LINE_SIZE;
    float span = kind == CODE_4 ? SPAN_4 : SPAN_8;
    codes->deviation = 1.0f / sqrtf((float)(codes->lines * line));
    codes->step = 2.0f * span * codes->deviation / (float)steps_of(kind);
    codes->kept = kind == CODE_4 ? KEPT_4 : 1.0f;
    codes->error = codes->step / sqrtf(12.0f);
    /* What a shared row stands for is as long as its vector was. */
    if (codes->params.shared != NULL)
        codes->kept = sqrtf(KEPT_4);
    return codes->lines * line;
}

/* The same. */
static uint32_t
planes_prepare(struct codes *codes)
{
    uint32_t size = (codes->params.dim + ROTATION_ALIGN - 1) / ROTATION_ALIGN *
                    ROTATION_ALIGN;
    planes_init(codes, size);
    return size;
}

static enum engine_code
ones_make(struct codes *codes, struct error *reterr)
{
    size_t size = codes->rotation.size / 8;
    codes->ones = malloc(size);
    if (codes->ones == NULL)
        return error_memory(reterr);
    memset(codes->ones, 0xff, size);
    return ENGINE_OK;
}

enum engine_code
codes_create(const struct codes_params *params, struct codes **ret_codes,
             struct error *reterr)
{
    assert(params->dim > 0 && params->dim <= 65536);
    assert(params->metric != METRIC_MANHATTAN);
    assert(params->shared == NULL || params->kind == CODE_4);
    struct codes *codes = calloc(1, sizeof(*codes));
    if (codes == NULL)
        return error_memory(reterr);
    codes->params = *params;
    codes->grid = kernel_get()->code->grid;
    bool is_planes = code_kind_is_planes(params->kind);
    uint32_t size = is_planes ? planes_prepare(codes) : grid_prepare(codes);
    rotation_init(&codes->rotation, params->dim, size);
    enum engine_code code = is_planes ? ones_make(codes, reterr) : ENGINE_OK;
    if (code != ENGINE_OK) {
        free(codes);
        return code;
    }
    slab_init(&codes->own, codes_row_size(codes),
              is_planes ? sizeof(uint64_t) : CODE_LINE_SIZE);
    codes->rows = params->shared != NULL ? params->shared : &codes->own;
    slab_init(&codes->factors, sizeof(struct codes_factor),
              sizeof(struct codes_factor));
    *ret_codes = codes;
    return ENGINE_OK;
}

void
codes_free(struct codes *codes)
{
    if (codes == NULL)
        return;
    slab_release(&codes->own);
    slab_release(&codes->factors);
    free(codes->ones);
    free(codes);
}

enum engine_code
codes_reserve(struct codes *codes, uint32_t count, struct error *reterr)
{
    enum engine_code code = codes->params.shared == NULL
                                ? slab_reserve(&codes->own, count, reterr)
                                : ENGINE_OK;
    if (code == ENGINE_OK && has_factors(codes))
        code = slab_reserve(&codes->factors, count, reterr);
    return code;
}

void
codes_cut(struct codes *codes, uint32_t used_count)
{
    slab_cut(&codes->own, used_count);
    slab_cut(&codes->factors, used_count);
}

struct memory_report
codes_memory(const struct codes *codes)
{
    struct memory_report rows = slab_memory(&codes->own);
    struct memory_report factors = slab_memory(&codes->factors);
    rows.reserved_size += factors.reserved_size;
    rows.used_size += factors.used_size;
    return rows;
}

enum engine_code
codes_query_init(struct codes_query *query, const struct codes *codes,
                 struct error *reterr)
{
    uint32_t size = codes->rotation.size;
    assert(size % CODE_LINE_SIZE == 0);
    *query = (struct codes_query){ .size = size };
    query->values = aligned_alloc(CODE_LINE_SIZE, size);
    query->rotated = aligned_alloc(CODE_LINE_SIZE, size * sizeof(float));
    if (codes->ones != NULL)
        query->room = malloc(size * sizeof(float));
    if (query->values == NULL || query->rotated == NULL ||
        (codes->ones != NULL && query->room == NULL)) {
        codes_query_release(query);
        return error_memory(reterr);
    }
    return ENGINE_OK;
}

void
codes_query_release(struct codes_query *query)
{
    free(query->values);
    free(query->rotated);
    free(query->room);
    *query = (struct codes_query){ 0 };
}

/* The length of float[dim]; 0 when it is none. */
static double
length_of(const float *vector, uint32_t dim)
{
    double sums[4] = { 0, 0, 0, 0 };
    uint32_t i = 0;
    for (; i + 4 <= dim; i += 4)
        for (uint32_t j = 0; j < 4; j++)
            sums[j] += (double)vector[i + j] * (double)vector[i + j];
    for (; i < dim; i++)
        sums[0] += (double)vector[i] * (double)vector[i];
    double square = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    return isfinite(square) ? sqrt(square) : 0.0;
}

/* Rotates the direction of a vector; what has none becomes zeros. */
static void
rotate_unit(const struct codes *codes, const float *vector, double length,
            float *ret_rotated)
{
    const struct rotation *rotation = &codes->rotation;
    if (length >= (double)FLT_MIN && length <= (double)FLT_MAX) {
        rotation_apply(rotation, vector, (float)(1.0 / length), ret_rotated);
        return;
    }
    memset(ret_rotated, 0, rotation->size * sizeof(*ret_rotated));
}

/* The code of component i, centred and doubled: odd, -255..255. */
static inline int32_t
centred(const struct codes *codes, const uint8_t *row, uint32_t i)
{
    if (codes->params.kind == CODE_8)
        return 2 * row[i] - 255;
    uint8_t byte = row[i / 128 * 64 + i % 64];
    return 2 * (i % 128 < 64 ? byte & 15 : byte >> 4) - 15;
}

/* How long the unit vector still is along itself after the grid. `room` is
 * float[size]. */
static float
kept_share(const struct codes *codes, const uint8_t *row, const float *rotated,
           float *room)
{
    float sum = 0;
    if (code_kind_is_planes(codes->params.kind)) {
        planes_unpack(codes, row, room);
        for (uint32_t i = 0; i < codes->rotation.size; i++)
            sum += room[i] * rotated[i];
        return sum > 0.1f ? sum : 1.0f;
    }
    for (uint32_t i = 0; i < codes->rotation.size; i++)
        sum += (float)centred(codes, row, i) * rotated[i];
    sum *= 0.5f * codes->step;
    return sum > 0.1f ? sum : 1.0f;
}

/* From the row that is shared. */
static void
take_factor(struct codes *codes, uint32_t slot)
{
    if (!has_factors(codes))
        return;
    struct codes_factor *factor = slab_row(&codes->factors, slot);
    struct turbo_tail tail =
        turbo_tail_of(codes->params.dim, codes_row(codes, slot));
    double square = (double)tail.length * (double)tail.length;
    factor->scale = tail.factor / codes->step;
    factor->square = square < (double)FLT_MAX ? (float)square : FLT_MAX;
}

void
codes_put(struct codes *codes, uint32_t slot, const float *vector,
          struct codes_query *query)
{
    assert(slot < slab_capacity(codes->rows));
    assert(query->size == codes->rotation.size);
    uint8_t *row = slab_row(codes->rows, slot);
    if (codes->params.shared != NULL) {
        take_factor(codes, slot);
        return;
    }
    /* Under cosine a row that is not of unit length is a zero vector. */
    double length =
        has_factors(codes) ? length_of(vector, codes->params.dim) : 1.0;
    rotate_unit(codes, vector, length, query->rotated);
    float per_step = 1.0f / codes->step;
    if (code_kind_is_planes(codes->params.kind))
        planes_pack(codes, query->rotated, row);
    else if (codes->params.kind == CODE_8)
        codes->grid->pack_8(query->rotated, query->size, per_step, row);
    else
        codes->grid->pack_4(query->rotated, query->size, per_step, row);
    if (!has_factors(codes))
        return;
    struct codes_factor *factor = slab_row(&codes->factors, slot);
    double scale =
        length / (double)kept_share(codes, row, query->rotated, query->room);
    factor->scale = scale < (double)FLT_MAX ? (float)scale : FLT_MAX;
    double square = length * length;
    factor->square = square < (double)FLT_MAX ? (float)square : FLT_MAX;
}

/* The lengths of a query. */
static void
set_length(struct codes_query *query, double length)
{
    double square = length * length;
    query->length = length < (double)FLT_MAX ? (float)length : FLT_MAX;
    query->square = square < (double)FLT_MAX ? (float)square : FLT_MAX;
}

/* As finish_query() for planes of bits, from the rotated unit vector. */
static void
ask_planes(const struct codes *codes, struct codes_query *query, double length)
{
    set_length(query, length);
    planes_ask(codes, query);
    query->add = 0;
    query->mult = query->length / (has_factors(codes) ? 1.0f : codes->kept);
}

/* Fills in what follows from values whose sum is `sum`, when one unit of them
 * is `unit`. What the grid takes from a row is made up for: by the row's
 * factor, else by the mean. */
static void
finish_query(const struct codes *codes, struct codes_query *query,
             double length, float unit, int32_t sum)
{
    set_length(query, length);
    query->mult = query->length * unit * codes->step;
    if (!has_factors(codes))
        query->mult /= codes->kept;
    query->add = -query->mult * middle_of(codes->params.kind) * (float)sum;
}

void
codes_ask(const struct codes *codes, const float *vector,
          struct codes_query *ret_query)
{
    assert(ret_query->size == codes->rotation.size);
    double length = length_of(vector, codes->params.dim);
    const float *rotated = ret_query->rotated;
    rotate_unit(codes, vector, length, ret_query->rotated);
    if (code_kind_is_planes(codes->params.kind)) {
        ask_planes(codes, ret_query, length);
        return;
    }
    float largest = codes->grid->largest(rotated, ret_query->size);
    float per_unit = largest > 0.0f ? QUERY_MAX / largest : 0.0f;
    int32_t sum = codes->grid->query(rotated, ret_query->size, per_unit,
                                     ret_query->values);
    finish_query(codes, ret_query, length, largest / QUERY_MAX, sum);
}

void
codes_ask_slot(const struct codes *codes, uint32_t slot,
               struct codes_query *ret_query)
{
    assert(ret_query->size == codes->rotation.size);
    const uint8_t *row = codes_row(codes, slot);
    double length = 1.0;
    if (has_factors(codes)) {
        const struct codes_factor *factor = slab_row(&codes->factors, slot);
        length = (double)sqrtf(factor->square);
    }
    if (code_kind_is_planes(codes->params.kind)) {
        /* What the code took from the asking slot is not made up for: that
         * would put slots with the same code beyond distance 0. */
        planes_unpack(codes, row, ret_query->rotated);
        ask_planes(codes, ret_query, length);
        return;
    }
    bool is_4 = codes->params.kind == CODE_4;
    int32_t sum = (is_4 ? codes->grid->unpack_4 : codes->grid->unpack_8)(
        row, ret_query->size, ret_query->values);
    float unit = (is_4 ? 0.5f : 1.0f) * codes->step / codes->kept;
    finish_query(codes, ret_query, length, unit, sum);
}

static float
not_nan(float distance)
{
    return isnan(distance) ? INFINITY : distance;
}

static void
sum_rows(const struct codes *codes, const struct codes_query *query,
         const uint8_t *const *rows, uint32_t count, float *ret_sums)
{
    if (code_kind_is_planes(codes->params.kind)) {
        planes_score(codes, query, rows, count, ret_sums);
        return;
    }
    __attribute__((uninitialized)) int32_t sums[KERNEL_ROWS_MAX];
    codes->score(query->values, rows, count, codes->lines, sums);
    for (uint32_t i = 0; i < count; i++)
        ret_sums[i] = (float)sums[i];
}

void
codes_score(const struct codes *codes, const struct codes_query *query,
            const uint32_t *slots, const uint8_t *const *rows, uint32_t count,
            float *ret_distances)
{
    /* Written before it is read: not worth zeroing. */
    __attribute__((uninitialized)) float sums[KERNEL_ROWS_MAX];
    assert(count <= KERNEL_ROWS_MAX);
    sum_rows(codes, query, rows, count, sums);
    if (!has_factors(codes)) {
        for (uint32_t i = 0; i < count; i++)
            ret_distances[i] = -(query->add + query->mult * sums[i]);
        return;
    }
    bool is_euclid = codes->params.metric == METRIC_EUCLID;
    for (uint32_t i = 0; i < count; i++) {
        const struct codes_factor *factor = slab_row(&codes->factors, slots[i]);
        float dot = factor->scale * (query->add + query->mult * sums[i]);
        ret_distances[i] = not_nan(
            is_euclid ? query->square + factor->square - 2.0f * dot : -dot);
    }
}

float
codes_row_error(const struct codes *codes, const struct codes_query *query,
                uint32_t slot)
{
    if (!has_factors(codes))
        return codes->error * query->length;
    const struct codes_factor *factor = slab_row(&codes->factors, slot);
    float error = codes->error * query->length * sqrtf(factor->square);
    return codes->params.metric == METRIC_EUCLID ? 2.0f * error : error;
}

bool
codes_has_one_error(const struct codes *codes)
{
    return !has_factors(codes);
}
