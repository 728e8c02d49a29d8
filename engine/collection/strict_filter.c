/* SPDX-License-Identifier: Apache-2.0
 * Filters in strict mode: how many conditions, how long their lists, and
 * whether each field has an index of a type that answers the condition.
 * Recursion: as deep as filters are, FILTER_DEPTH_MAX. */
#include "engine/collection/strict_body.h"

#include "base/arena.h"
#include "engine/collection/body.h"
#include "engine/collection/unindexed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TEXT_SIZE       304
#define INFO_ARENA_SIZE ((size_t)64 << 20)
#define KIND(kind)      STRICT_KIND(kind)
#define KIND_ANY        (KIND(PAYLOAD_INDEX_KIND_MAX + 1) - 1)

/* Called for each condition that holds no filter, with the array that it is
 * about an element of (NULL: the payload); false ends the walk. */
typedef bool (*leaf_visit)(void *ctx, const struct condition *condition,
                           const struct payload_path *array);

static bool each_leaf(const struct filter *filter,
                      const struct payload_path *array, leaf_visit visit,
                      void *ctx);

static bool
each_in_clause(const struct clause *clause, const struct payload_path *array,
               leaf_visit visit, void *ctx)
{
    for (size_t i = 0; i < clause->count; i++) {
        const struct condition *condition = &clause->conditions[i];
        bool is_nested = condition->kind == CONDITION_NESTED;
        bool goes_on = true;
        if (condition->kind == CONDITION_FILTER || is_nested)
            goes_on =
                each_leaf(condition->filter,
                          is_nested ? &condition->path : array, visit, ctx);
        else if (condition->kind == CONDITION_OR)
            for (size_t k = 0; goes_on && k < condition->tests_count; k++)
                goes_on = visit(ctx, &condition->tests[k], array);
        else
            goes_on = visit(ctx, condition, array);
        if (!goes_on)
            return false;
    }
    return true;
}

static bool
each_leaf(const struct filter *filter, const struct payload_path *array,
          leaf_visit visit, void *ctx)
{
    return each_in_clause(&filter->must, array, visit, ctx) &&
           each_in_clause(&filter->should, array, visit, ctx) &&
           each_in_clause(&filter->must_not, array, visit, ctx) &&
           each_in_clause(&filter->min_should, array, visit, ctx);
}

struct sizes {
    uint64_t conditions;
    uint64_t longest; /* list of values */
};

static bool
measure(void *ctx, const struct condition *condition,
        const struct payload_path *array)
{
    struct sizes *sizes = ctx;
    (void)array;
    uint64_t size = condition->kind == CONDITION_HAS_ID
                        ? condition->ids_count
                        : condition->values_count;
    if (sizes->longest < size)
        sizes->longest = size;
    sizes->conditions++;
    return true;
}

uint64_t
strict_filter_conditions(const struct filter *filter)
{
    struct sizes sizes = { 0 };
    if (filter != NULL)
        (void)each_leaf(filter, NULL, measure, &sizes);
    return sizes.conditions;
}

static enum engine_code
check_sizes(const struct strict_limits *limits, const struct filter *filter,
            struct error *reterr)
{
    struct sizes sizes = { 0 };
    char text[TEXT_SIZE];
    (void)each_leaf(filter, NULL, measure, &sizes);
    if (sizes.conditions > limits->filter_conditions) {
        snprintf(text, sizeof(text),
                 "Filter condition limit reached (%" PRIu64 " > %" PRIu64 ")",
                 sizes.conditions, limits->filter_conditions);
        return strict_error(reterr, text,
                            "Reduce the amount of conditions of your filter.");
    }
    if (sizes.longest > limits->condition_size) {
        snprintf(text, sizeof(text),
                 "Condition size limit reached (%" PRIu64 " > %" PRIu64 ")",
                 sizes.longest, limits->condition_size);
        return strict_error(reterr, text, "Reduce the size of your condition.");
    }
    return ENGINE_OK;
}

/* ---- indexes ---- */

