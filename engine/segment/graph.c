/* SPDX-License-Identifier: Apache-2.0
 * Graphs in the background and on disk: linking, sweeps of dead slots, another
 * graph when m changes, checkpoints, and what start-up makes of them. A
 * checkpoint may be older or newer than the store: with each slot it has a tag
 * of the row, and what does not fit is swept out. */
#include "engine/segment/body.h"
#include "engine/storage/checkpoint.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum engine_code
segment_graph_path(const struct segment *segment, size_t number,
                   struct bytes *path, struct error *reterr)
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

/* Backs slots below `count`: a checkpoint may know slots at the end that were
 * freed since. Only while the segment is opened. */
static enum engine_code
raise_slots(struct segment *segment, uint32_t count, struct error *reterr)
{
    uint32_t begin = segment->slots_count;
    if (count <= begin)
        return ENGINE_OK;
    if (!ids_reserve(segment->ids, 0, count) ||
        !payloads_reserve(&segment->payloads, count))
        return error_memory(reterr);
    for (size_t i = 0; segment_seek(segment, &i); i++) {
        enum engine_code code =
            vectors_reserve(segment->vectors[i], count, 0, reterr);
        if (code != ENGINE_OK)
            return code;
        for (uint32_t slot = begin; slot < count; slot++)
            vectors_lack(segment->vectors[i], slot);
    }
    segment->slots_count = count;
    return ENGINE_OK;
}

/* As raise_slots() for the checkpoint at `path`. */
static enum engine_code
raise_for(struct segment *segment, const char *path, struct error *reterr)
{
    struct checkpoint *file = NULL;
    uint32_t count = 0;
    enum engine_code code = checkpoint_open(path, &file, reterr);
    if (code != ENGINE_OK)
        return code;
    struct hnsw_reader reader = { checkpoint_give, file };
    code = hnsw_checkpoint_slots(&reader, &count, reterr);
    /* There is a byte for each at least. */
    if (code == ENGINE_OK &&
        (count > checkpoint_left(file) || count > SEGMENT_SLOTS_MAX))
        code = error_set(reterr, ENGINE_ECORRUPT, "it is cut short");
    checkpoint_close(file);
    return code == ENGINE_OK ? raise_slots(segment, count, reterr) : code;
}

void
segment_graph_codes(const struct segment *segment, size_t number,
                    struct codes_wish *codes)
{
    struct bytes path;
    struct checkpoint *file = NULL;
    enum engine_code code = segment_graph_path(segment, number, &path, NULL);
    if (code == ENGINE_OK)
        code = checkpoint_open(path.data, &file, NULL);
    struct hnsw_reader reader = { checkpoint_give, file };
    /* What is wrong with it is said when it is loaded. */
    if (code == ENGINE_OK)
        (void)!hnsw_checkpoint_codes(&reader, codes, NULL);
    checkpoint_close(file);
    bytes_release(&path);
}

