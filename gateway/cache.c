/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of a cache: found by key, forgotten by tag, dropped by age.
 * Invariants: an entry is in one queue iff it is in its key's chain, and in
 * its tag's chain iff its tag is not 0, too; a free entry hangs in free_entry
 * by next_key. An entry of another epoch is dead, but still owns its chunks. */

#include "gateway/cache_layout.h"

#include <assert.h>
#include <string.h>

#define CACHE_CHUNKS_PER_ENTRY 4
#define CACHE_MINOR_SHARE      8 /* one in so many may be minor */

/* What an entry costs besides its chunks: itself and a head of each chain. */
#define ENTRY_COST (sizeof(struct entry) + 2 * sizeof(uint32_t))

static struct entry *
cache_entry(const struct cache *cache, uint32_t name)
{
    assert(name > 0);
    assert(name <= cache->entry_count);
    return cache_entries(cache) + (name - 1);
}

static uint32_t *
cache_key_head(const struct cache *cache, const unsigned char *key)
{
    uint32_t *heads = (uint32_t *)(cache_entries(cache) + cache->entry_count);
    uint64_t number;

    memcpy(&number, key, sizeof(number));
    return &heads[number % cache->entry_count];
}

static uint32_t *
cache_tag_head(const struct cache *cache, uint64_t tag)
{
    uint32_t *heads = (uint32_t *)(cache_entries(cache) + cache->entry_count);

    return &heads[cache->entry_count + tag % cache->entry_count];
}

struct cache *
cache_format(void *memory, size_t size)
{
    struct cache *cache = memory;
    size_t room, entry_count, chunk_count;
    uint32_t name;

    assert((uintptr_t)memory % sizeof(uint64_t) == 0);
    if (size < sizeof(*cache)) {
        return NULL;
    }
    room = size - sizeof(*cache);
    entry_count =
        room / (ENTRY_COST + CACHE_CHUNKS_PER_ENTRY * sizeof(struct chunk));
    if (entry_count == 0 || entry_count > UINT32_MAX / 2) {
        return NULL;
    }
    chunk_count = (room - entry_count * ENTRY_COST) / sizeof(struct chunk);
    if (chunk_count > UINT32_MAX - 1) {
        return NULL;
    }
    memset(cache, 0, size - chunk_count * sizeof(struct chunk));
    cache->entry_count = (uint32_t)entry_count;
    cache->chunk_count = (uint32_t)chunk_count;
    for (name = cache->entry_count; name > 0; name--) {
        cache_entry(cache, name)->next_key = cache->free_entry;
        cache->free_entry = name;
    }
    cache_chunk_format(cache);
    return cache;
}

size_t
cache_capacity(const struct cache *cache)
{
    return cache->entry_count;
}

size_t
cache_count(const struct cache *cache)
{
    return (size_t)cache->queues[0].count + cache->queues[1].count;
}

void
cache_take_mark(const struct cache *cache, struct cache_mark *ret_mark)
{
    ret_mark->epoch = cache->epoch;
    ret_mark->forgotten_count = cache->forgotten_count;
}

static void
cache_unchain(struct cache *cache, uint32_t name)
{
    struct entry *entry = cache_entry(cache, name);
    struct queue *queue = &cache->queues[entry->is_minor];
    uint32_t *link;

    link = cache_key_head(cache, entry->key);
    while (*link != name) {
        link = &cache_entry(cache, *link)->next_key;
    }
    *link = entry->next_key;
    if (entry->tag != 0) {
        link = cache_tag_head(cache, entry->tag);
        while (*link != name) {
            link = &cache_entry(cache, *link)->next_tag;
        }
        *link = entry->next_tag;
    }
    if (entry->newer != 0) {
        cache_entry(cache, entry->newer)->older = entry->older;
    } else {
        queue->newest = entry->older;
    }
    if (entry->older != 0) {
        cache_entry(cache, entry->older)->newer = entry->newer;
    } else {
        queue->oldest = entry->newer;
    }
    assert(queue->count > 0);
    queue->count--;
}

static void
cache_drop(struct cache *cache, uint32_t name)
{
    struct entry *entry = cache_entry(cache, name);

    cache_unchain(cache, name);
    cache_chunk_free(cache, entry);
    memset(entry, 0, sizeof(*entry));
    entry->next_key = cache->free_entry;
    cache->free_entry = name;
}

static uint32_t
cache_find(const struct cache *cache, const unsigned char *key)
{
    uint32_t name = *cache_key_head(cache, key);
    const struct entry *entry;

    while (name != 0) {
        entry = cache_entry(cache, name);
        if (memcmp(entry->key, key, CACHE_KEY_SIZE) == 0) {
            return name;
        }
        name = entry->next_key;
    }
    return 0;
}

