/* SPDX-License-Identifier: Apache-2.0
 * Records. Selecting parts of a payload copies the wanted values into a
 * mutable document; its walk is as deep as a payload can be nested. */
#include "engine/collection/output.h"

#include "engine/filter/path.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <yyjson.h>

/* As deep as payloads get: what a body may nest and a key may add. */
#define OUTPUT_DEPTH_MAX (JSON_DEPTH_MAX + FILTER_PATH_STEPS_MAX + 1)

struct output {
    const struct segment_reader *reader;
    const struct output_selection *selection;
    struct arena *arena;
    size_t *numbers; /* the selected vectors */
    struct span *names;
    struct named_vector **room; /* of each record */
    size_t numbers_count;
};

/* ---- parts of a payload ---- */

/* One step of the way to a value: a member of an object, or any element of an
 * array. */
struct way_step {
    bool is_element;
    struct span key;
};

struct picker {
    const struct payload_selection *selection;
    yyjson_mut_doc *doc;
    struct way_step way[OUTPUT_DEPTH_MAX]; /* to the current value */
    size_t depth;
};

/* Whether the way goes as `step` does at `depth`; so does one that has ended
 * above it. */
static bool
goes_by(const struct picker *picker, size_t depth, bool is_element,
        const struct path_step *step)
{
    if (depth >= picker->depth)
        return true;
    const struct way_step *way = &picker->way[depth];
    if (way->is_element != is_element)
        return false;
    return is_element ? step->index == PATH_INDEX_ALL
                      : span_equal(step->key, way->key);
}

/* How the way relates to a path: the path ends above or here, or below; false:
 * they part before. */
static bool
follows(const struct picker *picker, const struct payload_path *path,
        bool *ret_is_below)
{
    size_t depth = 0;
    for (size_t i = 0; i < path->steps_count; i++) {
        const struct path_step *step = &path->steps[i];
        if (path_step_has_key(step) && !goes_by(picker, depth++, false, step))
            return false;
        if (step->index != PATH_INDEX_NONE &&
            !goes_by(picker, depth++, true, step))
            return false;
    }
    *ret_is_below = depth > picker->depth;
    return true;
}

enum pick { PICK_NOTHING, PICK_PARTS, PICK_WHOLE };

static enum pick
pick_here(const struct picker *picker)
{
    bool is_include = picker->selection->selection == SELECT_INCLUDE;
    enum pick pick = is_include ? PICK_NOTHING : PICK_WHOLE;
    for (size_t i = 0; i < picker->selection->paths_count; i++) {
        bool is_below;
        if (!follows(picker, &picker->selection->paths[i], &is_below))
            continue;
        if (is_below)
            pick = PICK_PARTS;
        else
            return is_include ? PICK_WHOLE : PICK_NOTHING;
    }
    return pick;
}

static yyjson_mut_val *pick_value(struct picker *picker, yyjson_val *value);

/* Of `value`, one step further on: *ret_pick says how much. NULL: nothing, or
 * memory is out, or nesting is deeper than any stored payload. */
static yyjson_mut_val *
pick_step(struct picker *picker, struct way_step step, yyjson_val *value,
          enum pick *ret_pick)
{
    yyjson_mut_val *part = NULL;
    *ret_pick = PICK_WHOLE;
    if (picker->depth == OUTPUT_DEPTH_MAX)
        return NULL;
    picker->way[picker->depth++] = step;
    *ret_pick = pick_here(picker);
    if (*ret_pick == PICK_WHOLE)
        part = yyjson_val_mut_copy(picker->doc, value);
    else if (*ret_pick == PICK_PARTS)
        part = pick_value(picker, value);
    picker->depth--;
    return part;
}

static yyjson_mut_val *
pick_object(struct picker *picker, yyjson_val *object)
{
    yyjson_mut_val *copy = yyjson_mut_obj(picker->doc);
    size_t index, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(object, index, count, key, value)
    {
        enum pick pick;
        struct way_step step = { .key = json_span(key) };
        yyjson_mut_val *part = pick_step(picker, step, value, &pick);
        if (pick == PICK_NOTHING)
            continue;
        yyjson_mut_val *name = yyjson_val_mut_copy(picker->doc, key);
        if (part == NULL || !yyjson_mut_obj_add(copy, name, part))
            return NULL;
    }
    return copy;
}

