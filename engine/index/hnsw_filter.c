/* SPDX-License-Identifier: Apache-2.0
 * Filter-first walks on level 0, for filters that few points pass (as ACORN-1:
 * Patel et al. 2024, with the graph as it is). Only nodes that pass are scored
 * and get into the list; where they are too few among a node's neighbours, the
 * lists of those that do not pass are looked through, and of theirs. The list
 * starts with what a narrow walk without filter found around the query, and
 * with samples of all that passes, so that points that pass far from the query
 * are found, too.
 * Invariants: a node that passes is scored once, the list of one that does not
 * is read once as a bridge; a visited bit stands for either. */
#include "engine/index/hnsw_graph.h"

#include <assert.h>

/* List of the walk without filter. */
#define NEAR_COUNT 24u
/* Nodes that pass, to be met by an expansion: for each place of a list. */
#define WANT_SHARE 1.5
/* The walk of HNSW_FILTER_LIST has a look after one hop for so many places. */
#define LOOK_SHARE 3u
/* Bridges of one expansion, about: the third hop takes what comes first. */
#define BRIDGES_MAX 512u
#define LINE_SIZE   64u

struct first {
    struct hnsw_walk *walk;
    const struct slot_filter *filter;
    struct key_list list; /* what passes */
    uint32_t lowest;      /* place of the best that an expansion brought */
    uint32_t want;        /* nodes that pass, to be met by an expansion */
    uint32_t per_list;    /* so many are met in a list, about */
    /* Of the expansion: */
    uint32_t met;
    uint32_t bridges[BRIDGES_MAX];
    uint32_t bridge_count;
};

static inline bool
passes(const struct first *first, uint32_t slot)
{
    const struct slot_filter *filter = first->filter;
    return slot < filter->allowed_count &&
           (filter->allowed[slot / 64] >> (slot % 64) & 1) != 0;
}

static void
score(struct first *first)
{
    struct hnsw_walk *walk = first->walk;
    struct scratch_batch *batch = &walk->scratch->batch;
    struct key_list *list = &first->list;
    HNSW_UNSET uint64_t keys[KERNEL_ROWS_MAX];
    uint32_t count = 0;
    if (batch->count == 0)
        return;
    hnsw_ask_rows(walk, batch->count);
    hnsw_score_batch(walk);
    uint64_t worst = list->count == list->count_max
                         ? list->keys[list->count - 1]
                         : UINT64_MAX;
    for (uint32_t i = 0; i < batch->count; i++) {
        keys[count] = key_make(batch->distances[i], batch->slots[i]);
        count += keys[count] < worst;
    }
    for (uint32_t i = 0; i < count; i += KEY_MERGE_MAX) {
        uint32_t part = count - i < KEY_MERGE_MAX ? count - i : KEY_MERGE_MAX;
        uint32_t place = key_list_merge(list, keys + i, part);
        first->lowest = place < first->lowest ? place : first->lowest;
    }
    batch->count = 0;
}

/* A slot that passes is on its way to be scored. */
static inline void
take(struct first *first, uint32_t slot)
{
    struct scratch_batch *batch = &first->walk->scratch->batch;
    batch->slots[batch->count] = slot;
    batch->count += !scratch_visit(first->walk->scratch, slot);
    if (batch->count == KERNEL_ROWS_MAX)
        score(first);
}

/* Meets those of a node's list that pass; the others become bridges while
 * there is room. */
static void
read_list(struct first *first, uint32_t slot)
{
    struct hnsw_walk *walk = first->walk;
    const struct hnsw *hnsw = walk->hnsw;
    const hnsw_link *links = hnsw_links(hnsw, slot, 0);
    for (uint32_t i = 0; i < hnsw->m0; i++) {
        uint32_t other = hnsw_link_load(&links[i]);
        if (other == SLOT_NONE)
            break;
        if (passes(first, other)) {
            first->met++;
            take(first, other);
        } else if (first->bridge_count < BRIDGES_MAX) {
            first->bridges[first->bridge_count++] = other;
        }
    }
}

/* Looks through the bridges from `begin` to `end`, until enough were met. */
static void
cross(struct first *first, uint32_t begin, uint32_t end)
{
    struct hnsw_walk *walk = first->walk;
    for (uint32_t i = begin; i < end && first->met < first->want; i++) {
        if (scratch_visit(walk->scratch, first->bridges[i])) {
            first->met += first->per_list;
            continue;
        }
        walk->bridge_count++;
        read_list(first, first->bridges[i]);
    }
}

/* Everything near a node that passes; after two hops that brought less than
 * half of what is wanted there is a third. */
