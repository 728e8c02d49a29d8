/* SPDX-License-Identifier: Apache-2.0
 * Walks over the graph (the paper's algorithms 2 and 5). A hop reads
 * one link list, leaves out what was seen and asks for every row that remains;
 * then it scores them in one batch, asks for the links of the closest open node
 * and sorts the batch into one list that is candidates and result at once.
 * Lists may change under the walk: any mix of old and new entries is a valid
 * list. */
#include "engine/index/hnsw_graph.h"

#include <assert.h>

/* Cache lines of a row that are asked for; the hardware streams the rest. */
#define PREFETCH_LINES 8u
#define LINE_SIZE      64u

/* Bytes of a row that are asked for. */
static inline size_t
asked_size(const struct slab *slab)
{
    return slab->row_size < PREFETCH_LINES * LINE_SIZE
               ? slab->row_size
               : PREFETCH_LINES * LINE_SIZE;
}

static inline void
prefetch(const void *at, size_t size)
{
    for (size_t i = 0; i < size; i += LINE_SIZE)
        __builtin_prefetch((const char *)at + i);
    /* Short codes begin anywhere in a line. */
    if (size % LINE_SIZE != 0)
        __builtin_prefetch((const char *)at + size - 1);
}

void
hnsw_score(const struct hnsw *hnsw, const void *query, const uint32_t *slots,
           uint32_t count, float *ret_distances)
{
    HNSW_UNSET const void *rows[KERNEL_ROWS_MAX];
    assert(count <= KERNEL_ROWS_MAX);
    for (uint32_t i = 0; i < count; i++)
        rows[i] = slab_row(hnsw->rows.vectors, slots[i]);
    hnsw->kernel(query, rows, count, hnsw->params.dim, ret_distances);
}

void
hnsw_score_batch(struct hnsw_walk *walk)
{
    const struct hnsw *hnsw = walk->hnsw;
    struct scratch_batch *batch = &walk->scratch->batch;
    if (walk->asked != NULL)
        codes_score(walk->codes, walk->asked, batch->slots, batch->rows,
                    batch->count, batch->distances);
    else
        hnsw_score(hnsw, walk->query, batch->slots, batch->count,
                   batch->distances);
}

/* The slab that the walk reads. */
static inline const struct slab *
walk_slab(const struct hnsw_walk *walk)
{
    return walk->asked != NULL ? walk->codes->rows : walk->hnsw->rows.vectors;
}

/* Finds and asks for the rows of the batch's slots. */
static inline void
ask_for_rows(struct hnsw_walk *walk, uint32_t count)
{
    const struct slab *slab = walk_slab(walk);
    struct scratch_batch *batch = &walk->scratch->batch;
    size_t size = asked_size(slab);
    for (uint32_t i = 0; i < count; i++) {
        batch->rows[i] = slab_row(slab, batch->slots[i]);
        prefetch(batch->rows[i], size);
    }
    batch->count = count;
    walk->visit_count += count;
}

void
hnsw_read_fresh(struct hnsw_walk *walk)
{
    struct scratch *scratch = walk->scratch;
    uint32_t count = 0;
    uint32_t i = walk->link_at;
    for (; i < walk->links_max && count < KERNEL_ROWS_MAX; i++) {
        uint32_t slot = hnsw_link_load(&walk->links[i]);
        if (slot == SLOT_NONE) {
            i = walk->links_max;
            break;
        }
        scratch->batch.slots[count] = slot;
        count += !scratch_visit(scratch, slot);
    }
    walk->link_at = i;
    ask_for_rows(walk, count);
}

/* As hnsw_read_fresh(), whether seen or not. */
static void
read_all(struct hnsw_walk *walk)
{
    uint32_t count = 0;
    uint32_t i = walk->link_at;
    for (; i < walk->links_max && count < KERNEL_ROWS_MAX; i++) {
        uint32_t slot = hnsw_link_load(&walk->links[i]);
        if (slot == SLOT_NONE) {
            i = walk->links_max;
            break;
        }
        walk->scratch->batch.slots[count++] = slot;
    }
    walk->link_at = i;
    ask_for_rows(walk, count);
}

