/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_GRPC_RECORD_H
#define ENGINE_API_GRPC_RECORD_H

#include "engine/collection/command.h"
#include "engine/error.h"

/* Points of an answer as protocol buffers, straight from the records: appended
 * to `out` as fields with that number. */

/* PointId. */
void grpc_id_write(const struct point_id *id, uint32_t number,
                   struct bytes *out);

/* RetrievedPoint and ScoredPoint.
 * ENGINE_EINTERNAL  the stored payload is not JSON.   ENGINE_ENOMEM. */
enum engine_code grpc_retrieved_write(const struct record *record,
                                      uint32_t number, struct bytes *out,
                                      struct error *reterr)
    __attribute__((warn_unused_result));
enum engine_code grpc_scored_write(const struct record *record, uint32_t number,
                                   struct bytes *out, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_API_GRPC_RECORD_H */
