/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a cache: lists of chunks, which are all of one size, so that room
 * is never in pieces too small. A chunk is in one value or free. */

#include "gateway/cache_layout.h"

#include <string.h>

static struct chunk *
cache_chunk(const struct cache *cache, uint32_t name)
{
    uintptr_t begin = (uintptr_t)(cache_entries(cache) + cache->entry_count) +
                      2 * sizeof(uint32_t) * cache->entry_count;

    assert(name > 0);
    assert(name <= cache->chunk_count);
    return (struct chunk *)begin + (name - 1);
}

void
cache_chunk_format(struct cache *cache)
{
    uint32_t name;

    for (name = cache->chunk_count; name > 0; name--) {
        cache_chunk(cache, name)->next = cache->free_chunk;
        cache->free_chunk = name;
    }
    cache->free_chunk_count = cache->chunk_count;
}

void
cache_chunk_free(struct cache *cache, struct entry *entry)
{
    struct chunk *chunk;
    uint32_t name = entry->chunk, next;

    while (name != 0) {
        chunk = cache_chunk(cache, name);
        next = chunk->next;
        /* It told who somebody is. */
        memset(chunk->bytes, 0, sizeof(chunk->bytes));
        chunk->next = cache->free_chunk;
        cache->free_chunk = name;
        cache->free_chunk_count++;
        name = next;
    }
    entry->chunk = 0;
    entry->size = 0;
}

void
cache_chunk_fill(struct cache *cache, struct entry *entry, const void *value,
                 size_t size)
{
    const unsigned char *bytes = value;
    struct chunk *chunk;
    uint32_t *link = &entry->chunk, name;
    size_t part;

    entry->size = (uint16_t)size;
    while (size > 0) {
        name = cache->free_chunk;
        chunk = cache_chunk(cache, name);
        cache->free_chunk = chunk->next;
        cache->free_chunk_count--;
        part = size < CACHE_CHUNK_ROOM ? size : CACHE_CHUNK_ROOM;
        memcpy(chunk->bytes, bytes, part);
        bytes += part;
        size -= part;
        chunk->next = 0;
        *link = name;
        link = &chunk->next;
    }
}

void
cache_chunk_read(const struct cache *cache, const struct entry *entry,
                 unsigned char *ret_value)
{
    const struct chunk *chunk;
    size_t left = entry->size, part;
    uint32_t name = entry->chunk;

    while (left > 0) {
        chunk = cache_chunk(cache, name);
        part = left < CACHE_CHUNK_ROOM ? left : CACHE_CHUNK_ROOM;
        memcpy(ret_value, chunk->bytes, part);
        ret_value += part;
        left -= part;
        name = chunk->next;
    }
    assert(name == 0);
}
