/* SPDX-License-Identifier: Apache-2.0
 * Bodies that carry points: upsert in both forms (records, batch) and update
 * vectors. Vectors go straight into arena floats, payloads into compact
 * text. */
#include "engine/api/rest.h"
#include "engine/api/rest_body.h"
#include "engine/api/rest_filter.h"
#include "engine/api/rest_points.h"
#include "engine/api/rest_vector.h"
#include "engine/codec/json_unique.h"

#include <string.h>

enum engine_code
update_payload_read(struct call *call, yyjson_val *payload,
                    struct span *ret_text, struct error *reterr)
{
    if (!yyjson_is_obj(payload))
        return rest_type_error(payload, "payload", "an object", reterr);
    struct bytes text;
    bytes_init(&text, COMMAND_PAYLOAD_SIZE_MAX);
    enum engine_code code = json_unique_text(payload, &text, reterr);
    if (code == ENGINE_ENOMEM && bytes_failed(&text))
        code = error_set(reterr, ENGINE_EINPUT,
                         "the payload of a point is larger than %u bytes",
                         COMMAND_PAYLOAD_SIZE_MAX);
    if (code == ENGINE_OK) {
        ret_text->data =
            arena_strndup(&call->request->arena, text.data, text.size);
        ret_text->size = text.size;
        if (ret_text->data == NULL)
            code = error_memory(reterr);
    }
    bytes_release(&text);
    return code;
}

static enum engine_code
point_read(struct call *call, yyjson_val *item, size_t index,
           struct point *point, struct error *reterr)
{
    struct arena *arena = &call->request->arena;
    struct rest_where where = { .prefix = "points", .index = index };
    yyjson_val *id, *vector = rest_member(item, "vector");
    if (!yyjson_is_obj(item))
        return rest_type_error(item, "points", "an object", reterr);
    enum engine_code code = rest_required(NULL, item, "id", &id, reterr);
    if (code == ENGINE_OK)
        code = point_id_from_json(id, &point->id, reterr);
    if (code == ENGINE_OK && vector == NULL)
        vector = rest_member(item, "vectors");
    if (code == ENGINE_OK && vector == NULL)
        code = rest_required(NULL, item, "vector", &vector, reterr);
    if (code == ENGINE_OK)
        code = rest_vectors_of_point(vector, where, arena, &point->vectors,
                                     &point->vectors_count, reterr);
    yyjson_val *payload = rest_member(item, "payload");
    if (code == ENGINE_OK && payload != NULL)
        code = update_payload_read(call, payload, &point->payload, reterr);
    return code;
}

static enum engine_code
points_alloc(struct call *call, size_t count, struct point **ret_points,
             struct error *reterr)
{
    if (count == 0)
        return error_set(reterr, ENGINE_EREQUEST, "Empty update request");
    if (count > COMMAND_POINTS_MAX)
        return error_set(reterr, ENGINE_EREQUEST,
                         "%zu points in one request, at most %d are allowed",
                         count, COMMAND_POINTS_MAX);
    *ret_points =
        arena_calloc(&call->request->arena, count, sizeof(**ret_points));
    return *ret_points == NULL ? error_memory(reterr) : ENGINE_OK;
}

static enum engine_code
records_read(struct call *call, yyjson_val *list, struct update *update,
             struct error *reterr)
{
    struct point *points = NULL;
    if (!yyjson_is_arr(list))
        return rest_type_error(list, "points", "a list", reterr);
    size_t count = yyjson_arr_size(list);
    enum engine_code code = points_alloc(call, count, &points, reterr);
    if (code != ENGINE_OK)
        return code;
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, max, item)
    {
        code = point_read(call, item, index, &points[index], reterr);
        if (code != ENGINE_OK)
            return code;
    }
    update->points = points;
    update->points_count = count;
    return ENGINE_OK;
}

static enum engine_code
lengths_differ(const char *what, size_t have, size_t count,
               struct error *reterr)
{
    return error_set(reterr, ENGINE_EVALID,
                     "[batch: Validation error: number of ids and %s must be "
                     "equal (%zu != %zu) [{}]]",
                     what, count, have);
}

