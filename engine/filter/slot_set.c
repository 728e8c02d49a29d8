/* SPDX-License-Identifier: Apache-2.0
 * The only file, with slot_set_words.c, that knows CRoaring on behalf of
 * filter/ and segment/. */
#include "engine/filter/slot_set_body.h"

#include <assert.h>
#include <stdlib.h>

struct slot_cursor {
    roaring_uint32_iterator_t *iterator;
};

static struct slot_set *
set_over(roaring_bitmap_t *bitmap)
{
    struct slot_set *set = bitmap == NULL ? NULL : malloc(sizeof(*set));
    if (set == NULL) {
        if (bitmap != NULL)
            roaring_bitmap_free(bitmap);
        return NULL;
    }
    set->bitmap = bitmap;
    return set;
}

struct slot_set *
slot_set_new(void)
{
    return set_over(roaring_bitmap_create());
}

struct slot_set *
slot_set_copy(const struct slot_set *set)
{
    return set_over(roaring_bitmap_copy(set->bitmap));
}

void
slot_set_free(struct slot_set *set)
{
    if (set == NULL)
        return;
    roaring_bitmap_free(set->bitmap);
    free(set);
}

void
slot_set_add(struct slot_set *set, uint32_t slot)
{
    roaring_bitmap_add(set->bitmap, slot);
}

void
slot_set_remove(struct slot_set *set, uint32_t slot)
{
    roaring_bitmap_remove(set->bitmap, slot);
}

void
slot_set_add_range(struct slot_set *set, uint32_t first, uint32_t last)
{
    assert(first <= last);
    roaring_bitmap_add_range_closed(set->bitmap, first, last);
}

void
slot_set_add_many(struct slot_set *set, const uint32_t *slots, size_t count)
{
    assert(slots != NULL || count == 0);
    if (count > 0)
        roaring_bitmap_add_many(set->bitmap, count, slots);
}

bool
slot_set_contains(const struct slot_set *set, uint32_t slot)
{
    return roaring_bitmap_contains(set->bitmap, slot);
}

uint64_t
slot_set_count(const struct slot_set *set)
{
    return roaring_bitmap_get_cardinality(set->bitmap);
}

uint64_t
slot_set_and_count(const struct slot_set *a, const struct slot_set *b)
{
    return roaring_bitmap_and_cardinality(a->bitmap, b->bitmap);
}

void
slot_set_and(struct slot_set *set, const struct slot_set *other)
{
    roaring_bitmap_and_inplace(set->bitmap, other->bitmap);
}

void
slot_set_or(struct slot_set *set, const struct slot_set *other)
{
    roaring_bitmap_or_inplace(set->bitmap, other->bitmap);
}

void
slot_set_subtract(struct slot_set *set, const struct slot_set *other)
{
    roaring_bitmap_andnot_inplace(set->bitmap, other->bitmap);
}

void
slot_set_settle(struct slot_set *set)
{
    (void)roaring_bitmap_run_optimize(set->bitmap);
    (void)roaring_bitmap_shrink_to_fit(set->bitmap);
}

size_t
slot_set_memory(const struct slot_set *set)
{
    return sizeof(*set) + sizeof(*set->bitmap) +
           roaring_bitmap_size_in_bytes(set->bitmap);
}

struct slot_cursor *
slot_cursor_new(const struct slot_set *set)
{
    struct slot_cursor *cursor = malloc(sizeof(*cursor));
    if (cursor == NULL)
        return NULL;
    cursor->iterator = roaring_create_iterator(set->bitmap);
    if (cursor->iterator == NULL) {
        free(cursor);
        return NULL;
    }
    return cursor;
}

void
slot_cursor_free(struct slot_cursor *cursor)
{
    if (cursor == NULL)
        return;
    roaring_free_uint32_iterator(cursor->iterator);
    free(cursor);
}

size_t
slot_cursor_next(struct slot_cursor *cursor, uint32_t *slots, size_t count)
{
    uint32_t batch = count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
    return roaring_read_uint32_iterator(cursor->iterator, slots, batch);
}

void
slot_set_to_list(const struct slot_set *set, uint32_t *list)
{
    roaring_bitmap_to_uint32_array(set->bitmap, list);
}
