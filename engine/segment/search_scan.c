/* SPDX-License-Identifier: Apache-2.0
 * Searches that look at every candidate: at its vector, or at its code and then
 * at the vectors of those that may be among the best. What indexes could not
 * answer is tested on the payloads: of all candidates before, or of those that
 * would be among the best. */
#include "engine/segment/search_body.h"

#include "engine/index/codes_scan.h"

#include <assert.h>
#include <math.h>
#include <string.h>

struct plain_scan
work_scan(struct work *work)
{
    return (struct plain_scan){ .vectors = &work->vectors->rows,
                                .datatype = work->vectors->form.datatype,
                                .dim = work->vectors->options.dim,
                                .metric = work->vectors->options.metric,
                                .slot_end = work->reader->view->slots_count,
                                .filter = &work->filter,
                                .stopper = work_stopper(work) };
}

/* Whether every point has the vector: then a set of points needs no look at who
 * has it. */
static bool
all_have(const struct work *work)
{
    return work_vector(work)->has->count == work->reader->view->live->count;
}

static void
set_words(struct work *work, const uint64_t *words)
{
    work->filter.view = NULL;
    work->filter.allowed = words;
    work->filter.allowed_count = work->reader->view->slots_count;
}

enum engine_code
work_need_words(struct work *work, struct error *reterr)
{
    const struct passing *passing = work->match.passing;
    if (work->filter.allowed != NULL || match_is_all(&work->match))
        return ENGINE_OK;
    if (passing != NULL && passing->words != NULL && all_have(work)) {
        set_words(work, passing->words);
        return ENGINE_OK;
    }
    uint32_t slots_count = work->reader->view->slots_count;
    size_t count = (size_t)slots_count / 64 + 1;
    uint64_t *words = arena_calloc(work->arena, count, sizeof(*words));
    if (words == NULL)
        return error_memory(reterr);
    if (passing != NULL && passing->list != NULL) {
        for (uint32_t i = 0; i < passing->count; i++)
            words[passing->list[i] / 64] |= UINT64_C(1)
                                            << (passing->list[i] % 64);
    } else if (passing != NULL) {
        memcpy(words, passing->words, count * sizeof(*words));
    } else {
        memset(words, 0xff, count * sizeof(*words));
    }
    for (uint32_t word = 0; word < count; word++)
        words[word] &= slotview_word(work->filter.view, word);
    set_words(work, words);
    return ENGINE_OK;
}

/* Takes the slots of a word of bits into the list. */
static void
list_word(struct work *work, uint32_t word, uint64_t bits)
{
    for (; bits != 0; bits &= bits - 1)
        work->list[work->list_count++] =
            word * 64 + (uint32_t)__builtin_ctzll(bits);
}

/* The candidates that have the vector, as a list. */
static enum engine_code
need_list(struct work *work, struct error *reterr)
{
    const struct passing *passing = work->match.passing;
    const struct slotview *has = work->filter.view;
    uint32_t words = work->reader->view->slots_count / 64 + 1;
    bool has_list = work->filter.allowed == NULL && passing != NULL &&
                    passing->list != NULL;
    if (has_list && all_have(work)) {
        work->list = passing->list;
        work->list_count = passing->count;
        work->filter.view = NULL;
        return ENGINE_OK;
    }
    size_t room = (size_t)match_candidates_count(&work->match) + 1;
    work->list_count = 0;
    work->list = arena_alloc(work->arena, room * sizeof(*work->list));
    if (work->list == NULL)
        return error_memory(reterr);
    for (uint32_t i = 0; has_list && i < passing->count; i++) {
        work->list[work->list_count] = passing->list[i];
        work->list_count += slotview_has(has, passing->list[i]);
    }
    for (uint32_t word = 0; !has_list && word < words; word++) {
        uint64_t bits = UINT64_MAX;
        if (work->filter.allowed != NULL)
            bits = work->filter.allowed[word];
        else if (passing != NULL)
            bits = passing->words[word];
        list_word(work, word,
                  has == NULL ? bits : bits & slotview_word(has, word));
    }
    assert(work->list_count < room);
    work->filter.view = NULL;
    return ENGINE_OK;
}

