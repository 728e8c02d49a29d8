/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_FILTER_H
#define ENGINE_FILTER_FILTER_H

#include "base/bytes.h"
#include "engine/codec/point_id.h"
#include "engine/filter/geo.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A parsed filter: plain data that REST, gRPC and replay fill alike. All of it
 * lives in one arena (or outlives the operation) and is read only once built.
 * Meaning: Qdrant's filter semantics (reference: semantics, section 3). */

#define FILTER_DEPTH_MAX      64    /* filters inside filters */
#define FILTER_CONDITIONS_MAX 4096  /* in one clause */
#define FILTER_ANY_MAX        65536 /* values of one match any/except */
#define FILTER_TEXT_SIZE_MAX  65536 /* bytes of one text match */
#define FILTER_RINGS_MAX      1024  /* interiors of one polygon */
#define FILTER_PATH_STEPS_MAX 32

/* One step of a payload path: `key`, then what to do with an array there. */
enum path_index {
    PATH_INDEX_NONE, /* a.b    do not descend into arrays */
    PATH_INDEX_ALL,  /* a[].b  every element */
    PATH_INDEX_ONE   /* a[3].b one element */
};

struct path_step {
    struct span key;
    enum path_index index;
    uint32_t element; /* for PATH_INDEX_ONE */
};

/* `text` is the path as the user wrote it: the name of the payload index. */
struct payload_path {
    struct span text;
    const struct path_step *steps;
    size_t steps_count; /* 1..FILTER_PATH_STEPS_MAX */
};

enum match_type { MATCH_STRING, MATCH_INTEGER, MATCH_BOOL };

struct match_value {
    enum match_type type;
    struct span string;
    int64_t integer;
    bool boolean;
};

struct range {
    bool has_lt, has_gt, has_lte, has_gte;
    double lt, gt, lte, gte;
};

/* Bounds of a moment in microseconds since 1970 UTC (datetime.h). */
struct datetime_range {
    bool has_lt, has_gt, has_lte, has_gte;
    int64_t lt, gt, lte, gte;
};

/* What `text` asks of a string. Without a full-text index these are tests of
 * bytes. */
enum text_match {
    TEXT_ALL,    /* it is in there */
    TEXT_PHRASE, /* likewise */
    TEXT_ANY,    /* one of its words is */
    TEXT_PREFIX  /* the string begins with it */
};

/* One of `total` even parts of all ids (slice.h). */
struct id_slice {
    uint64_t total; /* > 0 */
    uint64_t index; /* < total */
};

struct filter;

enum condition_kind {
    CONDITION_MATCH,      /* path, values[1] */
    CONDITION_ANY,        /* path, values[0..] of one type, sorted (or none) */
    CONDITION_EXCEPT,     /* path, values[0..] of one type, sorted (or none) */
    CONDITION_RANGE,      /* path, range */
    CONDITION_IS_EMPTY,   /* path, is_negated: {is_empty: false} */
    CONDITION_IS_NULL,    /* path, is_negated, is_whole */
    CONDITION_HAS_ID,     /* ids, sorted */
    CONDITION_OR,         /* tests: several tests of one field object */
    CONDITION_FILTER,     /* filter: a whole filter as one condition */
    CONDITION_NESTED,     /* path (of an array), filter on one element */
    CONDITION_COUNT,      /* path, range: values_count */
    CONDITION_DATETIME,   /* path, datetimes */
    CONDITION_GEO,        /* path, area */
    CONDITION_TEXT,       /* path, text, text_match */
    CONDITION_HAS_VECTOR, /* text: the vector's name */
    CONDITION_SLICE       /* slice */
};

struct condition {
    enum condition_kind kind;
    struct payload_path path;
    const struct match_value *values;
    size_t values_count;
    struct range range;
    struct datetime_range datetimes;
    const struct geo_area *area;
    struct span text;
    enum text_match text_match;
    struct id_slice slice;
    bool is_negated;
    bool is_whole; /* IS_NULL: an array holding a null is not null */
    const struct point_id *ids;
    size_t ids_count;
    const struct condition *tests;
    size_t tests_count;
    const struct filter *filter;
};

struct clause {
    const struct condition *conditions;
    size_t count;
};

/* All four clauses are ANDed; an empty clause counts as absent, min_should
 * when its count is 0. */
struct filter {
    struct clause must;
    struct clause should;
    struct clause must_not;
    struct clause min_should;
    size_t min_should_count; /* >= 1 when min_should is given */
};

/* Whoever fills a filter calls these once per list, so that a test of one
 * point is a binary search. Both sort in place, drop duplicates and return
 * the new count. */
size_t match_values_sort(struct match_value *values, size_t count);
size_t filter_ids_sort(struct point_id *ids, size_t count);

/* <0, 0, >0; by type, then strings by bytes, integers and bools by value. */
int match_value_compare(const struct match_value *a,
                        const struct match_value *b);

/* Whether a filter has no condition: it matches every point. */
bool filter_is_empty(const struct filter *filter);

#endif /* ENGINE_FILTER_FILTER_H */
