/* SPDX-License-Identifier: Apache-2.0
 * The tree of stages of a query, leaves first. Recursion: QUERY_DEPTH_MAX. */
#include "engine/collection/query_run.h"

#include "engine/collection/output.h"
#include "engine/collection/query_stage.h"

#include <string.h>

/* The filters from the root down to a stage. */
struct filters {
    const struct filter *filter; /* may be NULL */
    const struct filters *above;
};

bool
query_has_stages(const struct search_command *command)
{
    return command->query != NULL || command->prefetches_count > 0 ||
           (command->by_id != NULL && command->vector != NULL);
}

/* All of them as one, in `arena`; NULL: none. */
static enum engine_code
filters_join(const struct filters *filters, struct arena *arena,
             const struct filter **ret_filter, struct error *reterr)
{
    size_t count = 0;
    *ret_filter = NULL;
    for (const struct filters *at = filters; at != NULL; at = at->above)
        if (at->filter != NULL && !filter_is_empty(at->filter)) {
            *ret_filter = at->filter;
            count++;
        }
    if (count < 2)
        return ENGINE_OK;
    struct condition *all = arena_calloc(arena, count, sizeof(*all));
    struct filter *joined = arena_calloc(arena, 1, sizeof(*joined));
    if (all == NULL || joined == NULL)
        return error_memory(reterr);
    for (const struct filters *at = filters; at != NULL; at = at->above)
        if (at->filter != NULL && !filter_is_empty(at->filter))
            all[joined->must.count++] =
                (struct condition){ .kind = CONDITION_FILTER,
                                    .filter = at->filter };
    joined->must.conditions = all;
    *ret_filter = joined;
    return ENGINE_OK;
}

/* The points of the lists. */
static enum engine_code
only_these(struct query_run *run, const struct query_hits *lists, size_t count,
           struct condition *ret_condition, struct error *reterr)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += lists[i].count;
    struct point_id *ids = arena_calloc(run->arena, total + 1, sizeof(*ids));
    if (ids == NULL)
        return error_memory(reterr);
    total = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < lists[i].count; k++)
            ids[total++] = lists[i].items[k].id;
    *ret_condition =
        (struct condition){ .kind = CONDITION_HAS_ID,
                            .ids = ids,
                            .ids_count = filter_ids_sort(ids, total) };
    return ENGINE_OK;
}

/* ---- points that are examples ---- */

static size_t
count_examples(const struct query_example *examples, size_t count,
               struct point_id *ids)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        if (examples[i].by_id != NULL) {
            if (ids != NULL)
                ids[found] = *examples[i].by_id;
            found++;
        }
    return found;
}

/* Their ids, of the whole tree; only the count when `ids` is NULL. */
static size_t
collect_examples(const struct search_command *command, struct point_id *ids)
{
    const struct query *query = command->query;
    size_t count = 0;
#define NEXT (ids == NULL ? NULL : ids + count)
    if (query != NULL) {
        count += count_examples(&query->target, 1, NEXT);
        count += count_examples(query->positives, query->positives_count, NEXT);
        count += count_examples(query->negatives, query->negatives_count, NEXT);
    } else if (command->by_id != NULL) {
        if (ids != NULL)
            ids[count] = *command->by_id;
        count++;
    }
    for (size_t i = 0; i < command->prefetches_count; i++)
        count += collect_examples(&command->prefetches[i], NEXT);
#undef NEXT
    return count;
}

/* A filter that leaves them out; NULL: there are none. */
static enum engine_code
examples_filter(struct query_run *run, const struct search_command *command,
                const struct filter **ret_filter, struct error *reterr)
{
    size_t count = collect_examples(command, NULL);
    *ret_filter = NULL;
    if (count == 0)
        return ENGINE_OK;
    struct point_id *ids = arena_calloc(run->arena, count, sizeof(*ids));
    struct condition *condition =
        arena_calloc(run->arena, 1, sizeof(*condition));
    struct filter *filter = arena_calloc(run->arena, 1, sizeof(*filter));
    if (ids == NULL || condition == NULL || filter == NULL)
        return error_memory(reterr);
    (void)collect_examples(command, ids);
    *condition = (struct condition){ .kind = CONDITION_HAS_ID,
                                     .ids = ids,
                                     .ids_count = filter_ids_sort(ids, count) };
    filter->must_not = (struct clause){ condition, 1 };
    *ret_filter = filter;
    return ENGINE_OK;
}

/* ---- stages ---- */

