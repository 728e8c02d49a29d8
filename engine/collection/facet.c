/* SPDX-License-Identifier: Apache-2.0
 * What is asked of many points at once: counts by value, and the distances
 * between some of them. */
#include "engine/collection/facet.h"

#include "engine/codec/json_reader.h"
#include "engine/collection/body.h"
#include "engine/collection/nearest.h"
#include "engine/collection/strict.h"

#include <stdlib.h>

/* An integer index may be for ranges alone. */
static enum engine_code
check_lookup(struct segment *segment, const struct payload_path *key,
             struct arena *arena, struct error *reterr)
{
    const struct segment_index_info *indexes = NULL;
    size_t count = 0;
    enum engine_code code =
        segment_indexes(segment, arena, &indexes, &count, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < count; i++) {
        if (indexes[i].kind != PAYLOAD_INDEX_INTEGER ||
            indexes[i].note.size == 0 ||
            !span_equal(indexes[i].field, key->text))
            continue;
        yyjson_doc *note = json_text_read(indexes[i].note);
        bool is_off = yyjson_is_false(
            yyjson_obj_get(yyjson_doc_get_root(note), "lookup"));
        yyjson_doc_free(note);
        if (is_off)
            return error_set(reterr, ENGINE_EINPUT,
                             "No appropriate index for faceting: `%.*s`. "
                             "Please create one with `lookup` to facet on "
                             "this field",
                             (int)key->text.size, key->text.data);
    }
    return code;
}

static enum engine_code
too_many(const char *what, size_t max, struct error *reterr)
{
    return error_set(reterr, ENGINE_EINPUT, "%s may be at most %zu", what, max);
}

enum engine_code
collection_facet(struct collection *collection,
                 const struct facet_command *command, struct arena *arena,
                 const struct facet_hit **ret_hits, size_t *ret_count,
                 struct error *reterr)
{
    struct segment_facet facet = { .path = &command->key,
                                   .filter = command->filter,
                                   .limit = command->limit,
                                   .deadline_ms = command->deadline_ms };
    struct segment_reader reader;
    if (command->limit > COMMAND_LIMIT_MAX)
        return too_many("limit", COMMAND_LIMIT_MAX, reterr);
    enum engine_code code = collection_check_read(
        collection,
        &(struct strict_read){ .has_limit = true,
                               .limit = command->limit,
                               .filter = command->filter,
                               .is_exact = command->is_exact,
                               .tokens = 1 },
        reterr);
    if (code == ENGINE_OK)
        code = check_lookup(collection->segment, &command->key, arena, reterr);
    if (code != ENGINE_OK)
        return code;
    segment_read_begin(collection->segment, &reader);
    code = segment_facets(&reader, &facet, arena, ret_hits, ret_count, reterr);
    segment_read_end(&reader);
    return code;
}

/* ---- matrix ---- */

static enum engine_code
matrix_sample(struct collection *collection,
              const struct matrix_command *command, struct arena *arena,
              struct matrix *matrix, struct error *reterr)
{
    struct segment_reader reader;
    segment_read_begin(collection->segment, &reader);
    struct segment_sample sample = {
        .filter = command->filter,
        .count = command->sample,
        .deadline_ms = command->deadline_ms,
    };
    enum engine_code code =
        nearest_number(&reader, command->using, &sample.number, reterr);
    if (code == ENGINE_OK)
        code = segment_sample(&reader, &sample, arena, &matrix->ids,
                              &matrix->count, reterr);
    segment_read_end(&reader);
    return code;
}

static int
compare_ids(const void *a, const void *b)
{
    return point_id_compare(a, b);
}

/* The records of one row into `pairs`. */
static void
row_take(const struct matrix *matrix, size_t row, const struct records *records,
         struct matrix_pair *pairs, size_t *count)
{
    for (size_t i = 0; i < records->count; i++) {
        const struct point_id *found =
            bsearch(&records->items[i].id, matrix->ids, matrix->count,
                    sizeof(*found), compare_ids);
        if (found != NULL)
            pairs[(*count)++] =
                (struct matrix_pair){ row, (size_t)(found - matrix->ids),
                                      records->items[i].score };
    }
}

/* One search for each; what a search takes is given back after it. */
#define ROW_ARENA_SIZE ((size_t)64 << 20)

static enum engine_code
matrix_rows(struct collection *collection, const struct search_command *common,
            struct matrix *matrix, struct matrix_pair *pairs,
            struct error *reterr)
{
    size_t count = 0;
    enum engine_code code = ENGINE_OK;
    for (size_t row = 0; code == ENGINE_OK && row < matrix->count; row++) {
        struct search_command search = *common;
        struct records records = { 0 };
        struct arena arena;
        arena_init(&arena, ROW_ARENA_SIZE);
        search.by_id = &matrix->ids[row];
        code = collection_search(collection, &search, &arena, &records, reterr);
        if (code == ENGINE_OK)
            row_take(matrix, row, &records, pairs, &count);
        else if (code == ENGINE_ENOTFOUND)
            code = ENGINE_OK; /* deleted meanwhile */
        arena_release(&arena);
    }
    matrix->pairs = pairs;
    matrix->pairs_count = count;
    return code;
}

static enum engine_code
matrix_check(struct collection *collection,
             const struct matrix_command *command, struct error *reterr)
{
    size_t asked = 1;
    if (command->has_sample)
        asked = command->sample;
    if (command->has_limit)
        asked = command->limit < SIZE_MAX / asked ? asked * command->limit
                                                  : SIZE_MAX;
    return collection_check_read(
        collection,
        &(struct strict_read){ .has_limit =
                                   command->has_sample || command->has_limit,
                               .limit = asked,
                               .filter = command->filter,
                               .tokens = command->sample },
        reterr);
}

enum engine_code
collection_matrix(struct collection *collection,
                  const struct matrix_command *command, struct arena *arena,
                  struct matrix *ret_matrix, struct error *reterr)
{
    struct matrix matrix = { 0 };
    if (command->sample > MATRIX_SAMPLE_MAX)
        return too_many("sample", MATRIX_SAMPLE_MAX, reterr);
    enum engine_code code = matrix_check(collection, command, reterr);
    if (code == ENGINE_OK)
        code = matrix_sample(collection, command, arena, &matrix, reterr);
    if (code != ENGINE_OK)
        return code;
    if (matrix.count < 2) {
        *ret_matrix = (struct matrix){ 0 };
        return ENGINE_OK;
    }
    struct condition among = { .kind = CONDITION_HAS_ID,
                               .ids = matrix.ids,
                               .ids_count = matrix.count };
    struct filter filter = { .must = { &among, 1 } };
    struct search_command search = {
        .using = command->using,
        .filter = &filter,
        .params = { .is_exact = true },
        .limit = command->limit < matrix.count - 1 ? command->limit
                                                   : matrix.count - 1,
        .deadline_ms = command->deadline_ms,
    };
    struct matrix_pair *pairs =
        arena_calloc(arena, matrix.count, search.limit * sizeof(*pairs));
    if (pairs == NULL)
        return error_memory(reterr);
    code = matrix_rows(collection, &search, &matrix, pairs, reterr);
    if (code == ENGINE_OK)
        *ret_matrix = matrix;
    return code;
}
