/* SPDX-License-Identifier: Apache-2.0
 * Nearest-neighbour requests: the old search form and the query form, alone
 * and in batches. Both become search commands; query kinds that are not there
 * yet are refused by name, never ignored. */
#include "base/budget.h"
#include "engine/api/explain.h"
#include "engine/api/rest.h"
#include "engine/api/rest_body.h"
#include "engine/api/rest_filter.h"
#include "engine/api/rest_params.h"
#include "engine/api/rest_record.h"
#include "engine/api/rest_select.h"
#include "engine/api/rest_vector.h"
#include "engine/collection/strict.h"

#include <math.h>
#include <stdio.h>

/* Searches of one batch request. */
#define BATCH_SEARCHES_MAX 10000

struct searches {
    size_t count;
    struct search_command *items;
};

/* One search of a request: its body, and where it stands for 422 texts. */
struct search_source {
    struct call *call;
    yyjson_val *body;
    const char *where;
};

typedef enum engine_code (*search_reader)(const struct search_source *source,
                                          struct search_command *command,
                                          struct error *reterr);

static enum engine_code
limits_read(const struct search_source *source, uint64_t limit,
            struct search_command *command, struct error *reterr)
{
    uint64_t offset = 0;
    enum engine_code code =
        rest_at_least_one(source->where, "limit", limit, reterr);
    if (code == ENGINE_OK)
        code = rest_u64(source->body, "offset", &offset, reterr);
    if (code != ENGINE_OK)
        return code;
    if (limit > COMMAND_LIMIT_MAX || offset > COMMAND_LIMIT_MAX - limit)
        return error_set(reterr, ENGINE_EREQUEST,
                         "limit and offset together are %llu, at most %d are "
                         "allowed: use scroll to read many points",
                         (unsigned long long)(limit > UINT64_MAX - offset
                                                  ? UINT64_MAX
                                                  : limit + offset),
                         COMMAND_LIMIT_MAX);
    command->limit = (size_t)limit;
    command->offset = (size_t)offset;
    return ENGINE_OK;
}

static enum engine_code
threshold_read(const struct search_source *source,
               struct search_command *command, struct error *reterr)
{
    yyjson_val *value = rest_member(source->body, "score_threshold");
    if (value == NULL)
        return ENGINE_OK;
    if (!yyjson_is_num(value) || !isfinite((float)yyjson_get_num(value)))
        return rest_type_error(value, "score_threshold", "f32", reterr);
    command->has_score_threshold = true;
    command->score_threshold = (float)yyjson_get_num(value);
    return ENGINE_OK;
}

/* What search and query share. `limit` is given when there is a default. */
static enum engine_code
common_read(const struct search_source *source, uint64_t limit,
            struct search_command *command, struct error *reterr)
{
    struct arena *arena = &source->call->request->arena;
    char where[128];
    snprintf(where, sizeof(where), "%s.filter", source->where);
    command->deadline_ms = call_read_deadline_ms(source->call);
    enum engine_code code = limits_read(source, limit, command, reterr);
    if (code == ENGINE_OK)
        code =
            rest_params_parse(rest_member(source->body, "params"),
                              source->where, arena, &command->params, reterr);
    if (code == ENGINE_OK)
        code = threshold_read(source, command, reterr);
    if (code == ENGINE_OK)
        code = rest_filter_parse(rest_member(source->body, "filter"), where,
                                 arena, &command->filter, reterr);
    if (code == ENGINE_OK)
        code = rest_output_parse(source->body, SELECT_NONE, arena,
                                 &command->output, reterr);
    return code;
}

static enum engine_code
vector_read(const struct search_source *source, yyjson_val *value,
            struct search_command *command, struct error *reterr)
{
    char where[128];
    snprintf(where, sizeof(where), "%s.%s", source->where, "vector");
    struct named_vector vector = { 0 };
    enum engine_code code = rest_vector_parse(
        value, (struct rest_where){ where, REST_NO_INDEX, false },
        &source->call->request->arena, &vector, reterr);
    command->vector = vector.values;
    command->dim = vector.dim;
    command->kind = vector.kind;
    command->indices = vector.indices;
    command->rows = vector.rows;
    return code;
}

