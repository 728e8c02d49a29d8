/* SPDX-License-Identifier: Apache-2.0
 * Strict mode beyond filters and limits: what formulas and groups read of
 * payloads wants indexes, and how many candidates a query takes.
 * Recursion: as deep as formulas are, FORMULA_DEPTH_MAX. */
#include "engine/collection/strict_body.h"

#include "base/arena.h"
#include "engine/codec/json_reader.h"
#include "engine/collection/body.h"
#include "engine/collection/formula.h"
#include "engine/collection/query.h"

#include <assert.h>
#include <stdio.h>

#define TEXT_SIZE       304
#define INFO_ARENA_SIZE ((size_t)64 << 20)

/* Kinds of indexes that help to read a variable; 0: it is none. */
static unsigned
kinds_of(const struct expression *expression)
{
    switch (expression->kind) {
    case EXPRESSION_VARIABLE:
        return STRICT_KIND(PAYLOAD_INDEX_FLOAT) |
               STRICT_KIND(PAYLOAD_INDEX_INTEGER);
    case EXPRESSION_DATETIME:
        return STRICT_KIND(PAYLOAD_INDEX_DATETIME);
    case EXPRESSION_GEO_DISTANCE:
        return STRICT_KIND(PAYLOAD_INDEX_GEO);
    case EXPRESSION_NUMBER:
    case EXPRESSION_SCORE:
    case EXPRESSION_CONDITION:
    case EXPRESSION_MULT:
    case EXPRESSION_SUM:
    case EXPRESSION_NEG:
    case EXPRESSION_ABS:
    case EXPRESSION_SQRT:
    case EXPRESSION_EXP:
    case EXPRESSION_LOG10:
    case EXPRESSION_LN:
    case EXPRESSION_DIV:
    case EXPRESSION_POW:
    case EXPRESSION_LIN_DECAY:
    case EXPRESSION_EXP_DECAY:
    case EXPRESSION_GAUSS_DECAY:
        break;
    }
    return 0;
}

static enum engine_code
check_expression(struct segment *segment, const struct expression *expression,
                 struct error *reterr)
{
    unsigned kinds = kinds_of(expression);
    enum engine_code code = ENGINE_OK;
    if (kinds != 0)
        code = strict_field_check(segment, expression->path->text, kinds,
                                  STRICT_FORMULA, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < expression->operands_count; i++)
        code = check_expression(segment, &expression->operands[i], reterr);
    return code;
}

static enum engine_code
check_formula(const struct strict_limits *limits, struct segment *segment,
              const struct formula *formula, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    if (limits->refuses_unindexed_reads)
        code = check_expression(segment, formula->root, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < formula->conditions_count; i++)
        code = strict_filter_check(limits, segment, &formula->conditions[i],
                                   STRICT_FORMULA, reterr);
    return code;
}

enum engine_code
strict_query_check(const struct strict_limits *limits, struct segment *segment,
                   const struct query *query, struct error *reterr)
{
    if (query == NULL)
        return ENGINE_OK;
    if (query->kind == QUERY_MMR)
        return strict_at_most(query->candidates, limits->query_limit,
                              "candidates_limit", reterr);
    return query->kind == QUERY_FORMULA
               ? check_formula(limits, segment, query->formula, reterr)
               : ENGINE_OK;
}

uint64_t
strict_query_conditions(const struct query *query)
{
    uint64_t count = 0;
    if (query == NULL || query->kind != QUERY_FORMULA)
        return 0;
    for (size_t i = 0; i < query->formula->conditions_count; i++)
        count += strict_filter_conditions(&query->formula->conditions[i]);
    return count;
}

/* ---- groups ---- */

static const char *
kind_name(enum payload_index_kind kind)
{
    static const char *const names[] = {
        [PAYLOAD_INDEX_KEYWORD] = "Keyword",
        [PAYLOAD_INDEX_INTEGER] = "Integer",
        [PAYLOAD_INDEX_FLOAT] = "Float",
        [PAYLOAD_INDEX_BOOL] = "Bool",
        [PAYLOAD_INDEX_DATETIME] = "Datetime",
        [PAYLOAD_INDEX_UUID] = "Uuid",
        [PAYLOAD_INDEX_GEO] = "Geo",
        [PAYLOAD_INDEX_TEXT] = "Text",
    };
    assert(kind <= PAYLOAD_INDEX_KIND_MAX);
    return names[kind];
}

/* Whether it knows the values; an integer index may be for ranges alone. */
static bool
has_values(const struct segment_index_info *index)
{
    if (index->kind == PAYLOAD_INDEX_KEYWORD ||
        index->kind == PAYLOAD_INDEX_BOOL || index->kind == PAYLOAD_INDEX_UUID)
        return true;
    if (index->kind != PAYLOAD_INDEX_INTEGER)
        return false;
    if (index->note.size == 0)
        return true;
    yyjson_doc *note = json_text_read(index->note);
    bool is_off =
        yyjson_is_false(yyjson_obj_get(yyjson_doc_get_root(note), "lookup"));
    yyjson_doc_free(note);
    return !is_off;
}

static enum engine_code
check_key(struct segment *segment, struct span key, struct error *reterr)
{
    struct arena arena;
    const struct segment_index_info *indexes = NULL, *found = NULL;
    size_t count = 0;
    char text[TEXT_SIZE];
    int size = (int)(key.size < 200 ? key.size : 200);
    arena_init(&arena, INFO_ARENA_SIZE);
    enum engine_code code =
        segment_indexes(segment, &arena, &indexes, &count, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < count; i++)
        if (span_equal(indexes[i].field, key))
            found = &indexes[i];
    if (code == ENGINE_OK && (found == NULL || !has_values(found))) {
        if (found == NULL)
            snprintf(text, sizeof(text),
                     "Index required but not found for \"%.*s\"", size,
                     key.data);
        else
            snprintf(text, sizeof(text),
                     "Index of type \"%s\" found for \"%.*s\"",
                     kind_name(found->kind), size, key.data);
        code = strict_error(reterr, text,
                            "Create an index supporting `match` for this key.");
    }
    arena_release(&arena);
    return code;
}

enum engine_code
collection_check_group_key(struct collection *collection, struct span key,
                           struct error *reterr)
{
    struct strict_limits *limits = strict_limits_take(collection);
    enum engine_code code = ENGINE_OK;
    if (limits != NULL && limits->refuses_unindexed_reads)
        code = check_key(collection->segment, key, reterr);
    strict_limits_release(limits);
    return code;
}
