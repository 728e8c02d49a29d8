/* SPDX-License-Identifier: Apache-2.0
 * A copy of a store at one moment, made of hard links: table files never
 * change, so only what is in memtables is written, and commits go on. */
#include "engine/storage/store_body.h"

enum engine_code
store_snapshot(struct store *store, const char *path, struct error *reterr)
{
    if (atomic_load(&store->must_reopen))
        store_reopen(store);
    char *text = NULL;
    enum engine_code code = store_enter(store, reterr);
    if (code != ENGINE_OK)
        return code;
    if (atomic_load(&store->must_reopen)) {
        code = store_closed_error(store, reterr);
        goto out;
    }
    rocksdb_checkpoint_t *checkpoint =
        rocksdb_checkpoint_object_create(store->db, &text);
    /* 0: the memtables are flushed, so that little of the log comes along. */
    if (text == NULL)
        rocksdb_checkpoint_create(checkpoint, path, 0, &text);
    if (checkpoint != NULL)
        rocksdb_checkpoint_object_destroy(checkpoint);
    if (text != NULL) {
        /* It may have been the flush: then no write is taken any more. */
        atomic_store(&store->must_reopen, true);
        code = store_take_error(store, text, reterr);
    }
out:
    store_leave(store);
    return code;
}
