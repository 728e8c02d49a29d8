/* SPDX-License-Identifier: Apache-2.0
 * Insertion (the paper's algorithms 1, 3 and 4). First the neighbours of all
 * levels are looked up without a lock; then the new node's own lists are
 * written while nobody can see them; then the node is added to its
 * neighbours' lists from level 0 upwards, each under that neighbour's spin
 * byte. So a node that can be reached on a level can be walked down from. */
#include "engine/index/hnsw_graph.h"

#include <assert.h>
#include <sched.h>

/* The first nodes are linked one after another: threads that see almost no
 * graph would leave islands. */
#define SERIAL_COUNT 256u
/* Spins before the core is offered to others. */
#define SPIN_MAX 64u
/* README.md of this folder has the figures of other values. */
#define COVER_FACTOR 1.06f
/* Steps down a tree of twins; with so many it has no branches any more. */
#define TWIN_DEPTH_MAX 64u
/* Links to others than twins that covering leaves a list, if there are any. */
#define LINKS_LEAST 8u

void
hnsw_node_lock(struct hnsw_node *node)
{
    for (uint32_t spins = 0;; spins++) {
        if (atomic_load_explicit(&node->is_locked, memory_order_relaxed) == 0 &&
            atomic_exchange_explicit(&node->is_locked, 1,
                                     memory_order_acquire) == 0)
            return;
        if (spins % SPIN_MAX == SPIN_MAX - 1)
            sched_yield();
    }
}

void
hnsw_node_unlock(struct hnsw_node *node)
{
    atomic_store_explicit(&node->is_locked, 0, memory_order_release);
}

struct hnsw_pivot
hnsw_pivot_of(const struct hnsw *hnsw, struct scratch *scratch)
{
    return (struct hnsw_pivot){ .hnsw = hnsw,
                                .asked = &scratch->pair,
                                .room = scratch->pair_row };
}

void
hnsw_pivot_set(struct hnsw_pivot *pivot, uint32_t slot)
{
    pivot->slot = slot;
    if (hnsw_links_by_codes(pivot->hnsw))
        codes_ask_slot(pivot->hnsw->rows.codes, slot, pivot->asked);
    else
        pivot->query = row_form_ask_row(
            &pivot->hnsw->form, slab_row(pivot->hnsw->rows.vectors, slot),
            pivot->room);
}

void
hnsw_pivot_score(const struct hnsw_pivot *pivot, const uint32_t *slots,
                 uint32_t count, float *ret_distances)
{
    const struct hnsw *hnsw = pivot->hnsw;
    const struct codes *codes = hnsw->rows.codes;
    if (!hnsw_links_by_codes(hnsw)) {
        hnsw_score(hnsw, pivot->query, slots, count, ret_distances);
        return;
    }
    HNSW_UNSET const uint8_t *rows[KERNEL_ROWS_MAX];
    assert(count <= KERNEL_ROWS_MAX);
    for (uint32_t i = 0; i < count; i++)
        rows[i] = codes_row(codes, slots[i]);
    codes_score(codes, pivot->asked, slots, rows, count, ret_distances);
}

/* How close a kept neighbour must be to cover one at `distance`: someplace
 * closer than the paper asks, so that lists keep more long links. By the
 * squared length between the points, where the metric has one. */
static float
cover_distance(const struct hnsw *hnsw, float distance)
{
    switch (hnsw->params.metric) {
    case METRIC_COSINE:
        return (1.0f + distance) / COVER_FACTOR - 1.0f;
    case METRIC_EUCLID:
        return distance / COVER_FACTOR;
    case METRIC_DOT:
    case METRIC_MANHATTAN:
        break;
    }
    return distance;
}

