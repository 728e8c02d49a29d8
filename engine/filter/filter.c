/* SPDX-License-Identifier: Apache-2.0
 * The few operations on a filter as plain data: the order of its lists. */
#include "engine/filter/filter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int
match_value_compare(const struct match_value *a, const struct match_value *b)
{
    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    switch (a->type) {
    case MATCH_STRING:
        return span_compare(a->string, b->string);
    case MATCH_INTEGER:
        return (a->integer > b->integer) - (a->integer < b->integer);
    case MATCH_BOOL:
        break;
    }
    return (int)a->boolean - (int)b->boolean;
}

static int
compare_values(const void *a, const void *b)
{
    return match_value_compare(a, b);
}

static int
compare_ids(const void *a, const void *b)
{
    return point_id_compare(a, b);
}

size_t
match_values_sort(struct match_value *values, size_t count)
{
    assert(values != NULL || count == 0);
    if (count < 2)
        return count;
    qsort(values, count, sizeof(*values), compare_values);
    size_t kept = 1;
    for (size_t i = 1; i < count; i++)
        if (match_value_compare(&values[kept - 1], &values[i]) != 0)
            values[kept++] = values[i];
    return kept;
}

size_t
filter_ids_sort(struct point_id *ids, size_t count)
{
    assert(ids != NULL || count == 0);
    if (count < 2)
        return count;
    qsort(ids, count, sizeof(*ids), compare_ids);
    size_t kept = 1;
    for (size_t i = 1; i < count; i++)
        if (point_id_compare(&ids[kept - 1], &ids[i]) != 0)
            ids[kept++] = ids[i];
    return kept;
}

bool
filter_is_empty(const struct filter *filter)
{
    return filter->must.count == 0 && filter->should.count == 0 &&
           filter->must_not.count == 0 && filter->min_should_count == 0;
}
