/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_HNSW_GRAPH_H
#define ENGINE_INDEX_HNSW_GRAPH_H

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "engine/index/epoch.h"
#include "engine/index/hnsw.h"
#include "engine/index/hnsw_scratch.h"

/* The graph as its own files see it; README.md has the rules in words.
 * Lock order: entry_mutex, then grow_mutex, then one node's spin byte; nobody
 * holds two spin bytes. */

/* Slots of the graph fit 31 bits: a list entry keeps one bit for itself. */
#define HNSW_SLOT_MAX 0x7ffffffeu

/* The life of a node, in this order and round again from LINKED to OPEN. */
enum hnsw_state {
    HNSW_NONE,   /* never inserted: zero bytes */
    HNSW_OPEN,   /* has its lists, but its insert is not complete */
    HNSW_LINKED, /* the insert is complete */
    HNSW_DYING,  /* a sweep takes it out: no list takes it in any more */
    HNSW_SWEPT   /* no list names it; who met it before may still be there */
};

/* Hops between two questions to the stopper. */
#define HNSW_STOPPER_HOPS 256u

struct hnsw_node {
    _Atomic uint32_t upper;    /* row of level 1 in `upper`; written once: */
    _Atomic uint8_t level;     /* a slot used again keeps its level and rows,
                                  until hnsw_cut() */
    _Atomic uint8_t is_locked; /* spin byte: guards changes of its lists */
    _Atomic uint8_t state;     /* enum hnsw_state */
    _Atomic uint8_t in_count; /* lists on level 0 that name it; hnsw_naming.c */
};
static_assert(sizeof(struct hnsw_node) == 8, "eight nodes in a cache line");

/* What a pass learns about a node on level 0. */
struct named {
    _Atomic uint8_t count; /* lists that name it */
    bool is_bereft;        /* it lost most of its links */
    bool is_reached;       /* by hnsw_reach.c, which alone writes it */
};

/* A sweep under way; hnsw_repair.c. */
struct sweep {
    pthread_mutex_t lock;        /* guards what is not atomic, and changes */
    _Atomic uint32_t phase;      /* of the phase */
    _Atomic uint32_t done_count; /* slots of this phase that are done */
    uint32_t cursor;             /* the next slot that nobody works on */
    uint32_t end;
    struct epoch *epoch;
    uint64_t stamp;
    /* By slot, as far as the pass has seen; NULL: no memory, then nobody is
     * looked after. */
    struct named *named;
    /* hnsw_reach.c: slots in the order in which they were reached, those before
     * reach_at with all that they name. NULL: not at work, or nobody counts as
     * out of reach. */
    uint32_t *reached;
    uint32_t reach_at;
    uint32_t reach_count;
    bool knows_reached; /* the walk was made */
};

struct hnsw {
    /* Immutable, but see hnsw_set_codes(). */
    struct hnsw_params params;
    uint32_t m0;                   /* links at level 0 */
    _Atomic uint32_t ef_construct; /* may be set anew */
    double level_scale;
    struct hnsw_rows rows;
    struct row_form form; /* of the vectors */
    /* The same as rows.codes, for searches, which take it once. */
    _Atomic(const struct codes *) codes;
    kernel_rows_fn kernel;
    /* Growing; the slabs' one writer holds grow_mutex. */
    struct slab nodes; /* struct hnsw_node by slot */
    struct slab links; /* level 0: _Atomic uint32_t[m0] by slot */
    struct slab upper; /* levels 1..: _Atomic uint32_t[m] per node and level */
    pthread_mutex_t grow_mutex;
    _Atomic uint32_t upper_count; /* rows of `upper` in use */
    /* Rows of nodes that were cut off, by level: the first one's number + 1,
     * each row's first link has that of the next. By grow_mutex. */
    uint32_t upper_free[HNSW_LEVEL_MAX + 1];
    /* Top level + 1 in the high half, slot in the low; 0 = empty graph.
     * Changed under entry_mutex; release pairs with the searcher's acquire. */
    pthread_mutex_t entry_mutex;
    _Atomic uint64_t entry;
    _Atomic uint32_t linked_count; /* nodes that are LINKED */
    _Atomic uint32_t slot_end;     /* highest slot inserted + 1, since the
                                      last hnsw_cut() */
    struct sweep sweep;
    struct scratch_pool *scratches;
};

/* Lists of u32 end by SLOT_NONE or by their full length. Stores are release:
 * who reads a slot from a list sees its vector and its own lists. */
typedef _Atomic uint32_t hnsw_link;

static inline struct hnsw_node *
hnsw_node(const struct hnsw *hnsw, uint32_t slot)
{
    return slab_row(&hnsw->nodes, slot);
}

