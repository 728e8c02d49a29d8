/* SPDX-License-Identifier: Apache-2.0
 * Reading commands over the one shard: resolve what the query is, ask the
 * segment, make records. All of it is one read of the segment (segment.h). */
#include "engine/collection/body.h"
#include "engine/collection/output.h"
#include "engine/collection/strict.h"
#include "engine/segment/search.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

static enum engine_code
missing_error(const struct point_id *id, struct error *reterr)
{
    char text[POINT_ID_TEXT_SIZE];
    point_id_text(id, text);
    return error_set(reterr, ENGINE_ENOTFOUND, "No point with id %s found",
                     text);
}

static enum engine_code
limit_check(size_t limit, size_t offset, struct error *reterr)
{
    if (limit <= COMMAND_LIMIT_MAX && offset <= COMMAND_LIMIT_MAX - limit)
        return ENGINE_OK;
    return error_set(reterr, ENGINE_EINPUT,
                     "limit and offset together may be at most %d",
                     COMMAND_LIMIT_MAX);
}

/* The vector of the point that is the query; it is borrowed. */
static enum engine_code
query_of_point(const struct segment_reader *reader,
               const struct search_command *command, size_t number,
               struct arena *arena, struct vector_value *ret_query,
               struct error *reterr)
{
    const struct segment *segment = reader->segment;
    uint32_t slot = segment_find(reader, command->by_id);
    if (slot == SEGMENT_NO_SLOT)
        return missing_error(command->by_id, reterr);
    const void *query = NULL;
    enum engine_code code =
        segment_vectors(reader, number, &slot, 1, arena, &query, reterr);
    if (code != ENGINE_OK)
        return code;
    if (query == NULL) {
        char text[POINT_ID_TEXT_SIZE];
        point_id_text(command->by_id, text);
        return error_set(reterr, ENGINE_ENOTFOUND,
                         "point with id %s has no vector \"%.*s\"", text,
                         (int)command->using.size,
                         command->using.size == 0 ? "" : command->using.data);
    }
    *ret_query = vector_row_value(segment_vector_kind(segment, number),
                                  segment_vector_dim(segment, number), query);
    return ENGINE_OK;
}

static enum engine_code
check_query(const struct segment *segment, const struct vector_value *query,
            size_t number, struct error *reterr)
{
    enum vector_kind kind = segment_vector_kind(segment, number);
    size_t dim = segment_vector_dim(segment, number);
    size_t count = query->dim;
    if (query->kind != kind)
        return error_set(reterr, ENGINE_EINPUT,
                         "Conversion between %s and regular vectors failed",
                         kind == VECTOR_MULTI || query->kind == VECTOR_MULTI
                             ? "multi"
                             : "sparse");
    if (kind == VECTOR_MULTI)
        count *= query->rows;
    if (kind != VECTOR_SPARSE && query->dim != dim)
        return error_set(reterr, ENGINE_EINPUT,
                         "Vector dimension error: expected dim: %zu, got %zu",
                         dim, query->dim);
    bool is_finite = kernel_is_finite(query->values, count);
    for (size_t i = 0; !is_finite && i < count; i++)
        if (!isfinite(query->values[i]))
            return error_set(reterr, ENGINE_EINPUT,
                             "query vector has a value that is not finite at "
                             "position %zu",
                             i);
    return ENGINE_OK;
}

/* Each of float[rows][dim] in unit length, in `arena`; NULL: no memory. */
static const float *
normalised(const float *values, size_t rows, size_t dim, struct arena *arena)
{
    float *copy = arena_alloc(arena, rows * dim * sizeof(*copy));
    if (copy == NULL)
        return NULL;
    memcpy(copy, values, rows * dim * sizeof(*copy));
    for (size_t i = 0; i < rows; i++)
        (void)kernel_normalise(copy + i * dim, dim);
    return copy;
}

static enum engine_code
query_of_vector(const struct segment *segment,
                const struct search_command *command, size_t number,
                struct arena *arena, struct vector_value *ret_query,
                struct error *reterr)
{
    struct vector_value query = { command->kind, command->vector, command->dim,
                                  command->indices, command->rows };
    enum vector_kind kind = segment_vector_kind(segment, number);
    /* A dense query of a multivector is one sub-vector. */
    if (kind == VECTOR_MULTI && query.kind == VECTOR_DENSE)
        query.kind = VECTOR_MULTI;
    if (command->kind == VECTOR_DENSE)
        query.rows = 1;
    enum engine_code code = check_query(segment, &query, number, reterr);
    if (code != ENGINE_OK)
        return code;
    if (segment_vector_is_unit(segment, number)) {
        query.values = normalised(query.values, query.rows, query.dim, arena);
        if (query.values == NULL)
            return error_memory(reterr);
    }
    *ret_query = query;
    return ENGINE_OK;
}

