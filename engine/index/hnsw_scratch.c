/* SPDX-License-Identifier: Apache-2.0
 * Working memory of walks, pooled per graph. The pool is an array of pointers
 * that are taken and put back by atomic exchange: a searcher never waits. */
#include "engine/index/hnsw_scratch.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define HEAP_FIRST_ROOM 1024u
/* The visited set grows by at least so many words at once. */
#define WORDS_STEP 1024u
#define TAG_STEP   0x10000u

struct scratch_pool {
    _Atomic(struct scratch *) idle[SCRATCH_POOL_MAX];
    _Atomic size_t idle_size;
};

static size_t
scratch_size(const struct scratch *scratch)
{
    size_t chosen_size = (HNSW_LEVEL_MAX + 1) * sizeof(*scratch->chosen);
    return sizeof(*scratch) + (scratch->chosen != NULL ? chosen_size : 0) +
           scratch->word_count * sizeof(uint32_t) +
           (2 * ((size_t)scratch->ef_room + 1) + scratch->heap_room) *
               sizeof(uint64_t) +
           (scratch->asked.size + scratch->pair.size) *
               (sizeof(float) + sizeof(int8_t)) +
           scratch->fetched_size;
}

static void
scratch_free(struct scratch *scratch)
{
    if (scratch == NULL)
        return;
    free(scratch->words);
    free(scratch->list);
    free(scratch->exact);
    free(scratch->heap);
    free(scratch->chosen);
    codes_query_release(&scratch->asked);
    codes_query_release(&scratch->pair);
    free(scratch->query_row);
    free(scratch->pair_row);
    free(scratch->query_values);
    free(scratch->fetched);
    free(scratch);
}

struct scratch_pool *
scratch_pool_create(void)
{
    return calloc(1, sizeof(struct scratch_pool));
}

void
scratch_pool_free(struct scratch_pool *pool)
{
    if (pool == NULL)
        return;
    for (size_t i = 0; i < SCRATCH_POOL_MAX; i++)
        scratch_free(atomic_load(&pool->idle[i]));
    free(pool);
}

static bool
make_visited_room(struct scratch *scratch, uint32_t slot_count)
{
    uint32_t words = slot_count / 16 + 1;
    if (words <= scratch->word_count)
        return true;
    uint32_t room = scratch->word_count + scratch->word_count / 2 + WORDS_STEP;
    if (room < words)
        room = words;
    uint32_t *new_words = calloc(room, sizeof(*new_words));
    if (new_words == NULL)
        return false;
    free(scratch->words);
    scratch->words = new_words;
    scratch->word_count = room;
    scratch->tag = 0;
    return true;
}

static bool
make_list_room(struct scratch *scratch, uint32_t ef)
{
    if (ef <= scratch->ef_room)
        return true;
    uint64_t *list = malloc(((size_t)ef + 1) * sizeof(*list));
    uint64_t *exact = malloc(((size_t)ef + 1) * sizeof(*exact));
    if (list == NULL || exact == NULL) {
        free(list);
        free(exact);
        return false;
    }
    free(scratch->list);
    free(scratch->exact);
    scratch->list = list;
    scratch->exact = exact;
    scratch->ef_room = ef;
    return true;
}

void
scratch_clear(struct scratch *scratch)
{
    scratch->tag += TAG_STEP;
    if (scratch->tag == 0) { /* wrapped: old tags could be taken for new */
        memset(scratch->words, 0, scratch->word_count * sizeof(uint32_t));
        scratch->tag = TAG_STEP;
    }
}

struct scratch *
scratch_take(struct scratch_pool *pool, uint32_t slot_count, uint32_t ef)
{
    struct scratch *scratch = NULL;
    for (size_t i = 0; i < SCRATCH_POOL_MAX && scratch == NULL; i++)
        if (atomic_load_explicit(&pool->idle[i], memory_order_relaxed) != NULL)
            scratch = atomic_exchange_explicit(&pool->idle[i], NULL,
                                               memory_order_acquire);
    if (scratch != NULL)
        atomic_fetch_sub(&pool->idle_size, scratch_size(scratch));
    else
        scratch = calloc(1, sizeof(*scratch));
    if (scratch == NULL)
        return NULL;
    if (!make_visited_room(scratch, slot_count) ||
        !make_list_room(scratch, ef)) {
        scratch_free(scratch);
        return NULL;
    }
    scratch_clear(scratch);
    scratch->heap_count = 0;
    return scratch;
}

