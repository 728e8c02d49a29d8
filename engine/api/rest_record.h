/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_REST_RECORD_H
#define ENGINE_API_REST_RECORD_H

#include "engine/codec/json_write.h"
#include "engine/collection/command.h"

struct collection; /* engine/collection/collection.h */

/* Points of an answer as JSON. A point that has exactly the unnamed vector
 * shows it as a list, any other a map of what it has. */

/* Record: {id, payload?, vector?}. */
void rest_record_write(struct json_writer *writer, const struct record *record);

/* ScoredPoint: {id, version, score, payload?, vector?}. */
void rest_scored_write(struct json_writer *writer, const struct record *record);

/* A list of ScoredPoint. */
void rest_scored_list(struct json_writer *writer,
                      const struct records *records);

/* What reading and writing `count` records of that selection takes, roughly. */
uint64_t rest_records_cost_ns(const struct collection *collection,
                              const struct output_selection *output,
                              size_t count);

#endif /* ENGINE_API_REST_RECORD_H */
