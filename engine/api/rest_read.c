/* SPDX-License-Identifier: Apache-2.0
 * Reading points without a query vector: one, by ids, scroll, count. */
#include "engine/api/issues.h"
#include "engine/api/part.h"
#include "engine/api/rest.h"
#include "engine/api/rest_body.h"
#include "engine/api/rest_query.h"
#include "engine/api/rest_record.h"
#include "engine/api/rest_select.h"

enum engine_code
read_point_parse(struct call *call, struct error *reterr)
{
    struct arena *arena = &call->request->arena;
    struct point_id *id = arena_calloc(arena, 1, sizeof(*id));
    struct retrieve_command *command = arena_calloc(arena, 1, sizeof(*command));
    if (id == NULL || command == NULL)
        return error_memory(reterr);
    *command = (struct retrieve_command){
        .ids = id,
        .ids_count = 1,
        .output = { .payload = { .selection = SELECT_ALL },
                    .vectors = { .selection = SELECT_ALL } },
    };
    call->command = command;
    return point_id_from_path(call->params[1], id, reterr);
}

enum engine_code
read_point(struct call *call, struct error *reterr)
{
    const struct retrieve_command *command = call->command;
    struct records records = { 0 };
    enum engine_code code = collection_retrieve(
        call->collection, command, &call->request->arena, &records, reterr);
    if (code != ENGINE_OK)
        return code;
    if (records.count == 0) {
        char text[POINT_ID_TEXT_SIZE];
        point_id_text(command->ids, text);
        return error_set(reterr, ENGINE_ENOTFOUND,
                         "Point with id %s does not exists!", text);
    }
    rest_record_write(&call->writer, &records.items[0]);
    return ENGINE_OK;
}

enum engine_code
read_retrieve_parse(struct call *call, struct error *reterr)
{
    static const char *const refused[] = { "shard_key" };
    struct arena *arena = &call->request->arena;
    struct retrieve_command *command = arena_calloc(arena, 1, sizeof(*command));
    if (command == NULL)
        return error_memory(reterr);
    call->command = command;
    yyjson_val *ids;
    enum engine_code code = rest_refuse(call->body, refused, 1, reterr);
    if (code == ENGINE_OK)
        code = rest_required(call, call->body, "ids", &ids, reterr);
    if (code == ENGINE_OK)
        code = rest_ids_parse(ids, arena, &command->ids, &command->ids_count,
                              reterr);
    if (code == ENGINE_OK)
        code = rest_output_parse(call->body, SELECT_NONE, arena,
                                 &command->output, reterr);
    return code;
}

bool
read_retrieve_is_long(struct call *call)
{
    const struct retrieve_command *command = call->command;
    return rest_records_cost_ns(call->collection, &command->output,
                                command->ids_count) > API_INLINE_COST_NS_MAX;
}

static void
write_records(struct call *call, const struct records *records)
{
    json_array_begin(&call->writer);
    for (size_t i = 0; i < records->count; i++)
        rest_record_write(&call->writer, &records->items[i]);
    json_array_end(&call->writer);
}

enum engine_code
read_retrieve(struct call *call, struct error *reterr)
{
    struct records records = { 0 };
    enum engine_code code =
        collection_retrieve(call->collection, call->command,
                            &call->request->arena, &records, reterr);
    if (code == ENGINE_OK)
        write_records(call, &records);
    return code;
}

static enum engine_code
scroll_offset(struct call *call, struct scroll_command *command,
              struct error *reterr)
{
    yyjson_val *offset = rest_member(call->body, "offset");
    if (offset == NULL)
        return ENGINE_OK;
    struct point_id *id = arena_calloc(&call->request->arena, 1, sizeof(*id));
    if (id == NULL)
        return error_memory(reterr);
    command->offset = id;
    return point_id_from_json(offset, id, reterr);
}