bool
hnsw_is_covered(const struct hnsw_pivot *pivot, const uint32_t *kept,
                uint32_t count, float distance)
{
    float cover = cover_distance(pivot->hnsw, distance);
    for (uint32_t i = 0; i < count; i += 4) {
        float distances[4];
        uint32_t part = count - i < 4 ? count - i : 4;
        hnsw_pivot_score(pivot, kept + i, part, distances);
        for (uint32_t j = 0; j < part; j++)
            if (distances[j] < cover)
                return true;
    }
    return false;
}

bool
hnsw_is_twin(const struct hnsw *hnsw, uint32_t slot, uint32_t other)
{
    bool is_by_codes = hnsw_links_by_codes(hnsw);
    const struct codes *codes = is_by_codes ? hnsw->rows.codes : NULL;
    const struct slab *rows = is_by_codes ? codes->rows : hnsw->rows.vectors;
    assert(slot < slab_capacity(rows) && other < slab_capacity(rows));
    if (memcmp(slab_row(rows, slot), slab_row(rows, other), rows->row_size) !=
        0)
        return false;
    return codes == NULL || codes->params.metric == METRIC_COSINE ||
           memcmp(slab_row(&codes->factors, slot),
                  slab_row(&codes->factors, other),
                  sizeof(struct codes_factor)) == 0;
}

/* Moves the owner's twins in front, in their order. Returns how many. */
static uint32_t
part_twins(const struct hnsw *hnsw, struct key_list *list, uint32_t owner)
{
    uint32_t twins = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        uint64_t key = list->keys[i];
        if (!hnsw_is_twin(hnsw, owner, key_slot(key)))
            continue;
        if (i > twins)
            keys_move_up(list->keys + twins, i - twins, 1);
        list->keys[twins++] = key;
    }
    return twins;
}

uint32_t
hnsw_select(struct hnsw_pivot *pivot, struct key_list *list, uint32_t owner,
            uint32_t *ret_slots, uint32_t count_max)
{
    uint32_t passed[LINKS_LEAST];
    uint32_t passed_count = 0;
    uint32_t twins = part_twins(pivot->hnsw, list, owner);
    uint32_t room = count_max - count_max / 4;
    uint32_t first = twins < room ? twins : room;
    uint32_t kept = first;
    for (uint32_t i = 0; i < first; i++)
        ret_slots[i] = key_slot(list->keys[i]);
    for (uint32_t i = twins; i < list->count && kept < count_max; i++) {
        hnsw_pivot_set(pivot, key_slot(list->keys[i]));
        if (!hnsw_is_covered(pivot, ret_slots + first, kept - first,
                             key_distance(list->keys[i])))
            ret_slots[kept++] = pivot->slot;
        else if (passed_count < LINKS_LEAST)
            passed[passed_count++] = pivot->slot;
    }
    for (uint32_t i = 0; i < passed_count; i++)
        if (kept < count_max && kept - first < LINKS_LEAST)
            ret_slots[kept++] = passed[i];
    assert(kept <= count_max);
    return kept;
}

void
hnsw_links_write(hnsw_link *links, uint32_t links_max, const uint32_t *slots,
                 uint32_t count)
{
    assert(count <= links_max);
    for (uint32_t i = 0; i < links_max; i++)
        hnsw_link_store(&links[i], i < count ? slots[i] : SLOT_NONE);
}

