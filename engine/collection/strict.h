/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_STRICT_H
#define ENGINE_COLLECTION_STRICT_H

#include "engine/collection/command.h"

/* Strict mode: limits that a collection's owner sets for its clients
 * (strict_mode_config). Nothing costs anything while it is off. Any thread.
 * The errors are Qdrant's:
 * ENGINE_EREQUEST  a limit: names the value, the limit and the parameter.
 * ENGINE_ERATE     too many requests in a minute; error.retry_s says when. */
struct collection;
struct strict_limits;

/* What a read asks for. */
struct strict_read {
    bool has_limit;
    size_t limit; /* with the offset left out */
    const struct filter *filter;
    bool is_exact;
    const struct search_params *params; /* NULL: no search */
    const struct query *query;          /* NULL: none, or nearest */
    size_t tokens;                      /* of the read rate; filters add */
};
enum engine_code collection_check_read(struct collection *collection,
                                       const struct strict_read *read,
                                       struct error *reterr)
    __attribute__((warn_unused_result));

/* That groups by this field have an index to go by. */
enum engine_code collection_check_group_key(struct collection *collection,
                                            struct span key,
                                            struct error *reterr)
    __attribute__((warn_unused_result));

/* Searches in one request. */
enum engine_code collection_check_batch(struct collection *collection,
                                        size_t count, struct error *reterr)
    __attribute__((warn_unused_result));

/* The `timeout` of a request. */
enum engine_code collection_check_timeout(struct collection *collection,
                                          uint64_t seconds,
                                          struct error *reterr)
    __attribute__((warn_unused_result));

enum engine_code collection_check_update(struct collection *collection,
                                         const struct update *update,
                                         struct error *reterr)
    __attribute__((warn_unused_result));

/* ---- for collection.c ---- */

/* The limits that a strict_mode_config object says; *ret_limits NULL when it
 * is absent (size 0) or not enabled. `old` (NULL: none) lends what is left of
 * its rates where they stay the same. ENGINE_ENOMEM */
enum engine_code strict_limits_new(struct span json, struct strict_limits *old,
                                   struct strict_limits **ret_limits,
                                   struct error *reterr)
    __attribute__((warn_unused_result));

/* Lets go of one hold; frees with the last. NULL is allowed. */
void strict_limits_release(struct strict_limits *limits);

#endif /* ENGINE_COLLECTION_STRICT_H */
