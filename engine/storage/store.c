/* SPDX-License-Identifier: Apache-2.0
 * The one place that knows RocksDB. After a failed write RocksDB refuses
 * further ones until it is opened again, so a failed commit marks the store
 * and the next batch reopens it first, once a probe file shows that the disk has
 * room: that is how it comes back. Reads go on meanwhile.
 * Lock order: `lock` is held shared by every call that uses `db` and exclusive
 * only while reopening. Invariant: `db` is NULL only between a failed reopen
 * and the next one. */
#include "engine/storage/store.h"

#include "base/blocking.h"

#include "engine/storage/block_cache.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rocksdb/c.h>

#define WRITE_BUFFER_SIZE ((size_t)32 << 20)
#define ARENA_BLOCK_SIZE  ((size_t)256 << 10)
#define WAL_SIZE_MAX      ((uint64_t)256 << 20)
/* All families together: what one busy collection holds at most, about. */
#define WRITE_BUFFERS_SIZE ((size_t)64 << 20)
#define OPEN_FILES_MAX     128
#define WAL_RECYCLED_COUNT 2
#define PROBE_SIZE         ((size_t)1 << 20)

static const char *const family_names[STORE_FAMILY_COUNT + 1] = {
    "default", "meta", "points", "payloads", "vectors"
};
static const struct span format_key = { "format", 6 };

/* Who waits for the log. `lock` is a leaf; nobody syncs under it. */
struct sync {
    pthread_mutex_t lock;
    pthread_cond_t is_over;
    bool is_running; /* a leader is at it */
    uint64_t synced; /* commits up to this number survive power loss */
    uint64_t failed; /* the last failure was about commits up to this one */
    uint64_t failures_count;
    struct error failure;
};

struct store {
    pthread_rwlock_t lock;
    char *path;
    rocksdb_t *db;
    rocksdb_column_family_handle_t *families[STORE_FAMILY_COUNT + 1];
    rocksdb_readoptions_t *read;
    rocksdb_readoptions_t *step; /* as `read`, leaves the cache as it is */
    rocksdb_readoptions_t *scan;
    rocksdb_writeoptions_t *write;
    atomic_bool must_reopen;
    _Atomic uint64_t written; /* commits so far */
    struct sync sync;
    rocksdb_cache_t *cache; /* shared by all stores */
};

struct store_batch {
    struct store *store;
    rocksdb_writebatch_t *batch;
    bool is_broken; /* the store could not be opened again */
};

/* Takes RocksDB's error text; returns the engine's code. */
static enum engine_code
take_error(struct store *store, char *text, struct error *reterr)
{
    assert(text != NULL);
    enum engine_code code = ENGINE_EINTERNAL;
    if (strstr(text, "No space left") != NULL ||
        strstr(text, "File too large") != NULL ||
        strstr(text, "Disk quota") != NULL)
        code = ENGINE_ENOSPACE;
    else if (strncmp(text, "Corruption", 10) == 0)
        code = ENGINE_ECORRUPT;
    if (code == ENGINE_ENOSPACE)
        error_set(reterr, code, "no space left on the disk of %s", store->path);
    else
        error_set(reterr, code, "storage %s: %s", store->path, text);
    rocksdb_free(text);
    return code;
}

static rocksdb_options_t *
family_options(const char *name, rocksdb_cache_t *cache)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_write_buffer_size(options, WRITE_BUFFER_SIZE);
    rocksdb_options_set_arena_block_size(options, ARENA_BLOCK_SIZE);
    bool is_text = strcmp(name, "payloads") == 0 || strcmp(name, "meta") == 0;
    rocksdb_options_set_compression(options, is_text ? rocksdb_lz4_compression
                                                     : rocksdb_no_compression);
    rocksdb_block_based_table_options_t *table =
        rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table);
    return options;
}

