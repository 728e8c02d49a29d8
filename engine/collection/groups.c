/* SPDX-License-Identifier: Apache-2.0
 * Groups of points: the runs of a query that fill them, and the answer. */
#include "engine/collection/groups_found.h"

#include "base/budget.h"
#include "engine/filter/path.h"

#include <assert.h>
#include <string.h>

/* Runs for any groups, and as many for those that are not full. */
#define PASSES_MAX      5
#define PASS_ARENA_SIZE ((size_t)1 << 30)

struct grouping {
    struct collection *collection;
    const struct groups_command *command;
    struct arena *arena;
    struct search_command search; /* of a pass */
    const struct filter *filter;  /* of the request */
    struct payload_path key;      /* without `[]` at its end */
    size_t limit;                 /* of groups */
    struct groups_found found;
};

static bool
is_full(const struct grouping *grouping, const struct groups_run *run)
{
    return run->end - run->begin >= grouping->command->size;
}

static bool
are_best_full(const struct grouping *grouping)
{
    if (grouping->found.runs_count < grouping->limit)
        return false;
    for (size_t i = 0; i < grouping->limit; i++)
        if (!is_full(grouping, &grouping->found.runs[i]))
            return false;
    return true;
}

/* ---- passes ---- */

/* The keys of one type as a condition of `kind`. False: there are none, or no
 * memory. */
static bool
keys_condition(struct grouping *grouping, const struct groups_run *runs,
               size_t count, bool is_string, struct condition *condition)
{
    bool wants_full = condition->kind == CONDITION_EXCEPT;
    struct match_value *values =
        arena_calloc(grouping->arena, count + 1, sizeof(*values));
    size_t found = 0;
    if (values == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct group_key key = grouping->found.entries[runs[i].begin].key;
        bool is_matched = key.is_negative || key.number <= INT64_MAX;
        if (key.is_string != is_string || !is_matched ||
            is_full(grouping, &runs[i]) != wants_full)
            continue;
        values[found++] =
            (struct match_value){ .type =
                                      is_string ? MATCH_STRING : MATCH_INTEGER,
                                  .string = key.string,
                                  .integer = (int64_t)key.number };
    }
    condition->path = grouping->key;
    condition->values = values;
    condition->values_count = match_values_sort(values, found);
    return found > 0;
}

/* Not these points again; not the full groups, or else only those of the best
 * that are not full. */
static enum engine_code
narrow(struct grouping *grouping, bool is_filling, struct error *reterr)
{
    struct arena *arena = grouping->arena;
    enum condition_kind kind = is_filling ? CONDITION_ANY : CONDITION_EXCEPT;
    size_t best = grouping->found.runs_count;
    struct condition *must = arena_calloc(arena, 3, sizeof(*must));
    struct condition *not = arena_calloc(arena, 2, sizeof(*not ));
    struct condition *any = arena_calloc(arena, 2, sizeof(*any));
    struct filter *filter = arena_calloc(arena, 2, sizeof(*filter));
    struct point_id *ids =
        arena_calloc(arena, grouping->found.seen_count + 1, sizeof(*ids));
    if (arena_failed(arena))
        return error_memory(reterr);
    if (is_filling && best > grouping->limit)
        best = grouping->limit;
    for (size_t i = 0; i < grouping->found.seen_count; i++)
        ids[i] = grouping->found.seen[i].id;
    if (grouping->filter != NULL)
        must[filter->must.count++] =
            (struct condition){ .kind = CONDITION_FILTER,
                                .filter = grouping->filter };
    size_t count = 0;
    for (int is_string = 0; is_string < 2; is_string++) {
        struct condition condition = { .kind = kind };
        if (keys_condition(grouping, grouping->found.runs, best, is_string == 1,
                           &condition))
            any[count++] = condition;
    }
    if (is_filling)
        filter->should = (struct clause){ any, count };
    for (size_t i = 0; !is_filling && i < count; i++)
        must[filter->must.count++] = any[i];
    filter->must.conditions = must;
    not [0] =
        (struct condition){ .kind = CONDITION_IS_EMPTY, .path = grouping->key };
    not [1] = (struct condition){ .kind = CONDITION_HAS_ID,
                                  .ids = ids,
                                  .ids_count = filter_ids_sort(
                                      ids, grouping->found.seen_count) };
    filter->must_not = (struct clause){ not, 2 };
    grouping->search.filter = filter;
    return arena_failed(arena) ? error_memory(reterr) : ENGINE_OK;
}

/* One run of the query. */
static enum engine_code
pass(struct grouping *grouping, bool is_filling, size_t *ret_found,
     struct error *reterr)
{
    struct records records = { 0 };
    struct arena arena;
    enum engine_code code = narrow(grouping, is_filling, reterr);
    if (code != ENGINE_OK)
        return code;
    arena_init(&arena, PASS_ARENA_SIZE);
    arena_bind(&arena, &budget_requests);
    code = collection_search(grouping->collection, &grouping->search, &arena,
                             &records, reterr);
    if (code == ENGINE_ENOMEM && arena_over_budget(&arena))
        code =
            error_memory_busy(reterr, atomic_load(&budget_requests.limit_size));
    if (code == ENGINE_OK)
        code = groups_take(&grouping->found, &records, reterr);
    arena_release(&arena);
    *ret_found = records.count;
    return code == ENGINE_OK ? groups_sort(&grouping->found, reterr) : code;
}

