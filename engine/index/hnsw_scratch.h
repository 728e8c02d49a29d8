/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_HNSW_SCRATCH_H
#define ENGINE_INDEX_HNSW_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/index/hnsw.h"

/* What one walk needs beside the graph: the visited set and the lists. Taken
 * from the graph's pool and given back, so that as many exist as walks ran at
 * once. */

/* Scratches kept for reuse; more at once are made and freed. */
#define SCRATCH_POOL_MAX 32

/* Slots on their way to be scored. */
struct scratch_batch {
    uint32_t count;
    uint32_t slots[KERNEL_ROWS_MAX];
    const uint8_t *rows[KERNEL_ROWS_MAX];
    float distances[KERNEL_ROWS_MAX];
};

struct scratch {
    /* Visited set: the low half of a word has a bit per slot, valid where the
     * high half equals that of `tag`, whose low half is 0. Starting over costs
     * nothing, a visit one load and no branch; two bits per slot in cache. */
    uint32_t *words;
    uint32_t word_count;
    uint32_t tag;
    /* Keys (hnsw_graph.h) of the walk and of rescoring, of ef_room + 1
     * elements each. */
    uint64_t *list;
    uint64_t *exact;
    uint32_t ef_room;
    /* Candidates of a filtered walk: a heap that grows. */
    uint64_t *heap;
    uint32_t heap_count;
    uint32_t heap_room;
    /* What an insert has chosen, by level; made by scratch_chosen(). */
    struct scratch_chosen *chosen;
    /* Queries in the terms of codes; made by scratch_asked(). */
    struct codes_query asked; /* what the walk looks for */
    struct codes_query pair;  /* a neighbour, while links are chosen */
    struct scratch_batch batch;
    /* A query and a neighbour as row_form_ask() has them, and as floats; made
     * by scratch_query(). */
    void *query_row;
    void *pair_row;
    float *query_values;
    /* Rows fetched for rescoring; made by scratch_fetched(). */
    void *fetched;
    size_t fetched_size;
};

struct scratch_chosen {
    uint32_t slots[HNSW_M_MAX];
    uint32_t count;
};

struct scratch_pool;

/* NULL without memory. */
struct scratch_pool *scratch_pool_create(void);

/* Frees the pool and what was given back; accepts NULL. */
void scratch_pool_free(struct scratch_pool *pool);

/* A scratch for slots 0..slot_count-1 and lists of `ef`, empty visited set;
 * NULL without memory. Any thread, no lock. */
struct scratch *scratch_take(struct scratch_pool *pool, uint32_t slot_count,
                             uint32_t ef);

/* Gives it back. Any thread. */
void scratch_give(struct scratch_pool *pool, struct scratch *scratch);

/* Room for the choice of HNSW_LEVEL_MAX + 1 levels; NULL without memory. */
struct scratch_chosen *scratch_chosen(struct scratch *scratch);

/* Makes room in `asked` and `pair`; false without memory. */
bool scratch_asked(struct scratch *scratch, const struct codes *codes);

/* Makes room in query_row, pair_row and query_values, which rows of floats do
 * not need; false without memory. */
bool scratch_query(struct scratch *scratch, const struct row_form *form);

/* Room for `size` bytes of rows; NULL without memory. */
void *scratch_fetched(struct scratch *scratch, size_t size);

/* Frees those not in use whose visited set is much longer than `slot_count`
 * asks for. Any thread. */
void scratch_pool_cut(struct scratch_pool *pool, uint32_t slot_count);

/* Bytes held by scratches that are not in use. */
size_t scratch_pool_size(struct scratch_pool *pool);

/* Empties the visited set. */
void scratch_clear(struct scratch *scratch);

/* Adds `slot` to the visited set; true when it was there already or lies
 * beyond the set (inserted after the walk began: not followed). */
static inline bool
scratch_visit(struct scratch *scratch, uint32_t slot)
{
    uint32_t word = slot / 16;
    if (word >= scratch->word_count)
        return true;
    uint32_t bits = scratch->words[word];
    uint32_t bit = UINT32_C(1) << (slot % 16);
    bits = (bits ^ scratch->tag) < 0x10000 ? bits : scratch->tag;
    scratch->words[word] = bits | bit;
    return (bits & bit) != 0;
}

/* The heap: smallest key first. Push is false without memory. */
bool scratch_heap_push(struct scratch *scratch, uint64_t key);
uint64_t scratch_heap_pop(struct scratch *scratch);

#endif /* ENGINE_INDEX_HNSW_SCRATCH_H */
