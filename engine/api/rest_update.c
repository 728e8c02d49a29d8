/* SPDX-License-Identifier: Apache-2.0
 * Bodies that select points and change them, and the batch of all kinds. Each
 * reader fills one struct update; update_run() applies. */
#include "engine/api/part.h"
#include "engine/api/rest.h"
#include "engine/api/rest_body.h"
#include "engine/api/rest_select.h"
#include "engine/filter/path.h"

#include <assert.h>

/* Operations of one batch request. */
#define BATCH_OPERATIONS_MAX 10000

typedef enum engine_code (*update_reader)(struct call *call, yyjson_val *body,
                                          struct update *ret_update,
                                          struct error *reterr);

static enum engine_code
selector_read(struct call *call, yyjson_val *body, struct update *update,
              struct error *reterr)
{
    static const char *const refused[] = { "shard_key" };
    enum engine_code code = rest_refuse(body, refused, 1, reterr);
    if (code == ENGINE_OK)
        code =
            rest_selector_parse(body, "points_selector", &call->request->arena,
                                &update->selector, reterr);
    if (code == ENGINE_OK)
        code = part_narrow_selector(call, &update->selector, reterr);
    return code;
}

static enum engine_code
delete_read(struct call *call, yyjson_val *body, struct update *ret_update,
            struct error *reterr)
{
    *ret_update = (struct update){ .kind = UPDATE_DELETE };
    return selector_read(call, body, ret_update, reterr);
}

static enum engine_code
clear_payload_read(struct call *call, yyjson_val *body,
                   struct update *ret_update, struct error *reterr)
{
    *ret_update = (struct update){ .kind = UPDATE_CLEAR_PAYLOAD };
    return selector_read(call, body, ret_update, reterr);
}

static enum engine_code
path_read(struct call *call, struct span text, struct payload_path *path,
          struct error *reterr)
{
    return path_parse(text, &call->request->arena, path, reterr);
}

static enum engine_code
payload_with_key(struct call *call, yyjson_val *body, struct update *update,
                 struct error *reterr)
{
    yyjson_val *payload;
    struct span key = { NULL, 0 };
    enum engine_code code =
        rest_required(call, body, "payload", &payload, reterr);
    if (code == ENGINE_OK)
        code = update_payload_read(call, payload, &update->payload, reterr);
    if (code == ENGINE_OK)
        code = rest_string(body, "key", &key, reterr);
    if (code == ENGINE_OK && key.data != NULL) {
        struct payload_path *path =
            arena_calloc(&call->request->arena, 1, sizeof(*path));
        if (path == NULL)
            return error_memory(reterr);
        update->key = path;
        code = path_read(call, key, path, reterr);
    }
    if (code == ENGINE_OK)
        code = selector_read(call, body, update, reterr);
    return code;
}

static enum engine_code
set_payload_read(struct call *call, yyjson_val *body, struct update *ret_update,
                 struct error *reterr)
{
    *ret_update = (struct update){ .kind = UPDATE_SET_PAYLOAD };
    return payload_with_key(call, body, ret_update, reterr);
}

/* With a key, overwriting means setting at that path. */
static enum engine_code
overwrite_payload_read(struct call *call, yyjson_val *body,
                       struct update *ret_update, struct error *reterr)
{
    *ret_update = (struct update){ .kind = UPDATE_OVERWRITE_PAYLOAD };
    enum engine_code code = payload_with_key(call, body, ret_update, reterr);
    if (code == ENGINE_OK && ret_update->key != NULL)
        return error_set(reterr, ENGINE_EUNSUPPORTED,
                         "`key` is not supported yet when overwriting payload");
    return code;
}

/* A list of strings under `name`. */
static enum engine_code
list_read(struct call *call, yyjson_val *body, const char *name,
          yyjson_val **ret_list, struct error *reterr)
{
    enum engine_code code = rest_required(call, body, name, ret_list, reterr);
    if (code != ENGINE_OK)
        return code;
    if (!yyjson_is_arr(*ret_list))
        return rest_type_error(*ret_list, name, "a list of strings", reterr);
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(*ret_list, index, max, item)
    {
        if (!yyjson_is_str(item))
            return rest_type_error(item, name, "a string", reterr);
    }
    return ENGINE_OK;
}

static enum engine_code
delete_payload_read(struct call *call, yyjson_val *body,
                    struct update *ret_update, struct error *reterr)
{
    *ret_update = (struct update){ .kind = UPDATE_DELETE_PAYLOAD };
    yyjson_val *list;
    enum engine_code code = list_read(call, body, "keys", &list, reterr);
    if (code != ENGINE_OK)
        return code;
    size_t count = yyjson_arr_size(list);
    struct payload_path *paths =
        arena_calloc(&call->request->arena, count + 1, sizeof(*paths));
    if (paths == NULL)
        return error_memory(reterr);
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, max, item)
    {
        code = path_read(call, json_span(item), &paths[index], reterr);
        if (code != ENGINE_OK)
            return code;
    }
    ret_update->paths = paths;
    ret_update->paths_count = count;
    return selector_read(call, body, ret_update, reterr);
}

static enum engine_code
delete_vectors_read(struct call *call, yyjson_val *body,
                    struct update *ret_update, struct error *reterr)
{
    *ret_update = (struct update){ .kind = UPDATE_DELETE_VECTORS };
    yyjson_val *list;
    enum engine_code code = list_read(call, body, "vector", &list, reterr);
    if (code != ENGINE_OK)
        return code;
    size_t count = yyjson_arr_size(list);
    if (count == 0)
        return error_set(reterr, ENGINE_EVALID,
                         "[vector: must specify vector names to delete]");
    struct span *names =
        arena_calloc(&call->request->arena, count, sizeof(*names));
    if (names == NULL)
        return error_memory(reterr);
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, max, item) names[index] = json_span(item);
    ret_update->names = names;
    ret_update->names_count = count;
    return selector_read(call, body, ret_update, reterr);
}