static enum hnsw_scoring
scoring_of(const struct search_params *params)
{
    if (params->ignores_codes)
        return HNSW_IGNORE_CODES;
    return params->keeps_estimates ? HNSW_KEEP_ESTIMATE : HNSW_RESCORE;
}

/* How many candidates are scored again: 0 when the request leaves it open. */
static uint32_t
rescore_count(const struct search_command *command)
{
    double count = ceil((double)(command->limit + command->offset) *
                        command->params.oversampling);
    return count < (double)HNSW_EF_MAX ? (uint32_t)count : HNSW_EF_MAX;
}

static enum engine_code
search_make(const struct segment_reader *reader,
            const struct search_command *command, struct arena *arena,
            struct segment_search *search, struct error *reterr)
{
    const struct segment *segment = reader->segment;
    size_t number = segment_vector_number(segment, command->using);
    if (number == SIZE_MAX)
        return error_set(reterr, ENGINE_EINPUT,
                         "Not existing vector name error: %.*s",
                         (int)command->using.size,
                         command->using.size == 0 ? "" : command->using.data);
    *search = (struct segment_search){
        .number = number,
        /* One more: the query's own point is left out. */
        .k = (uint32_t)(command->limit + command->offset +
                        (command->by_id != NULL)),
        .ef = command->params.hnsw_ef,
        .scoring = scoring_of(&command->params),
        .rescore_count = rescore_count(command),
        .is_exact = command->params.is_exact,
        .is_indexed_only = command->params.is_indexed_only,
        .filter = command->filter,
        .idf_corpus = command->params.idf_corpus,
        .deadline_ms = command->deadline_ms
    };
    if (command->params.has_idf && !segment_vector_has_idf(reader, number))
        return error_set(reterr, ENGINE_EINPUT,
                         "Validation failed: search param `idf` requires a "
                         "sparse vector with the `idf` modifier, which vector "
                         "\"%.*s\" is not",
                         (int)command->using.size,
                         command->using.size == 0 ? "" : command->using.data);
    if (command->by_id != NULL)
        return query_of_point(reader, command, number, arena, &search->query,
                              reterr);
    return query_of_vector(segment, command, number, arena, &search->query,
                           reterr);
}

/* A score is a number, always: past the range of floats the nearest one, and
 * where two infinities cancel each other out the worst, as the index orders
 * it. A null would spoil the whole answer for typed clients. */
static float
score_of(enum metric metric, float distance)
{
    float worst = kernel_score_is_descending(metric) ? -FLT_MAX : FLT_MAX;
    float score = kernel_score(metric, distance);
    if (isnan(score))
        return worst;
    return score > FLT_MAX ? FLT_MAX : score < -FLT_MAX ? -FLT_MAX : score;
}

static bool
passes_threshold(const struct search_command *command, enum metric metric,
                 float score)
{
    if (!command->has_score_threshold)
        return true;
    return kernel_score_is_descending(metric)
               ? score > command->score_threshold
               : score < command->score_threshold;
}

static enum engine_code
hits_to_records(const struct segment_reader *reader,
                const struct search_command *command, enum metric metric,
                const struct hit *hits, size_t hits_count, struct arena *arena,
                struct records *ret_records, struct error *reterr)
{
    struct output *output = NULL;
    enum engine_code code =
        output_begin(reader, &command->output, arena, &output, reterr);
    struct record *items = arena_calloc(arena, hits_count + 1, sizeof(*items));
    if (code == ENGINE_OK && items == NULL)
        code = error_memory(reterr);
    uint32_t *slots = arena_calloc(arena, hits_count + 1, sizeof(*slots));
    if (code == ENGINE_OK && slots == NULL)
        code = error_memory(reterr);
    if (code != ENGINE_OK)
        return code;
    float *scores = arena_calloc(arena, hits_count + 1, sizeof(*scores));
    if (scores == NULL)
        return error_memory(reterr);
    size_t count = 0, skipped = 0;
    for (size_t i = 0; i < hits_count && count < command->limit; i++) {
        float score = score_of(metric, hits[i].distance);
        if (!passes_threshold(command, metric, score))
            break;
        /* By id: its point may be in another slot by now. */
        struct point_id id = segment_id(reader, hits[i].slot);
        if (command->by_id != NULL &&
            point_id_compare(&id, command->by_id) == 0)
            continue;
        if (skipped < command->offset) {
            skipped++;
            continue;
        }
        slots[count] = hits[i].slot;
        scores[count++] = score;
    }
    code = output_records(output, slots, count, items, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < count; i++)
        items[i].score = scores[i];
    if (code == ENGINE_OK)
        *ret_records = (struct records){ .items = items, .count = count };
    return code;
}

