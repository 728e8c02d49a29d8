/* SPDX-License-Identifier: Apache-2.0
 * Taking nodes out of the living graph: a sweep marks them, repairs every list
 * that names one, and lets go of them. As the consolidation of FreshDiskANN
 * (Singh et al. 2021), with the replacements bounded as in IP-DiskANN (Xu et
 * al. 2025). Phases, each begun only when the one before is complete:
 *   MARKED   nodes are DYING, the entry is not; wait for who is inside
 *   PASS     each list that names dying nodes gets replacements
 *   REACH    a walk from the entry marks who can be reached
 *   RELINK   living nodes that cannot, or that lost most links, get some
 *   CLEARED  the dying are SWEPT; wait for who is inside; then they are OPEN
 * Why no list of a living node names a marked one after PASS: an insert that
 * began before the marks ended with MARKED, and its lists are below `end`;
 * later ones see the marks and leave the marked out. Choosing anew from a list
 * only brings back what the list had, and lists change under the spin byte. */
#include "engine/index/hnsw_graph.h"

#include <assert.h>
#include <stdlib.h>

enum phase {
    PHASE_IDLE,
    PHASE_MARKED,
    PHASE_PASS,
    PHASE_REACH,
    PHASE_RELINK,
    PHASE_CLEARED
};

/* Nodes that a thread takes at once. */
#define PIECE_NODES 32u
/* Nodes of the walk that are done at once, under the lock: some 50 us. */
#define REACH_NODES 128u
/* Candidates scored for one list, whatever number of its links die. */
#define CANDIDATES_MAX 192u
/* Replacements for one dying link: with one, lists get shorter with each sweep
 * until recall has lost half a point. */
#define REPLACEMENTS_MAX 2u
/* A living node with fewer links is linked again. */
#define WEAK_LINKS 3u
/* In-links of a node that is not looked after: it came after the pass began. */
#define NAMED_UNKNOWN 255u
#define NAMED_MAX     254u

void
hnsw_sweep_release(struct hnsw *hnsw)
{
    free(hnsw->sweep.named);
    hnsw->sweep.named = NULL;
    hnsw_reach_release(&hnsw->sweep);
}

bool
hnsw_is_sweeping(const struct hnsw *hnsw)
{
    return atomic_load(&hnsw->sweep.phase) != PHASE_IDLE;
}

static void
set_state(struct hnsw *hnsw, uint32_t slot, enum hnsw_state state)
{
    atomic_store(&hnsw_node(hnsw, slot)->state, (uint8_t)state);
}

static uint32_t
slot_end(const struct hnsw *hnsw)
{
    return atomic_load_explicit(&hnsw->slot_end, memory_order_acquire);
}

/* ---- beginning and end ---- */

/* Makes a linked node of the highest level the entry when the entry is none,
 * or not linked. */
static void
hand_over_entry(struct hnsw *hnsw)
{
    pthread_mutex_lock(&hnsw->entry_mutex);
    uint64_t entry = atomic_load(&hnsw->entry);
    if (entry == 0 || hnsw_state(hnsw, (uint32_t)entry) != HNSW_LINKED) {
        uint32_t end = slot_end(hnsw);
        entry = 0;
        for (uint32_t slot = 0; slot < end; slot++) {
            if (hnsw_state(hnsw, slot) != HNSW_LINKED)
                continue;
            uint64_t height = atomic_load(&hnsw_node(hnsw, slot)->level) + 1u;
            if (height > entry >> 32)
                entry = height << 32 | slot;
        }
        atomic_store_explicit(&hnsw->entry, entry, memory_order_release);
    }
    pthread_mutex_unlock(&hnsw->entry_mutex);
}

