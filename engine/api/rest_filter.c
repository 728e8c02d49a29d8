/* SPDX-License-Identifier: Apache-2.0
 * A JSON filter to struct filter. Everything a peer controls is bounded here:
 * depth, conditions of a clause, values of a match. A frame per level of
 * nesting remembers the place, so that a 422 text can name it.
 * Recursion: rest_filter_parse -> clause -> condition -> filter, at most
 * FILTER_DEPTH_MAX deep. */
#include "engine/api/rest_filter.h"

#include "engine/api/rest_field.h"
#include "engine/filter/path.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define WHERE_SIZE 256

/* One level of the filter that is being read. */
struct frame {
    const struct frame *parent; /* NULL: the root */
    const char *root;           /* of the root frame: `where` */
    const char *clause;         /* of the parent, in which this filter stands */
    size_t index;
    size_t depth;
};

struct reader {
    struct arena *arena;
    struct error *reterr;
};

static enum engine_code read_filter(const struct reader *reader,
                                    yyjson_val *value,
                                    const struct frame *frame,
                                    const struct filter **ret_filter);

static enum engine_code
bad_condition(const struct reader *reader)
{
    return rest_field_bad(NULL, reader->reterr);
}

/* "search_request.filter.must[0].should[2]" */
static void
where_text(const struct frame *frame, struct bytes *out)
{
    const struct frame *chain[FILTER_DEPTH_MAX + 1];
    size_t count = 0;
    for (; frame != NULL && count <= FILTER_DEPTH_MAX; frame = frame->parent)
        chain[count++] = frame;
    bytes_add_text(out, chain[count - 1]->root);
    for (size_t i = count - 1; i-- > 0;)
        bytes_addf(out, ".%s[%zu]", chain[i]->clause, chain[i]->index);
}

static enum engine_code
invalid(const struct reader *reader, const struct frame *frame,
        const char *text)
{
    struct bytes where;
    bytes_init(&where, 4096);
    where_text(frame, &where);
    enum engine_code code = error_set(
        reader->reterr, ENGINE_EVALID, "[%.*s%s]", WHERE_SIZE,
        where.data == NULL || bytes_failed(&where) ? "filter" : where.data,
        text);
    bytes_release(&where);
    return code;
}

/* ---- field conditions ---- */

static const char *const test_names[] = {
    "match",      "range",       "values_count",
    "is_empty",   "is_null",     "geo_bounding_box",
    "geo_radius", "geo_polygon",
};

#define TESTS_MAX (sizeof(test_names) / sizeof(test_names[0]))

/* {key, tests...}: several tests of one field are ORed. */
static enum engine_code
read_field(const struct reader *reader, yyjson_val *value,
           const struct frame *frame, struct condition *ret_condition)
{
    struct payload_path path;
    yyjson_val *key = yyjson_obj_get(value, "key");
    if (!yyjson_is_str(key))
        return bad_condition(reader);
    enum engine_code code =
        path_parse(json_span(key), reader->arena, &path, reader->reterr);
    if (code != ENGINE_OK)
        return code;
    struct condition *tests =
        arena_calloc(reader->arena, TESTS_MAX, sizeof(*tests));
    if (tests == NULL)
        return error_memory(reader->reterr);
    size_t count = 0;
    for (size_t i = 0; i < TESTS_MAX; i++) {
        yyjson_val *test = yyjson_obj_get(value, test_names[i]);
        if (test == NULL || yyjson_is_null(test))
            continue;
        tests[count].path = path;
        code = rest_field_test(test_names[i], test, reader->arena,
                               &tests[count], reader->reterr);
        if (code != ENGINE_OK)
            return code;
        count++;
    }
    if (count == 0)
        return invalid(reader, frame,
                       ": Validation error: At least one field condition must "
                       "be specified [{}]");
    *ret_condition = count == 1 ? tests[0]
                                : (struct condition){ .kind = CONDITION_OR,
                                                      .tests = tests,
                                                      .tests_count = count };
    return ENGINE_OK;
}

/* ---- other conditions ---- */

/* {is_empty: {key}} and {is_null: {key}}. */
static enum engine_code
read_payload_field(const struct reader *reader, yyjson_val *value,
                   struct condition *condition)
{
    yyjson_val *key = yyjson_obj_get(value, "key");
    if (!yyjson_is_str(key))
        return bad_condition(reader);
    condition->is_whole = true;
    return path_parse(json_span(key), reader->arena, &condition->path,
                      reader->reterr);
}

static enum engine_code
read_ids(const struct reader *reader, yyjson_val *list,
         struct condition *condition)
{
    size_t i, count = yyjson_arr_size(list);
    yyjson_val *item;
    if (!yyjson_is_arr(list))
        return bad_condition(reader);
    if (count > FILTER_ANY_MAX)
        return error_set(reader->reterr, ENGINE_EFORMAT,
                         "has_id has %zu ids, at most %d are allowed", count,
                         FILTER_ANY_MAX);
    struct point_id *ids = arena_calloc(reader->arena, count + 1, sizeof(*ids));
    if (ids == NULL)
        return error_memory(reader->reterr);
    yyjson_arr_foreach(list, i, count, item)
    {
        enum engine_code code =
            point_id_from_json(item, &ids[i], reader->reterr);
        if (code != ENGINE_OK)
            return code;
    }
    condition->kind = CONDITION_HAS_ID;
    condition->ids_count = filter_ids_sort(ids, count);
    condition->ids = ids;
    return ENGINE_OK;
}

