/* SPDX-License-Identifier: Apache-2.0
 * Invariants: parts ascend and none is empty; more than SLOT_SET_LIST_MAX
 * members are bits. Bits become a list again far below that, so that a part
 * does not go to and fro. */
#include "engine/filter/slot_parts.h"

#include <assert.h>
#include <string.h>

#define PART_WORDS     1024u
#define PART_SIZE      (PART_WORDS * sizeof(uint64_t))
#define LIST_ROOM_MIN  32u
#define LIST_AGAIN     (SLOT_SET_LIST_MAX / 2)
#define PARTS_ROOM_MIN 2u
#define BATCH_COUNT    512u
#define HEAD_SIZE(room)                                                        \
    (sizeof(struct slot_parts) + (room) * sizeof(struct part))

struct part {
    uint32_t high;
    uint32_t members;
    uint32_t room; /* of `list`; 0: `words` */
    union {
        uint16_t *list;
        uint64_t *words;
    } as;
};

struct slot_parts {
    uint32_t count;
    uint32_t room;
    struct part parts[];
};

struct slot_parts *
slot_parts_new(struct disk_heap *heap)
{
    struct slot_parts *parts = disk_heap_take(heap, HEAD_SIZE(PARTS_ROOM_MIN));
    if (parts == NULL)
        return NULL;
    parts->count = 0;
    parts->room = PARTS_ROOM_MIN;
    return parts;
}

static void
part_give(struct part *part, struct disk_heap *heap)
{
    if (part->room == 0)
        disk_heap_give(heap, part->as.words, PART_SIZE);
    else
        disk_heap_give(heap, part->as.list, part->room * sizeof(uint16_t));
}

void
slot_parts_free(struct slot_parts *parts, struct disk_heap *heap)
{
    for (uint32_t i = 0; i < parts->count; i++)
        part_give(&parts->parts[i], heap);
    disk_heap_give(heap, parts, HEAD_SIZE(parts->room));
}

/* The first part that is not below. */
static uint32_t
part_find(const struct slot_parts *parts, uint32_t high)
{
    uint32_t low = 0, end = parts->count;
    while (low < end) {
        uint32_t middle = low + (end - low) / 2;
        if (parts->parts[middle].high < high)
            low = middle + 1;
        else
            end = middle;
    }
    return low;
}

static uint32_t
list_find(const struct part *part, uint16_t low_bits)
{
    uint32_t low = 0, end = part->members;
    while (low < end) {
        uint32_t middle = low + (end - low) / 2;
        if (part->as.list[middle] < low_bits)
            low = middle + 1;
        else
            end = middle;
    }
    return low;
}

static bool
part_to_words(struct part *part, struct disk_heap *heap)
{
    uint64_t *words = disk_heap_take_zeroes(heap, PART_SIZE);
    if (words == NULL)
        return false;
    for (uint32_t i = 0; i < part->members; i++)
        words[part->as.list[i] / 64] |= UINT64_C(1) << (part->as.list[i] % 64);
    part_give(part, heap);
    part->as.words = words;
    part->room = 0;
    return true;
}

/* Stays as it is when memory is out. */
static void
part_to_list(struct part *part, struct disk_heap *heap)
{
    uint32_t room = part->members * 2, count = 0;
    uint16_t *list = disk_heap_take(heap, room * sizeof(*list));
    if (list == NULL)
        return;
    for (uint32_t i = 0; i < PART_WORDS; i++)
        for (uint64_t word = part->as.words[i]; word != 0; word &= word - 1)
            list[count++] =
                (uint16_t)(i * 64 + (uint32_t)__builtin_ctzll(word));
    assert(count == part->members);
    part_give(part, heap);
    part->as.list = list;
    part->room = room;
}

/* Room for one more. */
static bool
part_grow(struct part *part, struct disk_heap *heap)
{
    if (part->room == 0 || part->members < part->room)
        return true;
    if (part->members == SLOT_SET_LIST_MAX)
        return part_to_words(part, heap);
    uint32_t room = part->room * 2;
    if (room > SLOT_SET_LIST_MAX)
        room = SLOT_SET_LIST_MAX;
    uint16_t *list = disk_heap_resize(
        heap, part->as.list, part->room * sizeof(*list), room * sizeof(*list));
    if (list == NULL)
        return false;
    part->as.list = list;
    part->room = room;
    return true;
}

static void
part_put(struct part *part, uint16_t low_bits)
{
    if (part->room == 0) {
        part->as.words[low_bits / 64] |= UINT64_C(1) << (low_bits % 64);
    } else {
        uint32_t at = list_find(part, low_bits);
        memmove(part->as.list + at + 1, part->as.list + at,
                (part->members - at) * sizeof(uint16_t));
        part->as.list[at] = low_bits;
    }
    part->members++;
}