/* Chooses anew from a full list and `slot`. */
static void
shrink_links(struct hnsw_pivot *pivot, uint32_t owner, uint32_t level,
             uint32_t slot)
{
    const struct hnsw *hnsw = pivot->hnsw;
    HNSW_UNSET uint32_t slots[2 * HNSW_M_MAX + 1];
    HNSW_UNSET uint64_t keys[2 * HNSW_M_MAX + 2];
    HNSW_UNSET float distances[KERNEL_ROWS_MAX];
    uint32_t links_max = hnsw_links_max(hnsw, level);
    hnsw_link *links = hnsw_links(hnsw, owner, level);
    for (uint32_t i = 0; i < links_max; i++)
        slots[i] = hnsw_link_load(&links[i]);
    slots[links_max] = slot;
    struct key_list list = { keys, 0, links_max + 1 };
    hnsw_pivot_set(pivot, owner);
    for (uint32_t i = 0; i < links_max + 1; i += KERNEL_ROWS_MAX) {
        uint32_t left = links_max + 1 - i;
        uint32_t part = left < KERNEL_ROWS_MAX ? left : KERNEL_ROWS_MAX;
        hnsw_pivot_score(pivot, slots + i, part, distances);
        for (uint32_t j = 0; j < part; j++)
            key_list_insert(&list, key_make(distances[j], slots[i + j]));
    }
    uint32_t count = hnsw_select(pivot, &list, owner, slots, links_max);
    if (level == 0)
        count = hnsw_naming_choose(hnsw, owner, slot, slots, count);
    hnsw_links_write(links, links_max, slots, count);
}

void
hnsw_link_add(struct hnsw_pivot *pivot, uint32_t owner, uint32_t level,
              uint32_t slot)
{
    const struct hnsw *hnsw = pivot->hnsw;
    struct hnsw_node *node = hnsw_node(hnsw, owner);
    uint32_t links_max = hnsw_links_max(hnsw, level);
    hnsw_link *links = hnsw_links(hnsw, owner, level);
    uint32_t count = 0;
    hnsw_node_lock(node);
    while (count < links_max && hnsw_link_load(&links[count]) != SLOT_NONE)
        count++;
    if (count == links_max)
        shrink_links(pivot, owner, level, slot);
    else
        hnsw_link_store(&links[count], slot);
    if (count < links_max && level == 0)
        hnsw_naming_add(hnsw, owner, &slot, 1);
    hnsw_node_unlock(node);
}

bool
hnsw_link_force(const struct hnsw *hnsw, uint32_t owner, uint32_t slot)
{
    struct hnsw_node *node = hnsw_node(hnsw, owner);
    hnsw_link *links = hnsw_links(hnsw, owner, 0);
    HNSW_UNSET uint32_t slots[2 * HNSW_M_MAX];
    uint32_t count = 0;
    bool is_done = true, is_there = false;
    hnsw_node_lock(node);
    for (; count < hnsw->m0; count++) {
        slots[count] = hnsw_link_load(&links[count]);
        if (slots[count] == SLOT_NONE)
            break;
        is_there = is_there || slots[count] == slot;
    }
    /* One that is there and does not count is no better for standing twice. */
    if (is_there)
        is_done = false;
    else if (count < hnsw->m0)
        slots[count++] = slot;
    else
        is_done = hnsw_naming_replace(hnsw, owner, slot, slots, count);
    if (is_done) {
        hnsw_links_write(links, hnsw->m0, slots, count);
        hnsw_naming_add(hnsw, owner, &slot, 1);
    }
    hnsw_node_unlock(node);
    return is_done;
}

void
hnsw_keep_living(const struct hnsw *hnsw, struct key_list *list, uint32_t self)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        uint32_t slot = key_slot(list->keys[i]);
        if (slot != self && hnsw_state(hnsw, slot) < HNSW_DYING)
            list->keys[count++] = list->keys[i];
    }
    list->count = count;
}

/* The first twin among the keys; SLOT_NONE when there is none. */
static uint32_t
find_twin(const struct hnsw *hnsw, const struct key_list *list, uint32_t slot)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (hnsw_is_twin(hnsw, slot, key_slot(list->keys[i])))
            return key_slot(list->keys[i]);
    return SLOT_NONE;
}

/* Living twins of `slot` in a list, but for `but`. */
static uint32_t
twins_named(const struct hnsw *hnsw, const hnsw_link *links, uint32_t links_max,
            const uint32_t but[2], uint32_t *ret_slots)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < links_max; i++) {
        uint32_t other = hnsw_link_load(&links[i]);
        if (other == SLOT_NONE)
            break;
        if (other != but[0] && other != but[1] &&
            hnsw_state(hnsw, other) < HNSW_DYING &&
            hnsw_is_twin(hnsw, but[0], other))
            ret_slots[count++] = other;
    }
    return count;
}