void
hnsw_ask_rows(struct hnsw_walk *walk, uint32_t count)
{
    ask_for_rows(walk, count);
}

uint64_t
hnsw_score_one(struct hnsw_walk *walk, uint32_t slot)
{
    walk->scratch->batch.slots[0] = slot;
    ask_for_rows(walk, 1);
    hnsw_score_batch(walk);
    return key_make(walk->scratch->batch.distances[0], slot);
}

/* The next key that was not expanded, from `at` on. */
static inline uint32_t
next_open(const struct key_list *list, uint32_t at)
{
    while (at < list->count && (list->keys[at] & KEY_EXPANDED) != 0)
        at++;
    return at;
}

static inline void
ask_for_links(const struct hnsw_walk *walk, uint64_t key)
{
    const hnsw_link *links = hnsw_links(walk->hnsw, key_slot(key), walk->level);
    __builtin_prefetch(links);
    __builtin_prefetch(links + LINE_SIZE / sizeof(*links));
}

/* The links of a node are read next. */
static inline void
open_node(struct hnsw_walk *walk, uint64_t key)
{
    walk->links = hnsw_links(walk->hnsw, key_slot(key), walk->level);
    walk->links_max = hnsw_links_max(walk->hnsw, walk->level);
    walk->link_at = 0;
    ask_for_links(walk, key);
    if (hnsw_walk_is_due(walk)) {
        walk->is_stopped = true;
        walk->is_done = true;
    }
}

static inline void
open_place(struct hnsw_walk *walk, uint32_t at)
{
    struct key_list *list = &walk->list;
    uint32_t next = next_open(list, at + 1);
    walk->at = at;
    walk->from = list->keys[at];
    walk->lowest = at + 1;
    walk->next = next < list->count ? list->keys[next] : UINT64_MAX;
    if (next < list->count)
        ask_for_links(walk, walk->next);
    open_node(walk, list->keys[at]);
    list->keys[at] |= KEY_EXPANDED;
}

static void
begin_list(struct hnsw_walk *walk)
{
    if (walk->list.count_max == 0) {
        walk->is_done = true;
        return;
    }
    scratch_visit(walk->scratch, key_slot(walk->best));
    walk->list.keys[0] = walk->best;
    walk->list.count = 1;
    open_place(walk, 0);
}

/* On the way down: on to the closest, or a level lower. */
static void
score_down(struct hnsw_walk *walk)
{
    const struct scratch_batch *batch = &walk->scratch->batch;
    for (uint32_t i = 0; i < batch->count; i++) {
        uint64_t key = key_make(batch->distances[i], batch->slots[i]);
        walk->best = key < walk->best ? key : walk->best;
    }
    if (walk->link_at < walk->links_max)
        return; /* the list goes on */
    if (walk->best == walk->from && --walk->level == walk->last_level) {
        begin_list(walk);
        return;
    }
    walk->from = walk->best;
    open_node(walk, walk->best);
}

/* Keys of the batch that would get into the list; the nearest of all. */
static inline uint32_t
select_keys(const struct scratch_batch *batch, uint64_t worst,
            uint64_t *ret_keys, uint64_t *nearest)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        uint64_t key = key_make(batch->distances[i], batch->slots[i]);
        ret_keys[count] = key;
        count += key < worst;
        *nearest = key < *nearest ? key : *nearest;
    }
    return count;
}

