/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_STORAGE_STORE_H
#define ENGINE_STORAGE_STORE_H

#include "base/bytes.h"
#include "engine/error.h"

#include <stdbool.h>
#include <stdint.h>

/* The durable truth of one collection: one RocksDB directory with a few
 * ordered families of keys. Nothing left of this header knows RocksDB.
 * Durability: README.md in this folder.
 * Any thread; a batch belongs to one thread at a time. */
struct store;
struct store_batch;

/* Written into META by store_open(); a newer one is refused. */
#define STORE_FORMAT_VERSION 1u

#define STORE_VALUE_SIZE_MAX ((size_t)64 << 20)

enum store_family {
    STORE_META,     /* configuration, indexes, applied sequence */
    STORE_POINTS,   /* slot -> id and version */
    STORE_PAYLOADS, /* slot -> JSON text */
    STORE_VECTORS   /* vector number and slot -> raw values */
};
#define STORE_FAMILY_COUNT 4

enum store_sync {
    STORE_SYNC_LATER, /* in the WAL; survives a killed process */
    STORE_SYNC_NOW    /* on the disk when the call returns; survives power loss,
                         with everything committed before it */
};

/* Opens the directory, creating it when missing; replays the WAL.
 * ENGINE_ECORRUPT    the files fail their checksums; text names the directory.
 * ENGINE_EVERSION    written by a newer version; nothing was changed.
 * ENGINE_ENOSPACE    the disk is full. ENGINE_EINTERNAL other I/O errors. */
enum engine_code store_open(const char *path, struct store **ret_store,
                            struct error *reterr)
    __attribute__((warn_unused_result));

/* The same for a directory that must hold a store: a part that is missing is
 * ENGINE_ECORRUPT, and nothing is made in its place. */
enum engine_code store_open_existing(const char *path, struct store **ret_store,
                                     struct error *reterr)
    __attribute__((warn_unused_result));

/* The same, but a store that store_rest() closed with a note, and that nobody
 * has opened since, stays closed: its note comes back. Else note->size is 0. */