bool
cache_get(struct cache *cache, const unsigned char *key,
          const struct cache_window *window, void *ret_value, size_t *ret_size)
{
    const struct entry *entry;
    uint32_t name = cache_find(cache, key);

    if (name == 0) {
        return false;
    }
    entry = cache_entry(cache, name);
    if (entry->epoch != cache->epoch || entry->expires_s <= window->now_s ||
        entry->expires_s > window->latest_s) {
        cache_drop(cache, name);
        return false;
    }
    assert(entry->size <= CACHE_VALUE_SIZE_MAX);
    cache_chunk_read(cache, entry, ret_value);
    *ret_size = entry->size;
    return true;
}

static bool
cache_is_mark_good(const struct cache *cache, const struct cache_mark *mark,
                   uint64_t tag)
{
    uint64_t i;

    if (mark->epoch != cache->epoch ||
        cache->forgotten_count - mark->forgotten_count >
            CACHE_FORGOTTEN_COUNT) {
        return false;
    }
    for (i = mark->forgotten_count; i < cache->forgotten_count; i++) {
        if (cache->forgotten[i % CACHE_FORGOTTEN_COUNT] == tag) {
            return false;
        }
    }
    return true;
}

/* Minor ones go first; a minor one makes only such go. */
static bool
cache_make_room(struct cache *cache, size_t chunk_count, bool is_minor)
{
    struct queue *minor = &cache->queues[1];

    if (is_minor && minor->count >= cache->entry_count / CACHE_MINOR_SHARE &&
        minor->count > 0) {
        cache_drop(cache, minor->oldest);
    }
    while (cache->free_entry == 0 || cache->free_chunk_count < chunk_count) {
        if (minor->count > 0) {
            cache_drop(cache, minor->oldest);
        } else if (!is_minor) {
            cache_drop(cache, cache->queues[0].oldest);
        } else {
            return false;
        }
    }
    return true;
}

static void
cache_chain(struct cache *cache, uint32_t name)
{
    struct entry *entry = cache_entry(cache, name);
    struct queue *queue = &cache->queues[entry->is_minor];
    uint32_t *head;

    head = cache_key_head(cache, entry->key);
    entry->next_key = *head;
    *head = name;
    if (entry->tag != 0) {
        head = cache_tag_head(cache, entry->tag);
        entry->next_tag = *head;
        *head = name;
    }
    entry->older = queue->newest;
    if (queue->newest != 0) {
        cache_entry(cache, queue->newest)->newer = name;
    } else {
        queue->oldest = name;
    }
    queue->newest = name;
    queue->count++;
}

bool
cache_put(struct cache *cache, const struct cache_entry *wanted,
          const struct cache_mark *mark)
{
    size_t need = (wanted->size + CACHE_CHUNK_ROOM - 1) / CACHE_CHUNK_ROOM;
    struct entry *entry;
    uint32_t name;

    if (wanted->size > CACHE_VALUE_SIZE_MAX || need > cache->chunk_count ||
        !cache_is_mark_good(cache, mark, wanted->tag)) {
        return false;
    }
    name = cache_find(cache, wanted->key);
    if (name != 0) {
        if (wanted->is_minor && !cache_entry(cache, name)->is_minor) {
            return false;
        }
        cache_drop(cache, name);
    }
    if (!cache_make_room(cache, need, wanted->is_minor)) {
        return false;
    }
    name = cache->free_entry;
    entry = cache_entry(cache, name);
    cache->free_entry = entry->next_key;
    memcpy(entry->key, wanted->key, CACHE_KEY_SIZE);
    entry->tag = wanted->tag;
    entry->epoch = cache->epoch;
    entry->expires_s = wanted->expires_s;
    entry->is_minor = wanted->is_minor;
    cache_chunk_fill(cache, entry, wanted->value, wanted->size);
    cache_chain(cache, name);
    return true;
}

void
cache_forget(struct cache *cache, uint64_t tag)
{
    uint32_t name, next;

    assert(tag != 0);
    cache->forgotten[cache->forgotten_count++ % CACHE_FORGOTTEN_COUNT] = tag;
    name = *cache_tag_head(cache, tag);
    while (name != 0) {
        next = cache_entry(cache, name)->next_tag;
        if (cache_entry(cache, name)->tag == tag) {
            cache_drop(cache, name);
        }
        name = next;
    }
}

void
cache_renew(struct cache *cache)
{
    cache->epoch++;
}
