/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CODEC_JSON_FLOATS_H
#define ENGINE_CODEC_JSON_FLOATS_H

#include <stdbool.h>
#include <stddef.h>

/* Lists of JSON numbers straight into floats: most bytes of an upload. Each
 * number becomes exactly what json_parse() and a cast from its double to float
 * make of it. */

/* Reads the rest of a list, `at` being the byte after its '['. True: `values`
 * has the *ret_count numbers, at most `room`, and *ret_at is the byte after the
 * ']'. False: no list of that many finite numbers, or one of a form that is
 * left to json_parse(); nothing is returned then. Any thread. */
bool json_floats_read(const char *at, const char *end, float *values,
                      size_t room, size_t *ret_count, const char **ret_at)
    __attribute__((warn_unused_result));

#endif /* ENGINE_CODEC_JSON_FLOATS_H */
