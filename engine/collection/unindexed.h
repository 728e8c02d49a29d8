/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_UNINDEXED_H
#define ENGINE_COLLECTION_UNINDEXED_H

#include "engine/collection/collection.h"

/* Fields that filters read without an index; strict_filter.c. `kinds` are those
 * of indexes that would help: a set of UNINDEXED_KIND(enum
 * payload_index_kind). Any thread. */
#define UNINDEXED_KIND(kind) (1u << (kind))

typedef void (*unindexed_visit)(void *ctx, struct span field, unsigned kinds);

/* Visits the fields of a filter that have none of the indexes that would help;
 * `field` is valid for the call. ENGINE_ENOMEM */
enum engine_code
collection_unindexed(struct collection *collection, const struct filter *filter,
                     unindexed_visit visit, void *ctx, struct error *reterr)
    __attribute__((warn_unused_result));

/* Whether a field has one of them. */
bool collection_is_indexed(struct collection *collection, struct span field,
                           unsigned kinds);

#endif /* ENGINE_COLLECTION_UNINDEXED_H */
