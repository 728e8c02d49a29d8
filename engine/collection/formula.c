/* SPDX-License-Identifier: Apache-2.0
 * Scores by a formula. Recursion: as deep as the formula, at most
 * FORMULA_DEPTH_MAX, which its parser holds. */
#include "engine/collection/formula.h"

#include "engine/codec/json_read.h"
#include "engine/filter/datetime.h"
#include "engine/filter/path.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_US 1e6

static bool
expression_reads_payload(const struct expression *expression)
{
    bool reads = expression->path != NULL;
    for (size_t i = 0; !reads && i < expression->operands_count; i++)
        reads = expression_reads_payload(&expression->operands[i]);
    return reads;
}

bool
formula_reads_payload(const struct formula *formula)
{
    return expression_reads_payload(formula->root);
}

enum engine_code
formula_decay_rate(enum expression_kind kind, double midpoint, double scale,
                   double *ret_rate, struct error *reterr)
{
    bool is_linear = kind == EXPRESSION_LIN_DECAY;
    if (is_linear && !(midpoint >= 0.0 && midpoint <= 1.0))
        return error_set(reterr, ENGINE_EINPUT,
                         "Validation failed: Linear decay midpoint should be "
                         "in the range [0.0, 1.0], got %g.",
                         midpoint);
    if (!is_linear && !(midpoint > 0.0 && midpoint < 1.0))
        return error_set(reterr, ENGINE_EINPUT,
                         "Validation failed: Decay midpoint should be in the "
                         "range (0.0, 1.0), got %g.",
                         midpoint);
    if (!(scale > 0.0))
        return error_set(reterr, ENGINE_EINPUT,
                         "Validation failed: Decay scale should be non-zero "
                         "positive, got %g.",
                         scale);
    if (is_linear)
        *ret_rate = (1.0 - midpoint) / scale;
    else if (kind == EXPRESSION_EXP_DECAY)
        *ret_rate = log(midpoint) / scale;
    else
        *ret_rate = log(midpoint) / (scale * scale);
    return ENGINE_OK;
}

/* ---- values of the payload ---- */

struct values {
    yyjson_val *first;
    size_t count;
};

static bool
take_value(void *ctx, yyjson_val *value)
{
    struct values *values = ctx;
    if (values->count++ == 0)
        values->first = value;
    return values->count < 2;
}

static enum engine_code
value_error(const struct expression *expression, const char *type,
            const char *why, struct error *reterr)
{
    struct span name = expression->path->text;
    return error_set(reterr, ENGINE_EINPUT,
                     "Expected %s value for %.*s in the payload and/or in the "
                     "formula defaults. Error: %s",
                     type, (int)(name.size < 128 ? name.size : 128), name.data,
                     why);
}

/* The one value at the path, or the default. NULL: several. */
static enum engine_code
value_find(const struct expression *expression,
           const struct formula_input *input, const char *type,
           yyjson_val **ret_value, struct error *reterr)
{
    struct values values = { NULL, 0 };
    (void)path_walk_elements(expression->path, input->payload, take_value,
                             &values);
    *ret_value = values.count == 1 ? values.first : NULL;
    if (values.count > 0)
        return ENGINE_OK;
    *ret_value = expression->fallback;
    if (expression->fallback != NULL)
        return ENGINE_OK;
    return value_error(expression, type,
                       "No value found in a payload nor defaults", reterr);
}

static enum engine_code
number_of(const struct expression *expression,
          const struct formula_input *input, double *ret_result,
          struct error *reterr)
{
    yyjson_val *value = NULL;
    enum engine_code code =
        value_find(expression, input, "number", &value, reterr);
    if (code != ENGINE_OK)
        return code;
    if (!yyjson_is_num(value))
        return value_error(expression, "number", "Value is not a number",
                           reterr);
    *ret_result = yyjson_get_num(value);
    return ENGINE_OK;
}

static enum engine_code
moment_of(const struct expression *expression,
          const struct formula_input *input, double *ret_result,
          struct error *reterr)
{
    yyjson_val *value = NULL;
    int64_t us;
    enum engine_code code =
        value_find(expression, input, "datetime", &value, reterr);
    if (code != ENGINE_OK)
        return code;
    if (!yyjson_is_str(value))
        return value_error(expression, "datetime", "value is not a string",
                           reterr);
    if (!datetime_parse(json_span(value), &us))
        return value_error(expression, "datetime",
                           "value is not a date in an accepted format", reterr);
    *ret_result = (double)us / SECOND_US;
    return ENGINE_OK;
}