/* `vectors` as {name: [vector, ...]}: one column for each name. */
static enum engine_code
columns_read(struct call *call, yyjson_val *columns, struct point *points,
             size_t count, struct error *reterr)
{
    struct arena *arena = &call->request->arena;
    size_t names = yyjson_obj_size(columns);
    if (names > CONFIG_VECTORS_MAX)
        return error_set(reterr, ENGINE_EINPUT,
                         "%zu vector names, at most %d are allowed", names,
                         CONFIG_VECTORS_MAX);
    struct named_vector *vectors =
        arena_calloc(arena, count * (names + 1), sizeof(*vectors));
    if (vectors == NULL)
        return error_memory(reterr);
    size_t column, columns_max, row, rows_max;
    yyjson_val *name, *list, *item;
    yyjson_obj_foreach(columns, column, columns_max, name, list)
    {
        if (!yyjson_is_arr(list))
            return rest_type_error(list, "vectors", "lists of vectors", reterr);
        if (yyjson_arr_size(list) != count)
            return lengths_differ("vectors", yyjson_arr_size(list), count,
                                  reterr);
        yyjson_arr_foreach(list, row, rows_max, item)
        {
            struct named_vector *vector = &vectors[row * names + column];
            vector->name = json_span(name);
            enum engine_code code = rest_vector_parse(
                item, (struct rest_where){ "batch.vectors", row, true }, arena,
                vector, reterr);
            if (code != ENGINE_OK)
                return code;
        }
    }
    for (size_t i = 0; i < count; i++) {
        points[i].vectors = vectors + i * names;
        points[i].vectors_count = names;
    }
    return ENGINE_OK;
}

