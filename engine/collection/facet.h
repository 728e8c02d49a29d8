/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_FACET_H
#define ENGINE_COLLECTION_FACET_H

#include "engine/collection/collection.h"
#include "engine/segment/facet.h"

/* How many points hold each value of a field with an index. */
struct facet_command {
    struct payload_path key;
    const struct filter *filter; /* NULL: all */
    size_t limit;                /* 1..COMMAND_LIMIT_MAX */
    bool is_exact;               /* as asked; it always is */
    uint64_t deadline_ms;
};

/* By count, descending, then by value; exact. Answers live in `arena`. As
 * collection_count().
 * ENGINE_EINPUT  no index counts values there, or the limit is too high. */
enum engine_code collection_facet(struct collection *collection,
                                  const struct facet_command *command,
                                  struct arena *arena,
                                  const struct facet_hit **ret_hits,
                                  size_t *ret_count, struct error *reterr)
    __attribute__((warn_unused_result));

/* Distances between points of a random sample. */
#define MATRIX_SAMPLE_MAX 10000

struct matrix_command {
    struct span using;
    const struct filter *filter;
    size_t sample; /* 2..MATRIX_SAMPLE_MAX */
    size_t limit;  /* neighbours of each, 1.. */
    /* Which of them the request says: strict mode holds their product, or the
     * one that is said, against max_query_limit. */
    bool has_sample, has_limit;
    uint64_t deadline_ms;
};

struct matrix_pair {
    size_t row, column; /* in the sample */
    float score;
};

struct matrix {
    const struct point_id *ids; /* the sample, ascending */
    size_t count;
    const struct matrix_pair *pairs; /* row by row, best first */
    size_t pairs_count;
};

/* The nearest of the sample to each of the sample, by exact search. Empty with
 * fewer than two points. Answers live in `arena`.
 * ENGINE_EINPUT  no such vector; a limit. ENGINE_ETIMEOUT, ENGINE_ENOMEM */
enum engine_code
collection_matrix(struct collection *collection,
                  const struct matrix_command *command, struct arena *arena,
                  struct matrix *ret_matrix, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_COLLECTION_FACET_H */
