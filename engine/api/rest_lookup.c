/* SPDX-License-Identifier: Apache-2.0
 * `lookup_from`: examples whose points are in another collection, or that mean
 * another vector of this one. Their vectors are brought before the query runs,
 * so that no two collections are read at once. */
#include "engine/api/part.h"
#include "engine/api/rest_body.h"
#include "engine/api/rest_query.h"
#include "engine/collection/registry.h"

enum engine_code
rest_lookup_parse(yyjson_val *value, struct query_lookup *ret_lookup,
                  struct error *reterr)
{
    static const char *const refused[] = { "shard_key" };
    yyjson_val *name;
    if (value == NULL)
        return ENGINE_OK;
    if (!yyjson_is_obj(value))
        return rest_type_error(value, "lookup_from", "an object", reterr);
    enum engine_code code = rest_refuse(value, refused, 1, reterr);
    if (code == ENGINE_OK)
        code = rest_required(NULL, value, "collection", &name, reterr);
    if (code == ENGINE_OK)
        code =
            rest_string(value, "collection", &ret_lookup->collection, reterr);
    ret_lookup->has_vector = rest_member(value, "vector") != NULL;
    if (code == ENGINE_OK)
        code = rest_string(value, "vector", &ret_lookup->vector, reterr);
    return code;
}

static void
gather(struct query_example *examples, size_t count,
       struct query_example **found, size_t *found_count)
{
    for (size_t i = 0; i < count; i++)
        if (examples[i].by_id != NULL)
            found[(*found_count)++] = &examples[i];
}

/* For the audit log, each once. */
static void
note_name(struct call *call, struct span name)
{
    for (size_t i = 0; i < call->lookups_count; i++)
        if (span_equal(call->lookups[i], name))
            return;
    if (call->lookups_count == CALL_LOOKUPS_MAX || name.size == 0)
        return;
    /* The document may be gone by then. */
    char *copy = arena_strndup(&call->request->arena, name.data, name.size);
    if (copy != NULL)
        call->lookups[call->lookups_count++] = (struct span){ copy, name.size };
}

enum engine_code
rest_lookup_acquire(struct call *call, struct span name,
                    struct collection **ret_collection, struct error *reterr)
{
    int size = name.size < COMMAND_NAME_SIZE_MAX ? (int)name.size
                                                 : COMMAND_NAME_SIZE_MAX;
    note_name(call, name);
    if (!call_may_read(call, name)) {
        call->is_denied = true;
        return error_set(reterr, ENGINE_EFORBIDDEN,
                         "Access to collection %.*s is required", size,
                         name.data);
    }
    enum engine_code code = part_refuse_in(call, name, reterr);
    if (code == ENGINE_OK)
        code = registry_acquire(call->api->options.registry, name,
                                ret_collection, reterr);
    if (code == ENGINE_ENOTFOUND)
        return error_set(reterr, code, "Collection %.*s not found", size,
                         name.data);
    return code;
}

/* Reads the vectors; points elsewhere are not left out of the answer. */
static enum engine_code
read_vectors(struct call *call, const struct search_command *command,
             struct query_example **examples, size_t count,
             struct error *reterr)
{
    const struct query_lookup *lookup = &command->lookup;
    struct registry *registry = call->api->options.registry;
    struct span name = lookup->has_vector ? lookup->vector : command->using;
    struct collection *collection = NULL;
    enum engine_code code =
        rest_lookup_acquire(call, lookup->collection, &collection, reterr);
    if (code != ENGINE_OK)
        return code;
    code = collection_lookup(collection, name, examples, count,
                             &call->request->arena, reterr);
    for (size_t i = 0; collection != call->collection && i < count; i++)
        examples[i]->by_id = NULL;
    registry_release(registry, collection);
    return code;
}

static enum engine_code
resolve_stage(struct call *call, struct search_command *command,
              struct error *reterr)
{
    struct query *query = command->query;
    struct query_example nearest = { .by_id = command->by_id };
    size_t count = 0;
    if (query != NULL)
        count = query->positives_count + query->negatives_count;
    struct query_example **examples =
        arena_calloc(&call->request->arena, count + 2, sizeof(*examples));
    if (examples == NULL)
        return error_memory(reterr);
    count = 0;
    if (query != NULL) {
        gather(&query->target, 1, examples, &count);
        gather(query->positives, query->positives_count, examples, &count);
        gather(query->negatives, query->negatives_count, examples, &count);
    } else {
        gather(&nearest, 1, examples, &count);
    }
    if (count == 0)
        return ENGINE_OK;
    enum engine_code code =
        read_vectors(call, command, examples, count, reterr);
    if (code != ENGINE_OK || query != NULL)
        return code;
    command->by_id = nearest.by_id;
    command->vector = nearest.vector.values;
    command->dim = nearest.vector.dim;
    command->kind = nearest.vector.kind;
    command->indices = nearest.vector.indices;
    command->rows = nearest.vector.rows;
    return ENGINE_OK;
}

/* Recursion: QUERY_DEPTH_MAX. */
enum engine_code
rest_lookup_resolve(struct call *call, struct search_command *command,
                    struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    if (command->lookup.collection.size > 0)
        code = resolve_stage(call, command, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < command->prefetches_count; i++)
        code = rest_lookup_resolve(call, &command->prefetches[i], reterr);
    return code;
}
