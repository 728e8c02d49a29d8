/* SPDX-License-Identifier: Apache-2.0
 * A small table that is looked through from end to end: a look-up compares
 * hashes, and is nothing beside the search that follows. */
#include "engine/segment/filter_cache.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* One entry may take so much of the whole. */
#define ENTRY_SHARE 4u

static uint64_t
hash_of(struct span key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < key.size; i++)
        hash = (hash ^ (unsigned char)key.data[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static size_t
size_of(const struct filter_cache_entry *entry)
{
    return entry->passing->size + entry->key.size;
}

static void
entry_free(struct filter_cache_entry *entry)
{
    union {
        const char *in;
        char *out;
    } key = { .in = entry->key.data };
    free(key.out);
    passing_release(entry->passing);
}

/* Caller holds the lock. */
static void
drop(struct filter_cache *cache, struct filter_cache_entry *entry)
{
    if (entry->used == 0)
        return;
    assert(cache->size >= size_of(entry));
    cache->size -= size_of(entry);
    entry_free(entry);
    *entry = (struct filter_cache_entry){ 0 };
}

static void
drop_all(struct filter_cache *cache)
{
    for (size_t i = 0; i < FILTER_CACHE_ENTRIES_MAX; i++)
        drop(cache, &cache->entries[i]);
}

void
filter_cache_init(struct filter_cache *cache)
{
    *cache = (struct filter_cache){ 0 };
    pthread_mutex_init(&cache->lock, NULL);
}

void
filter_cache_release(struct filter_cache *cache)
{
    drop_all(cache);
    pthread_mutex_destroy(&cache->lock);
}

/* Caller holds the lock. */
static struct filter_cache_entry *
find(struct filter_cache *cache, struct span key, uint64_t hash)
{
    for (size_t i = 0; i < FILTER_CACHE_ENTRIES_MAX; i++) {
        struct filter_cache_entry *entry = &cache->entries[i];
        if (entry->used != 0 && entry->hash == hash &&
            span_equal(entry->key, key))
            return entry;
    }
    return NULL;
}

/* Caller holds the lock. What is out of date stays: to free it takes long. */
static struct passing *
hold(struct filter_cache *cache, struct span key, uint64_t hash,
     uint64_t version)
{
    struct filter_cache_entry *entry = find(cache, key, hash);
    if (entry == NULL || entry->version != version)
        return NULL;
    entry->used = ++cache->clock;
    return passing_hold(entry->passing);
}

struct passing *
filter_cache_find(struct filter_cache *cache, struct span key, uint64_t version)
{
    uint64_t hash = hash_of(key);
    pthread_mutex_lock(&cache->lock);
    struct passing *passing = hold(cache, key, hash, version);
    cache->hits += passing != NULL;
    cache->misses += passing == NULL;
    pthread_mutex_unlock(&cache->lock);
    return passing;
}

struct passing *
filter_cache_peek(struct filter_cache *cache, struct span key, uint64_t version)
{
    uint64_t hash = hash_of(key);
    pthread_mutex_lock(&cache->lock);
    struct passing *passing = hold(cache, key, hash, version);
    pthread_mutex_unlock(&cache->lock);
    return passing;
}

/* A free place, or that of the entry that was not asked for longest. */
static struct filter_cache_entry *
oldest(struct filter_cache *cache)
{
    struct filter_cache_entry *oldest = &cache->entries[0];
    for (size_t i = 1; i < FILTER_CACHE_ENTRIES_MAX; i++)
        if (cache->entries[i].used < oldest->used)
            oldest = &cache->entries[i];
    return oldest;
}

/* The one in use that was not asked for longest, of those with `size`. */
static void
make_room(struct filter_cache *cache, size_t size)
{
    while (cache->size + size > FILTER_CACHE_SIZE_MAX) {
        struct filter_cache_entry *worst = NULL;
        for (size_t i = 0; i < FILTER_CACHE_ENTRIES_MAX; i++) {
            struct filter_cache_entry *entry = &cache->entries[i];
            if (entry->used != 0 &&
                (worst == NULL || entry->used < worst->used))
                worst = entry;
        }
        assert(worst != NULL);
        drop(cache, worst);
    }
}

void
filter_cache_put(struct filter_cache *cache, struct span key, uint64_t version,
                 struct passing *passing)
{
    size_t size = passing->size + key.size;
    uint64_t used_size = 0;
    if (size > FILTER_CACHE_SIZE_MAX / ENTRY_SHARE)
        return;
    char *copy =
        memory_may_work(size, &used_size) ? malloc(key.size + 1) : NULL;
    uint64_t hash = hash_of(key);
    pthread_mutex_lock(&cache->lock);
    struct filter_cache_entry *entry = find(cache, key, hash);
    bool is_newer = entry == NULL || entry->version < version;
    if (copy == NULL) {
        drop_all(cache);
    } else if (is_newer) {
        if (entry != NULL)
            drop(cache, entry);
        make_room(cache, size);
        entry = oldest(cache);
        drop(cache, entry);
        memcpy(copy, key.data, key.size);
        *entry = (struct filter_cache_entry){
            .hash = hash,
            .version = version,
            .used = ++cache->clock,
            .key = { copy, key.size },
            .passing = passing_hold(passing),
        };
        cache->size += size;
        copy = NULL;
    }
    pthread_mutex_unlock(&cache->lock);
    free(copy);
}

uint64_t
filter_cache_spend(struct filter_cache *cache, struct span key,
                   uint64_t version, uint64_t tests)
{
    uint64_t hash = hash_of(key);
    struct filter_spent *spent = &cache->spent[hash % FILTER_CACHE_SPENT_MAX];
    pthread_mutex_lock(&cache->lock);
    bool is_same = spent->hash == hash && spent->version == version;
    uint64_t sum = tests + (is_same ? spent->tests : 0);
    if (tests > 0)
        *spent = (struct filter_spent){ hash, version, sum };
    pthread_mutex_unlock(&cache->lock);
    return sum;
}

void
filter_cache_spend_anew(struct filter_cache *cache, struct span key)
{
    uint64_t hash = hash_of(key);
    struct filter_spent *spent = &cache->spent[hash % FILTER_CACHE_SPENT_MAX];
    pthread_mutex_lock(&cache->lock);
    if (spent->hash == hash)
        spent->tests = 0;
    pthread_mutex_unlock(&cache->lock);
}

void
filter_cache_sweep(struct filter_cache *cache, uint64_t version)
{
    for (size_t i = 0; i < FILTER_CACHE_ENTRIES_MAX; i++) {
        struct filter_cache_entry *entry = &cache->entries[i];
        struct filter_cache_entry gone = { 0 };
        pthread_mutex_lock(&cache->lock);
        if (entry->used != 0 && entry->version < version) {
            cache->size -= size_of(entry);
            gone = *entry;
            *entry = (struct filter_cache_entry){ 0 };
        }
        pthread_mutex_unlock(&cache->lock);
        entry_free(&gone);
    }
}

struct filter_cache_state
filter_cache_state(struct filter_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    struct filter_cache_state state = { cache->size, cache->hits,
                                        cache->misses };
    pthread_mutex_unlock(&cache->lock);
    return state;
}
