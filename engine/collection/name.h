/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_NAME_H
#define ENGINE_COLLECTION_NAME_H

#include "base/bytes.h"
#include "engine/error.h"

/* Whether it may be the name of a collection or an alias: 1 to
 * COMMAND_NAME_SIZE_MAX bytes of UTF-8, none of <>:"/\|?*, NUL, U+001F. Any
 * thread.
 *   field  what the text calls it; code: what is returned when it may not */
enum engine_code name_check(struct span name, const char *field,
                            enum engine_code code, struct error *reterr)
    __attribute__((warn_unused_result));

/* The same for the name of a vector that is to be added or deleted. */
#define NAME_VECTOR_SIZE_MAX 200
enum engine_code name_check_vector(struct span name, enum engine_code code,
                                   struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_COLLECTION_NAME_H */
