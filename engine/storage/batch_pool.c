/* SPDX-License-Identifier: Apache-2.0
 * The kept batches; `lock` guards them. A cleared batch keeps its memory. */
#include "engine/storage/batch_pool.h"

#include <assert.h>
#include <pthread.h>
#include <stddef.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static rocksdb_writebatch_t *kept[BATCH_POOL_COUNT];
static size_t kept_count;

rocksdb_writebatch_t *
batch_pool_take(void)
{
    rocksdb_writebatch_t *batch = NULL;
    pthread_mutex_lock(&lock);
    if (kept_count > 0)
        batch = kept[--kept_count];
    pthread_mutex_unlock(&lock);
    return batch != NULL ? batch : rocksdb_writebatch_create();
}

void
batch_pool_give(rocksdb_writebatch_t *batch)
{
    assert(batch != NULL);
    size_t size;
    (void)rocksdb_writebatch_data(batch, &size);
    rocksdb_writebatch_clear(batch);
    pthread_mutex_lock(&lock);
    if (size <= BATCH_POOL_SIZE_MAX && kept_count < BATCH_POOL_COUNT) {
        kept[kept_count++] = batch;
        batch = NULL;
    }
    pthread_mutex_unlock(&lock);
    if (batch != NULL)
        rocksdb_writebatch_destroy(batch);
}