static rocksdb_options_t *
database_options(void)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_create_missing_column_families(options, 1);
    rocksdb_options_set_paranoid_checks(options, 1);
    rocksdb_options_set_max_open_files(options, OPEN_FILES_MAX);
    /* One shard: 128 files do not need the memory of 64. */
    rocksdb_options_set_table_cache_numshardbits(options, 0);
    rocksdb_options_set_db_write_buffer_size(options, WRITE_BUFFERS_SIZE);
    rocksdb_options_set_max_total_wal_size(options, WAL_SIZE_MAX);
    rocksdb_options_set_recycle_log_file_num(options, WAL_RECYCLED_COUNT);
    rocksdb_options_set_keep_log_file_num(options, 2);
    /* Its own log file lies on the same disk, and Debian's build aborts when
     * it logs once more after that disk was full: only what open writes. */
    rocksdb_options_set_info_log_level(options, 4 /* fatal */);
    rocksdb_options_set_max_background_jobs(options, 2);
    return options;
}

/* Caller holds `lock` exclusive, or is the only user. */
static enum engine_code
database_open(struct store *store, struct error *reterr)
{
    assert(store->db == NULL);
    rocksdb_options_t *options = database_options();
    const rocksdb_options_t *each[STORE_FAMILY_COUNT + 1];
    rocksdb_options_t *owned[STORE_FAMILY_COUNT + 1];
    for (size_t i = 0; i <= STORE_FAMILY_COUNT; i++)
        each[i] = owned[i] = family_options(family_names[i], store->cache);
    char *text = NULL;
    store->db = rocksdb_open_column_families(
        options, store->path, STORE_FAMILY_COUNT + 1, family_names, each,
        store->families, &text);
    for (size_t i = 0; i <= STORE_FAMILY_COUNT; i++)
        rocksdb_options_destroy(owned[i]);
    rocksdb_options_destroy(options);
    if (text != NULL) {
        store->db = NULL;
        return take_error(store, text, reterr);
    }
    return ENGINE_OK;
}

static void
database_close(struct store *store)
{
    if (store->db == NULL)
        return;
    /* Debian's build asserts that no handle outlives the database. */
    for (size_t i = 0; i <= STORE_FAMILY_COUNT; i++)
        rocksdb_column_family_handle_destroy(store->families[i]);
    rocksdb_close(store->db);
    store->db = NULL;
}

static rocksdb_column_family_handle_t *
family_handle(struct store *store, enum store_family family)
{
    assert(family < STORE_FAMILY_COUNT);
    return store->families[family + 1];
}

static enum engine_code
format_check(struct store *store, struct error *reterr)
{
    struct bytes value;
    bytes_init(&value, 64);
    bool found;
    enum engine_code code =
        store_get(store, STORE_META, format_key, &value, &found, reterr);
    if (code != ENGINE_OK)
        goto out;
    if (!found) {
        struct store_batch *batch = store_batch_create(store);
        if (batch == NULL) {
            code = error_memory(reterr);
            goto out;
        }
        bytes_add_u32(&value, STORE_FORMAT_VERSION);
        store_batch_put(batch, STORE_META, format_key, bytes_span(&value));
        code = store_commit(batch, STORE_SYNC_NOW, reterr);
        store_batch_free(batch);
        goto out;
    }
    uint32_t version = UINT32_MAX;
    if (value.size == 4) {
        const unsigned char *raw = (const unsigned char *)value.data;
        version = (uint32_t)raw[0] | (uint32_t)raw[1] << 8 |
                  (uint32_t)raw[2] << 16 | (uint32_t)raw[3] << 24;
    }
    if (version == 0 || version > STORE_FORMAT_VERSION)
        code = error_set(reterr, ENGINE_EVERSION,
                         "%s has storage format %u, this version reads up to "
                         "%u: use the newer version",
                         store->path, version, STORE_FORMAT_VERSION);
out:
    bytes_release(&value);
    return code;
}

