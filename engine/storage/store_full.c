/* SPDX-License-Identifier: Apache-2.0
 * Errors of RocksDB, and the way back after a full disk. After a failed write
 * RocksDB refuses further ones until it is opened again, so a failed commit
 * marks the store (`must_reopen`) and the next batch reopens it first, once a
 * probe file shows that the disk has room: that is how it comes back. Reads go
 * on meanwhile. */
#include "engine/storage/store_body.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PROBE_SIZE ((size_t)1 << 20)

enum engine_code
store_take_error(struct store *store, char *text, struct error *reterr)
{
    assert(text != NULL);
    enum engine_code code = ENGINE_EINTERNAL;
    if (strstr(text, "No space left") != NULL ||
        strstr(text, "File too large") != NULL ||
        strstr(text, "Disk quota") != NULL)
        code = ENGINE_ENOSPACE;
    else if (strncmp(text, "Corruption", 10) == 0 ||
             strstr(text, "create_if_missing is false") != NULL ||
             strstr(text, "create_missing_column_families") != NULL)
        code = ENGINE_ECORRUPT;
    if (code == ENGINE_ENOSPACE)
        error_set(reterr, code, "no space left on the disk of %s", store->path);
    else
        error_set(reterr, code, "storage %s: %s", store->path, text);
    rocksdb_free(text);
    return code;
}

enum engine_code
store_closed_error(struct store *store, struct error *reterr)
{
    return error_set(reterr, ENGINE_ENOSPACE,
                     "storage %s could not be opened again after the disk was "
                     "full",
                     store->path);
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

void
store_reopen(struct store *store)
{
    pthread_rwlock_wrlock(&store->lock);
    if (atomic_load(&store->must_reopen) && has_room(store)) {
        store_database_close(store);
        if (store_database_open(store, NULL) == ENGINE_OK)
            atomic_store(&store->must_reopen, false);
    }
    pthread_rwlock_unlock(&store->lock);
}
