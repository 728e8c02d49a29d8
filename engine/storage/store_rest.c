/* SPDX-License-Identifier: Apache-2.0
 * Stores at rest: RocksDB takes some 400 KB of memory and a piece of log on the
 * disk for each database that is open, and some milliseconds to open one. A
 * store that nobody uses is closed, and opened by the next call that needs it.
 *
 * The file RESTING beside the tables keeps what its owner wants to know without
 * opening it, and the name of the manifest of that time. Opening a database
 * makes another manifest before anything else, so a file that does not fit is
 * from before and means nothing; it is removed before an opening all the same.
 */
#include "engine/storage/store_body.h"

#include "engine/codec/hex.h"
#include "engine/storage/checkpoint.h"
#include "engine/storage/folder.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TEXT_SIZE_MAX 1024

/* A small file whole; false: there is none, or it is not small. */
static bool
file_read(const struct store *store, const char *name, struct bytes *text)
{
    struct bytes path;
    bytes_init(text, 1);
    bool is_ok =
        folder_path(store->path, name, &path, NULL) == ENGINE_OK &&
        checkpoint_read_all(path.data, TEXT_SIZE_MAX, text, NULL) == ENGINE_OK;
    bytes_release(&path);
    return is_ok;
}

/* What RESTING says of a store with this note as it lies there now. */
static bool
text_of(const struct store *store, struct span note, struct bytes *text)
{
    struct bytes current;
    char digits[2 * STORE_NOTE_SIZE_MAX + 1];
    bytes_init(text, TEXT_SIZE_MAX);
    if (note.size > STORE_NOTE_SIZE_MAX) /* nobody wrote this one */
        return false;
    bool is_ok = file_read(store, "CURRENT", &current);
    bytes_addf(text, "resting 1\nformat %u\n%.*snote ", STORE_FORMAT_VERSION,
               (int)current.size, current.size > 0 ? current.data : "");
    hex_text(note.data, note.size, digits);
    bytes_add_text(text, digits);
    bytes_add_text(text, "\nend\n");
    bytes_release(&current);
    return is_ok && !bytes_failed(text);
}

static void
resting_write(const struct store *store, struct span note)
{
    struct bytes path, text;
    bytes_init(&text, 1);
    if (folder_path(store->path, "RESTING", &path, NULL) == ENGINE_OK &&
        text_of(store, note, &text)) {
        /* Without it the next start opens the store, which is only slow. */
        (void)!checkpoint_write(path.data, bytes_span(&text), NULL);
    }
    bytes_release(&text);
    bytes_release(&path);
}

static bool
note_read(const struct bytes *text, struct bytes *note)
{
    static const char mark[] = "\nnote ";
    const char *at = text->size == 0 ? NULL : strstr(text->data, mark);
    if (at == NULL)
        return false;
    at += sizeof(mark) - 1;
    int high, low;
    while ((high = hex_value(at[0])) >= 0 && (low = hex_value(at[1])) >= 0) {
        bytes_add_char(note, (char)(high << 4 | low));
        at += 2;
    }
    return !bytes_failed(note);
}

bool
store_resting_note(const struct store *store, struct bytes *note)
{
    struct bytes text, wanted;
    bytes_init(&wanted, 1);
    bool is_ok = file_read(store, "RESTING", &text) && note_read(&text, note) &&
                 text_of(store, bytes_span(note), &wanted) &&
                 span_equal(bytes_span(&text), bytes_span(&wanted));
    bytes_release(&wanted);
    bytes_release(&text);
    return is_ok;
}

static enum engine_code
resting_remove(const struct store *store, struct error *reterr)
{
    struct bytes path;
    enum engine_code code = ENGINE_OK;
    if (folder_path(store->path, "RESTING", &path, NULL) != ENGINE_OK)
        code = error_memory(reterr);
    else if (unlink(path.data) == 0)
        code = folder_sync_parent(path.data, reterr);
    else if (errno != ENOENT)
        code = error_set(reterr, ENGINE_EINTERNAL, "cannot remove %s: %s",
                         path.data, strerror(errno));
    bytes_release(&path);
    return code;
}

bool
store_rest(struct store *store, struct span note)
{
    assert(note.size <= STORE_NOTE_SIZE_MAX);
    char *text = NULL;
    if (pthread_rwlock_trywrlock(&store->lock) != 0)
        return false;
    bool is_ok = store->db != NULL && !atomic_load(&store->must_reopen);
    if (is_ok) {
        rocksdb_flush_wal(store->db, 1, &text);
        if (text != NULL)
            atomic_store(&store->must_reopen, true);
        is_ok = text == NULL;
    }
    if (is_ok) {
        store_database_close(store);
        store->is_resting = true;
        if (note.size > 0)
            resting_write(store, note);
    }
    pthread_rwlock_unlock(&store->lock);
    rocksdb_free(text);
    return is_ok;
}

bool
store_is_resting(struct store *store)
{
    pthread_rwlock_rdlock(&store->lock);
    bool is_resting = store->is_resting;
    pthread_rwlock_unlock(&store->lock);
    return is_resting;
}

static enum engine_code
wake(struct store *store, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    pthread_rwlock_wrlock(&store->lock);
    if (store->is_resting) {
        code = resting_remove(store, reterr);
        if (code == ENGINE_OK)
            code = store_database_open(store, reterr);
        if (code == ENGINE_OK)
            store->is_resting = false;
    }
    pthread_rwlock_unlock(&store->lock);
    return code;
}

enum engine_code
store_enter(struct store *store, struct error *reterr)
{
    for (;;) {
        pthread_rwlock_rdlock(&store->lock);
        if (store->db != NULL)
            return ENGINE_OK;
        bool is_resting = store->is_resting;
        pthread_rwlock_unlock(&store->lock);
        enum engine_code code = is_resting ? wake(store, reterr)
                                           : store_closed_error(store, reterr);
        if (code != ENGINE_OK)
            return code;
    }
}

void
store_leave(struct store *store)
{
    pthread_rwlock_unlock(&store->lock);
}
