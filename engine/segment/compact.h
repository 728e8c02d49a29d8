/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_COMPACT_H
#define ENGINE_SEGMENT_COMPACT_H

#include "engine/segment/segment.h"

/* Giving memory back when a collection shrinks: compact.c. */

/* struct segment's compact_end when no run is under way: beyond all slots. */
#define COMPACT_NONE UINT32_MAX

/* One piece of a run, or the begin of one when it is due. *ret_rest: what is
 * left; NONE also while links or a build come first. Any thread, no lock held.
 * ENGINE_ENOMEM, or the store's failure: try again later, each point is still
 * in one slot. */
enum engine_code segment_compact(struct segment *segment,
                                 enum segment_rest *ret_rest,
                                 struct error *reterr)
    __attribute__((warn_unused_result));

/* Lets the disk follow for the records of slots below `slots_end`; it is done
 * by segment_compact_disk(). */
void segment_compact_disk_begin(struct segment *segment, uint32_t slots_end);

/* Puts a slot into the free list, which has room. The caller holds the writer
 * mutex, here and below. */
void segment_free_slot(struct segment *segment, uint32_t slot);

/* A change has taken slots from the free list, and the slots will end at
 * `slots_count`: it may have put points beyond where a run wants them. */
void segment_compact_note(struct segment *segment, uint32_t slots_count);

#endif /* ENGINE_SEGMENT_COMPACT_H */