void
hnsw_sweep_begin(struct hnsw *hnsw, const struct slotset *dead,
                 struct epoch *epoch, uint32_t *ret_count)
{
    struct sweep *sweep = &hnsw->sweep;
    uint32_t count = 0, marked = 0;
    pthread_mutex_lock(&sweep->lock);
    if (atomic_load(&sweep->phase) == PHASE_IDLE) {
        uint32_t end = slot_end(hnsw);
        for (uint32_t slot = 0; slot < end; slot++) {
            uint32_t state = hnsw_state(hnsw, slot);
            bool is_dead = state == HNSW_LINKED && slotset_has(dead, slot);
            /* DYING: a checkpoint brought it so. */
            if (!is_dead && state != HNSW_DYING)
                continue;
            count++;
            marked += is_dead;
            set_state(hnsw, slot, HNSW_DYING);
        }
        atomic_fetch_sub(&hnsw->linked_count, marked);
    }
    if (count > 0) {
        hand_over_entry(hnsw);
        sweep->epoch = epoch;
        sweep->stamp = epoch_advance(epoch);
        atomic_store(&sweep->phase, PHASE_MARKED);
    }
    pthread_mutex_unlock(&sweep->lock);
    *ret_count = marked;
}

/* Caller holds the sweep's lock, as in what follows. */
static void
begin_pass(struct hnsw *hnsw)
{
    struct sweep *sweep = &hnsw->sweep;
    sweep->end = slot_end(hnsw);
    sweep->named = calloc(sweep->end, sizeof(*sweep->named));
    for (uint32_t slot = 0; sweep->named != NULL && slot < sweep->end; slot++)
        atomic_init(&sweep->named[slot].count,
                    hnsw_state(hnsw, slot) == HNSW_LINKED ? 0 : NAMED_UNKNOWN);
    sweep->cursor = 0;
    atomic_store(&sweep->done_count, 0);
    atomic_store(&sweep->phase, PHASE_PASS);
}

static void
begin_reach(struct hnsw *hnsw)
{
    hnsw->sweep.knows_reached = hnsw_reach_begin(hnsw);
    atomic_store(&hnsw->sweep.phase, PHASE_REACH);
}

static void
begin_relink(struct sweep *sweep)
{
    hnsw_reach_release(sweep);
    sweep->cursor = 0;
    atomic_store(&sweep->done_count, 0);
    atomic_store(&sweep->phase, PHASE_RELINK);
}

static void
clear(struct hnsw *hnsw)
{
    struct sweep *sweep = &hnsw->sweep;
    for (uint32_t slot = 0; slot < sweep->end; slot++)
        if (hnsw_state(hnsw, slot) == HNSW_DYING)
            set_state(hnsw, slot, HNSW_SWEPT);
    /* Inserts may have ended since the marks found nobody. */
    hand_over_entry(hnsw);
    hnsw_sweep_release(hnsw);
    sweep->stamp = epoch_advance(sweep->epoch);
    atomic_store(&sweep->phase, PHASE_CLEARED);
}

static void
let_go(struct hnsw *hnsw)
{
    for (uint32_t slot = 0; slot < hnsw->sweep.end; slot++)
        if (hnsw_state(hnsw, slot) == HNSW_SWEPT)
            set_state(hnsw, slot, HNSW_OPEN);
    atomic_store(&hnsw->sweep.phase, PHASE_IDLE);
}

struct piece {
    enum phase phase;
    uint32_t begin;
    uint32_t end;  /* == begin: nothing to do at the moment */
    uint32_t done; /* nodes that step() itself has gone through */
};

/* Takes slots of the phase under way. Who has taken some keeps the phase from
 * ending until they are counted as done. */
static void
take_piece(struct sweep *sweep, struct piece *ret_piece)
{
    uint32_t left = sweep->end - sweep->cursor;
    ret_piece->phase = (enum phase)atomic_load(&sweep->phase);
    ret_piece->begin = sweep->cursor;
    sweep->cursor += left < PIECE_NODES ? left : PIECE_NODES;
    ret_piece->end = sweep->cursor;
}

/* A piece of the walk; behind its end the relinking begins. */
static void
reach_piece(struct hnsw *hnsw, uint32_t *ret_done)
{
    if (hnsw->sweep.knows_reached)
        *ret_done = hnsw_reach_work(hnsw, REACH_NODES);
    if (*ret_done < REACH_NODES)
        begin_relink(&hnsw->sweep);
}

