/* SPDX-License-Identifier: Apache-2.0
 * Tests of one field, from JSON. What the reference only calls "no condition"
 * is named here where it helps. */
#include "engine/api/rest_field.h"

#include "engine/filter/datetime.h"
#include "engine/filter/eval.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define SHOWN_SIZE_MAX 64 /* of what a peer wrote */

#define BAD_CONDITION                                                          \
    "Expected some form of condition, which can be a field condition (like "   \
    "{\"key\": ..., \"match\": ... }), or some other mentioned in the "        \
    "documentation: "                                                          \
    "https://qdrant.tech/documentation/concepts/filtering/"                    \
    "#filtering-conditions"

struct reader {
    struct arena *arena;
    struct error *reterr;
};

enum engine_code
rest_field_bad(const char *why, struct error *reterr)
{
    if (why == NULL)
        return error_set(reterr, ENGINE_EFORMAT, "%s", BAD_CONDITION);
    return error_set(reterr, ENGINE_EFORMAT, "%s: %s", BAD_CONDITION, why);
}

static enum engine_code
bad_condition(const struct reader *reader)
{
    return rest_field_bad(NULL, reader->reterr);
}

static enum engine_code
read_match_one(const struct reader *reader, yyjson_val *value,
               struct condition *condition)
{
    struct match_value *read = arena_calloc(reader->arena, 1, sizeof(*read));
    if (read == NULL)
        return error_memory(reader->reterr);
    if (!match_value_read(value, read))
        return bad_condition(reader);
    condition->kind = CONDITION_MATCH;
    condition->values = read;
    condition->values_count = 1;
    return ENGINE_OK;
}

/* `any` and `except`: strings only or integers only. */
static enum engine_code
read_match_list(const struct reader *reader, yyjson_val *list,
                struct condition *condition)
{
    size_t i, count = yyjson_arr_size(list);
    yyjson_val *item;
    if (!yyjson_is_arr(list))
        return bad_condition(reader);
    if (count > FILTER_ANY_MAX)
        return error_set(reader->reterr, ENGINE_EFORMAT,
                         "a match list has %zu values, at most %d are allowed",
                         count, FILTER_ANY_MAX);
    struct match_value *values =
        arena_calloc(reader->arena, count + 1, sizeof(*values));
    if (values == NULL)
        return error_memory(reader->reterr);
    yyjson_arr_foreach(list, i, count, item)
    {
        if (!match_value_read(item, &values[i]) ||
            values[i].type == MATCH_BOOL || values[i].type != values[0].type)
            return bad_condition(reader);
    }
    condition->values_count = match_values_sort(values, count);
    condition->values = values;
    return ENGINE_OK;
}

static enum engine_code
read_match_text(const struct reader *reader, yyjson_val *value,
                enum text_match kind, struct condition *condition)
{
    if (!yyjson_is_str(value))
        return bad_condition(reader);
    condition->kind = CONDITION_TEXT;
    condition->text = json_span(value);
    if (condition->text.size > FILTER_TEXT_SIZE_MAX)
        return error_set(reader->reterr, ENGINE_EFORMAT,
                         "a text match has %zu bytes, at most %d are allowed",
                         condition->text.size, FILTER_TEXT_SIZE_MAX);
    condition->text_match = kind;
    return ENGINE_OK;
}

static enum engine_code
read_match(const struct reader *reader, yyjson_val *match,
           struct condition *condition)
{
    static const char *const ones[] = { "value", "keyword", "integer" };
    static const struct {
        const char *name;
        enum text_match kind;
    } texts[] = { { "text", TEXT_ALL },
                  { "text_any", TEXT_ANY },
                  { "phrase", TEXT_PHRASE },
                  { "prefix", TEXT_PREFIX } };
    yyjson_val *value;
    for (size_t i = 0; i < sizeof(ones) / sizeof(ones[0]); i++) {
        value = yyjson_obj_get(match, ones[i]);
        if (value != NULL)
            return read_match_one(reader, value, condition);
    }
    condition->kind = CONDITION_ANY;
    value = yyjson_obj_get(match, "any");
    if (value != NULL)
        return read_match_list(reader, value, condition);
    condition->kind = CONDITION_EXCEPT;
    value = yyjson_obj_get(match, "except");
    if (value != NULL)
        return read_match_list(reader, value, condition);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        value = yyjson_obj_get(match, texts[i].name);
        if (value != NULL)
            return read_match_text(reader, value, texts[i].kind, condition);
    }
    return bad_condition(reader);
}

static const char *const bound_names[] = { "lt", "gt", "lte", "gte" };

#define BOUNDS (sizeof(bound_names) / sizeof(bound_names[0]))

