/* SPDX-License-Identifier: Apache-2.0
 * Staging of one change. Points are found again by id, so that several parts
 * of one request see what the earlier ones did. Rows of existing points are
 * referred to where they are: rows of living points are never rewritten. */
#include "engine/segment/change.h"

#include "base/budget.h"
#include "engine/segment/change_body.h"
#include "engine/segment/index_build.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_ROOM_MIN 64u

static enum engine_code
begin(struct segment *segment, bool is_upkeep, struct change **ret_change,
      struct error *reterr)
{
    struct change *change = calloc(1, sizeof(*change));
    if (change == NULL)
        return error_memory(reterr);
    arena_init(&change->arena, CHANGE_SIZE_MAX);
    /* What is in the way of requests must not wait for them. */
    if (!is_upkeep)
        arena_bind(&change->arena, &budget_requests);
    change->is_upkeep = is_upkeep;
    bytes_init(&change->new_note, STORE_VALUE_SIZE_MAX);
    change->segment = segment;
    change->drop_position = SIZE_MAX;
    pthread_mutex_lock(&segment->writer);
    change->slots_count = segment->slots_count;
    *ret_change = change;
    return ENGINE_OK;
}

enum engine_code
change_begin(struct segment *segment, struct change **ret_change,
             struct error *reterr)
{
    return begin(segment, false, ret_change, reterr);
}

enum engine_code
change_begin_upkeep(struct segment *segment, struct change **ret_change,
                    struct error *reterr)
{
    return begin(segment, true, ret_change, reterr);
}

void
change_ask_memory(struct change *change)
{
    change->asks_memory = true;
    arena_ask_memory(&change->arena);
}

void
change_end(struct change *change)
{
    assert(change != NULL);
    change_slices_free(change);
    pthread_mutex_unlock(&change->segment->writer);
    for (size_t i = 0; i < change->staged_count; i++)
        payload_text_free(change->staged[i]->text);
    payload_index_free(change->new_index);
    bytes_release(&change->new_note);
    index_build_leave(change->new_build);
    index_build_leave(change->old_build);
    free(change->staged);
    free(change->table);
    arena_release(&change->arena);
    free(change);
}

bool
change_finds(const struct change *change, const struct point_id *id)
{
    return ids_find(change->segment->ids, id) != IDS_NO_SLOT;
}

struct arena *
change_arena(struct change *change)
{
    return &change->arena;
}

static bool
table_grow(struct change *change)
{
    size_t room =
        change->table_room == 0 ? TABLE_ROOM_MIN : change->table_room * 2;
    uint32_t *table = calloc(room, sizeof(*table));
    if (table == NULL)
        return false;
    for (size_t i = 0; i < change->staged_count; i++) {
        const struct point_id *id = &change->staged[i]->point.id;
        size_t at = (size_t)point_id_hash(id) & (room - 1);
        while (table[at] != 0)
            at = (at + 1) & (room - 1);
        table[at] = (uint32_t)i + 1;
    }
    free(change->table);
    change->table = table;
    change->table_room = room;
    return true;
}

static bool
staged_reserve(struct change *change)
{
    if (change->staged_count + 1 > change->table_room / 2 &&
        !table_grow(change))
        return false;
    if (change->staged_count < change->staged_room)
        return true;
    size_t room = change->staged_room * 2 + 16;
    struct staged **staged = realloc(change->staged, room * sizeof(*staged));
    if (staged == NULL)
        return false;
    change->staged = staged;
    change->staged_room = room;
    return true;
}

const void *
change_old_vector(const struct change *change, const struct staged *staged,
                  size_t number)
{
    assert(number < change->segment->vectors_count);
    return staged->old_vectors[number];
}

const float change_unread = 0;

static void
find_old_vectors(const struct change *change, struct staged *staged)
{
    uint32_t slot = staged->point.slot;
    for (size_t i = 0; segment_seek(change->segment, &i); i++) {
        const struct vectors *vectors = change->segment->vectors[i];
        if (vectors_has(vectors, slot))
            staged->old_vectors[i] = vectors->is_on_disk
                                         ? CHANGE_UNREAD
                                         : vectors_row(vectors, slot);
    }
}