enum engine_code
store_open(const char *path, struct store **ret_store, struct error *reterr)
{
    assert(path != NULL && ret_store != NULL);
    struct store *store = calloc(1, sizeof(*store));
    if (store == NULL)
        return error_memory(reterr);
    store->path = strdup(path);
    if (store->path == NULL || pthread_rwlock_init(&store->lock, NULL) != 0) {
        free(store->path);
        free(store);
        return error_memory(reterr);
    }
    store->cache = block_cache_take();
    store->read = rocksdb_readoptions_create();
    store->step = rocksdb_readoptions_create();
    rocksdb_readoptions_set_fill_cache(store->step, 0);
    store->scan = rocksdb_readoptions_create();
    rocksdb_readoptions_set_fill_cache(store->scan, 0);
    rocksdb_readoptions_set_readahead_size(store->scan, (size_t)2 << 20);
    store->write = rocksdb_writeoptions_create();
    pthread_mutex_init(&store->sync.lock, NULL);
    pthread_cond_init(&store->sync.is_over, NULL);
    enum engine_code code = database_open(store, reterr);
    if (code == ENGINE_OK)
        code = format_check(store, reterr);
    if (code != ENGINE_OK) {
        store_close(store);
        return code;
    }
    *ret_store = store;
    return ENGINE_OK;
}

void
store_close(struct store *store)
{
    if (store == NULL)
        return;
    database_close(store);
    rocksdb_readoptions_destroy(store->read);
    rocksdb_readoptions_destroy(store->step);
    rocksdb_readoptions_destroy(store->scan);
    rocksdb_writeoptions_destroy(store->write);
    pthread_cond_destroy(&store->sync.is_over);
    pthread_mutex_destroy(&store->sync.lock);
    block_cache_give();
    pthread_rwlock_destroy(&store->lock);
    free(store->path);
    free(store);
}

enum engine_code
store_destroy(const char *path, struct error *reterr)
{
    struct stat status;
    if (stat(path, &status) != 0 && errno == ENOENT)
        return ENGINE_OK;
    struct store named = { 0 };
    named.path = strdup(path);
    if (named.path == NULL)
        return error_memory(reterr);
    rocksdb_options_t *options = rocksdb_options_create();
    char *text = NULL;
    rocksdb_destroy_db(options, path, &text);
    rocksdb_options_destroy(options);
    enum engine_code code = ENGINE_OK;
    if (text != NULL)
        code = take_error(&named, text, reterr);
    free(named.path);
    return code;
}

/* Whether a megabyte can be written and synced next to the data. */
static bool
has_room(const struct store *store)
{
    struct bytes path;
    bytes_init(&path, 8192);
    bytes_addf(&path, "%s/.probe", store->path);
    bool is_ok = false;
    static const char block[4096];
    int fd =
        bytes_failed(&path)
            ? -1
            : open(path.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0) {
        is_ok = true;
        for (size_t i = 0; i < PROBE_SIZE / sizeof(block) && is_ok; i++)
            is_ok = write(fd, block, sizeof(block)) == (ssize_t)sizeof(block);
        is_ok = is_ok && fsync(fd) == 0;
        close(fd);
        unlink(path.data);
    }
    bytes_release(&path);
    return is_ok;
}

/* Opens the database again after a failed write. */
static void
reopen(struct store *store)
{
    pthread_rwlock_wrlock(&store->lock);
    if (atomic_load(&store->must_reopen) && has_room(store)) {
        database_close(store);
        if (database_open(store, NULL) == ENGINE_OK)
            atomic_store(&store->must_reopen, false);
    }
    pthread_rwlock_unlock(&store->lock);
}

struct store_batch *
store_batch_create(struct store *store)
{
    struct store_batch *batch = calloc(1, sizeof(*batch));
    if (batch == NULL)
        return NULL;
    if (atomic_load(&store->must_reopen))
        reopen(store);
    batch->store = store;
    batch->batch = rocksdb_writebatch_create();
    return batch;
}

void
store_batch_free(struct store_batch *batch)
{
    if (batch == NULL)
        return;
    rocksdb_writebatch_destroy(batch->batch);
    free(batch);
}

void
store_batch_clear(struct store_batch *batch)
{
    rocksdb_writebatch_clear(batch->batch);
    batch->is_broken = false;
}

/* Takes the lock shared; the caller unlocks. RocksDB reads only the family's
 * number from the handle, which stays the same when it is opened again. */
static rocksdb_column_family_handle_t *
batch_family(struct store_batch *batch, enum store_family family)
{
    pthread_rwlock_rdlock(&batch->store->lock);
    if (batch->store->db != NULL)
        return family_handle(batch->store, family);
    batch->is_broken = true;
    return NULL;
}