/* [f], {name, vector: [f]}. */
static enum engine_code
search_read(const struct search_source *source, struct search_command *command,
            struct error *reterr)
{
    static const char *const refused[] = { "shard_key" };
    yyjson_val *vector, *limit_value;
    uint64_t limit = 0;
    enum engine_code code = rest_refuse(source->body, refused, 1, reterr);
    if (code == ENGINE_OK)
        code = rest_required(source->call, source->body, "vector", &vector,
                             reterr);
    if (code != ENGINE_OK)
        return code;
    command->using = (struct span){ "", 0 };
    if (yyjson_is_obj(vector) && rest_member(vector, "name") != NULL) {
        code = rest_string(vector, "name", &command->using, reterr);
        if (code == ENGINE_OK)
            code = rest_required(NULL, vector, "vector", &vector, reterr);
    }
    if (code == ENGINE_OK)
        code = vector_read(source, vector, command, reterr);
    const char *name =
        rest_member(source->body, "limit") != NULL ? "limit" : "top";
    if (code == ENGINE_OK && rest_member(source->body, name) == NULL)
        code = rest_required(source->call, source->body, "limit", &limit_value,
                             reterr);
    if (code == ENGINE_OK)
        code = rest_u64(source->body, name, &limit, reterr);
    if (code == ENGINE_OK)
        code = common_read(source, limit, command, reterr);
    return code;
}

static enum engine_code
id_read(const struct search_source *source, yyjson_val *value,
        struct search_command *command, struct error *reterr)
{
    struct point_id *id =
        arena_calloc(&source->call->request->arena, 1, sizeof(*id));
    if (id == NULL)
        return error_memory(reterr);
    command->by_id = id;
    return point_id_from_json(value, id, reterr);
}

static enum engine_code
unknown_query(struct error *reterr)
{
    return error_set(reterr, ENGINE_EFORMAT,
                     "Expected some form of vector, id, or a type of query");
}

/* The query of a `query` request: vector, id, or {nearest: vector or id}. */
static enum engine_code
query_value_read(const struct search_source *source, yyjson_val *value,
                 struct search_command *command, struct error *reterr)
{
    static const char *const kinds[] = {
        "mmr",    "recommend", "discover", "context", "order_by",
        "fusion", "rrf",       "formula",  "sample",  "relevance_feedback"
    };
    if (yyjson_is_obj(value)) {
        enum engine_code code =
            rest_refuse(value, kinds, sizeof(kinds) / sizeof(kinds[0]), reterr);
        if (code != ENGINE_OK)
            return code;
        if (rest_member(value, "nearest") != NULL)
            value = rest_member(value, "nearest");
    }
    if (yyjson_is_arr(value) || rest_vector_is_object(value))
        return vector_read(source, value, command, reterr);
    if (yyjson_is_uint(value) || yyjson_is_str(value))
        return id_read(source, value, command, reterr);
    return unknown_query(reterr);
}

static bool
is_empty_list(yyjson_val *value)
{
    return yyjson_is_arr(value) && yyjson_arr_size(value) == 0;
}

static enum engine_code
query_read(const struct search_source *source, struct search_command *command,
           struct error *reterr)
{
    static const char *const refused[] = { "shard_key", "lookup_from" };
    uint64_t limit = 10;
    yyjson_val *query = rest_member(source->body, "query");
    yyjson_val *prefetch = rest_member(source->body, "prefetch");
    enum engine_code code = rest_refuse(source->body, refused, 2, reterr);
    if (code == ENGINE_OK && prefetch != NULL && !is_empty_list(prefetch))
        code = error_set(reterr, ENGINE_EUNSUPPORTED,
                         "`prefetch` is not supported yet");
    command->using = (struct span){ "", 0 };
    if (code == ENGINE_OK)
        code = rest_string(source->body, "using", &command->using, reterr);
    if (code == ENGINE_OK && query != NULL)
        code = query_value_read(source, query, command, reterr);
    if (code == ENGINE_OK)
        code = rest_u64(source->body, "limit", &limit, reterr);
    if (code == ENGINE_OK)
        code = common_read(source, limit, command, reterr);
    if (code == ENGINE_OK && query == NULL && command->has_score_threshold)
        code = error_set(reterr, ENGINE_EREQUEST,
                         "A query is needed to use the score_threshold. "
                         "Missing `query`");
    return code;
}

static enum engine_code
searches_alloc(struct call *call, size_t count, struct searches **ret_searches,
               struct error *reterr)
{
    struct arena *arena = &call->request->arena;
    struct searches *searches = arena_calloc(arena, 1, sizeof(*searches));
    if (searches == NULL)
        return error_memory(reterr);
    searches->count = count;
    searches->items = arena_calloc(arena, count + 1, sizeof(*searches->items));
    if (searches->items == NULL)
        return error_memory(reterr);
    call->command = searches;
    *ret_searches = searches;
    return ENGINE_OK;
}

static enum engine_code
one_parse(struct call *call, search_reader read, const char *where,
          struct error *reterr)
{
    struct searches *searches = NULL;
    struct search_source source = { call, call->body, where };
    enum engine_code code = searches_alloc(call, 1, &searches, reterr);
    return code != ENGINE_OK ? code
                             : read(&source, &searches->items[0], reterr);
}

