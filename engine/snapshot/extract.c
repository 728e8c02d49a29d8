/* SPDX-License-Identifier: Apache-2.0
 * A list of files and a few threads, each of which takes the next one. */
#include "engine/snapshot/extract.h"

#include "engine/storage/folder.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define NAMES_SIZE_MAX ((size_t)64 << 20)
#define THREADS_MAX    4

struct item {
    struct container_part part;
    const char *folder;
    size_t name; /* where it begins in `names` */
};

struct extract {
    const struct container_source *source;
    struct syncer *syncer;
    struct item *items;
    size_t count, room;
    struct bytes names; /* each with its NUL */
    atomic_size_t next;
    atomic_bool has_failed;
    pthread_mutex_t lock; /* a leaf, of what follows: the first failure */
    enum engine_code code;
    struct error error;
};

struct extract *
extract_new(const struct container_source *source, struct syncer *syncer)
{
    struct extract *extract = calloc(1, sizeof(*extract));
    if (extract == NULL)
        return NULL;
    extract->source = source;
    extract->syncer = syncer;
    bytes_init(&extract->names, NAMES_SIZE_MAX);
    pthread_mutex_init(&extract->lock, NULL);
    return extract;
}

enum engine_code
extract_add(struct extract *extract, const char *folder, const char *name,
            const struct container_part *part, struct error *reterr)
{
    if (extract->count == extract->room) {
        size_t room = extract->room * 2 + 64;
        struct item *items = realloc(extract->items, room * sizeof(*items));
        if (items == NULL)
            return error_memory(reterr);
        extract->items = items;
        extract->room = room;
    }
    extract->items[extract->count++] =
        (struct item){ *part, folder, extract->names.size };
    bytes_add_text(&extract->names, name);
    bytes_add_char(&extract->names, '\0');
    return bytes_failed(&extract->names) ? error_memory(reterr) : ENGINE_OK;
}

static enum engine_code
copy_item(const struct extract *extract, const struct item *item,
          struct error *reterr)
{
    struct bytes path;
    int fd = -1;
    const char *name = extract->names.data + item->name;
    enum engine_code code = folder_path(item->folder, name, &path, reterr);
    if (code == ENGINE_OK)
        code = container_copy(extract->source, &item->part, name, path.data,
                              &fd, reterr);
    if (code == ENGINE_OK)
        syncer_add(extract->syncer, fd);
    bytes_release(&path);
    return code;
}

static void *
extract_main(void *ctx)
{
    struct extract *extract = ctx;
    while (!atomic_load(&extract->has_failed)) {
        struct error error = { .text = "" };
        size_t at = atomic_fetch_add(&extract->next, 1);
        if (at >= extract->count)
            break;
        enum engine_code code = copy_item(extract, &extract->items[at], &error);
        if (code == ENGINE_OK)
            continue;
        pthread_mutex_lock(&extract->lock);
        if (extract->code == ENGINE_OK) {
            extract->code = code;
            extract->error = error;
        }
        pthread_mutex_unlock(&extract->lock);
        atomic_store(&extract->has_failed, true);
    }
    return NULL;
}

enum engine_code
extract_run(struct extract *extract, struct error *reterr)
{
    pthread_t threads[THREADS_MAX];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = cores > 0 ? (size_t)cores : 1, started = 0;
    if (count > THREADS_MAX)
        count = THREADS_MAX;
    if (count > extract->count)
        count = extract->count;
    while (started + 1 < count &&
           pthread_create(&threads[started], NULL, extract_main, extract) == 0)
        started++;
    (void)extract_main(extract); /* this one helps */
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    if (extract->code != ENGINE_OK && reterr != NULL)
        *reterr = extract->error;
    return extract->code;
}

void
extract_free(struct extract *extract)
{
    if (extract == NULL)
        return;
    free(extract->items);
    bytes_release(&extract->names);
    pthread_mutex_destroy(&extract->lock);
    free(extract);
}
