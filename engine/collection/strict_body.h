/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_STRICT_BODY_H
#define ENGINE_COLLECTION_STRICT_BODY_H

#include "engine/collection/strict.h"
#include "engine/collection/unindexed.h"

#include "engine/codec/json_read.h"
#include "engine/segment/segment.h"

#include <pthread.h>
#include <stdatomic.h>

/* Between strict.c (limits and rates), strict_check.c (what they are held
 * against) and strict_filter.c. */

#define STRICT_NONE UINT64_MAX /* no such limit */

/* A bucket that holds the tokens of one minute and fills evenly. */
struct strict_rate {
    uint64_t per_minute; /* STRICT_NONE */
    double tokens;       /* by `lock` of the limits, as the next */
    uint64_t filled_ns;
};

struct strict_limits {
    _Atomic uint32_t holds;
    uint64_t query_limit;
    uint64_t timeout_s;
    uint64_t hnsw_ef;
    uint64_t upsert_points;
    uint64_t search_batch;
    uint64_t vector_bytes;
    uint64_t payload_bytes;
    uint64_t points;
    uint64_t filter_conditions;
    uint64_t condition_size;
    uint64_t indexes;
    uint64_t memory_percent;
    double oversampling; /* INFINITY: none */
    bool refuses_exact;
    bool refuses_unindexed_reads;
    bool refuses_unindexed_updates;
    yyjson_doc *doc;          /* of the two below; may be NULL */
    yyjson_val *multivectors; /* {name: {max_vectors}} */
    yyjson_val *sparse;       /* {name: {max_length}} */
    pthread_mutex_t lock;
    struct strict_rate reads, writes;
};

/* Kinds of payload indexes as a set. */
#define STRICT_KIND(kind) UNINDEXED_KIND(kind)

enum strict_use {
    STRICT_READ,
    STRICT_WRITE,
    STRICT_FORMULA /* a read, advised otherwise; not of rates */
};

/* The limits of now, held until strict_limits_release(); NULL: strict mode is
 * off. */
struct strict_limits *strict_limits_take(struct collection *collection);

/* Takes tokens of that rate. ENGINE_ERATE */
enum engine_code strict_rate_take(struct strict_limits *limits,
                                  enum strict_use use, uint64_t tokens,
                                  struct error *reterr)
    __attribute__((warn_unused_result));

/* "TEXT. Help: HELP" as ENGINE_EREQUEST. */
enum engine_code strict_error(struct error *reterr, const char *text,
                              const char *help);

/* ENGINE_EREQUEST when value > limit (STRICT_NONE: never); `name` is the
 * parameter. */
enum engine_code strict_at_most(uint64_t value, uint64_t limit,
                                const char *name, struct error *reterr)
    __attribute__((warn_unused_result));

/* Conditions of a filter, those of filters inside it, too. */
uint64_t strict_filter_conditions(const struct filter *filter);

/* That the field has an index of one of the kinds. */
enum engine_code strict_field_check(struct segment *segment, struct span field,
                                    unsigned kinds, enum strict_use use,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* ---- strict_query.c ---- */

/* Candidates, and what a formula reads; NULL is no query. */
enum engine_code
strict_query_check(const struct strict_limits *limits, struct segment *segment,
                   const struct query *query, struct error *reterr)
    __attribute__((warn_unused_result));

/* Conditions of its formula. */
uint64_t strict_query_conditions(const struct query *query);

/* ---- strict_filter.c ---- */

/* Size of the filter, and that every field has an index that answers. */
enum engine_code strict_filter_check(const struct strict_limits *limits,
                                     struct segment *segment,
                                     const struct filter *filter,
                                     enum strict_use use, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_COLLECTION_STRICT_BODY_H */
