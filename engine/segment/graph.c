/* SPDX-License-Identifier: Apache-2.0
 * Graphs in the background and on disk: linking, renewal when too much of a
 * graph is dead, checkpoints, and what start-up makes of them. A checkpoint
 * file is committed only after the store is synced, so it never knows a slot
 * that power loss could take away; a slot is used again only when no graph
 * and no checkpoint knows it. */
#include "engine/segment/body.h"
#include "engine/storage/checkpoint.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum engine_code
graph_path(const struct segment *segment, size_t number, struct bytes *path,
           struct error *reterr)
{
    bytes_init(path, SEGMENT_PATH_SIZE_MAX);
    bytes_addf(path, "%s/graph-%zu", segment->path, number);
    return bytes_failed(path) ? error_memory(reterr) : ENGINE_OK;
}

static enum engine_code
checkpoint_take(void *ctx, const void *data, size_t size, struct error *reterr)
{
    return checkpoint_append(ctx, data, size, reterr);
}

static enum engine_code
checkpoint_give(void *ctx, void *data, size_t size, size_t *ret_size,
                struct error *reterr)
{
    size_t left = checkpoint_left(ctx);
    size = size < left ? size : left;
    enum engine_code code =
        size == 0 ? ENGINE_OK : checkpoint_read(ctx, data, size, reterr);
    if (code == ENGINE_OK)
        *ret_size = size;
    return code;
}

/* ---- start-up ---- */

static enum engine_code
graph_read(struct segment *segment, size_t number, struct hnsw **ret_graph,
           struct error *reterr)
{
    struct vectors *vectors = &segment->vectors[number];
    struct bytes path;
    struct checkpoint *file = NULL;
    enum engine_code code = graph_path(segment, number, &path, reterr);
    if (code == ENGINE_OK)
        code = checkpoint_open(path.data, &file, reterr);
    if (code != ENGINE_OK)
        goto out;
    struct hnsw_params params = vectors_params(vectors);
    struct hnsw_reader reader = { checkpoint_give, file };
    struct hnsw *graph;
    uint64_t sequence;
    struct hnsw_rows rows = vectors_rows(vectors);
    code = hnsw_checkpoint_read(&params, &rows, &reader, &graph, &sequence,
                                reterr);
    if (code != ENGINE_OK)
        goto out;
    if (sequence > segment->next_sequence) {
        hnsw_free(graph);
        code =
            error_set(reterr, ENGINE_ECORRUPT, "it is newer than the points");
        goto out;
    }
    *ret_graph = graph;
out:
    checkpoint_close(file);
    bytes_release(&path);
    return code;
}

static enum engine_code
graph_load(struct segment *segment, size_t number, struct error *reterr)
{
    struct vectors *vectors = &segment->vectors[number];
    struct span name = vectors->options.name;
    struct hnsw *graph = NULL;
    struct error error = { 0 };
    enum engine_code code = ENGINE_ENOTFOUND;
    if (vectors->options.m > 0)
        code = graph_read(segment, number, &graph, &error);
    if (code == ENGINE_OK) {
        code = vectors_adopt(vectors, &segment->points, graph, reterr);
        if (code != ENGINE_OK)
            hnsw_free(graph);
        vectors->saved_links = atomic_load(&vectors->links);
        return code;
    }
    atomic_store(&vectors->dead_count, 0);
    code = vectors_start_graph(vectors, &segment->points, reterr);
    if (error.code != ENGINE_OK &&
        (error.code != ENGINE_ENOTFOUND || vectors->graph != NULL))
        segment_say(segment,
                    "graph of vector \"%.*s\": no usable checkpoint (%s): "
                    "linking %u points again, searches scan meanwhile",
                    (int)name.size, name.data, error.text, vectors->count);
    return code;
}