static bool
wants_row(const struct staged *staged, size_t number, enum change_rows which)
{
    const void *old = staged->old_vectors[number];
    const void *new = staged->point.vectors[number];
    if (old != CHANGE_UNREAD || !staged->point.is_there)
        return false;
    if (which == CHANGE_ROWS_MOVED)
        return staged->act == STAGED_MOVE && new == CHANGE_UNREAD;
    return new != NULL &&new != CHANGE_UNREAD;
}

static enum engine_code
read_rows_of(struct change *change, size_t number, enum change_rows which,
             struct error *reterr)
{
    const struct vectors *vectors = change->segment->vectors[number];
    size_t count = 0, taken = 0;
    for (size_t i = 0; i < change->staged_count; i++)
        count += wants_row(change->staged[i], number, which);
    if (count == 0)
        return ENGINE_OK;
    uint32_t *slots = arena_alloc(&change->arena, count * sizeof(*slots));
    const void **rows = arena_alloc(&change->arena, count * sizeof(*rows));
    if (slots == NULL || rows == NULL)
        return error_memory(reterr);
    for (size_t i = 0; i < change->staged_count; i++)
        if (wants_row(change->staged[i], number, which))
            slots[taken++] = change->staged[i]->point.slot;
    enum engine_code code =
        vectors_read_rows(vectors, slots, count, &change->arena, rows, reterr);
    if (code != ENGINE_OK)
        return code;
    taken = 0;
    for (size_t i = 0; i < change->staged_count; i++) {
        struct staged *staged = change->staged[i];
        if (!wants_row(staged, number, which))
            continue;
        staged->old_vectors[number] = rows[taken++];
        if (which == CHANGE_ROWS_MOVED)
            staged->point.vectors[number] = staged->old_vectors[number];
    }
    assert(taken == count);
    return ENGINE_OK;
}

enum engine_code
change_read_rows(struct change *change, enum change_rows which,
                 struct error *reterr)
{
    const struct segment *segment = change->segment;
    enum engine_code code = ENGINE_OK;
    for (size_t i = 0; code == ENGINE_OK && segment_seek(segment, &i); i++)
        if (segment->vectors[i]->is_on_disk)
            code = read_rows_of(change, i, which, reterr);
    return code;
}

enum engine_code
change_read_payloads(struct change *change, struct staged *const *staged,
                     size_t count, struct error *reterr)
{
    const struct segment *segment = change->segment;
    uint32_t *slots = arena_alloc(&change->arena, (count + 1) * sizeof(*slots));
    struct span *texts =
        arena_alloc(&change->arena, (count + 1) * sizeof(*texts));
    if (slots == NULL || texts == NULL)
        return error_memory(reterr);
    size_t wanted = 0;
    for (size_t i = 0; i < count; i++)
        if (staged[i]->point.slot != SEGMENT_NO_SLOT &&
            !staged[i]->has_old_payload)
            slots[wanted++] = staged[i]->point.slot;
    enum engine_code code = payloads_copy_out(&segment->payloads, slots, wanted,
                                              &change->arena, texts, reterr);
    if (code != ENGINE_OK)
        return code;
    wanted = 0;
    for (size_t i = 0; i < count; i++) {
        if (staged[i]->point.slot != SEGMENT_NO_SLOT &&
            !staged[i]->has_old_payload)
            staged[i]->old_payload = texts[wanted++];
        staged[i]->has_old_payload = true;
    }
    return ENGINE_OK;
}

enum engine_code
change_read_payload(struct change *change, struct staged_point *point,
                    struct error *reterr)
{
    struct staged *staged = (struct staged *)point;
    if (staged->has_old_payload || staged->has_new_payload)
        return ENGINE_OK;
    enum engine_code code = change_read_payloads(change, &staged, 1, reterr);
    if (code == ENGINE_OK)
        point->payload = staged->old_payload;
    return code;
}

static enum engine_code
staged_make(struct change *change, const struct point_id *id,
            struct staged **ret_staged, struct error *reterr)
{
    struct segment *segment = change->segment;
    struct staged *staged = arena_calloc(&change->arena, 1, sizeof(*staged));
    size_t count = segment->vectors_count;
    const void **vectors =
        arena_calloc(&change->arena, 2 * count + 1, sizeof(*vectors));
    if (staged == NULL || vectors == NULL)
        return error_memory(reterr);
    staged->old_vectors = vectors + count;
    staged->new_slot = SEGMENT_NO_SLOT;
    struct staged_point *point = &staged->point;
    point->id = *id;
    point->slot = ids_find(segment->ids, id);
    point->is_there = point->slot != SEGMENT_NO_SLOT;
    point->vectors = vectors;
    if (point->is_there)
        find_old_vectors(change, staged);
    memcpy(vectors, staged->old_vectors, count * sizeof(*vectors));
    *ret_staged = staged;
    /* On disk it is read only when it is wanted. */
    if (atomic_load(&segment->payloads.is_on_disk))
        return ENGINE_OK;
    enum engine_code code = change_read_payloads(change, &staged, 1, reterr);
    point->payload = staged->old_payload;
    return code;
}

