/* SPDX-License-Identifier: Apache-2.0
 * Which points and which of their fields: id lists, selectors, with_payload
 * and with_vector, from JSON to the command structs. */
#include "engine/api/rest_select.h"

#include "engine/api/rest_filter.h"
#include "engine/filter/path.h"

#include <assert.h>
#include <stdio.h>

#define PATHS_MAX  4096 /* of one payload selection */
#define NAMES_MAX  256  /* of one vector selection */
#define WHERE_SIZE 128
#define FORM_PAYLOAD                                                           \
    "data did not match any variant of untagged enum "                         \
    "WithPayloadInterface"
#define FORM_VECTOR                                                            \
    "data did not match any variant of untagged enum "                         \
    "WithVector"
#define NAME_SHOWN_MAX 64

enum engine_code
rest_ids_parse(yyjson_val *value, struct arena *arena,
               const struct point_id **ret_ids, size_t *ret_count,
               struct error *reterr)
{
    size_t i, count = yyjson_arr_size(value);
    yyjson_val *item;
    if (!yyjson_is_arr(value))
        return error_set(reterr, ENGINE_EFORMAT,
                         "invalid type: %s, expected a list of point ids",
                         value == NULL ? "nothing"
                                       : yyjson_get_type_desc(value));
    if (count > COMMAND_POINTS_MAX)
        return error_set(reterr, ENGINE_EFORMAT,
                         "a list of %zu point ids, at most %d are allowed",
                         count, COMMAND_POINTS_MAX);
    struct point_id *ids = arena_calloc(arena, count + 1, sizeof(*ids));
    if (ids == NULL)
        return error_memory(reterr);
    yyjson_arr_foreach(value, i, count, item)
    {
        enum engine_code code = point_id_from_json(item, &ids[i], reterr);
        if (code != ENGINE_OK)
            return code;
    }
    *ret_ids = ids;
    *ret_count = count;
    return ENGINE_OK;
}

enum engine_code
rest_selector_parse(yyjson_val *body, const char *where, struct arena *arena,
                    struct point_selector *ret_selector, struct error *reterr)
{
    struct point_selector selector = { 0 };
    yyjson_val *points = yyjson_obj_get(body, "points");
    yyjson_val *filter = yyjson_obj_get(body, "filter");
    if (points != NULL && !yyjson_is_null(points)) {
        enum engine_code code = rest_ids_parse(points, arena, &selector.ids,
                                               &selector.ids_count, reterr);
        if (code == ENGINE_OK)
            *ret_selector = selector;
        return code;
    }
    if (filter == NULL || yyjson_is_null(filter))
        return error_set(reterr, ENGINE_EFORMAT,
                         "data did not match any variant of untagged enum "
                         "PointsSelector: neither `points` nor `filter`");
    char place[WHERE_SIZE];
    snprintf(place, sizeof(place), "%s.filter", where);
    enum engine_code code =
        rest_filter_parse(filter, place, arena, &selector.filter, reterr);
    if (code == ENGINE_OK)
        *ret_selector = selector;
    return code;
}

static enum engine_code
parse_paths(yyjson_val *list, struct arena *arena,
            struct payload_selection *selection, struct error *reterr)
{
    size_t i, count = yyjson_arr_size(list);
    yyjson_val *item;
    if (!yyjson_is_arr(list))
        return error_set(reterr, ENGINE_EFORMAT, "%s", FORM_PAYLOAD);
    if (count > PATHS_MAX)
        return error_set(reterr, ENGINE_EFORMAT,
                         "with_payload has %zu paths, at most %d are allowed",
                         count, PATHS_MAX);
    struct payload_path *paths = arena_calloc(arena, count + 1, sizeof(*paths));
    if (paths == NULL)
        return error_memory(reterr);
    yyjson_arr_foreach(list, i, count, item)
    {
        if (!yyjson_is_str(item))
            return error_set(reterr, ENGINE_EFORMAT, "%s", FORM_PAYLOAD);
        enum engine_code code =
            path_parse(json_span(item), arena, &paths[i], reterr);
        if (code != ENGINE_OK)
            return code;
    }
    selection->paths = paths;
    selection->paths_count = count;
    return ENGINE_OK;
}

