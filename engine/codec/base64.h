/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CODEC_BASE64_H
#define ENGINE_CODEC_BASE64_H

#include "base/bytes.h"

/* base64url without padding (RFC 4648 section 5), as tokens are written. */

/* Bytes behind `text_size` characters. */
#define BASE64_RAW_SIZE(text_size)                                             \
    ((text_size) / 4 * 3 + (text_size) % 4 * 3 / 4)

/* Decodes `text` into ret_raw, which has room for BASE64_RAW_SIZE(text.size)
 * bytes. Strict: no padding, no other character, no stray bits; false then,
 * and ret_raw holds anything. */
bool base64_decode(struct span text, unsigned char *ret_raw)
    __attribute__((warn_unused_result));

#endif /* ENGINE_CODEC_BASE64_H */
