/* SPDX-License-Identifier: Apache-2.0
 * What a query asks: the value of `query`, kind by kind. */
#include "engine/api/rest_body.h"
#include "engine/api/rest_formula.h"
#include "engine/api/rest_query.h"
#include "engine/api/rest_vector.h"

#include <math.h>
#include <stdio.h>

#define WHERE_SIZE 512

static enum engine_code
fusion_parse(const struct query_source *source, yyjson_val *value,
             struct search_command *command, struct error *reterr)
{
    bool is_rrf = yyjson_equals_str(value, "rrf");
    if (!is_rrf && !yyjson_equals_str(value, "dbsf"))
        return rest_query_unknown(reterr);
    enum engine_code code = rest_query_new(
        source, is_rrf ? QUERY_RRF : QUERY_DBSF, command, reterr);
    if (code == ENGINE_OK)
        command->query->rank_constant = 2;
    return code;
}

static enum engine_code
floats_parse(const struct query_source *source, yyjson_val *list,
             const char *name, const float **ret_values, struct error *reterr)
{
    size_t index, max;
    yyjson_val *item;
    if (!yyjson_is_arr(list))
        return rest_type_error(list, name, "a list", reterr);
    float *values = arena_calloc(&source->call->request->arena,
                                 yyjson_arr_size(list) + 1, sizeof(*values));
    if (values == NULL)
        return error_memory(reterr);
    yyjson_arr_foreach(list, index, max, item)
    {
        values[index] = (float)yyjson_get_num(item);
        if (!yyjson_is_num(item) || !isfinite(values[index]))
            return rest_type_error(item, name, "f32", reterr);
    }
    *ret_values = values;
    return ENGINE_OK;
}

static enum engine_code
rrf_parse(const struct query_source *source, yyjson_val *object,
          struct search_command *command, struct error *reterr)
{
    char where[WHERE_SIZE];
    yyjson_val *weights = rest_member(object, "weights");
    if (!yyjson_is_obj(object))
        return rest_query_unknown(reterr);
    enum engine_code code = rest_query_new(source, QUERY_RRF, command, reterr);
    if (code != ENGINE_OK)
        return code;
    struct query *query = command->query;
    query->rank_constant = 2;
    snprintf(where, sizeof(where), "%s.query.rrf", source->where);
    code = rest_u64(object, "k", &query->rank_constant, reterr);
    if (code == ENGINE_OK)
        code = rest_at_least_one(where, "k", query->rank_constant, reterr);
    if (code != ENGINE_OK || weights == NULL)
        return code;
    query->weights_count = yyjson_arr_size(weights);
    return floats_parse(source, weights, "weights", &query->weights, reterr);
}

static enum engine_code
mmr_parse(const struct query_source *source, yyjson_val *object,
          struct search_command *command, struct error *reterr)
{
    yyjson_val *mmr = rest_member(object, "mmr");
    uint64_t candidates = 0;
    if (!yyjson_is_obj(mmr))
        return rest_type_error(mmr, "mmr", "an object", reterr);
    enum engine_code code = rest_query_new(source, QUERY_MMR, command, reterr);
    if (code == ENGINE_OK)
        code = rest_target_parse(source, object, "nearest", command->query,
                                 reterr);
    if (code == ENGINE_OK)
        code = rest_u64(mmr, "candidates_limit", &candidates, reterr);
    if (code != ENGINE_OK)
        return code;
    if (candidates > QUERY_MMR_MAX)
        return error_set(reterr, ENGINE_EVALID,
                         "[%.256s.query.mmr.candidates_limit: value %llu "
                         "invalid, must be from 0 to %d]",
                         source->where, (unsigned long long)candidates,
                         QUERY_MMR_MAX);
    yyjson_val *value = rest_member(mmr, "diversity");
    double diversity = value == NULL ? 0.5 : yyjson_get_num(value);
    if (value != NULL && !yyjson_is_num(value))
        return rest_type_error(value, "diversity", "f32", reterr);
    if (!(diversity >= 0.0 && diversity <= 1.0))
        return error_set(reterr, ENGINE_EVALID,
                         "[%.256s.query.mmr.diversity: value %g invalid, must "
                         "be from 0.0 to 1.0]",
                         source->where, diversity);
    command->query->diversity = (float)diversity;
    command->query->candidates = (size_t)candidates;
    return ENGINE_OK;
}

static enum engine_code
nearest_parse(const struct query_source *source, yyjson_val *value,
              struct search_command *command, struct error *reterr)
{
    struct query_example example = { 0 };
    enum engine_code code =
        rest_example_parse(source, value, "vector", &example, reterr);
    command->by_id = example.by_id;
    command->vector = example.vector.values;
    command->dim = example.vector.dim;
    command->kind = example.vector.kind;
    command->indices = example.vector.indices;
    command->rows = example.vector.rows;
    return code;
}

static enum engine_code
coefficient_parse(yyjson_val *object, const char *name, float *ret_value,
                  struct error *reterr)
{
    yyjson_val *value;
    enum engine_code code = rest_required(NULL, object, name, &value, reterr);
    if (code != ENGINE_OK)
        return code;
    *ret_value = (float)yyjson_get_num(value);
    return yyjson_is_num(value) && isfinite(*ret_value)
               ? ENGINE_OK
               : rest_type_error(value, name, "f32", reterr);
}

