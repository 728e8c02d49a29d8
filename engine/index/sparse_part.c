/* SPDX-License-Identifier: Apache-2.0
 * Parts of the sparse index: coming, going, and what they take. */
#include "engine/index/sparse_part.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct sparse_part *
sparse_part_new(uint32_t docs)
{
    struct sparse_part *part = calloc(1, sizeof(*part));
    if (part == NULL)
        return NULL;
    part->slots = calloc((size_t)docs + 1, sizeof(*part->slots));
    part->gone = calloc((size_t)docs / 64 + 1, sizeof(*part->gone));
    if (part->slots == NULL || part->gone == NULL) {
        sparse_part_free(part);
        return NULL;
    }
    return part;
}

static void
lists_free(struct sparse_lists *lists)
{
    if (lists == NULL)
        return;
    free(lists->table);
    free(lists->indices);
    free(lists->starts);
    free(lists->docs);
    free(lists->weights);
    free(lists->halves);
    free(lists->bytes);
    free(lists->scales);
    free(lists->greatest);
    free(lists->steps);
    free(lists->begins);
    free(lists);
}

void
sparse_part_free(struct sparse_part *part)
{
    if (part == NULL)
        return;
    lists_free(part->lists);
    sparse_tail_free(part->tail);
    free(part->slots);
    free(part->gone);
    free(part);
}

size_t
sparse_part_memory(const struct sparse_part *part)
{
    size_t count =
        part->lists == NULL ? SPARSE_TAIL_DOCS : atomic_load(&part->count);
    size_t size = sizeof(*part) + count * sizeof(part->slots[0]) + count / 8;
    if (part->lists != NULL)
        size += part->lists->size;
    if (part->tail != NULL)
        size += sparse_tail_memory(part->tail);
    return size;
}

void
sparse_part_set_gone(struct sparse_part *part, uint32_t doc)
{
    uint64_t bit = UINT64_C(1) << (doc % 64);
    uint64_t before = atomic_fetch_or(&part->gone[doc / 64], bit);
    assert((before & bit) == 0);
    (void)before;
    part->gone_count++;
}
