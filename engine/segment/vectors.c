/* SPDX-License-Identifier: Apache-2.0
 * One named vector. Invariants: a slot that has the vector is not in `absent`,
 * every other slot below the segment's end is, and in `rowless`, too, but for
 * those that died with the vector and are not free yet; with a graph, each slot
 * that has it is linked or in the queue; the row of a linked slot stays as it
 * is for as long as that graph lives. */
#include "engine/segment/vectors.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define LEVEL_SEED 0x9e3779b97f4a7c15u
/* Rows shorter than a cache line are put closer together. */
#define SHORT_ROW_ALIGN 16u

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

/* Few rows of turbo4 end with a line. */
static void
rows_init(struct vectors *vectors)
{
    const struct segment_vector_options *options = &vectors->options;
    size_t row_size = options->dim > 0 ? row_form_size(&vectors->form) : 1;
    if (options->kind == VECTOR_MULTI)
        row_size = sizeof(void *);
    bool is_short =
        row_size < SLAB_ROW_ALIGN || options->datatype == DATATYPE_TURBO4;
    slab_init(&vectors->rows, row_size,
              is_short ? SHORT_ROW_ALIGN : SLAB_ROW_ALIGN);
}

enum engine_code
vectors_init(struct vectors *vectors,
             const struct segment_vector_options *options,
             const struct codes_wish *codes, struct epoch *epoch,
             const char *folder, struct error *reterr)
{
    const struct sparse_options sparse = { options->datatype,
                                           options->sparse_place, folder };
    assert((options->dim > 0) == (options->kind != VECTOR_SPARSE));
    memset(vectors, 0, sizeof(*vectors));
    vectors->options = *options;
    vectors->form =
        (struct row_form){ options->datatype, options->metric, options->dim };
    vectors->next_place = options->place;
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
    enum engine_code code =
        options->kind == VECTOR_SPARSE
            ? sparse_create(epoch, &sparse, &vectors->sparse, reterr)
            : vectors_codes_init(vectors, codes, reterr);
    if (code != ENGINE_OK) {
        fde_free(vectors->fde);
        vectors_codes_release(vectors);
        queue_release(&vectors->queue);
        pthread_rwlock_destroy(&vectors->link_lock);
        free(name);
        vectors->options.name.data = NULL;
        return code;
    }
    vectors->is_on_disk =
        options->kind == VECTOR_SPARSE ||
        (options->place == SEGMENT_ON_DISK && vectors->codes != NULL);
    rows_init(vectors);
    slotset_init(&vectors->absent);
    slotset_init(&vectors->rowless);
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
    vectors_multi_release(vectors);
    slab_release(&vectors->rows);
    vectors_codes_release(vectors);
    sparse_free(vectors->sparse);
    slotset_release(&vectors->absent);
    slotset_release(&vectors->rowless);
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
    if (code == ENGINE_OK && vectors->next_codes != NULL)
        code = codes_reserve(vectors->next_codes, slots_count, reterr);
    if (code == ENGINE_OK)
        code = slotset_reserve(&vectors->absent, slots_count, reterr);
    if (code == ENGINE_OK)
        code = slotset_reserve(&vectors->rowless, slots_count, reterr);
    if (code != ENGINE_OK)
        return code;
    if (vectors->graph != NULL && !queue_reserve(&vectors->queue, more_count))
        return error_memory(reterr);
    return ENGINE_OK;
}

void
vectors_write(struct vectors *vectors, uint32_t slot, const void *row)
{
    if (vectors->options.kind == VECTOR_MULTI)
        return; /* vectors_prepare() did it */
    assert(vectors->is_on_disk || slot < slab_capacity(&vectors->rows));
    if (!vectors->is_on_disk)
        slab_put(&vectors->rows, slot, row, row_form_size(&vectors->form));
    const float *values = row;
    const struct codes *codes = vectors->codes;
    bool is_code = codes != NULL && codes->params.shared != NULL;
    if (codes != NULL && (!is_code || vectors->next_codes != NULL))
        values = row_form_values(&vectors->form, row, vectors->values);
    if (codes != NULL)
        codes_put(vectors->codes, slot, values, &vectors->coding);
    if (vectors->next_codes != NULL)
        codes_put(vectors->next_codes, slot, values, &vectors->next_coding);
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
    slotset_remove(&vectors->rowless, slot);
    vectors->count++;
    end_raise(vectors, slot);
    if (vectors->graph != NULL)
        queue_push(&vectors->queue, slot);
}

void
vectors_lack(struct vectors *vectors, uint32_t slot)
{
    slotset_add(&vectors->absent, slot);
    slotset_add(&vectors->rowless, slot);
    end_raise(vectors, slot);
}

