/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_TEXT_FIELD_H
#define ENGINE_FILTER_TEXT_FIELD_H

#include "engine/filter/filter.h"
#include "engine/filter/tokenizer.h"

#include <yyjson.h>

/* A field with a `text` index, on which text matches ask for tokens:
 *   TEXT_ALL     each token of the query is in some string of the field
 *   TEXT_ANY     one of them is
 *   TEXT_PHRASE  they follow each other in one string; nothing when the index
 *                has no phrase_matching
 * A query without tokens matches nothing. One thread at a time. */
struct text_field;

/* Borrows the path, holds the tokenizer. NULL when memory is out. */
struct text_field *text_field_new(const struct payload_path *path,
                                  struct tokenizer *tokenizer)
    __attribute__((warn_unused_result));
/* The same for another thread. NULL when memory is out. */
struct text_field *text_field_again(const struct text_field *field)
    __attribute__((warn_unused_result));
void text_field_free(struct text_field *field); /* NULL is allowed */

const struct payload_path *text_field_path(const struct text_field *field);

/* Whether `payload` satisfies a TEXT condition (not TEXT_PREFIX) on the
 * field's path. False as well when memory ran out: text_field_failed(). */
bool text_field_matches(struct text_field *field,
                        const struct condition *condition, yyjson_val *payload);
bool text_field_failed(const struct text_field *field);

#endif /* ENGINE_FILTER_TEXT_FIELD_H */