/* Points from `offset` on, by id. Slots come with one more for the next page.
 */
static enum engine_code
slots_to_records(const struct segment_reader *reader,
                 const struct output_selection *selection,
                 const uint32_t *slots, size_t count, struct arena *arena,
                 struct record **ret_items, struct error *reterr)
{
    struct output *output = NULL;
    enum engine_code code =
        output_begin(reader, selection, arena, &output, reterr);
    struct record *items = arena_calloc(arena, count + 1, sizeof(*items));
    if (code == ENGINE_OK && items == NULL)
        code = error_memory(reterr);
    if (code == ENGINE_OK)
        code = output_records(output, slots, count, items, reterr);
    if (code == ENGINE_OK)
        *ret_items = items;
    return code;
}

/* The query endpoint without a query. */
static enum engine_code
search_by_id_order(struct segment_reader *reader,
                   const struct search_command *command, struct arena *arena,
                   struct records *ret_records, struct error *reterr)
{
    struct segment_scroll scroll = { .limit = command->limit + command->offset,
                                     .filter = command->filter,
                                     .deadline_ms = command->deadline_ms };
    const uint32_t *slots = NULL;
    size_t count = 0;
    struct record *items = NULL;
    enum engine_code code =
        segment_scroll(reader, &scroll, arena, &slots, &count, reterr);
    if (code != ENGINE_OK)
        return code;
    if (count > scroll.limit)
        count = scroll.limit;
    size_t skip = command->offset < count ? command->offset : count;
    count -= skip;
    code = slots_to_records(reader, &command->output, slots + skip, count,
                            arena, &items, reterr);
    if (code != ENGINE_OK)
        return code;
    for (size_t i = 0; i < count; i++) {
        items[i].score = 1.0f;
        items[i].version = 0;
    }
    *ret_records = (struct records){ .items = items, .count = count };
    return ENGINE_OK;
}

enum engine_code
collection_search(struct collection *collection,
                  const struct search_command *command, struct arena *arena,
                  struct records *ret_records, struct error *reterr)
{
    struct segment *segment = collection->segment;
    enum engine_code code =
        limit_check(command->limit, command->offset, reterr);
    if (code != ENGINE_OK)
        return code;
    bool has_query = command->vector != NULL || command->by_id != NULL;
    struct segment_reader reader;
    segment_read_begin(segment, &reader);
    struct segment_search search;
    struct segment_report report = { 0 };
    const struct hit *hits = NULL;
    size_t count = 0;
    if (!has_query) {
        code = search_by_id_order(&reader, command, arena, ret_records, reterr);
        goto out;
    }
    code = search_make(&reader, command, arena, &search, reterr);
    search.report = &report;
    if (code == ENGINE_OK && search.k > 0)
        code = segment_search(&reader, &search, arena, &hits, &count, reterr);
    if (code == ENGINE_OK)
        code = hits_to_records(&reader, command,
                               segment_vector_metric(segment, search.number),
                               hits, count, arena, ret_records, reterr);
    if (code == ENGINE_OK) {
        ret_records->has_report = true;
        ret_records->report = report;
    }
out:
    segment_read_end(&reader);
    return code;
}

enum engine_code
collection_scroll(struct collection *collection,
                  const struct scroll_command *command, struct arena *arena,
                  struct records *ret_records, struct error *reterr)
{
    struct segment *segment = collection->segment;
    struct segment_scroll scroll = { .from = command->offset,
                                     .limit = command->limit,
                                     .filter = command->filter,
                                     .deadline_ms = command->deadline_ms };
    const uint32_t *slots = NULL;
    size_t count = 0;
    struct record *items = NULL;
    struct records records = { 0 };
    enum engine_code code = limit_check(command->limit, 0, reterr);
    if (code == ENGINE_OK)
        code = collection_check_read(
            collection,
            &(struct strict_read){ .has_limit = true,
                                   .limit = command->limit,
                                   .filter = command->filter,
                                   .tokens = 1 },
            reterr);
    if (code != ENGINE_OK)
        return code;
    struct segment_reader reader;
    segment_read_begin(segment, &reader);
    code = segment_scroll(&reader, &scroll, arena, &slots, &count, reterr);
    if (code != ENGINE_OK)
        goto out;
    records.has_next = count > command->limit;
    records.count = records.has_next ? command->limit : count;
    if (records.has_next)
        records.next_id = segment_id(&reader, slots[command->limit]);
    code = slots_to_records(&reader, &command->output, slots, records.count,
                            arena, &items, reterr);
    records.items = items;
out:
    segment_read_end(&reader);
    if (code == ENGINE_OK)
        *ret_records = records;
    return code;
}

