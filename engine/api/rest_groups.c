/* SPDX-License-Identifier: Apache-2.0
 * Groups of points: a query, search or recommend body with `group_by`, and
 * `with_lookup`, which shows the point that a group's value is the id of in
 * another collection. */
#include "engine/api/rest_groups.h"

#include "engine/api/issues.h"
#include "engine/api/rest.h"
#include "engine/api/rest_body.h"
#include "engine/api/rest_query.h"
#include "engine/api/rest_record.h"
#include "engine/api/rest_select.h"
#include "engine/collection/registry.h"
#include "engine/collection/strict.h"
#include "engine/filter/path.h"

#include <assert.h>
#include <stdio.h>

#define GROUP_SIZE 3 /* when a query does not say */

struct groups_request {
    struct groups_command command;
    struct search_command search;
    bool has_lookup;
    struct span collection; /* to look up in */
    struct output_selection output;
    size_t factor; /* that prefetches bring more by */
};

/* A name, or {collection, with_payload, with_vectors}. */
static enum engine_code
lookup_read(struct call *call, struct groups_request *request,
            struct error *reterr)
{
    yyjson_val *value = rest_member(call->body, "with_lookup"), *name = value;
    enum engine_code code = ENGINE_OK;
    request->has_lookup = value != NULL;
    request->output.payload.selection = SELECT_ALL;
    if (value == NULL)
        return ENGINE_OK;
    if (yyjson_is_obj(value))
        code = rest_required(NULL, value, "collection", &name, reterr);
    if (code == ENGINE_OK && !yyjson_is_str(name))
        code = rest_type_error(name, "with_lookup", "a collection", reterr);
    if (code != ENGINE_OK)
        return code;
    request->collection = json_span(name);
    return yyjson_is_obj(value)
               ? rest_output_parse(value, SELECT_ALL, &call->request->arena,
                                   &request->output, reterr)
               : ENGINE_OK;
}

static enum engine_code
size_read(struct call *call, const char *where, bool has_default,
          struct groups_command *command, struct error *reterr)
{
    uint64_t size = GROUP_SIZE;
    yyjson_val *value;
    enum engine_code code = ENGINE_OK;
    if (!has_default)
        code = rest_required(call, call->body, "group_size", &value, reterr);
    if (code == ENGINE_OK)
        code = rest_u64(call->body, "group_size", &size, reterr);
    if (code == ENGINE_OK)
        code = rest_at_least_one(where, "group_size", size, reterr);
    if (code != ENGINE_OK)
        return code;
    if (size > GROUPS_SIZE_MAX ||
        command->search->limit > COMMAND_LIMIT_MAX / size)
        return error_set(reterr, ENGINE_EREQUEST,
                         "%zu groups of %llu points are asked for, at most %d "
                         "points in a group and %d in all are allowed",
                         command->search->limit, (unsigned long long)size,
                         GROUPS_SIZE_MAX, COMMAND_LIMIT_MAX);
    command->size = (size_t)size;
    return ENGINE_OK;
}

/* So that prefetches bring enough points for many groups. Recursion:
 * QUERY_DEPTH_MAX. */
static void
widen(struct search_command *command, size_t factor)
{
    for (size_t i = 0; i < command->prefetches_count; i++) {
        struct search_command *prefetch = &command->prefetches[i];
        prefetch->limit = prefetch->limit < COMMAND_LIMIT_MAX / factor
                              ? prefetch->limit * factor
                              : COMMAND_LIMIT_MAX;
        widen(prefetch, factor);
    }
}

static enum engine_code
groups_parse(struct call *call, query_reader read, const char *where,
             bool has_default, struct error *reterr)
{
    struct arena *arena = &call->request->arena;
    struct groups_request *request = arena_calloc(arena, 1, sizeof(*request));
    struct query_size size = { 0 };
    struct query_source source = { call, call->body, where, 0, &size };
    yyjson_val *key;
    if (request == NULL)
        return error_memory(reterr);
    call->command = request;
    request->command.search = &request->search;
    enum engine_code code =
        rest_required(call, call->body, "group_by", &key, reterr);
    if (code == ENGINE_OK && !yyjson_is_str(key))
        code = rest_type_error(key, "group_by", "a payload path", reterr);
    if (code == ENGINE_OK)
        code = path_parse(json_span(key), arena, &request->command.key, reterr);
    if (code == ENGINE_OK)
        code = read(&source, &request->search, reterr);
    if (code == ENGINE_OK)
        code = size_read(call, where, has_default, &request->command, reterr);
    if (code == ENGINE_OK)
        code = lookup_read(call, request, reterr);
    if (code != ENGINE_OK)
        return code;
    request->search.offset = 0;
    uint64_t factor = QUERY_CANDIDATES_MAX / size.candidates;
    if (factor > request->search.limit)
        factor = request->search.limit;
    request->factor = (size_t)factor;
    return ENGINE_OK;
}

