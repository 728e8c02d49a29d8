/* SPDX-License-Identifier: Apache-2.0
 * What is in the lists of an index's entries: frequencies for the modifier idf,
 * and what a search of them costs. */
#include "engine/index/sparse.h"
#include "engine/index/sparse_part.h"

static bool
is_counted(const struct sparse_part *part, const struct slot_filter *filter,
           uint32_t doc)
{
    return !sparse_is_gone(part, doc) &&
           slot_filter_passes(filter, part->slots[doc]);
}

static uint32_t
count_sealed(const struct sparse_part *part, uint32_t index,
             const struct slot_filter *filter)
{
    const struct sparse_lists *lists = sparse_lists_now(part);
    uint32_t list = sparse_lists_find(lists, index), count = 0;
    if (list == UINT32_MAX)
        return 0;
    uint32_t begin = lists->starts[list], end = lists->starts[list + 1];
    bool is_plain = filter->allowed == NULL && filter->accept == NULL;
    if (is_plain && atomic_load(&part->hidden_count) == 0)
        return end - begin;
    for (uint32_t i = begin; i < end; i++)
        count += is_counted(part, filter, lists->docs[i]);
    return count;
}

static uint32_t
count_tail(const struct sparse_part *part, uint32_t index,
           const struct slot_filter *filter)
{
    uint32_t docs = atomic_load_explicit(&part->count, memory_order_acquire);
    const struct sparse_tail_list *list = sparse_tail_find(part->tail, index);
    uint32_t count = 0;
    if (list == NULL)
        return 0;
    uint32_t end = atomic_load_explicit(&list->count, memory_order_acquire);
    const struct sparse_entry *entries =
        atomic_load_explicit(&list->entries, memory_order_acquire);
    for (uint32_t i = 0; i < end && entries[i].doc < docs; i++)
        count += is_counted(part, filter, entries[i].doc);
    return count;
}

void
sparse_frequencies(const struct sparse *sparse, const uint32_t *indices,
                   size_t count, const struct slot_filter *filter,
                   uint32_t *ret_counts)
{
    const struct sparse_parts *parts = sparse_parts_now(sparse);
    for (size_t i = 0; i < count; i++) {
        ret_counts[i] = 0;
        for (size_t k = 0; k < parts->count; k++)
            ret_counts[i] +=
                sparse_lists_now(parts->parts[k]) != NULL
                    ? count_sealed(parts->parts[k], indices[i], filter)
                    : count_tail(parts->parts[k], indices[i], filter);
    }
}

/* Of an entry in the lists of a query, most of which bounds leave out; of a
 * part; of an index in a part on disk, if its pages have to be read. */
#define ENTRY_NS 0.3
#define PART_NS  4000.0
#define PAGE_NS  1e6

uint64_t
sparse_search_cost_ns(const struct sparse *sparse, const uint32_t *indices,
                      size_t count)
{
    const struct sparse_parts *parts = sparse_parts_now(sparse);
    double cost_ns = PART_NS * (double)parts->count;
    for (size_t k = 0; k < parts->count; k++) {
        const struct sparse_lists *lists = sparse_lists_now(parts->parts[k]);
        /* Who asks may not wait for a page. */
        if (lists != NULL && lists->heap != NULL) {
            cost_ns += PAGE_NS * (double)count;
            continue;
        }
        for (size_t i = 0; lists != NULL && i < count; i++) {
            uint32_t list = sparse_lists_find(lists, indices[i]);
            if (list != UINT32_MAX)
                cost_ns +=
                    ENTRY_NS * (lists->starts[list + 1] - lists->starts[list]);
        }
    }
    return (uint64_t)cost_ns;
}
