/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_WIRE_GRPC_FRAME_H
#define ENGINE_WIRE_GRPC_FRAME_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What gRPC puts into HTTP/2 (gRPC over HTTP2, "Requests" and "Responses"):
 * messages with a prefix of one flag byte and a big-endian u32 size, and the
 * values of its headers. Any thread. */

#define GRPC_PREFIX_SIZE 5

/* The status of a call that went well; others come from engine/error.h. */
#define GRPC_OK 0

/* What a prefix says. False: a flag that is not there. */
bool grpc_prefix_read(const uint8_t prefix[GRPC_PREFIX_SIZE],
                      bool *ret_is_compressed, uint32_t *ret_size)
    __attribute__((warn_unused_result));
void grpc_prefix_write(uint8_t prefix[GRPC_PREFIX_SIZE], bool is_compressed,
                       uint32_t size);

/* A `grpc-timeout` ("250m": at most 8 digits and a unit) in milliseconds,
 * rounded up. False: malformed. */
bool grpc_timeout_read(const char *text, uint64_t *ret_ms)
    __attribute__((warn_unused_result));

/* Appends `text` as a `grpc-message`: printable ASCII but '%' as it is, other
 * bytes as %XX. */
void grpc_message_write(struct bytes *out, struct span text);

/* Appends the gzip (RFC 1952) form of `message`; false: memory, or past the
 * maximum of `out`. */
bool grpc_gzip(struct span message, struct bytes *out)
    __attribute__((warn_unused_result));

/* Appends what `data` holds, and stops as soon as it is past the maximum of
 * `out`, which has failed then. False: no gzip, cut off, or that. */
bool grpc_gunzip(struct span data, struct bytes *out)
    __attribute__((warn_unused_result));

#endif /* ENGINE_WIRE_GRPC_FRAME_H */