static enum engine_code
scroll_order(struct call *call, struct scroll_command *command,
             struct error *reterr)
{
    struct arena *arena = &call->request->arena;
    yyjson_val *value = rest_member(call->body, "order_by");
    if (value == NULL)
        return ENGINE_OK;
    if (command->offset != NULL)
        return error_set(reterr, ENGINE_EREQUEST,
                         "Cannot use an `offset` when using `order_by`. The "
                         "alternative for paging is to use "
                         "`order_by.start_from` and a filter to exclude the "
                         "IDs that you've already seen for the "
                         "`order_by.start_from` value");
    struct query_order *order = arena_calloc(arena, 1, sizeof(*order));
    if (order == NULL)
        return error_memory(reterr);
    command->order = order;
    return rest_order_parse(value, arena, order, reterr);
}

enum engine_code
read_scroll_parse(struct call *call, struct error *reterr)
{
    static const char *const refused[] = { "shard_key" };
    struct arena *arena = &call->request->arena;
    struct scroll_command *command = arena_calloc(arena, 1, sizeof(*command));
    if (command == NULL)
        return error_memory(reterr);
    call->command = command;
    uint64_t limit = 10;
    enum engine_code code = rest_refuse(call->body, refused, 1, reterr);
    if (code == ENGINE_OK)
        code = rest_u64(call->body, "limit", &limit, reterr);
    if (code == ENGINE_OK)
        code = rest_at_least_one("scroll_request", "limit", limit, reterr);
    if (code == ENGINE_OK)
        code = scroll_offset(call, command, reterr);
    if (code == ENGINE_OK)
        code = scroll_order(call, command, reterr);
    if (code == ENGINE_OK)
        code = part_filter_read(call, call->body, "scroll_request",
                                &command->filter, reterr);
    if (code == ENGINE_OK)
        code = rest_output_parse(call->body, SELECT_ALL, arena,
                                 &command->output, reterr);
    command->limit = limit > SIZE_MAX / 2 ? SIZE_MAX / 2 : (size_t)limit;
    command->deadline_ms = call_read_deadline_ms(call);
    return code;
}

bool
read_scroll_is_long(struct call *call)
{
    const struct scroll_command *command = call->command;
    return command->filter != NULL || command->order != NULL ||
           rest_records_cost_ns(call->collection, &command->output,
                                command->limit) > API_INLINE_COST_NS_MAX;
}

enum engine_code
read_scroll(struct call *call, struct error *reterr)
{
    struct records records = { 0 };
    enum engine_code code =
        collection_scroll(call->collection, call->command,
                          &call->request->arena, &records, reterr);
    issues_note(call, ((const struct scroll_command *)call->command)->filter);
    if (code != ENGINE_OK)
        return code;
    json_object_begin(&call->writer);
    json_key(&call->writer, "points");
    write_records(call, &records);
    json_key(&call->writer, "next_page_offset");
    if (records.has_next)
        point_id_write(&call->writer, &records.next_id);
    else
        json_null(&call->writer);
    json_object_end(&call->writer);
    return ENGINE_OK;
}

enum engine_code
read_count_parse(struct call *call, struct error *reterr)
{
    static const char *const refused[] = { "shard_key" };
    struct arena *arena = &call->request->arena;
    struct count_command *command = arena_calloc(arena, 1, sizeof(*command));
    if (command == NULL)
        return error_memory(reterr);
    call->command = command;
    command->is_exact = true;
    command->deadline_ms = call_read_deadline_ms(call);
    enum engine_code code = rest_refuse(call->body, refused, 1, reterr);
    if (code == ENGINE_OK)
        code = rest_bool(call->body, "exact", &command->is_exact, reterr);
    if (code == ENGINE_OK)
        code = part_filter_read(call, call->body, "count_request",
                                &command->filter, reterr);
    /* An estimate may count points of others. */
    command->is_exact = command->is_exact || call->part != NULL;
    return code;
}

bool
read_count_is_long(struct call *call)
{
    const struct count_command *command = call->command;
    return command->filter != NULL;
}

enum engine_code
read_count(struct call *call, struct error *reterr)
{
    uint64_t count = 0;
    enum engine_code code =
        collection_count(call->collection, call->command, &count, reterr);
    issues_note(call, ((const struct count_command *)call->command)->filter);
    if (code != ENGINE_OK)
        return code;
    json_object_begin(&call->writer);
    json_key(&call->writer, "count");
    json_u64(&call->writer, count);
    json_object_end(&call->writer);
    return ENGINE_OK;
}
