/* SPDX-License-Identifier: Apache-2.0
 * Searches of sparse vectors: the plan of the filter as a bitset, the modifier
 * on the query's weights, then the index. */
#include "engine/segment/search_sparse.h"

#include "engine/segment/search_body.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* A frequency is counted document by document where some died. */
#define COUNT_NS 0.5

struct sparse_work {
    struct segment_reader *reader;
    struct sparse *sparse;
    const struct segment_search *search;
    struct arena *arena;
    struct match match;
    uint64_t deadline_ms;
    struct slot_filter filter;
    /* What frequencies are counted over; without a view: all that have the
     * vector. */
    struct slot_filter corpus;
    uint64_t corpus_count;
    struct segment_report report;
};

static bool
is_due(void *ctx)
{
    const struct sparse_work *work = ctx;
    return work->match.is_spent ||
           segment_check_deadline(work->deadline_ms, NULL) != ENGINE_OK;
}

static bool
accept_residual(void *ctx, uint32_t slot)
{
    struct sparse_work *work = ctx;
    work->report.tested++;
    return match_residual(&work->match, slot);
}

/* What may be returned: the view, the plan's slots, and what is left of the
 * filter by looking at payloads. */
static enum engine_code
make_filter(struct sparse_work *work, struct error *reterr)
{
    const struct segment_view *view = work->reader->view;
    enum engine_code code = match_want_passing(&work->match, reterr);
    if (code != ENGINE_OK)
        return code;
    const struct passing *passing = work->match.passing;
    work->filter.view = view->vectors[work->search->number].has;
    if (work->match.plan.residual != NULL) {
        work->filter.accept = accept_residual;
        work->filter.accept_ctx = work;
    }
    if (passing == NULL)
        return ENGINE_OK;
    const uint64_t *words = passing->words;
    if (words == NULL) {
        uint64_t *made = arena_calloc(
            work->arena, (size_t)passing->slots_count / 64 + 1, sizeof(*made));
        if (made == NULL)
            return error_memory(reterr);
        for (uint32_t i = 0; i < passing->count; i++)
            made[passing->list[i] / 64] |= UINT64_C(1)
                                           << (passing->list[i] % 64);
        words = made;
    }
    work->filter.allowed = words;
    work->filter.allowed_count = passing->slots_count;
    return ENGINE_OK;
}

/* The points of the corpus that have the vector. */
static enum engine_code
corpus_take(struct sparse_work *work, struct match *match, struct error *reterr)
{
    const struct slotview *has =
        work->reader->view->vectors[work->search->number].has;
    size_t words_count = (size_t)work->reader->view->slots_count / 64 + 1;
    uint64_t *words = NULL;
    enum engine_code code = ENGINE_OK;
    if (match->plan.residual != NULL) {
        code = match_settle_all(match, work->arena, work->deadline_ms, &words,
                                reterr);
    } else {
        words = arena_calloc(work->arena, words_count, sizeof(*words));
        code = words == NULL ? error_memory(reterr)
                             : match_candidates(match, words, reterr);
    }
    if (code != ENGINE_OK)
        return code;
    for (uint32_t i = 0; i < words_count; i++)
        work->corpus_count +=
            (uint64_t)__builtin_popcountll(words[i] & slotview_word(has, i));
    work->corpus = (struct slot_filter){ .view = has,
                                         .allowed = words,
                                         .allowed_count =
                                             work->reader->view->slots_count };
    return match_check(match, reterr);
}

/* Before the search's own filter is planned, which takes the newest view. */
static enum engine_code
corpus_make(struct sparse_work *work, struct error *reterr)
{
    struct match match;
    enum engine_code code = match_make(work->reader, work->search->idf_corpus,
                                       work->arena, &match, reterr);
    if (code != ENGINE_OK)
        return code;
    code = corpus_take(work, &match, reterr);
    match_release(&match);
    return code;
}

/* The query's weights with the modifier. */
static enum engine_code
weigh(const struct sparse_work *work, const float **ret_weights,
      struct error *reterr)
{
    const struct vector_value *query = &work->search->query;
    const struct view_vector *vector =
        &work->reader->view->vectors[work->search->number];
    *ret_weights = query->values;
    if (!vector->has_idf || query->dim == 0)
        return ENGINE_OK;
    struct slot_filter all = { .view = vector->has };
    bool has_corpus = work->corpus.view != NULL;
    const struct slot_filter *corpus = has_corpus ? &work->corpus : &all;
    uint32_t *counts = arena_alloc(work->arena, query->dim * sizeof(*counts));
    float *weights = arena_alloc(work->arena, query->dim * sizeof(*weights));
    if (counts == NULL || weights == NULL)
        return error_memory(reterr);
    sparse_frequencies(work->sparse, query->indices, query->dim, corpus,
                       counts);
    double points =
        has_corpus ? (double)work->corpus_count : (double)vector->has->count;
    for (size_t i = 0; i < query->dim; i++) {
        double count = counts[i] < points ? counts[i] : points;
        double idf = log((points - count + 0.5) / (count + 0.5) + 1.0);
        weights[i] = (float)((double)query->values[i] * idf);
    }
    *ret_weights = weights;
    return ENGINE_OK;
}