/* Goes on to the next phase when this one is complete, or takes some of it. */
static enum hnsw_sweep
step(struct hnsw *hnsw, struct piece *ret_piece)
{
    struct sweep *sweep = &hnsw->sweep;
    enum hnsw_sweep state = HNSW_SWEEP_WORKS;
    *ret_piece = (struct piece){ PHASE_IDLE, 0, 0, 0 };
    pthread_mutex_lock(&sweep->lock);
    enum phase phase = (enum phase)atomic_load(&sweep->phase);
    bool is_waiting = phase == PHASE_MARKED || phase == PHASE_CLEARED;
    bool is_done = is_waiting ? epoch_is_over(sweep->epoch, sweep->stamp)
                              : atomic_load(&sweep->done_count) == sweep->end;
    if (phase == PHASE_IDLE)
        state = HNSW_SWEEP_IDLE;
    else if (phase == PHASE_REACH)
        reach_piece(hnsw, &ret_piece->done);
    else if (!is_done && is_waiting)
        state = HNSW_SWEEP_WAITS;
    else if (!is_done)
        take_piece(sweep, ret_piece);
    else if (phase == PHASE_MARKED)
        begin_pass(hnsw);
    else if (phase == PHASE_PASS)
        begin_reach(hnsw);
    else if (phase == PHASE_RELINK)
        clear(hnsw);
    else
        let_go(hnsw);
    pthread_mutex_unlock(&sweep->lock);
    return state;
}

/* ---- repair of one list ---- */

struct patch {
    const struct hnsw *hnsw;
    struct hnsw_pivot pivot;
    struct scratch *scratch; /* visited: what cannot be a candidate any more */
    uint32_t owner;
    uint32_t level;
    uint32_t kept[2 * HNSW_M_MAX]; /* living links, then replacements */
    uint32_t kept_count;
    uint32_t gone[2 * HNSW_M_MAX]; /* dying links */
    uint32_t gone_count;
    uint64_t keys[CANDIDATES_MAX + 1];
};

/* Splits the owner's list. */
static void
read_list(struct patch *patch)
{
    const hnsw_link *links =
        hnsw_links(patch->hnsw, patch->owner, patch->level);
    uint32_t links_max = hnsw_links_max(patch->hnsw, patch->level);
    patch->kept_count = patch->gone_count = 0;
    for (uint32_t i = 0; i < links_max; i++) {
        uint32_t slot = hnsw_link_load(&links[i]);
        if (slot == SLOT_NONE)
            break;
        if (hnsw_state(patch->hnsw, slot) == HNSW_DYING)
            patch->gone[patch->gone_count++] = slot;
        else
            patch->kept[patch->kept_count++] = slot;
    }
}

/* Up to `quota` further candidates: living links of a dying node. */
static uint32_t
read_candidates(struct patch *patch, uint32_t gone, uint32_t quota,
                uint32_t *ret_slots)
{
    const hnsw_link *links = hnsw_links(patch->hnsw, gone, patch->level);
    uint32_t links_max = hnsw_links_max(patch->hnsw, patch->level);
    uint32_t count = 0;
    for (uint32_t i = 0; i < links_max && count < quota; i++) {
        uint32_t slot = hnsw_link_load(&links[i]);
        if (slot == SLOT_NONE)
            break;
        if (hnsw_state(patch->hnsw, slot) == HNSW_LINKED &&
            !scratch_visit(patch->scratch, slot))
            ret_slots[count++] = slot;
    }
    return count;
}

