/* SPDX-License-Identifier: Apache-2.0
 * Compaction: a collection that shrank gives memory back. A run begins when
 * there are many more slots than points (is_sparse()). It chooses where the
 * slots shall end (compact_end) and, in small pieces,
 *   moves  living points from beyond into free slots below: each as an update
 *          of its vectors would, so what holds for those holds here (one batch,
 *          a view, a grave, a sweep before the old slot is free);
 *   cuts   the slots from the end down that are free: no graph, queue, grave or
 *          reader knows a free slot, so its rows may go at any time.
 * It ends when the slots end at compact_end, or when so many points came that
 * they do not fit below. Free slots beyond are the first tail_count of the free
 * list and so taken last. All under the writer mutex; nothing is kept over a
 * restart, which begins a run of its own. */
#include "engine/segment/change_body.h"
#include "engine/segment/compact.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A run begins with more slots than 1.5 for each point and those of
 * SPARSE_SIZE: half as many again is what a few updates of everything leave,
 * and moving costs as much as inserting. Less than that size is not worth it,
 * and fewer slots are the dead ones that wait for a sweep. */
#define SPARSE_SHARE 2u
#define SPARSE_SIZE  ((uint64_t)1 << 20)
#define SPARSE_MIN   256u
#define SPARSE_MAX   4096u
/* Bytes of a slot beside rows and codes, about: its links to others for each
 * vector, and its id. */
#define LINKS_SIZE 150u
#define ID_SIZE    64u
/* Beside the points there is room for so many more, 1 in 8 and this share of
 * those above: inserts that come meanwhile need not be moved again. Less than
 * above, so that a run does not ask for the next. */
#define ROOM_SHARE       8u
#define ROOM_SPARE_SHARE 4u
/* Points moved in one piece: two slices of a change, about a millisecond. */
#define MOVE_MAX ((size_t)2 * SLICE_POINTS)
/* With so many links to make there is no moving: they come first. */
#define WAITING_MAX ((size_t)4 * MOVE_MAX)
/* Slots looked at for living ones, and cut off, in one piece: some
 * milliseconds. */
#define LOOK_MAX 262144u
#define CUT_MAX  262144u
/* A cut goes through the list of free slots: it is made when it takes one in so
 * many of the slots that are to go. */
#define CUT_SHARE 8u

/* Slots beside those for the points that are not worth a run. Rows on disk
 * count, too: the disk comes back as well. */
static uint32_t
spare_slots(const struct segment_view *view)
{
    uint64_t size = ID_SIZE;
    for (size_t i = 0; i < view->vectors_count; i++) {
        const struct vectors *vectors = view->vectors[i].vectors;
        if (!view->vectors[i].is_named)
            continue;
        size += vectors_row_size_about(vectors) + LINKS_SIZE;
        if (vectors->codes != NULL)
            size += codes_row_size(vectors->codes);
    }
    uint64_t slots = SPARSE_SIZE / size;
    slots = slots < SPARSE_MIN ? SPARSE_MIN : slots;
    return slots > SPARSE_MAX ? SPARSE_MAX : (uint32_t)slots;
}

static bool
is_sparse(const struct segment_view *view, uint64_t slots_count,
          uint64_t points_count)
{
    return slots_count >
           points_count + points_count / SPARSE_SHARE + spare_slots(view);
}

/* ---- the free list ---- */

void
segment_free_slot(struct segment *segment, uint32_t slot)
{
    assert(segment->free_count < segment->free_room);
    size_t at = segment->free_count++;
    if (slot >= segment->compact_end) {
        /* The first of the others makes place. */
        segment->free_slots[at] = segment->free_slots[segment->tail_count];
        at = segment->tail_count++;
    }
    segment->free_slots[at] = slot;
    for (size_t i = 0; segment_seek(segment, &i); i++)
        vectors_forget(segment->vectors[i], slot);
    for (struct vectors *vectors = segment->leaving; vectors != NULL;
         vectors = vectors->next_leaving)
        vectors_note_free(vectors, slot);
    bool is_new = slotset_add(&segment->free_set, slot);
    assert(is_new);
    (void)is_new;
}

void
segment_compact_note(struct segment *segment, uint32_t slots_count)
{
    bool is_beyond = segment->tail_count > segment->free_count ||
                     slots_count > segment->slots_count;
    if (segment->compact_end == COMPACT_NONE || !is_beyond)
        return;
    if (segment->tail_count > segment->free_count)
        segment->tail_count = segment->free_count;
    segment->compact_slot = slots_count;
}

