/* SPDX-License-Identifier: Apache-2.0
 * A written change goes into memory, slice by slice: rows before anything is
 * seen, then each slice under the points lock, in the order that segment.h
 * gives, so that readers wait for one slice at most. The views of all slices
 * and their graves are made before the change is written. Payloads are parsed
 * for the indexes before the lock is taken. */
#include "engine/segment/change_body.h"

#include "engine/codec/json_reader.h"
#include "engine/segment/index_build.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* The payloads of one slice, parsed; NULL: none, or not parsed. */
struct parsed {
    yyjson_doc *old;
    yyjson_doc *new;
};

/* ---- before the commit ---- */

static bool
is_new(const struct staged *staged)
{
    return staged->act == STAGED_INSERT || staged->act == STAGED_MOVE;
}

static bool
is_dying(const struct staged *staged)
{
    return staged->act == STAGED_REMOVE || staged->act == STAGED_MOVE;
}

/* What `staged` does to the slots that live. */
static bool
view_point(const struct staged *staged, struct segment_view *next,
           const struct segment_view *old)
{
    uint32_t slot = staged->point.slot;
    bool is_ok = true;
    if (is_new(staged))
        is_ok = view_put_live(next, old, staged->new_slot, true);
    if (is_ok && is_dying(staged))
        is_ok = view_put_live(next, old, slot, false);
    for (size_t i = 0; is_ok && i < next->vectors_count; i++) {
        bool has = staged->point.vectors[i] != NULL;
        if (is_new(staged) && has)
            is_ok = view_put_vector(next, old, i, staged->new_slot, true);
        bool is_gone = is_dying(staged) || (staged->act == STAGED_KEEP && !has);
        if (is_ok && is_gone && slotview_has(next->vectors[i].has, slot))
            is_ok = view_put_vector(next, old, i, slot, false);
    }
    return is_ok;
}

static enum engine_code
slice_make(struct change *change, const struct segment_view *old,
           struct slice *slice, struct error *reterr)
{
    struct segment_view *next = view_next(old, change->slots_count);
    if (next == NULL)
        return error_memory(reterr);
    slice->view = next;
    for (size_t i = slice->begin; i < slice->end; i++) {
        const struct staged *staged = change->staged[i];
        if (staged->act != STAGED_NOTHING && !view_point(staged, next, old))
            return error_memory(reterr);
    }
    size_t points = slice->end - slice->begin;
    slice->grave = grave_new(view_replaced_count(old, next) + points, points);
    return slice->grave == NULL ? error_memory(reterr) : ENGINE_OK;
}

enum engine_code
change_slice(struct change *change, struct error *reterr)
{
    size_t points = SLICE_POINTS;
    if (change->staged_count / SLICES_MAX > points)
        points = change->staged_count / SLICES_MAX + 1;
    size_t count = (change->staged_count + points - 1) / points;
    change->slices =
        arena_calloc(&change->arena, count + 1, sizeof(*change->slices));
    change->parsed =
        arena_calloc(&change->arena, points, sizeof(*change->parsed));
    if (change->slices == NULL || change->parsed == NULL)
        return error_memory(reterr);
    const struct segment_view *old = segment_view_now(change->segment);
    for (size_t i = 0; i < count; i++) {
        struct slice *slice = &change->slices[i];
        slice->begin = i * points;
        slice->end =
            i + 1 < count ? slice->begin + points : change->staged_count;
        change->slices_count++;
        enum engine_code code = slice_make(change, old, slice, reterr);
        if (code != ENGINE_OK)
            return code;
        old = slice->view;
    }
    return ENGINE_OK;
}

void
change_slices_free(struct change *change)
{
    for (size_t i = change->slices_count; i-- > change->slices_done;) {
        const struct segment_view *old =
            i > change->slices_done ? change->slices[i - 1].view
                                    : segment_view_now(change->segment);
        view_discard(change->slices[i].view, old);
        free(change->slices[i].grave);
    }
    change->slices_count = change->slices_done;
}

/* ---- payload indexes ---- */

bool
change_is_indexed(const struct segment *segment, const struct staged *staged)
{
    return (segment->indexes_count > 0 || segment->build != NULL) &&
           staged->act != STAGED_NOTHING &&
           (staged->act != STAGED_KEEP || staged->has_new_payload);
}