void
vectors_hide(struct vectors *vectors, uint32_t slot)
{
    bool is_changed = slotset_add(&vectors->absent, slot);
    assert(is_changed && vectors->count > 0);
    vectors->count--;
    if (vectors->sparse != NULL)
        sparse_hide(vectors->sparse, slot);
    if (vectors->graph != NULL)
        atomic_fetch_add(&vectors->dead_count, 1);
}

/* Of a vector that leaves nobody notes which slots come to the end. */
static bool
is_noted(const struct vectors *vectors, uint32_t slot)
{
    return slot < atomic_load(&vectors->end_slot) &&
           slot / SLOTSET_ROW_BITS < slab_capacity(&vectors->rowless.rows);
}

bool
vectors_has(const struct vectors *vectors, uint32_t slot)
{
    return is_noted(vectors, slot) && !slotset_has(&vectors->absent, slot);
}

bool
vectors_had(const struct vectors *vectors, uint32_t slot)
{
    return is_noted(vectors, slot) && !slotset_has(&vectors->rowless, slot);
}

void
vectors_note_free(struct vectors *vectors, uint32_t slot)
{
    if (is_noted(vectors, slot))
        slotset_add(&vectors->rowless, slot);
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
    bool is_dense = vectors->fde == NULL;
    return (struct hnsw_params){
        .dim = is_dense ? vectors->options.dim : fde_size(vectors->fde),
        .metric = is_dense ? vectors->options.metric : METRIC_DOT,
        .m = m,
        .ef_construct = ef,
        .seed = LEVEL_SEED
    };
}

struct hnsw_rows
vectors_rows(const struct vectors *vectors)
{
    if (!vectors->is_on_disk && vectors->options.kind != VECTOR_MULTI)
        return (struct hnsw_rows){ .vectors = &vectors->rows,
                                   .datatype = vectors->form.datatype,
                                   .codes = vectors->codes };
    union {
        const struct vectors *in;
        void *out;
    } ctx = { .in = vectors };
    /* A graph of encodings is asked for with one, whatever rows hold. */
    bool is_multi = vectors->options.kind == VECTOR_MULTI;
    return (struct hnsw_rows){ .codes = vectors->codes,
                               .datatype = is_multi ? DATATYPE_F32
                                                    : vectors->form.datatype,
                               .fetch = vectors_fetch,
                               .fetch_ctx = ctx.out };
}

static bool
wants_graph(const struct vectors *vectors)
{
    if (vectors->options.m == 0 || vectors->options.indexing_kib == 0 ||
        vectors->options.kind == VECTOR_SPARSE ||
        (vectors->options.kind == VECTOR_MULTI && vectors->codes == NULL))
        return false;
    uint64_t size = (uint64_t)vectors->count * vectors_row_size_about(vectors);
    return size / 1024 > vectors->options.indexing_kib;
}

/* Queues every slot that has the vector and is not in `graph`; true when some
 * slot is there with another row. */
static bool
queue_missing(struct vectors *vectors, const struct hnsw *graph)
{
    bool is_stale = false;
    uint32_t end = atomic_load(&vectors->end_slot);
    int32_t dead = 0;
    for (uint32_t slot = 0; slot < end; slot++) {
        bool is_linked = hnsw_is_linked(graph, slot);
        is_stale = is_stale || (!is_linked && hnsw_is_held(graph, slot));
        if (!slotset_has(&vectors->absent, slot)) {
            if (!is_linked)
                queue_push(&vectors->queue, slot);
        } else if (is_linked) {
            dead++;
        }
    }
    atomic_store(&vectors->dead_count, dead);
    return is_stale;
}

enum engine_code
vectors_adopt(struct vectors *vectors, pthread_rwlock_t *points,
              struct hnsw *graph, bool *ret_is_stale, struct error *reterr)
{
    assert(vectors->graph == NULL);
    if (!queue_reserve(&vectors->queue, vectors->count))
        return error_memory(reterr);
    /* Nobody looks into the queue as long as there is no graph. */
    *ret_is_stale = queue_missing(vectors, graph);
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
    bool is_stale;
    code = vectors_adopt(vectors, points, graph, &is_stale, reterr);
    if (code != ENGINE_OK)
        hnsw_free(graph);
    return code;
}

static size_t
workers_max(const struct vectors *vectors)
{
    return vectors->options.linkers_max == 0 ? QUEUE_WORKERS_MAX
                                             : vectors->options.linkers_max;
}

