/* SPDX-License-Identifier: Apache-2.0
 * Examples of queries, vectors or points: of recommend, discover, context. */
#include "engine/api/part.h"
#include "engine/api/rest_body.h"
#include "engine/api/rest_query.h"
#include "engine/api/rest_vector.h"

#include <stdio.h>

#define WHERE_SIZE 512

enum engine_code
rest_query_new(const struct query_source *source, enum query_kind kind,
               struct search_command *command, struct error *reterr)
{
    struct query *query =
        arena_calloc(&source->call->request->arena, 1, sizeof(*query));
    if (query == NULL)
        return error_memory(reterr);
    query->kind = kind;
    command->query = query;
    return ENGINE_OK;
}

enum engine_code
rest_query_unknown(struct error *reterr)
{
    return error_set(reterr, ENGINE_EFORMAT,
                     "Expected some form of vector, id, or a type of query");
}

/* ---- examples ---- */

/* A vector or an id. The vector of a point says more of it than whether it is
 * in the caller's part, and so would its not being found. */
enum engine_code
rest_example_parse(const struct query_source *source, yyjson_val *value,
                   const char *name, struct query_example *ret_example,
                   struct error *reterr)
{
    struct arena *arena = &source->call->request->arena;
    char where[WHERE_SIZE];
    if (yyjson_is_uint(value) || yyjson_is_str(value)) {
        struct point_id *id = arena_calloc(arena, 1, sizeof(*id));
        if (id == NULL)
            return error_memory(reterr);
        ret_example->by_id = id;
        enum engine_code code = part_refuse(source->call, reterr);
        return code == ENGINE_OK ? point_id_from_json(value, id, reterr) : code;
    }
    if (!yyjson_is_arr(value) && !rest_vector_is_object(value))
        return rest_query_unknown(reterr);
    struct named_vector vector = { 0 };
    snprintf(where, sizeof(where), "%s.%s", source->where, name);
    enum engine_code code = rest_vector_parse(
        value, (struct rest_where){ where, REST_NO_INDEX, false }, arena,
        &vector, reterr);
    ret_example->has_vector = true;
    ret_example->vector =
        (struct vector_value){ vector.kind, vector.values, vector.dim,
                               vector.indices, vector.rows };
    return code;
}

/* Of `count` examples; too many are refused. */
enum engine_code
rest_examples_alloc(const struct query_source *source, size_t count,
                    struct query_example **ret_examples, struct error *reterr)
{
    if (count > QUERY_EXAMPLES_MAX)
        return error_set(reterr, ENGINE_EREQUEST,
                         "%zu examples in one query, at most %d are allowed",
                         count, QUERY_EXAMPLES_MAX);
    *ret_examples = arena_calloc(&source->call->request->arena, count + 1,
                                 sizeof(**ret_examples));
    return *ret_examples == NULL ? error_memory(reterr) : ENGINE_OK;
}

