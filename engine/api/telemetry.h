/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_TELEMETRY_H
#define ENGINE_API_TELEMETRY_H

#include "engine/api/call.h"

/* Parts of the telemetry. `details_level` is the request's: 0 counts, 1 the
 * machine and memory and a line for each collection, 2 each collection's
 * configuration and shard, 3 times by vector name. With `anonymize` names are
 * hashed, numbers rounded, and configurations, folders and causes left out. */

/* telemetry_app.c: the value of `app`. */
void telemetry_write_app(struct call *call);

/* telemetry_collections.c: the value of `collections`; only those that the
 * caller may read. ENGINE_ENOMEM */
enum engine_code telemetry_write_collections(struct call *call,
                                             const struct span *names,
                                             size_t count, struct error *reterr)
    __attribute__((warn_unused_result));

/* One member, the number rounded where the request wants it anonymous. */
void telemetry_number(struct call *call, const char *key, uint64_t number);

/* One member. */
void telemetry_text(struct call *call, const char *key, const char *text);

/* The name, or its hash where the request wants it anonymous. */
void telemetry_name(struct call *call, const char *key, struct span name);

#endif /* ENGINE_API_TELEMETRY_H */