static enum engine_code
read_has_vector(const struct reader *reader, yyjson_val *value,
                struct condition *condition)
{
    if (!yyjson_is_str(value))
        return bad_condition(reader);
    condition->kind = CONDITION_HAS_VECTOR;
    condition->text = json_span(value);
    return ENGINE_OK;
}

static enum engine_code
read_slice(const struct reader *reader, yyjson_val *value,
           const struct frame *frame, struct condition *condition)
{
    yyjson_val *total = yyjson_obj_get(value, "total");
    yyjson_val *index = yyjson_obj_get(value, "index");
    if (!yyjson_is_uint(total) || !yyjson_is_uint(index))
        return bad_condition(reader);
    condition->kind = CONDITION_SLICE;
    condition->slice =
        (struct id_slice){ yyjson_get_uint(total), yyjson_get_uint(index) };
    if (condition->slice.total == 0)
        return invalid(reader, frame,
                       ".slice.total: Validation error: the total must be "
                       "greater than 0 [{}]");
    if (condition->slice.index >= condition->slice.total)
        return invalid(reader, frame,
                       ".slice.index: Validation error: the index must be "
                       "less than the total [{}]");
    return ENGINE_OK;
}

/* {key, filter}: `key[]` means the same array as `key`. */
static enum engine_code
read_nested(const struct reader *reader, yyjson_val *value,
            const struct frame *frame, struct condition *condition)
{
    yyjson_val *key = yyjson_obj_get(value, "key");
    yyjson_val *filter = yyjson_obj_get(value, "filter");
    if (!yyjson_is_str(key) || !yyjson_is_obj(filter))
        return bad_condition(reader);
    struct span text = json_span(key);
    if (text.size > 2 && memcmp(text.data + text.size - 2, "[]", 2) == 0)
        text.size -= 2;
    condition->kind = CONDITION_NESTED;
    enum engine_code code =
        path_parse(text, reader->arena, &condition->path, reader->reterr);
    if (code != ENGINE_OK)
        return code;
    return read_filter(reader, filter, frame, &condition->filter);
}

static bool
is_filter(yyjson_val *value)
{
    return yyjson_obj_size(value) == 0 ||
           yyjson_obj_get(value, "must") != NULL ||
           yyjson_obj_get(value, "should") != NULL ||
           yyjson_obj_get(value, "must_not") != NULL ||
           yyjson_obj_get(value, "min_should") != NULL;
}

static enum engine_code
read_condition(const struct reader *reader, yyjson_val *value,
               const struct frame *frame, struct condition *ret_condition)
{
    yyjson_val *inner;
    if (!yyjson_is_obj(value))
        return bad_condition(reader);
    if (yyjson_obj_get(value, "key") != NULL)
        return read_field(reader, value, frame, ret_condition);
    if ((inner = yyjson_obj_get(value, "is_empty")) != NULL) {
        ret_condition->kind = CONDITION_IS_EMPTY;
        return read_payload_field(reader, inner, ret_condition);
    }
    if ((inner = yyjson_obj_get(value, "is_null")) != NULL) {
        ret_condition->kind = CONDITION_IS_NULL;
        return read_payload_field(reader, inner, ret_condition);
    }
    if ((inner = yyjson_obj_get(value, "has_id")) != NULL)
        return read_ids(reader, inner, ret_condition);
    if ((inner = yyjson_obj_get(value, "nested")) != NULL)
        return read_nested(reader, inner, frame, ret_condition);
    if ((inner = yyjson_obj_get(value, "has_vector")) != NULL)
        return read_has_vector(reader, inner, ret_condition);
    if ((inner = yyjson_obj_get(value, "slice")) != NULL)
        return read_slice(reader, inner, frame, ret_condition);
    if (!is_filter(value))
        return bad_condition(reader);
    ret_condition->kind = CONDITION_FILTER;
    return read_filter(reader, value, frame, &ret_condition->filter);
}

/* ---- clauses ---- */

static enum engine_code
read_clause(const struct reader *reader, yyjson_val *value,
            const struct frame *parent, const char *name,
            struct clause *ret_clause)
{
    bool is_list = yyjson_is_arr(value);
    size_t count = is_list ? yyjson_arr_size(value) : 1;
    if (count > FILTER_CONDITIONS_MAX)
        return error_set(reader->reterr, ENGINE_EFORMAT,
                         "`%s` has %zu conditions, at most %d are allowed",
                         name, count, FILTER_CONDITIONS_MAX);
    struct condition *conditions =
        arena_calloc(reader->arena, count + 1, sizeof(*conditions));
    if (conditions == NULL)
        return error_memory(reader->reterr);
    yyjson_val *item = is_list ? yyjson_arr_get_first(value) : value;
    for (size_t i = 0; i < count; i++) {
        struct frame frame = { .parent = parent,
                               .clause = name,
                               .index = i,
                               .depth = parent->depth + 1 };
        enum engine_code code =
            read_condition(reader, item, &frame, &conditions[i]);
        if (code != ENGINE_OK)
            return code;
        item = unsafe_yyjson_get_next(item);
    }
    *ret_clause = (struct clause){ conditions, count };
    return ENGINE_OK;
}

