/* SPDX-License-Identifier: Apache-2.0
 * Opening and closing a store, its options, and what it takes of memory and
 * disk. Batches, reads and the state after a full disk are in store_batch.c,
 * store_read.c and store_full.c. */
#include "engine/storage/store_body.h"

#include "engine/storage/block_cache.h"
#include "engine/storage/write_buffers.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ARENA_BLOCK_SIZE   ((size_t)256 << 10)
#define WAL_SIZE_MAX       ((uint64_t)256 << 20)
#define OPEN_FILES_MAX     128
#define WAL_RECYCLED_COUNT 2

static const char *const family_names[STORE_FAMILY_COUNT + 1] = {
    "default", "meta", "points", "payloads", "vectors"
};
static const struct span format_key = { "format", 6 };
static rocksdb_options_t *
family_options(const char *name, rocksdb_cache_t *cache)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_write_buffer_size(options, write_buffers_size() / 2);
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
database_options(const struct store *store)
{
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, !store->must_exist);
    rocksdb_options_set_create_missing_column_families(options,
                                                       !store->must_exist);
    rocksdb_options_set_paranoid_checks(options, 1);
    rocksdb_options_set_max_open_files(options, OPEN_FILES_MAX);
    /* One shard: 128 files do not need the memory of 64. */
    rocksdb_options_set_table_cache_numshardbits(options, 0);
    rocksdb_options_set_db_write_buffer_size(options, write_buffers_size());
    rocksdb_options_set_max_total_wal_size(options, WAL_SIZE_MAX);
    rocksdb_options_set_recycle_log_file_num(options, WAL_RECYCLED_COUNT);
    rocksdb_options_set_keep_log_file_num(options, 2);
    /* Its own log file lies on the same disk, and Debian's build aborts when
     * it logs once more after that disk was full: only what open writes. */
    rocksdb_options_set_info_log_level(options, 4 /* fatal */);
    rocksdb_options_set_max_background_jobs(options, 2);
    return options;
}

enum engine_code
store_database_open(struct store *store, struct error *reterr)
{
    assert(store->db == NULL);
    rocksdb_options_t *options = database_options(store);
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
        return store_take_error(store, text, reterr);
    }
    return ENGINE_OK;
}

void
store_database_close(struct store *store)
{
    if (store->db == NULL)
        return;
    /* Debian's build asserts that no handle outlives the database. */
    for (size_t i = 0; i <= STORE_FAMILY_COUNT; i++)
        rocksdb_column_family_handle_destroy(store->families[i]);
    rocksdb_close(store->db);
    store->db = NULL;
}

rocksdb_column_family_handle_t *
store_family(struct store *store, enum store_family family)
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
    if (!found && store->must_exist) {
        code = error_set(reterr, ENGINE_ECORRUPT,
                         "storage %s has lost its format number", store->path);
        goto out;
    }
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

/* All but the database. */
static struct store *
store_new(const char *path)
{
    struct store *store = calloc(1, sizeof(*store));
    if (store == NULL)
        return NULL;
    store->path = strdup(path);
    if (store->path == NULL || pthread_rwlock_init(&store->lock, NULL) != 0) {
        free(store->path);
        free(store);
        return NULL;
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
    return store;
}

static enum engine_code
open_at(const char *path, bool must_exist, struct bytes *note,
        struct store **ret_store, struct error *reterr)
{
    assert(path != NULL && ret_store != NULL);
    struct store *store = store_new(path);
    if (store == NULL)
        return error_memory(reterr);
    store->must_exist = must_exist;
    store->is_resting = note != NULL && store_resting_note(store, note);
    enum engine_code code = ENGINE_OK;
    if (!store->is_resting) {
        if (note != NULL)
            bytes_release(note);
        code = store_database_open(store, reterr);
        if (code == ENGINE_OK)
            code = format_check(store, reterr);
    }
    if (code != ENGINE_OK) {
        store_close(store);
        return code;
    }
    store->must_exist = true; /* when it is opened again */
    write_buffers_enter(store);
    store->is_listed = true;
    *ret_store = store;
    return ENGINE_OK;
}

enum engine_code
store_open(const char *path, struct store **ret_store, struct error *reterr)
{
    return open_at(path, false, NULL, ret_store, reterr);
}

enum engine_code
store_open_existing(const char *path, struct store **ret_store,
                    struct error *reterr)
{
    return open_at(path, true, NULL, ret_store, reterr);
}

enum engine_code
store_open_resting(const char *path, struct bytes *note,
                   struct store **ret_store, struct error *reterr)
{
    return open_at(path, true, note, ret_store, reterr);
}

void
store_close(struct store *store)
{
    if (store == NULL)
        return;
    if (store->is_listed)
        write_buffers_leave(store);
    store_database_close(store);
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
        code = store_take_error(&named, text, reterr);
    free(named.path);
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
        rocksdb_property_int_cf(store->db, store_family(store, family),
                                "rocksdb.total-sst-files-size", &size) != 0)
        size = 0;
    pthread_rwlock_unlock(&store->lock);
    return size;
}

uint64_t
store_family_values_size(struct store *store, enum store_family family)
{
    static const char name[] = "raw value size=";
    uint64_t size = 0;
    char *text = NULL;
    pthread_rwlock_rdlock(&store->lock);
    if (store->db != NULL)
        text = rocksdb_property_value_cf(store->db, store_family(store, family),
                                         "rocksdb.aggregated-table-properties");
    pthread_rwlock_unlock(&store->lock);
    const char *at = text == NULL ? NULL : strstr(text, name);
    if (at != NULL)
        size = strtoull(at + sizeof(name) - 1, NULL, 10);
    rocksdb_free(text);
    return size;
}