/* From a twin of `slot` down the tree of its twins, each time by another
 * branch, to one that names few yet. */
static uint32_t
place_among_twins(const struct hnsw *hnsw, uint32_t twin, uint32_t slot,
                  uint32_t level)
{
    uint32_t links_max = hnsw_links_max(hnsw, level);
    uint32_t children_max = links_max < 16 ? 2 : links_max / 8;
    uint32_t but[2] = { slot, SLOT_NONE };
    uint32_t random = slot;
    for (uint32_t depth = 0; depth < TWIN_DEPTH_MAX; depth++) {
        HNSW_UNSET uint32_t twins[2 * HNSW_M_MAX];
        uint32_t count = twins_named(hnsw, hnsw_links(hnsw, twin, level),
                                     links_max, but, twins);
        if (count < children_max)
            break;
        random = random * 1664525u + 1013904223u;
        but[1] = twin;
        twin = twins[(random >> 16) % count];
    }
    return twin;
}

/* The links of a node that has a twin: that one and what it names but for
 * twins, as far as it fits. */
static void
take_links(const struct hnsw *hnsw, uint32_t twin, uint32_t slot,
           uint32_t level, struct scratch_chosen *ret_chosen)
{
    const hnsw_link *links = hnsw_links(hnsw, twin, level);
    uint32_t links_max = hnsw_links_max(hnsw, level);
    uint32_t count = 0;
    assert(twin != slot && hnsw_is_twin(hnsw, twin, slot));
    ret_chosen->slots[count++] = twin;
    for (uint32_t i = 0; i < links_max && count < hnsw->params.m; i++) {
        uint32_t other = hnsw_link_load(&links[i]);
        if (other == SLOT_NONE)
            break;
        if (other != slot && hnsw_state(hnsw, other) < HNSW_DYING &&
            !hnsw_is_twin(hnsw, slot, other))
            ret_chosen->slots[count++] = other;
    }
    ret_chosen->count = count;
}

/* Where an insert looks for neighbours. */
struct place {
    uint32_t slot;
    uint32_t top;
    uint64_t entry; /* of the graph */
    uint32_t ef;
};

/* Looks up the neighbours of levels top..0. Where all that is near dies, the
 * entry, which a sweep keeps alive, is better than none: the sweep's end links
 * it again. */
static void
prepare(struct hnsw_walk *walk, struct hnsw_pivot *pivot,
        const struct place *place, struct scratch_chosen *ret_levels)
{
    const struct hnsw *hnsw = walk->hnsw;
    for (uint32_t level = place->top + 1; level-- > 0;) {
        if (level == place->top)
            hnsw_walk_down(walk, place->entry, level, place->ef);
        else
            hnsw_walk_lower(walk, level);
        assert(!walk->is_stopped && walk->list.count > 0);
        struct scratch_chosen *found = &ret_levels[level];
        hnsw_keep_living(hnsw, &walk->list, place->slot);
        uint32_t twin = find_twin(hnsw, &walk->list, place->slot);
        if (twin != SLOT_NONE)
            take_links(hnsw, place_among_twins(hnsw, twin, place->slot, level),
                       place->slot, level, found);
        else
            found->count = hnsw_select(pivot, &walk->list, place->slot,
                                       found->slots, hnsw->params.m);
        if (walk->list.count == 0)
            found->slots[found->count++] = (uint32_t)place->entry;
    }
}