static inline uint32_t
hnsw_state(const struct hnsw *hnsw, uint32_t slot)
{
    return atomic_load_explicit(&hnsw_node(hnsw, slot)->state,
                                memory_order_acquire);
}

static inline hnsw_link *
hnsw_links(const struct hnsw *hnsw, uint32_t slot, uint32_t level)
{
    if (level == 0)
        return slab_row(&hnsw->links, slot);
    uint32_t upper = atomic_load_explicit(&hnsw_node(hnsw, slot)->upper,
                                          memory_order_relaxed);
    return slab_row(&hnsw->upper, upper + level - 1);
}

static inline uint32_t
hnsw_links_max(const struct hnsw *hnsw, uint32_t level)
{
    return level == 0 ? hnsw->m0 : hnsw->params.m;
}

static inline uint32_t
hnsw_link_load(const hnsw_link *link)
{
    return atomic_load_explicit(link, memory_order_acquire);
}

static inline void
hnsw_link_store(hnsw_link *link, uint32_t slot)
{
    atomic_store_explicit(link, slot, memory_order_release);
}

/* A candidate in one word that sorts by distance, then slot: the distance's
 * bits made monotonic, the slot, and a bit that says "expanded". */
static inline uint64_t
key_make(float distance, uint32_t slot)
{
    float plus = isnan(distance) ? INFINITY : distance + 0.0f;
    uint32_t bits;
    memcpy(&bits, &plus, sizeof(bits));
    bits ^= (bits >> 31) != 0 ? UINT32_MAX : UINT32_C(1) << 31;
    return (uint64_t)bits << 32 | (uint64_t)slot << 1;
}

static inline uint32_t
key_slot(uint64_t key)
{
    return (uint32_t)key >> 1;
}

static inline float
key_distance(uint64_t key)
{
    uint32_t bits = (uint32_t)(key >> 32);
    bits ^= (bits >> 31) != 0 ? UINT32_C(1) << 31 : UINT32_MAX;
    float distance;
    memcpy(&distance, &bits, sizeof(distance));
    return distance;
}

#define KEY_EXPANDED UINT64_C(1)

/* Keys ascending, at most `count_max`: the best seen so far. */
struct key_list {
    uint64_t *keys;
    uint32_t count;
    uint32_t count_max;
};

/* Number of keys less than `key`; no branch depends on the keys. */
static inline uint32_t
key_list_place(const struct key_list *list, uint64_t key)
{
    const uint64_t *at = list->keys;
    for (uint32_t count = list->count; count > 1;) {
        uint32_t half = count / 2;
        at += half & (0u - (uint32_t)(at[half - 1] < key));
        count -= half;
    }
    uint32_t place = (uint32_t)(at - list->keys);
    return place + (list->count > 0 && *at < key);
}

/* Moves `count` keys `by` > 0 places up, without a call. */
static inline void
keys_move_up(uint64_t *keys, uint32_t count, uint32_t by)
{
    for (; count >= 8; count -= 8) {
        uint64_t part[8];
        memcpy(part, keys + count - 8, sizeof(part));
        memcpy(keys + count - 8 + by, part, sizeof(part));
    }
    for (; count > 0; count--)
        keys[count - 1 + by] = keys[count - 1];
}

/* Puts `key` in its place; the worst drops out of a full list. Returns the
 * place, or count_max when it did not get in. */
static inline uint32_t
key_list_insert(struct key_list *list, uint64_t key)
{
    if (list->count == list->count_max) {
        if (key >= list->keys[list->count - 1])
            return list->count_max;
        list->count--;
    }
    uint32_t place = key_list_place(list, key);
    keys_move_up(list->keys + place, list->count - place, 1);
    list->keys[place] = key;
    list->count++;
    return place;
}

/* Keys that key_list_merge() takes. */
#define KEY_MERGE_MAX 16u

/* Puts `count` <= KEY_MERGE_MAX keys in their places at once: their searches
 * overlap and each key of the list moves once. Returns the lowest place, or
 * count_max when none got in. */
uint32_t key_list_merge(struct key_list *list, const uint64_t *keys,
                        uint32_t count);

/* An array that is written before it is read: not worth zeroing. */
#define HNSW_UNSET __attribute__((uninitialized))

/* One search: what it looks for, its lists and what it has counted. */
struct hnsw_walk {
    /* The caller's, before the walk. */
    const struct hnsw *hnsw;
    const void *query;               /* of row_form_ask(); not with `asked` */
    const struct codes_query *asked; /* NULL: walk on the vectors */
    const struct codes *codes;       /* that `asked` is in terms of */
    struct scratch *scratch;
    struct stopper stopper;
    /* Results. */
    uint32_t visit_count;
    uint32_t hop_count;
    uint32_t hop_pause;    /* after so many hops it pauses; 0: never */
    uint32_t bridge_count; /* lists read of nodes that do not pass a filter */
    uint64_t best;         /* key of the closest node met */
    struct key_list list;  /* in scratch->list */
    bool skips_twins;      /* of a node met, none of its twins that it names */
    bool is_stopped;
    /* At work. */
    bool is_done;
    uint32_t level;
    uint32_t last_level; /* where the list is made */
    uint64_t from;       /* whose links are read */
    uint32_t at;         /* place in the list whose links are read */
    uint32_t lowest;     /* place of the best that these links brought */
    uint64_t next;       /* key of the next open place, links asked for */
    const hnsw_link *links;
    uint32_t links_max;
    uint32_t link_at;
};

