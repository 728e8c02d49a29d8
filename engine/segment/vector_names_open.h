/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_VECTOR_NAMES_OPEN_H
#define ENGINE_SEGMENT_VECTOR_NAMES_OPEN_H

#include "engine/segment/body.h"

/* Names of vectors in the store; for vector_names.c. The caller holds the
 * writer mutex. Failures are those of the store, and ENGINE_ENOMEM. */

/* Writes the number of a name, with a sequence number of its own, and syncs.
 * On failure it may be there. */
enum engine_code segment_name_write(struct segment *segment, struct span name,
                                    size_t number, struct error *reterr)
    __attribute__((warn_unused_result));

/* Uses up a sequence number, without anything else. */
enum engine_code segment_name_count(struct segment *segment,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* Deletes a name and all rows of its number. */
enum engine_code segment_name_erase(struct segment *segment, struct span name,
                                    size_t number, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_SEGMENT_VECTOR_NAMES_OPEN_H */
