/* SPDX-License-Identifier: Apache-2.0
 * Bump memory for one request. Chunks double from 4 KiB to 1 MiB; a larger
 * request gets a chunk of its own. Invariant: used_size <= cap_size. */
#include "base/arena.h"

#include "base/budget.h"
#include "base/memory.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE_MIN ((size_t)4 << 10)
#define CHUNK_SIZE_MAX ((size_t)1 << 20)
/* Chunks below are not charged: 4 + 8 + 16 + 32 KiB. */
#define CHUNK_CHARGED_MIN ((size_t)64 << 10)

struct arena_chunk {
    struct arena_chunk *next;
    size_t size; /* of data */
    size_t used_size;
    size_t pad;
    unsigned char data[];
};

_Static_assert(sizeof(struct arena_chunk) % ARENA_ALIGN_SIZE == 0,
               "data must stay aligned");

void
arena_init(struct arena *arena, size_t cap_size)
{
    assert(cap_size > 0);
    *arena = (struct arena){ .cap_size = cap_size };
}

void
arena_bind(struct arena *arena, struct budget *budget)
{
    assert(arena->chunks == NULL && budget != NULL);
    arena->budget = budget;
}

void
arena_ask_memory(struct arena *arena)
{
    assert(arena->budget != NULL);
    arena->asks_memory = true;
}

void
arena_release(struct arena *arena)
{
    struct arena_chunk *chunk = arena->chunks;
    while (chunk != NULL) {
        struct arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    struct budget *budget = arena->budget;
    if (arena->charged_size > 0)
        budget_give(budget, arena->charged_size);
    arena_init(arena, arena->cap_size);
    arena->budget = budget;
}

void
arena_wipe(struct arena *arena)
{
    for (struct arena_chunk *chunk = arena->chunks; chunk != NULL;
         chunk = chunk->next)
        explicit_bzero(chunk->data, chunk->used_size);
    arena_release(arena);
}

static struct arena_chunk *
chunk_add(struct arena *arena, size_t size_min)
{
    size_t size = CHUNK_SIZE_MIN;
    if (arena->chunks != NULL && arena->chunks->size < CHUNK_SIZE_MAX)
        size = arena->chunks->size * 2;
    else if (arena->chunks != NULL)
        size = CHUNK_SIZE_MAX;
    if (size < size_min)
        size = size_min;
    bool is_charged = arena->budget != NULL && size >= CHUNK_CHARGED_MIN;
    uint64_t used = 0;
    if (is_charged && arena->asks_memory && !memory_may_work(size, &used)) {
        arena->is_over_limit = true;
        return NULL;
    }
    if (is_charged && !budget_take(arena->budget, size)) {
        arena->is_over_budget = true;
        return NULL;
    }
    struct arena_chunk *chunk = malloc(sizeof(*chunk) + size);
    if (chunk == NULL) {
        if (is_charged)
            budget_give(arena->budget, size);
        return NULL;
    }
    if (is_charged)
        arena->charged_size += size;
    chunk->next = arena->chunks;
    chunk->size = size;
    chunk->used_size = 0;
    arena->chunks = chunk;
    return chunk;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
    assert(arena->cap_size > 0);
    if (arena->is_failed)
        return NULL;
    if (size > arena->cap_size || size > SIZE_MAX / 2)
        goto over_cap;
    if (size == 0)
        size = 1;
    size = (size + ARENA_ALIGN_SIZE - 1) & ~(size_t)(ARENA_ALIGN_SIZE - 1);
    if (size > arena->cap_size - arena->used_size)
        goto over_cap;
    struct arena_chunk *chunk = arena->chunks;
    if (chunk == NULL || chunk->size - chunk->used_size < size) {
        chunk = chunk_add(arena, size);
        if (chunk == NULL)
            goto fail;
    }
    void *memory = chunk->data + chunk->used_size;
    chunk->used_size += size;
    arena->used_size += size;
    return memory;

over_cap:
    arena->is_over_cap = true;
fail:
    arena->is_failed = true;
    return NULL;
}

void *
arena_calloc(struct arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        arena->is_failed = true;
        return NULL;
    }
    void *memory = arena_alloc(arena, count * size);
    if (memory != NULL)
        memset(memory, 0, count * size);
    return memory;
}

char *
arena_strndup(struct arena *arena, const char *text, size_t size)
{
    assert(text != NULL || size == 0);
    if (size == SIZE_MAX) {
        arena->is_failed = true;
        return NULL;
    }
    char *copy = arena_alloc(arena, size + 1);
    if (copy == NULL)
        return NULL;
    if (size > 0)
        memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

struct span
arena_span(struct arena *arena, struct span text)
{
    char *data = arena_strndup(arena, text.data, text.size);
    return (struct span){ data, data == NULL ? 0 : text.size };
}

bool
arena_failed(const struct arena *arena)
{
    return arena->is_failed;
}

bool
arena_over_cap(const struct arena *arena)
{
    return arena->is_over_cap;
}

bool
arena_over_budget(const struct arena *arena)
{
    return arena->is_over_budget;
}

bool
arena_over_limit(const struct arena *arena)
{
    return arena->is_over_limit;
}
