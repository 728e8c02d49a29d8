/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CODEC_JSON_PICK_H
#define ENGINE_CODEC_JSON_PICK_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>

#define JSON_PICK_KEYS_MAX 32

/* Copies the members of an object whose keys are wanted, in their order, so
 * that tests of a few fields need not parse the rest; of a key that comes again
 * the first, which is the one that look-ups find.
 *   text      an object as json_parse() accepted it, written compactly
 *   keys      [keys_count <= JSON_PICK_KEYS_MAX], no key twice
 *   buffer    [size], where the smaller object goes
 *   ret_text  it; within `buffer`
 * False: a key is escaped, the result is too long, or the text is not compact:
 * read all of it. Never looks beyond `text`. Any thread. */
bool json_pick(struct span text, const struct span *keys, size_t keys_count,
               char *buffer, size_t size, struct span *ret_text)
    __attribute__((warn_unused_result));

#endif /* ENGINE_CODEC_JSON_PICK_H */
