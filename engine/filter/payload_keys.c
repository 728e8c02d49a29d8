/* SPDX-License-Identifier: Apache-2.0
 * Which members of a payload matter to a filter. Recursion follows the
 * filter's nesting: FILTER_DEPTH_MAX. */
#include "engine/filter/payload_keys.h"

#include <assert.h>

struct gathering {
    struct span *keys;
    size_t count;
    size_t count_max;
    bool is_over; /* there are more */
};

static void gather_filter(struct gathering *gathering,
                          const struct filter *filter);

static void
gather_path(struct gathering *gathering, const struct payload_path *path)
{
    assert(path->steps_count > 0);
    struct span key = path->steps[0].key;
    for (size_t i = 0; i < gathering->count; i++)
        if (span_equal(gathering->keys[i], key))
            return;
    if (gathering->count == gathering->count_max)
        gathering->is_over = true;
    else
        gathering->keys[gathering->count++] = key;
}

static void
gather_conditions(struct gathering *gathering,
                  const struct condition *conditions, size_t count)
{
    for (size_t i = 0; i < count && !gathering->is_over; i++) {
        const struct condition *condition = &conditions[i];
        switch (condition->kind) {
        case CONDITION_HAS_ID:
        case CONDITION_HAS_VECTOR:
        case CONDITION_SLICE:
            continue;
        case CONDITION_OR:
            gather_conditions(gathering, condition->tests,
                              condition->tests_count);
            continue;
        case CONDITION_FILTER:
            gather_filter(gathering, condition->filter);
            continue;
        case CONDITION_MATCH:
        case CONDITION_ANY:
        case CONDITION_EXCEPT:
        case CONDITION_RANGE:
        case CONDITION_IS_EMPTY:
        case CONDITION_IS_NULL:
        case CONDITION_NESTED:
        case CONDITION_COUNT:
        case CONDITION_DATETIME:
        case CONDITION_GEO:
        case CONDITION_TEXT:
            break;
        }
        gather_path(gathering, &condition->path);
    }
}

static void
gather_filter(struct gathering *gathering, const struct filter *filter)
{
    const struct clause *clauses[] = { &filter->must, &filter->should,
                                       &filter->must_not, &filter->min_should };
    for (size_t i = 0; i < sizeof(clauses) / sizeof(clauses[0]); i++)
        gather_conditions(gathering, clauses[i]->conditions, clauses[i]->count);
}

size_t
payload_keys(const struct filter *filter, struct span *keys, size_t keys_max)
{
    struct gathering gathering = { .keys = keys, .count_max = keys_max };
    gather_filter(&gathering, filter);
    return gathering.is_over ? SIZE_MAX : gathering.count;
}
