/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_PAYLOAD_H
#define ENGINE_SEGMENT_PAYLOAD_H

#include "base/bytes.h"
#include "engine/index/slab.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One text, ready to be put in: made before a change is committed, so that
 * putting it in cannot fail. */
struct payload_text;

/* The payload of each slot as JSON text. Where it lives (memory now) is known
 * here only. One writer; readers need no lock for a slot that they know: a text
 * that is replaced is handed back, and freed by the segment when no reader can
 * hold it. */
struct payloads {
    struct slab places;       /* _Atomic(struct payload_text *) by slot */
    _Atomic size_t text_size; /* bytes of all texts */
};

void payloads_init(struct payloads *payloads);

/* NULL when memory is out. `text` is copied; size > 0. */
struct payload_text *payload_text_new(struct span text)
    __attribute__((warn_unused_result));
void payload_text_free(struct payload_text *text); /* NULL is allowed */

void payloads_release(struct payloads *payloads);

/* Room for slots below `slots_count`; false when memory is out. */
bool payloads_reserve(struct payloads *payloads, size_t slots_count)
    __attribute__((warn_unused_result));

/* The payload of a slot; size 0: none. Valid until its text is freed. */
struct span payloads_get(const struct payloads *payloads, uint32_t slot);

/* The text itself; NULL: none. Writer only. */
struct payload_text *payloads_text(const struct payloads *payloads,
                                   uint32_t slot);

/* Takes `text` (NULL: none) and returns what was there, to be retired. */
struct payload_text *payloads_set(struct payloads *payloads, uint32_t slot,
                                  struct payload_text *text);

/* Slot `to` has the text of `from`, too: its point moves. */
void payloads_copy(struct payloads *payloads, uint32_t from, uint32_t to);

size_t payloads_memory(const struct payloads *payloads);

#endif /* ENGINE_SEGMENT_PAYLOAD_H */
