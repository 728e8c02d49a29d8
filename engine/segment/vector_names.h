/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_VECTOR_NAMES_H
#define ENGINE_SEGMENT_VECTOR_NAMES_H

#include "engine/segment/segment.h"

/* Vector names that come and go while the segment is used. */

/* Makes the list of vectors durable that the next opening will be given;
 * called when nothing else can fail. A failure is the result, and nothing is
 * changed. */
struct segment_keep {
    enum engine_code (*keep)(void *ctx, struct error *reterr);
    void *ctx;
};

/* A vector more, which no point has yet; the name is not there. Writers wait
 * for as long as `keep` takes, readers do not. *ret_sequence: as of an update.
 * *ret_must_wait  nothing was done (ENGINE_OK): readers of a vector that was
 *                 just deleted have its name, or the last number; once more
 *                 after segment_names_wait(), without the caller's locks
 * ENGINE_EINPUT  there are SEGMENT_VECTORS_MAX. ENGINE_ENOMEM, failures of the
 * store and of `keep`. Any thread that may block. */
enum engine_code
segment_vector_create(struct segment *segment,
                      const struct segment_vector_options *options,
                      const struct segment_keep *keep, uint64_t *ret_sequence,
                      bool *ret_must_wait, struct error *reterr)
    __attribute__((warn_unused_result));

/* For a moment, in which such readers may leave. */
void segment_names_wait(void);

/* Takes a vector, which is there, away from all points: it is in no later
 * answer. Memory and disk come back in the background when its readers have
 * left. Otherwise as above. */
enum engine_code
segment_vector_delete(struct segment *segment, struct span name,
                      const struct segment_keep *keep, uint64_t *ret_sequence,
                      struct error *reterr) __attribute__((warn_unused_result));

#endif /* ENGINE_SEGMENT_VECTOR_NAMES_H */