/* Whether a node that `owner` names takes the link. */
static bool
name_beyond(const struct hnsw *hnsw, uint32_t slot, uint32_t owner)
{
    const hnsw_link *links = hnsw_links(hnsw, owner, 0);
    for (uint32_t i = 0; i < hnsw->m0; i++) {
        uint32_t other = hnsw_link_load(&links[i]);
        if (other == SLOT_NONE)
            break;
        if (other != slot && hnsw_state(hnsw, other) < HNSW_DYING &&
            hnsw_link_force(hnsw, other, slot))
            return true;
    }
    return false;
}

bool
hnsw_name_by(const struct hnsw *hnsw, uint32_t slot,
             const struct scratch_chosen *chosen)
{
    for (uint32_t i = 0; i < chosen->count; i++)
        if (hnsw_link_force(hnsw, chosen->slots[i], slot))
            return true;
    for (uint32_t i = 0; i < chosen->count; i++)
        if (name_beyond(hnsw, slot, chosen->slots[i]))
            return true;
    return false;
}

/* Empties the node's lists; the first time it gets its upper rows. */
static enum engine_code
node_open(struct hnsw *hnsw, uint32_t slot, struct error *reterr)
{
    struct hnsw_node *node = hnsw_node(hnsw, slot);
    uint32_t level = hnsw_level_of(hnsw, slot);
    if (hnsw_state(hnsw, slot) == HNSW_NONE) {
        enum engine_code code = ENGINE_OK;
        uint32_t upper = 0;
        pthread_mutex_lock(&hnsw->grow_mutex);
        if (level > 0)
            code = hnsw_upper_take(hnsw, level, &upper, reterr);
        pthread_mutex_unlock(&hnsw->grow_mutex);
        if (code != ENGINE_OK)
            return code;
        atomic_store_explicit(&node->upper, upper, memory_order_relaxed);
        atomic_store_explicit(&node->level, (uint8_t)level,
                              memory_order_relaxed);
        atomic_store_explicit(&node->state, HNSW_OPEN, memory_order_release);
    }
    assert(hnsw_state(hnsw, slot) == HNSW_OPEN);
    assert(atomic_load(&node->level) == level);
    atomic_store(&node->in_count, 0);
    for (uint32_t i = 0; i <= level; i++)
        hnsw_links_write(hnsw_links(hnsw, slot, i), hnsw_links_max(hnsw, i),
                         NULL, 0);
    return ENGINE_OK;
}

static void
commit(struct hnsw_pivot *pivot, uint32_t slot, uint32_t top,
       const struct scratch_chosen *levels)
{
    const struct hnsw *hnsw = pivot->hnsw;
    for (uint32_t level = 0; level <= top; level++)
        hnsw_links_write(hnsw_links(hnsw, slot, level),
                         hnsw_links_max(hnsw, level), levels[level].slots,
                         levels[level].count);
    hnsw_naming_add(hnsw, slot, levels[0].slots, levels[0].count);
    for (uint32_t level = 0; level <= top; level++) {
        for (uint32_t i = 0; i < levels[level].count; i++) {
            hnsw_link_add(pivot, levels[level].slots[i], level, slot);
            if (hnsw_is_twin(hnsw, levels[level].slots[i], slot))
                break; /* who finds that one finds this */
        }
        if (level == 0 && !hnsw_is_named(hnsw, slot))
            (void)hnsw_name_by(hnsw, slot, &levels[0]);
    }
}

static void
raise_slot_end(struct hnsw *hnsw, uint32_t end)
{
    uint32_t seen = atomic_load_explicit(&hnsw->slot_end, memory_order_relaxed);
    while (seen < end && !atomic_compare_exchange_weak_explicit(
                             &hnsw->slot_end, &seen, end, memory_order_release,
                             memory_order_relaxed))
        ;
}