static enum engine_code
examples_parse(const struct query_source *source, yyjson_val *object,
               const char *name, struct query_example **ret_examples,
               size_t *ret_count, struct error *reterr)
{
    yyjson_val *list = rest_member(object, name), *item;
    size_t index, max;
    if (list != NULL && !yyjson_is_arr(list))
        return rest_type_error(list, name, "a list", reterr);
    *ret_count = yyjson_arr_size(list);
    enum engine_code code =
        rest_examples_alloc(source, *ret_count, ret_examples, reterr);
    if (code != ENGINE_OK)
        return code;
    yyjson_arr_foreach(list, index, max, item)
    {
        code = rest_example_parse(source, item, name, &(*ret_examples)[index],
                                  reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}

enum engine_code
rest_target_parse(const struct query_source *source, yyjson_val *object,
                  const char *name, struct query *query, struct error *reterr)
{
    yyjson_val *target;
    enum engine_code code = rest_required(NULL, object, name, &target, reterr);
    return code == ENGINE_OK ? rest_example_parse(source, target, name,
                                                  &query->target, reterr)
                             : code;
}

/* ---- recommend ---- */

static enum engine_code
strategy_parse(yyjson_val *object, enum query_kind *ret_kind,
               struct error *reterr)
{
    static const struct {
        const char *name;
        enum query_kind kind;
    } strategies[] = {
        { "average_vector", QUERY_AVERAGE },
        { "best_score", QUERY_BEST_SCORE },
        { "sum_scores", QUERY_SUM_SCORES },
    };
    struct span name = { "average_vector", 14 };
    enum engine_code code = rest_string(object, "strategy", &name, reterr);
    if (code != ENGINE_OK)
        return code;
    for (size_t i = 0; i < sizeof(strategies) / sizeof(strategies[0]); i++)
        if (span_equal_text(name, strategies[i].name)) {
            *ret_kind = strategies[i].kind;
            return ENGINE_OK;
        }
    return error_set(reterr, ENGINE_EFORMAT,
                     "unknown variant `%.*s`, expected one of "
                     "`average_vector`, `best_score`, `sum_scores`",
                     name.size < 64 ? (int)name.size : 64, name.data);
}

enum engine_code
rest_recommend_parse(const struct query_source *source, yyjson_val *object,
                     struct search_command *command, struct error *reterr)
{
    enum query_kind kind = QUERY_AVERAGE;
    if (!yyjson_is_obj(object))
        return rest_query_unknown(reterr);
    enum engine_code code = strategy_parse(object, &kind, reterr);
    if (code == ENGINE_OK)
        code = rest_query_new(source, kind, command, reterr);
    if (code != ENGINE_OK)
        return code;
    struct query *query = command->query;
    code = examples_parse(source, object, "positive", &query->positives,
                          &query->positives_count, reterr);
    if (code == ENGINE_OK)
        code = examples_parse(source, object, "negative", &query->negatives,
                              &query->negatives_count, reterr);
    if (code != ENGINE_OK)
        return code;
    if (query->positives_count + query->negatives_count == 0)
        return error_set(reterr, ENGINE_EVALID,
                         "[%.256s: Validation error: At least one positive or "
                         "negative vector/id must be provided [{}]]",
                         source->where);
    if (kind == QUERY_AVERAGE && query->positives_count == 0)
        return error_set(reterr, ENGINE_EREQUEST,
                         "At least one positive vector ID required with this "
                         "strategy");
    return ENGINE_OK;
}

/* ---- discover, context ---- */

static enum engine_code
pair_parse(const struct query_source *source, yyjson_val *pair, size_t index,
           struct query *query, struct error *reterr)
{
    yyjson_val *positive, *negative;
    if (!yyjson_is_obj(pair))
        return rest_type_error(pair, "context", "a pair of examples", reterr);
    enum engine_code code =
        rest_required(NULL, pair, "positive", &positive, reterr);
    if (code == ENGINE_OK)
        code = rest_required(NULL, pair, "negative", &negative, reterr);
    if (code == ENGINE_OK)
        code = rest_example_parse(source, positive, "context.positive",
                                  &query->positives[index], reterr);
    if (code == ENGINE_OK)
        code = rest_example_parse(source, negative, "context.negative",
                                  &query->negatives[index], reterr);
    return code;
}

/* A pair or a list of them; NULL: none. */
static enum engine_code
pairs_parse(const struct query_source *source, yyjson_val *value,
            struct query *query, struct error *reterr)
{
    bool is_list = yyjson_is_arr(value);
    size_t count = value == NULL ? 0 : is_list ? yyjson_arr_size(value) : 1;
    query->positives_count = query->negatives_count = count;
    enum engine_code code =
        rest_examples_alloc(source, count, &query->positives, reterr);
    if (code == ENGINE_OK)
        code = rest_examples_alloc(source, count, &query->negatives, reterr);
    yyjson_val *item = is_list ? yyjson_arr_get_first(value) : value;
    for (size_t i = 0; code == ENGINE_OK && i < count; i++) {
        code = pair_parse(source, item, i, query, reterr);
        item = unsafe_yyjson_get_next(item);
    }
    return code;
}

enum engine_code
rest_discover_parse(const struct query_source *source, yyjson_val *object,
                    struct search_command *command, struct error *reterr)
{
    if (!yyjson_is_obj(object))
        return rest_query_unknown(reterr);
    enum engine_code code =
        rest_query_new(source, QUERY_DISCOVER, command, reterr);
    if (code == ENGINE_OK)
        code =
            rest_target_parse(source, object, "target", command->query, reterr);
    if (code == ENGINE_OK)
        code = pairs_parse(source, rest_member(object, "context"),
                           command->query, reterr);
    return code;
}

enum engine_code
rest_context_parse(const struct query_source *source, yyjson_val *value,
                   struct search_command *command, struct error *reterr)
{
    enum engine_code code =
        rest_query_new(source, QUERY_CONTEXT, command, reterr);
    return code == ENGINE_OK
               ? pairs_parse(source, value, command->query, reterr)
               : code;
}