static enum engine_code
batch_parse(struct call *call, search_reader read, const char *what,
            struct error *reterr)
{
    yyjson_val *list;
    enum engine_code code =
        rest_required(call, call->body, "searches", &list, reterr);
    if (code != ENGINE_OK)
        return code;
    if (!yyjson_is_arr(list))
        return rest_type_error(list, "searches", "a list", reterr);
    size_t count = yyjson_arr_size(list);
    if (count > BATCH_SEARCHES_MAX)
        return error_set(reterr, ENGINE_EREQUEST,
                         "%zu searches in one batch, at most %d are allowed",
                         count, BATCH_SEARCHES_MAX);
    struct searches *searches = NULL;
    code = searches_alloc(call, count, &searches, reterr);
    if (code != ENGINE_OK)
        return code;
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, max, item)
    {
        char where[64];
        snprintf(where, sizeof(where), "searches[%zu].%s", index, what);
        struct search_source source = { call, item, where };
        if (!yyjson_is_obj(item))
            return rest_type_error(item, "searches", "an object", reterr);
        code = read(&source, &searches->items[index], reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}

enum engine_code
query_search_parse(struct call *call, struct error *reterr)
{
    return one_parse(call, search_read, "search_request", reterr);
}

enum engine_code
query_search_batch_parse(struct call *call, struct error *reterr)
{
    return batch_parse(call, search_read, "search_request", reterr);
}

enum engine_code
query_query_parse(struct call *call, struct error *reterr)
{
    return one_parse(call, query_read, "internal", reterr);
}

enum engine_code
query_query_batch_parse(struct call *call, struct error *reterr)
{
    return batch_parse(call, query_read, "internal", reterr);
}

bool
query_is_long(struct call *call)
{
    const struct searches *searches = call->command;
    uint64_t cost_ns = 0;
    for (size_t i = 0; i < searches->count; i++) {
        const struct search_command *command = &searches->items[i];
        cost_ns += collection_search_cost_ns(call->collection, command) +
                   rest_records_cost_ns(call->collection, &command->output,
                                        command->limit + command->offset);
        if (cost_ns > API_INLINE_COST_NS_MAX)
            return true;
    }
    return false;
}

/* One search, written; what it took is free again after it. */
static enum engine_code
search_run(struct call *call, const struct search_command *command,
           query_writer write, struct error *reterr)
{
    struct records records = { 0 };
    struct arena arena;
    arena_init(&arena, call->request->arena.cap_size);
    arena_bind(&arena, &budget_requests);
    enum engine_code code = collection_check_read(
        call->collection,
        &(struct strict_read){ .has_limit = true,
                               .limit = command->limit,
                               .filter = command->filter,
                               .is_exact = command->params.is_exact,
                               .params = &command->params,
                               .tokens = 1 },
        reterr);
    if (code == ENGINE_OK)
        code = collection_search(call->collection, command, &arena, &records,
                                 reterr);
    if (code == ENGINE_ENOMEM && arena_over_budget(&arena))
        code =
            error_memory_busy(reterr, atomic_load(&budget_requests.limit_size));
    if (code == ENGINE_OK && records.has_report)
        explain_keep(call, &records.report);
    if (code == ENGINE_OK)
        code = write(call, &records, reterr);
    arena_release(&arena);
    return code;
}

enum engine_code
query_each(struct call *call, query_writer write, struct error *reterr)
{
    const struct searches *searches = call->command;
    enum engine_code code = ENGINE_OK;
    if (searches->count > 1)
        code =
            collection_check_batch(call->collection, searches->count, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < searches->count; i++)
        code = search_run(call, &searches->items[i], write, reterr);
    return code;
}

static enum engine_code
write_list(struct call *call, const struct records *records,
           struct error *reterr)
{
    (void)reterr;
    rest_scored_list(&call->writer, records);
    return ENGINE_OK;
}

/* {points: list} */
static enum engine_code
write_points(struct call *call, const struct records *records,
             struct error *reterr)
{
    json_object_begin(&call->writer);
    json_key(&call->writer, "points");
    enum engine_code code = write_list(call, records, reterr);
    json_object_end(&call->writer);
    return code;
}

enum engine_code
query_search_run(struct call *call, struct error *reterr)
{
    return query_each(call, write_list, reterr);
}

enum engine_code
query_search_batch_run(struct call *call, struct error *reterr)
{
    json_array_begin(&call->writer);
    enum engine_code code = query_each(call, write_list, reterr);
    json_array_end(&call->writer);
    return code;
}

enum engine_code
query_query_run(struct call *call, struct error *reterr)
{
    return query_each(call, write_points, reterr);
}

enum engine_code
query_query_batch_run(struct call *call, struct error *reterr)
{
    json_array_begin(&call->writer);
    enum engine_code code = query_each(call, write_points, reterr);
    json_array_end(&call->writer);
    return code;
}
