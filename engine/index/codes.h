/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_CODES_H
#define ENGINE_INDEX_CODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/error.h"
#include "engine/index/rotation.h"
#include "engine/index/slab.h"
#include "engine/kernel/code.h"
#include "engine/kernel/kernel.h"

/* Small codes by slot, for walks: each vector is brought to unit length,
 * rotated, and each component put on a fixed grid of 2 to 256 steps. Nothing
 * is learnt from the data, so a code is valid from the first vector on and
 * never changes. Under dot and euclid a second slab holds the lengths.
 *
 * Threads: as slab.h; a code is written before its slot is published. */

struct codes_params {
    uint32_t dim;
    enum metric metric;
    enum code_kind kind;
    /* NULL, or rows of turbo4 (turbo.h) by slot, whose steps are the codes:
     * then the kind is CODE_4 and the rows are written before codes_put().
     * Borrowed. */
    struct slab *shared;
};

/* What a row needs beside its code under dot and euclid. */
struct codes_factor {
    float scale;  /* length, corrected by what the grid took away */
    float square; /* of the length */
};

struct codes {
    /* Immutable. */
    struct codes_params params;
    code_rows_fn score;
    const struct grid *grid;
    uint32_t row_size; /* bytes of a code */
    uint32_t lines;    /* cache lines of one of 4 or 8 bits */
    float step;        /* of its grid */
    float kept;        /* of a unit vector's length along itself by the grid */
    float error;       /* of an estimated inner product of unit vectors: one
                       standard deviation */
    struct rotation rotation;
    /* Of planes of bits (codes_planes.h). */
    uint32_t fine_words;
    uint32_t coarse_words;
    float deviation;   /* of a rotated component */
    uint64_t *ones;    /* u64[words], every bit set; owned */
    struct slab *rows; /* &own, or those that are shared */
    /* Growing. */
    struct slab own;
    struct slab factors; /* struct codes_factor; empty under cosine */
};

/* The kind that walks fastest at these dimensions; false: walk on vectors. */
bool codes_choose(uint32_t dim, enum metric metric, enum code_kind *ret_kind);

/* What is wished for; nothing: the kind that walks fastest. */
struct codes_wish {
    bool is_set;
    enum code_kind kind;
};

/* The kind for a wish; false as above. */
bool codes_choose_for(const struct codes_params *params,
                      const struct codes_wish *wish, enum code_kind *ret_kind);

/* Whether estimates are so rough that links are better chosen by vectors. */
bool codes_is_rough(const struct codes *codes);

/* ENGINE_ENOMEM */
enum engine_code codes_create(const struct codes_params *params,
                              struct codes **ret_codes, struct error *reterr)
    __attribute__((warn_unused_result));

/* Accepts NULL. */
void codes_free(struct codes *codes);

/* As slab_reserve(); what is shared is the owner's to reserve. */
enum engine_code codes_reserve(struct codes *codes, uint32_t count,
                               struct error *reterr)
    __attribute__((warn_unused_result));

/* As slab_cut(). */
void codes_cut(struct codes *codes, uint32_t used_count);

/* Bytes of a row. */
static inline size_t
codes_row_size(const struct codes *codes)
{
    return codes->row_size;
}

/* As slab_memory(), without what is shared. */
struct memory_report codes_memory(const struct codes *codes);

/* A query made ready, and room to make one. */
struct codes_query {
    int8_t *values; /* int8[size], cache-line aligned */
    float *rotated; /* float[size] */
    float *room;    /* the same, with planes of bits */
    uint32_t size;
    float add; /* inner product = length of row * (add + mult * sum) */
    float mult;
    float offset; /* of a sum over planes of bits */
    float square; /* of the query's length */
    float length;
};

/* Room for the queries of `codes`. ENGINE_ENOMEM */
enum engine_code codes_query_init(struct codes_query *query,
                                  const struct codes *codes,
                                  struct error *reterr)
    __attribute__((warn_unused_result));
void codes_query_release(struct codes_query *query);

/* Writes the code of float[dim], which is not looked at where rows are shared;
 * `query` is room that is overwritten. Any values: what is not finite counts as
 * zero. The slot is backed and nobody
 * reads its code yet. Any number of threads, for different slots. */
void codes_put(struct codes *codes, uint32_t slot, const float *vector,
               struct codes_query *query);

/* Makes float[dim] the query. */
void codes_ask(const struct codes *codes, const float *vector,
               struct codes_query *ret_query);

/* Makes the vector of a slot the query, as well as its code tells. */
void codes_ask_slot(const struct codes *codes, uint32_t slot,
                    struct codes_query *ret_query);

static inline const uint8_t *
codes_row(const struct codes *codes, uint32_t slot)
{
    return slab_row(codes->rows, slot);
}

/* Estimated distances to `count` <= KERNEL_ROWS_MAX slots, whose rows are
 * given, too; never NaN. */
void codes_score(const struct codes *codes, const struct codes_query *query,
                 const uint32_t *slots, const uint8_t *const *rows,
                 uint32_t count, float *ret_distances);

/* How far the estimated distance of `query` to the row of a slot may be off:
 * one standard deviation. */
float codes_row_error(const struct codes *codes,
                      const struct codes_query *query, uint32_t slot);

/* Whether that is the same for all slots. */
bool codes_has_one_error(const struct codes *codes);

#endif /* ENGINE_INDEX_CODES_H */
