/* SPDX-License-Identifier: Apache-2.0
 * Counts by value, and distances between points of a sample. */
#include "engine/api/part.h"
#include "engine/api/rest.h"
#include "engine/api/rest_body.h"
#include "engine/collection/facet.h"
#include "engine/filter/path.h"

static size_t
size_of(uint64_t value)
{
    return value > SIZE_MAX / 2 ? SIZE_MAX / 2 : (size_t)value;
}

static enum engine_code
facet_read(struct call *call, struct facet_command *command,
           struct error *reterr)
{
    static const char *const refused[] = { "shard_key" };
    struct arena *arena = &call->request->arena;
    yyjson_val *key;
    uint64_t limit = 10;
    enum engine_code code = rest_refuse(call->body, refused, 1, reterr);
    if (code == ENGINE_OK)
        code = rest_required(call, call->body, "key", &key, reterr);
    if (code != ENGINE_OK)
        return code;
    if (!yyjson_is_str(key))
        return rest_type_error(key, "key", "a string", reterr);
    code = path_parse(json_span(key), arena, &command->key, reterr);
    if (code == ENGINE_OK)
        code = rest_u64(call->body, "limit", &limit, reterr);
    if (code == ENGINE_OK)
        code = rest_at_least_one("facet_request", "limit", limit, reterr);
    if (code == ENGINE_OK)
        code = rest_bool(call->body, "exact", &command->is_exact, reterr);
    command->limit = size_of(limit);
    command->deadline_ms = call_read_deadline_ms(call);
    if (code == ENGINE_OK)
        code = part_filter_read(call, call->body, "facet_request",
                                &command->filter, reterr);
    return code;
}

enum engine_code
facet_parse(struct call *call, struct error *reterr)
{
    struct facet_command *command =
        arena_calloc(&call->request->arena, 1, sizeof(*command));
    if (command == NULL)
        return error_memory(reterr);
    call->command = command;
    return facet_read(call, command, reterr);
}

static void
value_write(struct json_writer *writer, const struct match_value *value)
{
    switch (value->type) {
    case MATCH_STRING:
        json_text_span(writer, value->string);
        break;
    case MATCH_INTEGER:
        json_i64(writer, value->integer);
        break;
    case MATCH_BOOL:
        json_bool(writer, value->boolean);
        break;
    }
}

enum engine_code
facet_run(struct call *call, struct error *reterr)
{
    const struct facet_hit *hits = NULL;
    size_t count = 0;
    enum engine_code code =
        collection_facet(call->collection, call->command, &call->request->arena,
                         &hits, &count, reterr);
    if (code != ENGINE_OK)
        return code;
    struct json_writer *writer = &call->writer;
    json_object_begin(writer);
    json_key(writer, "hits");
    json_array_begin(writer);
    for (size_t i = 0; i < count; i++) {
        json_object_begin(writer);
        json_key(writer, "value");
        value_write(writer, &hits[i].value);
        json_key(writer, "count");
        json_u64(writer, hits[i].count);
        json_object_end(writer);
    }
    json_array_end(writer);
    json_object_end(writer);
    return ENGINE_OK;
}

/* ---- matrix ---- */

enum engine_code
matrix_parse(struct call *call, struct error *reterr)
{
    static const char *const refused[] = { "shard_key" };
    struct arena *arena = &call->request->arena;
    struct matrix_command *command = arena_calloc(arena, 1, sizeof(*command));
    uint64_t sample = 10, limit = 3;
    if (command == NULL)
        return error_memory(reterr);
    call->command = command;
    enum engine_code code = rest_refuse(call->body, refused, 1, reterr);
    if (code == ENGINE_OK)
        code = rest_u64(call->body, "sample", &sample, reterr);
    if (code == ENGINE_OK)
        code = rest_u64(call->body, "limit", &limit, reterr);
    if (code == ENGINE_OK && sample < 2)
        code = error_set(reterr, ENGINE_EVALID,
                         "[search_matrix_request.sample: value %u invalid, "
                         "must be 2 or larger]",
                         (unsigned)sample);
    if (code == ENGINE_OK)
        code =
            rest_at_least_one("search_matrix_request", "limit", limit, reterr);
    if (code == ENGINE_OK)
        code = rest_string(call->body, "using", &command->using, reterr);
    if (code == ENGINE_OK)
        code = part_filter_read(call, call->body, "search_matrix_request",
                                &command->filter, reterr);
    command->has_sample = rest_member(call->body, "sample") != NULL;
    command->has_limit = rest_member(call->body, "limit") != NULL;
    command->sample = size_of(sample);
    command->limit = size_of(limit);
    command->deadline_ms = call_read_deadline_ms(call);
    return code;
}

enum engine_code
matrix_pairs_run(struct call *call, struct error *reterr)
{
    struct matrix matrix;
    enum engine_code code =
        collection_matrix(call->collection, call->command,
                          &call->request->arena, &matrix, reterr);
    if (code != ENGINE_OK)
        return code;
    struct json_writer *writer = &call->writer;
    json_object_begin(writer);
    json_key(writer, "pairs");
    json_array_begin(writer);
    for (size_t i = 0; i < matrix.pairs_count; i++) {
        const struct matrix_pair *pair = &matrix.pairs[i];
        json_object_begin(writer);
        json_key(writer, "a");
        point_id_write(writer, &matrix.ids[pair->row]);
        json_key(writer, "b");
        point_id_write(writer, &matrix.ids[pair->column]);
        json_key(writer, "score");
        json_f32(writer, pair->score);
        json_object_end(writer);
    }
    json_array_end(writer);
    json_object_end(writer);
    return ENGINE_OK;
}

static void
offsets_write(struct json_writer *writer, const struct matrix *matrix)
{
    json_key(writer, "offsets_row");
    json_array_begin(writer);
    for (size_t i = 0; i < matrix->pairs_count; i++)
        json_u64(writer, matrix->pairs[i].row);
    json_array_end(writer);
    json_key(writer, "offsets_col");
    json_array_begin(writer);
    for (size_t i = 0; i < matrix->pairs_count; i++)
        json_u64(writer, matrix->pairs[i].column);
    json_array_end(writer);
    json_key(writer, "scores");
    json_array_begin(writer);
    for (size_t i = 0; i < matrix->pairs_count; i++)
        json_f32(writer, matrix->pairs[i].score);
    json_array_end(writer);
}

enum engine_code
matrix_offsets_run(struct call *call, struct error *reterr)
{
    struct matrix matrix;
    enum engine_code code =
        collection_matrix(call->collection, call->command,
                          &call->request->arena, &matrix, reterr);
    if (code != ENGINE_OK)
        return code;
    json_object_begin(&call->writer);
    offsets_write(&call->writer, &matrix);
    json_key(&call->writer, "ids");
    json_array_begin(&call->writer);
    for (size_t i = 0; i < matrix.count; i++)
        point_id_write(&call->writer, &matrix.ids[i]);
    json_array_end(&call->writer);
    json_object_end(&call->writer);
    return ENGINE_OK;
}
