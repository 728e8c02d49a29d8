/* SPDX-License-Identifier: Apache-2.0
 * Views of a set of slots. Invariant: a page belongs to `next` alone as long
 * as the directory of `old` has another pointer in its place. */
#include "engine/index/slotview.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct slotview_page *
page_of(const struct slotview *view, uint32_t page)
{
    return view == NULL || page >= view->pages_count ? NULL : view->pages[page];
}

static bool
page_is_empty(const struct slotview_page *page)
{
    uint64_t any = 0;
    for (size_t i = 0; page != NULL && i < SLOTVIEW_PAGE_WORDS; i++)
        any |= page->words[i];
    return any == 0;
}

struct slotview *
slotview_next(const struct slotview *old, uint32_t slots_count)
{
    uint32_t count = slots_count / SLOTVIEW_PAGE_SLOTS +
                     (slots_count % SLOTVIEW_PAGE_SLOTS != 0);
    for (uint32_t i = count; old != NULL && i < old->pages_count; i++)
        assert(page_is_empty(old->pages[i]));
    struct slotview *next =
        malloc(sizeof(*next) + count * sizeof(next->pages[0]));
    if (next == NULL)
        return NULL;
    next->count = old == NULL ? 0 : old->count;
    next->pages_count = count;
    for (uint32_t i = 0; i < count; i++)
        next->pages[i] = page_of(old, i);
    return next;
}

bool
slotview_put(struct slotview *next, const struct slotview *old, uint32_t slot,
             bool is_member)
{
    uint32_t at = slot / SLOTVIEW_PAGE_SLOTS;
    assert(at < next->pages_count);
    struct slotview_page *page = next->pages[at];
    if (page == page_of(old, at)) {
        struct slotview_page *copy = malloc(sizeof(*copy));
        if (copy == NULL)
            return false;
        if (page == NULL)
            memset(copy, 0, sizeof(*copy));
        else
            memcpy(copy, page, sizeof(*copy));
        next->pages[at] = page = copy;
    }
    uint64_t bit = UINT64_C(1) << (slot % 64);
    uint64_t *word = &page->words[slot % SLOTVIEW_PAGE_SLOTS / 64];
    bool was_member = (*word & bit) != 0;
    *word = is_member ? *word | bit : *word & ~bit;
    next->count += (uint32_t)is_member - (uint32_t)was_member;
    return true;
}

size_t
slotview_replaced_count(const struct slotview *old, const struct slotview *next)
{
    size_t count = 0;
    for (uint32_t i = 0; old != NULL && i < old->pages_count; i++)
        count += old->pages[i] != NULL && old->pages[i] != page_of(next, i);
    return count;
}

size_t
slotview_replaced(struct slotview *old, const struct slotview *next,
                  void **items)
{
    size_t count = 0;
    if (old == NULL)
        return 0;
    for (uint32_t i = 0; i < old->pages_count; i++)
        if (old->pages[i] != NULL && old->pages[i] != page_of(next, i))
            items[count++] = old->pages[i];
    items[count++] = old;
    return count;
}

void
slotview_discard(struct slotview *next, const struct slotview *old)
{
    for (uint32_t i = 0; next != NULL && i < next->pages_count; i++)
        if (next->pages[i] != page_of(old, i))
            free(next->pages[i]);
    free(next);
}

size_t
slotview_memory(const struct slotview *view)
{
    size_t size = sizeof(*view) + view->pages_count * sizeof(view->pages[0]);
    for (uint32_t i = 0; i < view->pages_count; i++)
        size += view->pages[i] == NULL ? 0 : sizeof(*view->pages[i]);
    return size;
}
