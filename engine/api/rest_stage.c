/* SPDX-License-Identifier: Apache-2.0
 * The bodies of queries, with their prefetches, and those of the old search,
 * recommend and discover, which are queries of one stage. */
#include "engine/api/part.h"
#include "engine/api/rest_body.h"
#include "engine/api/rest_params.h"
#include "engine/api/rest_query.h"
#include "engine/api/rest_select.h"
#include "engine/api/rest_vector.h"

#include <math.h>
#include <stdio.h>

#define WHERE_SIZE 512

static enum engine_code
limits_read(const struct query_source *source, uint64_t limit,
            struct search_command *command, struct error *reterr)
{
    uint64_t offset = 0;
    enum engine_code code =
        rest_at_least_one(source->where, "limit", limit, reterr);
    if (code == ENGINE_OK && source->depth == 0)
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
    source->size->candidates += limit;
    if (source->size->candidates > QUERY_CANDIDATES_MAX)
        return error_set(reterr, ENGINE_EREQUEST,
                         "the limits of all prefetches together are %llu, at "
                         "most %d are allowed",
                         (unsigned long long)source->size->candidates,
                         QUERY_CANDIDATES_MAX);
    return ENGINE_OK;
}

static enum engine_code
threshold_read(const struct query_source *source,
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

/* What all forms share. `limit` is given when there is a default. */
static enum engine_code
common_read(const struct query_source *source, uint64_t limit,
            struct search_command *command, struct error *reterr)
{
    struct arena *arena = &source->call->request->arena;
    command->deadline_ms = call_read_deadline_ms(source->call);
    enum engine_code code = limits_read(source, limit, command, reterr);
    if (code == ENGINE_OK)
        code =
            rest_params_parse(rest_member(source->body, "params"),
                              source->where, arena, &command->params, reterr);
    /* Scores of a corpus tell of the points in it. */
    if (code == ENGINE_OK && command->params.idf_corpus != NULL)
        code = part_narrow(source->call, &command->params.idf_corpus, reterr);
    if (code == ENGINE_OK)
        code = threshold_read(source, command, reterr);
    if (code == ENGINE_OK)
        code = part_filter_read(source->call, source->body, source->where,
                                &command->filter, reterr);
    if (code == ENGINE_OK && source->depth == 0)
        code = rest_output_parse(source->body, SELECT_NONE, arena,
                                 &command->output, reterr);
    return code;
}

/* `limit`, which is needed, and the rest of an old form. */
static enum engine_code
old_common_read(const struct query_source *source,
                struct search_command *command, struct error *reterr)
{
    yyjson_val *limit_value;
    uint64_t limit = 0;
    enum engine_code code = ENGINE_OK;
    const char *name =
        rest_member(source->body, "limit") != NULL ? "limit" : "top";
    if (rest_member(source->body, name) == NULL)
        code = rest_required(source->call, source->body, "limit", &limit_value,
                             reterr);
    if (code == ENGINE_OK)
        code = rest_u64(source->body, name, &limit, reterr);
    return code == ENGINE_OK ? common_read(source, limit, command, reterr)
                             : code;
}

static enum engine_code
refuse_shards(const struct query_source *source, struct error *reterr)
{
    static const char *const refused[] = { "shard_key" };
    return rest_refuse(source->body, refused, 1, reterr);
}

/* [f], {name, vector: [f]}. */
enum engine_code
rest_search_read(const struct query_source *source,
                 struct search_command *command, struct error *reterr)
{
    yyjson_val *vector;
    struct named_vector read = { 0 };
    char where[WHERE_SIZE];
    enum engine_code code = refuse_shards(source, reterr);
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
    snprintf(where, sizeof(where), "%s.vector", source->where);
    if (code == ENGINE_OK)
        code = rest_vector_parse(
            vector, (struct rest_where){ where, REST_NO_INDEX, false },
            &source->call->request->arena, &read, reterr);
    command->vector = read.values;
    command->dim = read.dim;
    command->kind = read.kind;
    command->indices = read.indices;
    command->rows = read.rows;
    return code == ENGINE_OK ? old_common_read(source, command, reterr) : code;
}

/* `using` and `lookup_from` of all but the old search. */
static enum engine_code
names_read(const struct query_source *source, struct search_command *command,
           struct error *reterr)
{
    yyjson_val *using = rest_member(source->body, "using");
    command->using = (struct span){ "", 0 };
    enum engine_code code = refuse_shards(source, reterr);
    if (code == ENGINE_OK && yyjson_is_obj(using))
        code = rest_string(using, "name", &command->using, reterr);
    else if (code == ENGINE_OK)
        code = rest_string(source->body, "using", &command->using, reterr);
    if (code == ENGINE_OK)
        code = rest_lookup_parse(rest_member(source->body, "lookup_from"),
                                 &command->lookup, reterr);
    return code;
}

enum engine_code
rest_recommend_read(const struct query_source *source,
                    struct search_command *command, struct error *reterr)
{
    enum engine_code code = names_read(source, command, reterr);
    if (code == ENGINE_OK)
        code = rest_recommend_parse(source, source->body, command, reterr);
    return code == ENGINE_OK ? old_common_read(source, command, reterr) : code;
}

enum engine_code
rest_discover_read(const struct query_source *source,
                   struct search_command *command, struct error *reterr)
{
    yyjson_val *context = rest_member(source->body, "context");
    bool has_target = rest_member(source->body, "target") != NULL;
    enum engine_code code = names_read(source, command, reterr);
    if (code != ENGINE_OK)
        return code;
    if (has_target)
        code = rest_discover_parse(source, source->body, command, reterr);
    else if (context != NULL)
        code = rest_context_parse(source, context, command, reterr);
    else
        code = error_set(reterr, ENGINE_EREQUEST,
                         "discovery needs a `target`, a `context`, or both");
    return code == ENGINE_OK ? old_common_read(source, command, reterr) : code;
}

/* ---- the query form ---- */

static enum engine_code stage_read(const struct query_source *source,
                                   struct search_command *command,
                                   struct error *reterr);

static enum engine_code
prefetch_read(const struct query_source *source, yyjson_val *body, size_t index,
              struct search_command *command, struct error *reterr)
{
    char where[WHERE_SIZE];
    struct query_source inner = *source;
    if (!yyjson_is_obj(body))
        return rest_type_error(body, "prefetch", "an object", reterr);
    snprintf(where, sizeof(where), "%s.prefetch[%zu]", source->where, index);
    inner.body = body;
    inner.where = where;
    inner.depth++;
    if (inner.depth > QUERY_DEPTH_MAX)
        return error_set(reterr, ENGINE_EVALID,
                         "[%.256s: prefetches depth %zu exceeds max depth %d]",
                         source->where, inner.depth, QUERY_DEPTH_MAX);
    if (++source->size->stages > QUERY_STAGES_MAX)
        return error_set(reterr, ENGINE_EREQUEST,
                         "a query may have at most %d prefetches",
                         QUERY_STAGES_MAX);
    return stage_read(&inner, command, reterr);
}

static enum engine_code
prefetches_read(const struct query_source *source,
                struct search_command *command, struct error *reterr)
{
    yyjson_val *value = rest_member(source->body, "prefetch");
    size_t count = yyjson_is_arr(value) ? yyjson_arr_size(value) : 1;
    if (value == NULL || count == 0)
        return ENGINE_OK;
    if (count > QUERY_STAGES_MAX)
        return error_set(reterr, ENGINE_EREQUEST,
                         "a query may have at most %d prefetches",
                         QUERY_STAGES_MAX);
    command->prefetches_count = count;
    command->prefetches = arena_calloc(&source->call->request->arena, count,
                                       sizeof(*command->prefetches));
    if (command->prefetches == NULL)
        return error_memory(reterr);
    yyjson_val *item =
        yyjson_is_arr(value) ? yyjson_arr_get_first(value) : value;
    enum engine_code code = ENGINE_OK;
    for (size_t i = 0; code == ENGINE_OK && i < count; i++) {
        code = prefetch_read(source, item, i, &command->prefetches[i], reterr);
        item = unsafe_yyjson_get_next(item);
    }
    return code;
}

/* What does not go together. */
static enum engine_code
stage_check(const struct search_command *command, bool has_query,
            struct error *reterr)
{
    const struct query *query = command->query;
    if (command->prefetches_count > 0 && !has_query)
        return error_set(reterr, ENGINE_EREQUEST,
                         "A query is needed to merge the prefetches. Can't "
                         "have prefetches without defining a query.");
    if (command->has_score_threshold && !has_query)
        return error_set(reterr, ENGINE_EREQUEST,
                         "A query is needed to use the score_threshold. "
                         "Missing `query`");
    if (query == NULL)
        return ENGINE_OK;
    if (command->has_score_threshold && query->kind == QUERY_ORDER_BY)
        return error_set(reterr, ENGINE_EREQUEST,
                         "Can't use score_threshold with an order_by query.");
    bool is_fusion = query->kind == QUERY_RRF || query->kind == QUERY_DBSF;
    if (is_fusion && command->using.size > 0)
        return error_set(reterr, ENGINE_EREQUEST,
                         "Fusion queries cannot be combined with the 'using' "
                         "field.");
    if (query_is_fusion(query) && command->prefetches_count == 0)
        return error_set(
            reterr, ENGINE_EINPUT,
            "Validation failed: cannot apply %s without prefetches",
            is_fusion ? "Fusion" : "Formula");
    return ENGINE_OK;
}

static enum engine_code
stage_read(const struct query_source *source, struct search_command *command,
           struct error *reterr)
{
    uint64_t limit = 10;
    yyjson_val *query = rest_member(source->body, "query");
    enum engine_code code = names_read(source, command, reterr);
    if (code == ENGINE_OK)
        code = prefetches_read(source, command, reterr);
    if (code == ENGINE_OK && query != NULL)
        code = rest_query_value(source, query, command, reterr);
    if (code == ENGINE_OK)
        code = rest_u64(source->body, "limit", &limit, reterr);
    if (code == ENGINE_OK)
        code = common_read(source, limit, command, reterr);
    /* Random points are no list that one could go on with. */
    if (code == ENGINE_OK && command->query != NULL &&
        command->query->kind == QUERY_SAMPLE && command->prefetches_count == 0)
        command->offset = 0;
    return code == ENGINE_OK ? stage_check(command, query != NULL, reterr)
                             : code;
}

enum engine_code
rest_query_read(const struct query_source *source,
                struct search_command *command, struct error *reterr)
{
    return stage_read(source, command, reterr);
}