/* Candidates in ascending distance to the owner. */
static uint32_t
find_candidates(struct patch *patch)
{
    uint32_t slots[CANDIDATES_MAX];
    uint32_t count = 0;
    uint32_t quota = CANDIDATES_MAX / patch->gone_count;
    scratch_clear(patch->scratch);
    scratch_visit(patch->scratch, patch->owner);
    for (uint32_t i = 0; i < patch->kept_count; i++)
        scratch_visit(patch->scratch, patch->kept[i]);
    quota = quota < 1 ? 1 : quota;
    for (uint32_t i = 0; i < patch->gone_count && count < CANDIDATES_MAX; i++) {
        uint32_t room = CANDIDATES_MAX - count;
        count += read_candidates(patch, patch->gone[i],
                                 quota < room ? quota : room, slots + count);
    }
    struct key_list list = { patch->keys, 0, CANDIDATES_MAX };
    hnsw_pivot_set(&patch->pivot, patch->owner);
    for (uint32_t i = 0; i < count; i += KERNEL_ROWS_MAX) {
        float distances[KERNEL_ROWS_MAX];
        uint32_t left = count - i;
        uint32_t part = left < KERNEL_ROWS_MAX ? left : KERNEL_ROWS_MAX;
        hnsw_pivot_score(&patch->pivot, slots + i, part, distances);
        for (uint32_t j = 0; j < part; j++)
            key_list_insert(&list, key_make(distances[j], slots[i + j]));
    }
    return count;
}

/* The living links stay; each dying one may bring some replacements that none
 * of those kept covers. Caller holds the owner's spin byte. True when more of
 * the list was dying than living. */
static bool
repair_list(struct patch *patch)
{
    const struct hnsw *hnsw = patch->hnsw;
    uint32_t links_max = hnsw_links_max(hnsw, patch->level);
    read_list(patch);
    if (patch->gone_count == 0)
        return false;
    bool is_bereft = patch->gone_count > patch->kept_count;
    uint32_t count = find_candidates(patch);
    uint32_t living = patch->kept_count;
    uint32_t room = living + REPLACEMENTS_MAX * patch->gone_count;
    room = room < links_max ? room : links_max;
    uint32_t twins = 0;
    for (uint32_t i = 0; i < patch->kept_count; i++)
        twins += hnsw_is_twin(hnsw, patch->owner, patch->kept[i]);
    for (uint32_t i = 0; i < count && patch->kept_count < room; i++) {
        uint32_t slot = key_slot(patch->keys[i]);
        if (hnsw_is_twin(hnsw, patch->owner, slot) && ++twins > links_max / 4)
            continue;
        hnsw_pivot_set(&patch->pivot, slot);
        if (!hnsw_is_covered(&patch->pivot, patch->kept, patch->kept_count,
                             key_distance(patch->keys[i])))
            patch->kept[patch->kept_count++] = slot;
    }
    hnsw_links_write(hnsw_links(hnsw, patch->owner, patch->level), links_max,
                     patch->kept, patch->kept_count);
    if (patch->level == 0)
        hnsw_naming_add(hnsw, patch->owner, patch->kept + living,
                        patch->kept_count - living);
    return is_bereft;
}

static void
note_named(struct sweep *sweep, const uint32_t *slots, uint32_t count)
{
    for (uint32_t i = 0; sweep->named != NULL && i < count; i++) {
        if (slots[i] >= sweep->end)
            continue;
        _Atomic uint8_t *named = &sweep->named[slots[i]].count;
        uint8_t before = atomic_load_explicit(named, memory_order_relaxed);
        while (before < NAMED_MAX &&
               !atomic_compare_exchange_weak_explicit(
                   named, &before, (uint8_t)(before + 1), memory_order_relaxed,
                   memory_order_relaxed))
            ;
    }
}

/* The links of a dying node count no more; nobody changes them. */
static void
forget_names(const struct hnsw *hnsw, uint32_t slot)
{
    const hnsw_link *links = hnsw_links(hnsw, slot, 0);
    for (uint32_t i = 0; i < hnsw->m0; i++) {
        uint32_t other = hnsw_link_load(&links[i]);
        if (other == SLOT_NONE)
            break;
        hnsw_naming_drop(hnsw, slot, &other, 1);
    }
}