enum engine_code
change_stage(struct change *change, const struct point_id *id,
             struct staged_point **ret_point, struct error *reterr)
{
    if (!staged_reserve(change))
        return error_memory(reterr);
    size_t at = (size_t)point_id_hash(id) & (change->table_room - 1);
    for (; change->table[at] != 0; at = (at + 1) & (change->table_room - 1)) {
        struct staged *staged = change->staged[change->table[at] - 1];
        if (point_id_compare(&staged->point.id, id) == 0) {
            *ret_point = &staged->point;
            return ENGINE_OK;
        }
    }
    struct staged *staged = NULL;
    enum engine_code code = staged_make(change, id, &staged, reterr);
    if (code != ENGINE_OK)
        return code;
    change->staged[change->staged_count++] = staged;
    change->table[at] = (uint32_t)change->staged_count;
    *ret_point = &staged->point;
    return ENGINE_OK;
}

enum engine_code
change_move(struct change *change, uint32_t slot, struct error *reterr)
{
    assert(change->is_upkeep && ids_is_live(change->segment->ids, slot));
    struct point_id id = ids_at(change->segment->ids, slot);
    struct staged_point *point = NULL;
    enum engine_code code = change_stage(change, &id, &point, reterr);
    if (code == ENGINE_OK)
        ((struct staged *)point)->wants_slot = true;
    return code;
}

static const char *
kind_name(enum vector_kind kind)
{
    switch (kind) {
    case VECTOR_SPARSE:
        return "sparse";
    case VECTOR_MULTI:
        return "multi";
    case VECTOR_DENSE:
        break;
    }
    return "regular";
}

/* Whether a vector of that number can hold the value; a dense one is a
 * multivector of one sub-vector. */
static enum engine_code
check_value(const struct segment_vector_options *options,
            struct vector_value *value, struct error *reterr)
{
    size_t count = value->dim;
    if (options->kind == VECTOR_MULTI && value->kind == VECTOR_DENSE) {
        value->kind = VECTOR_MULTI;
        value->rows = 1;
    }
    if (value->kind != options->kind) {
        bool is_regular = options->kind == VECTOR_DENSE;
        return error_set(reterr, ENGINE_EINPUT,
                         "Conversion between %s and regular vectors failed",
                         kind_name(is_regular ? value->kind : options->kind));
    }
    if (options->kind == VECTOR_MULTI)
        count = value->rows * value->dim;
    if (options->kind == VECTOR_SPARSE && count > VECTOR_SPARSE_MAX)
        return error_set(reterr, ENGINE_EINPUT,
                         "a sparse vector has %zu entries, at most %u are "
                         "allowed",
                         count, VECTOR_SPARSE_MAX);
    if (options->kind != VECTOR_SPARSE && value->dim != options->dim)
        return error_set(reterr, ENGINE_EINPUT,
                         "Vector dimension error: expected dim: %u, got %zu",
                         options->dim, value->dim);
    bool is_finite = kernel_is_finite(value->values, count);
    for (size_t i = 0; !is_finite && i < count; i++)
        if (!isfinite(value->values[i]))
            return error_set(reterr, ENGINE_EINPUT,
                             "vector \"%.*s\" has a value that is not finite "
                             "at position %zu",
                             (int)options->name.size, options->name.data, i);
    return ENGINE_OK;
}

