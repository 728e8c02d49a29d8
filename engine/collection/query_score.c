/* SPDX-License-Identifier: Apache-2.0
 * Scores made of similarities to several examples: recommend by the best score
 * or by sums, discover, context, and relevance feedback. The queries are the
 * target, if there is one, then positives, then negatives. */
#include "engine/collection/nearest.h"
#include "engine/collection/query_stage.h"
#include "engine/segment/score.h"

#include <float.h>
#include <math.h>

struct scoring {
    const struct query *query;
    size_t positives; /* where they begin in the similarities, */
    size_t negatives; /* and these */
    float *weights;   /* FEEDBACK: [positives_count] */
};

/* -1..1 */
static float
sigmoid(float x)
{
    if (isinf(x))
        return x > 0 ? 1.0f : -1.0f;
    return x / (1.0f + fabsf(x));
}

/* 0..1 */
static float
scaled(float x)
{
    return 0.5f * (sigmoid(x) + 1.0f);
}

static float
largest(const float *values, size_t count)
{
    float found = -INFINITY;
    for (size_t i = 0; i < count; i++)
        found = values[i] > found ? values[i] : found;
    return found;
}

static float
sum(const float *values, size_t count)
{
    float total = 0;
    for (size_t i = 0; i < count; i++)
        total += values[i];
    return total;
}

static float
score_best(void *ctx, const float *similarities)
{
    const struct scoring *scoring = ctx;
    const struct query *query = scoring->query;
    float positive =
        largest(similarities + scoring->positives, query->positives_count);
    float negative =
        largest(similarities + scoring->negatives, query->negatives_count);
    return positive > negative ? scaled(positive) : -scaled(negative);
}

static float
score_sum(void *ctx, const float *similarities)
{
    const struct scoring *scoring = ctx;
    const struct query *query = scoring->query;
    return sum(similarities + scoring->positives, query->positives_count) -
           sum(similarities + scoring->negatives, query->negatives_count);
}

static float
score_discover(void *ctx, const float *similarities)
{
    const struct scoring *scoring = ctx;
    int rank = 0;
    for (size_t i = 0; i < scoring->query->positives_count; i++) {
        float positive = similarities[scoring->positives + i];
        float negative = similarities[scoring->negatives + i];
        rank += (positive > negative) - (positive < negative);
    }
    return (float)rank + scaled(similarities[0]);
}

static float
score_context(void *ctx, const float *similarities)
{
    const struct scoring *scoring = ctx;
    float total = 0;
    for (size_t i = 0; i < scoring->query->positives_count; i++) {
        float lead = similarities[scoring->positives + i] -
                     similarities[scoring->negatives + i] - FLT_EPSILON;
        total += sigmoid(lead < 0 ? lead : 0);
    }
    return total;
}

static float
score_feedback(void *ctx, const float *similarities)
{
    const struct scoring *scoring = ctx;
    float total = scoring->query->a * similarities[0];
    for (size_t i = 0; i < scoring->query->positives_count; i++)
        total += scoring->weights[i] * similarities[scoring->positives + i];
    return total;
}

/* Of each pair of examples the better one counts for and the other against,
 * by what lies between their grades: one weight for each example. */
static enum engine_code
weigh_feedback(struct scoring *scoring, struct arena *arena,
               struct error *reterr)
{
    const struct query *query = scoring->query;
    size_t count = query->positives_count;
    scoring->weights = arena_calloc(arena, count + 1, sizeof(float));
    if (scoring->weights == NULL)
        return error_memory(reterr);
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++) {
            float margin = query->grades[i] - query->grades[k];
            float weight = powf(margin, query->b) * query->c;
            if (!(margin > 0))
                continue;
            scoring->weights[i] += weight;
            scoring->weights[k] -= weight;
        }
    return ENGINE_OK;
}

static enum engine_code
read_examples(const struct query_run *run, size_t number,
              const struct query_example *examples, size_t count,
              struct arena *arena, struct vector_value *ret_vectors,
              struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    for (size_t i = 0; code == ENGINE_OK && i < count; i++)
        code = query_example_vector(run, number, &examples[i], arena,
                                    &ret_vectors[i], reterr);
    return code;
}

static enum engine_code
make_scoring(const struct query_run *run, struct scoring *scoring,
             struct segment_scoring *made, struct arena *arena,
             struct error *reterr)
{
    static float (*const scores[])(void *, const float *) = {
        [QUERY_BEST_SCORE] = score_best,   [QUERY_SUM_SCORES] = score_sum,
        [QUERY_DISCOVER] = score_discover, [QUERY_CONTEXT] = score_context,
        [QUERY_FEEDBACK] = score_feedback,
    };
    const struct query *query = scoring->query;
    bool has_target =
        query->kind == QUERY_DISCOVER || query->kind == QUERY_FEEDBACK;
    scoring->positives = has_target;
    scoring->negatives = has_target + query->positives_count;
    made->queries_count = scoring->negatives + query->negatives_count;
    made->score = scores[query->kind];
    made->ctx = scoring;
    struct vector_value *vectors =
        arena_calloc(arena, made->queries_count + 1, sizeof(*vectors));
    if (vectors == NULL)
        return error_memory(reterr);
    made->queries = vectors;
    enum engine_code code = read_examples(run, made->number, &query->target,
                                          has_target, arena, vectors, reterr);
    if (code == ENGINE_OK)
        code = read_examples(run, made->number, query->positives,
                             query->positives_count, arena,
                             vectors + scoring->positives, reterr);
    if (code == ENGINE_OK)
        code = read_examples(run, made->number, query->negatives,
                             query->negatives_count, arena,
                             vectors + scoring->negatives, reterr);
    if (code == ENGINE_OK && query->kind == QUERY_FEEDBACK)
        code = weigh_feedback(scoring, arena, reterr);
    return code;
}

enum engine_code
query_score(struct query_run *run, const struct search_command *command,
            const struct filter *filter, size_t k, struct arena *arena,
            struct query_hits *ret_hits, struct error *reterr)
{
    struct scoring scoring = { .query = command->query };
    struct segment_scoring made = { .filter = filter,
                                    .idf_corpus = command->params.idf_corpus,
                                    .k = (uint32_t)k,
                                    .deadline_ms = run->deadline_ms };
    const struct hit *hits = NULL;
    size_t count = 0;
    enum engine_code code =
        nearest_number(run->reader, command->using, &made.number, reterr);
    if (code == ENGINE_OK)
        code = nearest_check_idf(run->reader, command, made.number, reterr);
    if (code == ENGINE_OK)
        code = make_scoring(run, &scoring, &made, arena, reterr);
    if (code == ENGINE_OK)
        code = segment_score(run->reader, &made, arena, &hits, &count, reterr);
    return code == ENGINE_OK
               ? query_take(run, command,
                            segment_vector_metric(run->reader, made.number),
                            true, hits, count, ret_hits, reterr)
               : code;
}
