/* SPDX-License-Identifier: Apache-2.0
 * Each kind of update as edits of staged points. The update is checked as it
 * is staged; only a whole one is committed. A missing id does not stop the
 * others: the caller answers it after the commit, as Qdrant does. */
#include "engine/collection/apply.h"
#include "engine/collection/condition.h"

#include "base/budget.h"
#include "base/memory.h"
#include "engine/segment/payload_edit.h"
#include "engine/segment/search.h"

#include <assert.h>

static enum engine_code
name_error(struct span name, struct error *reterr)
{
    return error_set(reterr, ENGINE_EINPUT,
                     "Not existing vector name error: %.*s", (int)name.size,
                     name.data == NULL ? "" : name.data);
}

static enum engine_code
set_vectors(struct change *change, const struct point *point,
            struct staged_point *staged, struct error *reterr)
{
    for (size_t i = 0; i < point->vectors_count; i++) {
        const struct named_vector *vector = &point->vectors[i];
        size_t number = change_vector_number(change, vector->name);
        if (number == SIZE_MAX)
            return name_error(vector->name, reterr);
        struct vector_value value = { vector->kind, vector->values, vector->dim,
                                      vector->indices, vector->rows };
        enum engine_code code =
            change_set_vector(change, staged, number, &value, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}

static enum engine_code
check_payload(struct span payload, struct error *reterr)
{
    if (payload.size <= COMMAND_PAYLOAD_SIZE_MAX)
        return ENGINE_OK;
    return error_set(reterr, ENGINE_EINPUT,
                     "payload has %zu bytes, at most %u are allowed",
                     payload.size, COMMAND_PAYLOAD_SIZE_MAX);
}

static enum engine_code
upsert(struct segment *segment, struct change *change,
       const struct update *update, struct error *reterr)
{
    struct condition_met met;
    enum engine_code code =
        condition_test(segment, change, update, &met, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < update->points_count; i++) {
        const struct point *point = &update->points[i];
        struct staged_point *staged = NULL;
        code = check_payload(point->payload, reterr);
        if (code == ENGINE_OK && !condition_lets(&met, &point->id))
            continue;
        if (code == ENGINE_OK)
            code = change_stage(change, &point->id, &staged, reterr);
        if (code == ENGINE_OK)
            code = change_set_payload(change, staged, point->payload, reterr);
        if (code == ENGINE_OK) {
            change_clear_vectors(change, staged);
            code = set_vectors(change, point, staged, reterr);
        }
    }
    condition_end(&met);
    return code;
}

static void
note_missing(struct applied *applied, const struct point_id *id)
{
    if (applied->has_missing)
        return;
    applied->has_missing = true;
    applied->missing = *id;
}

static enum engine_code
update_vectors(struct segment *segment, struct change *change,
               const struct update *update, struct applied *applied,
               struct error *reterr)
{
    struct condition_met met;
    enum engine_code code =
        condition_test(segment, change, update, &met, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < update->points_count; i++) {
        const struct point *point = &update->points[i];
        if (!change_finds(change, &point->id)) {
            note_missing(applied, &point->id);
            continue;
        }
        if (!condition_lets(&met, &point->id))
            continue;
        struct staged_point *staged = NULL;
        code = change_stage(change, &point->id, &staged, reterr);
        if (code == ENGINE_OK)
            code = set_vectors(change, point, staged, reterr);
    }
    condition_end(&met);
    return code;
}

/* ---- one edit for each selected point ---- */

struct edit {
    struct segment *segment;
    struct change *change;
    const struct update *update;
    size_t *numbers; /* of update->names */
    struct bytes text;
};

static enum engine_code
edit_payload(struct edit *edit, struct staged_point *point,
             struct error *reterr)
{
    const struct update *update = edit->update;
    enum engine_code code = change_read_payload(edit->change, point, reterr);
    if (code != ENGINE_OK)
        return code;
    if (update->kind == UPDATE_SET_PAYLOAD)
        code = payload_merge(point->payload, update->payload, update->key,
                             &edit->text, reterr);
    else
        code = payload_remove(point->payload, update->paths,
                              update->paths_count, &edit->text, reterr);
    if (code != ENGINE_OK)
        return code;
    return change_set_payload(edit->change, point, bytes_span(&edit->text),
                              reterr);
}

static enum engine_code
edit_point(struct edit *edit, struct staged_point *point, struct error *reterr)
{
    const struct span none = { NULL, 0 };
    switch (edit->update->kind) {
    case UPDATE_DELETE:
        change_remove(point);
        return ENGINE_OK;
    case UPDATE_DELETE_VECTORS:
        for (size_t i = 0; i < edit->update->names_count; i++)
            change_clear_vector(point, edit->numbers[i]);
        return ENGINE_OK;
    case UPDATE_SET_PAYLOAD:
    case UPDATE_DELETE_PAYLOAD:
        return edit_payload(edit, point, reterr);
    case UPDATE_OVERWRITE_PAYLOAD:
        return change_set_payload(edit->change, point, edit->update->payload,
                                  reterr);
    case UPDATE_CLEAR_PAYLOAD:
        return change_set_payload(edit->change, point, none, reterr);
    case UPDATE_UPSERT:
    case UPDATE_VECTORS:
    case UPDATE_CREATE_INDEX:
    case UPDATE_DELETE_INDEX:
    case UPDATE_CREATE_VECTOR:
    case UPDATE_DELETE_VECTOR:
        break;
    }
    assert(!"this kind selects no points");
    return ENGINE_EINTERNAL;
}

static enum engine_code
edit_id(struct edit *edit, const struct point_id *id, struct error *reterr)
{
    struct staged_point *point = NULL;
    enum engine_code code = change_stage(edit->change, id, &point, reterr);
    if (code == ENGINE_OK)
        code = edit_point(edit, point, reterr);
    return code;
}

static enum engine_code
edit_filtered(struct edit *edit, struct error *reterr)
{
    const uint32_t *slots = NULL;
    size_t count = 0;
    struct segment_reader reader;
    segment_read_begin(edit->segment, &reader);
    enum engine_code code =
        segment_select(&reader, edit->update->selector.filter,
                       change_arena(edit->change), &slots, &count, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < count; i++) {
        struct point_id id = segment_id(&reader, slots[i]);
        code = edit_id(edit, &id, reterr);
    }
    segment_read_end(&reader);
    return code;
}

static enum engine_code
edit_listed(struct edit *edit, struct applied *applied, struct error *reterr)
{
    const struct point_selector *selector = &edit->update->selector;
    enum engine_code code = ENGINE_OK;
    for (size_t i = 0; code == ENGINE_OK && i < selector->ids_count; i++) {
        const struct point_id *id = &selector->ids[i];
        if (change_finds(edit->change, id))
            code = edit_id(edit, id, reterr);
        else if (edit->update->kind != UPDATE_DELETE)
            note_missing(applied, id);
    }
    return code;
}

static enum engine_code
edit_selected(struct segment *segment, struct change *change,
              const struct update *update, struct applied *applied,
              struct error *reterr)
{
    struct edit edit = { .segment = segment,
                         .change = change,
                         .update = update };
    enum engine_code code = check_payload(update->payload, reterr);
    if (code != ENGINE_OK)
        return code;
    edit.numbers = arena_calloc(change_arena(change), update->names_count + 1,
                                sizeof(*edit.numbers));
    if (edit.numbers == NULL)
        return error_memory(reterr);
    for (size_t i = 0; i < update->names_count; i++) {
        edit.numbers[i] = change_vector_number(change, update->names[i]);
        if (edit.numbers[i] == SIZE_MAX)
            return name_error(update->names[i], reterr);
    }
    bytes_init(&edit.text, COMMAND_PAYLOAD_SIZE_MAX);
    code = update->selector.filter != NULL
               ? edit_filtered(&edit, reterr)
               : edit_listed(&edit, applied, reterr);
    bytes_release(&edit.text);
    return code;
}

static enum payload_index_kind
index_kind(enum payload_schema schema)
{
    switch (schema) {
    case PAYLOAD_SCHEMA_INTEGER:
        return PAYLOAD_INDEX_INTEGER;
    case PAYLOAD_SCHEMA_FLOAT:
        return PAYLOAD_INDEX_FLOAT;
    case PAYLOAD_SCHEMA_BOOL:
        return PAYLOAD_INDEX_BOOL;
    case PAYLOAD_SCHEMA_DATETIME:
        return PAYLOAD_INDEX_DATETIME;
    case PAYLOAD_SCHEMA_UUID:
        return PAYLOAD_INDEX_UUID;
    case PAYLOAD_SCHEMA_GEO:
        return PAYLOAD_INDEX_GEO;
    case PAYLOAD_SCHEMA_TEXT:
        return PAYLOAD_INDEX_TEXT;
    case PAYLOAD_SCHEMA_KEYWORD:
        break;
    }
    return PAYLOAD_INDEX_KEYWORD;
}

static enum engine_code
stage_update(struct segment *segment, struct change *change,
             const struct update *update, struct applied *applied,
             struct error *reterr)
{
    switch (update->kind) {
    case UPDATE_UPSERT:
        return upsert(segment, change, update, reterr);
    case UPDATE_VECTORS:
        return update_vectors(segment, change, update, applied, reterr);
    case UPDATE_DELETE_INDEX:
        change_drop_index(change, update->key->text);
        return ENGINE_OK;
    case UPDATE_DELETE:
    case UPDATE_DELETE_VECTORS:
    case UPDATE_SET_PAYLOAD:
    case UPDATE_OVERWRITE_PAYLOAD:
    case UPDATE_DELETE_PAYLOAD:
    case UPDATE_CLEAR_PAYLOAD:
        break;
    case UPDATE_CREATE_INDEX:
    case UPDATE_CREATE_VECTOR:
    case UPDATE_DELETE_VECTOR:
        assert(!"no change of points");
        break;
    }
    return edit_selected(segment, change, update, applied, reterr);
}

/* Updates that make room go on at the memory limit. Not those that delete
 * vectors: a point that keeps others of them gets another slot first. */
static bool
is_shrinking(enum update_kind kind)
{
    return kind == UPDATE_DELETE || kind == UPDATE_DELETE_PAYLOAD ||
           kind == UPDATE_CLEAR_PAYLOAD || kind == UPDATE_DELETE_INDEX;
}

/* Says better why a change found no memory, if its arena knows. */
static enum engine_code
memory_error(const struct arena *arena, struct error *reterr)
{
    if (arena_over_limit(arena))
        return error_memory_limit(reterr, "the update", arena->used_size,
                                  memory_look().resident_size, memory_limit());
    if (arena_over_budget(arena))
        return error_memory_busy(reterr,
                                 atomic_load(&budget_requests.limit_size));
    return ENGINE_ENOMEM;
}

enum engine_code
apply_update(struct segment *segment, const struct update *update, bool waits,
             struct applied *ret_applied, struct error *reterr)
{
    struct applied applied = { 0 };
    if (update->points_count > COMMAND_POINTS_MAX ||
        update->selector.ids_count > COMMAND_POINTS_MAX)
        return error_set(reterr, ENGINE_EINPUT,
                         "one update holds at most %d points",
                         COMMAND_POINTS_MAX);
    struct change *change = NULL;
    enum engine_code code;
    if (update->kind == UPDATE_CREATE_INDEX) {
        struct index_wish wish = { update->key, index_kind(update->schema),
                                   update->schema_json };
        code = segment_index_create(segment, &wish, waits, &applied.commit,
                                    reterr);
        if (code == ENGINE_OK)
            *ret_applied = applied;
        return code;
    }
    code = change_begin(segment, &change, reterr);
    if (code != ENGINE_OK)
        return code;
    if (!is_shrinking(update->kind))
        change_ask_memory(change);
    code = stage_update(segment, change, update, &applied, reterr);
    if (code == ENGINE_OK)
        code = change_commit(change, &applied.commit, reterr);
    if (code == ENGINE_ENOMEM)
        code = memory_error(change_arena(change), reterr);
    change_end(change);
    if (code == ENGINE_OK)
        *ret_applied = applied;
    return code;
}
