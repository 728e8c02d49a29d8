/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_IDS_H
#define ENGINE_SEGMENT_IDS_H

#include "engine/codec/point_id.h"
#include "engine/filter/slot_set.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which point lives in which slot: id -> slot by hash, slot -> id and version
 * by array, and all ids in ascending order. Slots are small numbers that the
 * caller chooses. Nothing here locks: the segment changes it under its
 * exclusive lock and reads it under the shared one. Three exceptions need no
 * lock: ids_at(), ids_version() and ids_compare() of a slot that the caller
 * knows from a view or from a look under the lock, for as long as the slot is
 * not used again, even when its point is gone.
 * Every change that could run out of memory is prepared by ids_reserve(), so
 * that the changes themselves cannot fail. */
struct ids;

#define IDS_NO_SLOT UINT32_MAX

/* NULL when memory is out. */
struct ids *ids_new(void) __attribute__((warn_unused_result));
void ids_free(struct ids *ids); /* NULL is allowed */

/* Makes room for `more_count` further ids in slots below `slots_count`. False
 * when memory is out; nothing changed then. */
bool ids_reserve(struct ids *ids, size_t more_count, size_t slots_count)
    __attribute__((warn_unused_result));

/* The same in two steps, so that readers wait for the second only, which is a
 * few assignments: ids_prepare() by the one writer while others read, and
 * ids_prepared() under the exclusive lock. It returns memory to be freed, maybe
 * after the lock is left. */
bool ids_prepare(struct ids *ids, size_t more_count, size_t slots_count)
    __attribute__((warn_unused_result));
struct ids_outgrown {
    void *memory[2];
};
struct ids_outgrown ids_prepared(struct ids *ids);
void ids_outgrown_free(struct ids_outgrown *outgrown);

/* Gives the rows of slots from `slots_count` on, which nobody knows, back to
 * the system, and what ids_prepare() made and no change has used. The one
 * writer, while others read. */
void ids_cut(struct ids *ids, size_t slots_count);

/* Makes a smaller hash table when the one in use is much too big, for
 * ids_prepared() to put in place. Nothing is lost without memory. As
 * ids_prepare() otherwise. */
void ids_prepare_smaller(struct ids *ids);

/* The slot of a live id, or IDS_NO_SLOT. */
uint32_t ids_find(const struct ids *ids, const struct point_id *id);

/* Puts a new id into a free slot. Room was reserved. */
void ids_bind(struct ids *ids, const struct point_id *id, uint32_t slot,
              uint64_t version);

/* The id of live slot `from` goes on in free slot `to`. Room was reserved. */
void ids_move(struct ids *ids, uint32_t from, uint32_t to, uint64_t version);

/* Forgets the id of a live slot, which is free then. */
void ids_unbind(struct ids *ids, uint32_t slot);

void ids_set_version(struct ids *ids, uint32_t slot, uint64_t version);

/* Any slot below the highest reserved one; dead ones have no id. */
bool ids_is_live(const struct ids *ids, uint32_t slot);

/* Of a live slot, or one that was and is not used again yet. */
struct point_id ids_at(const struct ids *ids, uint32_t slot);
uint64_t ids_version(const struct ids *ids, uint32_t slot);

/* <0, 0, >0 as the id of live slot `slot` sorts before, with or after `id`. */
int ids_compare(const struct ids *ids, uint32_t slot,
                const struct point_id *id);

size_t ids_count(const struct ids *ids);

/* All live slots. Borrowed; valid until the next change. */
const struct slot_set *ids_live(const struct ids *ids);

/* A place in the ascending order. Valid until the next change. */
struct ids_cursor {
    size_t block;
    size_t index;
};

/* The first id that is not below `from` (NULL: the first of all). */
struct ids_cursor ids_seek(const struct ids *ids, const struct point_id *from);

/* The slot at the cursor, which steps on. False at the end. */
bool ids_next(const struct ids *ids, struct ids_cursor *cursor,
              uint32_t *ret_slot);

/* Bytes of memory; *ret_heap: of those what comes from malloc, about. */
size_t ids_memory(const struct ids *ids, size_t *ret_heap);

#endif /* ENGINE_SEGMENT_IDS_H */