enum engine_code
groups_query_parse(struct call *call, struct error *reterr)
{
    return groups_parse(call, rest_query_read, "internal", true, reterr);
}

enum engine_code
groups_search_parse(struct call *call, struct error *reterr)
{
    return groups_parse(call, rest_search_read, "search_group_request", false,
                        reterr);
}

enum engine_code
groups_recommend_parse(struct call *call, struct error *reterr)
{
    return groups_parse(call, rest_recommend_read, "recommend_group_request",
                        false, reterr);
}

/* ---- run ---- */

/* False: no id has this form. */
static bool
id_of_key(const struct group_key *key, struct point_id *ret_id)
{
    if (key->is_string)
        return point_id_from_path(key->string, ret_id, NULL) == ENGINE_OK;
    *ret_id = (struct point_id){ .number = key->number };
    return !key->is_negative;
}

static enum engine_code
look_up(struct call *call, const struct groups_request *request,
        struct collection *collection, struct groups *groups,
        struct error *reterr)
{
    struct arena *arena = &call->request->arena;
    struct point_id *ids = arena_calloc(arena, groups->count + 1, sizeof(*ids));
    struct group **of_ids =
        arena_calloc(arena, groups->count + 1, sizeof(struct group *));
    struct records records = { 0 };
    size_t count = 0, found = 0;
    if (ids == NULL || of_ids == NULL)
        return error_memory(reterr);
    for (size_t i = 0; i < groups->count; i++) {
        of_ids[count] = &groups->items[i];
        count += id_of_key(&groups->items[i].key, &ids[count]);
    }
    struct retrieve_command retrieve = { .ids = ids,
                                         .ids_count = count,
                                         .output = request->output };
    enum engine_code code =
        collection_retrieve(collection, &retrieve, arena, &records, reterr);
    /* In the order asked; what is missing is left out. */
    for (size_t i = 0; code == ENGINE_OK && i < count; i++)
        if (found < records.count &&
            point_id_compare(&records.items[found].id, &ids[i]) == 0)
            of_ids[i]->lookup = &records.items[found++];
    return code;
}

enum engine_code
groups_find(struct call *call, struct groups *ret_groups, struct error *reterr)
{
    struct groups_request *request = call->command;
    struct collection *other = NULL;
    enum engine_code code =
        query_check_strict(call, &request->search, true, reterr);
    if (code == ENGINE_OK)
        code = collection_check_group_key(call->collection,
                                          request->command.key.text, reterr);
    if (code == ENGINE_OK)
        code = rest_lookup_resolve(call, &request->search, reterr);
    if (code == ENGINE_OK && request->has_lookup)
        code = rest_lookup_acquire(call, request->collection, &other, reterr);
    if (code != ENGINE_OK)
        return code;
    /* The run changes it. */
    const struct filter *filter = request->search.filter;
    /* Strict mode looks at what was asked for. */
    widen(&request->search, request->factor);
    code = collection_groups(call->collection, &request->command,
                             &call->request->arena, ret_groups, reterr);
    issues_note(call, filter);
    if (code == ENGINE_OK && other != NULL)
        code = look_up(call, request, other, ret_groups, reterr);
    if (other != NULL)
        registry_release(call->api->options.registry, other);
    return code;
}

static void
write_group(struct json_writer *writer, const struct group *group)
{
    json_object_begin(writer);
    json_key(writer, "hits");
    rest_scored_list(writer, &(struct records){ .items = group->hits,
                                                .count = group->hits_count });
    json_key(writer, "id");
    if (group->key.is_string)
        json_text_span(writer, group->key.string);
    else if (group->key.is_negative)
        json_i64(writer, (int64_t)group->key.number);
    else
        json_u64(writer, group->key.number);
    if (group->lookup != NULL) {
        json_key(writer, "lookup");
        rest_record_write(writer, group->lookup);
    }
    json_object_end(writer);
}

enum engine_code
groups_run(struct call *call, struct error *reterr)
{
    struct groups groups = { 0 };
    enum engine_code code = groups_find(call, &groups, reterr);
    if (code != ENGINE_OK)
        return code;
    json_object_begin(&call->writer);
    json_key(&call->writer, "groups");
    json_array_begin(&call->writer);
    for (size_t i = 0; i < groups.count; i++)
        write_group(&call->writer, &groups.items[i]);
    json_array_end(&call->writer);
    json_object_end(&call->writer);
    return ENGINE_OK;
}
