/* SPDX-License-Identifier: Apache-2.0
 * One value's slots in the smallest of three forms. Moves:
 *   one -> few at the second slot, few -> many past POSTING_FEW_MAX; back to
 *   empty when the last slot goes (never to a smaller form before: a value
 *   that lost slots tends to get new ones). */
#include "engine/filter/posting.h"

#include "engine/filter/slot_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 4

void
posting_release(struct posting *posting, struct disk_heap *heap)
{
    if (posting->room == POSTING_MANY)
        slot_set_free(posting->as.many);
    else if (posting->room == POSTING_PARTS)
        slot_parts_free(posting->as.parts, heap);
    else if (posting->room > 0)
        disk_heap_give(heap, posting->as.few,
                       posting->room * sizeof(*posting->as.few));
    *posting = (struct posting){ 0 };
}

/* Index of the first element >= slot. */
static uint32_t
few_find(const struct posting *posting, uint32_t slot)
{
    uint32_t low = 0, high = posting->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (posting->as.few[middle] < slot)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool
few_grow(struct posting *posting, struct disk_heap *heap)
{
    uint32_t room = posting->room == 0 ? ROOM_MIN : posting->room * 2;
    uint32_t *few = disk_heap_take(heap, room * sizeof(*few));
    if (few == NULL)
        return false;
    if (posting->room == 0) {
        few[0] = posting->as.one;
    } else {
        memcpy(few, posting->as.few, posting->count * sizeof(*few));
        disk_heap_give(heap, posting->as.few, posting->room * sizeof(*few));
    }
    posting->as.few = few;
    posting->room = room;
    return true;
}

static bool
parts_from_few(struct posting *posting, struct disk_heap *heap)
{
    struct slot_parts *parts = slot_parts_new(heap);
    for (uint32_t i = 0; parts != NULL && i < posting->count; i++) {
        if (!slot_parts_add(&parts, heap, posting->as.few[i])) {
            slot_parts_free(parts, heap);
            return false;
        }
    }
    if (parts == NULL)
        return false;
    disk_heap_give(heap, posting->as.few,
                   posting->room * sizeof(*posting->as.few));
    posting->as.parts = parts;
    posting->room = POSTING_PARTS;
    return true;
}

static bool
many_from_few(struct posting *posting, struct disk_heap *heap)
{
    if (heap != NULL)
        return parts_from_few(posting, heap);

    struct slot_set *many = slot_set_new();
    if (many == NULL)
        return false;
    slot_set_add_many(many, posting->as.few, posting->count);
    free(posting->as.few);
    posting->as.many = many;
    posting->room = POSTING_MANY;
    return true;
}

static bool
few_add(struct posting *posting, struct disk_heap *heap, uint32_t slot)
{
    if (posting->room == 0 || posting->count == posting->room)
        if (!few_grow(posting, heap))
            return false;
    uint32_t at = few_find(posting, slot);
    memmove(posting->as.few + at + 1, posting->as.few + at,
            (posting->count - at) * sizeof(slot));
    posting->as.few[at] = slot;
    posting->count++;
    return true;
}

/* One more of a posting that is beyond few; false when memory is out. */
static bool
many_add(struct posting *posting, struct disk_heap *heap, uint32_t slot)
{
    if (posting->room == POSTING_PARTS) {
        if (!slot_parts_add(&posting->as.parts, heap, slot))
            return false;
    } else {
        slot_set_add(posting->as.many, slot);
    }
    posting->count++;
    return true;
}

static bool
is_few(const struct posting *posting)
{
    return posting->room < POSTING_PARTS;
}

enum engine_code
posting_add(struct posting *posting, struct disk_heap *heap, uint32_t slot,
            bool *ret_added, struct error *reterr)
{
    bool is_ok = true;
    if (posting_contains(posting, slot)) {
        *ret_added = false;
        return ENGINE_OK;
    }
    if (posting->count == 0) {
        posting_release(posting, heap);
        posting->as.one = slot;
        posting->count = 1;
    } else if (is_few(posting) && posting->count < POSTING_FEW_MAX) {
        is_ok = few_add(posting, heap, slot);
    } else {
        is_ok = (!is_few(posting) || many_from_few(posting, heap)) &&
                many_add(posting, heap, slot);
    }
    if (!is_ok)
        return error_memory(reterr);
    *ret_added = true;
    return ENGINE_OK;
}

void
posting_remove(struct posting *posting, struct disk_heap *heap, uint32_t slot)
{
    if (!posting_contains(posting, slot))
        return;
    if (posting->count == 1) {
        posting_release(posting, heap);
        return;
    }
    if (posting->room == POSTING_PARTS) {
        slot_parts_remove(posting->as.parts, heap, slot);
    } else if (posting->room == POSTING_MANY) {
        slot_set_remove(posting->as.many, slot);
    } else {
        assert(posting->room >= posting->count);
        uint32_t at = few_find(posting, slot);
        memmove(posting->as.few + at, posting->as.few + at + 1,
                (posting->count - at - 1) * sizeof(slot));
    }
    posting->count--;
}

bool
posting_contains(const struct posting *posting, uint32_t slot)
{
    if (posting->count == 0)
        return false;
    if (posting->room == 0)
        return posting->as.one == slot;
    if (posting->room == POSTING_MANY)
        return slot_set_contains(posting->as.many, slot);
    if (posting->room == POSTING_PARTS)
        return slot_parts_contain(posting->as.parts, slot);
    uint32_t at = few_find(posting, slot);
    return at < posting->count && posting->as.few[at] == slot;
}

static uint64_t
parts_and_count(const struct slot_parts *parts, const struct slot_set *set)
{
    struct slot_set *all = slot_set_new();
    if (all == NULL)
        return slot_parts_and_count(parts, set);
    slot_parts_or_into(parts, all);
    uint64_t count = slot_set_and_count(all, set);
    slot_set_free(all);
    return count;
}

uint64_t
posting_and_count(const struct posting *posting, const struct slot_set *set)
{
    if (posting->count == 0)
        return 0;
    if (posting->room == 0)
        return slot_set_contains(set, posting->as.one);
    if (posting->room == POSTING_MANY)
        return slot_set_and_count(posting->as.many, set);
    if (posting->room == POSTING_PARTS)
        return parts_and_count(posting->as.parts, set);
    uint64_t count = 0;
    for (uint32_t i = 0; i < posting->count; i++)
        count += slot_set_contains(set, posting->as.few[i]);
    return count;
}

void
posting_or_into(const struct posting *posting, struct slot_set *set)
{
    if (posting->count == 0)
        return;
    if (posting->room == 0)
        slot_set_add(set, posting->as.one);
    else if (posting->room == POSTING_MANY)
        slot_set_or(set, posting->as.many);
    else if (posting->room == POSTING_PARTS)
        slot_parts_or_into(posting->as.parts, set);
    else
        slot_set_add_many(set, posting->as.few, posting->count);
}

void
posting_settle(struct posting *posting, struct disk_heap *heap)
{
    if (posting->room == POSTING_MANY) {
        slot_set_settle(posting->as.many);
    } else if (is_few(posting) && posting->room > posting->count &&
               posting->count > 0) {
        uint32_t *few = disk_heap_resize(heap, posting->as.few,
                                         posting->room * sizeof(*few),
                                         posting->count * sizeof(*few));
        if (few == NULL)
            return;
        posting->as.few = few;
        posting->room = posting->count;
    }
}

size_t
posting_memory(const struct posting *posting)
{
    if (posting->room == POSTING_MANY)
        return slot_set_memory(posting->as.many);
    return posting->room == POSTING_PARTS ? 0
                                          : posting->room * sizeof(uint32_t);
}
