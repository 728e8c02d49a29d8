/* SPDX-License-Identifier: Apache-2.0
 * Codes as planes of bits. Grids for normal components (Max 1960): two steps at
 * 0.798 deviations, four steps that are 0.996 apart. A component of the query
 * is one of 16 steps over five deviations, u - 7.5, so that a sum over bits
 * wants the number of the bits beside the sum over u. */
#include "engine/index/codes_planes.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define WORD_DIMS 64u
/* In deviations of a component. */
#define COARSE_LEVEL 0.7979f
#define FINE_STEP    0.9957f
#define QUERY_SPAN   2.5f
/* Of a normal value's square, by the grids. */
#define COARSE_KEPT 0.6366f
#define FINE_KEPT   0.8812f
/* The square of the query's error, as a share of its length's. */
#define QUERY_LOSS   0.012f
#define QUERY_MIDDLE 7.5f

static uint32_t
half_of(uint32_t words)
{
    return (words + 1) / 2;
}

void
planes_init(struct codes *codes, uint32_t size)
{
    uint32_t words = size / WORD_DIMS;
    uint32_t fine = 0, coarse = words;
    if (codes->params.kind == CODE_2)
        fine = words;
    else if (codes->params.kind == CODE_1_5)
        fine = half_of(words);
    else if (codes->params.kind == CODE_HALF)
        coarse = half_of(words);
    if (fine > 0)
        coarse = words - fine;
    codes->fine_words = fine;
    codes->coarse_words = coarse;
    codes->row_size = (2 * fine + coarse) * (uint32_t)sizeof(uint64_t);
    codes->deviation = 1.0f / sqrtf((float)size);
    codes->kept =
        ((float)fine * FINE_KEPT + (float)coarse * COARSE_KEPT) / (float)words;
    /* Of components between points on the grids and those, at right angles to
     * any query. */
    float loss = (1.0f - codes->kept + QUERY_LOSS) / codes->kept;
    codes->error = sqrtf(loss) * codes->deviation;
}

static void
words_store(uint8_t *at, uint32_t word, uint64_t bits)
{
    memcpy(at + (size_t)word * sizeof(bits), &bits, sizeof(bits));
}

static uint64_t
word_load(const uint8_t *at, uint32_t word)
{
    uint64_t bits;
    memcpy(&bits, at + (size_t)word * sizeof(bits), sizeof(bits));
    return bits;
}

void
planes_pack(const struct codes *codes, const float *rotated, uint8_t *ret_row)
{
    uint32_t fine = codes->fine_words;
    float edge = FINE_STEP * codes->deviation;
    for (uint32_t word = 0; word < fine + codes->coarse_words; word++) {
        uint64_t upper = 0, lower = 0;
        const float *values = rotated + word * WORD_DIMS;
        for (uint32_t i = 0; i < WORD_DIMS; i++) {
            /* Steps -1.5, -0.5, 0.5 and 1.5 are 0, 1, 2 and 3. */
            bool is_upper = values[i] >= 0.0f;
            bool is_outer = fabsf(values[i]) >= edge;
            upper |= (uint64_t)is_upper << i;
            lower |= (uint64_t)(is_upper == is_outer) << i;
        }
        words_store(ret_row, word < fine ? word : fine + word, upper);
        if (word < fine)
            words_store(ret_row, fine + word, lower);
    }
}

void
planes_unpack(const struct codes *codes, const uint8_t *row, float *ret_rotated)
{
    uint32_t fine = codes->fine_words, used = fine + codes->coarse_words;
    uint32_t size = codes->rotation.size;
    for (uint32_t word = 0; word < used; word++) {
        float *values = ret_rotated + word * WORD_DIMS;
        uint64_t upper = word_load(row, word < fine ? word : fine + word);
        uint64_t lower = word < fine ? word_load(row, fine + word) : 0;
        for (uint32_t i = 0; i < WORD_DIMS; i++) {
            float high = (float)(upper >> i & 1);
            float low = (float)(lower >> i & 1);
            float at = word < fine ? (2.0f * high + low - 1.5f) * FINE_STEP
                                   : (2.0f * high - 1.0f) * COARSE_LEVEL;
            values[i] = at * codes->deviation;
        }
    }
    memset(ret_rotated + used * WORD_DIMS, 0,
           (size - used * WORD_DIMS) * sizeof(*ret_rotated));
}

