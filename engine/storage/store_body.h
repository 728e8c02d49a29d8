/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_STORAGE_STORE_BODY_H
#define ENGINE_STORAGE_STORE_BODY_H

#include "engine/storage/store.h"

#include <pthread.h>
#include <stdatomic.h>

#include <rocksdb/c.h>

/* The inside of a store, for this folder. Here alone RocksDB is known.
 * Lock order: `lock` is held shared by every call that uses `db` and exclusive
 * only while opening and closing. Invariant: `db` is NULL only between a failed
 * reopen and the next one, and while the store rests (store_rest.c). */

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
    bool must_exist; /* nothing is to be made when it is opened */
    bool is_resting; /* by `lock` */
    atomic_bool must_reopen;
    _Atomic uint64_t written; /* commits so far */
    struct sync sync;
    rocksdb_cache_t *cache; /* shared by all stores */
    /* By the lock of write_buffers.c. */
    struct store *next_open;
    struct store *prev_open;
    bool is_listed;
};

/* Opens the database, closed so far, or closes it (NULL is allowed). Caller
 * holds `lock` exclusive, or is the only user. */
enum engine_code store_database_open(struct store *store, struct error *reterr)
    __attribute__((warn_unused_result));
void store_database_close(struct store *store);

/* Caller holds `lock`, and `db` is not NULL. */
rocksdb_column_family_handle_t *store_family(struct store *store,
                                             enum store_family family);

/* Takes RocksDB's error text; returns the engine's code. */
enum engine_code store_take_error(struct store *store, char *text,
                                  struct error *reterr);

/* Takes `lock` shared, with `db` open: a store at rest is opened before. On
 * failure the lock is not held. Then store_leave(). */
enum engine_code store_enter(struct store *store, struct error *reterr)
    __attribute__((warn_unused_result));
void store_leave(struct store *store);

/* The note of a store that is not open and was closed at rest; false: it must
 * be opened to know anything. Appends to `note`. */
bool store_resting_note(const struct store *store, struct bytes *note);

/* What a call says while `db` is NULL and the store does not rest. */
enum engine_code store_closed_error(struct store *store, struct error *reterr);

/* Writes the memtables to table files and waits for it; false when that
 * failed. */
bool store_flush(struct store *store);

/* Opens the database again after a failed write, if there is room. */
void store_reopen(struct store *store);

#endif /* ENGINE_STORAGE_STORE_BODY_H */
