/* SPDX-License-Identifier: Apache-2.0
 * Searches of the sparse index, part after part, with one list of the best. In
 * a sealed part each block of 32 documents gets a bound, the sum of what its
 * best document could have of each list; blocks are scored from the highest
 * bound down, until no other can come up to the worst of the best. Short lists,
 * and those whose weights could be negative, are walked for their bounds, and
 * what is found of each block is chained to it, so that scoring a block looks
 * nothing up. The tail is scored whole. */
#include "base/memory.h"
#include "engine/index/sparse_best.h"
#include "engine/index/sparse_part.h"
#include "engine/index/sparse_weight.h"
#include "engine/index/sparse.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS_MAX (SPARSE_PART_DOCS / SPARSE_BLOCK_DOCS)
/* Blocks of nearly equal bounds are scored in any order. */
#define RANKS 256u
/* Bounds are sums of floats in another order than scores. */
#define SLACK_BASE  1.0f
#define SLACK_TERM  (4.0f * FLT_EPSILON)
#define STOP_BLOCKS 64u
/* Lists of a scratch that are longer end with their search: weights of both
 * signs may link every entry of a part. */
#define SCRATCH_KEPT_SIZE ((size_t)1 << 22)

/* An entry of a short list: what it adds to its document. */
struct link {
    uint32_t next; /* link + 1; 0: the last of the block */
    uint32_t doc;  /* in the block */
    float score;
};

/* A list of the part that the query wants. */
struct term {
    uint32_t list;
    float weight;
    uint32_t begin, end; /* of the block that is being scored */
};

struct sparse_scratch {
    struct sparse_scratch *next;
    struct term *terms; /* long ones first */
    size_t terms_room;
    struct link *links;
    size_t links_room;
    _Alignas(64) float bounds[BLOCKS_MAX];
    uint32_t heads[BLOCKS_MAX]; /* link + 1; 0: none */
    uint16_t ranked[BLOCKS_MAX];
    uint32_t ranks[RANKS + 1];
    float scores[SPARSE_TAIL_DOCS];
    uint64_t touched[SPARSE_TAIL_DOCS / 64];
};

struct sparse_scratch *
sparse_scratch_new(void)
{
    struct sparse_scratch *scratch =
        aligned_alloc(_Alignof(struct sparse_scratch), sizeof(*scratch));
    if (scratch != NULL)
        memset(scratch, 0, sizeof(*scratch));
    return scratch;
}

void
sparse_scratch_free(struct sparse_scratch *scratch)
{
    free(scratch->terms);
    free(scratch->links);
    free(scratch);
}

static void
scratch_trim(struct sparse_scratch *scratch)
{
    if (scratch->terms_room * sizeof(*scratch->terms) > SCRATCH_KEPT_SIZE) {
        free(scratch->terms);
        scratch->terms = NULL;
        scratch->terms_room = 0;
    }
    if (scratch->links_room * sizeof(*scratch->links) > SCRATCH_KEPT_SIZE) {
        free(scratch->links);
        scratch->links = NULL;
        scratch->links_room = 0;
    }
}

struct sparse_scratch **
sparse_scratch_next(struct sparse_scratch *scratch)
{
    return &scratch->next;
}

struct run {
    const struct sparse_search *search;
    struct sparse_scratch *scratch;
    struct best best;
    float slack;
    uint32_t blocks_done;
    uint64_t tail_docs;
};

static bool
is_over(struct run *run)
{
    const struct stopper *stopper = &run->search->stopper;
    return ++run->blocks_done % STOP_BLOCKS == 0 && stopper->is_due != NULL &&
           stopper->is_due(stopper->ctx);
}

/* Offers what passes of up to 64 documents from `begin` on. */
static void
offer(struct run *run, const struct sparse_part *part, uint32_t begin,
      uint64_t mask, const float *scores)
{
    uint64_t gone =
        atomic_load_explicit(&part->gone[begin / 64], memory_order_relaxed);
    mask &= ~(gone >> (begin % 64));
    for (; mask != 0; mask &= mask - 1) {
        uint32_t bit = (uint32_t)__builtin_ctzll(mask);
        if (run->best.kept.count == run->best.kept.k &&
            scores[bit] <= run->best.least)
            continue;
        uint32_t slot = part->slots[begin + bit];
        if (slot_filter_passes(run->search->filter, slot))
            best_put(&run->best, slot, scores[bit]);
    }
}

