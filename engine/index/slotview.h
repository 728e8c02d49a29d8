/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_SLOTVIEW_H
#define ENGINE_INDEX_SLOTVIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A set of slots at one moment, for readers without a lock: a dense bitset in
 * pages under one directory. A view that others can see never changes; its
 * successor shares the pages that are the same (copy on write). One thread
 * makes successors; when readers of a view are gone is its owner's affair
 * (epoch.h). */

#define SLOTVIEW_PAGE_SLOTS 4096u
#define SLOTVIEW_PAGE_WORDS (SLOTVIEW_PAGE_SLOTS / 64)

struct slotview_page {
    uint64_t words[SLOTVIEW_PAGE_WORDS];
};

struct slotview {
    uint32_t count; /* members */
    uint32_t pages_count;
    struct slotview_page *pages[]; /* NULL: no member */
};

/* A view with the members of `old` (NULL: none) and room for slots below
 * `slots_count`, which all of them are; it shares all pages of those slots.
 * NULL when memory is out. */
struct slotview *slotview_next(const struct slotview *old, uint32_t slots_count)
    __attribute__((warn_unused_result));

/* Puts a slot in or takes it out of `next`, which nobody else sees yet and
 * which was made from `old`. False when memory is out. */
bool slotview_put(struct slotview *next, const struct slotview *old,
                  uint32_t slot, bool is_member)
    __attribute__((warn_unused_result));

/* Pages of `old` that `next` does not share. */
size_t slotview_replaced_count(const struct slotview *old,
                               const struct slotview *next);

/* Writes those pages and `old` itself to items[]: what is to be freed by
 * free() when nobody reads `old` any more. Returns how many. */
size_t slotview_replaced(struct slotview *old, const struct slotview *next,
                         void **items);

/* Frees `next`, which nobody saw, but not what it shares with `old`. NULL is
 * allowed. */
void slotview_discard(struct slotview *next, const struct slotview *old);

/* Bytes on the heap. */
size_t slotview_memory(const struct slotview *view);

/* 64 slots from `word` * 64 on. */
static inline uint64_t
slotview_word(const struct slotview *view, uint32_t word)
{
    uint32_t page = word / SLOTVIEW_PAGE_WORDS;
    if (page >= view->pages_count || view->pages[page] == NULL)
        return 0;
    return view->pages[page]->words[word % SLOTVIEW_PAGE_WORDS];
}

static inline bool
slotview_has(const struct slotview *view, uint32_t slot)
{
    return (slotview_word(view, slot / 64) >> (slot % 64) & 1) != 0;
}

#endif /* ENGINE_INDEX_SLOTVIEW_H */