static unsigned
kinds_of_values(const struct condition *condition)
{
    struct point_id unused;
    bool are_uuids = condition->values_count > 0;
    if (condition->values_count == 0)
        return KIND(PAYLOAD_INDEX_KEYWORD);
    switch (condition->values[0].type) {
    case MATCH_INTEGER:
        return KIND(PAYLOAD_INDEX_INTEGER);
    case MATCH_BOOL:
        return KIND(PAYLOAD_INDEX_BOOL);
    case MATCH_STRING:
        break;
    }
    for (size_t i = 0; are_uuids && i < condition->values_count; i++)
        are_uuids = point_id_from_uuid(condition->values[i].string, &unused);
    return KIND(PAYLOAD_INDEX_KEYWORD) |
           (are_uuids ? KIND(PAYLOAD_INDEX_UUID) : 0);
}

/* Kinds of indexes that answer; 0: none is needed. */
static unsigned
kinds_of(const struct condition *condition)
{
    switch (condition->kind) {
    case CONDITION_MATCH:
    case CONDITION_ANY:
    case CONDITION_EXCEPT:
        return kinds_of_values(condition);
    case CONDITION_RANGE:
        return KIND(PAYLOAD_INDEX_FLOAT) | KIND(PAYLOAD_INDEX_INTEGER);
    case CONDITION_DATETIME:
        return KIND(PAYLOAD_INDEX_DATETIME);
    case CONDITION_GEO:
        return KIND(PAYLOAD_INDEX_GEO);
    case CONDITION_TEXT:
        return condition->text_match == TEXT_PREFIX
                   ? KIND(PAYLOAD_INDEX_KEYWORD)
                   : KIND(PAYLOAD_INDEX_TEXT);
    case CONDITION_IS_EMPTY:
    case CONDITION_IS_NULL:
    case CONDITION_COUNT:
        return KIND_ANY;
    case CONDITION_HAS_ID:
    case CONDITION_HAS_VECTOR:
    case CONDITION_SLICE:
    case CONDITION_OR:
    case CONDITION_FILTER:
    case CONDITION_NESTED:
        break;
    }
    return 0;
}

struct missing {
    const struct segment_index_info *indexes;
    size_t count;
    char field[TEXT_SIZE];
    unsigned kinds;
};

/* As paths of indexes are written: an element's field is `array[].field`. */
static void
field_text(const struct condition *condition, const struct payload_path *array,
           char text[TEXT_SIZE])
{
    struct span name = condition->path.text;
    struct span whole = array == NULL ? (struct span){ "", 0 } : array->text;
    bool has_mark =
        whole.size >= 2 && memcmp(whole.data + whole.size - 2, "[]", 2) == 0;
    snprintf(text, TEXT_SIZE, "%.*s%s%.*s",
             (int)(whole.size < 150 ? whole.size : 150), whole.data,
             array == NULL ? ""
             : has_mark    ? "."
                           : "[].",
             (int)(name.size < 150 ? name.size : 150), name.data);
}

/* Whether what `missing` names is there. */
static bool
is_there(const struct missing *missing)
{
    for (size_t i = 0; i < missing->count; i++) {
        if ((KIND(missing->indexes[i].kind) & missing->kinds) != 0 &&
            span_equal_text(missing->indexes[i].field, missing->field))
            return true;
    }
    return false;
}

static bool
has_index(void *ctx, const struct condition *condition,
          const struct payload_path *array)
{
    struct missing *missing = ctx;
    missing->kinds = kinds_of(condition);
    if (missing->kinds == 0)
        return true;
    field_text(condition, array, missing->field);
    return is_there(missing);
}

