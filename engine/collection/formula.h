/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_FORMULA_H
#define ENGINE_COLLECTION_FORMULA_H

#include "engine/error.h"
#include "engine/filter/filter.h"
#include "engine/filter/geo.h"

#include <stdbool.h>
#include <stddef.h>

#include <yyjson.h>

/* A score computed from other scores and the payload: the formula query of the
 * reference (semantics, section 5). Plain data in one arena; values of defaults
 * are borrowed from the request's document. */

#define FORMULA_DEPTH_MAX       64   /* expressions inside expressions */
#define FORMULA_EXPRESSIONS_MAX 1024 /* of one formula */
#define FORMULA_CONDITIONS_MAX  64   /* likewise */
#define FORMULA_DEFAULTS_MAX    256  /* likewise */

/* What a decay has when the request does not say. */
#define FORMULA_DECAY_MIDPOINT 0.5
#define FORMULA_DECAY_SCALE    1.0

enum expression_kind {
    EXPRESSION_NUMBER,   /* number; a moment in seconds since 1970 UTC */
    EXPRESSION_SCORE,    /* index: of a prefetch; number: when it has none */
    EXPRESSION_VARIABLE, /* path, fallback: a number of the payload */
    EXPRESSION_DATETIME, /* path, fallback: a moment of the payload */
    EXPRESSION_GEO_DISTANCE, /* path, fallback, origin: metres */
    EXPRESSION_CONDITION,    /* index: into the formula's conditions; 0 or 1 */
    EXPRESSION_MULT,         /* any number of operands; stops at a zero */
    EXPRESSION_SUM,          /* any number of operands */
    EXPRESSION_NEG,          /* one operand, down to EXPRESSION_LN */
    EXPRESSION_ABS,
    EXPRESSION_SQRT,
    EXPRESSION_EXP,
    EXPRESSION_LOG10,
    EXPRESSION_LN,
    EXPRESSION_DIV,       /* left, right; number: of a division by zero */
    EXPRESSION_POW,       /* base, exponent */
    EXPRESSION_LIN_DECAY, /* x and, maybe, its target; number: the rate */
    EXPRESSION_EXP_DECAY,
    EXPRESSION_GAUSS_DECAY
};

struct expression {
    enum expression_kind kind;
    bool has_number; /* DIV: by_zero_default was given */
    double number;
    size_t index;
    const struct payload_path *path;
    yyjson_val *fallback; /* of `defaults`; NULL: none */
    struct geo_point origin;
    const struct expression *operands;
    size_t operands_count;
};

struct formula {
    const struct expression *root;
    const struct filter *conditions; /* each a filter of its own */
    size_t conditions_count;
};

/* One point as a formula sees it. */
struct formula_input {
    yyjson_val *payload; /* an object; NULL: none */
    const float *scores; /* of each prefetch; NAN: it did not find the point */
    size_t scores_count;
    const bool *conditions; /* [conditions_count] whether they hold */
};

/* Whether it needs the payload at all. */
bool formula_reads_payload(const struct formula *formula);

/* The rate of a decay whose value is `midpoint` at `scale` from the target.
 * ENGINE_EINPUT  one of them is out of range. */
enum engine_code formula_decay_rate(enum expression_kind kind, double midpoint,
                                    double scale, double *ret_rate,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* The score of one point.
 * ENGINE_EINPUT  a value is missing or of another type, or the result of an
 *                expression is not finite; with the reference's text. Any
 *                thread. */
enum engine_code formula_score(const struct formula *formula,
                               const struct formula_input *input,
                               float *ret_score, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_COLLECTION_FORMULA_H */
