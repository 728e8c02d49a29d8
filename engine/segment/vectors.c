/* SPDX-License-Identifier: Apache-2.0
 * One named vector. Invariants: a slot that has the vector is not in `absent`,
 * every other slot below the segment's end is; with a graph, each slot that
 * has it is linked or in the queue; the row of a linked slot stays as it is
 * for as long as that graph lives. */
#include "engine/segment/vectors.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LEVEL_SEED 0x9e3779b97f4a7c15u

/* A rwlock whose writers do not wait for ever. */
static bool
lock_init(pthread_rwlock_t *lock)
{
    pthread_rwlockattr_t attr;
    if (pthread_rwlockattr_init(&attr) != 0)
        return false;
    pthread_rwlockattr_setkind_np(&attr,
                                  PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    bool is_ok = pthread_rwlock_init(lock, &attr) == 0;
    pthread_rwlockattr_destroy(&attr);
    return is_ok;
}

/* Codes are for walks: without a graph in prospect there are none. */
static enum engine_code
init_codes(struct vectors *vectors, struct error *reterr)
{
    struct codes_params params = { .dim = vectors->options.dim,
                                   .metric = vectors->options.metric };
    bool is_on_disk = vectors->options.place == SEGMENT_ON_DISK;
    if (((vectors->options.m == 0 || vectors->options.indexing_kib == 0) &&
         !is_on_disk) ||
        !codes_choose(params.dim, params.metric, &params.kind))
        return ENGINE_OK;
    enum engine_code code = codes_create(&params, &vectors->codes, reterr);
    if (code == ENGINE_OK)
        code = codes_query_init(&vectors->coding, vectors->codes, reterr);
    if (code != ENGINE_OK) {
        codes_free(vectors->codes);
        vectors->codes = NULL;
    }
    return code;
}

enum engine_code
vectors_init(struct vectors *vectors,
             const struct segment_vector_options *options, struct error *reterr)
{
    assert(options->dim > 0);
    memset(vectors, 0, sizeof(*vectors));
    vectors->options = *options;
    char *name = malloc(options->name.size + 1);
    if (name == NULL)
        return error_memory(reterr);
    if (options->name.size > 0)
        memcpy(name, options->name.data, options->name.size);
    name[options->name.size] = '\0';
    if (!lock_init(&vectors->link_lock)) {
        free(name);
        return error_memory(reterr);
    }
    if (!queue_init(&vectors->queue)) {
        pthread_rwlock_destroy(&vectors->link_lock);
        free(name);
        return error_memory(reterr);
    }
    vectors->options.name.data = name;
    enum engine_code code = init_codes(vectors, reterr);
    if (code != ENGINE_OK) {
        queue_release(&vectors->queue);
        pthread_rwlock_destroy(&vectors->link_lock);
        free(name);
        vectors->options.name.data = NULL;
        return code;
    }
    vectors->is_on_disk =
        options->place == SEGMENT_ON_DISK && vectors->codes != NULL;
    slab_init_f32(&vectors->rows, options->dim);
    slotset_init(&vectors->absent);
    return ENGINE_OK;
}

void
vectors_release(struct vectors *vectors)
{
    union {
        const char *borrowed;
        char *owned;
    } name = { .borrowed = vectors->options.name.data };
    if (name.owned == NULL)
        return;
    hnsw_free(vectors->graph);
    hnsw_free(vectors->next_graph);
    slab_release(&vectors->rows);
    codes_query_release(&vectors->coding);
    codes_free(vectors->codes);
    slotset_release(&vectors->absent);
    queue_release(&vectors->queue);
    pthread_rwlock_destroy(&vectors->link_lock);
    free(name.owned);
    vectors->options.name.data = NULL;
}

enum engine_code
vectors_reserve(struct vectors *vectors, uint32_t slots_count,
                size_t more_count, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    if (!vectors->is_on_disk)
        code = slab_reserve(&vectors->rows, slots_count, reterr);
    if (code == ENGINE_OK && vectors->codes != NULL)
        code = codes_reserve(vectors->codes, slots_count, reterr);
    if (code == ENGINE_OK)
        code = slotset_reserve(&vectors->absent, slots_count, reterr);
    if (code != ENGINE_OK)
        return code;
    if (vectors->graph != NULL && !queue_reserve(&vectors->queue, more_count))
        return error_memory(reterr);
    return ENGINE_OK;
}

void
vectors_write(struct vectors *vectors, uint32_t slot, const float *row)
{
    assert(vectors->is_on_disk || slot < slab_capacity(&vectors->rows));
    if (!vectors->is_on_disk)
        slab_put_f32(&vectors->rows, slot, row, vectors->options.dim);
    if (vectors->codes != NULL)
        codes_put(vectors->codes, slot, row, &vectors->coding);
}

static void
end_raise(struct vectors *vectors, uint32_t slot)
{
    if (slot >= atomic_load(&vectors->end_slot))
        atomic_store(&vectors->end_slot, slot + 1);
}

void
vectors_show(struct vectors *vectors, uint32_t slot)
{
    slotset_remove(&vectors->absent, slot);
    vectors->count++;
    end_raise(vectors, slot);
    if (vectors->graph != NULL)
        queue_push(&vectors->queue, slot);
}

void
vectors_lack(struct vectors *vectors, uint32_t slot)
{
    slotset_add(&vectors->absent, slot);
    end_raise(vectors, slot);
}

void
vectors_hide(struct vectors *vectors, uint32_t slot)
{
    bool is_changed = slotset_add(&vectors->absent, slot);
    assert(is_changed && vectors->count > 0);
    vectors->count--;
    if (vectors->graph != NULL)
        atomic_fetch_add(&vectors->dead_count, 1);
}

bool
vectors_has(const struct vectors *vectors, uint32_t slot)
{
    return slot / SLOTSET_ROW_BITS < slab_capacity(&vectors->absent.rows) &&
           !slotset_has(&vectors->absent, slot);
}

struct hnsw_params
vectors_params(const struct vectors *vectors)
{
    uint32_t m = vectors->options.m;
    if (m < HNSW_M_MIN)
        m = HNSW_M_MIN;
    if (m > HNSW_M_MAX)
        m = HNSW_M_MAX;
    uint32_t ef = vectors->options.ef_construct;
    if (ef < m)
        ef = m;
    if (ef > HNSW_EF_MAX)
        ef = HNSW_EF_MAX;
    return (struct hnsw_params){ .dim = vectors->options.dim,
                                 .metric = vectors->options.metric,
                                 .m = m,
                                 .ef_construct = ef,
                                 .seed = LEVEL_SEED };
}

struct hnsw_rows
vectors_rows(const struct vectors *vectors)
{
    if (!vectors->is_on_disk)
        return (struct hnsw_rows){ .vectors = &vectors->rows,
                                   .codes = vectors->codes };
    union {
        const struct vectors *in;
        void *out;
    } ctx = { .in = vectors };
    return (struct hnsw_rows){ .codes = vectors->codes,
                               .fetch = vectors_fetch,
                               .fetch_ctx = ctx.out };
}

static bool
wants_graph(const struct vectors *vectors)
{
    if (vectors->options.m == 0 || vectors->options.indexing_kib == 0)
        return false;
    uint64_t size =
        (uint64_t)vectors->count * vectors->options.dim * sizeof(float);
    return size / 1024 > vectors->options.indexing_kib;
}

/* Queues every slot that has the vector and is not in `graph`. */
static void
queue_missing(struct vectors *vectors, const struct hnsw *graph)
{
    uint32_t end = atomic_load(&vectors->end_slot);
    uint32_t dead = 0;
    for (uint32_t slot = 0; slot < end; slot++) {
        bool is_linked = hnsw_is_linked(graph, slot);
        if (!slotset_has(&vectors->absent, slot)) {
            if (!is_linked)
                queue_push(&vectors->queue, slot);
        } else if (is_linked) {
            dead++;
        }
    }
    atomic_store(&vectors->dead_count, dead);
}

enum engine_code
vectors_adopt(struct vectors *vectors, pthread_rwlock_t *points,
              struct hnsw *graph, struct error *reterr)
{
    assert(vectors->graph == NULL);
    if (!queue_reserve(&vectors->queue, vectors->count))
        return error_memory(reterr);
    /* Nobody looks into the queue as long as there is no graph. */
    queue_missing(vectors, graph);
    pthread_rwlock_wrlock(&vectors->link_lock);
    pthread_rwlock_wrlock(points);
    vectors->graph = graph;
    pthread_rwlock_unlock(points);
    pthread_rwlock_unlock(&vectors->link_lock);
    return ENGINE_OK;
}

enum engine_code
vectors_start_graph(struct vectors *vectors, pthread_rwlock_t *points,
                    struct error *reterr)
{
    if (vectors->graph != NULL || !wants_graph(vectors))
        return ENGINE_OK;
    struct hnsw_params params = vectors_params(vectors);
    struct hnsw_rows rows = vectors_rows(vectors);
    struct hnsw *graph;
    enum engine_code code = hnsw_create(&params, &rows, &graph, reterr);
    if (code != ENGINE_OK)
        return code;
    code = vectors_adopt(vectors, points, graph, reterr);
    if (code != ENGINE_OK)
        hnsw_free(graph);
    return code;
}

/* Caller holds the link lock shared. */
static enum engine_code
link_queue(struct vectors *vectors, size_t slots_max, size_t *done,
           struct error *reterr)
{
    size_t workers_max = vectors->options.linkers_max == 0
                             ? QUEUE_WORKERS_MAX
                             : vectors->options.linkers_max;
    uint32_t slot;
    uint64_t ticket;
    while (*done < slots_max &&
           queue_take(&vectors->queue, workers_max, &slot, &ticket)) {
        enum engine_code code = ENGINE_OK;
        /* A point that died meanwhile is in no answer: leave it out. */
        if (!slotset_has(&vectors->absent, slot))
            code = hnsw_insert(vectors->graph, slot, reterr);
        if (code != ENGINE_OK) {
            queue_retry(&vectors->queue, ticket);
            return code;
        }
        queue_done(&vectors->queue, ticket);
        atomic_fetch_add(&vectors->links, 1);
        ++*done;
    }
    return ENGINE_OK;
}

/* Offers the next graph its slots. One that fails is missing from it, and
 * queued when it takes its place. */
static enum engine_code
link_next(struct vectors *vectors, size_t slots_max, size_t *done,
          struct error *reterr)
{
    uint32_t slot = atomic_load(&vectors->next_slot);
    while (*done < slots_max && slot < atomic_load(&vectors->end_slot)) {
        if (!atomic_compare_exchange_weak(&vectors->next_slot, &slot, slot + 1))
            continue;
        if (!slotset_has(&vectors->absent, slot)) {
            enum engine_code code =
                hnsw_insert(vectors->next_graph, slot, reterr);
            if (code != ENGINE_OK)
                return code;
        }
        ++*done;
        slot++;
    }
    return ENGINE_OK;
}

enum engine_code
vectors_link(struct vectors *vectors, size_t slots_max, size_t *done,
             struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    pthread_rwlock_rdlock(&vectors->link_lock);
    if (vectors->graph != NULL)
        code = link_queue(vectors, slots_max, done, reterr);
    if (code == ENGINE_OK && vectors->next_graph != NULL)
        code = link_next(vectors, slots_max, done, reterr);
    pthread_rwlock_unlock(&vectors->link_lock);
    return code;
}

bool
vectors_is_stale(const struct vectors *vectors)
{
    uint32_t dead = atomic_load(&vectors->dead_count);
    uint32_t used = atomic_load(&vectors->end_slot);
    return dead > VECTORS_DEAD_MIN && dead > used / 3;
}

enum engine_code
vectors_renew_begin(struct vectors *vectors, struct error *reterr)
{
    if (vectors->graph == NULL || vectors->next_graph != NULL ||
        !vectors_is_stale(vectors))
        return ENGINE_OK;
    struct hnsw_params params = vectors_params(vectors);
    struct hnsw_rows rows = vectors_rows(vectors);
    struct hnsw *graph;
    enum engine_code code = hnsw_create(&params, &rows, &graph, reterr);
    if (code != ENGINE_OK)
        return code;
    pthread_rwlock_wrlock(&vectors->link_lock);
    atomic_store(&vectors->next_slot, 0);
    vectors->next_graph = graph;
    pthread_rwlock_unlock(&vectors->link_lock);
    return ENGINE_OK;
}

bool
vectors_renew_is_over(struct vectors *vectors)
{
    pthread_rwlock_rdlock(&vectors->link_lock);
    bool is_over =
        vectors->next_graph != NULL &&
        atomic_load(&vectors->next_slot) >= atomic_load(&vectors->end_slot);
    pthread_rwlock_unlock(&vectors->link_lock);
    return is_over;
}

enum engine_code
vectors_renew_end(struct vectors *vectors, pthread_rwlock_t *points,
                  struct hnsw **ret_old, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    pthread_rwlock_wrlock(&vectors->link_lock);
    pthread_rwlock_wrlock(points);
    if (vectors->next_graph == NULL)
        goto out;
    if (!queue_reserve(&vectors->queue, vectors->count)) {
        code = error_memory(reterr);
        goto out;
    }
    queue_clear(&vectors->queue);
    queue_missing(vectors, vectors->next_graph);
    *ret_old = vectors->graph;
    vectors->graph = vectors->next_graph;
    vectors->next_graph = NULL;
    atomic_fetch_add(&vectors->links, 1);
out:
    pthread_rwlock_unlock(points);
    pthread_rwlock_unlock(&vectors->link_lock);
    return code;
}

size_t
vectors_waiting(struct vectors *vectors)
{
    size_t count = queue_count(&vectors->queue);
    pthread_rwlock_rdlock(&vectors->link_lock);
    uint32_t next = atomic_load(&vectors->next_slot);
    uint32_t end = atomic_load(&vectors->end_slot);
    /* One more than the offers: taking its place is work, too. */
    if (vectors->next_graph != NULL)
        count += next < end ? end - next + 1 : 1;
    pthread_rwlock_unlock(&vectors->link_lock);
    return count;
}