/* The candidates that pass the residual as a bitset. */
static enum engine_code
settle_residual(struct work *work, struct error *reterr)
{
    uint64_t *words;
    enum engine_code code = match_settle_all(&work->match, work->arena,
                                             work->deadline_ms, &words, reterr);
    if (code != ENGINE_OK)
        return code;
    work->report.tested += match_candidates_count(&work->match);
    for (uint32_t i = 0; i <= work->reader->view->slots_count / 64; i++)
        words[i] &= work->filter.allowed != NULL
                        ? work->filter.allowed[i]
                        : slotview_word(work->filter.view, i);
    set_words(work, words);
    work->filter.accept = NULL;
    return ENGINE_OK;
}

static enum engine_code
scan_codes(struct work *work, struct error *reterr)
{
    const struct segment_search *search = work->search;
    struct hnsw_rows rows = vectors_rows(work->vectors);
    uint32_t rescored = 0;
    enum engine_code code = need_list(work, reterr);
    if (code != ENGINE_OK)
        return code;
    struct slot_filter filter = { .accept = work->filter.accept,
                                  .accept_ctx = work->filter.accept_ctx };
    struct codes_scan scan = { .rows = &rows,
                               .slots = work->list,
                               .slot_count = work->list_count,
                               .filter = &filter,
                               .distance_max = INFINITY,
                               .stopper = work_stopper(work),
                               .rescored_count = &rescored };
    work->report.scored += work->list_count;
    code = codes_search(&scan, search->query.values, search->k, work->hits,
                        &work->count, reterr);
    work->report.rescored += rescored;
    return code;
}

/* Payloads are tested as the scan wants it, unless that gets too much. */
static enum engine_code
scan_codes_or_settle(struct work *work, struct error *reterr)
{
    const struct slotview *view = work->filter.view;
    if (match_reads_disk(&work->match))
        match_limit_tests(&work->match);
    enum engine_code code = scan_codes(work, reterr);
    if (!work->match.is_spent)
        return code;
    work->match.is_spent = false;
    work->filter.view = view;
    code = settle_residual(work, reterr);
    return code == ENGINE_OK ? scan_codes(work, reterr) : code;
}

uint64_t
work_word(const struct work *work, uint32_t word)
{
    return work->filter.allowed == NULL ? slotview_word(work->filter.view, word)
                                        : work->filter.allowed[word];
}

/* From now on only linked points pass. */
static enum engine_code
need_linked(struct work *work, struct error *reterr)
{
    uint32_t slots_count = work->reader->view->slots_count;
    size_t count = (size_t)slots_count / 64 + 1;
    uint64_t *words = arena_calloc(work->arena, count, sizeof(*words));
    if (words == NULL)
        return error_memory(reterr);
    for (uint32_t word = 0; (uint64_t)word * 64 < slots_count; word++)
        for (uint64_t bits = work_word(work, word); bits != 0;
             bits &= bits - 1) {
            uint32_t slot = word * 64 + (uint32_t)__builtin_ctzll(bits);
            if (hnsw_is_linked(work->graph, slot))
                words[word] |= bits & -bits;
        }
    set_words(work, words);
    return ENGINE_OK;
}

enum engine_code
work_search_scan(struct work *work, const struct costs *costs,
                 struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    if (work->search->is_indexed_only && work->graph != NULL &&
        !work->search->is_exact) {
        code = work_need_words(work, reterr);
        if (code == ENGINE_OK)
            code = need_linked(work, reterr);
    }
    if (code == ENGINE_OK && costs->wants_settled &&
        work->filter.accept != NULL)
        code = settle_residual(work, reterr);
    if (code == ENGINE_OK && costs->is_on_codes)
        return scan_codes_or_settle(work, reterr);
    struct plain_scan scan = work_scan(work);
    const struct passing *passing = work->match.passing;
    if (code == ENGINE_OK && passing != NULL && passing->list != NULL &&
        work->filter.allowed == NULL) {
        code = need_list(work, reterr);
        scan.slots = work->list;
        scan.slot_count = work->list_count;
    } else if (code == ENGINE_OK) {
        code = work_need_words(work, reterr);
    }
    if (code != ENGINE_OK)
        return code;
    work->report.scored += match_candidates_count(&work->match);
    if (work->multi != NULL) {
        work->is_scored = true;
        return multi_scan(work->vectors, &scan, work->multi, work->hits,
                          &work->count, reterr);
    }
    return vectors_scan(work->vectors, &scan, work->search->query.values,
                        work->search->k, work->arena, work->hits, &work->count,
                        reterr);
}
