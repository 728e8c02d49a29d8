/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BUDGET_H
#define BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that many takers share: what one took, the others cannot have until
 * it is given back. Nobody waits here: a refusal is the caller's to answer.
 * Any thread, no lock. */
struct budget {
    _Atomic uint64_t limit_size; /* 0: none */
    _Atomic uint64_t used_size;
    _Atomic uint64_t refused_count;
};

/* The working memory of all requests of the process together: arenas of
 * requests and of changes. No limit until somebody stores one. */
extern struct budget budget_requests;

/* False when the limit would be passed; nothing is taken then. */
bool budget_take(struct budget *budget, size_t size)
    __attribute__((warn_unused_result));

/* Gives back what was taken. */
void budget_give(struct budget *budget, size_t size);

#endif /* BASE_BUDGET_H */