/* Links one slot of the queue; false when it cannot be inserted yet. */
static bool
link_slot(struct vectors *vectors, uint32_t slot, struct vectors_work *work,
          enum engine_code *ret_code, struct error *reterr)
{
    struct hnsw *graph = vectors->graph;
    *ret_code = ENGINE_OK;
    /* A point that died meanwhile is in no answer: leave it out. */
    if (slotset_has(&vectors->absent, slot)) {
        atomic_fetch_sub(&vectors->dead_count, 1);
        work->has_freed = true;
    } else if (hnsw_is_held(graph, slot) && !hnsw_is_linked(graph, slot)) {
        /* A checkpoint knows it with another row: a sweep comes first. */
        return false;
    } else {
        *ret_code = hnsw_insert(graph, slot, reterr);
    }
    return true;
}

/* Caller holds the link lock shared and is in the epoch. */
static enum engine_code
link_queue(struct vectors *vectors, size_t slots_max, struct vectors_work *work,
           struct error *reterr)
{
    uint32_t slot;
    uint64_t ticket;
    uint32_t first_retry = SLOT_NONE;
    size_t tried = 0;
    while (tried < slots_max &&
           queue_take(&vectors->queue, workers_max(vectors), &slot, &ticket)) {
        enum engine_code code;
        tried++;
        if (!link_slot(vectors, slot, work, &code, reterr)) {
            queue_retry(&vectors->queue, ticket);
            if (slot == first_retry)
                break; /* all that is left was tried */
            if (first_retry == SLOT_NONE)
                first_retry = slot;
            continue;
        }
        if (code != ENGINE_OK) {
            queue_retry(&vectors->queue, ticket);
            return code;
        }
        queue_done(&vectors->queue, ticket);
        atomic_fetch_add(&vectors->links, 1);
        work->links++;
        work->has_moved = true;
    }
    return ENGINE_OK;
}

static bool
wants_sweep(const struct vectors *vectors)
{
    int64_t dead = atomic_load(&vectors->dead_count);
    int64_t linked = hnsw_linked_count(vectors->graph);
    return vectors->next_graph == NULL &&
           ((dead > VECTORS_DEAD_MIN && dead > linked / VECTORS_DEAD_SHARE) ||
            (dead > 0 && atomic_load(&vectors->wants_sweep)));
}

void
vectors_sweep_begin(struct vectors *vectors, struct epoch *epoch)
{
    uint32_t count;
    atomic_store(&vectors->wants_sweep, false);
    hnsw_sweep_begin(vectors->graph, &vectors->absent, epoch, &count);
    atomic_fetch_sub(&vectors->dead_count, (int32_t)count);
}

/* Caller holds the link lock shared and is not in the epoch. */
static enum engine_code
sweep(struct vectors *vectors, struct epoch *epoch, uint32_t nodes_max,
      struct vectors_work *work, struct error *reterr)
{
    if (!hnsw_is_sweeping(vectors->graph)) {
        if (!wants_sweep(vectors))
            return ENGINE_OK;
        vectors_sweep_begin(vectors, epoch);
    }
    enum hnsw_sweep state = HNSW_SWEEP_WORKS;
    enum engine_code code = ENGINE_OK;
    uint32_t done;
    if (atomic_fetch_add(&vectors->sweepers, 1) < workers_max(vectors))
        code =
            hnsw_sweep_work(vectors->graph, nodes_max, &state, &done, reterr);
    atomic_fetch_sub(&vectors->sweepers, 1);
    work->is_waiting = state == HNSW_SWEEP_WAITS;
    work->has_more = state != HNSW_SWEEP_IDLE;
    if (code == ENGINE_OK && state == HNSW_SWEEP_IDLE) {
        work->has_freed = true;
        atomic_fetch_add(&vectors->links, 1);
    }
    return code;
}

/* Offers the next graph its slots. One that fails is missing from it, and
 * queued when it takes its place. */
static enum engine_code
link_next(struct vectors *vectors, size_t slots_max, struct vectors_work *work,
          struct error *reterr)
{
    uint32_t slot = atomic_load(&vectors->next_slot);
    while (work->links < slots_max && slot < atomic_load(&vectors->end_slot)) {
        if (!atomic_compare_exchange_weak(&vectors->next_slot, &slot, slot + 1))
            continue;
        if (!slotset_has(&vectors->absent, slot)) {
            enum engine_code code =
                hnsw_insert(vectors->next_graph, slot, reterr);
            if (code != ENGINE_OK)
                return code;
        }
        work->links++;
        work->has_moved = true;
        slot++;
    }
    return ENGINE_OK;
}

/* Caller holds the link lock or the writer mutex. */
static bool
is_outdated(const struct vectors *vectors)
{
    return vectors->graph != NULL && vectors->next_graph == NULL &&
           vectors->options.m != 0 &&
           hnsw_params_of(vectors->graph).m != vectors_params(vectors).m;
}