static enum engine_code
missing_error(const struct missing *missing, enum strict_use use,
              struct error *reterr)
{
    /* In the order of their names. */
    static const struct {
        enum payload_index_kind kind;
        const char *name;
    } kinds[] = {
        { PAYLOAD_INDEX_BOOL, "bool" },
        { PAYLOAD_INDEX_DATETIME, "datetime" },
        { PAYLOAD_INDEX_FLOAT, "float" },
        { PAYLOAD_INDEX_GEO, "geo" },
        { PAYLOAD_INDEX_INTEGER, "integer" },
        { PAYLOAD_INDEX_KEYWORD, "keyword" },
        { PAYLOAD_INDEX_TEXT, "text" },
        { PAYLOAD_INDEX_UUID, "uuid" },
    };
    char names[128] = "", text[ENGINE_ERROR_TEXT_SIZE];
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t used = strlen(names);
        if ((missing->kinds & KIND(kinds[i].kind)) != 0)
            snprintf(names + used, sizeof(names) - used, "%s%s",
                     used > 0 ? ", " : "", kinds[i].name);
    }
    snprintf(text, sizeof(text),
             "Index required but not found for \"%s\" of one of the "
             "following types: [%s]",
             missing->field, names);
    return strict_error(reterr, text,
                        use == STRICT_FORMULA
                            ? "Create an index for this key or use a "
                              "different formula expression."
                            : "Create an index for this key or use a "
                              "different filter.");
}

static enum engine_code
check_indexes(struct segment *segment, const struct filter *filter,
              enum strict_use use, struct error *reterr)
{
    struct missing missing = { 0 };
    struct arena arena;
    arena_init(&arena, INFO_ARENA_SIZE);
    enum engine_code code = segment_indexes(segment, &arena, &missing.indexes,
                                            &missing.count, reterr);
    if (code == ENGINE_OK && !each_leaf(filter, NULL, has_index, &missing))
        code = missing_error(&missing, use, reterr);
    arena_release(&arena);
    return code;
}

enum engine_code
strict_field_check(struct segment *segment, struct span field, unsigned kinds,
                   enum strict_use use, struct error *reterr)
{
    struct missing missing = { .kinds = kinds };
    struct arena arena;
    arena_init(&arena, INFO_ARENA_SIZE);
    enum engine_code code = segment_indexes(segment, &arena, &missing.indexes,
                                            &missing.count, reterr);
    snprintf(missing.field, sizeof(missing.field), "%.*s",
             (int)(field.size < 300 ? field.size : 300), field.data);
    if (code == ENGINE_OK && !is_there(&missing))
        code = missing_error(&missing, use, reterr);
    arena_release(&arena);
    return code;
}

/* ---- without strict mode: unindexed.h ---- */

struct telling {
    struct missing missing;
    unindexed_visit visit;
    void *ctx;
};

static bool
tell(void *ctx, const struct condition *condition,
     const struct payload_path *array)
{
    struct telling *telling = ctx;
    if (!has_index(&telling->missing, condition, array))
        telling->visit(telling->ctx, span_of(telling->missing.field),
                       telling->missing.kinds);
    return true;
}

enum engine_code
collection_unindexed(struct collection *collection, const struct filter *filter,
                     unindexed_visit visit, void *ctx, struct error *reterr)
{
    struct telling telling = { .visit = visit, .ctx = ctx };
    struct arena arena;
    arena_init(&arena, INFO_ARENA_SIZE);
    enum engine_code code =
        segment_indexes(collection->segment, &arena, &telling.missing.indexes,
                        &telling.missing.count, reterr);
    if (code == ENGINE_OK)
        (void)each_leaf(filter, NULL, tell, &telling);
    arena_release(&arena);
    return code;
}

bool
collection_is_indexed(struct collection *collection, struct span field,
                      unsigned kinds)
{
    return strict_field_check(collection->segment, field, kinds, STRICT_READ,
                              NULL) == ENGINE_OK;
}

enum engine_code
strict_filter_check(const struct strict_limits *limits, struct segment *segment,
                    const struct filter *filter, enum strict_use use,
                    struct error *reterr)
{
    if (filter == NULL)
        return ENGINE_OK;
    enum engine_code code = check_sizes(limits, filter, reterr);
    bool refuses_unindexed = use == STRICT_WRITE
                                 ? limits->refuses_unindexed_updates
                                 : limits->refuses_unindexed_reads;
    if (code == ENGINE_OK && refuses_unindexed)
        code = check_indexes(segment, filter, use, reterr);
    return code;
}