/* The rows that the graph is built on. */
static inline const struct slab *
hnsw_slab(const struct hnsw *hnsw)
{
    return hnsw->rows.codes != NULL ? hnsw->rows.codes->rows
                                    : hnsw->rows.vectors;
}

/* Whether links are chosen by codes, not by vectors. */
static inline bool
hnsw_links_by_codes(const struct hnsw *hnsw)
{
    return hnsw->rows.codes != NULL &&
           (hnsw->rows.vectors == NULL || !codes_is_rough(hnsw->rows.codes));
}

/* Distances of a vector to `count` <= KERNEL_ROWS_MAX vectors in memory. */
void hnsw_score(const struct hnsw *hnsw, const void *query,
                const uint32_t *slots, uint32_t count, float *ret_distances);

/* Distance of the walk's query to one slot, as a key. */
uint64_t hnsw_score_one(struct hnsw_walk *walk, uint32_t slot);

/* The walk's distances to its batch, estimated or exact. */
void hnsw_score_batch(struct hnsw_walk *walk);

/* Finds and asks for the rows of the batch's first `count` slots, which is then
 * its count. */
void hnsw_ask_rows(struct hnsw_walk *walk, uint32_t count);

/* hnsw_filter.c: the walk of HNSW_FILTER_FIRST from `entry` (not 0). Then the
 * list holds the result unless is_stopped. */
void hnsw_walk_filter_first(struct hnsw_walk *walk,
                            const struct hnsw_search *options, uint64_t entry,
                            struct hnsw_found *found);

/* The walk of HNSW_FILTER_LIST, likewise. */
void hnsw_walk_filter_list(struct hnsw_walk *walk,
                           const struct hnsw_search *options, uint64_t entry,
                           struct hnsw_found *found);

/* Puts the unseen slots of walk->links from link_at on into the batch, as many
 * as fit, and moves link_at on. */
void hnsw_read_fresh(struct hnsw_walk *walk);

/* Walks from the graph's `entry` (not 0): greedily down to `level`, there the
 * paper's algorithm 2 for the `ef` closest nodes, or nothing with ef 0. Then
 * list and best hold the result unless is_stopped.
 * ef <= HNSW_EF_MAX and scratch made ready for it. */
void hnsw_walk_down(struct hnsw_walk *walk, uint64_t entry, uint32_t level,
                    uint32_t ef);

/* Goes on after a pause. */
void hnsw_walk_on(struct hnsw_walk *walk);

/* Walks again on a lower level, from the closest node met. */
void hnsw_walk_lower(struct hnsw_walk *walk, uint32_t level);

/* Counts a hop; whether the stopper, asked now and then, wants an end. */
static inline bool
hnsw_walk_is_due(struct hnsw_walk *walk)
{
    return walk->hop_count++ % HNSW_STOPPER_HOPS == 0 &&
           walk->stopper.is_due != NULL &&
           walk->stopper.is_due(walk->stopper.ctx);
}

/* Exact distances for the best of the walk's list, in hits. */
enum engine_code hnsw_rescore(const struct hnsw_walk *walk,
                              const struct hnsw_search *options,
                              struct hit *ret_hits, struct hnsw_found *found,
                              struct error *reterr);

/* Backs the rows of slots 0..slot. ENGINE_ENOMEM */
enum engine_code hnsw_reserve(struct hnsw *hnsw, uint32_t slot,
                              struct error *reterr);

/* Upper rows for a node of `level` > 0. The caller holds grow_mutex.
 * ENGINE_ENOMEM */
enum engine_code hnsw_upper_take(struct hnsw *hnsw, uint32_t level,
                                 uint32_t *ret_upper, struct error *reterr);

/* The spin byte of a node. */
void hnsw_node_lock(struct hnsw_node *node);
void hnsw_node_unlock(struct hnsw_node *node);

/* A point that others are measured against while links are chosen. */
struct hnsw_pivot {
    const struct hnsw *hnsw;
    struct codes_query *asked; /* with codes: room for its code as a query */
    void *room;                /* else: for its row as one */
    const void *query;         /* that, or the row */
    uint32_t slot;
};