static enum engine_code
read_numbers(const struct reader *reader, yyjson_val *value,
             struct condition *condition)
{
    struct range *range = &condition->range;
    bool *has[] = { &range->has_lt, &range->has_gt, &range->has_lte,
                    &range->has_gte };
    double *bounds[] = { &range->lt, &range->gt, &range->lte, &range->gte };
    for (size_t i = 0; i < BOUNDS; i++) {
        yyjson_val *bound = yyjson_obj_get(value, bound_names[i]);
        if (bound == NULL || yyjson_is_null(bound))
            continue;
        if (!yyjson_is_num(bound))
            return bad_condition(reader);
        *has[i] = true;
        *bounds[i] = yyjson_get_num(bound);
    }
    return ENGINE_OK;
}

static enum engine_code
bad_moment(const struct reader *reader, yyjson_val *bound)
{
    if (!yyjson_is_str(bound))
        return rest_field_bad("the bounds of a range are all numbers, or all "
                              "dates and times",
                              reader->reterr);
    struct span text = json_span(bound);
    return error_set(reader->reterr, ENGINE_EFORMAT,
                     "'%.*s' does not match accepted datetime format "
                     "(RFC3339). Example: 2014-01-01T00:00:00Z",
                     text.size < SHOWN_SIZE_MAX ? (int)text.size
                                                : SHOWN_SIZE_MAX,
                     text.data);
}

static enum engine_code
read_datetimes(const struct reader *reader, yyjson_val *value,
               struct condition *condition)
{
    struct datetime_range *range = &condition->datetimes;
    bool *has[] = { &range->has_lt, &range->has_gt, &range->has_lte,
                    &range->has_gte };
    int64_t *bounds[] = { &range->lt, &range->gt, &range->lte, &range->gte };
    condition->kind = CONDITION_DATETIME;
    for (size_t i = 0; i < BOUNDS; i++) {
        yyjson_val *bound = yyjson_obj_get(value, bound_names[i]);
        if (bound == NULL || yyjson_is_null(bound))
            continue;
        if (!yyjson_is_str(bound) ||
            !datetime_parse(json_span(bound), bounds[i]))
            return bad_moment(reader, bound);
        *has[i] = true;
    }
    return ENGINE_OK;
}

/* One bound that is a string makes it a range of moments. */
static enum engine_code
read_range(const struct reader *reader, yyjson_val *value,
           struct condition *condition)
{
    if (!yyjson_is_obj(value))
        return bad_condition(reader);
    condition->kind = CONDITION_RANGE;
    for (size_t i = 0; i < BOUNDS; i++)
        if (yyjson_is_str(yyjson_obj_get(value, bound_names[i])))
            return read_datetimes(reader, value, condition);
    return read_numbers(reader, value, condition);
}

/* Bounds of a number of values: unsigned integers. */
static enum engine_code
read_counts(const struct reader *reader, yyjson_val *value,
            struct condition *condition)
{
    if (!yyjson_is_obj(value))
        return bad_condition(reader);
    condition->kind = CONDITION_COUNT;
    for (size_t i = 0; i < BOUNDS; i++) {
        yyjson_val *bound = yyjson_obj_get(value, bound_names[i]);
        if (bound != NULL && !yyjson_is_null(bound) && !yyjson_is_uint(bound))
            return bad_condition(reader);
    }
    return read_numbers(reader, value, condition);
}

static enum engine_code
read_flag(const struct reader *reader, yyjson_val *value,
          struct condition *condition)
{
    if (!yyjson_is_bool(value))
        return bad_condition(reader);
    condition->is_negated = !yyjson_get_bool(value);
    return ENGINE_OK;
}

/* ---- areas ---- */

static enum engine_code
read_point(const struct reader *reader, yyjson_val *value,
           struct geo_point *ret_point)
{
    if (geo_point_read(value, ret_point))
        return ENGINE_OK;
    yyjson_val *lat = yyjson_obj_get(value, "lat");
    yyjson_val *lon = yyjson_obj_get(value, "lon");
    if (!yyjson_is_num(lat) || !yyjson_is_num(lon))
        return rest_field_bad("a point needs the numbers `lat` and `lon`",
                              reader->reterr);
    char text[160];
    snprintf(text, sizeof(text),
             "Wrong format of GeoPoint payload: expected `lat` = %.17g within "
             "[-90;90] and `lon` = %.17g within [-180;180]",
             yyjson_get_num(lat), yyjson_get_num(lon));
    return rest_field_bad(text, reader->reterr);
}

static enum engine_code
read_box(const struct reader *reader, yyjson_val *value, struct geo_area *area)
{
    area->kind = GEO_BOX;
    enum engine_code code =
        read_point(reader, yyjson_obj_get(value, "top_left"), &area->top_left);
    if (code != ENGINE_OK)
        return code;
    return read_point(reader, yyjson_obj_get(value, "bottom_right"),
                      &area->bottom_right);
}