static void
repair_node(struct hnsw *hnsw, uint32_t slot, struct scratch *scratch)
{
    struct hnsw_node *node = hnsw_node(hnsw, slot);
    if (hnsw_state(hnsw, slot) == HNSW_DYING)
        forget_names(hnsw, slot);
    /* What is OPEN now saw the marks when its insert began. */
    if (hnsw_state(hnsw, slot) != HNSW_LINKED)
        return;
    struct patch patch;
    patch.hnsw = hnsw;
    patch.pivot = hnsw_pivot_of(hnsw, scratch);
    patch.scratch = scratch;
    patch.owner = slot;
    uint32_t top = atomic_load_explicit(&node->level, memory_order_relaxed);
    bool is_bereft = false;
    for (patch.level = top + 1; patch.level-- > 0;) {
        hnsw_node_lock(node);
        is_bereft = repair_list(&patch);
        hnsw_node_unlock(node);
        if (patch.level == 0)
            break;
    }
    /* Twins name the one that they hang on; that alone brings nobody there. */
    uint32_t count = 0;
    for (uint32_t i = 0; i < patch.kept_count; i++)
        if (patch.kept[i] > slot || !hnsw_is_twin(hnsw, slot, patch.kept[i]))
            patch.kept[count++] = patch.kept[i];
    note_named(&hnsw->sweep, patch.kept, count);
    if (is_bereft && hnsw->sweep.named != NULL)
        hnsw->sweep.named[slot].is_bereft = true;
}

/* ---- nodes that need new links ---- */

static uint32_t
link_count(const hnsw_link *links, uint32_t links_max)
{
    uint32_t count = 0;
    while (count < links_max && hnsw_link_load(&links[count]) != SLOT_NONE)
        count++;
    return count;
}

static bool
names(const hnsw_link *links, uint32_t links_max, uint32_t slot)
{
    for (uint32_t i = 0; i < links_max; i++)
        if (hnsw_link_load(&links[i]) == slot)
            return true;
    return false;
}

/* Adds to a node's own list what it does not name yet, as far as it fits. */
static void
extend_list(struct hnsw *hnsw, uint32_t owner, uint32_t level,
            const struct scratch_chosen *chosen)
{
    struct hnsw_node *node = hnsw_node(hnsw, owner);
    uint32_t links_max = hnsw_links_max(hnsw, level);
    hnsw_link *links = hnsw_links(hnsw, owner, level);
    hnsw_node_lock(node);
    uint32_t count = link_count(links, links_max);
    for (uint32_t i = 0; i < chosen->count && count < links_max; i++)
        if (!names(links, links_max, chosen->slots[i])) {
            hnsw_link_store(&links[count++], chosen->slots[i]);
            if (level == 0)
                hnsw_naming_add(hnsw, owner, &chosen->slots[i], 1);
        }
    hnsw_node_unlock(node);
}

/* Offers a node to its neighbours of a level; with `is_forced` one of them
 * takes it in any case, if that can be. */
static void
offer(struct hnsw_pivot *pivot, uint32_t slot, uint32_t level,
      const struct scratch_chosen *chosen, bool is_forced)
{
    const struct hnsw *hnsw = pivot->hnsw;
    uint32_t links_max = hnsw_links_max(hnsw, level);
    bool is_named = false;
    for (uint32_t i = 0; i < chosen->count; i++) {
        const hnsw_link *links = hnsw_links(hnsw, chosen->slots[i], level);
        if (!names(links, links_max, slot))
            hnsw_link_add(pivot, chosen->slots[i], level, slot);
        is_named = is_named || names(links, links_max, slot);
    }
    if (is_forced && !is_named)
        (void)hnsw_name_by(hnsw, slot, chosen);
}

