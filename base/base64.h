/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/bytes.h"

/* base64url without padding (RFC 4648 section 5), the only form that tokens
 * and cookies use. */

/* Bytes of text for `size` raw bytes, and of raw bytes behind such a text. */
#define BASE64_TEXT_SIZE(size) (((size)*4 + 2) / 3)
#define BASE64_RAW_SIZE(text_size)                                             \
    ((text_size) / 4 * 3 + (text_size) % 4 * 3 / 4)

/* Appends the text of `raw` to `out`. */
void base64_encode(struct span raw, struct bytes *out);

/* Appends the bytes of `text` to `out`; false when it has a foreign character
 * (padding and white space included), an impossible length or stray bits at
 * the end, so that each value has one text only. `out` may then hold a part. */
bool base64_decode(struct span text, struct bytes *out)
    __attribute__((warn_unused_result));

/* As base64_decode() into an array of exactly `size` bytes, which holds
 * anything when the answer is false. */
bool base64_decode_exact(struct span text, unsigned char *ret, size_t size)
    __attribute__((warn_unused_result));

#endif /* BASE_BASE64_H */