uint32_t
key_list_merge(struct key_list *list, const uint64_t *keys, uint32_t count)
{
    HNSW_UNSET uint64_t sorted[KEY_MERGE_MAX];
    HNSW_UNSET uint32_t places[KEY_MERGE_MAX];
    uint32_t end = list->count;
    assert(count > 0 && count <= KEY_MERGE_MAX);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t rank = 0;
        for (uint32_t j = 0; j < count; j++)
            rank += keys[j] < keys[i];
        sorted[rank] = keys[i];
        places[rank] = key_list_place(list, keys[i]);
    }
    for (uint32_t i = count; i-- > 0;) {
        /* What comes between this key and the next moves i + 1 places up, as
         * far as there is room. */
        uint32_t room = list->count_max > i ? list->count_max - (i + 1) : 0;
        uint32_t stop = end < room ? end : room;
        if (places[i] < stop)
            keys_move_up(list->keys + places[i], stop - places[i], i + 1);
        if (places[i] + i < list->count_max)
            list->keys[places[i] + i] = sorted[i];
        end = places[i];
    }
    uint32_t sum = list->count + count;
    list->count = sum < list->count_max ? sum : list->count_max;
    return places[0];
}

static void
score_list(struct hnsw_walk *walk)
{
    struct key_list *list = &walk->list;
    HNSW_UNSET uint64_t keys[KERNEL_ROWS_MAX];
    uint64_t nearest = walk->next;
    uint64_t worst = list->count == list->count_max
                         ? list->keys[list->count - 1]
                         : UINT64_MAX;
    uint32_t count = select_keys(&walk->scratch->batch, worst, keys, &nearest);
    if (nearest < walk->next)
        ask_for_links(walk, nearest);
    for (uint32_t i = 0; i < count; i += KEY_MERGE_MAX) {
        uint32_t part = count - i < KEY_MERGE_MAX ? count - i : KEY_MERGE_MAX;
        uint32_t place = key_list_merge(list, keys + i, part);
        walk->lowest = place < walk->lowest ? place : walk->lowest;
    }
    if (walk->link_at < walk->links_max)
        return; /* the list goes on */
    uint32_t at = next_open(list, walk->lowest);
    if (at >= list->count) {
        walk->is_done = true;
        return;
    }
    open_place(walk, at);
}

/* Leaves out of the batch the twins of the node whose links were read. */
static void
drop_twins(struct hnsw_walk *walk)
{
    struct scratch_batch *batch = &walk->scratch->batch;
    float distance = key_distance(walk->from);
    assert(batch->count <= KERNEL_ROWS_MAX);
    uint32_t count = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        uint32_t slot = batch->slots[i];
        if (batch->distances[i] == distance &&
            hnsw_is_twin(walk->hnsw, key_slot(walk->from), slot))
            continue;
        batch->slots[count] = slot;
        batch->distances[count++] = batch->distances[i];
    }
    batch->count = count;
}

static void
run(struct hnsw_walk *walk)
{
    while (!walk->is_done && walk->hop_count != walk->hop_pause) {
        bool is_down = walk->level > walk->last_level;
        if (is_down)
            read_all(walk);
        else
            hnsw_read_fresh(walk);
        hnsw_score_batch(walk);
        if (walk->skips_twins && !is_down)
            drop_twins(walk);
        if (is_down)
            score_down(walk);
        else
            score_list(walk);
    }
    if (walk->list.count > 0)
        walk->best = walk->list.keys[0] & ~KEY_EXPANDED;
}

void
hnsw_walk_down(struct hnsw_walk *walk, uint64_t entry, uint32_t level,
               uint32_t ef)
{
    assert(entry != 0 && ef <= walk->scratch->ef_room);
    walk->level = (uint32_t)(entry >> 32) - 1;
    walk->last_level = level;
    walk->list = (struct key_list){ walk->scratch->list, 0, ef };
    walk->best = hnsw_score_one(walk, (uint32_t)entry);
    walk->from = walk->best;
    if (walk->level > level)
        open_node(walk, walk->best);
    else
        begin_list(walk);
    run(walk);
}

void
hnsw_walk_on(struct hnsw_walk *walk)
{
    walk->hop_pause = 0;
    run(walk);
}

void
hnsw_walk_lower(struct hnsw_walk *walk, uint32_t level)
{
    assert(walk->is_done && level < walk->level);
    scratch_clear(walk->scratch);
    walk->level = level;
    walk->last_level = level;
    walk->is_done = false;
    begin_list(walk);
    run(walk);
}
