/* SPDX-License-Identifier: Apache-2.0
 * Writing: batches, commits, and the log's way to the disk, which those who
 * wait at the same time share (leader and followers). */
#include "engine/storage/store_body.h"

#include "base/blocking.h"

#include "engine/storage/batch_pool.h"

#include <assert.h>
#include <stdlib.h>

struct store_batch {
    struct store *store;
    rocksdb_writebatch_t *batch;
    bool is_broken; /* the store could not be opened again */
};

struct store_batch *
store_batch_create(struct store *store)
{
    struct store_batch *batch = calloc(1, sizeof(*batch));
    if (batch == NULL)
        return NULL;
    if (atomic_load(&store->must_reopen))
        store_reopen(store);
    batch->store = store;
    batch->batch = batch_pool_take();
    return batch;
}

void
store_batch_free(struct store_batch *batch)
{
    if (batch == NULL)
        return;
    batch_pool_give(batch->batch);
    free(batch);
}

void
store_batch_clear(struct store_batch *batch)
{
    rocksdb_writebatch_clear(batch->batch);
    batch->is_broken = false;
}

/* Takes the lock shared; store_leave(), unless it is NULL. RocksDB reads only
 * the family's number from the handle, which stays the same when it is opened
 * again. */
static rocksdb_column_family_handle_t *
batch_family(struct store_batch *batch, enum store_family family)
{
    if (store_enter(batch->store, NULL) == ENGINE_OK)
        return store_family(batch->store, family);
    batch->is_broken = true;
    return NULL;
}

void
store_batch_put(struct store_batch *batch, enum store_family family,
                struct span key, struct span value)
{
    assert(value.size <= STORE_VALUE_SIZE_MAX);
    rocksdb_column_family_handle_t *handle = batch_family(batch, family);
    if (handle == NULL)
        return;
    rocksdb_writebatch_put_cf(batch->batch, handle, key.data, key.size,
                              value.data, value.size);
    store_leave(batch->store);
}

void
store_batch_delete(struct store_batch *batch, enum store_family family,
                   struct span key)
{
    rocksdb_column_family_handle_t *handle = batch_family(batch, family);
    if (handle == NULL)
        return;
    rocksdb_writebatch_delete_cf(batch->batch, handle, key.data, key.size);
    store_leave(batch->store);
}

void
store_batch_delete_range(struct store_batch *batch, enum store_family family,
                         struct span from, struct span to)
{
    rocksdb_column_family_handle_t *handle = batch_family(batch, family);
    if (handle == NULL)
        return;
    rocksdb_writebatch_delete_range_cf(batch->batch, handle, from.data,
                                       from.size, to.data, to.size);
    store_leave(batch->store);
}

size_t
store_batch_size(const struct store_batch *batch)
{
    size_t size;
    (void)rocksdb_writebatch_data(batch->batch, &size);
    return size;
}

static enum engine_code
write_batch(struct store_batch *batch, uint64_t *ret_ticket,
            struct error *reterr)
{
    struct store *store = batch->store;
    enum engine_code code = store_enter(store, reterr);
    if (code != ENGINE_OK)
        return code;
    if (batch->is_broken) {
        code = store_closed_error(store, reterr);
        goto out;
    }
    char *text = NULL;
    rocksdb_write(store->db, store->write, batch->batch, &text);
    if (text != NULL) {
        atomic_store(&store->must_reopen, true);
        code = store_take_error(store, text, reterr);
        goto out;
    }
    *ret_ticket = atomic_fetch_add(&store->written, 1) + 1;
out:
    store_leave(store);
    return code;
}

enum engine_code
store_commit(struct store_batch *batch, enum store_sync sync,
             struct error *reterr)
{
    uint64_t ticket = 0;
    enum engine_code code = write_batch(batch, &ticket, reterr);
    if (code == ENGINE_OK && sync == STORE_SYNC_NOW)
        code = store_sync_to(batch->store, ticket, reterr);
    return code;
}

uint64_t
store_written(const struct store *store)
{
    return atomic_load(&store->written);
}

bool
store_flush(struct store *store)
{
    char *text = NULL;
    pthread_rwlock_rdlock(&store->lock);
    bool is_open = store->db != NULL && !atomic_load(&store->must_reopen);
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
    rocksdb_flushoptions_set_wait(options, 1);
    for (size_t i = 0; is_open && text == NULL && i <= STORE_FAMILY_COUNT; i++)
        rocksdb_flush_cf(store->db, options, store->families[i], &text);
    rocksdb_flushoptions_destroy(options);
    if (text != NULL)
        atomic_store(&store->must_reopen, true);
    pthread_rwlock_unlock(&store->lock);
    bool is_ok = is_open && text == NULL;
    rocksdb_free(text);
    return is_ok;
}

/* Syncs the log. Opening again does so, too: what it finds in the log goes to
 * synced tables. A log whose sync failed is never synced once more: the
 * second call would succeed though the pages are lost. */
static enum engine_code
sync_log(struct store *store, struct error *reterr)
{
    if (atomic_load(&store->must_reopen))
        store_reopen(store);
    enum engine_code code = ENGINE_OK;
    pthread_rwlock_rdlock(&store->lock);
    if (store->is_resting)
        goto out; /* it was synced before it was closed */
    if (store->db == NULL || atomic_load(&store->must_reopen)) {
        code = store_closed_error(store, reterr);
        goto out;
    }
    char *text = NULL;
    rocksdb_flush_wal(store->db, 1, &text);
    if (text != NULL) {
        atomic_store(&store->must_reopen, true);
        code = store_take_error(store, text, reterr);
    }
out:
    store_leave(store);
    return code;
}

/* Caller holds the lock, which is released meanwhile. */
static void
sync_lead(struct store *store)
{
    struct sync *sync = &store->sync;
    struct error error = { 0 };
    sync->is_running = true;
    pthread_mutex_unlock(&sync->lock);
    /* Whoever has a number up to this one has written before. */
    uint64_t target = store_written(store);
    enum engine_code code = sync_log(store, &error);
    pthread_mutex_lock(&sync->lock);
    sync->is_running = false;
    if (code == ENGINE_OK) {
        sync->synced = target;
    } else {
        sync->failed = target;
        sync->failures_count++;
        sync->failure = error;
    }
    pthread_cond_broadcast(&sync->is_over);
}

enum engine_code
store_sync_to(struct store *store, uint64_t ticket, struct error *reterr)
{
    struct sync *sync = &store->sync;
    enum engine_code code = ENGINE_OK;
    assert(ticket <= store_written(store));
    blocking_begin();
    pthread_mutex_lock(&sync->lock);
    uint64_t failures_count = sync->failures_count;
    while (sync->synced < ticket && code == ENGINE_OK) {
        if (sync->is_running)
            pthread_cond_wait(&sync->is_over, &sync->lock);
        else
            sync_lead(store);
        if (sync->failures_count == failures_count || sync->synced >= ticket)
            continue;
        failures_count = sync->failures_count;
        if (sync->failed >= ticket)
            code =
                error_set(reterr, sync->failure.code, "%s", sync->failure.text);
    }
    pthread_mutex_unlock(&sync->lock);
    blocking_end();
    return code;
}

enum engine_code
store_sync(struct store *store, struct error *reterr)
{
    return store_sync_to(store, store_written(store), reterr);
}
