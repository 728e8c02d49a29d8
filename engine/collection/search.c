/* SPDX-License-Identifier: Apache-2.0
 * Reading commands over the one shard: resolve what the query is, ask the
 * segment, make records. All of it is one read of the segment (segment.h). */
#include "engine/collection/body.h"
#include "engine/collection/nearest.h"
#include "engine/collection/output.h"
#include "engine/collection/query_run.h"
#include "engine/collection/strict.h"
#include "engine/segment/search.h"

#include <string.h>
static enum engine_code
limit_check(size_t limit, size_t offset, struct error *reterr)
{
    if (limit <= COMMAND_LIMIT_MAX && offset <= COMMAND_LIMIT_MAX - limit)
        return ENGINE_OK;
    return error_set(reterr, ENGINE_EINPUT,
                     "limit and offset together may be at most %d",
                     COMMAND_LIMIT_MAX);
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
        float score = nearest_score(metric, hits[i].distance);
        if (!nearest_passes(command, kernel_score_is_descending(metric), score))
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
    enum engine_code code =
        limit_check(command->limit, command->offset, reterr);
    if (code != ENGINE_OK)
        return code;
    bool has_query = command->vector != NULL || command->by_id != NULL;
    struct segment_reader reader;
    segment_read_begin(collection->segment, &reader);
    if (query_has_stages(command)) {
        code = query_run(&reader, command, arena, ret_records, reterr);
        goto out;
    }
    struct segment_search search;
    struct segment_report *report = arena_calloc(arena, 1, sizeof(*report));
    const struct hit *hits = NULL;
    size_t count = 0;
    if (report == NULL) {
        code = error_memory(reterr);
        goto out;
    }
    if (!has_query) {
        code = search_by_id_order(&reader, command, arena, ret_records, reterr);
        goto out;
    }
    code = nearest_make(&reader, command, arena, &search, reterr);
    search.report = report;
    if (code == ENGINE_OK && search.k > 0)
        code = segment_search(&reader, &search, arena, &hits, &count, reterr);
    if (code == ENGINE_OK)
        code = hits_to_records(&reader, command,
                               segment_vector_metric(&reader, search.number),
                               hits, count, arena, ret_records, reterr);
    if (code == ENGINE_OK) {
        ret_records->reports = report;
        ret_records->reports_count = 1;
    }
out:
    segment_read_end(&reader);
    return code;
}

/* One page: the next one begins with `start_from`, so there is no next id. */
static enum engine_code
scroll_in_order(struct segment_reader *reader,
                const struct scroll_command *command, struct arena *arena,
                struct records *ret_records, struct error *reterr)
{
    struct query query = { .kind = QUERY_ORDER_BY, .order = *command->order };
    struct search_command search = { .query = &query,
                                     .limit = command->limit,
                                     .filter = command->filter,
                                     .output = command->output,
                                     .deadline_ms = command->deadline_ms };
    return query_run(reader, &search, arena, ret_records, reterr);
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
    if (command->order != NULL) {
        code = scroll_in_order(&reader, command, arena, &records, reterr);
        goto out;
    }
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

/* What a reader holds, for longer. */
static enum engine_code
copy_value(const struct vector_value *value, struct arena *arena,
           struct vector_value *ret_copy, struct error *reterr)
{
    size_t count = value->dim * (value->kind == VECTOR_MULTI ? value->rows : 1);
    float *values = arena_alloc(arena, (count + 1) * sizeof(*values));
    uint32_t *indices = arena_alloc(arena, (count + 1) * sizeof(*indices));
    if (values == NULL || indices == NULL)
        return error_memory(reterr);
    if (count > 0)
        memcpy(values, value->values, count * sizeof(*values));
    if (count > 0 && value->kind == VECTOR_SPARSE)
        memcpy(indices, value->indices, count * sizeof(*indices));
    *ret_copy = *value;
    ret_copy->values = values;
    ret_copy->indices = indices;
    return ENGINE_OK;
}

enum engine_code
collection_lookup(struct collection *collection, struct span name,
                  struct query_example *const *examples, size_t count,
                  struct arena *arena, struct error *reterr)
{
    struct segment *segment = collection->segment;
    struct segment_reader reader;
    size_t number = 0;
    segment_read_begin(segment, &reader);
    enum engine_code code = nearest_number(&reader, name, &number, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < count; i++) {
        struct vector_value value;
        code = nearest_of_point(&reader, number, examples[i]->by_id, arena,
                                &value, reterr);
        if (code == ENGINE_OK)
            code = copy_value(&value, arena, &examples[i]->vector, reterr);
        examples[i]->has_vector = true;
    }
    segment_read_end(&reader);
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
    struct segment_reader reader;
    segment_read_begin(collection->segment, &reader);
    uint64_t cost_ns = query_cost_ns(&reader, command);
    segment_read_end(&reader);
    return cost_ns;
}

size_t
collection_selected_dims(const struct collection *collection,
                         const struct vector_selection *selection)
{
    struct segment_reader reader;
    segment_read_begin(collection->segment, &reader);
    size_t dims = 0, count = 0;
    if (selection->selection == SELECT_ALL)
        for (size_t i = 0; i < segment_vectors_count(&reader); i++)
            if (segment_vector_is_there(&reader, i))
                dims += segment_vector_numbers(&reader, i);
    if (selection->selection == SELECT_INCLUDE)
        count = selection->names_count;
    for (size_t i = 0; i < count; i++) {
        size_t number = segment_vector_number(&reader, selection->names[i]);
        if (number != SIZE_MAX)
            dims += segment_vector_numbers(&reader, number);
    }
    segment_read_end(&reader);
    return dims;
}