static enum engine_code
distance_of(const struct expression *expression,
            const struct formula_input *input, double *ret_result,
            struct error *reterr)
{
    yyjson_val *value = NULL;
    struct geo_point point;
    enum engine_code code =
        value_find(expression, input, "geo point", &value, reterr);
    if (code != ENGINE_OK)
        return code;
    if (!geo_point_read(value, &point))
        return value_error(expression, "geo point", "Value is not a geo point",
                           reterr);
    *ret_result = geo_distance(expression->origin, point);
    return ENGINE_OK;
}

static double
score_of(const struct expression *expression, const struct formula_input *input)
{
    size_t index = expression->index;
    return index < input->scores_count && !isnan(input->scores[index])
               ? (double)input->scores[index]
               : expression->number;
}

/* ---- arithmetic ---- */

#define NUMBER_SIZE 40

/* The shortest digits that are this number again. */
static const char *
number_text(double number, char *text)
{
    if (isnan(number))
        return "NaN";
    if (isinf(number))
        return number > 0 ? "inf" : "-inf";
    for (int digits = 1; digits <= DBL_DECIMAL_DIG; digits++) {
        snprintf(text, NUMBER_SIZE, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    /* No exponent where it is no help. */
    if (fabs(number) >= 1.0 && fabs(number) < 1e18 && strchr(text, 'e'))
        snprintf(text, NUMBER_SIZE, "%.0f", number);
    return text;
}

/* In `form` A and B stand for the operands, C for the result. */
static enum engine_code
checked(const char *form, const double *operands, double result,
        double *ret_result, struct error *reterr)
{
    char texts[3][NUMBER_SIZE];
    struct bytes out;
    *ret_result = result;
    if (isfinite(result))
        return ENGINE_OK;
    bytes_init(&out, sizeof(texts) + NUMBER_SIZE);
    const double numbers[] = { operands[0], operands[1], result };
    for (; *form != '\0'; form++) {
        if (*form >= 'A' && *form <= 'C')
            bytes_add_text(
                &out, number_text(numbers[*form - 'A'], texts[*form - 'A']));
        else
            bytes_add(&out, form, 1);
    }
    struct span whole = bytes_span(&out);
    enum engine_code code =
        error_set(reterr, ENGINE_EINPUT,
                  "The expression %.*s produced a non-finite number",
                  (int)whole.size, whole.size == 0 ? "" : whole.data);
    bytes_release(&out);
    return code;
}

static enum engine_code evaluate(const struct formula *formula,
                                 const struct expression *expression,
                                 const struct formula_input *input,
                                 double *ret_result, struct error *reterr);

/* Operand by operand, so that one behind a zero is not asked. */
static enum engine_code
evaluate_list(const struct formula *formula,
              const struct expression *expression,
              const struct formula_input *input, double *ret_result,
              struct error *reterr)
{
    bool is_product = expression->kind == EXPRESSION_MULT;
    double result = is_product ? 1.0 : 0.0;
    for (size_t i = 0; i < expression->operands_count; i++) {
        double value;
        enum engine_code code =
            evaluate(formula, &expression->operands[i], input, &value, reterr);
        if (code != ENGINE_OK)
            return code;
        if (is_product && value == 0.0) {
            *ret_result = 0.0;
            return ENGINE_OK;
        }
        result = is_product ? result * value : result + value;
    }
    *ret_result = result;
    return ENGINE_OK;
}

static enum engine_code
evaluate_division(const struct formula *formula,
                  const struct expression *expression,
                  const struct formula_input *input, double *ret_result,
                  struct error *reterr)
{
    double values[2] = { 0.0, 0.0 };
    *ret_result = 0.0;
    for (size_t i = 0; i < 2; i++) {
        enum engine_code code = evaluate(formula, &expression->operands[i],
                                         input, &values[i], reterr);
        if (code != ENGINE_OK || values[0] == 0.0)
            return code;
    }
    if (values[1] == 0.0 && expression->has_number) {
        *ret_result = expression->number;
        return ENGINE_OK;
    }
    return checked("A/B = C", values, values[0] / values[1], ret_result,
                   reterr);
}

static double
decay(const struct expression *expression, double x, double target)
{
    double distance = fabs(x - target), rate = expression->number;
    if (expression->kind == EXPRESSION_LIN_DECAY)
        return fmax(0.0, 1.0 - rate * distance);
    if (expression->kind == EXPRESSION_EXP_DECAY)
        return exp(rate * distance);
    return exp(rate * distance * distance);
}

/* One or two operands, all of which count. */
static enum engine_code
evaluate_operation(const struct formula *formula,
                   const struct expression *expression,
                   const struct formula_input *input, double *ret_result,
                   struct error *reterr)
{
    double values[2] = { 0.0, 0.0 };
    assert(expression->operands_count >= 1 && expression->operands_count <= 2);
    for (size_t i = 0; i < expression->operands_count; i++) {
        enum engine_code code = evaluate(formula, &expression->operands[i],
                                         input, &values[i], reterr);
        if (code != ENGINE_OK)
            return code;
    }
    double x = values[0];
    switch (expression->kind) {
    case EXPRESSION_NEG:
        *ret_result = -x;
        return ENGINE_OK;
    case EXPRESSION_ABS:
        *ret_result = fabs(x);
        return ENGINE_OK;
    case EXPRESSION_SQRT:
        return checked("\xe2\x88\x9a"
                       "A = C",
                       values, sqrt(x), ret_result, reterr);
    case EXPRESSION_EXP:
        return checked("exp(A) = C", values, exp(x), ret_result, reterr);
    case EXPRESSION_LOG10:
        return checked("log10(A) = C", values, log10(x), ret_result, reterr);
    case EXPRESSION_LN:
        return checked("ln(A) = C", values, log(x), ret_result, reterr);
    case EXPRESSION_POW:
        return checked("A^B = C", values, pow(x, values[1]), ret_result,
                       reterr);
    case EXPRESSION_LIN_DECAY:
    case EXPRESSION_EXP_DECAY:
    case EXPRESSION_GAUSS_DECAY:
        *ret_result = decay(expression, x, values[1]);
        return ENGINE_OK;
    case EXPRESSION_NUMBER:
    case EXPRESSION_SCORE:
    case EXPRESSION_VARIABLE:
    case EXPRESSION_DATETIME:
    case EXPRESSION_GEO_DISTANCE:
    case EXPRESSION_CONDITION:
    case EXPRESSION_MULT:
    case EXPRESSION_SUM:
    case EXPRESSION_DIV:
        break;
    }
    assert(false);
    return error_set(reterr, ENGINE_EINTERNAL, "no such operation");
}

static enum engine_code
evaluate(const struct formula *formula, const struct expression *expression,
         const struct formula_input *input, double *ret_result,
         struct error *reterr)
{
    switch (expression->kind) {
    case EXPRESSION_NUMBER:
        *ret_result = expression->number;
        return ENGINE_OK;
    case EXPRESSION_SCORE:
        *ret_result = score_of(expression, input);
        return ENGINE_OK;
    case EXPRESSION_CONDITION:
        assert(expression->index < formula->conditions_count);
        *ret_result = input->conditions[expression->index] ? 1.0 : 0.0;
        return ENGINE_OK;
    case EXPRESSION_VARIABLE:
        return number_of(expression, input, ret_result, reterr);
    case EXPRESSION_DATETIME:
        return moment_of(expression, input, ret_result, reterr);
    case EXPRESSION_GEO_DISTANCE:
        return distance_of(expression, input, ret_result, reterr);
    case EXPRESSION_MULT:
    case EXPRESSION_SUM:
        return evaluate_list(formula, expression, input, ret_result, reterr);
    case EXPRESSION_DIV:
        return evaluate_division(formula, expression, input, ret_result,
                                 reterr);
    case EXPRESSION_NEG:
    case EXPRESSION_ABS:
    case EXPRESSION_SQRT:
    case EXPRESSION_EXP:
    case EXPRESSION_LOG10:
    case EXPRESSION_LN:
    case EXPRESSION_POW:
    case EXPRESSION_LIN_DECAY:
    case EXPRESSION_EXP_DECAY:
    case EXPRESSION_GAUSS_DECAY:
        break;
    }
    return evaluate_operation(formula, expression, input, ret_result, reterr);
}

enum engine_code
formula_score(const struct formula *formula, const struct formula_input *input,
              float *ret_score, struct error *reterr)
{
    double score = 0.0;
    enum engine_code code =
        evaluate(formula, formula->root, input, &score, reterr);
    if (code != ENGINE_OK)
        return code;
    double operands[2] = { score, 0.0 };
    code =
        checked("A as f32 = C", operands, (double)(float)score, &score, reterr);
    if (code != ENGINE_OK)
        return code;
    *ret_score = (float)score;
    return ENGINE_OK;
}
