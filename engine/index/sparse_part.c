/* SPDX-License-Identifier: Apache-2.0
 * Parts of the sparse index: coming, going, and what they take. */
#include "engine/index/sparse_part.h"

#include "engine/index/sparse_disk.h"

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

void
sparse_part_free(struct sparse_part *part)
{
    if (part == NULL)
        return;
    sparse_lists_free(atomic_load(&part->lists));
    sparse_tail_free(part->tail);
    free(part->slots);
    free(part->gone);
    free(part);
}

size_t
sparse_part_memory(const struct sparse_part *part)
{
    const struct sparse_lists *lists = sparse_lists_now(part);
    size_t count = lists == NULL ? SPARSE_TAIL_DOCS : atomic_load(&part->count);
    size_t size = sizeof(*part) + count * sizeof(part->slots[0]) + count / 8;
    if (lists != NULL)
        size += lists->heap == NULL ? lists->size : sizeof(*lists);
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