static struct span
new_text(const struct staged *staged)
{
    if (staged->act == STAGED_REMOVE)
        return (struct span){ NULL, 0 };
    return staged->point.payload;
}

static void
parse_slice(const struct change *change, const struct slice *slice,
            struct parsed *parsed)
{
    for (size_t i = slice->begin; i < slice->end; i++) {
        const struct staged *staged = change->staged[i];
        struct parsed *both = &parsed[i - slice->begin];
        *both = (struct parsed){ NULL, NULL };
        if (!change_is_indexed(change->segment, staged))
            continue;
        both->old = json_text_read(staged->old_payload);
        both->new = json_text_read(new_text(staged));
    }
}

static void
parsed_free(struct parsed *parsed, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        yyjson_doc_free(parsed[i].old);
        yyjson_doc_free(parsed[i].new);
    }
}

/* Takes the old payload out of one index and puts the new one in. False when
 * memory is out. */
static bool
index_change(struct payload_index *index, const struct staged *staged,
             const struct parsed *parsed, uint32_t slots_end)
{
    uint32_t old_slot = staged->point.slot;
    uint32_t new_slot = is_new(staged) ? staged->new_slot : old_slot;
    if (staged->act != STAGED_INSERT && old_slot < slots_end)
        payload_index_remove(index, old_slot, yyjson_doc_get_root(parsed->old));
    if (staged->act == STAGED_REMOVE || new_slot >= slots_end)
        return true;
    return payload_index_add(index, new_slot, yyjson_doc_get_root(parsed->new),
                             NULL) == ENGINE_OK;
}

static void
index_point(struct segment *segment, const struct staged *staged,
            const struct parsed *parsed)
{
    bool is_parsed = (parsed->old != NULL || staged->old_payload.size == 0) &&
                     (parsed->new != NULL || new_text(staged).size == 0);
    for (size_t i = 0; i < segment->indexes_count; i++) {
        struct segment_index *index = &segment->indexes[i];
        if (!index->is_broken)
            index->is_broken = !is_parsed || !index_change(index->index, staged,
                                                           parsed, UINT32_MAX);
    }
    struct index_build *build = segment->build;
    if (build != NULL && !build->is_broken)
        build->is_broken =
            !is_parsed ||
            !index_change(build->index, staged, parsed, build->next_slot);
}

/* ---- one point ---- */

static void
apply_new(struct change *change, struct staged *staged, uint64_t version)
{
    struct segment *segment = change->segment;
    uint32_t slot = staged->new_slot;
    for (size_t i = 0; segment_seek(segment, &i); i++) {
        if (staged->point.vectors[i] != NULL)
            vectors_show(segment->vectors[i], slot);
        else
            vectors_lack(segment->vectors[i], slot);
    }
    bool is_move = staged->act == STAGED_MOVE;
    if (is_move && !staged->has_new_payload) {
        payloads_copy(&segment->payloads, staged->point.slot, slot);
    } else {
        struct payload_text *none =
            payloads_set(&segment->payloads, slot, staged->text);
        assert(none == NULL);
        (void)none;
        staged->text = NULL;
    }
    if (is_move)
        ids_move(segment->ids, staged->point.slot, slot, version);
    else
        ids_bind(segment->ids, &staged->point.id, slot, version);
}

static void
apply_keep(struct segment *segment, struct staged *staged, struct grave *grave,
           uint64_t version)
{
    uint32_t slot = staged->point.slot;
    if (staged->has_new_payload)
        grave_add(grave, payloads_set(&segment->payloads, slot, staged->text));
    if (staged->has_new_payload)
        staged->text = NULL;
    ids_set_version(segment->ids, slot, version);
}

/* Everything but the old slot's end, which comes after the view. */
static void
apply_point(struct change *change, struct staged *staged,
            const struct parsed *parsed, struct grave *grave, uint64_t version)
{
    struct segment *segment = change->segment;
    if (staged->act == STAGED_NOTHING)
        return;
    if (change_is_indexed(segment, staged))
        index_point(segment, staged, parsed);
    if (is_new(staged))
        apply_new(change, staged, version);
    else if (staged->act == STAGED_KEEP)
        apply_keep(segment, staged, grave, version);
    else
        ids_unbind(segment->ids, staged->point.slot);
}

