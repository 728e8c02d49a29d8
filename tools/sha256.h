/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_SHA256_H
#define TOOLS_SHA256_H

#include "base/bytes.h"

/* SHA-256 as 64 hexadecimal digits, of bytes that come in pieces. */

#define SHA256_TEXT_SIZE 65

struct sha256 {
    void *context;
};

/* Out of memory ends the process: nothing can be checked without it. */
void sha256_start(struct sha256 *sha);
void sha256_add(struct sha256 *sha, struct span data);

/* Frees it, too. `ret_text` may be NULL. */
void sha256_end(struct sha256 *sha, char ret_text[SHA256_TEXT_SIZE]);

#endif /* TOOLS_SHA256_H */