/* ---- the tail ---- */

static void
search_tail(struct run *run, const struct sparse_part *part)
{
    const struct sparse_search *search = run->search;
    struct sparse_scratch *scratch = run->scratch;
    uint32_t docs = atomic_load_explicit(&part->count, memory_order_acquire);
    bool is_any = false;
    if (docs == 0)
        return;
    run->tail_docs += docs;
    for (size_t i = 0; i < search->count; i++) {
        const struct sparse_tail_list *list =
            sparse_tail_find(part->tail, search->indices[i]);
        if (list == NULL)
            continue;
        uint32_t count =
            atomic_load_explicit(&list->count, memory_order_acquire);
        const struct sparse_entry *entries =
            atomic_load_explicit(&list->entries, memory_order_acquire);
        float weight = search->weights[i];
        for (uint32_t k = 0; k < count && entries[k].doc < docs; k++) {
            uint32_t doc = entries[k].doc;
            scratch->scores[doc] += weight * entries[k].weight;
            scratch->touched[doc / 64] |= UINT64_C(1) << (doc % 64);
            is_any = true;
        }
    }
    for (uint32_t word = 0; is_any && word * 64 < docs; word++) {
        uint64_t mask = scratch->touched[word];
        if (mask == 0)
            continue;
        offer(run, part, word * 64, mask, scratch->scores + (size_t)word * 64);
        scratch->touched[word] = 0;
        memset(scratch->scores + (size_t)word * 64, 0, 64 * sizeof(float));
    }
}

/* ---- a sealed part ---- */

/* What one search knows of one sealed part. */
struct sealed {
    const struct sparse_part *part;
    const struct sparse_lists *lists;
    size_t terms_count;
    size_t long_count; /* of them, with bounds of their blocks */
    size_t links_count;
};

static bool
grow(void **items, size_t *room, size_t count, size_t item_size)
{
    size_t size = (count + count / 2) * item_size;
    uint64_t used;
    if (count <= *room)
        return true;
    free(*items);
    *items = NULL;
    *room = 0;
    if (size > SCRATCH_KEPT_SIZE && !memory_may_work(size, &used))
        return false;
    *items = malloc(size);
    if (*items == NULL)
        return false;
    *room = count + count / 2;
    return true;
}

/* Whether the bounds that the list keeps hold for a weight of this sign: none
 * of its entries may come to more than 0 under a negative one. */
static bool
has_bounds(const struct sparse_lists *lists, uint32_t list, float weight)
{
    return list < lists->long_count && (weight >= 0 || !lists->has_negative);
}

/* Finds the lists; those with bounds first. */
static bool
find_terms(struct run *run, struct sealed *sealed)
{
    const struct sparse_search *search = run->search;
    const struct sparse_lists *lists = sealed->lists;
    struct sparse_scratch *scratch = run->scratch;
    void *terms = scratch->terms, *links = scratch->links;
    bool is_ok = grow(&terms, &scratch->terms_room, search->count + 1,
                      sizeof(struct term));
    scratch->terms = terms;
    size_t entries = 0, begin = 0, end = search->count;
    for (size_t i = 0; is_ok && i < search->count; i++) {
        uint32_t list = sparse_lists_find(lists, search->indices[i]);
        if (list == UINT32_MAX)
            continue;
        struct term term = { .list = list, .weight = search->weights[i] };
        if (has_bounds(lists, list, term.weight)) {
            scratch->terms[begin++] = term;
        } else {
            scratch->terms[--end] = term;
            entries += lists->starts[list + 1] - lists->starts[list];
        }
    }
    if (!is_ok ||
        !grow(&links, &scratch->links_room, entries + 1, sizeof(struct link)))
        is_ok = false;
    scratch->links = links;
    sealed->long_count = begin;
    sealed->terms_count = begin + search->count - end;
    if (is_ok && end < search->count)
        memmove(scratch->terms + begin, scratch->terms + end,
                (search->count - end) * sizeof(struct term));
    return is_ok;
}

/* Of a length that the compiler knows, for it to use vectors. */
static inline void
add_lanes(float *restrict bounds, const uint8_t *restrict greatest, float step)
{
    for (uint32_t i = 0; i < SPARSE_LANES; i++)
        bounds[i] += step * (float)greatest[i];
}