static enum engine_code
update_parse(struct call *call, update_reader read, struct error *reterr)
{
    struct update *update =
        arena_calloc(&call->request->arena, 1, sizeof(*update));
    if (update == NULL)
        return error_memory(reterr);
    call->command = update;
    return read(call, call->body, update, reterr);
}

enum engine_code
update_delete_parse(struct call *call, struct error *reterr)
{
    return update_parse(call, delete_read, reterr);
}

enum engine_code
update_set_payload_parse(struct call *call, struct error *reterr)
{
    return update_parse(call, set_payload_read, reterr);
}

enum engine_code
update_overwrite_payload_parse(struct call *call, struct error *reterr)
{
    return update_parse(call, overwrite_payload_read, reterr);
}

enum engine_code
update_delete_payload_parse(struct call *call, struct error *reterr)
{
    return update_parse(call, delete_payload_read, reterr);
}

enum engine_code
update_clear_payload_parse(struct call *call, struct error *reterr)
{
    return update_parse(call, clear_payload_read, reterr);
}

enum engine_code
update_delete_vectors_parse(struct call *call, struct error *reterr)
{
    return update_parse(call, delete_vectors_read, reterr);
}

enum engine_code
update_apply(struct call *call, const struct update *update,
             struct update_result *ret_result, struct error *reterr)
{
    struct update_options options = {
        .wait = call->query.wait,
        .deadline_ms = call_write_deadline_ms(call),
    };
    return collection_update(call->collection, update, &options, ret_result,
                             reterr);
}

static enum engine_code
apply_and_write(struct call *call, const struct update *update,
                struct error *reterr)
{
    static const char *const names[] = {
        [UPDATE_ACKNOWLEDGED] = "acknowledged",
        [UPDATE_COMPLETED] = "completed",
        [UPDATE_WAIT_TIMEOUT] = "wait_timeout",
    };
    struct update_result result = { 0 };
    enum engine_code code = update_apply(call, update, &result, reterr);
    if (code != ENGINE_OK)
        return code;
    assert(result.status <= UPDATE_WAIT_TIMEOUT);
    json_object_begin(&call->writer);
    json_key(&call->writer, "operation_id");
    json_u64(&call->writer, result.operation_id);
    json_key(&call->writer, "status");
    json_text(&call->writer, names[result.status]);
    json_object_end(&call->writer);
    return ENGINE_OK;
}

enum engine_code
update_run(struct call *call, struct error *reterr)
{
    return apply_and_write(call, call->command, reterr);
}

/* Those with `is_part` need no more than a part of the collection. */
static const struct {
    const char *name;
    update_reader read;
    bool is_part;
} operations[] = {
    { "upsert", update_upsert_read, false },
    { "delete", delete_read, true },
    { "set_payload", set_payload_read, false },
    { "overwrite_payload", overwrite_payload_read, false },
    { "delete_payload", delete_payload_read, false },
    { "clear_payload", clear_payload_read, false },
    { "update_vectors", update_vectors_read, false },
    { "delete_vectors", delete_vectors_read, true },
};

static enum engine_code
operation_read(struct call *call, yyjson_val *item, struct update *update,
               struct error *reterr)
{
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        yyjson_val *body = rest_member(item, operations[i].name);
        if (body == NULL)
            continue;
        if (!yyjson_is_obj(body))
            return rest_type_error(body, operations[i].name, "an object",
                                   reterr);
        enum engine_code code =
            operations[i].is_part ? ENGINE_OK : part_refuse(call, reterr);
        return code == ENGINE_OK
                   ? operations[i].read(call, body, update, reterr)
                   : code;
    }
    return error_set(reterr, ENGINE_EFORMAT,
                     "operations: unknown operation, expected one of `upsert`, "
                     "`delete`, `set_payload`, `overwrite_payload`, "
                     "`delete_payload`, `clear_payload`, `update_vectors`, "
                     "`delete_vectors`");
}

enum engine_code
update_batch_parse(struct call *call, struct error *reterr)
{
    yyjson_val *list;
    enum engine_code code =
        rest_required(call, call->body, "operations", &list, reterr);
    if (code != ENGINE_OK)
        return code;
    if (!yyjson_is_arr(list))
        return rest_type_error(list, "operations", "a list", reterr);
    size_t count = yyjson_arr_size(list);
    if (count > BATCH_OPERATIONS_MAX)
        return error_set(reterr, ENGINE_EREQUEST,
                         "%zu operations in one batch, at most %d are allowed",
                         count, BATCH_OPERATIONS_MAX);
    struct update_batch *batch =
        arena_calloc(&call->request->arena, 1,
                     sizeof(*batch) + count * sizeof(struct update));
    if (batch == NULL)
        return error_memory(reterr);
    batch->count = count;
    call->command = batch;
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, max, item)
    {
        code = operation_read(call, item, &batch->updates[index], reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}

/* In order; the first failure ends it, what came before stays. */
enum engine_code
update_batch_run(struct call *call, struct error *reterr)
{
    const struct update_batch *batch = call->command;
    json_array_begin(&call->writer);
    for (size_t i = 0; i < batch->count; i++) {
        enum engine_code code =
            apply_and_write(call, &batch->updates[i], reterr);
        if (code != ENGINE_OK)
            return code;
    }
    json_array_end(&call->writer);
    return ENGINE_OK;
}