static enum engine_code
passes(struct grouping *grouping, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    bool is_over = false;
    for (int i = 0; !is_over && i < 2 * PASSES_MAX; i++) {
        bool is_filling = i >= PASSES_MAX;
        size_t found = 0;
        code = pass(grouping, is_filling, &found, reterr);
        if (code != ENGINE_OK)
            return code;
        /* Prefetches bring others when these are left out. */
        is_over = found == 0 || are_best_full(grouping) ||
                  (!is_filling && found < grouping->search.limit &&
                   grouping->search.prefetches_count == 0);
    }
    return code;
}

/* ---- the answer ---- */

/* The points of a group, each once; a query by order finds one as often as it
 * has values. */
static size_t
pick_hits(const struct grouping *grouping, const struct groups_run *run,
          const struct record **hits)
{
    size_t count = 0;
    for (size_t i = run->begin; i < run->end && count < grouping->command->size;
         i++) {
        const struct record *record =
            &grouping->found.seen[grouping->found.entries[i].place];
        bool is_known = false;
        for (size_t k = 0; record->has_order && !is_known && k < count; k++)
            is_known = point_id_compare(&hits[k]->id, &record->id) == 0;
        if (!is_known)
            hits[count++] = record;
    }
    return count;
}

/* What was found, with payloads and vectors as wanted; points that are gone
 * meanwhile are left out. */
static enum engine_code
fill_group(struct grouping *grouping, const struct groups_run *run,
           struct group *group, struct error *reterr)
{
    struct arena *arena = grouping->arena;
    size_t room = grouping->command->size + 1, kept = 0;
    const struct record **hits =
        arena_calloc(arena, room, sizeof(const struct record *));
    struct point_id *ids = arena_calloc(arena, room, sizeof(*ids));
    if (hits == NULL || ids == NULL)
        return error_memory(reterr);
    size_t count = pick_hits(grouping, run, hits);
    for (size_t i = 0; i < count; i++)
        ids[i] = hits[i]->id;
    struct retrieve_command retrieve = {
        .ids = ids,
        .ids_count = count,
        .output = grouping->command->search->output,
    };
    struct records records = { 0 };
    enum engine_code code = collection_retrieve(grouping->collection, &retrieve,
                                                arena, &records, reterr);
    struct record *items = arena_calloc(arena, room, sizeof(*items));
    if (code == ENGINE_OK && items == NULL)
        return error_memory(reterr);
    for (size_t i = 0; code == ENGINE_OK && i < count; i++) {
        if (kept == records.count ||
            point_id_compare(&records.items[kept].id, &hits[i]->id) != 0)
            continue;
        items[kept] = records.items[kept];
        items[kept].version = hits[i]->version;
        items[kept].score = hits[i]->score;
        items[kept].has_order = hits[i]->has_order;
        items[kept++].order = hits[i]->order;
    }
    *group = (struct group){ .key = grouping->found.entries[run->begin].key,
                             .hits = items,
                             .hits_count = kept };
    return code;
}

static enum engine_code
fill_groups(struct grouping *grouping, struct groups *groups,
            struct error *reterr)
{
    size_t count = grouping->found.runs_count < grouping->limit
                       ? grouping->found.runs_count
                       : grouping->limit;
    enum engine_code code = ENGINE_OK;
    groups->count = 0;
    groups->items =
        arena_calloc(grouping->arena, count + 1, sizeof(*groups->items));
    if (groups->items == NULL)
        return error_memory(reterr);
    for (size_t i = 0; code == ENGINE_OK && i < count; i++) {
        struct group *group = &groups->items[groups->count];
        code = fill_group(grouping, &grouping->found.runs[i], group, reterr);
        groups->count += group->hits_count > 0;
    }
    return code;
}

/* `a[]` has the groups of `a`. */
static enum engine_code
strip_key(struct grouping *grouping, struct error *reterr)
{
    struct payload_path *key = &grouping->key;
    enum engine_code code =
        path_copy(&grouping->command->key, grouping->arena, key, reterr);
    if (code != ENGINE_OK ||
        key->steps[key->steps_count - 1].index != PATH_INDEX_ALL)
        return code;
    struct path_step *steps =
        arena_calloc(grouping->arena, key->steps_count, sizeof(*steps));
    if (steps == NULL)
        return error_memory(reterr);
    memcpy(steps, key->steps, key->steps_count * sizeof(*steps));
    steps[key->steps_count - 1].index = PATH_INDEX_NONE;
    key->steps = steps;
    key->text.size -= 2;
    return ENGINE_OK;
}

enum engine_code
collection_groups(struct collection *collection,
                  const struct groups_command *command, struct arena *arena,
                  struct groups *ret_groups, struct error *reterr)
{
    struct grouping grouping = { .collection = collection,
                                 .command = command,
                                 .arena = arena,
                                 .search = *command->search,
                                 .filter = command->search->filter,
                                 .limit = command->search->limit };
    assert(command->size >= 1 && command->size <= GROUPS_SIZE_MAX);
    assert(grouping.limit >= 1 &&
           grouping.limit <= COMMAND_LIMIT_MAX / command->size);
    enum engine_code code = strip_key(&grouping, reterr);
    if (code != ENGINE_OK)
        return code;
    grouping.found =
        (struct groups_found){ .arena = arena, .key = &grouping.key };
    grouping.search.limit = grouping.limit * command->size;
    grouping.search.offset = 0;
    grouping.search.output =
        (struct output_selection){ .payload = { SELECT_INCLUDE, &grouping.key,
                                                1 } };
    grouping.found.json = json_reader_new();
    if (grouping.found.json == NULL)
        return error_memory(reterr);
    code = passes(&grouping, reterr);
    json_reader_free(grouping.found.json);
    return code == ENGINE_OK ? fill_groups(&grouping, ret_groups, reterr)
                             : code;
}