/* Under a negative weight the best document of a block lacks the list. */
static void
bound_long(struct run *run, const struct sealed *sealed, size_t at)
{
    const struct term *term = &run->scratch->terms[at];
    uint32_t stride = sealed->lists->stride;
    const uint8_t *greatest =
        sealed->lists->greatest + (size_t)term->list * stride;
    float step = term->weight * sealed->lists->steps[term->list];
    if (term->weight <= 0)
        return;
    for (uint32_t i = 0; i < stride; i += SPARSE_LANES)
        add_lanes(run->scratch->bounds + i, greatest + i, step);
}

static inline void
bound_short_of(struct run *run, struct sealed *sealed, size_t at,
               enum datatype datatype)
{
    struct sparse_scratch *scratch = run->scratch;
    const struct sparse_lists *lists = sealed->lists;
    const struct term *term = &scratch->terms[at];
    uint32_t end = lists->starts[term->list + 1];
    uint32_t count = (uint32_t)sealed->links_count;
    for (uint32_t i = lists->starts[term->list]; i < end; i++) {
        uint32_t block = lists->docs[i] / SPARSE_BLOCK_DOCS;
        float score =
            term->weight * sparse_weight(lists, datatype, term->list, i);
        scratch->bounds[block] += score > 0 ? score : 0;
        scratch->links[count++] =
            (struct link){ scratch->heads[block],
                           lists->docs[i] % SPARSE_BLOCK_DOCS, score };
        scratch->heads[block] = count;
    }
    sealed->links_count = count;
}

/* One loop for each datatype. */
static void
bound_short(struct run *run, struct sealed *sealed, size_t at)
{
    switch (sealed->lists->datatype) {
    case DATATYPE_F16:
        bound_short_of(run, sealed, at, DATATYPE_F16);
        return;
    case DATATYPE_U8:
        bound_short_of(run, sealed, at, DATATYPE_U8);
        return;
    case DATATYPE_TURBO4: /* of dense vectors alone */
    case DATATYPE_F32:
        bound_short_of(run, sealed, at, DATATYPE_F32);
        return;
    }
}

/* Highest first; whatever is no number stands there, too. */
static inline uint32_t
rank_of(float bound, float scale)
{
    float rank = bound * scale;
    return rank >= 0 && rank < (float)RANKS ? RANKS - 1 - (uint32_t)rank : 0;
}

/* Orders the blocks by their bounds, the highest first, into ranked[]; returns
 * how many have anything. */
static uint32_t
rank_blocks(struct run *run, const struct sealed *sealed)
{
    struct sparse_scratch *scratch = run->scratch;
    uint32_t blocks = sealed->lists->blocks_count;
    float most = 0;
    for (uint32_t i = 0; i < blocks; i++)
        most = scratch->bounds[i] > most ? scratch->bounds[i] : most;
    float scale = most > 0 && most < FLT_MAX ? (RANKS - 1) / most : 0;
    uint32_t *ranks = scratch->ranks, count = 0;
    memset(ranks, 0, sizeof(scratch->ranks));
    for (uint32_t i = 0; i < blocks; i++)
        ranks[rank_of(scratch->bounds[i], scale)]++;
    for (uint32_t i = 0; i < RANKS; i++) {
        uint32_t here = ranks[i];
        ranks[i] = count;
        count += here;
    }
    for (uint32_t i = 0; i < blocks; i++) {
        uint32_t rank = rank_of(scratch->bounds[i], scale);
        scratch->ranked[ranks[rank]++] = (uint16_t)i;
    }
    return count;
}

/* Where the block is in each long list: all of it is asked for before any is
 * used. */
static void
find_block(const struct run *run, const struct sealed *sealed, uint32_t block)
{
    const struct sparse_lists *lists = sealed->lists;
    bool is_last = block + 1 == lists->blocks_count;
    for (size_t i = 0; i < sealed->long_count; i++) {
        struct term *term = &run->scratch->terms[i];
        const uint16_t *begins =
            lists->begins + (size_t)term->list * lists->stride + block;
        uint32_t start = lists->starts[term->list];
        term->begin = start + begins[0];
        term->end = is_last ? lists->starts[term->list + 1] : start + begins[1];
        __builtin_prefetch(&lists->docs[term->begin]);
        __builtin_prefetch(
            sparse_weight_address(lists, sealed->lists->datatype, term->begin));
    }
}

