/* SPDX-License-Identifier: Apache-2.0
 * Open stores, and the way from their memtables to the disk when memory runs
 * short. `lock` guards the list and is held while one of them is flushed, so
 * that those who are short of memory at the same time wait for one flush.
 * Lock order: `lock` before a store's. */
#include "engine/storage/write_buffers.h"

#include "engine/storage/store_body.h"

#include <assert.h>

/* Less is not worth a table file. */
#define RELIEF_SIZE_MIN ((size_t)4 << 20)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct store *first;
static _Atomic size_t buffers_size = STORE_WRITE_BUFFERS_SIZE_DEFAULT;

void
write_buffers_enter(struct store *store)
{
    pthread_mutex_lock(&lock);
    store->next_open = first;
    store->prev_open = NULL;
    if (first != NULL)
        first->prev_open = store;
    first = store;
    pthread_mutex_unlock(&lock);
}

void
write_buffers_leave(struct store *store)
{
    pthread_mutex_lock(&lock);
    if (store->next_open != NULL)
        store->next_open->prev_open = store->prev_open;
    if (store->prev_open != NULL)
        store->prev_open->next_open = store->next_open;
    else
        first = store->next_open;
    pthread_mutex_unlock(&lock);
}

size_t
write_buffers_size(void)
{
    return atomic_load(&buffers_size);
}

void
store_write_buffers_resize(size_t size)
{
    assert(size > 0);
    atomic_store(&buffers_size, size);
}

bool
store_relieve(void)
{
    struct store *largest = NULL;
    size_t size_max = RELIEF_SIZE_MIN;
    pthread_mutex_lock(&lock);
    for (struct store *store = first; store != NULL; store = store->next_open) {
        size_t size = store_memory(store).memtables_size;
        if (size < size_max)
            continue;
        largest = store;
        size_max = size;
    }
    bool is_done = largest != NULL && store_flush(largest) &&
                   store_memory(largest).memtables_size < size_max;
    pthread_mutex_unlock(&lock);
    return is_done;
}