enum engine_code
change_set_vector(struct change *change, struct staged_point *point,
                  size_t number, const struct vector_value *value,
                  struct error *reterr)
{
    assert(number < change->segment->vectors_count);
    const struct segment_vector_options *options =
        &change->segment->vectors[number]->options;
    const struct row_form *form = &change->segment->vectors[number]->form;
    struct vector_value checked = *value;
    enum engine_code code = check_value(options, &checked, reterr);
    if (code != ENGINE_OK)
        return code;
    float *row = arena_alloc(&change->arena, vector_row_size_of(&checked));
    if (row == NULL)
        return error_memory(reterr);
    vector_row_write(&checked, row);
    if (options->kind != VECTOR_SPARSE && row_form_is_unit(form))
        vector_row_normalise(options->kind, checked.dim, row);
    point->vectors[number] = row;
    if (options->kind != VECTOR_SPARSE && form->datatype != DATATYPE_F32) {
        size_t size = vector_row_stored_size(options->kind, form, row);
        void *stored = arena_alloc(&change->arena, size);
        if (stored == NULL)
            return error_memory(reterr);
        vector_row_store(options->kind, form, row, stored);
        point->vectors[number] = stored;
    }
    point->is_there = true;
    return ENGINE_OK;
}

size_t
change_vector_number(const struct change *change, struct span name)
{
    return segment_number_of(change->segment, name);
}

void
change_clear_vector(struct staged_point *point, size_t number)
{
    point->vectors[number] = NULL;
}

void
change_clear_vectors(struct change *change, struct staged_point *point)
{
    memset(point->vectors, 0,
           change->segment->vectors_count * sizeof(point->vectors[0]));
}

enum engine_code
change_set_payload(struct change *change, struct staged_point *point,
                   struct span payload, struct error *reterr)
{
    struct staged *staged = (struct staged *)point;
    point->is_there = true;
    if (span_equal_text(payload, "{}"))
        payload.size = 0;
    bool is_known = staged->has_old_payload || point->slot == SEGMENT_NO_SLOT;
    staged->has_new_payload =
        !is_known || !span_equal(payload, staged->old_payload);
    if (!staged->has_new_payload) {
        point->payload = staged->old_payload;
        return ENGINE_OK;
    }
    char *copy = NULL;
    if (payload.size > 0) {
        copy = arena_strndup(&change->arena, payload.data, payload.size);
        if (copy == NULL)
            return error_memory(reterr);
    }
    point->payload = (struct span){ copy, payload.size };
    return ENGINE_OK;
}

void
change_remove(struct staged_point *point)
{
    point->is_there = false;
}

static size_t
index_position(const struct segment *segment, struct span field)
{
    for (size_t i = 0; i < segment->indexes_count; i++)
        if (span_equal(payload_index_path(segment->indexes[i].index)->text,
                       field))
            return i;
    return SIZE_MAX;
}

enum engine_code
change_finds_index(const struct change *change, const struct index_wish *wish,
                   bool *ret_is_there, struct error *reterr)
{
    const struct segment *segment = change->segment;
    size_t position = index_position(segment, wish->path->text);
    *ret_is_there = false;
    if (position != SIZE_MAX) {
        const struct segment_index *old = &segment->indexes[position];
        *ret_is_there = payload_index_kind(old->index) == wish->kind &&
                        !old->is_broken &&
                        span_equal(bytes_span(&old->note), wish->note);
        return ENGINE_OK;
    }
    /* Some that are asked for take the place of others: no harm. */
    if (index_build_find(segment, wish->path->text) != NULL ||
        segment->indexes_count + atomic_load(&segment->builds_count) <
            SEGMENT_INDEXES_MAX)
        return ENGINE_OK;
    return error_set(reterr, ENGINE_EINPUT,
                     "a collection holds at most %d payload indexes",
                     SEGMENT_INDEXES_MAX);
}

void
change_put_build(struct change *change, struct index_build *new_build,
                 struct index_build *old_build)
{
    assert(change->new_build == NULL && change->old_build == NULL);
    if (new_build != NULL)
        atomic_fetch_add(&new_build->users, 1);
    if (old_build != NULL)
        atomic_fetch_add(&old_build->users, 1);
    change->new_build = new_build;
    change->old_build = old_build;
}

enum engine_code
change_put_index(struct change *change, struct payload_index *index,
                 struct span note, struct error *reterr)
{
    assert(change->new_index == NULL && change->drop_position == SIZE_MAX);
    bytes_add_span(&change->new_note, note);
    if (bytes_failed(&change->new_note))
        return error_memory(reterr);
    change->new_index = index;
    change->drop_position =
        index_position(change->segment, payload_index_path(index)->text);
    return ENGINE_OK;
}

void
change_drop_index(struct change *change, struct span field)
{
    assert(change->new_index == NULL && change->drop_position == SIZE_MAX);
    change->drop_position = index_position(change->segment, field);
    change_put_build(change, NULL, index_build_find(change->segment, field));
}