void
scratch_give(struct scratch_pool *pool, struct scratch *scratch)
{
    if (scratch == NULL)
        return;
    size_t size = scratch_size(scratch);
    atomic_fetch_add(&pool->idle_size, size);
    for (size_t i = 0; i < SCRATCH_POOL_MAX; i++) {
        struct scratch *none = NULL;
        if (atomic_compare_exchange_strong_explicit(
                &pool->idle[i], &none, scratch, memory_order_release,
                memory_order_relaxed))
            return;
    }
    atomic_fetch_sub(&pool->idle_size, size);
    scratch_free(scratch);
}

void
scratch_pool_cut(struct scratch_pool *pool, uint32_t slot_count)
{
    uint32_t most = 2 * (slot_count / 16 + 1) + WORDS_STEP;
    for (size_t i = 0; i < SCRATCH_POOL_MAX; i++) {
        struct scratch *scratch = atomic_exchange_explicit(
            &pool->idle[i], NULL, memory_order_acquire);
        if (scratch == NULL)
            continue;
        atomic_fetch_sub(&pool->idle_size, scratch_size(scratch));
        if (scratch->word_count > most)
            scratch_free(scratch);
        else
            scratch_give(pool, scratch);
    }
}

struct scratch_chosen *
scratch_chosen(struct scratch *scratch)
{
    if (scratch->chosen == NULL)
        scratch->chosen = calloc(HNSW_LEVEL_MAX + 1, sizeof(*scratch->chosen));
    return scratch->chosen;
}

bool
scratch_asked(struct scratch *scratch, const struct codes *codes)
{
    if (scratch->pair.size == codes->rotation.size &&
        (scratch->pair.room != NULL) == (codes->ones != NULL))
        return true;
    codes_query_release(&scratch->asked);
    codes_query_release(&scratch->pair);
    if (codes_query_init(&scratch->asked, codes, NULL) != ENGINE_OK)
        return false;
    if (codes_query_init(&scratch->pair, codes, NULL) == ENGINE_OK)
        return true;
    codes_query_release(&scratch->asked);
    return false;
}

bool
scratch_query(struct scratch *scratch, const struct row_form *form)
{
    if (form->datatype == DATATYPE_F32 || scratch->query_values != NULL)
        return true;
    scratch->query_row = malloc(row_form_query_size(form));
    scratch->pair_row = malloc(row_form_query_size(form));
    scratch->query_values = malloc(form->dim * sizeof(float));
    if (scratch->query_row != NULL && scratch->pair_row != NULL &&
        scratch->query_values != NULL)
        return true;
    free(scratch->query_row);
    free(scratch->pair_row);
    free(scratch->query_values);
    scratch->query_row = NULL;
    scratch->pair_row = NULL;
    scratch->query_values = NULL;
    return false;
}

void *
scratch_fetched(struct scratch *scratch, size_t size)
{
    if (size <= scratch->fetched_size)
        return scratch->fetched;
    size = (size + SLAB_ROW_ALIGN - 1) / SLAB_ROW_ALIGN * SLAB_ROW_ALIGN;
    void *fetched = aligned_alloc(SLAB_ROW_ALIGN, size);
    if (fetched == NULL)
        return NULL;
    free(scratch->fetched);
    scratch->fetched = fetched;
    scratch->fetched_size = size;
    return fetched;
}

size_t
scratch_pool_size(struct scratch_pool *pool)
{
    return sizeof(*pool) + atomic_load(&pool->idle_size);
}

bool
scratch_heap_push(struct scratch *scratch, uint64_t key)
{
    if (scratch->heap_count == scratch->heap_room) {
        uint32_t room =
            scratch->heap_room == 0 ? HEAP_FIRST_ROOM : scratch->heap_room * 2;
        uint64_t *heap = realloc(scratch->heap, room * sizeof(*heap));
        if (heap == NULL)
            return false;
        scratch->heap = heap;
        scratch->heap_room = room;
    }
    uint32_t at = scratch->heap_count++;
    while (at > 0 && key < scratch->heap[(at - 1) / 2]) {
        scratch->heap[at] = scratch->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    scratch->heap[at] = key;
    return true;
}

uint64_t
scratch_heap_pop(struct scratch *scratch)
{
    assert(scratch->heap_count > 0);
    uint64_t *heap = scratch->heap;
    uint64_t smallest = heap[0];
    uint64_t key = heap[--scratch->heap_count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= scratch->heap_count)
            break;
        if (child + 1 < scratch->heap_count && heap[child + 1] < heap[child])
            child++;
        if (heap[child] >= key)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = key;
    return smallest;
}
