/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_COMMAND_H
#define ENGINE_COLLECTION_COMMAND_H

#include "base/arena.h"
#include "base/bytes.h"
#include "engine/codec/point_id.h"
#include "engine/filter/filter.h"
#include "engine/filter/number_index.h"
#include "engine/segment/search.h"
#include "engine/index/vector_row.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The narrow waist: one struct per operation. REST, gRPC and replay fill the
 * same structs; everything right of here sees only them. All pointers are
 * borrowed for the call, typically from the request's arena. */

#define COMMAND_LIMIT_MAX        100000     /* limit + offset of one search */
#define COMMAND_POINTS_MAX       1000000    /* points in one update */
#define COMMAND_PAYLOAD_SIZE_MAX (8u << 20) /* JSON text of one point */
#define COMMAND_NAME_SIZE_MAX    255
#define COMMAND_DIM_MAX          65536

/* A vector under its name; the unnamed vector has the name "". */
struct named_vector {
    struct span name;
    const float *values; /* float[dim]; VECTOR_MULTI: [rows][dim] */
    size_t dim;          /* VECTOR_SPARSE: entries */
    enum vector_kind kind;
    const uint32_t *indices; /* VECTOR_SPARSE: [dim], ascending, no repeats */
    size_t rows;             /* VECTOR_MULTI: sub-vectors; else unused */
};

/* ---- writes ---- */

struct point {
    struct point_id id;
    const struct named_vector *vectors;
    size_t vectors_count;
    struct span payload; /* compact JSON object; size 0: none */
};

/* Which points: the ids, or else the filter. */
struct point_selector {
    const struct point_id *ids;
    size_t ids_count;
    const struct filter *filter; /* NULL when ids are given */
};

enum payload_schema {
    PAYLOAD_SCHEMA_KEYWORD,
    PAYLOAD_SCHEMA_INTEGER,
    PAYLOAD_SCHEMA_FLOAT,
    PAYLOAD_SCHEMA_BOOL,
    PAYLOAD_SCHEMA_DATETIME,
    PAYLOAD_SCHEMA_UUID,
    PAYLOAD_SCHEMA_GEO,
    PAYLOAD_SCHEMA_TEXT
};

enum update_kind {
    UPDATE_UPSERT,            /* points */
    UPDATE_DELETE,            /* selector */
    UPDATE_VECTORS,           /* points: merge these vectors */
    UPDATE_DELETE_VECTORS,    /* selector, names */
    UPDATE_SET_PAYLOAD,       /* selector, payload, key: merge */
    UPDATE_OVERWRITE_PAYLOAD, /* selector, payload */
    UPDATE_DELETE_PAYLOAD,    /* selector, paths */
    UPDATE_CLEAR_PAYLOAD,     /* selector */
    UPDATE_CREATE_INDEX,      /* key, schema, schema_json */
    UPDATE_DELETE_INDEX,      /* key */
    UPDATE_CREATE_VECTOR,     /* vector */
    UPDATE_DELETE_VECTOR      /* names[0] */
};

enum update_mode {
    UPDATE_ANY,        /* upsert */
    UPDATE_NEW_ONLY,   /* points that are there are left alone */
    UPDATE_THERE_ONLY, /* those that are not there are not made */
};

struct vector_config;

struct update {
    enum update_kind kind;
    enum update_mode mode; /* UPSERT */
    /* UPSERT, VECTORS: a point that is there changes only if it matches as it
     * was before the update; NULL: always. */
    const struct filter *condition;
    const struct point *points;
    size_t points_count;
    struct point_selector selector;
    struct span payload;              /* JSON object */
    const struct payload_path *paths; /* DELETE_PAYLOAD */
    size_t paths_count;
    const struct payload_path *key; /* SET_PAYLOAD target (may be NULL); index
                                       field */
    const struct span *names;       /* DELETE_VECTORS, DELETE_VECTOR */
    size_t names_count;
    enum payload_schema schema;
    const struct vector_config *vector; /* config.h */
    struct span schema_json; /* params object as given; size 0: only a type */
};

struct update_options {
    bool wait;            /* answer after it is durable and visible */
    uint64_t deadline_ms; /* CLOCK_MONOTONIC milliseconds; 0: none */
};

