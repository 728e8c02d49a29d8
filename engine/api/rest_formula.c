/* SPDX-License-Identifier: Apache-2.0
 * The formula of a query. Recursion: an expression reads its operands, at most
 * FORMULA_DEPTH_MAX deep. */
#include "engine/api/rest_formula.h"

#include "engine/api/rest_body.h"
#include "engine/api/rest_filter.h"
#include "engine/codec/json_read.h"
#include "engine/filter/datetime.h"
#include "engine/filter/path.h"

#include <math.h>

/* A default: of a score, or of the variable at a path. */
struct fallback {
    bool is_score;
    size_t index;
    struct payload_path path;
    yyjson_val *value;
};

struct reader {
    struct arena *arena;
    const char *where;
    const struct fallback *defaults;
    size_t defaults_count;
    struct filter *conditions;
    size_t conditions_count;
    size_t count; /* of expressions so far */
    struct error *reterr;
};

static enum engine_code read_expression(struct reader *reader,
                                        yyjson_val *value, size_t depth,
                                        struct expression *expression);

static enum engine_code
no_expression(struct reader *reader)
{
    return error_set(reader->reterr, ENGINE_EFORMAT,
                     "data did not match any variant of untagged enum "
                     "Expression");
}

/* ---- numbers ---- */

/* *ret_number stays as it is when there is no value. */
static enum engine_code
read_number(struct reader *reader, yyjson_val *value, const char *name,
            double *ret_number)
{
    double number = yyjson_get_num(value);
    if (value == NULL)
        return ENGINE_OK;
    /* As the reference keeps it. */
    *ret_number = (double)(float)number;
    if (yyjson_is_num(value) && isfinite((float)number))
        return ENGINE_OK;
    return rest_type_error(value, name, "f32", reader->reterr);
}

/* ---- variables ---- */

static bool
is_reserved(struct span name)
{
    return name.size > 0 && name.data[0] == '$';
}

/* `$score` or `$score[INDEX]`; false: something else behind a `$`. */
static bool
score_index(struct span name, struct arena *arena, size_t *ret_index)
{
    struct payload_path path;
    struct span text = { name.data + 1, name.size - 1 };
    *ret_index = 0;
    if (path_parse(text, arena, &path, NULL) != ENGINE_OK ||
        path.steps_count != 1 || !span_equal_text(path.steps[0].key, "score") ||
        path.steps[0].index == PATH_INDEX_ALL)
        return false;
    if (path.steps[0].index == PATH_INDEX_ONE)
        *ret_index = path.steps[0].element;
    return true;
}

static enum engine_code
bad_name(struct reader *reader, struct span name, const char *what)
{
    return error_set(reader->reterr, ENGINE_EINPUT, "Invalid %s: %.*s", what,
                     name.size < 128 ? (int)name.size : 128,
                     name.size == 0 ? "" : name.data);
}

/* The default of a score or, with `path`, of a variable. */
static yyjson_val *
default_of(const struct reader *reader, size_t index,
           const struct payload_path *path)
{
    for (size_t i = 0; i < reader->defaults_count; i++) {
        const struct fallback *fallback = &reader->defaults[i];
        bool is_it = fallback->is_score
                         ? path == NULL && fallback->index == index
                         : path != NULL && path_equal(&fallback->path, path);
        if (is_it)
            return fallback->value;
    }
    return NULL;
}

static enum engine_code
read_path(struct reader *reader, yyjson_val *value, size_t depth,
          struct expression *expression)
{
    struct payload_path *path = arena_calloc(reader->arena, 1, sizeof(*path));
    (void)depth;
    if (path == NULL)
        return error_memory(reader->reterr);
    if (!yyjson_is_str(value))
        return no_expression(reader);
    struct span name = json_span(value);
    if (path_parse(name, reader->arena, path, NULL) != ENGINE_OK)
        return bad_name(reader, name, "payload variable");
    expression->path = path;
    expression->fallback = default_of(reader, 0, path);
    return ENGINE_OK;
}

static enum engine_code
read_variable(struct reader *reader, yyjson_val *value,
              struct expression *expression)
{
    struct span name = json_span(value);
    if (!is_reserved(name)) {
        expression->kind = EXPRESSION_VARIABLE;
        return read_path(reader, value, 0, expression);
    }
    expression->kind = EXPRESSION_SCORE;
    if (!score_index(name, reader->arena, &expression->index))
        return bad_name(reader, name, "reserved variable");
    /* What is no number counts as 0. */
    expression->number =
        yyjson_get_num(default_of(reader, expression->index, NULL));
    return ENGINE_OK;
}

