/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_OUTPUT_H
#define ENGINE_COLLECTION_OUTPUT_H

#include "base/arena.h"
#include "engine/collection/command.h"
#include "engine/segment/segment.h"

/* Points of a segment as records of an answer. The caller holds the reader's
 * lock; everything is copied into `arena`, so that it may be given back. */

/* Resolves the selection once. ENGINE_EINPUT  unknown vector name. */
struct output;
enum engine_code output_begin(const struct segment_reader *reader,
                              const struct output_selection *selection,
                              struct arena *arena, struct output **ret_output,
                              struct error *reterr)
    __attribute__((warn_unused_result));

/* Fills everything but the score of ret_records[count]; payloads and
 * vectors are read together. ENGINE_ENOMEM, or the store's. */
enum engine_code output_records(struct output *output, const uint32_t *slots,
                                size_t count, struct record *ret_records,
                                struct error *reterr)
    __attribute__((warn_unused_result));

/* The selected part of the payload text `payload` (size 0: none), as a JSON
 * object text in `arena`. Including keeps what is above or below one of the
 * paths, excluding drops what is at or below one. Only `[]` leads into arrays,
 * one level each; `[0]` leads nowhere. ENGINE_ENOMEM */
enum engine_code
output_payload(struct span payload, const struct payload_selection *selection,
               struct arena *arena, struct span *ret_text, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_COLLECTION_OUTPUT_H */