static yyjson_mut_val *
pick_array(struct picker *picker, yyjson_val *array)
{
    yyjson_mut_val *copy = yyjson_mut_arr(picker->doc);
    size_t index, count;
    yyjson_val *value;
    yyjson_arr_foreach(array, index, count, value)
    {
        enum pick pick;
        struct way_step step = { .is_element = true };
        yyjson_mut_val *part = pick_step(picker, step, value, &pick);
        if (pick == PICK_NOTHING)
            continue;
        if (part == NULL || !yyjson_mut_arr_append(copy, part))
            return NULL;
    }
    return copy;
}

static yyjson_mut_val *
pick_value(struct picker *picker, yyjson_val *value)
{
    if (yyjson_is_obj(value))
        return pick_object(picker, value);
    if (yyjson_is_arr(value))
        return pick_array(picker, value);
    return yyjson_val_mut_copy(picker->doc, value);
}

static enum engine_code
copy_text(struct span text, struct arena *arena, struct span *ret_text,
          struct error *reterr)
{
    char *copy = arena_strndup(arena, text.data, text.size);
    if (copy == NULL)
        return error_memory(reterr);
    *ret_text = (struct span){ copy, text.size };
    return ENGINE_OK;
}

static enum engine_code
pick_text(struct span payload, const struct payload_selection *selection,
          struct arena *arena, struct span *ret_text, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    struct picker picker = { .selection = selection };
    char *text = NULL;
    size_t size = 0;
    /* Without YYJSON_READ_INSITU the input is never written to. */
    union {
        const char *in;
        char *out;
    } data = { .in = payload.data };
    yyjson_doc *doc = yyjson_read_opts(data.out, payload.size, 0, NULL, NULL);
    picker.doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = NULL;
    if (doc != NULL && picker.doc != NULL)
        root = pick_value(&picker, yyjson_doc_get_root(doc));
    if (root != NULL)
        text = yyjson_mut_val_write_opts(root, 0, NULL, &size, NULL);
    code = text == NULL ? error_memory(reterr)
                        : copy_text((struct span){ text, size }, arena,
                                    ret_text, reterr);
    free(text);
    yyjson_mut_doc_free(picker.doc);
    yyjson_doc_free(doc);
    return code;
}

enum engine_code
output_payload(struct span payload, const struct payload_selection *selection,
               struct arena *arena, struct span *ret_text, struct error *reterr)
{
    if (payload.size == 0)
        return copy_text(span_of("{}"), arena, ret_text, reterr);
    if (selection->selection == SELECT_ALL ||
        selection->selection == SELECT_NONE)
        return copy_text(payload, arena, ret_text, reterr);
    return pick_text(payload, selection, arena, ret_text, reterr);
}

/* ---- records ---- */

static bool
is_resolved(const struct output *output, size_t number)
{
    for (size_t i = 0; i < output->numbers_count; i++)
        if (output->numbers[i] == number)
            return true;
    return false;
}

/* Each vector once, however often it is named. */
static enum engine_code
resolve_vectors(struct output *output, struct error *reterr)
{
    const struct vector_selection *selection = &output->selection->vectors;
    const struct segment_reader *reader = output->reader;
    size_t count =
        selection->selection == SELECT_ALL       ? segment_vectors_count(reader)
        : selection->selection == SELECT_INCLUDE ? selection->names_count
                                                 : 0;
    output->numbers =
        arena_calloc(output->arena, count + 1, sizeof(*output->numbers));
    output->names =
        arena_calloc(output->arena, count + 1, sizeof(*output->names));
    if (output->numbers == NULL || output->names == NULL)
        return error_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        size_t number = i;
        if (selection->selection == SELECT_INCLUDE) {
            struct span name = selection->names[i];
            number = segment_vector_number(reader, name);
            if (number == SIZE_MAX)
                return error_set(reterr, ENGINE_EINPUT,
                                 "Not existing vector name error: %.*s",
                                 (int)name.size,
                                 name.data == NULL ? "" : name.data);
        }
        if (is_resolved(output, number) ||
            !segment_vector_is_there(reader, number))
            continue;
        enum engine_code code =
            copy_text(segment_vector_name(reader, number), output->arena,
                      &output->names[output->numbers_count], reterr);
        if (code != ENGINE_OK)
            return code;
        output->numbers[output->numbers_count++] = number;
    }
    return ENGINE_OK;
}

