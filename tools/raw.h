/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_RAW_H
#define TOOLS_RAW_H

#include "base/bytes.h"

#include <stdbool.h>

/* JSON as bytes: finds values without reading them, so that numbers stay as
 * they are spelled (ids up to 2^64-1, floats). It looks at brackets and
 * strings alone; whether what is inside of a value is right, its reader says. */

#define RAW_DEPTH_MAX 256

/* The value that `text` starts with, after white space; `*ret_rest` is what
 * follows it. False: none, unbalanced brackets, a string without end, deeper
 * than RAW_DEPTH_MAX. */
bool raw_value(struct span text, struct span *ret_value, struct span *ret_rest)
    __attribute__((warn_unused_result));

/* The value of a key of an object, by its plain spelling (no escapes). False:
 * not there, or `object` is none. */
bool raw_member(struct span object, const char *key, struct span *ret_value)
    __attribute__((warn_unused_result));

/* Walks an array: `*cursor` starts as the whole array; true with each item,
 * false at its end and where it is broken, which `*ret_is_broken` tells. */
bool raw_next(struct span *cursor, struct span *ret_item, bool *ret_is_broken)
    __attribute__((warn_unused_result));

#endif /* TOOLS_RAW_H */
