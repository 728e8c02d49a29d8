/* SPDX-License-Identifier: Apache-2.0
 * Shared counts of bytes. A taker adds first and takes back what did not fit:
 * two that come together may both be refused, never both let through. */
#include "base/budget.h"

#include <assert.h>

struct budget budget_requests;

bool
budget_take(struct budget *budget, size_t size)
{
    uint64_t limit = atomic_load(&budget->limit_size);
    uint64_t used = atomic_fetch_add(&budget->used_size, size) + size;
    assert(used >= size);
    if (limit == 0 || used <= limit)
        return true;
    atomic_fetch_sub(&budget->used_size, size);
    atomic_fetch_add(&budget->refused_count, 1);
    return false;
}

void
budget_give(struct budget *budget, size_t size)
{
    uint64_t before = atomic_fetch_sub(&budget->used_size, size);
    assert(before >= size);
    (void)before;
}