enum engine_code
segment_sparse_weigh(struct segment_reader *reader,
                     const struct segment_search *search,
                     struct vector_value *queries, size_t count,
                     struct arena *arena, struct error *reterr)
{
    struct segment_search one = *search;
    struct sparse_work work = {
        .reader = reader,
        .sparse = segment_reader_vectors(reader, search->number)->sparse,
        .search = &one,
        .arena = arena,
        .deadline_ms = search->deadline_ms
    };
    enum engine_code code = ENGINE_OK;
    if (search->idf_corpus != NULL)
        code = corpus_make(&work, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < count; i++) {
        one.query = queries[i];
        code = weigh(&work, &queries[i].values, reterr);
    }
    return code;
}

/* Payloads are tested as the search wants it, unless that gets too much. */
static enum engine_code
search_or_settle(struct sparse_work *work, const struct sparse_search *search,
                 struct hit *hits, uint32_t *ret_count, struct error *reterr)
{
    if (match_reads_disk(&work->match))
        match_limit_tests(&work->match);
    enum engine_code code =
        sparse_search(work->sparse, search, hits, ret_count, reterr);
    if (!work->match.is_spent)
        return code;
    work->match.is_spent = false;
    uint64_t *words;
    code = match_settle_all(&work->match, work->arena, work->deadline_ms,
                            &words, reterr);
    if (code != ENGINE_OK)
        return code;
    work->report.tested += match_candidates_count(&work->match);
    work->filter.allowed = words;
    work->filter.allowed_count = work->reader->view->slots_count;
    work->filter.accept = NULL;
    return sparse_search(work->sparse, search, hits, ret_count, reterr);
}

static enum engine_code
run(struct sparse_work *work, struct hit **ret_hits, uint32_t *ret_count,
    struct error *reterr)
{
    const struct segment_search *search = work->search;
    const float *weights = NULL;
    *ret_count = 0;
    *ret_hits = NULL;
    work->report =
        (struct segment_report){ .estimate = work->match.plan.estimate,
                                 .candidates =
                                     match_candidates_count(&work->match),
                                 .is_cached = work->match.is_cached };
    work_report_residual(&work->report, work->match.plan.residual);
    if (work->match.plan.estimate.max_count == 0)
        return ENGINE_OK;
    work->report.plan = SEGMENT_PLAN_SCAN;
    work->report.expected_ns =
        (double)segment_sparse_cost_ns(work->reader, search);
    enum engine_code code = make_filter(work, reterr);
    if (code == ENGINE_OK)
        code = weigh(work, &weights, reterr);
    if (code != ENGINE_OK)
        return code;
    uint32_t count = work->filter.view->count;
    struct sparse_search sparse = { .indices = search->query.indices,
                                    .weights = weights,
                                    .count = search->query.dim,
                                    .k = search->k < count ? search->k : count,
                                    .filter = &work->filter,
                                    .stopper = { is_due, work },
                                    .scored = &work->report.scored };
    if (sparse.k == 0 || sparse.count == 0)
        return ENGINE_OK;
    *ret_hits = arena_alloc(work->arena, sparse.k * sizeof(**ret_hits));
    if (*ret_hits == NULL)
        return error_memory(reterr);
    return search_or_settle(work, &sparse, *ret_hits, ret_count, reterr);
}

enum engine_code
segment_search_sparse(struct segment_reader *reader,
                      const struct segment_search *search, struct arena *arena,
                      const struct hit **ret_hits, size_t *ret_count,
                      struct error *reterr)
{
    struct sparse_work work = {
        .reader = reader,
        .sparse = segment_reader_vectors(reader, search->number)->sparse,
        .search = search,
        .arena = arena,
        .deadline_ms = search->deadline_ms
    };
    assert(work.sparse != NULL);
    struct hit *hits;
    uint32_t count;
    uint64_t begin = work_now_ns();
    enum engine_code code = ENGINE_OK;
    if (search->idf_corpus != NULL)
        code = corpus_make(&work, reterr);
    if (code == ENGINE_OK)
        code = match_make(reader, search->filter, arena, &work.match, reterr);
    if (code != ENGINE_OK)
        return code;
    uint64_t planned = work_now_ns();
    code = run(&work, &hits, &count, reterr);
    if (code == ENGINE_OK)
        code = match_check(&work.match, reterr);
    match_release(&work.match);
    if (code != ENGINE_OK)
        return code;
    work.report.plan_ns = planned - begin;
    work.report.search_ns = work_now_ns() - planned;
    if (search->report != NULL)
        *search->report = work.report;
    *ret_hits = hits;
    *ret_count = count;
    return ENGINE_OK;
}

uint64_t
segment_sparse_cost_ns(const struct segment_reader *reader,
                       const struct segment_search *search)
{
    const struct vectors *vectors =
        segment_reader_vectors(reader, search->number);
    const struct vector_value *query = &search->query;
    /* It is asked before anybody has looked at the query. */
    if (query->kind != VECTOR_SPARSE)
        return 0;
    double cost_ns = (double)sparse_search_cost_ns(vectors->sparse,
                                                   query->indices, query->dim);
    if (search->filter != NULL || search->idf_corpus != NULL)
        cost_ns += (double)reader->view->live->count * RESIDUAL_NS;
    if (reader->view->vectors[search->number].has_idf)
        cost_ns *= 1.0 + COUNT_NS;
    return (uint64_t)cost_ns;
}