/* Sets the bits of all slots that wait in a queue or are being linked. */
static bool
mark_queued(struct segment *segment, struct slot_set *set)
{
    for (size_t i = 0; i < segment->vectors_count; i++) {
        struct queue *queue = &segment->vectors[i].queue;
        /* Only the holder of the writer mutex makes it longer. */
        size_t count = queue_count(queue);
        uint32_t *slots = malloc((count + 1) * sizeof(*slots));
        if (slots == NULL)
            return false;
        size_t copied = queue_copy(queue, slots, count);
        slot_set_add_many(set, slots, copied < count ? copied : count);
        free(slots);
    }
    return true;
}

static bool
is_held(const struct segment *segment, const struct slot_set *queued,
        uint32_t slot)
{
    if (slot_set_contains(queued, slot))
        return true;
    for (size_t i = 0; i < segment->vectors_count; i++) {
        const struct vectors *vectors = &segment->vectors[i];
        if (vectors->graph != NULL && hnsw_is_linked(vectors->graph, slot))
            return true;
    }
    return false;
}

/* Frees every slot that is dead and that no graph, queue or thread knows. With
 * has_rows their leftover rows go from the store, too. The caller holds the
 * writer mutex or is alone. */
static enum engine_code
free_dead_slots(struct segment *segment, bool has_rows, struct error *reterr)
{
    segment_dig_all(segment);
    size_t dead = segment->slots_count - ids_count(segment->ids);
    size_t freed = 0;
    enum engine_code code = ENGINE_OK;
    struct store_batch *batch = store_batch_create(segment->store);
    struct slot_set *queued = slot_set_new();
    if (batch == NULL || queued == NULL || !mark_queued(segment, queued) ||
        !segment_reserve_free(segment, dead)) {
        code = error_memory(reterr);
        goto out;
    }
    /* Downwards, so that the lowest slot is taken first. */
    for (uint32_t slot = segment->slots_count; slot-- > 0;) {
        if (ids_is_live(segment->ids, slot) || is_held(segment, queued, slot))
            continue;
        assert(freed < dead);
        segment->free_slots[freed++] = slot;
        for (size_t i = 0; has_rows && i < segment->vectors_count; i++) {
            struct segment_key key = segment_key_vector(i, slot);
            store_batch_delete(batch, STORE_VECTORS, segment_key_span(&key));
        }
    }
    segment->free_count = 0;
    if (freed > 0 && has_rows)
        code = store_commit(batch, STORE_SYNC_LATER, reterr);
    if (code == ENGINE_OK)
        segment->free_count = freed;
out:
    slot_set_free(queued);
    store_batch_free(batch);
    return code;
}