static inline void
score_block_of(struct run *run, const struct sealed *sealed, uint32_t block,
               enum datatype datatype)
{
    const struct sparse_lists *lists = sealed->lists;
    const struct sparse_scratch *scratch = run->scratch;
    float scores[SPARSE_BLOCK_DOCS] = { 0 };
    uint64_t mask = 0;
    find_block(run, sealed, block);
    for (size_t i = 0; i < sealed->long_count; i++) {
        const struct term *term = &scratch->terms[i];
        for (uint32_t k = term->begin; k < term->end; k++) {
            uint32_t doc = lists->docs[k] % SPARSE_BLOCK_DOCS;
            scores[doc] +=
                term->weight * sparse_weight(lists, datatype, term->list, k);
            mask |= UINT64_C(1) << doc;
        }
    }
    for (uint32_t at = scratch->heads[block]; at != 0;) {
        const struct link *link = &scratch->links[at - 1];
        scores[link->doc] += link->score;
        mask |= UINT64_C(1) << link->doc;
        at = link->next;
    }
    offer(run, sealed->part, block * SPARSE_BLOCK_DOCS, mask, scores);
}

static void
score_block(struct run *run, const struct sealed *sealed, uint32_t block)
{
    switch (sealed->lists->datatype) {
    case DATATYPE_F16:
        score_block_of(run, sealed, block, DATATYPE_F16);
        return;
    case DATATYPE_U8:
        score_block_of(run, sealed, block, DATATYPE_U8);
        return;
    case DATATYPE_TURBO4: /* of dense vectors alone */
    case DATATYPE_F32:
        score_block_of(run, sealed, block, DATATYPE_F32);
        return;
    }
}

static enum engine_code
search_sealed(struct run *run, const struct sparse_part *part,
              struct error *reterr)
{
    struct sealed sealed = { .part = part, .lists = sparse_lists_now(part) };
    struct sparse_scratch *scratch = run->scratch;
    uint32_t blocks = sealed.lists->blocks_count;
    if (!find_terms(run, &sealed))
        return error_memory(reterr);
    if (sealed.terms_count == 0)
        return ENGINE_OK;
    memset(scratch->bounds, 0,
           sealed.lists->stride * sizeof(scratch->bounds[0]));
    memset(scratch->heads, 0, blocks * sizeof(scratch->heads[0]));
    for (size_t i = 0; i < sealed.long_count; i++)
        bound_long(run, &sealed, i);
    for (size_t i = sealed.long_count; i < sealed.terms_count; i++)
        bound_short(run, &sealed, i);
    uint32_t count = rank_blocks(run, &sealed);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t block = scratch->ranked[i];
        /* Blocks of one rank come in any order. */
        if (run->best.kept.count == run->best.kept.k &&
            scratch->bounds[block] * run->slack < run->best.least)
            continue;
        if (sealed.long_count == 0 && scratch->heads[block] == 0)
            continue;
        if (is_over(run))
            return error_set(reterr, ENGINE_ETIMEOUT,
                             "the operation took longer than its timeout");
        score_block(run, &sealed, block);
    }
    return ENGINE_OK;
}

enum engine_code
sparse_search(struct sparse *sparse, const struct sparse_search *search,
              struct hit *ret_hits, uint32_t *ret_count, struct error *reterr)
{
    assert(search->k > 0 && search->k <= PLAIN_K_MAX);
    struct run run = { .search = search,
                       .scratch = sparse_scratch_take(sparse),
                       .best = { { ret_hits, 0, search->k }, -INFINITY },
                       .slack =
                           SLACK_BASE + SLACK_TERM * (float)search->count };
    if (run.scratch == NULL)
        return error_memory(reterr);
    const struct sparse_parts *parts = sparse_parts_now(sparse);
    enum engine_code code = ENGINE_OK;
    for (size_t i = 0; code == ENGINE_OK && i < parts->count; i++) {
        if (sparse_lists_now(parts->parts[i]) != NULL)
            code = search_sealed(&run, parts->parts[i], reterr);
        else
            search_tail(&run, parts->parts[i]);
    }
    if (search->scored != NULL)
        *search->scored +=
            (uint64_t)run.blocks_done * SPARSE_BLOCK_DOCS + run.tail_docs;
    scratch_trim(run.scratch);
    sparse_scratch_give(sparse, run.scratch);
    if (code != ENGINE_OK)
        return code;
    best_hits_sort(&run.best.kept);
    *ret_count = run.best.kept.count;
    return ENGINE_OK;
}