static void
expand(struct first *first, uint32_t slot)
{
    first->met = 0;
    first->bridge_count = 0;
    read_list(first, slot);
    uint32_t near = first->bridge_count;
    for (uint32_t i = 0; i < near; i++) {
        const hnsw_link *links =
            hnsw_links(first->walk->hnsw, first->bridges[i], 0);
        __builtin_prefetch(links);
        __builtin_prefetch(links + LINE_SIZE / sizeof(*links));
    }
    cross(first, 0, near);
    if (first->met < first->want / 2)
        cross(first, near, first->bridge_count);
    score(first);
}

/* The nodes around the query, whether they pass or not. False: the stopper
 * said so. */
static bool
begin_near(struct first *first, uint64_t entry)
{
    struct hnsw_walk *walk = first->walk;
    HNSW_UNSET uint64_t near[NEAR_COUNT];
    uint32_t ef = NEAR_COUNT;
    if (ef > walk->scratch->ef_room)
        ef = walk->scratch->ef_room;
    hnsw_walk_down(walk, entry, 0, ef);
    if (walk->is_stopped)
        return false;
    uint32_t count = walk->list.count;
    memcpy(near, walk->list.keys, count * sizeof(near[0]));
    scratch_clear(walk->scratch);
    walk->scratch->batch.count = 0;
    first->met = first->bridge_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = key_slot(near[i]);
        if (passes(first, slot)) {
            take(first, slot);
        } else {
            scratch_visit(walk->scratch, slot);
            walk->bridge_count++;
            read_list(first, slot);
        }
    }
    score(first);
    return true;
}

static void
begin_samples(struct first *first, const struct hnsw_search *options)
{
    const struct hnsw *hnsw = first->walk->hnsw;
    for (uint32_t i = 0; i < options->samples_count; i++) {
        uint32_t slot = options->samples[i];
        assert(passes(first, slot));
        if (hnsw_is_linked(hnsw, slot))
            take(first, slot);
    }
    score(first);
}

static uint32_t
next_open(const struct key_list *list, uint32_t at)
{
    while (at < list->count && (list->keys[at] & KEY_EXPANDED) != 0)
        at++;
    return at;
}

/* Leaves in the list what passes. */
static void
filter_list(struct hnsw_walk *walk, const struct hnsw_search *options,
            struct hnsw_found *found)
{
    struct key_list *list = &walk->list;
    uint32_t count = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        if (!slot_filter_passes(options->filter, key_slot(list->keys[i])))
            continue;
        list->keys[count++] = list->keys[i];
        if (count == options->k)
            found->pass_depth = i + 1;
    }
    list->count = count;
    found->pass_count = count;
}

/* Whether the list, as it is, has `count` nodes that pass. */
static bool
has_passing(const struct key_list *list, const struct slot_filter *filter,
            uint32_t count)
{
    for (uint32_t i = 0; i < list->count && count > 0; i++)
        count -= slot_filter_passes(filter, key_slot(list->keys[i]));
    return count == 0;
}

void
hnsw_walk_filter_list(struct hnsw_walk *walk, const struct hnsw_search *options,
                      uint64_t entry, struct hnsw_found *found)
{
    /* Tests of payloads cost too much for two looks. */
    if (options->filter->accept == NULL)
        walk->hop_pause = options->ef / LOOK_SHARE;
    hnsw_walk_down(walk, entry, 0, options->ef);
    if (!walk->is_done &&
        !has_passing(&walk->list, options->filter, options->k))
        walk->list.count = 0;
    else
        hnsw_walk_on(walk);
    filter_list(walk, options, found);
}

void
hnsw_walk_filter_first(struct hnsw_walk *walk,
                       const struct hnsw_search *options, uint64_t entry,
                       struct hnsw_found *found)
{
    struct first first = {
        .walk = walk,
        .filter = options->filter,
        .list = { walk->scratch->list, 0, options->ef },
        .want = (uint32_t)(walk->hnsw->m0 * WANT_SHARE),
        .per_list = options->pass_per_list,
    };
    struct key_list *list = &first.list;
    if (!begin_near(&first, entry))
        return;
    begin_samples(&first, options);
    for (uint32_t at = 0; (at = next_open(list, at)) < list->count;
         at = first.lowest) {
        if (options->visit_max != 0 &&
            walk->visit_count + walk->bridge_count >= options->visit_max) {
            found->is_cut = true;
            break;
        }
        if (hnsw_walk_is_due(walk)) {
            walk->is_stopped = true;
            break;
        }
        uint32_t slot = key_slot(list->keys[at]);
        list->keys[at] |= KEY_EXPANDED;
        first.lowest = at + 1;
        expand(&first, slot);
    }
    walk->list = *list;
    found->pass_count = list->count;
    found->is_short = !found->is_cut && list->count < options->ef;
}
