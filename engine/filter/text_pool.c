/* SPDX-License-Identifier: Apache-2.0
 * A free record holds the next free one of its size. */
#include "engine/filter/text_pool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define STEP        4u
#define CHUNK_STEPS 4096u /* 16 KiB */
#define CHUNK_SIZE  ((size_t)CHUNK_STEPS * STEP)
#define STEPS_MAX   (TEXT_POOL_SIZE_MAX / STEP)

void
text_pool_release(struct text_pool *pool)
{
    for (size_t i = 0; pool->heap == NULL && i < pool->chunks_count; i++)
        free(pool->chunks[i]);
    free(pool->chunks);
    free(pool->free);
    *pool = (struct text_pool){ .heap = pool->heap };
}

char *
text_pool_at(const struct text_pool *pool, uint32_t record)
{
    assert(record / CHUNK_STEPS < pool->chunks_count);
    return pool->chunks[record / CHUNK_STEPS] +
           (size_t)(record % CHUNK_STEPS) * STEP;
}

static bool
chunk_add(struct text_pool *pool)
{
    if (pool->free == NULL)
        pool->free = calloc(STEPS_MAX + 1, sizeof(*pool->free));
    if (pool->free == NULL || pool->chunks_count > UINT32_MAX / CHUNK_STEPS - 1)
        return false;
    if (pool->chunks_count == pool->chunks_room) {
        size_t room = pool->chunks_room == 0 ? 4 : pool->chunks_room * 2;
        char **chunks = realloc(pool->chunks, room * sizeof(char *));
        if (chunks == NULL)
            return false;
        pool->chunks = chunks;
        pool->chunks_room = room;
    }
    char *chunk = disk_heap_take(pool->heap, CHUNK_SIZE);
    if (chunk == NULL)
        return false;
    pool->chunks[pool->chunks_count++] = chunk;
    return true;
}

static size_t
steps_of(size_t size)
{
    assert(size > 0 && size <= TEXT_POOL_SIZE_MAX);
    return (size + STEP - 1) / STEP;
}

static void
give_steps(struct text_pool *pool, uint32_t record, size_t steps)
{
    memcpy(text_pool_at(pool, record), &pool->free[steps], sizeof(uint32_t));
    pool->free[steps] = record;
}

uint32_t
text_pool_take(struct text_pool *pool, size_t size)
{
    size_t steps = steps_of(size);
    if (pool->free != NULL && pool->free[steps] != 0) {
        uint32_t record = pool->free[steps];
        memcpy(&pool->free[steps], text_pool_at(pool, record),
               sizeof(uint32_t));
        return record;
    }
    size_t end = pool->chunks_count * CHUNK_STEPS;
    if (pool->next + steps > end || pool->chunks_count == 0) {
        size_t left = pool->chunks_count == 0 ? 0 : end - pool->next;
        if (!chunk_add(pool))
            return 0;
        if (left > 0 && left <= STEPS_MAX)
            give_steps(pool, pool->next, left);
        /* 0 is no record. */
        pool->next = (uint32_t)(end == 0 ? 1 : end);
    }
    uint32_t record = pool->next;
    pool->next += (uint32_t)steps;
    return record;
}

void
text_pool_give(struct text_pool *pool, uint32_t record, size_t size)
{
    assert(record != 0);
    give_steps(pool, record, steps_of(size));
}

size_t
text_pool_memory(const struct text_pool *pool)
{
    return (pool->heap == NULL ? pool->chunks_count * CHUNK_SIZE : 0) +
           pool->chunks_room * sizeof(char *) +
           (pool->free == NULL ? 0 : (STEPS_MAX + 1) * sizeof(uint32_t));
}
