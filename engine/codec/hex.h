/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CODEC_HEX_H
#define ENGINE_CODEC_HEX_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>

/* Bytes as digits, and back. Any thread. */

#define UUID_SIZE        16
#define UUID_STRING_SIZE 37 /* with NUL */

/* What a digit of either case stands for; -1: it is none. */
int hex_value(char digit);

/* Two digits of lower case for each byte, and a NUL. */
void hex_text(const void *data, size_t size, char *ret_text);

/* RFC 9562: 8-4-4-4-12 digits. */
void uuid_string(const unsigned char raw[UUID_SIZE],
                 char ret_text[UUID_STRING_SIZE]);

/* The bytes of which uuid_string() makes this very text; false: of none. */
bool uuid_read(struct span text, unsigned char ret_raw[UUID_SIZE]);

/* A random one (version 4). Where the system has no random bytes it is less
 * unique, no more. */
void uuid_make(char ret_text[UUID_STRING_SIZE]);

#endif /* ENGINE_CODEC_HEX_H */
