/* SPDX-License-Identifier: Apache-2.0
 * A ring of files. added - done of them wait; the first of these is in the hands
 * of the thread. After the first failure, and when nobody waits any more, files
 * are only closed. */
#include "engine/snapshot/syncer.h"

#include "engine/snapshot/file.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

struct syncer {
    int files[SYNCER_FILES_MAX];
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t lock; /* a leaf, of what follows */
    pthread_cond_t changed;
    uint64_t added, done;
    bool is_over; /* no more come */
    bool is_dropped;
    enum engine_code code; /* of the first that failed */
    struct error error;
};

/* Caller holds the lock, which is let go meanwhile. */
static void
sync_next(struct syncer *syncer)
{
    int fd = syncer->files[syncer->done % SYNCER_FILES_MAX];
    bool is_wanted = !syncer->is_dropped && syncer->code == ENGINE_OK;
    enum engine_code code = ENGINE_OK;
    struct error error = { 0 };
    pthread_mutex_unlock(&syncer->lock);
    if (is_wanted && fsync(fd) != 0)
        code = file_error("sync", "a file of the snapshot", &error);
    close(fd);
    pthread_mutex_lock(&syncer->lock);
    if (code != ENGINE_OK) {
        syncer->code = code;
        syncer->error = error;
    }
    syncer->done++;
    pthread_cond_broadcast(&syncer->changed);
}

static void *
syncer_main(void *ctx)
{
    struct syncer *syncer = ctx;
    pthread_mutex_lock(&syncer->lock);
    for (;;) {
        while (syncer->done == syncer->added && !syncer->is_over)
            pthread_cond_wait(&syncer->changed, &syncer->lock);
        if (syncer->done == syncer->added)
            break;
        sync_next(syncer);
    }
    pthread_mutex_unlock(&syncer->lock);
    return NULL;
}

struct syncer *
syncer_new(void)
{
    struct syncer *syncer = calloc(1, sizeof(*syncer));
    if (syncer == NULL)
        return NULL;
    pthread_mutex_init(&syncer->lock, NULL);
    pthread_cond_init(&syncer->changed, NULL);
    syncer->has_thread =
        pthread_create(&syncer->thread, NULL, syncer_main, syncer) == 0;
    return syncer;
}

void
syncer_add(struct syncer *syncer, int fd)
{
    pthread_mutex_lock(&syncer->lock);
    while (syncer->added - syncer->done == SYNCER_FILES_MAX)
        pthread_cond_wait(&syncer->changed, &syncer->lock);
    syncer->files[syncer->added++ % SYNCER_FILES_MAX] = fd;
    if (syncer->has_thread)
        pthread_cond_broadcast(&syncer->changed);
    else
        sync_next(syncer);
    pthread_mutex_unlock(&syncer->lock);
}

enum engine_code
syncer_wait(struct syncer *syncer, struct error *reterr)
{
    pthread_mutex_lock(&syncer->lock);
    while (syncer->done < syncer->added)
        pthread_cond_wait(&syncer->changed, &syncer->lock);
    enum engine_code code = syncer->code;
    if (code != ENGINE_OK)
        code = error_set(reterr, code, "%s", syncer->error.text);
    pthread_mutex_unlock(&syncer->lock);
    return code;
}

void
syncer_free(struct syncer *syncer)
{
    if (syncer == NULL)
        return;
    pthread_mutex_lock(&syncer->lock);
    syncer->is_over = syncer->is_dropped = true;
    pthread_cond_broadcast(&syncer->changed);
    pthread_mutex_unlock(&syncer->lock);
    if (syncer->has_thread)
        pthread_join(syncer->thread, NULL);
    pthread_cond_destroy(&syncer->changed);
    pthread_mutex_destroy(&syncer->lock);
    free(syncer);
}
