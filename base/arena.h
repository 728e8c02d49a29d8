/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct budget;

/* Bump memory with a cap and a sticky failure flag. One arena serves one
 * request: everything is taken from it and freed at once. After the first
 * allocation that does not fit, every later one fails too, so a caller may
 * check arena_failed() once, where the result is built.
 * Not thread safe: one owner at a time. */

#define ARENA_ALIGN_SIZE 16

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first */
    size_t used_size;           /* bytes handed out, with alignment */
    size_t cap_size;            /* 0 < used_size <= cap_size */
    bool is_failed;
    bool is_over_cap;      /* it failed because of cap_size */
    bool is_over_budget;   /* it failed because the budget was used up */
    bool asks_memory;      /* see arena_ask_memory() */
    bool is_over_limit;    /* it failed because of the memory limit */
    struct budget *budget; /* NULL: none; outlives the arena */
    size_t charged_size;   /* what it took from there */
};

/* Prepares `arena`; allocates nothing yet. cap_size > 0. */
void arena_init(struct arena *arena, size_t cap_size);

/* From here on memory comes out of `budget`, too, which must outlive the
 * arena; small arenas (ARENA_FREE_SIZE) take nothing from it, so that many big
 * requests do not shut out the small ones. */
#define ARENA_FREE_SIZE ((size_t)60 << 10)
void arena_bind(struct arena *arena, struct budget *budget);

/* From here on what it takes from the budget must fit into the memory limit,
 * too (memory_may_work()): for data that come in. Until arena_release(). */
void arena_ask_memory(struct arena *arena);

/* Frees every allocation; the arena may be used again with the same cap and
 * budget. */
void arena_release(struct arena *arena);

/* As arena_release(), and overwrites the content first: for secrets. */
void arena_wipe(struct arena *arena);

/* Returns `size` bytes aligned to ARENA_ALIGN_SIZE, not zeroed, valid until
 * arena_release(); NULL when the cap is reached or memory is out. */
void *arena_alloc(struct arena *arena, size_t size)
    __attribute__((malloc, alloc_size(2), warn_unused_result));

/* As arena_alloc() for count elements of size bytes, zeroed; the product is
 * checked. */
void *arena_calloc(struct arena *arena, size_t count, size_t size)
    __attribute__((malloc, alloc_size(2, 3), warn_unused_result));

/* Copies `size` bytes and adds a NUL. NULL as arena_alloc(). */
char *arena_strndup(struct arena *arena, const char *text, size_t size)
    __attribute__((warn_unused_result));

/* The same for a span; empty, with NULL data, when memory is out. */
struct span arena_span(struct arena *arena, struct span text)
    __attribute__((warn_unused_result));

bool arena_failed(const struct arena *arena);

/* Whether it failed because of its cap: it would with all memory, too. */
bool arena_over_cap(const struct arena *arena);

/* Whether it failed because the budget was used up: trying again later may
 * work. */
bool arena_over_budget(const struct arena *arena);

/* Whether it failed because of the memory limit. */
bool arena_over_limit(const struct arena *arena);

#endif /* BASE_ARENA_H */
