/* SPDX-License-Identifier: Apache-2.0
 * A filter as bytes. Each part begins with its kind and its count or size, so
 * that no two filters run into each other. Conditions of a clause are written
 * in the order of their bytes. Recursion follows the nesting of the filter:
 * FILTER_DEPTH_MAX. */
#include "engine/filter/filter_key.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Clauses with more conditions keep their order. */
#define SORTED_MAX 64u

static void add_filter(struct bytes *key, const struct filter *filter);

static void
add_span(struct bytes *key, struct span span)
{
    bytes_add_u64(key, span.size);
    bytes_add_span(key, span);
}

static void
add_double(struct bytes *key, double value)
{
    uint64_t bits;
    double plus = value + 0.0; /* -0 is 0 */
    memcpy(&bits, &plus, sizeof(bits));
    bytes_add_u64(key, bits);
}

static void
add_path(struct bytes *key, const struct payload_path *path)
{
    bytes_add_u64(key, path->steps_count);
    for (size_t i = 0; i < path->steps_count; i++) {
        const struct path_step *step = &path->steps[i];
        bytes_add_char(key, step->key.data == NULL ? 'i' : 'k');
        add_span(key, step->key);
        bytes_add_u32(key, (uint32_t)step->index);
        bytes_add_u32(key, step->index == PATH_INDEX_ONE ? step->element : 0);
    }
}

static void
add_values(struct bytes *key, const struct condition *condition)
{
    bytes_add_u64(key, condition->values_count);
    for (size_t i = 0; i < condition->values_count; i++) {
        const struct match_value *value = &condition->values[i];
        bytes_add_u32(key, (uint32_t)value->type);
        if (value->type == MATCH_STRING)
            add_span(key, value->string);
        else
            bytes_add_u64(key, value->type == MATCH_BOOL
                                   ? (uint64_t)value->boolean
                                   : (uint64_t)value->integer);
    }
}

/* Which bounds there are. */
static void
add_bounds(struct bytes *key, bool has_lt, bool has_gt, bool has_lte,
           bool has_gte)
{
    bytes_add_char(
        key, (char)('0' + has_lt + 2 * has_gt + 4 * has_lte + 8 * has_gte));
}

static void
add_range(struct bytes *key, const struct range *range)
{
    add_bounds(key, range->has_lt, range->has_gt, range->has_lte,
               range->has_gte);
    add_double(key, range->has_lt ? range->lt : 0.0);
    add_double(key, range->has_gt ? range->gt : 0.0);
    add_double(key, range->has_lte ? range->lte : 0.0);
    add_double(key, range->has_gte ? range->gte : 0.0);
}

static void
add_datetimes(struct bytes *key, const struct datetime_range *range)
{
    add_bounds(key, range->has_lt, range->has_gt, range->has_lte,
               range->has_gte);
    bytes_add_u64(key, range->has_lt ? (uint64_t)range->lt : 0);
    bytes_add_u64(key, range->has_gt ? (uint64_t)range->gt : 0);
    bytes_add_u64(key, range->has_lte ? (uint64_t)range->lte : 0);
    bytes_add_u64(key, range->has_gte ? (uint64_t)range->gte : 0);
}

static void
add_point(struct bytes *key, struct geo_point point)
{
    add_double(key, point.lon);
    add_double(key, point.lat);
}

static void
add_ring(struct bytes *key, const struct geo_ring *ring)
{
    bytes_add_u64(key, ring->count);
    for (size_t i = 0; i < ring->count && !bytes_failed(key); i++)
        add_point(key, ring->points[i]);
}

static void
add_area(struct bytes *key, const struct geo_area *area)
{
    bytes_add_u32(key, (uint32_t)area->kind);
    switch (area->kind) {
    case GEO_BOX:
        add_point(key, area->top_left);
        add_point(key, area->bottom_right);
        return;
    case GEO_RADIUS:
        add_point(key, area->center);
        add_double(key, area->radius_m);
        return;
    case GEO_POLYGON:
        break;
    }
    add_ring(key, &area->exterior);
    bytes_add_u64(key, area->interiors_count);
    for (size_t i = 0; i < area->interiors_count; i++)
        add_ring(key, &area->interiors[i]);
}