/* The old slot, or the vectors that a living slot lost. */
static void
apply_end(struct change *change, const struct staged *staged,
          struct grave *grave)
{
    struct segment *segment = change->segment;
    uint32_t slot = staged->point.slot;
    if (!is_dying(staged) && staged->act != STAGED_KEEP)
        return;
    for (size_t i = 0; segment_seek(segment, &i); i++) {
        struct vectors *vectors = segment->vectors[i];
        if ((!is_dying(staged) && staged->point.vectors[i] != NULL) ||
            !vectors_has(vectors, slot))
            continue;
        vectors_hide(vectors, slot);
        if (!is_dying(staged))
            vectors_lack(vectors, slot);
    }
    if (!is_dying(staged))
        return;
    if (staged->act == STAGED_REMOVE || staged->has_new_payload)
        grave_add(grave, payloads_text(&segment->payloads, slot));
    grave_add_slot(grave, slot, !staged->is_held);
}

/* ---- all of it ---- */

static void
apply_slice(struct change *change, struct slice *slice, struct parsed *parsed,
            uint64_t sequence)
{
    struct segment *segment = change->segment;
    size_t count = slice->end - slice->begin;
    parse_slice(change, slice, parsed);
    pthread_rwlock_wrlock(&segment->points);
    for (size_t i = 0; i < count; i++) {
        struct staged *staged = change->staged[slice->begin + i];
        apply_point(change, staged, &parsed[i], slice->grave,
                    change_version(change, staged, sequence));
    }
    segment_publish(segment, slice->view, slice->grave);
    for (size_t i = 0; i < count; i++)
        apply_end(change, change->staged[slice->begin + i], slice->grave);
    pthread_rwlock_unlock(&segment->points);
    segment_bury(segment, slice->grave);
    change->slices_done++;
    parsed_free(parsed, count);
}

static void
apply_index(struct change *change)
{
    struct segment *segment = change->segment;
    struct segment_index old = { 0 };
    bool is_other =
        change->drop_position != SIZE_MAX || change->new_index != NULL;
    if (!is_other && change->new_build == NULL && change->old_build == NULL)
        return;
    pthread_rwlock_wrlock(&segment->points);
    if (is_other)
        atomic_fetch_add(&segment->version, 1);
    if (change->old_build != NULL)
        index_build_remove(segment, change->old_build);
    if (change->new_build != NULL)
        index_build_append(segment, change->new_build);
    if (change->drop_position != SIZE_MAX) {
        struct segment_index *place = &segment->indexes[change->drop_position];
        old = *place;
        segment->indexes_count--;
        memmove(place, place + 1,
                (segment->indexes_count - change->drop_position) *
                    sizeof(*place));
    }
    if (change->new_index != NULL) {
        assert(segment->indexes_count < SEGMENT_INDEXES_MAX);
        segment->indexes[segment->indexes_count++] =
            (struct segment_index){ .index = change->new_index,
                                    .note = change->new_note };
        change->new_index = NULL;
        bytes_init(&change->new_note, STORE_VALUE_SIZE_MAX);
    }
    pthread_rwlock_unlock(&segment->points);
    if (change->old_build != NULL)
        index_build_leave(change->old_build); /* the list's use */
    if (old.index == NULL)
        return;
    payload_index_free(old.index);
    bytes_release(&old.note);
}

void
change_apply(struct change *change, uint64_t sequence)
{
    struct segment *segment = change->segment;
    /* Nobody sees these slots yet. */
    for (size_t i = 0; i < change->staged_count; i++) {
        const struct staged *staged = change->staged[i];
        if (staged->new_slot == SEGMENT_NO_SLOT)
            continue;
        slotset_remove(&segment->free_set, staged->new_slot);
        for (size_t k = 0; segment_seek(segment, &k); k++)
            if (staged->point.vectors[k] != NULL)
                vectors_write(segment->vectors[k], staged->new_slot,
                              staged->point.vectors[k]);
    }
    segment->free_count -= change->free_taken;
    segment_compact_note(segment, change->slots_count);
    segment->slots_count = change->slots_count;
    for (size_t i = 0; i < change->slices_count; i++)
        apply_slice(change, &change->slices[i], change->parsed, sequence);
    apply_index(change);
    segment_start_graphs(segment);
}
