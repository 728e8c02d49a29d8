/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_CACHE_LAYOUT_H
#define GATEWAY_CACHE_LAYOUT_H

#include "gateway/cache.h"

#include <assert.h>

/* What lies in the memory of a cache, in this order: struct cache, entries,
 * heads of the chains of keys and of tags, chunks. Entries and chunks are
 * named by number + 1, so that zeroes mean nothing. */

#define CACHE_CHUNK_ROOM      (CACHE_CHUNK_SIZE - sizeof(uint32_t))
#define CACHE_FORGOTTEN_COUNT 256 /* more at once: no put goes through */

struct entry {
    unsigned char key[CACHE_KEY_SIZE];
    uint64_t tag;
    uint64_t epoch;
    int64_t expires_s;
    uint32_t next_key; /* in its chain, or among the free */
    uint32_t next_tag;
    uint32_t newer; /* in the queue */
    uint32_t older;
    uint32_t chunk; /* first one; 0: no value */
    uint16_t size;
    uint16_t is_minor;
};

struct chunk {
    uint32_t next;
    unsigned char bytes[CACHE_CHUNK_ROOM];
};

struct queue {
    uint32_t newest;
    uint32_t oldest;
    uint32_t count;
};

struct cache {
    uint64_t epoch;
    uint64_t forgotten_count; /* ever; the last ones are in forgotten[] */
    uint64_t forgotten[CACHE_FORGOTTEN_COUNT];
    uint32_t entry_count;
    uint32_t chunk_count;
    uint32_t free_entry;
    uint32_t free_chunk;
    uint32_t free_chunk_count;
    struct queue queues[2]; /* of entries that matter, of minor ones */
    uint32_t unused;
};

static_assert(CACHE_VALUE_SIZE_MAX <= UINT16_MAX, "fits an entry");
static_assert(sizeof(struct chunk) == CACHE_CHUNK_SIZE, "no padding");
static_assert(sizeof(struct entry) % sizeof(uint64_t) == 0, "aligned");
static_assert(sizeof(struct cache) % sizeof(uint64_t) == 0, "aligned");

static inline struct entry *
cache_entries(const struct cache *cache)
{
    return (struct entry *)((uintptr_t)cache + sizeof(*cache));
}

/* cache_chunk.c */
/* Makes all chunks free; none has a value. */
void cache_chunk_format(struct cache *cache);
/* Takes the value of `entry` away and wipes it. */
void cache_chunk_free(struct cache *cache, struct entry *entry);
/* Copies `size` bytes at `value` to chunks of `entry`; they are free. */
void cache_chunk_fill(struct cache *cache, struct entry *entry,
                      const void *value, size_t size);
/* Copies the value of `entry` to `ret_value`. */
void cache_chunk_read(const struct cache *cache, const struct entry *entry,
                      unsigned char *ret_value);

#endif /* GATEWAY_CACHE_LAYOUT_H */