static void
add_ids(struct bytes *key, const struct condition *condition)
{
    bytes_add_u64(key, condition->ids_count);
    for (size_t i = 0; i < condition->ids_count && !bytes_failed(key); i++) {
        uint8_t id[POINT_ID_KEY_SIZE_MAX];
        size_t size = point_id_key(&condition->ids[i], id);
        bytes_add(key, id, size);
    }
}

static void add_conditions(struct bytes *key, const struct condition *items,
                           size_t count);

static void
add_condition(struct bytes *key, const struct condition *condition)
{
    bytes_add_u32(key, (uint32_t)condition->kind);
    bytes_add_char(
        key, (char)('0' + condition->is_negated + 2 * condition->is_whole));
    switch (condition->kind) {
    case CONDITION_MATCH:
    case CONDITION_ANY:
    case CONDITION_EXCEPT:
        add_path(key, &condition->path);
        add_values(key, condition);
        return;
    case CONDITION_RANGE:
    case CONDITION_COUNT:
        add_path(key, &condition->path);
        add_range(key, &condition->range);
        return;
    case CONDITION_DATETIME:
        add_path(key, &condition->path);
        add_datetimes(key, &condition->datetimes);
        return;
    case CONDITION_GEO:
        add_path(key, &condition->path);
        add_area(key, condition->area);
        return;
    case CONDITION_TEXT:
        add_path(key, &condition->path);
        bytes_add_u32(key, (uint32_t)condition->text_match);
        add_span(key, condition->text);
        return;
    case CONDITION_IS_EMPTY:
    case CONDITION_IS_NULL:
        add_path(key, &condition->path);
        return;
    case CONDITION_HAS_ID:
        add_ids(key, condition);
        return;
    case CONDITION_OR:
        add_conditions(key, condition->tests, condition->tests_count);
        return;
    case CONDITION_NESTED:
        add_path(key, &condition->path);
        add_filter(key, condition->filter);
        return;
    case CONDITION_FILTER:
        add_filter(key, condition->filter);
        return;
    case CONDITION_HAS_VECTOR:
        add_span(key, condition->text);
        return;
    case CONDITION_SLICE:
        bytes_add_u64(key, condition->slice.total);
        bytes_add_u64(key, condition->slice.index);
        return;
    }
}

static int
compare_spans(const void *a, const void *b)
{
    return span_compare(*(const struct span *)a, *(const struct span *)b);
}

/* Puts the parts of key[begin..] that end at ends[] in order. */
static void
sort_parts(struct bytes *key, size_t begin, const size_t *ends, size_t count)
{
    struct span parts[SORTED_MAX];
    size_t size = key->size - begin;
    char *copy = malloc(size + 1);
    if (copy == NULL) {
        key->is_failed = true;
        return;
    }
    memcpy(copy, key->data + begin, size);
    for (size_t i = 0; i < count; i++) {
        size_t at = i == 0 ? 0 : ends[i - 1] - begin;
        parts[i] = (struct span){ copy + at, ends[i] - begin - at };
    }
    qsort(parts, count, sizeof(parts[0]), compare_spans);
    char *to = key->data + begin;
    for (size_t i = 0; i < count; i++) {
        memcpy(to, parts[i].data, parts[i].size);
        to += parts[i].size;
    }
    free(copy);
}

static void
add_conditions(struct bytes *key, const struct condition *items, size_t count)
{
    size_t ends[SORTED_MAX];
    bytes_add_u64(key, count);
    size_t begin = key->size;
    for (size_t i = 0; i < count && !bytes_failed(key); i++) {
        add_condition(key, &items[i]);
        if (i < SORTED_MAX)
            ends[i] = key->size;
    }
    if (count > 1 && count <= SORTED_MAX && !bytes_failed(key))
        sort_parts(key, begin, ends, count);
}

static void
add_filter(struct bytes *key, const struct filter *filter)
{
    const struct clause *clauses[] = { &filter->must, &filter->should,
                                       &filter->must_not, &filter->min_should };
    for (size_t i = 0; i < sizeof(clauses) / sizeof(clauses[0]); i++)
        add_conditions(key, clauses[i]->conditions, clauses[i]->count);
    bytes_add_u64(key, filter->min_should_count);
}

bool
filter_key(const struct filter *filter, struct bytes *key)
{
    assert(key->size_max >= FILTER_KEY_SIZE_MAX);
    add_filter(key, filter);
    return !bytes_failed(key) && key->size <= FILTER_KEY_SIZE_MAX;
}
