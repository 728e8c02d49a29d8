/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_GRAVE_H
#define ENGINE_SEGMENT_GRAVE_H

#include "engine/segment/segment.h"

#include <stddef.h>
#include <stdint.h>

/* What a change took away and readers may still hold: memory to be freed and
 * slots that died. It is made before the commit, so that nothing can fail
 * after it, filled while the change is applied, and emptied when all readers
 * of that time have left. All by the holder of the writer mutex. */
struct grave {
    struct grave *next;
    uint64_t stamp;
    size_t items_count;
    size_t items_room;
    size_t slots_count;
    size_t slots_room;
    uint32_t *slots; /* behind the items */
    void *items[];   /* for free() */
};

/* A slot that died; with this bit it may be used again. */
#define GRAVE_SLOT_IS_FREE (UINT32_C(1) << 31)

/* NULL when memory is out. */
struct grave *grave_new(size_t items_room, size_t slots_room)
    __attribute__((warn_unused_result));

void grave_add(struct grave *grave, void *item); /* NULL is left out */
void grave_add_slot(struct grave *grave, uint32_t slot, bool is_free);

/* Stamps the grave, whose content nobody can find any more; takes it. */
void segment_bury(struct segment *segment, struct grave *grave);

/* Empties the graves that no reader can hold; freed slots go to the free
 * list, which has room for them. */
void segment_dig(struct segment *segment);

/* The same for all graves: waits for every reader of now to leave. */
void segment_dig_all(struct segment *segment);

#endif /* ENGINE_SEGMENT_GRAVE_H */