enum engine_code
segment_load_graphs(struct segment *segment, struct error *reterr)
{
    bool has_leftovers = false;
    for (size_t i = 0; i < segment->vectors_count; i++) {
        if (atomic_load(&segment->vectors[i].dead_count) > 0)
            has_leftovers = true;
        enum engine_code code = graph_load(segment, i, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return free_dead_slots(segment, has_leftovers, reterr);
}

/* ---- linking ---- */

/* Removes the checkpoint so that even power loss does not bring it back. */
static enum engine_code
checkpoint_remove(const struct segment *segment, size_t number,
                  struct error *reterr)
{
    struct bytes path;
    int folder = -1;
    enum engine_code code = graph_path(segment, number, &path, reterr);
    if (code != ENGINE_OK)
        goto out;
    bool is_gone = unlink(path.data) == 0 || errno == ENOENT;
    if (is_gone)
        folder = open(segment->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!is_gone || folder < 0 || fsync(folder) != 0)
        code = error_set(reterr, ENGINE_EINTERNAL, "cannot remove %s: %s",
                         path.data, strerror(errno));
out:
    if (folder >= 0)
        close(folder);
    bytes_release(&path);
    return code;
}

/* The old checkpoint knows slots that are freed here, so it goes before. A
 * checkpoint that is being written ends before the graphs change places. */
static enum engine_code
renew_end(struct segment *segment, size_t number, struct error *reterr)
{
    struct hnsw *old = NULL;
    pthread_mutex_lock(&segment->writer);
    enum engine_code code = vectors_renew_end(&segment->vectors[number],
                                              &segment->points, &old, reterr);
    segment_dig_all(segment);
    hnsw_free(old);
    if (code == ENGINE_OK)
        code = checkpoint_remove(segment, number, reterr);
    /* A thread may just be offering a dead slot to another next graph. */
    bool is_last = true;
    for (size_t i = 0; i < segment->vectors_count; i++)
        is_last = is_last && segment->vectors[i].next_graph == NULL;
    if (code == ENGINE_OK && is_last)
        code = free_dead_slots(segment, true, reterr);
    pthread_mutex_unlock(&segment->writer);
    return code;
}

static enum engine_code
link_vector(struct segment *segment, size_t number, size_t slots_max,
            size_t *done, struct error *reterr)
{
    struct vectors *vectors = &segment->vectors[number];
    enum engine_code code = vectors_link(vectors, slots_max, done, reterr);
    if (code != ENGINE_OK || *done >= slots_max)
        return code;
    if (vectors_renew_is_over(vectors))
        return renew_end(segment, number, reterr);
    if (!vectors_is_stale(vectors))
        return ENGINE_OK;
    pthread_mutex_lock(&segment->writer);
    code = vectors_renew_begin(vectors, reterr);
    pthread_mutex_unlock(&segment->writer);
    return code;
}

static void
note_failure(struct segment *segment, enum engine_code code,
             const struct error *error)
{
    pthread_mutex_lock(&segment->failure_lock);
    segment->has_failed = code != ENGINE_OK;
    if (code != ENGINE_OK)
        segment->failure = *error;
    pthread_mutex_unlock(&segment->failure_lock);
}

enum engine_code
segment_link(struct segment *segment, size_t slots_max, bool *ret_more,
             struct error *reterr)
{
    struct error error = { 0 };
    enum engine_code code = ENGINE_OK;
    size_t done = 0;
    for (size_t i = 0; code == ENGINE_OK && i < segment->vectors_count; i++)
        code = link_vector(segment, i, slots_max, &done, &error);
    note_failure(segment, code, &error);
    if (code != ENGINE_OK)
        return error_set(reterr, code, "%s", error.text);
    *ret_more = segment_link_count(segment) > 0;
    return ENGINE_OK;
}

size_t
segment_link_count(struct segment *segment)
{
    size_t count = 0;
    for (size_t i = 0; i < segment->vectors_count; i++)
        count += vectors_waiting(&segment->vectors[i]);
    return count;
}

/* ---- checkpoints ---- */

static enum engine_code
graph_write(struct segment *segment, size_t number, uint64_t sequence,
            struct error *reterr)
{
    struct bytes path;
    struct checkpoint *file = NULL;
    enum engine_code code = graph_path(segment, number, &path, reterr);
    if (code == ENGINE_OK)
        code = checkpoint_create(path.data, &file, reterr);
    bytes_release(&path);
    if (code != ENGINE_OK)
        return code;
    struct hnsw_writer writer = { checkpoint_take, file };
    code = hnsw_checkpoint_write(segment->vectors[number].graph, sequence,
                                 &writer, reterr);
    if (code == ENGINE_OK)
        code = segment_sync(segment, reterr);
    if (code == ENGINE_OK)
        return checkpoint_commit(file, reterr);
    checkpoint_close(file);
    return code;
}

enum engine_code
segment_checkpoint(struct segment *segment, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    for (size_t i = 0; code == ENGINE_OK && i < segment->vectors_count; i++) {
        struct vectors *vectors = &segment->vectors[i];
        pthread_mutex_lock(&segment->writer);
        uint64_t sequence = segment->next_sequence;
        pthread_mutex_unlock(&segment->writer);
        /* Linking goes on; only a renewal has to wait. */
        pthread_rwlock_rdlock(&vectors->link_lock);
        uint64_t links = atomic_load(&vectors->links);
        if (vectors->graph != NULL && links != vectors->saved_links) {
            code = graph_write(segment, i, sequence, reterr);
            if (code == ENGINE_OK)
                vectors->saved_links = links;
        }
        pthread_rwlock_unlock(&vectors->link_lock);
    }
    return code;
}