enum update_status {
    UPDATE_ACKNOWLEDGED,
    UPDATE_COMPLETED,
    UPDATE_WAIT_TIMEOUT
};

struct update_result {
    uint64_t operation_id;
    enum update_status status;
};

/* ---- reads ---- */

enum selection { SELECT_NONE, SELECT_ALL, SELECT_INCLUDE, SELECT_EXCLUDE };

struct payload_selection {
    enum selection selection;
    const struct payload_path *paths; /* INCLUDE, EXCLUDE */
    size_t paths_count;
};

/* EXCLUDE is not used for vectors. */
struct vector_selection {
    enum selection selection;
    const struct span *names; /* INCLUDE */
    size_t names_count;
};

struct output_selection {
    struct payload_selection payload;
    struct vector_selection vectors;
};

struct search_params {
    uint32_t hnsw_ef; /* 0: the collection's default */
    bool is_exact;
    bool is_indexed_only;
    bool ignores_codes;   /* walk on full vectors */
    bool keeps_estimates; /* scores are those of codes */
    double oversampling;  /* so many times the limit are scored again with full
                            vectors; 0: the index decides */
    /* Only for sparse vectors with the modifier: whether the request says what
     * frequencies are counted over, and the filter; NULL: all points. */
    bool has_idf;
    const struct filter *idf_corpus;
};

struct query; /* query.h */

/* Another collection that the points of examples are in; its vector's name. */
struct query_lookup {
    struct span collection; /* size 0: this one */
    bool has_vector;        /* else `using` */
    struct span vector;
};

/* One stage of a query. Nearest points: either `vector` or `by_id` is the
 * query; with both the vector is the query and the point is left out. With
 * neither points come by ascending id with score 1.0 and version 0. `kind`,
 * `indices` and `rows` as in struct named_vector. With `query` it is the query
 * and those mean nothing. With prefetches only their points are asked. */
struct search_command {
    struct query *query; /* NULL: nearest, or by id */
    struct search_command
        *prefetches; /* themselves without offset and output */
    size_t prefetches_count;
    struct query_lookup lookup; /* of the stage's points by id */
    struct span using;          /* vector name, "" by default */
    const float *vector; /* NULL unless the query is one; else also when dim is
                            0, as a sparse one may be */
    size_t dim;
    enum vector_kind kind;
    const uint32_t *indices;
    size_t rows;
    const struct point_id *by_id; /* NULL unless the query is a point */
    const struct filter *filter;  /* NULL: all */
    struct search_params params;
    size_t limit; /* 1..COMMAND_LIMIT_MAX together with offset */
    size_t offset;
    bool has_score_threshold;
    float score_threshold;
    struct output_selection output;
    uint64_t deadline_ms; /* CLOCK_MONOTONIC milliseconds; 0: none */
};

struct query_order; /* query.h */

struct scroll_command {
    const struct point_id *offset;   /* first id, inclusive; NULL: start */
    const struct query_order *order; /* NULL: by id; never with an offset */
    size_t limit;
    const struct filter *filter;
    struct output_selection output;
    uint64_t deadline_ms;
};

struct retrieve_command {
    const struct point_id *ids;
    size_t ids_count;
    struct output_selection output;
};

struct count_command {
    const struct filter *filter;
    bool is_exact;
    uint64_t deadline_ms;
};

/* One point of an answer; everything in the caller's arena. */
struct record {
    struct point_id id;
    uint64_t version; /* operation number of its last change */
    float score;      /* searches only */
    bool has_order;   /* ordered by a payload's value: */
    struct number_value order;
    bool has_payload;
    struct span payload; /* JSON object text when has_payload */
    bool has_vectors;    /* vectors were asked for */
    const struct named_vector *vectors;
    size_t vectors_count;
};

struct records {
    const struct record *items;
    size_t count;
    bool has_next; /* scroll: next_id is the first id of the next page */
    struct point_id next_id;
    const struct segment_report *reports; /* of searches by vectors */
    size_t reports_count;
};

#endif /* ENGINE_COLLECTION_COMMAND_H */