/* With the room of a scratch, which scratch_query() and, with codes,
 * scratch_asked() made ready. */
struct hnsw_pivot hnsw_pivot_of(const struct hnsw *hnsw,
                                struct scratch *scratch);

void hnsw_pivot_set(struct hnsw_pivot *pivot, uint32_t slot);
void hnsw_pivot_score(const struct hnsw_pivot *pivot, const uint32_t *slots,
                      uint32_t count, float *ret_distances);

/* Whether one of the kept slots is so close to the pivot that it stands for
 * it in the list of a node at `distance`. */
bool hnsw_is_covered(const struct hnsw_pivot *pivot, const uint32_t *kept,
                     uint32_t count, float distance);

/* Whether two nodes have the same row. None of several twins covers another:
 * they would fill their lists and nothing would lead out. So the first one met
 * stands for them all; the others hang on it as a tree of twins and take the
 * links that lead elsewhere from the one that they hang on. */
bool hnsw_is_twin(const struct hnsw *hnsw, uint32_t slot, uint32_t other);

/* Algorithm 4 for the owner of a list: twins first, then candidates in
 * ascending distance that no closer kept one covers; a few covered ones when
 * hardly any are left. The list's keys change their order. Returns how many it
 * put into ret_slots, at most `count_max`. */
uint32_t hnsw_select(struct hnsw_pivot *pivot, struct key_list *list,
                     uint32_t owner, uint32_t *ret_slots, uint32_t count_max);

/* The lists on level 0 that name a node are counted, so that a list that is
 * chosen anew does not drop the last link to a node (hnsw_naming.c). */

/* `owner` names these slots from now on, or no longer. */
void hnsw_naming_add(const struct hnsw *hnsw, uint32_t owner,
                     const uint32_t *slots, uint32_t count);
void hnsw_naming_drop(const struct hnsw *hnsw, uint32_t owner,
                      const uint32_t *slots, uint32_t count);
void hnsw_naming_up(const struct hnsw *hnsw, uint32_t slot);
bool hnsw_is_named(const struct hnsw *hnsw, uint32_t slot);

/* The full list of `owner` on level 0 is about to be written anew as
 * kept[0..count-1], which may have `fresh`; room for all of a list. Slots of
 * which it was the last list are put back, in free places or for others that
 * more lists name. Returns the new count. Under the spin byte of `owner`. */
uint32_t hnsw_naming_choose(const struct hnsw *hnsw, uint32_t owner,
                            uint32_t fresh, uint32_t *kept, uint32_t count);

/* Puts `slot`, not counted yet, in the place of one that other lists name, too;
 * false when there is none. */
bool hnsw_naming_replace(const struct hnsw *hnsw, uint32_t owner, uint32_t slot,
                         uint32_t *slots, uint32_t count);

/* Puts `slot` into the list of `owner` on level 0 and counts it; false when it
 * is there already or each link there is the last to its node. Takes the spin
 * byte. */
bool hnsw_link_force(const struct hnsw *hnsw, uint32_t owner, uint32_t slot);

/* The first of its neighbours, or of theirs, that can is made to name `slot` on
 * level 0. */
bool hnsw_name_by(const struct hnsw *hnsw, uint32_t slot,
                  const struct scratch_chosen *chosen);

/* Writes a whole list; the rest becomes empty. Under the spin byte, or nobody
 * sees it. */
void hnsw_links_write(hnsw_link *links, uint32_t links_max,
                      const uint32_t *slots, uint32_t count);

/* Adds `slot` to a neighbour's list, which chooses anew when it is full. */
void hnsw_link_add(struct hnsw_pivot *pivot, uint32_t owner, uint32_t level,
                   uint32_t slot);

/* A node as the walk's query: its vector where that is in memory, for it tells
 * more than the code. False without memory. */
bool hnsw_ask_slot(struct hnsw_walk *walk, uint32_t slot);

/* Leaves in the list what a node may link to: not itself, not dying. */
void hnsw_keep_living(const struct hnsw *hnsw, struct key_list *list,
                      uint32_t self);

/* The walk that finds who can be reached from the entry on level 0, of nodes
 * that sweep.named has. Begin: false when it cannot be made. Work: how many
 * nodes it went on by, fewer than `nodes_max` at the end. Under the sweep's
 * lock. */
bool hnsw_reach_begin(struct hnsw *hnsw);
uint32_t hnsw_reach_work(struct hnsw *hnsw, uint32_t nodes_max);
void hnsw_reach_release(struct sweep *sweep);

/* Frees what a sweep under way has allocated. */
void hnsw_sweep_release(struct hnsw *hnsw);

/* The level that a node of this slot gets. */
uint32_t hnsw_level_of(const struct hnsw *hnsw, uint32_t slot);

#endif /* ENGINE_INDEX_HNSW_GRAPH_H */