bool
hnsw_ask_slot(struct hnsw_walk *walk, uint32_t slot)
{
    const struct hnsw_rows *rows = &walk->hnsw->rows;
    const struct row_form *form = &walk->hnsw->form;
    struct scratch *scratch = walk->scratch;
    const void *row =
        rows->vectors != NULL ? slab_row(rows->vectors, slot) : NULL;
    if (!scratch_query(scratch, form))
        return false;
    if (!hnsw_links_by_codes(walk->hnsw)) {
        walk->query = row_form_ask_row(form, row, scratch->query_row);
        return true;
    }
    if (!scratch_asked(scratch, rows->codes))
        return false;
    /* Where the rows are the codes they tell no more. */
    if (row != NULL && rows->codes->params.shared == NULL)
        codes_ask(rows->codes,
                  row_form_values(form, row, scratch->query_values),
                  &scratch->asked);
    else
        codes_ask_slot(rows->codes, slot, &walk->scratch->asked);
    walk->asked = &walk->scratch->asked;
    walk->codes = rows->codes;
    return true;
}

/* Links an opened node; `entry` was read after place guards it was taken. */
static enum engine_code
link_node(struct hnsw *hnsw, uint32_t slot, uint32_t level, uint64_t entry,
          struct error *reterr)
{
    uint32_t ef = hnsw->ef_construct;
    struct scratch *scratch = scratch_take(
        hnsw->scratches,
        atomic_load_explicit(&hnsw->slot_end, memory_order_acquire), ef);
    struct scratch_chosen *levels =
        scratch != NULL ? scratch_chosen(scratch) : NULL;
    struct hnsw_walk walk = { .hnsw = hnsw,
                              .scratch = scratch,
                              .skips_twins = true };
    if (levels == NULL || !hnsw_ask_slot(&walk, slot)) {
        scratch_give(hnsw->scratches, scratch);
        return error_memory(reterr);
    }
    struct hnsw_pivot pivot = hnsw_pivot_of(hnsw, scratch);
    uint32_t top = (uint32_t)(entry >> 32) - 1;
    top = level < top ? level : top;
    struct place place = { slot, top, entry, ef };
    prepare(&walk, &pivot, &place, levels);
    commit(&pivot, slot, top, levels);
    scratch_give(hnsw->scratches, scratch);
    return ENGINE_OK;
}

enum engine_code
hnsw_insert(struct hnsw *hnsw, uint32_t slot, struct error *reterr)
{
    assert(slot <= HNSW_SLOT_MAX);
    assert(slot < slab_capacity(hnsw_slab(hnsw)));
    if (hnsw_is_linked(hnsw, slot))
        return ENGINE_OK;
    enum engine_code code = hnsw_reserve(hnsw, slot, reterr);
    if (code == ENGINE_OK)
        code = node_open(hnsw, slot, reterr);
    if (code != ENGINE_OK)
        return code;
    uint32_t level = hnsw_level_of(hnsw, slot);
    raise_slot_end(hnsw, slot + 1);

    uint64_t entry = atomic_load_explicit(&hnsw->entry, memory_order_acquire);
    /* Who may become the entry, or comes early, works alone among its like. */
    bool is_alone = (uint64_t)level + 1 > entry >> 32 ||
                    hnsw_linked_count(hnsw) < SERIAL_COUNT;
    if (is_alone) {
        pthread_mutex_lock(&hnsw->entry_mutex);
        entry = atomic_load_explicit(&hnsw->entry, memory_order_acquire);
    }
    if (entry != 0)
        code = link_node(hnsw, slot, level, entry, reterr);
    if (code == ENGINE_OK) {
        atomic_store_explicit(&hnsw_node(hnsw, slot)->state, HNSW_LINKED,
                              memory_order_release);
        atomic_fetch_add_explicit(&hnsw->linked_count, 1, memory_order_release);
        if ((uint64_t)level + 1 > entry >> 32)
            atomic_store_explicit(&hnsw->entry,
                                  ((uint64_t)level + 1) << 32 | slot,
                                  memory_order_release);
    }
    if (is_alone)
        pthread_mutex_unlock(&hnsw->entry_mutex);
    return code;
}