/* Four planes of 64 * `words` components; returns the sum of u - 7.5. */
static float
ask_part(const float *values, uint32_t words, float per_unit,
         uint64_t *ret_planes)
{
    uint32_t sum = 0;
    for (uint32_t word = 0; word < words; word++) {
        uint64_t planes[4] = { 0, 0, 0, 0 };
        for (uint32_t i = 0; i < WORD_DIMS; i++) {
            float at = values[word * WORD_DIMS + i] * per_unit + 8.0f;
            uint32_t u = at <= 0.0f ? 0 : at >= 15.0f ? 15 : (uint32_t)at;
            sum += u;
            for (uint32_t plane = 0; plane < 4; plane++)
                planes[plane] |= (uint64_t)(u >> plane & 1) << i;
        }
        for (uint32_t plane = 0; plane < 4; plane++)
            ret_planes[plane * words + word] = planes[plane];
    }
    return (float)sum - QUERY_MIDDLE * (float)(words * WORD_DIMS);
}

static uint64_t *
fine_planes(const struct codes_query *query)
{
    return (uint64_t *)(void *)query->values;
}

static uint64_t *
coarse_planes(const struct codes *codes, const struct codes_query *query)
{
    return fine_planes(query) + 4 * (size_t)codes->fine_words;
}

static float
query_unit(const struct codes *codes)
{
    return 2.0f * QUERY_SPAN * codes->deviation / 16.0f;
}

void
planes_ask(const struct codes *codes, struct codes_query *query)
{
    uint32_t fine = codes->fine_words, coarse = codes->coarse_words;
    float per_unit = 1.0f / query_unit(codes);
    assert(4 * (fine + coarse) * sizeof(uint64_t) <= query->size);
    float fine_sum =
        ask_part(query->rotated, fine, per_unit, fine_planes(query));
    float coarse_sum = ask_part(query->rotated + fine * WORD_DIMS, coarse,
                                per_unit, coarse_planes(codes, query));
    query->offset = -1.5f * FINE_STEP * fine_sum - COARSE_LEVEL * coarse_sum;
}

/* Bits of one weight in each row. */
struct plane_part {
    const uint64_t *planes; /* of the query */
    const uint64_t *ones;
    uint32_t words;
    float weight;
};

/* sums[i] += weight * sum of u - 7.5 over the bits of rows[i] + skip. */
static void
add_bits(const uint8_t *const *rows, uint32_t count, uint32_t skip,
         const struct plane_part *part, float *sums)
{
    const struct kernel_bits *bits = kernel_get()->bits;
    __attribute__((uninitialized)) const uint64_t *at[KERNEL_ROWS_MAX];
    __attribute__((uninitialized)) uint32_t weighted[KERNEL_ROWS_MAX];
    __attribute__((uninitialized)) uint32_t counts[KERNEL_ROWS_MAX];
    if (part->words == 0)
        return;
    for (uint32_t i = 0; i < count; i++)
        at[i] = (const uint64_t *)(const void *)rows[i] + skip;
    bits->and4(part->planes, at, count, part->words, weighted);
    bits->and1(part->ones, at, count, part->words, counts);
    for (uint32_t i = 0; i < count; i++)
        sums[i] += part->weight *
                   ((float)weighted[i] - QUERY_MIDDLE * (float)counts[i]);
}

void
planes_score(const struct codes *codes, const struct codes_query *query,
             const uint8_t *const *rows, uint32_t count, float *ret_dots)
{
    uint32_t fine = codes->fine_words;
    struct plane_part upper = { fine_planes(query), codes->ones, fine,
                                2.0f * FINE_STEP };
    struct plane_part lower = upper;
    struct plane_part coarse = { coarse_planes(codes, query), codes->ones,
                                 codes->coarse_words, 2.0f * COARSE_LEVEL };
    lower.weight = FINE_STEP;
    assert(count <= KERNEL_ROWS_MAX);
    for (uint32_t i = 0; i < count; i++)
        ret_dots[i] = query->offset;
    add_bits(rows, count, 0, &upper, ret_dots);
    add_bits(rows, count, fine, &lower, ret_dots);
    add_bits(rows, count, 2 * fine, &coarse, ret_dots);
    float unit = query_unit(codes) * codes->deviation;
    for (uint32_t i = 0; i < count; i++)
        ret_dots[i] *= unit;
}
