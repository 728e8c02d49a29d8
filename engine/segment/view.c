/* SPDX-License-Identifier: Apache-2.0
 * Views: bitsets that share pages with the ones before. */
#include "engine/segment/view.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static size_t
size_of(size_t vectors_count)
{
    return sizeof(struct segment_view) +
           vectors_count * sizeof(struct view_vector);
}

struct segment_view *
view_new(size_t vectors_count, uint32_t slots_count)
{
    struct segment_view *view = calloc(1, size_of(vectors_count));
    if (view == NULL)
        return NULL;
    view->vectors_count = vectors_count;
    view->slots_count = slots_count;
    view->live = slotview_next(NULL, slots_count);
    bool is_ok = view->live != NULL;
    for (size_t i = 0; i < vectors_count; i++) {
        view->vectors[i].has = slotview_next(NULL, slots_count);
        is_ok = is_ok && view->vectors[i].has != NULL;
    }
    if (is_ok)
        return view;
    view_discard(view, NULL);
    return NULL;
}

static struct segment_view *
copy(const struct segment_view *old, uint32_t slots_count)
{
    struct segment_view *next = malloc(size_of(old->vectors_count));
    if (next == NULL)
        return NULL;
    memcpy(next, old, size_of(old->vectors_count));
    next->slots_count = slots_count;
    return next;
}

struct segment_view *
view_widen(const struct segment_view *old, size_t vectors_count)
{
    assert(vectors_count >= old->vectors_count);
    struct segment_view *next = calloc(1, size_of(vectors_count));
    if (next == NULL)
        return NULL;
    memcpy(next, old, size_of(old->vectors_count));
    bool is_ok = true;
    for (size_t i = old->vectors_count; i < vectors_count; i++) {
        next->vectors[i].has = slotview_next(NULL, old->slots_count);
        is_ok = is_ok && next->vectors[i].has != NULL;
    }
    next->vectors_count = vectors_count;
    if (is_ok)
        return next;
    view_discard(next, old);
    return NULL;
}

bool
view_clear_vector(struct segment_view *next, const struct segment_view *old,
                  size_t number)
{
    assert(next->vectors[number].has == old->vectors[number].has);
    struct slotview *none = slotview_next(NULL, next->slots_count);
    if (none == NULL)
        return false;
    next->vectors[number].has = none;
    return true;
}

/* What `old`, which may be NULL or have fewer vectors, has of a number. */
static struct slotview *
old_has(const struct segment_view *old, size_t number)
{
    return old == NULL || number >= old->vectors_count
               ? NULL
               : old->vectors[number].has;
}

struct segment_view *
view_next(const struct segment_view *old, uint32_t slots_count)
{
    assert(slots_count >= old->slots_count);
    return copy(old, slots_count);
}

/* Shortens one set of a view that nobody has seen. */
static bool
cut(struct slotview **set, uint32_t slots_count)
{
    struct slotview *next = slotview_next(*set, slots_count);
    if (next == NULL)
        return false;
    *set = next;
    return true;
}

struct segment_view *
view_cut(const struct segment_view *old, uint32_t slots_count)
{
    assert(slots_count <= old->slots_count);
    struct segment_view *next = copy(old, slots_count);
    if (next == NULL)
        return NULL;
    bool is_ok = cut(&next->live, slots_count);
    for (size_t i = 0; is_ok && i < next->vectors_count; i++)
        is_ok = cut(&next->vectors[i].has, slots_count);
    if (is_ok)
        return next;
    view_discard(next, old);
    return NULL;
}

static bool
put(struct slotview **set, const struct slotview *old, uint32_t slots_count,
    uint32_t slot, bool is_member)
{
    if (*set == old) {
        struct slotview *next = slotview_next(old, slots_count);
        if (next == NULL)
            return false;
        *set = next;
    }
    return slotview_put(*set, old, slot, is_member);
}

bool
view_put_live(struct segment_view *next, const struct segment_view *old,
              uint32_t slot, bool is_live)
{
    return put(&next->live, old == NULL ? NULL : old->live, next->slots_count,
               slot, is_live);
}

bool
view_put_vector(struct segment_view *next, const struct segment_view *old,
                size_t number, uint32_t slot, bool has)
{
    assert(number < next->vectors_count);
    return put(&next->vectors[number].has,
               old == NULL ? NULL : old->vectors[number].has, next->slots_count,
               slot, has);
}

static size_t
replaced_count(const struct slotview *old, const struct slotview *next)
{
    return old == next ? 0 : slotview_replaced_count(old, next) + 1;
}

size_t
view_replaced_count(const struct segment_view *old,
                    const struct segment_view *next)
{
    size_t count = 1 + replaced_count(old->live, next->live);
    for (size_t i = 0; i < old->vectors_count; i++)
        count += replaced_count(old->vectors[i].has, next->vectors[i].has);
    return count;
}

size_t
view_replaced(struct segment_view *old, const struct segment_view *next,
              void **items)
{
    size_t count = 0;
    if (old->live != next->live)
        count += slotview_replaced(old->live, next->live, items);
    for (size_t i = 0; i < old->vectors_count; i++)
        if (old->vectors[i].has != next->vectors[i].has)
            count += slotview_replaced(old->vectors[i].has,
                                       next->vectors[i].has, items + count);
    items[count++] = old;
    return count;
}

void
view_discard(struct segment_view *next, const struct segment_view *old)
{
    if (next == NULL)
        return;
    if (old == NULL || next->live != old->live)
        slotview_discard(next->live, old == NULL ? NULL : old->live);
    for (size_t i = 0; i < next->vectors_count; i++) {
        const struct slotview *shared = old_has(old, i);
        if (next->vectors[i].has != shared)
            slotview_discard(next->vectors[i].has, shared);
    }
    free(next);
}

size_t
view_memory(const struct segment_view *view)
{
    size_t size = size_of(view->vectors_count) + slotview_memory(view->live);
    for (size_t i = 0; i < view->vectors_count; i++)
        size += slotview_memory(view->vectors[i].has);
    return size;
}
