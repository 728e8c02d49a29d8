/* SPDX-License-Identifier: Apache-2.0
 * Disk space of deleted records. RocksDB gives it back when it merges files,
 * which it does as others are written: after many deletes that may be long
 * after. Here it is asked to. */
#include "engine/storage/store_body.h"

void
store_compact(struct store *store, enum store_family family, struct span from,
              struct span to)
{
    rocksdb_compactoptions_t *options = rocksdb_compactoptions_create();
    /* Merges that writers need go on beside it. */
    rocksdb_compactoptions_set_exclusive_manual_compaction(options, 0);
    pthread_rwlock_rdlock(&store->lock);
    if (store->db != NULL && !atomic_load(&store->must_reopen))
        rocksdb_compact_range_cf_opt(store->db, store_family(store, family),
                                     options, from.data, from.size, to.data,
                                     to.size);
    pthread_rwlock_unlock(&store->lock);
    rocksdb_compactoptions_destroy(options);
}
