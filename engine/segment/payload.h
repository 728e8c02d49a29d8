/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_PAYLOAD_H
#define ENGINE_SEGMENT_PAYLOAD_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One text, ready to be put in: made before a change is committed, so that
 * putting it in cannot fail. */
struct payload_text;

/* The payload of each slot as JSON text. Where it lives (memory now) is known
 * here only. Nothing locks: the segment changes it under its exclusive lock
 * and reads it under the shared one. */
struct payloads {
    struct payload_text ***chunks; /* by slot / PAYLOADS_CHUNK, then rest */
    size_t chunks_count;
    size_t chunks_room;
    size_t text_size; /* bytes of all texts */
};

#define PAYLOADS_CHUNK 8192u

/* NULL when memory is out. `text` is copied; size > 0. */
struct payload_text *payload_text_new(struct span text)
    __attribute__((warn_unused_result));
void payload_text_free(struct payload_text *text); /* NULL is allowed */

/* A zeroed struct is empty. */
void payloads_release(struct payloads *payloads);

/* Room for slots below `slots_count`; false when memory is out. */
bool payloads_reserve(struct payloads *payloads, size_t slots_count)
    __attribute__((warn_unused_result));

/* The payload of a slot; size 0: none. Valid until the next change. */
struct span payloads_get(const struct payloads *payloads, uint32_t slot);

/* Takes `text` (NULL: none); what was there is freed. */
void payloads_set(struct payloads *payloads, uint32_t slot,
                  struct payload_text *text);

/* Moves the payload of `from` to `to`, which had none. */
void payloads_move(struct payloads *payloads, uint32_t from, uint32_t to);

size_t payloads_memory(const struct payloads *payloads);

#endif /* ENGINE_SEGMENT_PAYLOAD_H */