/* Names that mean nothing are refused, whether or not they are used. */
static enum engine_code
read_defaults(struct reader *reader, yyjson_val *object)
{
    size_t i, max, count = yyjson_obj_size(object);
    yyjson_val *key, *value;
    if (object == NULL)
        return ENGINE_OK;
    if (!yyjson_is_obj(object))
        return rest_type_error(object, "defaults", "an object", reader->reterr);
    if (count > FORMULA_DEFAULTS_MAX)
        return error_set(reader->reterr, ENGINE_EFORMAT,
                         "a formula has more than %d defaults",
                         FORMULA_DEFAULTS_MAX);
    struct fallback *fallbacks =
        arena_calloc(reader->arena, count + 1, sizeof(*fallbacks));
    if (fallbacks == NULL)
        return error_memory(reader->reterr);
    reader->defaults = fallbacks;
    reader->defaults_count = count;
    yyjson_obj_foreach(object, i, max, key, value)
    {
        struct span name = json_span(key);
        struct fallback *fallback = &fallbacks[i];
        fallback->value = value;
        fallback->is_score = is_reserved(name);
        if (fallback->is_score) {
            if (!score_index(name, reader->arena, &fallback->index))
                return bad_name(reader, name, "reserved variable");
        } else if (path_parse(name, reader->arena, &fallback->path, NULL) !=
                   ENGINE_OK) {
            return bad_name(reader, name, "payload variable");
        }
    }
    return ENGINE_OK;
}

/* ---- operations ---- */