/* `vectors` as [vector, ...]: the unnamed vector of each point. */
static enum engine_code
rows_read(struct call *call, yyjson_val *list, struct point *points,
          size_t count, struct error *reterr)
{
    if (!yyjson_is_arr(list))
        return rest_type_error(list, "vectors", "a list or an object", reterr);
    if (yyjson_arr_size(list) != count)
        return lengths_differ("vectors", yyjson_arr_size(list), count, reterr);
    size_t row, rows_max;
    yyjson_val *item;
    yyjson_arr_foreach(list, row, rows_max, item)
    {
        enum engine_code code = rest_vectors_of_point(
            item, (struct rest_where){ "batch.vectors", row, false },
            &call->request->arena, &points[row].vectors,
            &points[row].vectors_count, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}

static enum engine_code
payloads_read(struct call *call, yyjson_val *list, struct point *points,
              size_t count, struct error *reterr)
{
    if (!yyjson_is_arr(list))
        return rest_type_error(list, "payloads", "a list", reterr);
    if (yyjson_arr_size(list) != count)
        return lengths_differ("payloads", yyjson_arr_size(list), count, reterr);
    size_t row, rows_max;
    yyjson_val *item;
    yyjson_arr_foreach(list, row, rows_max, item)
    {
        if (yyjson_is_null(item))
            continue;
        enum engine_code code =
            update_payload_read(call, item, &points[row].payload, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}

static enum engine_code
batch_read(struct call *call, yyjson_val *batch, struct update *update,
           struct error *reterr)
{
    yyjson_val *ids, *vectors;
    if (!yyjson_is_obj(batch))
        return rest_type_error(batch, "batch", "an object", reterr);
    enum engine_code code = rest_required(NULL, batch, "ids", &ids, reterr);
    if (code == ENGINE_OK)
        code = rest_required(NULL, batch, "vectors", &vectors, reterr);
    if (code != ENGINE_OK)
        return code;
    if (!yyjson_is_arr(ids))
        return rest_type_error(ids, "ids", "a list", reterr);
    size_t count = yyjson_arr_size(ids);
    struct point *points = NULL;
    code = points_alloc(call, count, &points, reterr);
    size_t index, max;
    yyjson_val *id;
    if (code != ENGINE_OK)
        return code;
    yyjson_arr_foreach(ids, index, max, id)
    {
        code = point_id_from_json(id, &points[index].id, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    code = yyjson_is_obj(vectors)
               ? columns_read(call, vectors, points, count, reterr)
               : rows_read(call, vectors, points, count, reterr);
    yyjson_val *payloads = rest_member(batch, "payloads");
    if (code == ENGINE_OK && payloads != NULL)
        code = payloads_read(call, payloads, points, count, reterr);
    update->points = points;
    update->points_count = count;
    return code;
}

static enum engine_code
mode_read(yyjson_val *body, struct update *update, struct error *reterr)
{
    static const char *const names[] = { [UPDATE_ANY] = "upsert",
                                         [UPDATE_NEW_ONLY] = "insert_only",
                                         [UPDATE_THERE_ONLY] = "update_only" };
    struct span mode = { "upsert", 6 };
    enum engine_code code = rest_string(body, "update_mode", &mode, reterr);
    if (code != ENGINE_OK)
        return code;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (span_equal_text(mode, names[i])) {
            update->mode = (enum update_mode)i;
            return ENGINE_OK;
        }
    }
    return error_set(reterr, ENGINE_EFORMAT,
                     "update_mode: unknown variant `%.*s`, expected one of "
                     "`upsert`, `insert_only`, `update_only`",
                     (int)(mode.size < 64 ? mode.size : 64), mode.data);
}

/* What an update of points has beside its points. */
static enum engine_code
condition_read(struct call *call, yyjson_val *body, struct update *update,
               struct error *reterr)
{
    static const char *const refused[] = { "shard_key" };
    enum engine_code code = rest_refuse(body, refused, 1, reterr);
    if (code == ENGINE_OK)
        code = rest_filter_parse(rest_member(body, "update_filter"),
                                 "update_filter", &call->request->arena,
                                 &update->condition, reterr);
    return code;
}

enum engine_code
update_upsert_read(struct call *call, yyjson_val *body,
                   struct update *ret_update, struct error *reterr)
{
    *ret_update = (struct update){ .kind = UPDATE_UPSERT };
    enum engine_code code = mode_read(body, ret_update, reterr);
    if (code == ENGINE_OK)
        code = condition_read(call, body, ret_update, reterr);
    if (code != ENGINE_OK)
        return code;
    yyjson_val *points = rest_member(body, "points");
    yyjson_val *batch = rest_member(body, "batch");
    if (points != NULL)
        return records_read(call, points, ret_update, reterr);
    if (batch != NULL)
        return batch_read(call, batch, ret_update, reterr);
    return error_set(reterr, ENGINE_EFORMAT,
                     "Invalid PointInsertOperations format");
}

enum engine_code
update_vectors_read(struct call *call, yyjson_val *body,
                    struct update *ret_update, struct error *reterr)
{
    yyjson_val *points;
    *ret_update = (struct update){ .kind = UPDATE_VECTORS };
    enum engine_code code = condition_read(call, body, ret_update, reterr);
    if (code == ENGINE_OK)
        code = rest_required(call, body, "points", &points, reterr);
    if (code == ENGINE_OK && yyjson_is_arr(points) &&
        yyjson_arr_size(points) == 0)
        code = error_set(reterr, ENGINE_EVALID,
                         "[points: must specify at least one point]");
    if (code == ENGINE_OK)
        code = records_read(call, points, ret_update, reterr);
    return code;
}

/* Straight from the body's bytes if that is possible, else by a document. */
static enum engine_code
upsert_like_parse(struct call *call, enum update_kind kind,
                  struct error *reterr)
{
    struct span body = call->request->body;
    struct update *update =
        arena_calloc(&call->request->arena, 1, sizeof(*update));
    if (update == NULL)
        return error_memory(reterr);
    call->command = update;
    if (call->body == NULL) {
        if (rest_points_scan(body, kind, &call->scanned, update))
            return ENGINE_OK;
        arena_release(&call->scanned);
        enum engine_code code = call_read_body(call, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return kind == UPDATE_UPSERT
               ? update_upsert_read(call, call->body, update, reterr)
               : update_vectors_read(call, call->body, update, reterr);
}

enum engine_code
update_upsert_parse(struct call *call, struct error *reterr)
{
    return upsert_like_parse(call, UPDATE_UPSERT, reterr);
}

enum engine_code
update_vectors_parse(struct call *call, struct error *reterr)
{
    return upsert_like_parse(call, UPDATE_VECTORS, reterr);
}
