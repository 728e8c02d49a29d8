/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_PAYLOAD_H
#define ENGINE_SEGMENT_PAYLOAD_H

#include "base/arena.h"
#include "base/bytes.h"
#include "engine/error.h"
#include "engine/index/slab.h"
#include "engine/storage/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ids;

/* One text, ready to be put in: made before a change is committed, so that
 * putting it in cannot fail. */
struct payload_text;

/* The payload of each slot as JSON text. Where it lives is known here only: in
 * memory, or in the store alone, from where it is read when it is wanted. One
 * writer; readers need no lock for a slot that they know: a text that is
 * replaced is handed back, and freed by the segment when no reader can hold it;
 * a record stays in the store until then. */
struct payloads {
    struct store *store;      /* borrowed */
    _Atomic bool is_on_disk;  /* no texts here: places are empty */
    struct slab places;       /* _Atomic(struct payload_text *) by slot */
    _Atomic size_t text_size; /* bytes of all texts */
};

/* Empty, in memory. */
void payloads_init(struct payloads *payloads);

/* What payloads_read() gives for slots[position]; size 0: none. `text` is valid
 * for the call only when payloads are on disk. */
typedef void payload_take(void *ctx, size_t position, struct span text);

/* Reads the payloads of many slots, in their order; ascending slots are
 * cheapest. ENGINE_EINTERNAL, ENGINE_ECORRUPT as the store; never in memory. */
enum engine_code
payloads_read(const struct payloads *payloads, const uint32_t *slots,
              size_t count, payload_take *take, void *ctx, struct error *reterr)
    __attribute__((warn_unused_result));

/* As payloads_read() into ret_texts[count]: copied into `arena` from the disk,
 * borrowed from memory. ENGINE_ENOMEM */
enum engine_code payloads_copy_out(const struct payloads *payloads,
                                   const uint32_t *slots, size_t count,
                                   struct arena *arena, struct span *ret_texts,
                                   struct error *reterr)
    __attribute__((warn_unused_result));

/* Takes the texts of living slots from the store into memory, on several threads
 * where there are many; readers go on reading the store until the caller clears
 * is_on_disk. Writer only, with room for all slots.
 * ENGINE_ENOMEM and the failures of the store: nothing was taken. */
enum engine_code payloads_load(struct payloads *payloads, const struct ids *ids,
                               uint32_t slots_count, struct error *reterr)
    __attribute__((warn_unused_result));

/* Frees all texts; no reader may hold one. */
void payloads_unload(struct payloads *payloads);

/* NULL when memory is out. `text` is copied; size > 0. */
struct payload_text *payload_text_new(struct span text)
    __attribute__((warn_unused_result));
void payload_text_free(struct payload_text *text); /* NULL is allowed */

void payloads_release(struct payloads *payloads);

/* Room for slots below `slots_count`; false when memory is out. */
bool payloads_reserve(struct payloads *payloads, size_t slots_count)
    __attribute__((warn_unused_result));

/* Gives the places of slots from `slots_count` on, which have no texts, back to
 * the system. Writer only. */
void payloads_cut(struct payloads *payloads, uint32_t slots_count);

/* The text itself; NULL: none, or on disk. Writer only. */
struct payload_text *payloads_text(const struct payloads *payloads,
                                   uint32_t slot);

/* Takes `text` (NULL: none) and returns what was there, to be retired. */
struct payload_text *payloads_set(struct payloads *payloads, uint32_t slot,
                                  struct payload_text *text);

/* Slot `to` has the text of `from`, too: its point moves. */
void payloads_copy(struct payloads *payloads, uint32_t from, uint32_t to);

/* Bytes of memory; *ret_heap: of those what comes from malloc, about. */
size_t payloads_memory(const struct payloads *payloads, size_t *ret_heap);

#endif /* ENGINE_SEGMENT_PAYLOAD_H */