enum engine_code store_open_resting(const char *path, struct bytes *note,
                                    struct store **ret_store,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* Closes the files of a store that nobody uses now; all that was committed is
 * synced before. The next call that reads or writes opens it again, which takes
 * some milliseconds and may fail with what store_open() does. False: it is in
 * use, or cannot be synced.
 *   note  for store_open_resting() at the next start; size 0: none */
#define STORE_NOTE_SIZE_MAX 64
bool store_rest(struct store *store, struct span note);
bool store_is_resting(struct store *store);

/* No call may be running. NULL is allowed. */
void store_close(struct store *store);

/* Removes a closed store's files. A missing directory is fine. */
enum engine_code store_destroy(const char *path, struct error *reterr)
    __attribute__((warn_unused_result));

/* An empty batch for `store`, which must outlive it; NULL when memory is out.
 * Keys and values are copied. Keys within one family sort by their bytes. */
struct store_batch *store_batch_create(struct store *store)
    __attribute__((warn_unused_result));
void store_batch_free(struct store_batch *batch);
void store_batch_clear(struct store_batch *batch);
void store_batch_put(struct store_batch *batch, enum store_family family,
                     struct span key, struct span value);
void store_batch_delete(struct store_batch *batch, enum store_family family,
                        struct span key);

/* All keys from `from` (inclusive) up to `to` (exclusive). */
void store_batch_delete_range(struct store_batch *batch,
                              enum store_family family, struct span from,
                              struct span to);
size_t store_batch_size(const struct store_batch *batch);

/* Applies the batch to its store atomically; it stays as it is (clear it before
 * reuse). With STORE_SYNC_NOW it then does what store_sync_to() does, and only
 * when that fails the batch is applied in spite of the failure.
 * ENGINE_ENOSPACE   nothing was applied; reads go on. The store repairs itself
 *                   at a later commit, once there is room again.
 * ENGINE_EINTERNAL, ENGINE_ECORRUPT  nothing was applied. */
enum engine_code store_commit(struct store_batch *batch, enum store_sync sync,
                              struct error *reterr)
    __attribute__((warn_unused_result));

/* Counts commits: every one that returned before has a number that is not
 * above this. Any thread, no lock. */
uint64_t store_written(const struct store *store);

/* Makes every commit up to number `ticket` survive power loss. Callers that
 * wait at the same time share one sync of the log (leader and followers). On
 * failure the commits are there, but power loss may take them. Says to
 * base/blocking.h that it waits. Never with a lock held that a writer needs. */
enum engine_code store_sync_to(struct store *store, uint64_t ticket,
                               struct error *reterr)
    __attribute__((warn_unused_result));

/* The same for everything committed so far; nothing to do is quick. */
enum engine_code store_sync(struct store *store, struct error *reterr)
    __attribute__((warn_unused_result));

/* Replaces the content of `value`, which the caller initialised and releases.
 * ret_found false: there is no such key. */
enum engine_code store_get(struct store *store, enum store_family family,
                           struct span key, struct bytes *value,
                           bool *ret_found, struct error *reterr)
    __attribute__((warn_unused_result));

/* Called for each key of store_get_many(), in their order. `value` is valid for
 * the call only; data NULL: there is no such key. */
typedef void store_take(void *ctx, size_t position, struct span value);

/* Reads many keys of one family at once: for scattered keys the blocks are
 * found together, sorted keys that lie close are read in one pass. Neighbours
 * in `keys` that share a block are cheapest, so sort them where the order does
 * not matter. Each key sees the state of its own moment.
 * After an error some keys may have been taken already. */
enum engine_code store_get_many(struct store *store, enum store_family family,
                                const struct span *keys, size_t count,
                                store_take *take, void *ctx,
                                struct error *reterr)
    __attribute__((warn_unused_result));

/* Called for each pair in key order; both spans are valid for the call only.
 * A code other than ENGINE_OK ends the scan and is its result. */
typedef enum engine_code store_visit(void *ctx, struct span key,
                                     struct span value, struct error *reterr);

/* Visits all keys of a family that start with `prefix` (size 0: all). Sees the
 * state of its start; commits may go on meanwhile. Any thread. */
enum engine_code store_scan(struct store *store, enum store_family family,
                            struct span prefix, store_visit *visit, void *ctx,
                            struct error *reterr)
    __attribute__((warn_unused_result));

/* The same for keys from `from` up to, without, `to` (size 0: to the end). */
enum engine_code store_scan_range(struct store *store, enum store_family family,
                                  struct span from, struct span to,
                                  store_visit *visit, void *ctx,
                                  struct error *reterr)
    __attribute__((warn_unused_result));

/* Merges the files that hold keys of a family from `from` up to `to`, so that
 * what was deleted gives its disk back. Reads and writes all of them: takes as
 * long. Commits and reads go on. On failure (a full disk) all stays as it
 * was. Any thread. */
void store_compact(struct store *store, enum store_family family,
                   struct span from, struct span to);

/* Makes a store of its own in the folder `path`, which must not be there yet and
 * lies on the same disk: the state of one moment, of which commits after it are
 * no part. Table files are shared by hard links. Any thread.
 * ENGINE_ENOSPACE, ENGINE_EINTERNAL  what was made of it is to be removed. */
enum engine_code store_snapshot(struct store *store, const char *path,
                                struct error *reterr)
    __attribute__((warn_unused_result));

/* Bytes on disk, WAL included; an estimate. */
uint64_t store_disk_size(struct store *store);

/* Bytes of one family in table files. */
uint64_t store_family_size(struct store *store, enum store_family family);

/* Bytes of the values of one family in table files, before compression; what was
 * deleted or written again counts, too. Looks into each file. */
uint64_t store_family_values_size(struct store *store,
                                  enum store_family family);

/* Heap bytes of one store, about. */
struct store_memory {
    size_t memtables_size; /* written, not yet in a table file */
    size_t readers_size;   /* indexes of open table files */
};
struct store_memory store_memory(struct store *store);

/* What one store keeps in memtables at most, about, all families together;
 * of stores opened from now on. */
#define STORE_WRITE_BUFFERS_SIZE_DEFAULT ((size_t)64 << 20)
void store_write_buffers_resize(size_t size);

/* Writes the largest memtables of all stores to the disk and waits for it.
 * False: none was worth it, or that failed. For memory_relief_set(); any
 * thread, whatever lock it holds but those of this folder. */
bool store_relieve(void);

/* One cache of table blocks serves all stores of the process. */
#define STORE_CACHE_SIZE_DEFAULT ((size_t)64 << 20)

/* Its size from now on. Any thread. */
void store_cache_resize(size_t size);
size_t store_cache_used(void);

#endif /* ENGINE_STORAGE_STORE_H */