/* As an insert, but the node keeps the links that it has. */
static enum engine_code
relink(struct hnsw *hnsw, uint32_t slot, bool is_lost, struct error *reterr)
{
    uint64_t entry = atomic_load_explicit(&hnsw->entry, memory_order_acquire);
    if (entry == 0)
        return ENGINE_OK;
    uint32_t ef = hnsw->ef_construct;
    struct scratch *scratch = scratch_take(hnsw->scratches, slot_end(hnsw), ef);
    struct scratch_chosen *chosen =
        scratch != NULL ? scratch_chosen(scratch) : NULL;
    struct hnsw_walk walk = { .hnsw = hnsw,
                              .scratch = scratch,
                              .skips_twins = true };
    if (chosen == NULL || !hnsw_ask_slot(&walk, slot)) {
        scratch_give(hnsw->scratches, scratch);
        return error_memory(reterr);
    }
    struct hnsw_pivot pivot = hnsw_pivot_of(hnsw, scratch);
    uint32_t top = atomic_load(&hnsw_node(hnsw, slot)->level);
    if (top > (uint32_t)(entry >> 32) - 1)
        top = (uint32_t)(entry >> 32) - 1;
    for (uint32_t level = top + 1; level-- > 0;) {
        if (level == top)
            hnsw_walk_down(&walk, entry, level, ef);
        else
            hnsw_walk_lower(&walk, level);
        hnsw_keep_living(hnsw, &walk.list, slot);
        chosen->count = hnsw_select(&pivot, &walk.list, slot, chosen->slots,
                                    hnsw->params.m);
        extend_list(hnsw, slot, level, chosen);
        offer(&pivot, slot, level, chosen, is_lost && level == 0);
    }
    scratch_give(hnsw->scratches, scratch);
    return ENGINE_OK;
}

static enum engine_code
relink_if_weak(struct hnsw *hnsw, uint32_t slot, struct error *reterr)
{
    const struct sweep *sweep = &hnsw->sweep;
    if (hnsw_state(hnsw, slot) != HNSW_LINKED)
        return ENGINE_OK;
    const struct named *named =
        sweep->named != NULL ? &sweep->named[slot] : NULL;
    uint32_t count = named != NULL ? atomic_load(&named->count) : NAMED_UNKNOWN;
    bool is_lost = count == 0 || (count != NAMED_UNKNOWN &&
                                  sweep->knows_reached && !named->is_reached);
    bool is_bereft = named != NULL && named->is_bereft;
    if (!is_lost && !is_bereft &&
        link_count(hnsw_links(hnsw, slot, 0), hnsw->m0) >= WEAK_LINKS)
        return ENGINE_OK;
    return relink(hnsw, slot, is_lost, reterr);
}

/* ---- work ---- */

/* A relink that fails for want of memory is left to the next sweep. */
static void
work_piece(struct hnsw *hnsw, const struct piece *piece,
           struct scratch *scratch)
{
    enum engine_code code = ENGINE_OK;
    for (uint32_t slot = piece->begin; slot < piece->end; slot++) {
        if (piece->phase == PHASE_PASS)
            repair_node(hnsw, slot, scratch);
        else if (code == ENGINE_OK)
            code = relink_if_weak(hnsw, slot, NULL);
    }
    atomic_fetch_add(&hnsw->sweep.done_count, piece->end - piece->begin);
}

enum engine_code
hnsw_sweep_work(struct hnsw *hnsw, uint32_t nodes_max,
                enum hnsw_sweep *ret_state, uint32_t *ret_done,
                struct error *reterr)
{
    uint32_t end = slot_end(hnsw);
    struct scratch *scratch = scratch_take(hnsw->scratches, end, 1);
    if (scratch == NULL || !scratch_query(scratch, &hnsw->form) ||
        (hnsw->rows.codes != NULL &&
         !scratch_asked(scratch, hnsw->rows.codes))) {
        scratch_give(hnsw->scratches, scratch);
        return error_memory(reterr);
    }
    enum hnsw_sweep state = HNSW_SWEEP_WORKS;
    uint32_t done = 0;
    while (state == HNSW_SWEEP_WORKS && done < nodes_max) {
        struct piece piece;
        state = step(hnsw, &piece);
        /* The rest of the phase is in other hands. */
        if (state == HNSW_SWEEP_WORKS && piece.phase != PHASE_IDLE &&
            piece.begin == piece.end)
            state = HNSW_SWEEP_WAITS;
        if (piece.begin < piece.end)
            work_piece(hnsw, &piece, scratch);
        done += piece.end - piece.begin + piece.done;
    }
    scratch_give(hnsw->scratches, scratch);
    *ret_state = state;
    *ret_done = done;
    return ENGINE_OK;
}
