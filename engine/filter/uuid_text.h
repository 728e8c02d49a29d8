/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_UUID_TEXT_H
#define ENGINE_FILTER_UUID_TEXT_H

#include "base/bytes.h"

#include <stdbool.h>

/* The text of a UUID in the one form that most have (RFC 9562, section 4: lower
 * case, with hyphens), in 16 bytes. Any thread. */
#define UUID_TEXT_SIZE   36
#define UUID_PACKED_SIZE 16

/* False: it is another text. */
bool uuid_text_pack(struct span text, char ret_packed[UUID_PACKED_SIZE]);

/* The very text that was packed. */
void uuid_text_write(const char *packed, char ret_text[UUID_TEXT_SIZE]);

#endif /* ENGINE_FILTER_UUID_TEXT_H */
