/* SPDX-License-Identifier: Apache-2.0
 * Lists of a sealed part, each by document. */
#include "engine/index/sparse_part.h"

#define SORT_BITS 8u

/* By document, in two passes of a radix sort. */
static void
sort_long(struct sparse_lists *lists, uint32_t list, struct sparse_entry *from,
          struct sparse_entry *to)
{
    uint32_t begin = lists->starts[list];
    uint32_t count = lists->starts[list + 1] - begin;
    bool is_sorted = true;
    for (uint32_t i = 0; i < count; i++) {
        from[i] = (struct sparse_entry){ lists->docs[begin + i],
                                         lists->weights[begin + i] };
        is_sorted = is_sorted && (i == 0 || from[i - 1].doc < from[i].doc);
    }
    if (is_sorted)
        return;
    for (uint32_t shift = 0; shift < 2 * SORT_BITS; shift += SORT_BITS) {
        uint32_t starts[(1u << SORT_BITS) + 1] = { 0 };
        uint32_t mask = (1u << SORT_BITS) - 1;
        for (uint32_t i = 0; i < count; i++)
            starts[(from[i].doc >> shift & mask) + 1]++;
        for (uint32_t i = 0; i < mask; i++)
            starts[i + 1] += starts[i];
        for (uint32_t i = 0; i < count; i++)
            to[starts[from[i].doc >> shift & mask]++] = from[i];
        struct sparse_entry *swap = from;
        from = to;
        to = swap;
    }
    for (uint32_t i = 0; i < count; i++) {
        lists->docs[begin + i] = (uint16_t)from[i].doc;
        lists->weights[begin + i] = from[i].weight;
    }
}

/* Short ones are many: where they lie is not worth a table. */
#define INSERTION_MAX 32u

static void
sort_short(struct sparse_lists *lists, uint32_t begin, uint32_t end)
{
    for (uint32_t i = begin + 1; i < end; i++) {
        uint16_t doc = lists->docs[i];
        float weight = lists->weights[i];
        uint32_t at = i;
        for (; at > begin && lists->docs[at - 1] > doc; at--) {
            lists->docs[at] = lists->docs[at - 1];
            lists->weights[at] = lists->weights[at - 1];
        }
        lists->docs[at] = doc;
        lists->weights[at] = weight;
    }
}

void
sparse_lists_sort(struct sparse_lists *lists, struct sparse_entry *room,
                  struct sparse_entry *spare)
{
    for (uint32_t i = 0; i < lists->count; i++) {
        uint32_t begin = lists->starts[i], end = lists->starts[i + 1];
        if (end - begin <= INSERTION_MAX)
            sort_short(lists, begin, end);
        else
            sort_long(lists, i, room, spare);
    }
}
