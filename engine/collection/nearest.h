/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_NEAREST_H
#define ENGINE_COLLECTION_NEAREST_H

#include "base/arena.h"
#include "engine/collection/command.h"
#include "engine/segment/search.h"

/* From commands to searches of a segment, and from distances to scores. What
 * is returned lives in `arena` or is borrowed until segment_read_end(). */

/* The vector of that name. ENGINE_EINPUT  there is none. */
enum engine_code nearest_number(const struct segment_reader *reader,
                                struct span using, size_t *ret_number,
                                struct error *reterr)
    __attribute__((warn_unused_result));

/* The vector of a point. ENGINE_ENOTFOUND  the point or its vector. */
enum engine_code
nearest_of_point(const struct segment_reader *reader, size_t number,
                 const struct point_id *id, struct arena *arena,
                 struct vector_value *ret_query, struct error *reterr)
    __attribute__((warn_unused_result));

/* A vector as the segment is asked by it: of unit length where rows are.
 * ENGINE_EINPUT  another kind or dimension, or a value that is not finite. */
enum engine_code
nearest_of_vector(const struct segment_reader *reader, size_t number,
                  const struct vector_value *given, struct arena *arena,
                  struct vector_value *ret_query, struct error *reterr)
    __attribute__((warn_unused_result));

/* Everything but vector and query. */
struct segment_search nearest_params(const struct search_command *command);

/* ENGINE_EINPUT  `params.idf` for a vector without the modifier. */
enum engine_code nearest_check_idf(const struct segment_reader *reader,
                                   const struct search_command *command,
                                   size_t number, struct error *reterr)
    __attribute__((warn_unused_result));

/* All of it, for a command without `query`. Errors of the above. */
enum engine_code
nearest_make(const struct segment_reader *reader,
             const struct search_command *command, struct arena *arena,
             struct segment_search *ret_search, struct error *reterr)
    __attribute__((warn_unused_result));

/* A score is a number, always: past the range of floats the nearest one, and
 * where two infinities cancel each other out the worst, as the index orders
 * it. A null would spoil the whole answer for typed clients. */
float nearest_score(enum metric metric, float distance);

/* Whether it is better than the command's threshold, if there is one. */
bool nearest_passes(const struct search_command *command, bool is_descending,
                    float score);

#endif /* ENGINE_COLLECTION_NEAREST_H */