void
vectors_note_renewal(struct vectors *vectors)
{
    bool is_wanted =
        is_outdated(vectors) || vectors_codes_are_outdated(vectors) ||
        (vectors->sparse != NULL && sparse_is_moving(vectors->sparse));
    atomic_store(&vectors->is_renewing, is_wanted ||
                                            vectors->next_graph != NULL ||
                                            vectors->next_codes != NULL);
}

enum engine_code
vectors_link(struct vectors *vectors, struct epoch *epoch, size_t slots_max,
             struct vectors_work *work, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    *work = (struct vectors_work){ 0 };
    pthread_rwlock_rdlock(&vectors->link_lock);
    uint32_t place = epoch_enter(epoch);
    if (vectors->graph != NULL)
        code = link_queue(vectors, slots_max, work, reterr);
    if (code == ENGINE_OK && vectors->next_graph != NULL)
        code = link_next(vectors, slots_max, work, reterr);
    if (code == ENGINE_OK && vectors->next_codes != NULL)
        code = vectors_codes_fill(vectors, slots_max, work, reterr);
    epoch_leave(epoch, place);
    if (code == ENGINE_OK && vectors->graph != NULL)
        code = sweep(vectors, epoch, (uint32_t)slots_max * VECTORS_SWEEP_NODES,
                     work, reterr);
    work->is_outdated =
        is_outdated(vectors) || vectors_codes_are_outdated(vectors);
    work->is_coded = vectors_codes_are_filled(vectors);
    work->is_built =
        vectors->next_graph != NULL &&
        atomic_load(&vectors->next_slot) >= atomic_load(&vectors->end_slot);
    pthread_rwlock_unlock(&vectors->link_lock);
    return code;
}

bool
vectors_is_held(const struct vectors *vectors, uint32_t slot)
{
    return vectors->next_graph != NULL ||
           (vectors->graph != NULL && hnsw_is_held(vectors->graph, slot));
}

enum engine_code
vectors_renew_begin(struct vectors *vectors, struct error *reterr)
{
    if (!is_outdated(vectors))
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
    (void)queue_missing(vectors, vectors->next_graph);
    *ret_old = vectors->graph;
    vectors->graph = vectors->next_graph;
    vectors->next_graph = NULL;
    atomic_fetch_add(&vectors->links, 1);
out:
    pthread_rwlock_unlock(points);
    pthread_rwlock_unlock(&vectors->link_lock);
    return code;
}

void
vectors_drop_graph(struct vectors *vectors, pthread_rwlock_t *points,
                   struct hnsw **ret_old)
{
    pthread_rwlock_wrlock(&vectors->link_lock);
    pthread_rwlock_wrlock(points);
    hnsw_free(vectors->next_graph);
    vectors->next_graph = NULL;
    *ret_old = vectors->graph;
    vectors->graph = NULL;
    queue_clear(&vectors->queue);
    atomic_store(&vectors->dead_count, 0);
    pthread_rwlock_unlock(points);
    pthread_rwlock_unlock(&vectors->link_lock);
}

void
vectors_cut(struct vectors *vectors, uint32_t end_slot)
{
    assert(vectors->next_graph == NULL);
    assert(end_slot <= atomic_load(&vectors->end_slot));
    atomic_store(&vectors->end_slot, end_slot);
    vectors_multi_cut(vectors, end_slot);
    slab_cut(&vectors->rows, end_slot);
    if (vectors->codes != NULL)
        codes_cut(vectors->codes, end_slot);
    if (vectors->next_codes != NULL)
        codes_cut(vectors->next_codes, end_slot);
    if (vectors->graph != NULL)
        hnsw_cut(vectors->graph, end_slot);
    queue_cut(&vectors->queue);
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
    count += vectors_codes_waiting(vectors);
    /* What was asked for and nobody has begun. */
    count += is_outdated(vectors) || vectors_codes_are_outdated(vectors);
    pthread_rwlock_unlock(&vectors->link_lock);
    return count;
}

size_t
vectors_tail_row_size(const struct vectors *vectors)
{
    size_t size = atomic_load(&vectors->codes_size);
    return size > 0 ? size : vectors_row_size_about(vectors);
}

bool
vectors_is_behind(struct vectors *vectors)
{
    size_t most = VECTORS_TAIL_SIZE / vectors_tail_row_size(vectors);
    if (most < VECTORS_TAIL_MIN)
        most = VECTORS_TAIL_MIN;
    if (most > VECTORS_TAIL_MAX)
        most = VECTORS_TAIL_MAX;
    return queue_count(&vectors->queue) > most;
}