/* [{example, score}] */
static enum engine_code
feedback_items(const struct query_source *source, yyjson_val *list,
               struct query *query, struct error *reterr)
{
    size_t index, max;
    yyjson_val *item, *example;
    if (!yyjson_is_arr(list))
        return rest_type_error(list, "feedback", "a list", reterr);
    query->positives_count = yyjson_arr_size(list);
    float *grades = arena_calloc(&source->call->request->arena,
                                 query->positives_count + 1, sizeof(*grades));
    enum engine_code code = rest_examples_alloc(source, query->positives_count,
                                                &query->positives, reterr);
    if (code == ENGINE_OK && grades == NULL)
        code = error_memory(reterr);
    if (code != ENGINE_OK)
        return code;
    query->grades = grades;
    yyjson_arr_foreach(list, index, max, item)
    {
        if (!yyjson_is_obj(item))
            return rest_type_error(item, "feedback", "an object", reterr);
        code = rest_required(NULL, item, "example", &example, reterr);
        if (code == ENGINE_OK)
            code = rest_example_parse(source, example, "feedback",
                                      &query->positives[index], reterr);
        if (code == ENGINE_OK)
            code = coefficient_parse(item, "score", &grades[index], reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}

static enum engine_code
feedback_parse(const struct query_source *source, yyjson_val *object,
               struct search_command *command, struct error *reterr)
{
    yyjson_val *list = NULL, *strategy = NULL, *naive = NULL;
    if (!yyjson_is_obj(object))
        return rest_query_unknown(reterr);
    enum engine_code code =
        rest_query_new(source, QUERY_FEEDBACK, command, reterr);
    if (code == ENGINE_OK)
        code =
            rest_target_parse(source, object, "target", command->query, reterr);
    if (code == ENGINE_OK)
        code = rest_required(NULL, object, "feedback", &list, reterr);
    if (code == ENGINE_OK)
        code = feedback_items(source, list, command->query, reterr);
    if (code == ENGINE_OK)
        code = rest_required(NULL, object, "strategy", &strategy, reterr);
    if (code == ENGINE_OK)
        code = rest_required(NULL, strategy, "naive", &naive, reterr);
    if (code == ENGINE_OK)
        code = coefficient_parse(naive, "a", &command->query->a, reterr);
    if (code == ENGINE_OK)
        code = coefficient_parse(naive, "b", &command->query->b, reterr);
    if (code == ENGINE_OK)
        code = coefficient_parse(naive, "c", &command->query->c, reterr);
    if (code == ENGINE_OK && command->query->b < 0)
        code = error_set(reterr, ENGINE_EVALID,
                         "[%.256s.query.relevance_feedback.strategy.naive.b: "
                         "value %g invalid, must be 0.0 or larger]",
                         source->where, (double)command->query->b);
    return code;
}

static enum engine_code
order_parse(const struct query_source *source, yyjson_val *value,
            struct search_command *command, struct error *reterr)
{
    enum engine_code code =
        rest_query_new(source, QUERY_ORDER_BY, command, reterr);
    return code == ENGINE_OK
               ? rest_order_parse(value, &source->call->request->arena,
                                  &command->query->order, reterr)
               : code;
}

static enum engine_code
sample_parse(const struct query_source *source, yyjson_val *value,
             struct search_command *command, struct error *reterr)
{
    if (!yyjson_equals_str(value, "random"))
        return rest_query_unknown(reterr);
    return rest_query_new(source, QUERY_SAMPLE, command, reterr);
}

static enum engine_code
formula_parse(const struct query_source *source, yyjson_val *value,
              struct search_command *command, struct error *reterr)
{
    char where[WHERE_SIZE];
    snprintf(where, sizeof(where), "%s.query", source->where);
    enum engine_code code =
        rest_query_new(source, QUERY_FORMULA, command, reterr);
    return code == ENGINE_OK
               ? rest_formula_parse(value, where, &source->call->request->arena,
                                    &command->query->formula, reterr)
               : code;
}

enum engine_code
rest_query_value(const struct query_source *source, yyjson_val *value,
                 struct search_command *command, struct error *reterr)
{
    static const struct {
        const char *name;
        query_kind_parser parse;
    } kinds[] = {
        { "recommend", rest_recommend_parse },
        { "discover", rest_discover_parse },
        { "context", rest_context_parse },
        { "order_by", order_parse },
        { "fusion", fusion_parse },
        { "rrf", rrf_parse },
        { "sample", sample_parse },
        { "relevance_feedback", feedback_parse },
    };
    if (!yyjson_is_obj(value) || rest_vector_is_object(value))
        return nearest_parse(source, value, command, reterr);
    if (rest_member(value, "nearest") != NULL)
        return rest_member(value, "mmr") != NULL
                   ? mmr_parse(source, value, command, reterr)
                   : nearest_parse(source, rest_member(value, "nearest"),
                                   command, reterr);
    if (rest_member(value, "formula") != NULL)
        return formula_parse(source, value, command, reterr);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        yyjson_val *inner = rest_member(value, kinds[i].name);
        if (inner != NULL)
            return kinds[i].parse(source, inner, command, reterr);
    }
    return rest_query_unknown(reterr);
}
