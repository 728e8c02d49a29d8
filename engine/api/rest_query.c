/* SPDX-License-Identifier: Apache-2.0
 * The routes of queries: the query form and the old search, recommend and
 * discover, alone and in batches. All of them become search commands. */
#include "engine/api/rest_query.h"

#include "base/budget.h"
#include "engine/api/explain.h"
#include "engine/api/issues.h"
#include "engine/api/rest.h"
#include "engine/api/rest_body.h"
#include "engine/api/rest_record.h"
#include "engine/collection/strict.h"

#include <assert.h>
#include <stdio.h>

/* Searches of one batch request. */
#define BATCH_SEARCHES_MAX 10000

struct searches {
    size_t count;
    struct search_command *items;
};

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
one_parse(struct call *call, query_reader read, const char *where,
          struct error *reterr)
{
    struct searches *searches = NULL;
    struct query_size size = { 0 };
    enum engine_code code = rest_query_body(call, reterr);
    if (code == ENGINE_OK)
        code = searches_alloc(call, 1, &searches, reterr);
    struct query_source source = { call, call->body, where, 0, &size };
    return code != ENGINE_OK ? code
                             : read(&source, &searches->items[0], reterr);
}

static enum engine_code
batch_parse(struct call *call, query_reader read, const char *what,
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
        struct query_size size = { 0 };
        struct query_source source = { call, item, where, 0, &size };
        if (!yyjson_is_obj(item))
            return rest_type_error(item, "searches", "an object", reterr);
        code = read(&source, &searches->items[index], reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}

#define PARSERS(name, read, where)                                             \
    enum engine_code query_##name##_parse(struct call *call,                   \
                                          struct error *reterr)                \
    {                                                                          \
        return one_parse(call, read, where, reterr);                           \
    }                                                                          \
    enum engine_code query_##name##_batch_parse(struct call *call,             \
                                                struct error *reterr)          \
    {                                                                          \
        return batch_parse(call, read, where, reterr);                         \
    }

PARSERS(search, rest_search_read, "search_request")
PARSERS(query, rest_query_read, "internal")
PARSERS(recommend, rest_recommend_read, "recommend_request")
PARSERS(discover, rest_discover_read, "discover_request")

bool
query_is_long(struct call *call)
{
    const struct searches *searches = call->command;
    uint64_t cost_ns = 0;
    for (size_t i = 0; i < searches->count; i++) {
        const struct search_command *command = &searches->items[i];
        if (command->lookup.collection.size > 0)
            return true;
        uint64_t search_ns =
            collection_search_cost_ns(call->collection, command);
        if (search_ns > API_INLINE_COST_NS_MAX)
            return true;
        cost_ns +=
            search_ns + rest_records_cost_ns(call->collection, &command->output,
                                             command->limit + command->offset);
        if (cost_ns > API_INLINE_COST_NS_MAX)
            return true;
    }
    return false;
}

bool
query_is_plain(const struct route *route)
{
    return route->is_long == query_is_long;
}

struct search_command *
query_first(const struct call *call)
{
    struct searches *searches = call->command;
    assert(query_is_plain(call->route));
    return searches->count == 0 ? NULL : &searches->items[0];
}

enum engine_code
query_check_strict(struct call *call, const struct search_command *command,
                   bool is_root, struct error *reterr)
{
    enum engine_code code = collection_check_read(
        call->collection,
        &(struct strict_read){ .has_limit = true,
                               .limit = command->limit,
                               .filter = command->filter,
                               .is_exact = command->params.is_exact,
                               .params = &command->params,
                               .query = command->query,
                               .tokens = is_root },
        reterr);
    for (size_t i = 0; code == ENGINE_OK && i < command->prefetches_count; i++)
        code = query_check_strict(call, &command->prefetches[i], false, reterr);
    return code;
}

/* One search, written; what it took is free again after it. */
static enum engine_code
search_run(struct call *call, struct search_command *command,
           query_writer write, struct error *reterr)
{
    struct records records = { 0 };
    struct arena arena;
    arena_init(&arena, call->request->arena.cap_size);
    arena_bind(&arena, &budget_requests);
    enum engine_code code = query_check_strict(call, command, true, reterr);
    if (code == ENGINE_OK)
        code = rest_lookup_resolve(call, command, reterr);
    if (code == ENGINE_OK)
        code = collection_search(call->collection, command, &arena, &records,
                                 reterr);
    if (code == ENGINE_ENOMEM && arena_over_budget(&arena))
        code =
            error_memory_busy(reterr, atomic_load(&budget_requests.limit_size));
    issues_note(call, command->filter);
    for (size_t i = 0; code == ENGINE_OK && i < records.reports_count; i++)
        explain_keep(call, &records.reports[i]);
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