static enum engine_code
graph_read(struct segment *segment, size_t number, struct hnsw **ret_graph,
           struct error *reterr)
{
    struct vectors *vectors = segment->vectors[number];
    struct bytes path;
    struct checkpoint *file = NULL;
    enum engine_code code = segment_graph_path(segment, number, &path, reterr);
    if (code == ENGINE_OK)
        code = raise_for(segment, path.data, reterr);
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
    struct vectors *vectors = segment->vectors[number];
    struct span name = vectors->options.name;
    struct hnsw *graph = NULL;
    struct error error = { 0 };
    enum engine_code code = ENGINE_ENOTFOUND;
    if (vectors->options.m > 0)
        code = graph_read(segment, number, &graph, &error);
    if (code == ENGINE_OK) {
        bool is_stale = false;
        code =
            vectors_adopt(vectors, &segment->points, graph, &is_stale, reterr);
        if (code != ENGINE_OK)
            hnsw_free(graph);
        else if (is_stale)
            vectors_sweep_begin(vectors, &segment->epoch);
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

enum engine_code
segment_load_graphs(struct segment *segment, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    bool has_rows = false;
    for (size_t i = 0; code == ENGINE_OK && segment_seek(segment, &i); i++) {
        if (atomic_load(&segment->vectors[i]->dead_count) > 0)
            has_rows = true;
        code = graph_load(segment, i, reterr);
        vectors_note_renewal(segment->vectors[i]);
    }
    enum segment_rest rest = SEGMENT_REST_MORE;
    while (code == ENGINE_OK && rest == SEGMENT_REST_MORE)
        code = segment_reclaim(segment, has_rows, &rest, reterr);
    segment_dig_all(segment);
    return code;
}

/* ---- linking ---- */

/* A checkpoint that is being written ends before the graphs change places.
 * These three: the caller holds the writer mutex. */
static enum engine_code
renew_end(struct segment *segment, struct vectors *vectors,
          struct error *reterr)
{
    struct hnsw *old = NULL;
    enum engine_code code =
        vectors_renew_end(vectors, &segment->points, &old, reterr);
    segment_dig_all(segment);
    hnsw_free(old);
    segment->reclaim_slot = 0;
    atomic_store(&segment->is_reclaiming, true);
    return code;
}

static void
codes_end(struct segment *segment, struct vectors *vectors)
{
    struct codes *old = vectors_codes_end(vectors, &segment->points);
    segment_dig_all(segment);
    codes_free(old);
}

static enum engine_code
renew_locked(struct segment *segment, struct vectors *vectors,
             const struct vectors_work *work, struct error *reterr)
{
    if (work->is_built)
        return renew_end(segment, vectors, reterr);
    if (work->is_coded)
        codes_end(segment, vectors);
    if (!work->is_outdated)
        return ENGINE_OK;
    enum engine_code code = vectors->next_graph == NULL
                                ? vectors_codes_begin(vectors, reterr)
                                : ENGINE_OK;
    if (code == ENGINE_OK && vectors->next_codes == NULL)
        code = vectors_renew_begin(vectors, reterr);
    return code;
}

/* Another graph when m was changed, and other codes, one after the other;
 * nothing for a vector that goes away. */
static enum engine_code
renew(struct segment *segment, struct vectors *vectors,
      const struct vectors_work *work, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    if (!work->is_built && !work->is_coded && !work->is_outdated)
        return ENGINE_OK;
    pthread_mutex_lock(&segment->writer);
    if (segment->vectors[vectors->number] == vectors)
        code = renew_locked(segment, vectors, work, reterr);
    vectors_note_renewal(vectors);
    pthread_mutex_unlock(&segment->writer);
    return code;
}

/* Frees slots of which a sweep or a queue let go, a slice at a time. */
static enum engine_code
reclaim(struct segment *segment, bool has_freed, enum segment_rest *ret_rest,
        struct error *reterr)
{
    *ret_rest = SEGMENT_REST_NONE;
    if (!has_freed && !atomic_load(&segment->is_reclaiming))
        return ENGINE_OK;
    pthread_mutex_lock(&segment->writer);
    if (has_freed)
        segment->reclaim_slot = 0;
    enum engine_code code = segment_reclaim(segment, true, ret_rest, reterr);
    atomic_store(&segment->is_reclaiming, *ret_rest != SEGMENT_REST_NONE);
    pthread_mutex_unlock(&segment->writer);
    return code;
}

void
segment_drop_graph(struct segment *segment, size_t number)
{
    struct vectors *vectors = segment->vectors[number];
    struct hnsw *old = NULL;
    struct bytes path;
    vectors_drop_graph(vectors, &segment->points, &old);
    segment_dig_all(segment);
    hnsw_free(old);
    vectors->saved_links = 0;
    /* If it comes back, nothing is wrong: it is only a cache. */
    if (segment_graph_path(segment, number, &path, NULL) == ENGINE_OK)
        (void)unlink(path.data);
    bytes_release(&path);
    segment->reclaim_slot = 0;
    atomic_store(&segment->is_reclaiming, true);
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
segment_link(struct segment *segment, size_t slots_max,
             enum segment_rest *ret_rest, struct error *reterr)
{
    struct error error = { 0 };
    enum engine_code code = ENGINE_OK;
    struct vectors_work sum = { 0 };
    for (size_t i = 0; code == ENGINE_OK && i < segment->vectors_count; i++) {
        struct vectors *vectors = segment_hold(segment, i);
        struct vectors_work work;
        if (vectors == NULL)
            continue;
        code = vectors_link(vectors, &segment->epoch, slots_max, &work, &error);
        if (code == ENGINE_OK)
            code = renew(segment, vectors, &work, &error);
        bool has_rest = vectors_waiting(vectors) > 0;
        /* Without any progress it is in other hands, or waits for a sweep. */
        bool has_moved = work.has_moved || work.has_freed;
        sum.has_more = sum.has_more || (has_rest && has_moved);
        sum.is_waiting = sum.is_waiting || (has_rest && !has_moved);
        sum.has_more = sum.has_more || work.is_outdated;
        sum.has_more = sum.has_more || (work.has_more && !work.is_waiting);
        sum.is_waiting = sum.is_waiting || work.is_waiting;
        sum.has_freed = sum.has_freed || work.has_freed;
        segment_let(segment, vectors);
    }
    enum segment_rest slots = SEGMENT_REST_NONE;
    enum segment_rest compaction = SEGMENT_REST_NONE;
    enum segment_rest names = SEGMENT_REST_NONE;
    if (code == ENGINE_OK)
        code = segment_names_work(segment, &names, &error);
    sum.is_waiting = sum.is_waiting || names != SEGMENT_REST_NONE;
    if (code == ENGINE_OK)
        code = reclaim(segment, sum.has_freed, &slots, &error);
    if (code == ENGINE_OK)
        code = segment_compact(segment, &compaction, &error);
    enum segment_rest sparse = segment_tidy_sparse(segment);
    sum.has_more = sum.has_more || sparse == SEGMENT_REST_MORE;
    note_failure(segment, code, &error);
    if (code != ENGINE_OK)
        return error_set(reterr, code, "%s", error.text);
    if (sum.has_more)
        *ret_rest = SEGMENT_REST_MORE;
    else if (slots == SEGMENT_REST_NONE && sum.is_waiting)
        *ret_rest = SEGMENT_REST_LATER;
    else
        *ret_rest = slots == SEGMENT_REST_NONE ? compaction : slots;
    if (*ret_rest == SEGMENT_REST_NONE)
        *ret_rest = sparse;
    return ENGINE_OK;
}

size_t
segment_link_count(struct segment *segment)
{
    size_t count = 0;
    for (size_t i = 0; i < segment->vectors_count; i++) {
        struct vectors *vectors = segment_hold(segment, i);
        if (vectors == NULL)
            continue;
        count += vectors_waiting(vectors);
        segment_let(segment, vectors);
    }
    return count;
}

bool
segment_is_behind(struct segment *segment)
{
    bool is_behind = false;
    struct segment_reader reader;
    segment_read_begin(segment, &reader);
    for (size_t i = 0; i < reader.view->vectors_count; i++)
        is_behind = is_behind ||
                    (segment_vector_is_there(&reader, i) &&
                     vectors_is_behind(segment_reader_vectors(&reader, i)));
    segment_read_end(&reader);
    return is_behind;
}

/* ---- checkpoints ---- */

static enum engine_code
graph_write(struct segment *segment, const struct vectors *vectors,
            uint64_t sequence, struct error *reterr)
{
    struct bytes path;
    struct checkpoint *file = NULL;
    enum engine_code code =
        segment_graph_path(segment, vectors->number, &path, reterr);
    if (code == ENGINE_OK)
        code = checkpoint_create(path.data, &file, reterr);
    bytes_release(&path);
    if (code != ENGINE_OK)
        return code;
    struct hnsw_writer writer = { checkpoint_take, file };
    code = hnsw_checkpoint_write(vectors->graph, sequence, &writer, reterr);
    if (code == ENGINE_OK)
        code = segment_sync(segment, reterr);
    if (code == ENGINE_OK)
        return checkpoint_commit(file, reterr);
    checkpoint_close(file);
    return code;
}

bool
segment_is_unsaved(struct segment *segment)
{
    bool is_unsaved = false;
    struct segment_reader reader;
    segment_read_begin(segment, &reader);
    for (size_t i = 0; i < reader.view->vectors_count; i++) {
        if (!segment_vector_is_there(&reader, i))
            continue;
        const struct vectors *vectors = segment_reader_vectors(&reader, i);
        is_unsaved = is_unsaved || (atomic_load(&vectors->graph) != NULL &&
                                    atomic_load(&vectors->links) !=
                                        atomic_load(&vectors->saved_links));
    }
    segment_read_end(&reader);
    return is_unsaved;
}

enum engine_code
segment_checkpoint(struct segment *segment, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    for (size_t i = 0; code == ENGINE_OK && i < segment->vectors_count; i++) {
        struct vectors *vectors = segment_hold(segment, i);
        if (vectors == NULL)
            continue;
        pthread_mutex_lock(&segment->writer);
        uint64_t sequence = segment->next_sequence;
        pthread_mutex_unlock(&segment->writer);
        /* Linking goes on; only another graph has to wait. In the epoch, so
         * that no slot of the graph is used again meanwhile. */
        pthread_rwlock_rdlock(&vectors->link_lock);
        uint32_t place = epoch_enter(&segment->epoch);
        uint64_t links = atomic_load(&vectors->links);
        if (vectors->graph != NULL && links != vectors->saved_links) {
            code = graph_write(segment, vectors, sequence, reterr);
            if (code == ENGINE_OK)
                vectors->saved_links = links;
        }
        epoch_leave(&segment->epoch, place);
        pthread_rwlock_unlock(&vectors->link_lock);
        segment_let(segment, vectors);
    }
    return code;
}
