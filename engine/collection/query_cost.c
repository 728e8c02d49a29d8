/* SPDX-License-Identifier: Apache-2.0
 * What a query will take, roughly, by its stages. */
#include "engine/collection/nearest.h"
#include "engine/collection/query_run.h"

/* Of one point: found again among those of a prefetch, or read in order. */
#define AGAIN_NS 3000u
#define POINT_NS 1000u

static uint64_t
search_cost_ns(const struct segment_reader *reader,
               const struct search_command *command)
{
    struct segment_search search = nearest_params(command);
    search.number = segment_vector_number(reader, command->using);
    search.query =
        (struct vector_value){ command->kind, command->vector, command->dim,
                               command->indices, command->rows };
    return search.number == SIZE_MAX ? 0
                                     : segment_search_cost_ns(reader, &search);
}

static uint64_t
leaf_cost_ns(const struct segment_reader *reader,
             const struct search_command *command)
{
    size_t k = command->limit + command->offset;
    bool has_vector = command->vector != NULL || command->by_id != NULL;
    if (command->query == NULL && has_vector)
        return search_cost_ns(reader, command);
    if (command->query != NULL && command->query->kind == QUERY_AVERAGE)
        return search_cost_ns(reader, command);
    bool is_list = command->query == NULL ||
                   command->query->kind == QUERY_ORDER_BY ||
                   command->query->kind == QUERY_SAMPLE;
    return is_list && command->filter == NULL ? k * POINT_NS : UINT64_MAX;
}

/* Recursion: QUERY_DEPTH_MAX. */
uint64_t
query_cost_ns(const struct segment_reader *reader,
              const struct search_command *command)
{
    uint64_t cost_ns = 0;
    if (command->prefetches_count == 0)
        return leaf_cost_ns(reader, command);
    for (size_t i = 0; i < command->prefetches_count; i++) {
        uint64_t more_ns = query_cost_ns(reader, &command->prefetches[i]);
        if (more_ns == UINT64_MAX)
            return UINT64_MAX;
        /* A filter further up holds here, too. */
        if (command->filter != NULL)
            return UINT64_MAX;
        cost_ns += more_ns + command->prefetches[i].limit * AGAIN_NS;
    }
    return cost_ns;
}