static void
cut(struct query_hits *hits, const struct search_command *command)
{
    size_t k = command->limit + command->offset;
    size_t count = 0;
    while (count < hits->count && count < k &&
           (!command->has_score_threshold ||
            hits->items[count].score >= command->score_threshold))
        count++;
    hits->count = count;
}

static enum engine_code stage_run(struct query_run *run,
                                  const struct search_command *command,
                                  const struct filters *above,
                                  struct query_hits *ret_hits,
                                  struct error *reterr);

static enum engine_code
stage_merge(struct query_run *run, const struct search_command *command,
            const struct query_hits *lists, struct query_hits *ret_hits,
            struct error *reterr)
{
    size_t count = command->prefetches_count;
    struct condition these = { 0 };
    struct filter filter = { .must = { &these, 1 } };
    if (query_is_fusion(command->query)) {
        enum engine_code code = command->query->kind == QUERY_FORMULA
                                    ? query_formula(run, command->query, lists,
                                                    count, ret_hits, reterr)
                                    : query_fuse(run, command->query, lists,
                                                 count, ret_hits, reterr);
        if (code == ENGINE_OK)
            cut(ret_hits, command);
        return code;
    }
    enum engine_code code = only_these(run, lists, count, &these, reterr);
    if (code != ENGINE_OK)
        return code;
    if (these.ids_count == 0) {
        *ret_hits = (struct query_hits){ 0 };
        return ENGINE_OK;
    }
    return query_ask(run, command, &filter, command->limit + command->offset,
                     ret_hits, reterr);
}

static enum engine_code
stage_run(struct query_run *run, const struct search_command *command,
          const struct filters *above, struct query_hits *ret_hits,
          struct error *reterr)
{
    struct filters filters = { command->filter, above };
    enum engine_code code = ENGINE_OK;
    if (command->prefetches_count == 0) {
        const struct filter *filter = NULL;
        code = filters_join(&filters, run->arena, &filter, reterr);
        return code == ENGINE_OK ? query_ask(run, command, filter,
                                             command->limit + command->offset,
                                             ret_hits, reterr)
                                 : code;
    }
    struct query_hits *lists =
        arena_calloc(run->arena, command->prefetches_count, sizeof(*lists));
    if (lists == NULL)
        return error_memory(reterr);
    for (size_t i = 0; code == ENGINE_OK && i < command->prefetches_count; i++)
        code = stage_run(run, &command->prefetches[i], &filters, &lists[i],
                         reterr);
    return code == ENGINE_OK
               ? stage_merge(run, command, lists, ret_hits, reterr)
               : code;
}

static enum engine_code
write_records(struct query_run *run, const struct search_command *command,
              struct query_hits hits, struct records *ret_records,
              struct error *reterr)
{
    struct output *output = NULL;
    size_t skip = command->offset < hits.count ? command->offset : hits.count;
    size_t count = hits.count - skip;
    const struct query_hit *first = hits.items + skip;
    enum engine_code code = output_begin(run->reader, &command->output,
                                         run->arena, &output, reterr);
    if (code != ENGINE_OK)
        return code;
    struct record *items = arena_calloc(run->arena, count + 1, sizeof(*items));
    uint32_t *slots = arena_calloc(run->arena, count + 1, sizeof(*slots));
    if (items == NULL || slots == NULL)
        return error_memory(reterr);
    for (size_t i = 0; i < count; i++)
        slots[i] = first[i].slot;
    code = output_records(output, slots, count, items, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < count; i++) {
        items[i].score = first[i].score;
        items[i].has_order = first[i].has_order;
        items[i].order = first[i].order;
        if (first[i].is_unscored)
            items[i].version = 0;
    }
    *ret_records = (struct records){ .items = items,
                                     .count = count,
                                     .reports = run->reports,
                                     .reports_count = run->reports_count };
    return code;
}

enum engine_code
query_run(struct segment_reader *reader, const struct search_command *command,
          struct arena *arena, struct records *ret_records,
          struct error *reterr)
{
    struct query_run run = { .reader = reader,
                             .arena = arena,
                             .deadline_ms = command->deadline_ms };
    run.reports = arena_calloc(arena, QUERY_REPORTS_MAX, sizeof(*run.reports));
    if (run.reports == NULL)
        return error_memory(reterr);
    struct filters without = { 0 };
    struct query_hits hits;
    enum engine_code code =
        examples_filter(&run, command, &without.filter, reterr);
    if (code == ENGINE_OK)
        code = stage_run(&run, command, &without, &hits, reterr);
    return code == ENGINE_OK
               ? write_records(&run, command, hits, ret_records, reterr)
               : code;
}