void
store_batch_put(struct store_batch *batch, enum store_family family,
                struct span key, struct span value)
{
    assert(value.size <= STORE_VALUE_SIZE_MAX);
    rocksdb_column_family_handle_t *handle = batch_family(batch, family);
    if (handle != NULL)
        rocksdb_writebatch_put_cf(batch->batch, handle, key.data, key.size,
                                  value.data, value.size);
    pthread_rwlock_unlock(&batch->store->lock);
}

void
store_batch_delete(struct store_batch *batch, enum store_family family,
                   struct span key)
{
    rocksdb_column_family_handle_t *handle = batch_family(batch, family);
    if (handle != NULL)
        rocksdb_writebatch_delete_cf(batch->batch, handle, key.data, key.size);
    pthread_rwlock_unlock(&batch->store->lock);
}

void
store_batch_delete_range(struct store_batch *batch, enum store_family family,
                         struct span from, struct span to)
{
    rocksdb_column_family_handle_t *handle = batch_family(batch, family);
    if (handle != NULL)
        rocksdb_writebatch_delete_range_cf(batch->batch, handle, from.data,
                                           from.size, to.data, to.size);
    pthread_rwlock_unlock(&batch->store->lock);
}

size_t
store_batch_size(const struct store_batch *batch)
{
    size_t size;
    (void)rocksdb_writebatch_data(batch->batch, &size);
    return size;
}

static enum engine_code
closed_error(struct store *store, struct error *reterr)
{
    return error_set(reterr, ENGINE_ENOSPACE,
                     "storage %s could not be opened again after the disk was "
                     "full",
                     store->path);
}