/* An empty one at place `at`. */
static bool
part_insert(struct slot_parts **parts, struct disk_heap *heap, uint32_t at,
            uint32_t high)
{
    struct part part = { .high = high, .room = LIST_ROOM_MIN };
    part.as.list = disk_heap_take(heap, LIST_ROOM_MIN * sizeof(uint16_t));
    if (part.as.list == NULL)
        return false;
    struct slot_parts *all = *parts;
    if (all->count == all->room) {
        uint32_t room = all->room * 2;
        all =
            disk_heap_resize(heap, all, HEAD_SIZE(all->room), HEAD_SIZE(room));
        if (all == NULL) {
            part_give(&part, heap);
            return false;
        }
        all->room = room;
        *parts = all;
    }
    memmove(all->parts + at + 1, all->parts + at,
            (all->count - at) * sizeof(all->parts[0]));
    all->parts[at] = part;
    all->count++;
    return true;
}

bool
slot_parts_add(struct slot_parts **parts, struct disk_heap *heap, uint32_t slot)
{
    uint32_t high = slot >> 16, at = part_find(*parts, high);
    if (at == (*parts)->count || (*parts)->parts[at].high != high)
        if (!part_insert(parts, heap, at, high))
            return false;
    struct part *part = &(*parts)->parts[at];
    if (!part_grow(part, heap))
        return false;
    part_put(part, (uint16_t)slot);
    return true;
}

void
slot_parts_remove(struct slot_parts *parts, struct disk_heap *heap,
                  uint32_t slot)
{
    uint32_t at = part_find(parts, slot >> 16);
    uint16_t low_bits = (uint16_t)slot;
    struct part *part = &parts->parts[at];
    assert(at < parts->count && part->high == slot >> 16);
    if (part->room == 0) {
        part->as.words[low_bits / 64] &= ~(UINT64_C(1) << (low_bits % 64));
    } else {
        uint32_t place = list_find(part, low_bits);
        assert(place < part->members && part->as.list[place] == low_bits);
        memmove(part->as.list + place, part->as.list + place + 1,
                (part->members - place - 1) * sizeof(uint16_t));
    }
    part->members--;
    if (part->members == 0) {
        part_give(part, heap);
        memmove(part, part + 1,
                (parts->count - at - 1) * sizeof(parts->parts[0]));
        parts->count--;
    } else if (part->room == 0 && part->members < LIST_AGAIN) {
        part_to_list(part, heap);
    }
}

bool
slot_parts_contain(const struct slot_parts *parts, uint32_t slot)
{
    uint32_t at = part_find(parts, slot >> 16);
    uint16_t low_bits = (uint16_t)slot;
    if (at == parts->count || parts->parts[at].high != slot >> 16)
        return false;
    const struct part *part = &parts->parts[at];
    if (part->room == 0)
        return (part->as.words[low_bits / 64] >> (low_bits % 64) & 1) != 0;
    uint32_t place = list_find(part, low_bits);
    return place < part->members && part->as.list[place] == low_bits;
}

/* Few that are bits. */
static void
add_bits(const struct part *part, struct slot_set *set)
{
    uint32_t slots[BATCH_COUNT], count = 0;
    for (uint32_t i = 0; i < PART_WORDS; i++) {
        for (uint64_t word = part->as.words[i]; word != 0; word &= word - 1) {
            slots[count++] =
                part->high << 16 | (i * 64 + (uint32_t)__builtin_ctzll(word));
            if (count == BATCH_COUNT) {
                slot_set_add_many(set, slots, count);
                count = 0;
            }
        }
    }
    slot_set_add_many(set, slots, count);
}

void
slot_parts_or_into(const struct slot_parts *parts, struct slot_set *set)
{
    struct slot_set_part some[64];
    uint32_t count = 0;
    for (uint32_t i = 0; i < parts->count; i++) {
        const struct part *part = &parts->parts[i];
        if (part->room == 0 && part->members <= SLOT_SET_LIST_MAX) {
            add_bits(part, set);
            continue;
        }
        some[count++] =
            (struct slot_set_part){ part->high, part->members,
                                    part->room == 0 ? (void *)part->as.words
                                                    : (void *)part->as.list };
        if (count == 64) {
            slot_set_add_parts(set, some, count);
            count = 0;
        }
    }
    slot_set_add_parts(set, some, count);
}

uint64_t
slot_parts_and_count(const struct slot_parts *parts, const struct slot_set *set)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < parts->count; i++) {
        const struct part *part = &parts->parts[i];
        uint32_t first = part->high << 16;
        if (part->room > 0) {
            for (uint32_t k = 0; k < part->members; k++)
                count += slot_set_contains(set, first | part->as.list[k]);
            continue;
        }
        for (uint32_t k = 0; k < PART_WORDS * 64; k++)
            if ((part->as.words[k / 64] >> (k % 64) & 1) != 0)
                count += slot_set_contains(set, first | k);
    }
    return count;
}
