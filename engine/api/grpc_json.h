/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_GRPC_JSON_H
#define ENGINE_API_GRPC_JSON_H

#include "engine/api/grpc_schema.h"
#include "engine/codec/json_read.h"
#include "engine/codec/json_write.h"

/* Messages into the JSON of the REST API and back, so that what both say is
 * read, checked and refused in one place. No text is made on the way: numbers
 * and strings stay what they were. Vectors and payloads of many points take a
 * way of their own (grpc_points.c, grpc_record.h). Any thread. */

/* Deepest nesting of messages. A filter in a filter is 3 of them, a list in a
 * payload is 2, an object 3. */
#define GRPC_DEPTH_MAX 240

/* The body of the REST request that says the same as `message`, which must
 * outlive the document: strings are borrowed.
 *   ret_doc  the caller's: yyjson_doc_free()
 * ENGINE_EINPUT  malformed, not UTF-8, nested too deep; a oneof that is empty where something is needed
 * ENGINE_ENOMEM */
enum engine_code grpc_json_read(const struct schema_message *type,
                                struct span message, yyjson_doc **ret_doc,
                                struct error *reterr)
    __attribute__((warn_unused_result));

/* The message that says the same as `value`, a part of a REST answer: members
 * that the message does not know are left out. Appended to `out`. */
void grpc_json_write(const struct schema_message *type, yyjson_val *value,
                     struct bytes *out);

/* ---- grpc_value.c ---- */

/* The content of a `Value` message. */
void grpc_value_write(yyjson_val *value, struct bytes *out);

/* The entries of a map<string, Value> field, from a JSON object. */
void grpc_payload_write(yyjson_val *object, uint32_t number, struct bytes *out);

/* ---- grpc_text.c ---- */

/* As grpc_payload_write(), from the text of an object that json_parse()
 * accepted before. False: it is of an unusual form or damaged; nothing was put
 * then, unless `out` has failed. */
bool grpc_payload_text(struct span text, uint32_t number, struct bytes *out)
    __attribute__((warn_unused_result));

#endif /* ENGINE_API_GRPC_JSON_H */
