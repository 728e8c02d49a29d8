/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_WIRE_TARGET_H
#define TESTS_FUZZ_WIRE_TARGET_H

#include "engine/wire/wire.h"

#include <stdbool.h>

/* Both ports of the wire in this process, for targets that send bytes to one.
 * The handler echoes; a message or body "defer" goes through the executor. */

/* Starts it the first time; it stops at exit. False: it could not. */
bool wire_target_is_served(void);

/* A connection to the port of `protocol`; -1 when there is no socket to be
 * had. A refused connection ends the program: the server has gone. */
int wire_target_connect(enum wire_protocol protocol);

/* All of `size` bytes in two pieces, so that what they hold is cut, and no more
 * after them; then reads until the server closes (HTTP/1: or has been silent). The first bytes of its answer
 * are in `answer`, ended by a zero byte. */
void wire_target_converse(int fd, const uint8_t *data, size_t size,
                          char answer[4096]);

#endif /* TESTS_FUZZ_WIRE_TARGET_H */