/* Slots beyond compact_end to the front. */
static void
part_free(struct segment *segment)
{
    size_t tail = 0;
    for (size_t i = 0; i < segment->free_count; i++) {
        uint32_t slot = segment->free_slots[i];
        if (slot < segment->compact_end)
            continue;
        segment->free_slots[i] = segment->free_slots[tail];
        segment->free_slots[tail++] = slot;
    }
    segment->tail_count = tail;
}

/* Drops the free slots from `end` on. */
static void
drop_free(struct segment *segment, uint32_t end)
{
    size_t kept = 0;
    for (size_t i = 0; i < segment->tail_count; i++) {
        uint32_t slot = segment->free_slots[i];
        if (slot < end)
            segment->free_slots[kept++] = slot;
        else
            slotset_remove(&segment->free_set, slot);
    }
    size_t low_count = segment->free_count - segment->tail_count;
    memmove(segment->free_slots + kept,
            segment->free_slots + segment->tail_count,
            low_count * sizeof(segment->free_slots[0]));
    segment->tail_count = kept;
    segment->free_count = kept + low_count;
    size_t room = segment->free_count + segment->buried_count + SPARSE_MAX;
    if (room > segment->free_room / 2)
        return;
    uint32_t *slots = realloc(segment->free_slots, room * sizeof(*slots));
    if (slots == NULL)
        return; /* it stays too long */
    segment->free_slots = slots;
    segment->free_room = room;
}

/* ---- a run ---- */

static void
begin(struct segment *segment)
{
    uint64_t count = ids_count(segment->ids);
    segment->compact_end =
        (uint32_t)(count + count / ROOM_SHARE +
                   spare_slots(segment_view_now(segment)) / ROOM_SPARE_SHARE);
    segment->slots_before = segment->compact_slot = segment->slots_count;
    segment->has_asked_reclaim = false;
    part_free(segment);
    atomic_store(&segment->is_compacting, true);
}

static void
end(struct segment *segment)
{
    segment->compact_end = COMPACT_NONE;
    segment->tail_count = 0;
    atomic_store(&segment->is_compacting, false);
}

/* Another graph or a payload index is being built over all slots; when that
 * ends, there is work again. */
static bool
is_blocked(const struct segment *segment)
{
    bool is_blocked = segment->build != NULL;
    for (size_t i = 0; segment_seek(segment, &i); i++)
        is_blocked = is_blocked || segment->vectors[i]->next_graph != NULL;
    return is_blocked;
}

/* ---- moving ---- */

static enum engine_code
move(struct change *change, size_t *ret_count, struct error *reterr)
{
    struct segment *segment = change->segment;
    size_t room = segment->free_count - segment->tail_count;
    room = room < MOVE_MAX ? room : MOVE_MAX;
    uint32_t slot = segment->compact_slot;
    uint32_t looked = 0;
    size_t count = 0;
    enum engine_code code = ENGINE_OK;
    for (; slot > segment->compact_end && looked < LOOK_MAX; slot--, looked++) {
        if (!ids_is_live(segment->ids, slot - 1))
            continue;
        if (count == room)
            break;
        code = change_move(change, slot - 1, reterr);
        if (code != ENGINE_OK)
            return code;
        count++;
    }
    if (count > 0)
        code = change_commit_upkeep(change, reterr);
    if (code != ENGINE_OK)
        return code;
    segment->compact_slot = slot;
    *ret_count = count;
    return ENGINE_OK;
}

/* What has to end before there are more free slots. Without a sweep the last
 * dead points would stay where they are. */
static bool
is_waiting(struct segment *segment)
{
    bool is_waiting =
        segment->graves_first != NULL || atomic_load(&segment->is_reclaiming);
    for (size_t i = 0; segment_seek(segment, &i); i++) {
        struct vectors *vectors = segment->vectors[i];
        if (vectors->graph == NULL)
            continue;
        bool is_dead = atomic_load(&vectors->dead_count) > 0;
        if (is_dead)
            atomic_store(&vectors->wants_sweep, true);
        is_waiting = is_waiting || is_dead ||
                     queue_count(&vectors->queue) > 0 ||
                     hnsw_is_sweeping(vectors->graph);
    }
    return is_waiting;
}

/* ---- cutting ---- */

/* The slot from which on all are free, not too far from the end. */
static uint32_t
find_end(const struct segment *segment)
{
    uint32_t end = segment->slots_count;
    uint32_t most = end - segment->compact_end;
    most = most < CUT_MAX ? most : CUT_MAX;
    while (most > 0 && slotset_has(&segment->free_set, end - 1)) {
        most--;
        end--;
    }
    return end;
}

