/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_MEMORY_H
#define ENGINE_API_MEMORY_H

#include "engine/api/call.h"

/* Memory reports. Names are Qdrant's where it has them: the members of
 * /collections/C/memory, the allocator's numbers in telemetry and metrics. */

/* GET /collections/C/memory */
enum engine_code memory_collection(struct call *call, struct error *reterr);

/* The value of the telemetry's `memory`: the allocator's numbers, and under
 * `process` what the resident memory is made of. `names` are all collections.
 * ENGINE_ENOMEM */
enum engine_code memory_write_process(struct call *call,
                                      const struct span *names, size_t count,
                                      struct error *reterr)
    __attribute__((warn_unused_result));

/* memory_* lines of the metrics. */
void memory_write_metrics(struct metrics_text *text);

#endif /* ENGINE_API_MEMORY_H */
