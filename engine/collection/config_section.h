/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_CONFIG_SECTION_H
#define ENGINE_COLLECTION_CONFIG_SECTION_H

#include "base/arena.h"
#include "engine/codec/json_read.h"
#include "engine/codec/json_write.h"
#include "engine/error.h"

#include <stdint.h>

/* Parts of a configuration body. `where` is the path of the object for the
 * error text ("hnsw_config", "vectors.image", "" for the body). */

struct section_limit {
    const char *key;
    uint64_t min;
    uint64_t max;
};

/* A member that is missing or null. */
bool section_is_absent(yyjson_val *value);

/* Reads an optional unsigned member into *value (left as it is when the member
 * is missing or null). ENGINE_EFORMAT wrong type; ENGINE_EVALID out of range,
 * naming the limit. */
enum engine_code section_read_u64(yyjson_val *object, const char *where,
                                  const struct section_limit *limit,
                                  uint64_t *value, struct error *reterr)
    __attribute__((warn_unused_result));

/* As section_read_u64() for true and false. */
enum engine_code section_read_bool(yyjson_val *object, const char *where,
                                   const char *key, bool *value,
                                   struct error *reterr)
    __attribute__((warn_unused_result));

/* The members of `change` named in `keys` (NULL-terminated; NULL: all) laid
 * over the JSON object text `old` (size 0: none), as text in `arena`. With
 * `keys` null members of `change` change nothing; without, they remove
 * (RFC 7386). A result without members has size 0. `change` may be NULL. */
enum engine_code section_merge(struct span old, yyjson_val *change,
                               const char *const *keys, struct arena *arena,
                               struct span *ret_text, struct error *reterr)
    __attribute__((warn_unused_result));

/* Writes `defaults` (JSON object text) with the members of `given` over it. */
void section_write(struct json_writer *writer, const char *defaults,
                   struct span given);

#endif /* ENGINE_COLLECTION_CONFIG_SECTION_H */
