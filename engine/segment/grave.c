/* SPDX-License-Identifier: Apache-2.0
 * Grace periods of what changes take away. Graves wait in the order of their
 * stamps. Invariant: free_room >= free_count + slots in graves that become
 * free (segment_reserve_free()). */
#include "engine/segment/grave.h"

#include "engine/segment/body.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

#define WAIT_NS 50000

struct grave *
grave_new(size_t items_room, size_t slots_room)
{
    struct grave *grave =
        malloc(sizeof(*grave) + items_room * sizeof(grave->items[0]) +
               slots_room * sizeof(grave->slots[0]));
    if (grave == NULL)
        return NULL;
    *grave =
        (struct grave){ .items_room = items_room, .slots_room = slots_room };
    grave->slots = (uint32_t *)(void *)&grave->items[items_room];
    return grave;
}

void
grave_add(struct grave *grave, void *item)
{
    if (item == NULL)
        return;
    assert(grave->items_count < grave->items_room);
    grave->items[grave->items_count++] = item;
}

void
grave_add_slot(struct grave *grave, uint32_t slot, bool is_free)
{
    assert(grave->slots_count < grave->slots_room);
    assert(slot < GRAVE_SLOT_IS_FREE);
    grave->slots[grave->slots_count++] =
        slot | (is_free ? GRAVE_SLOT_IS_FREE : 0);
}

void
segment_bury(struct segment *segment, struct grave *grave)
{
    grave->stamp = epoch_advance(&segment->epoch);
    grave->next = NULL;
    if (segment->graves_last == NULL)
        segment->graves_first = grave;
    else
        segment->graves_last->next = grave;
    segment->graves_last = grave;
    for (size_t i = 0; i < grave->slots_count; i++)
        segment->buried_count += (grave->slots[i] & GRAVE_SLOT_IS_FREE) != 0;
}

/* What is read from the disk is kept for readers of dead slots, as what is in
 * memory: payloads, and rows that no graph comes by. A failure leaves records
 * that nobody reads: whoever takes the slot overwrites or deletes them. */
static void
forget_records(struct segment *segment, const struct grave *grave)
{
    bool has_payloads = atomic_load(&segment->payloads.is_on_disk);
    bool has_rows = false;
    for (size_t i = 0; segment_seek(segment, &i); i++)
        has_rows = has_rows || segment->vectors[i]->is_on_disk;
    if (grave->slots_count == 0 || (!has_payloads && !has_rows))
        return;
    struct store_batch *batch = store_batch_create(segment->store);
    if (batch == NULL)
        return;
    for (size_t i = 0; i < grave->slots_count; i++) {
        uint32_t slot = grave->slots[i] & ~GRAVE_SLOT_IS_FREE;
        struct segment_key key = segment_key_slot(slot);
        if (has_payloads)
            store_batch_delete(batch, STORE_PAYLOADS, segment_key_span(&key));
        bool is_free = slot != grave->slots[i];
        for (size_t k = 0; is_free && segment_seek(segment, &k); k++) {
            key = segment_key_vector(k, slot);
            if (segment->vectors[k]->is_on_disk)
                store_batch_delete(batch, STORE_VECTORS,
                                   segment_key_span(&key));
        }
    }
    bool is_gone = store_commit(batch, STORE_SYNC_LATER, NULL) == ENGINE_OK;
    (void)is_gone;
    store_batch_free(batch);
}

static void
empty(struct segment *segment, struct grave *grave)
{
    forget_records(segment, grave);
    for (size_t i = 0; i < grave->slots_count; i++) {
        uint32_t slot = grave->slots[i] & ~GRAVE_SLOT_IS_FREE;
        /* Moved with its point, or among the items. */
        payloads_set(&segment->payloads, slot, NULL);
        for (size_t k = 0; segment_seek(segment, &k); k++)
            vectors_multi_forget(segment->vectors[k], slot);
        if ((grave->slots[i] & GRAVE_SLOT_IS_FREE) == 0)
            continue;
        assert(segment->buried_count > 0);
        segment_free_slot(segment, slot);
        segment->buried_count--;
    }
    for (size_t i = 0; i < grave->items_count; i++)
        free(grave->items[i]);
    free(grave);
}

void
segment_dig(struct segment *segment)
{
    if (segment->graves_first == NULL)
        return;
    uint64_t oldest = epoch_oldest(&segment->epoch);
    while (segment->graves_first != NULL &&
           segment->graves_first->stamp < oldest) {
        struct grave *grave = segment->graves_first;
        segment->graves_first = grave->next;
        if (grave->next == NULL)
            segment->graves_last = NULL;
        empty(segment, grave);
    }
}

void
segment_dig_all(struct segment *segment)
{
    const struct timespec pause = { .tv_nsec = WAIT_NS };
    uint64_t stamp = epoch_advance(&segment->epoch);
    while (!epoch_is_over(&segment->epoch, stamp))
        nanosleep(&pause, NULL);
    segment_dig(segment);
    assert(segment->graves_first == NULL);
}