static enum engine_code
read_min_should(const struct reader *reader, yyjson_val *value,
                const struct frame *frame, struct filter *filter)
{
    yyjson_val *conditions = yyjson_obj_get(value, "conditions");
    yyjson_val *count = yyjson_obj_get(value, "min_count");
    if (!yyjson_is_obj(value))
        return error_set(reader->reterr, ENGINE_EFORMAT,
                         "invalid type, expected struct MinShould");
    if (!yyjson_is_arr(conditions))
        return error_set(reader->reterr, ENGINE_EFORMAT,
                         "missing field `conditions`");
    if (!yyjson_is_uint(count))
        return error_set(reader->reterr, ENGINE_EFORMAT,
                         "missing field `min_count`");
    if (yyjson_get_uint(count) == 0)
        return invalid(reader, frame,
                       ".min_should.min_count: value 0 invalid, must be 1 or "
                       "larger");
    filter->min_should_count = (size_t)yyjson_get_uint(count);
    return read_clause(reader, conditions, frame, "min_should",
                       &filter->min_should);
}

static enum engine_code
read_member(const struct reader *reader, struct span name, yyjson_val *value,
            const struct frame *frame, struct filter *filter)
{
    static const struct {
        const char *name;
        size_t offset;
    } clauses[] = {
        { "must", offsetof(struct filter, must) },
        { "should", offsetof(struct filter, should) },
        { "must_not", offsetof(struct filter, must_not) },
    };
    for (size_t i = 0; i < sizeof(clauses) / sizeof(clauses[0]); i++) {
        if (!span_equal_text(name, clauses[i].name))
            continue;
        struct clause clause = { NULL, 0 };
        enum engine_code code = ENGINE_OK;
        if (!yyjson_is_null(value))
            code = read_clause(reader, value, frame, clauses[i].name, &clause);
        if (code == ENGINE_OK)
            memcpy((char *)filter + clauses[i].offset, &clause, sizeof(clause));
        return code;
    }
    if (span_equal_text(name, "min_should"))
        return yyjson_is_null(value)
                   ? ENGINE_OK
                   : read_min_should(reader, value, frame, filter);
    return error_set(reader->reterr, ENGINE_EFORMAT,
                     "unknown field `%.*s`, expected one of `should`, "
                     "`min_should`, `must`, `must_not`",
                     name.size < 64 ? (int)name.size : 64, name.data);
}

static enum engine_code
read_filter(const struct reader *reader, yyjson_val *value,
            const struct frame *frame, const struct filter **ret_filter)
{
    if (!yyjson_is_obj(value))
        return error_set(reader->reterr, ENGINE_EFORMAT,
                         "invalid type: %s, expected struct Filter",
                         yyjson_get_type_desc(value));
    if (frame->depth > FILTER_DEPTH_MAX)
        return error_set(reader->reterr, ENGINE_EFORMAT,
                         "filters are nested deeper than %d levels",
                         FILTER_DEPTH_MAX);
    struct filter *filter = arena_calloc(reader->arena, 1, sizeof(*filter));
    if (filter == NULL)
        return error_memory(reader->reterr);
    size_t i, count;
    yyjson_val *key, *member;
    yyjson_obj_foreach(value, i, count, key, member)
    {
        enum engine_code code =
            read_member(reader, json_span(key), member, frame, filter);
        if (code != ENGINE_OK)
            return code;
    }
    *ret_filter = filter;
    return ENGINE_OK;
}

enum engine_code
rest_filter_parse(yyjson_val *value, const char *where, struct arena *arena,
                  const struct filter **ret_filter, struct error *reterr)
{
    assert(where != NULL && arena != NULL && ret_filter != NULL);
    if (value == NULL || yyjson_is_null(value)) {
        *ret_filter = NULL;
        return ENGINE_OK;
    }
    struct reader reader = { arena, reterr };
    struct frame frame = { .root = where };
    return read_filter(&reader, value, &frame, ret_filter);
}

enum engine_code
rest_condition_parse(yyjson_val *value, const char *where, struct arena *arena,
                     struct filter *ret_filter, struct error *reterr)
{
    struct reader reader = { arena, reterr };
    struct frame frame = { .root = where };
    *ret_filter = (struct filter){ .must = { NULL, 0 } };
    if (!yyjson_is_obj(value))
        return bad_condition(&reader);
    return read_clause(&reader, value, &frame, "must", &ret_filter->must);
}