enum engine_code
collection_retrieve(struct collection *collection,
                    const struct retrieve_command *command, struct arena *arena,
                    struct records *ret_records, struct error *reterr)
{
    struct segment *segment = collection->segment;
    struct record *items = NULL;
    size_t count = 0;
    enum engine_code code = collection_check_read(
        collection, &(struct strict_read){ .tokens = command->ids_count },
        reterr);
    if (code != ENGINE_OK)
        return code;
    uint32_t *slots =
        arena_calloc(arena, command->ids_count + 1, sizeof(*slots));
    if (slots == NULL)
        return error_memory(reterr);
    struct segment_reader reader;
    segment_read_begin(segment, &reader);
    for (size_t i = 0; i < command->ids_count; i++) {
        uint32_t slot = segment_find(&reader, &command->ids[i]);
        if (slot != SEGMENT_NO_SLOT)
            slots[count++] = slot;
    }
    code = slots_to_records(&reader, &command->output, slots, count, arena,
                            &items, reterr);
    segment_read_end(&reader);
    if (code == ENGINE_OK)
        *ret_records = (struct records){ .items = items, .count = count };
    return code;
}

enum engine_code
collection_count(struct collection *collection,
                 const struct count_command *command, uint64_t *ret_count,
                 struct error *reterr)
{
    struct segment *segment = collection->segment;
    struct segment_reader reader;
    enum engine_code code = collection_check_read(
        collection,
        &(struct strict_read){ .filter = command->filter,
                               .is_exact = command->is_exact,
                               .tokens = 1 },
        reterr);
    if (code != ENGINE_OK)
        return code;
    segment_read_begin(segment, &reader);
    code = segment_count(&reader, command->filter,
                         command->is_exact ? COUNT_EXACT : COUNT_ESTIMATE,
                         command->deadline_ms, ret_count, reterr);
    segment_read_end(&reader);
    return code;
}

bool
collection_is_busy(struct collection *collection)
{
    if (pthread_mutex_trylock(&collection->config_lock) != 0)
        return true;
    pthread_mutex_unlock(&collection->config_lock);
    return false;
}

uint64_t
collection_search_cost_ns(struct collection *collection,
                          const struct search_command *command)
{
    struct segment *segment = collection->segment;
    uint64_t cost_ns = 0;
    struct segment_reader reader;
    segment_read_begin(segment, &reader);
    size_t number = segment_vector_number(segment, command->using);
    if (number != SIZE_MAX) {
        struct segment_search search = {
            .number = number,
            .query = { command->kind, command->vector, command->dim,
                       command->indices, command->rows },
            .k = (uint32_t)(command->limit < COMMAND_LIMIT_MAX
                                ? command->limit + 1
                                : COMMAND_LIMIT_MAX),
            .ef = command->params.hnsw_ef,
            .scoring = scoring_of(&command->params),
            .rescore_count = rescore_count(command),
            .is_exact = command->params.is_exact,
            .filter = command->filter
        };
        cost_ns = segment_search_cost_ns(&reader, &search);
    }
    segment_read_end(&reader);
    return cost_ns;
}

size_t
collection_selected_dims(const struct collection *collection,
                         const struct vector_selection *selection)
{
    const struct segment *segment = collection->segment;
    size_t dims = 0;
    if (selection->selection == SELECT_ALL)
        for (size_t i = 0; i < segment_vectors_count(segment); i++)
            dims += segment_vector_numbers(segment, i);
    if (selection->selection != SELECT_INCLUDE)
        return dims;
    for (size_t i = 0; i < selection->names_count; i++) {
        size_t number = segment_vector_number(segment, selection->names[i]);
        if (number != SIZE_MAX)
            dims += segment_vector_numbers(segment, number);
    }
    return dims;
}