/* {include: [path]} or {exclude: [path]}. */
static enum engine_code
parse_selector(yyjson_val *value, struct arena *arena,
               struct payload_selection *selection, struct error *reterr)
{
    yyjson_val *key = NULL, *paths = NULL, *member;
    size_t i, count;
    yyjson_obj_foreach(value, i, count, key, member)
    {
        struct span name = json_span(key);
        if (span_equal_text(name, "include"))
            selection->selection = SELECT_INCLUDE;
        else if (span_equal_text(name, "exclude"))
            selection->selection = SELECT_EXCLUDE;
        else
            return error_set(
                reterr, ENGINE_EFORMAT,
                "unknown field `%.*s`, expected `include` or `exclude`",
                name.size < NAME_SHOWN_MAX ? (int)name.size : NAME_SHOWN_MAX,
                name.data);
        if (paths != NULL)
            return error_set(reterr, ENGINE_EFORMAT, "%s", FORM_PAYLOAD);
        paths = member;
    }
    return parse_paths(paths, arena, selection, reterr);
}

enum engine_code
rest_payload_parse(yyjson_val *value, enum selection otherwise,
                   struct arena *arena, struct payload_selection *ret_selection,
                   struct error *reterr)
{
    struct payload_selection selection = { .selection = otherwise };
    enum engine_code code = ENGINE_OK;
    if (yyjson_is_bool(value)) {
        selection.selection = yyjson_get_bool(value) ? SELECT_ALL : SELECT_NONE;
    } else if (yyjson_is_arr(value)) {
        selection.selection = SELECT_INCLUDE;
        code = parse_paths(value, arena, &selection, reterr);
    } else if (yyjson_is_obj(value)) {
        code = parse_selector(value, arena, &selection, reterr);
    } else if (value != NULL && !yyjson_is_null(value)) {
        code = error_set(reterr, ENGINE_EFORMAT, "%s", FORM_PAYLOAD);
    }
    if (code == ENGINE_OK)
        *ret_selection = selection;
    return code;
}

static enum engine_code
parse_names(yyjson_val *list, struct arena *arena,
            struct vector_selection *selection, struct error *reterr)
{
    size_t i, count = yyjson_arr_size(list);
    yyjson_val *item;
    if (count > NAMES_MAX)
        return error_set(reterr, ENGINE_EFORMAT,
                         "with_vector has %zu names, at most %d are allowed",
                         count, NAMES_MAX);
    struct span *names = arena_calloc(arena, count + 1, sizeof(*names));
    if (names == NULL)
        return error_memory(reterr);
    yyjson_arr_foreach(list, i, count, item)
    {
        if (!yyjson_is_str(item))
            return error_set(reterr, ENGINE_EFORMAT, "%s", FORM_VECTOR);
        names[i] = json_span(item);
    }
    selection->selection = SELECT_INCLUDE;
    selection->names = names;
    selection->names_count = count;
    return ENGINE_OK;
}

enum engine_code
rest_vectors_parse(yyjson_val *value, struct arena *arena,
                   struct vector_selection *ret_selection, struct error *reterr)
{
    struct vector_selection selection = { .selection = SELECT_NONE };
    enum engine_code code = ENGINE_OK;
    if (yyjson_is_bool(value)) {
        selection.selection = yyjson_get_bool(value) ? SELECT_ALL : SELECT_NONE;
    } else if (yyjson_is_arr(value)) {
        code = parse_names(value, arena, &selection, reterr);
    } else if (value != NULL && !yyjson_is_null(value)) {
        code = error_set(reterr, ENGINE_EFORMAT, "%s", FORM_VECTOR);
    }
    if (code == ENGINE_OK)
        *ret_selection = selection;
    return code;
}

enum engine_code
rest_output_parse(yyjson_val *body, enum selection payload, struct arena *arena,
                  struct output_selection *ret_output, struct error *reterr)
{
    struct output_selection output;
    enum engine_code code =
        rest_payload_parse(yyjson_obj_get(body, "with_payload"), payload, arena,
                           &output.payload, reterr);
    if (code != ENGINE_OK)
        return code;
    yyjson_val *vectors = yyjson_obj_get(body, "with_vector");
    if (vectors == NULL)
        vectors = yyjson_obj_get(body, "with_vectors");
    code = rest_vectors_parse(vectors, arena, &output.vectors, reterr);
    if (code == ENGINE_OK)
        *ret_output = output;
    return code;
}