static enum engine_code
read_radius(const struct reader *reader, yyjson_val *value,
            struct geo_area *area)
{
    yyjson_val *radius = yyjson_obj_get(value, "radius");
    if (!yyjson_is_num(radius))
        return bad_condition(reader);
    area->kind = GEO_RADIUS;
    area->radius_m = yyjson_get_num(radius);
    return read_point(reader, yyjson_obj_get(value, "center"), &area->center);
}

static enum engine_code
read_ring(const struct reader *reader, yyjson_val *value,
          struct geo_ring *ret_ring)
{
    yyjson_val *list = yyjson_obj_get(value, "points"), *item;
    size_t i, count = yyjson_arr_size(list);
    if (!yyjson_is_arr(list))
        return bad_condition(reader);
    if (count > GEO_RING_POINTS_MAX)
        return error_set(reader->reterr, ENGINE_EFORMAT,
                         "a ring has %zu points, at most %d are allowed", count,
                         GEO_RING_POINTS_MAX);
    struct geo_point *points =
        arena_calloc(reader->arena, count + 1, sizeof(*points));
    if (points == NULL)
        return error_memory(reader->reterr);
    yyjson_arr_foreach(list, i, count, item)
    {
        enum engine_code code = read_point(reader, item, &points[i]);
        if (code != ENGINE_OK)
            return code;
    }
    if (count < GEO_RING_POINTS_MIN) {
        char text[80];
        snprintf(text, sizeof(text),
                 "polygon invalid, the size must be at least 4, got %zu",
                 count);
        return rest_field_bad(text, reader->reterr);
    }
    if (points[0].lon != points[count - 1].lon ||
        points[0].lat != points[count - 1].lat)
        return rest_field_bad("polygon invalid, the first and the last points "
                              "should be the same to form a closed line",
                              reader->reterr);
    *ret_ring = (struct geo_ring){ points, count };
    return ENGINE_OK;
}

static enum engine_code
read_polygon(const struct reader *reader, yyjson_val *value,
             struct geo_area *area)
{
    yyjson_val *list = yyjson_obj_get(value, "interiors"), *item;
    size_t i, count = yyjson_arr_size(list);
    area->kind = GEO_POLYGON;
    if (list != NULL && !yyjson_is_arr(list) && !yyjson_is_null(list))
        return bad_condition(reader);
    if (count > FILTER_RINGS_MAX)
        return error_set(reader->reterr, ENGINE_EFORMAT,
                         "a polygon has %zu interiors, at most %d are allowed",
                         count, FILTER_RINGS_MAX);
    struct geo_ring *rings =
        arena_calloc(reader->arena, count + 1, sizeof(*rings));
    if (rings == NULL)
        return error_memory(reader->reterr);
    enum engine_code code =
        read_ring(reader, yyjson_obj_get(value, "exterior"), &area->exterior);
    if (code != ENGINE_OK || count == 0)
        return code;
    yyjson_arr_foreach(list, i, count, item)
    {
        code = read_ring(reader, item, &rings[i]);
        if (code != ENGINE_OK)
            return code;
    }
    area->interiors = rings;
    area->interiors_count = count;
    return ENGINE_OK;
}

static enum engine_code
read_area(const struct reader *reader, yyjson_val *value,
          enum engine_code (*read)(const struct reader *, yyjson_val *,
                                   struct geo_area *),
          struct condition *condition)
{
    struct geo_area *area = arena_calloc(reader->arena, 1, sizeof(*area));
    if (area == NULL)
        return error_memory(reader->reterr);
    condition->kind = CONDITION_GEO;
    condition->area = area;
    return yyjson_is_obj(value) ? read(reader, value, area)
                                : bad_condition(reader);
}

static enum engine_code
read_geo(const char *name, const struct reader *reader, yyjson_val *value,
         struct condition *condition)
{
    if (strcmp(name, "geo_bounding_box") == 0)
        return read_area(reader, value, read_box, condition);
    if (strcmp(name, "geo_radius") == 0)
        return read_area(reader, value, read_radius, condition);
    assert(strcmp(name, "geo_polygon") == 0);
    return read_area(reader, value, read_polygon, condition);
}

enum engine_code
rest_field_test(const char *name, yyjson_val *value, struct arena *arena,
                struct condition *ret, struct error *reterr)
{
    struct reader reader = { arena, reterr };
    if (strcmp(name, "match") == 0)
        return read_match(&reader, value, ret);
    if (strcmp(name, "range") == 0)
        return read_range(&reader, value, ret);
    if (strcmp(name, "values_count") == 0)
        return read_counts(&reader, value, ret);
    if (strcmp(name, "is_empty") == 0) {
        ret->kind = CONDITION_IS_EMPTY;
        return read_flag(&reader, value, ret);
    }
    if (strcmp(name, "is_null") == 0) {
        ret->kind = CONDITION_IS_NULL;
        return read_flag(&reader, value, ret);
    }
    return read_geo(name, &reader, value, ret);
}
