/* SPDX-License-Identifier: Apache-2.0
 * The cache of table blocks that all stores share: many small collections then
 * cost no cache each, and a busy one may use what the others leave. `lock`
 * guards everything here; RocksDB's own cache needs none. */
#include "engine/storage/block_cache.h"

#include "engine/storage/store.h"

#include <assert.h>
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static rocksdb_cache_t *cache; /* NULL: nobody holds it */
static size_t holders_count;
static size_t cache_size = STORE_CACHE_SIZE_DEFAULT;

rocksdb_cache_t *
block_cache_take(void)
{
    pthread_mutex_lock(&lock);
    if (holders_count++ == 0)
        cache = rocksdb_cache_create_lru(cache_size);
    rocksdb_cache_t *taken = cache;
    pthread_mutex_unlock(&lock);
    assert(taken != NULL);
    return taken;
}

void
block_cache_give(void)
{
    pthread_mutex_lock(&lock);
    assert(holders_count > 0);
    if (--holders_count == 0) {
        rocksdb_cache_destroy(cache);
        cache = NULL;
    }
    pthread_mutex_unlock(&lock);
}

void
store_cache_resize(size_t size)
{
    assert(size > 0);
    pthread_mutex_lock(&lock);
    cache_size = size;
    if (cache != NULL)
        rocksdb_cache_set_capacity(cache, size);
    pthread_mutex_unlock(&lock);
}

size_t
store_cache_used(void)
{
    pthread_mutex_lock(&lock);
    size_t size = cache == NULL ? 0 : rocksdb_cache_get_usage(cache);
    pthread_mutex_unlock(&lock);
    return size;
}