enum engine_code
output_begin(const struct segment_reader *reader,
             const struct output_selection *selection, struct arena *arena,
             struct output **ret_output, struct error *reterr)
{
    struct output *output = arena_calloc(arena, 1, sizeof(*output));
    if (output == NULL)
        return error_memory(reterr);
    output->reader = reader;
    output->selection = selection;
    output->arena = arena;
    enum engine_code code = resolve_vectors(output, reterr);
    if (code == ENGINE_OK)
        *ret_output = output;
    return code;
}

/* One named vector of all records, which have room for it. */
static enum engine_code
add_vectors(const struct output *output, size_t position, const uint32_t *slots,
            size_t count, struct record *records, struct error *reterr)
{
    struct arena *arena = output->arena;
    size_t number = output->numbers[position];
    enum vector_kind kind = segment_vector_kind(output->reader, number);
    size_t dim = segment_vector_dim(output->reader, number);
    const void **rows = arena_calloc(arena, count + 1, sizeof(*rows));
    if (rows == NULL)
        return error_memory(reterr);
    enum engine_code code = segment_vectors(output->reader, number, slots,
                                            count, arena, rows, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < count; i++) {
        if (rows[i] == NULL)
            continue;
        size_t size = vector_row_size(kind, dim, rows[i]);
        void *copy = arena_alloc(arena, size);
        if (copy == NULL)
            return error_memory(reterr);
        memcpy(copy, rows[i], size);
        struct vector_value value = vector_row_value(kind, dim, copy);
        struct record *record = &records[i];
        struct named_vector *place = output->room[i];
        place[record->vectors_count++] =
            (struct named_vector){ .name = output->names[position],
                                   .values = value.values,
                                   .dim = value.dim,
                                   .kind = kind,
                                   .indices = value.indices,
                                   .rows = value.rows };
    }
    return code;
}

static enum engine_code
copy_vectors(struct output *output, const uint32_t *slots, size_t count,
             struct record *records, struct error *reterr)
{
    struct arena *arena = output->arena;
    output->room = arena_calloc(arena, count + 1, sizeof(*output->room));
    if (output->room == NULL)
        return error_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        output->room[i] = arena_calloc(arena, output->numbers_count + 1,
                                       sizeof(*output->room[i]));
        if (output->room[i] == NULL)
            return error_memory(reterr);
        records[i].vectors = output->room[i];
    }
    enum engine_code code = ENGINE_OK;
    for (size_t k = 0; code == ENGINE_OK && k < output->numbers_count; k++)
        code = add_vectors(output, k, slots, count, records, reterr);
    return code;
}

static enum engine_code
make_record(const struct output *output, uint32_t slot, struct span payload,
            struct record *ret_record, struct error *reterr)
{
    struct record record = { .id = segment_id(output->reader, slot),
                             .version = segment_version(output->reader, slot) };
    const struct output_selection *selection = output->selection;
    enum engine_code code = ENGINE_OK;
    record.has_payload = selection->payload.selection != SELECT_NONE;
    record.has_vectors = selection->vectors.selection != SELECT_NONE;
    if (record.has_payload)
        code = output_payload(payload, &selection->payload, output->arena,
                              &record.payload, reterr);
    if (code == ENGINE_OK)
        *ret_record = record;
    return code;
}

enum engine_code
output_records(struct output *output, const uint32_t *slots, size_t count,
               struct record *ret_records, struct error *reterr)
{
    struct span *payloads =
        arena_calloc(output->arena, count + 1, sizeof(*payloads));
    if (payloads == NULL)
        return error_memory(reterr);
    enum engine_code code = ENGINE_OK;
    if (output->selection->payload.selection != SELECT_NONE)
        code = segment_payloads(output->reader, slots, count, output->arena,
                                payloads, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < count; i++)
        code =
            make_record(output, slots[i], payloads[i], &ret_records[i], reterr);
    if (code == ENGINE_OK &&
        output->selection->vectors.selection != SELECT_NONE)
        code = copy_vectors(output, slots, count, ret_records, reterr);
    return code;
}
