/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CODEC_UTF8_H
#define ENGINE_CODEC_UTF8_H

#include "base/bytes.h"

#include <stdbool.h>

/* UTF-8 as RFC 3629 has it: nothing overlong, no surrogates, nothing past
 * U+10FFFF. Any thread. */

bool utf8_is_valid(struct span text);

/* Bytes of the code point that `text` (size > 0) begins with; 0 when it is
 * malformed. */
size_t utf8_step(struct span text);

/* Copies what fits into `size_max` bytes, whole code points only; each byte
 * that is no part of one becomes '?'. For texts that were cut at some byte, or
 * that quote what a client sent: what comes out can stand in JSON. Returns the
 * bytes written. */
size_t utf8_clean(struct span text, char *ret_text, size_t size_max);

#endif /* ENGINE_CODEC_UTF8_H */
