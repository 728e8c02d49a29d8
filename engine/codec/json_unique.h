/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CODEC_JSON_UNIQUE_H
#define ENGINE_CODEC_JSON_UNIQUE_H

#include "base/bytes.h"
#include "engine/error.h"

#include <stdbool.h>
#include <stddef.h>

#include <yyjson.h>

/* Objects whose members have one name each. RFC 8259 section 4 leaves open what
 * a name that comes twice means; most readers take the last, a look-up in a
 * document the first, so what is kept must not have any. */

/* Whether all keys differ. May say false of those that do, never true of those
 * that do not. Any thread. */
bool json_keys_differ(const struct span *keys, size_t count);

/* The same of each object of `value`, at any depth. */
bool json_is_unique(yyjson_val *value);

/* Compact text of `value` without the members whose names come again later in
 * their objects, appended to `out`. ENGINE_ENOMEM */
enum engine_code json_unique_text(yyjson_val *value, struct bytes *out,
                                  struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_CODEC_JSON_UNIQUE_H */
