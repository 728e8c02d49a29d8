/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_ANONYMOUS_H
#define ENGINE_ANONYMOUS_H

#include "base/bytes.h"

#include <stdint.h>

/* Names and numbers that go to somebody who is not to know them, in telemetry
 * and metrics. Any thread. */

#define ANONYMOUS_SIZE 17 /* 16 digits and NUL */

/* A name as 16 hexadecimal digits: the same for the life of this process, so
 * that lines about one thing can be put together, and nothing a list of guessed
 * names could be compared with: a random key goes into it. */
struct span anonymous_name(struct span name, char ret_text[ANONYMOUS_SIZE]);

/* A number by its order of magnitude: to one digit, rounded down. */
uint64_t anonymous_number(uint64_t number);

#endif /* ENGINE_ANONYMOUS_H */