static enum engine_code
write_batch(struct store_batch *batch, uint64_t *ret_ticket,
            struct error *reterr)
{
    struct store *store = batch->store;
    enum engine_code code = ENGINE_OK;
    pthread_rwlock_rdlock(&store->lock);
    if (store->db == NULL || batch->is_broken) {
        code = closed_error(store, reterr);
        goto out;
    }
    char *text = NULL;
    rocksdb_write(store->db, store->write, batch->batch, &text);
    if (text != NULL) {
        atomic_store(&store->must_reopen, true);
        code = take_error(store, text, reterr);
        goto out;
    }
    *ret_ticket = atomic_fetch_add(&store->written, 1) + 1;
out:
    pthread_rwlock_unlock(&store->lock);
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

/* Syncs the log. Opening again does so, too: what it finds in the log goes to
 * synced tables. A log whose sync failed is never synced once more: the
 * second call would succeed though the pages are lost. */
static enum engine_code
sync_log(struct store *store, struct error *reterr)
{
    if (atomic_load(&store->must_reopen))
        reopen(store);
    enum engine_code code = ENGINE_OK;
    pthread_rwlock_rdlock(&store->lock);
    if (store->db == NULL || atomic_load(&store->must_reopen)) {
        code = closed_error(store, reterr);
        goto out;
    }
    char *text = NULL;
    rocksdb_flush_wal(store->db, 1, &text);
    if (text != NULL) {
        atomic_store(&store->must_reopen, true);
        code = take_error(store, text, reterr);
    }
out:
    pthread_rwlock_unlock(&store->lock);
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

enum engine_code
store_get(struct store *store, enum store_family family, struct span key,
          struct bytes *value, bool *ret_found, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    pthread_rwlock_rdlock(&store->lock);
    if (store->db == NULL) {
        code = closed_error(store, reterr);
        goto out;
    }
    char *text = NULL;
    rocksdb_pinnableslice_t *slice = rocksdb_get_pinned_cf(
        store->db, store->read, family_handle(store, family), key.data,
        key.size, &text);
    if (text != NULL) {
        code = take_error(store, text, reterr);
        goto out;
    }
    bytes_release(value);
    if (slice != NULL) {
        struct span found;
        found.data = rocksdb_pinnableslice_value(slice, &found.size);
        bytes_add_span(value, found);
        rocksdb_pinnableslice_destroy(slice);
        if (bytes_failed(value)) {
            code = error_memory(reterr);
            goto out;
        }
    }
    *ret_found = slice != NULL;
out:
    pthread_rwlock_unlock(&store->lock);
    return code;
}

/* ---- many keys ---- */

#define MANY_KEYS 64
/* Sorted keys are read in one pass when at least one of so many is wanted: a
 * step costs 0.2-0.5 us, a look-up 1-4 us. */
#define MANY_STEPS 4

struct many {
    struct store *store;
    rocksdb_column_family_handle_t *family;
    const struct span *keys;
    store_take *take;
    void *ctx;
};

static int
span_compare(struct span a, struct span b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size == 0 ? 0 : memcmp(a.data, b.data, size);
    if (order != 0)
        return order;
    return a.size < b.size ? -1 : a.size > b.size;
}

/* The number in the last 4 bytes of a key. */
static uint32_t
key_number(struct span key)
{
    uint32_t number = 0;
    for (size_t i = key.size - 4; i < key.size; i++)
        number = number << 8 | (unsigned char)key.data[i];
    return number;
}

/* Whether the keys ascend, all but the number in front is the same, and the
 * numbers lie close. */
static bool
keys_are_close(const struct span *keys, size_t count)
{
    struct span first = keys[0], last = keys[count - 1];
    if (count < 8 || first.size < 4 || first.size != last.size ||
        memcmp(first.data, last.data, first.size - 4) != 0)
        return false;
    for (size_t i = 1; i < count; i++)
        if (keys[i].size != first.size ||
            memcmp(keys[i - 1].data, keys[i].data, first.size) >= 0)
            return false;
    return (uint64_t)key_number(last) - key_number(first) <
           (uint64_t)count * MANY_STEPS;
}

/* One pass with an iterator. */
static enum engine_code
many_step(struct many *many, size_t begin, size_t end, struct error *reterr)
{
    rocksdb_iterator_t *iterator = rocksdb_create_iterator_cf(
        many->store->db, many->store->step, many->family);
    rocksdb_iter_seek(iterator, many->keys[begin].data, many->keys[begin].size);
    for (size_t i = begin; i < end;) {
        struct span value = { NULL, 0 };
        int order = -1;
        if (rocksdb_iter_valid(iterator)) {
            struct span key;
            key.data = rocksdb_iter_key(iterator, &key.size);
            order = span_compare(many->keys[i], key);
        }
        if (order == 0)
            value.data = rocksdb_iter_value(iterator, &value.size);
        if (order <= 0)
            many->take(many->ctx, i++, value);
        if (order >= 0)
            rocksdb_iter_next(iterator);
    }
    char *text = NULL;
    rocksdb_iter_get_error(iterator, &text);
    rocksdb_iter_destroy(iterator);
    return text == NULL ? ENGINE_OK : take_error(many->store, text, reterr);
}

/* Up to MANY_KEYS look-ups, their blocks found together. */
static enum engine_code
many_look_up(struct many *many, size_t begin, size_t end, struct error *reterr)
{
    const char *keys[MANY_KEYS] = { NULL };
    size_t sizes[MANY_KEYS] = { 0 };
    rocksdb_pinnableslice_t *slices[MANY_KEYS];
    char *texts[MANY_KEYS];
    size_t count = end - begin;
    assert(count > 0 && count <= MANY_KEYS);
    bool is_sorted = true;
    for (size_t i = 0; i < count; i++) {
        keys[i] = many->keys[begin + i].data;
        sizes[i] = many->keys[begin + i].size;
        if (i > 0 &&
            span_compare(many->keys[begin + i - 1], many->keys[begin + i]) > 0)
            is_sorted = false;
    }
    rocksdb_batched_multi_get_cf(many->store->db, many->store->read,
                                 many->family, count, keys, sizes, slices,
                                 texts, is_sorted);
    enum engine_code code = ENGINE_OK;
    for (size_t i = 0; i < count; i++) {
        struct span value = { NULL, 0 };
        if (texts[i] != NULL) {
            code = take_error(many->store, texts[i], reterr);
            continue;
        }
        if (slices[i] != NULL)
            value.data = rocksdb_pinnableslice_value(slices[i], &value.size);
        if (code == ENGINE_OK)
            many->take(many->ctx, begin + i, value);
        if (slices[i] != NULL)
            rocksdb_pinnableslice_destroy(slices[i]);
    }
    return code;
}

enum engine_code
store_get_many(struct store *store, enum store_family family,
               const struct span *keys, size_t count, store_take *take,
               void *ctx, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    pthread_rwlock_rdlock(&store->lock);
    if (store->db == NULL) {
        code = closed_error(store, reterr);
        goto out;
    }
    struct many many = { store, family_handle(store, family), keys, take, ctx };
    if (count > 0 && keys_are_close(keys, count)) {
        code = many_step(&many, 0, count, reterr);
        goto out;
    }
    for (size_t begin = 0; code == ENGINE_OK && begin < count;) {
        size_t end = count - begin < MANY_KEYS ? count : begin + MANY_KEYS;
        code = many_look_up(&many, begin, end, reterr);
        begin = end;
    }
out:
    pthread_rwlock_unlock(&store->lock);
    return code;
}

enum engine_code
store_scan(struct store *store, enum store_family family, struct span prefix,
           store_visit *visit, void *ctx, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    pthread_rwlock_rdlock(&store->lock);
    if (store->db == NULL) {
        code = closed_error(store, reterr);
        goto unlock;
    }
    rocksdb_iterator_t *iterator = rocksdb_create_iterator_cf(
        store->db, store->scan, family_handle(store, family));
    rocksdb_iter_seek(iterator, prefix.data, prefix.size);
    for (; code == ENGINE_OK && rocksdb_iter_valid(iterator);
         rocksdb_iter_next(iterator)) {
        struct span key, value;
        key.data = rocksdb_iter_key(iterator, &key.size);
        if (key.size < prefix.size ||
            (prefix.size > 0 &&
             memcmp(key.data, prefix.data, prefix.size) != 0))
            break;
        value.data = rocksdb_iter_value(iterator, &value.size);
        code = visit(ctx, key, value, reterr);
    }
    char *text = NULL;
    rocksdb_iter_get_error(iterator, &text);
    if (text != NULL) {
        enum engine_code io = take_error(store, text, reterr);
        code = code == ENGINE_OK ? io : code;
    }
    rocksdb_iter_destroy(iterator);
unlock:
    pthread_rwlock_unlock(&store->lock);
    return code;
}

uint64_t
store_disk_size(struct store *store)
{
    uint64_t total = 0;
    pthread_rwlock_rdlock(&store->lock);
    for (size_t i = 0; store->db != NULL && i <= STORE_FAMILY_COUNT; i++) {
        uint64_t size = 0;
        if (rocksdb_property_int_cf(store->db, store->families[i],
                                    "rocksdb.total-sst-files-size", &size) == 0)
            total += size;
        if (rocksdb_property_int_cf(store->db, store->families[i],
                                    "rocksdb.cur-size-all-mem-tables",
                                    &size) == 0)
            total += size;
    }
    pthread_rwlock_unlock(&store->lock);
    return total;
}

struct store_memory
store_memory(struct store *store)
{
    struct store_memory memory = { 0, 0 };
    pthread_rwlock_rdlock(&store->lock);
    for (size_t i = 0; store->db != NULL && i <= STORE_FAMILY_COUNT; i++) {
        uint64_t size = 0;
        if (rocksdb_property_int_cf(store->db, store->families[i],
                                    "rocksdb.size-all-mem-tables", &size) == 0)
            memory.memtables_size += (size_t)size;
        if (rocksdb_property_int_cf(store->db, store->families[i],
                                    "rocksdb.estimate-table-readers-mem",
                                    &size) == 0)
            memory.readers_size += (size_t)size;
    }
    pthread_rwlock_unlock(&store->lock);
    return memory;
}

uint64_t
store_family_size(struct store *store, enum store_family family)
{
    uint64_t size = 0;
    pthread_rwlock_rdlock(&store->lock);
    if (store->db == NULL ||
        rocksdb_property_int_cf(store->db, family_handle(store, family),
                                "rocksdb.total-sst-files-size", &size) != 0)
        size = 0;
    pthread_rwlock_unlock(&store->lock);
    return size;
}