static enum engine_code
read_operands(struct reader *reader, yyjson_val *const *values, size_t count,
              size_t depth, struct expression *expression)
{
    struct expression *operands =
        arena_calloc(reader->arena, count + 1, sizeof(*operands));
    if (operands == NULL)
        return error_memory(reader->reterr);
    expression->operands = operands;
    expression->operands_count = count;
    for (size_t i = 0; i < count; i++) {
        enum engine_code code =
            read_expression(reader, values[i], depth + 1, &operands[i]);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}

static enum engine_code
too_many(struct reader *reader)
{
    return error_set(reader->reterr, ENGINE_EFORMAT,
                     "a formula has more than %d expressions",
                     FORMULA_EXPRESSIONS_MAX);
}

static enum engine_code
read_list(struct reader *reader, yyjson_val *list, size_t depth,
          struct expression *expression)
{
    size_t count = yyjson_arr_size(list), i, max;
    yyjson_val **values, *value;
    if (!yyjson_is_arr(list))
        return no_expression(reader);
    if (count > FORMULA_EXPRESSIONS_MAX)
        return too_many(reader);
    values = arena_calloc(reader->arena, count + 1, sizeof(yyjson_val *));
    if (values == NULL)
        return error_memory(reader->reterr);
    yyjson_arr_foreach(list, i, max, value)
    {
        values[i] = value;
    }
    return read_operands(reader, values, count, depth, expression);
}

static enum engine_code
read_pair(struct reader *reader, yyjson_val *object, size_t depth,
          struct expression *expression)
{
    bool is_division = expression->kind == EXPRESSION_DIV;
    yyjson_val *values[2] = {
        rest_member(object, is_division ? "left" : "base"),
        rest_member(object, is_division ? "right" : "exponent"),
    };
    if (values[0] == NULL || values[1] == NULL)
        return no_expression(reader);
    enum engine_code code = read_operands(reader, values, 2, depth, expression);
    expression->has_number =
        is_division && rest_member(object, "by_zero_default") != NULL;
    if (code != ENGINE_OK || !expression->has_number)
        return code;
    return read_number(reader, rest_member(object, "by_zero_default"),
                       "by_zero_default", &expression->number);
}

static enum engine_code
read_decay(struct reader *reader, yyjson_val *object, size_t depth,
           struct expression *expression)
{
    double midpoint = FORMULA_DECAY_MIDPOINT, scale = FORMULA_DECAY_SCALE;
    yyjson_val *values[2] = { rest_member(object, "x"),
                              rest_member(object, "target") };
    if (values[0] == NULL)
        return no_expression(reader);
    enum engine_code code = read_number(reader, rest_member(object, "midpoint"),
                                        "midpoint", &midpoint);
    if (code == ENGINE_OK)
        code =
            read_number(reader, rest_member(object, "scale"), "scale", &scale);
    if (code == ENGINE_OK)
        code = formula_decay_rate(expression->kind, midpoint, scale,
                                  &expression->number, reader->reterr);
    if (code != ENGINE_OK)
        return code;
    return read_operands(reader, values, values[1] == NULL ? 1 : 2, depth,
                         expression);
}

static enum engine_code
read_geo_distance(struct reader *reader, yyjson_val *object, size_t depth,
                  struct expression *expression)
{
    if (!geo_point_read(rest_member(object, "origin"), &expression->origin))
        return error_set(reader->reterr, ENGINE_EFORMAT,
                         "geo_distance.origin: expected {lon, lat} with lon in "
                         "-180..180 and lat in -90..90");
    return read_path(reader, rest_member(object, "to"), depth, expression);
}

static enum engine_code
read_moment(struct reader *reader, yyjson_val *value, size_t depth,
            struct expression *expression)
{
    int64_t us;
    (void)depth;
    if (!yyjson_is_str(value))
        return no_expression(reader);
    struct span text = json_span(value);
    if (!datetime_parse(text, &us))
        return error_set(reader->reterr, ENGINE_EINPUT,
                         "'%.*s' does not match accepted datetime format "
                         "(RFC3339). Example: 2014-01-01T00:00:00Z",
                         text.size < 64 ? (int)text.size : 64, text.data);
    expression->number = (double)us / 1e6;
    return ENGINE_OK;
}

static enum engine_code
read_condition(struct reader *reader, yyjson_val *value,
               struct expression *expression)
{
    if (reader->conditions_count == FORMULA_CONDITIONS_MAX)
        return error_set(reader->reterr, ENGINE_EFORMAT,
                         "a formula has more than %d conditions",
                         FORMULA_CONDITIONS_MAX);
    expression->kind = EXPRESSION_CONDITION;
    expression->index = reader->conditions_count++;
    return rest_condition_parse(value, reader->where, reader->arena,
                                &reader->conditions[expression->index],
                                reader->reterr);
}

static enum engine_code
read_operand(struct reader *reader, yyjson_val *value, size_t depth,
             struct expression *expression)
{
    return read_operands(reader, &value, 1, depth, expression);
}

static const struct {
    const char *name;
    enum expression_kind kind;
    enum engine_code (*read)(struct reader *reader, yyjson_val *value,
                             size_t depth, struct expression *expression);
} operations[] = {
    { "mult", EXPRESSION_MULT, read_list },
    { "sum", EXPRESSION_SUM, read_list },
    { "neg", EXPRESSION_NEG, read_operand },
    { "abs", EXPRESSION_ABS, read_operand },
    { "sqrt", EXPRESSION_SQRT, read_operand },
    { "exp", EXPRESSION_EXP, read_operand },
    { "log10", EXPRESSION_LOG10, read_operand },
    { "ln", EXPRESSION_LN, read_operand },
    { "div", EXPRESSION_DIV, read_pair },
    { "pow", EXPRESSION_POW, read_pair },
    { "lin_decay", EXPRESSION_LIN_DECAY, read_decay },
    { "exp_decay", EXPRESSION_EXP_DECAY, read_decay },
    { "gauss_decay", EXPRESSION_GAUSS_DECAY, read_decay },
    { "geo_distance", EXPRESSION_GEO_DISTANCE, read_geo_distance },
    { "datetime_key", EXPRESSION_DATETIME, read_path },
    { "datetime", EXPRESSION_NUMBER, read_moment },
};

static enum engine_code
read_expression(struct reader *reader, yyjson_val *value, size_t depth,
                struct expression *expression)
{
    if (depth > FORMULA_DEPTH_MAX)
        return error_set(reader->reterr, ENGINE_EFORMAT,
                         "expressions are nested deeper than %d levels",
                         FORMULA_DEPTH_MAX);
    if (reader->count++ == FORMULA_EXPRESSIONS_MAX)
        return too_many(reader);
    if (yyjson_is_num(value)) {
        expression->kind = EXPRESSION_NUMBER;
        return read_number(reader, value, "formula", &expression->number);
    }
    if (yyjson_is_str(value))
        return read_variable(reader, value, expression);
    if (!yyjson_is_obj(value))
        return no_expression(reader);
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        yyjson_val *inner = rest_member(value, operations[i].name);
        if (inner == NULL)
            continue;
        expression->kind = operations[i].kind;
        return operations[i].read(reader, inner, depth, expression);
    }
    return read_condition(reader, value, expression);
}

enum engine_code
rest_formula_parse(yyjson_val *query, const char *where, struct arena *arena,
                   const struct formula **ret_formula, struct error *reterr)
{
    struct reader reader = { .arena = arena, .where = where, .reterr = reterr };
    struct formula *formula = arena_calloc(arena, 1, sizeof(*formula));
    struct expression *root = arena_calloc(arena, 1, sizeof(*root));
    reader.conditions =
        arena_calloc(arena, FORMULA_CONDITIONS_MAX, sizeof(*reader.conditions));
    if (formula == NULL || root == NULL || reader.conditions == NULL)
        return error_memory(reterr);
    enum engine_code code =
        read_defaults(&reader, rest_member(query, "defaults"));
    if (code == ENGINE_OK)
        code = read_expression(&reader, rest_member(query, "formula"), 1, root);
    if (code != ENGINE_OK)
        return code;
    formula->root = root;
    formula->conditions = reader.conditions;
    formula->conditions_count = reader.conditions_count;
    *ret_formula = formula;
    return ENGINE_OK;
}