static bool
is_worth(const struct segment *segment, uint32_t slots_end)
{
    uint32_t count = segment->slots_count - slots_end;
    return count > 0 &&
           (count == CUT_MAX || slots_end == segment->compact_end ||
            count >= (segment->slots_count - segment->compact_end) / CUT_SHARE);
}

/* Readers of older views know none of the slots: they are free. */
static enum engine_code
cut(struct segment *segment, uint32_t slots_end, struct error *reterr)
{
    struct segment_view *old = segment_view_now(segment);
    struct segment_view *next = view_cut(old, slots_end);
    struct grave *grave =
        next == NULL ? NULL : grave_new(view_replaced_count(old, next), 0);
    if (grave == NULL) {
        view_discard(next, old);
        return error_memory(reterr);
    }
    ids_prepare_smaller(segment->ids);
    pthread_rwlock_wrlock(&segment->points);
    struct ids_outgrown outgrown = ids_prepared(segment->ids);
    segment_publish(segment, next, grave);
    pthread_rwlock_unlock(&segment->points);
    ids_outgrown_free(&outgrown);
    segment_bury(segment, grave);
    drop_free(segment, slots_end);
    segment->slots_count = slots_end;
    if (segment->compact_slot > slots_end)
        segment->compact_slot = slots_end;
    for (size_t i = 0; segment_seek(segment, &i); i++)
        vectors_cut(segment->vectors[i], slots_end);
    ids_cut(segment->ids, slots_end);
    payloads_cut(&segment->payloads, slots_end);
    return ENGINE_OK;
}

/* ---- one piece ---- */

/* After a piece that moved or cut nothing. */
static enum segment_rest
rest_of(struct segment *segment)
{
    if (is_waiting(segment))
        return SEGMENT_REST_LATER;
    if (segment->has_asked_reclaim)
        return SEGMENT_REST_NONE; /* until something changes */
    /* Dead slots that nothing holds any more, and nobody noticed. */
    segment->has_asked_reclaim = true;
    segment->reclaim_slot = 0;
    atomic_store(&segment->is_reclaiming, true);
    return SEGMENT_REST_LATER;
}

/* Ends a run that nothing can come of, and begins one that is due. False: there
 * is none. */
static bool
is_running(struct segment *segment)
{
    uint64_t count = ids_count(segment->ids);
    if (segment->compact_end != COMPACT_NONE && count > segment->compact_end)
        end(segment);
    if (segment->compact_end == COMPACT_NONE &&
        is_sparse(segment_view_now(segment), segment->slots_count, count))
        begin(segment);
    return segment->compact_end != COMPACT_NONE;
}

static enum engine_code
work(struct change *change, enum segment_rest *ret_rest, struct error *reterr)
{
    struct segment *segment = change->segment;
    segment_dig(segment);
    if (is_blocked(segment) || !is_running(segment))
        return ENGINE_OK;
    uint32_t slot = segment->compact_slot;
    size_t moved = 0;
    enum engine_code code = move(change, &moved, reterr);
    if (code != ENGINE_OK)
        return code;
    bool has_moved = moved > 0 || slot != segment->compact_slot;
    uint32_t slots_end = find_end(segment);
    bool is_cut = is_worth(segment, slots_end);
    if (is_cut)
        code = cut(segment, slots_end, reterr);
    if (code != ENGINE_OK)
        return code;
    if (segment->slots_count == segment->compact_end) {
        end(segment);
        segment_compact_disk_begin(segment, segment->slots_before);
        return ENGINE_OK;
    }
    if (has_moved || is_cut)
        segment->has_asked_reclaim = false;
    /* Not at once again: writers wait for the mutex. */
    *ret_rest = has_moved || is_cut ? SEGMENT_REST_LATER : rest_of(segment);
    return ENGINE_OK;
}

/* Cheap, and takes no lock: asked after each piece of linking. */
static bool
is_due(struct segment *segment)
{
    if (atomic_load(&segment->is_compacting))
        return true;
    struct segment_reader reader;
    segment_read_begin(segment, &reader);
    bool is_due = is_sparse(reader.view, reader.view->slots_count,
                            segment_points_count(&reader));
    segment_read_end(&reader);
    return is_due;
}

enum engine_code
segment_compact(struct segment *segment, enum segment_rest *ret_rest,
                struct error *reterr)
{
    *ret_rest = SEGMENT_REST_NONE;
    if (!is_due(segment) || segment_link_count(segment) >= WAITING_MAX)
        return ENGINE_OK;
    struct change *change = NULL;
    enum engine_code code = change_begin_upkeep(segment, &change, reterr);
    if (code != ENGINE_OK)
        return code;
    code = work(change, ret_rest, reterr);
    change_end(change);
    return code;
}
