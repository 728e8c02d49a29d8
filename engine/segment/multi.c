/* SPDX-License-Identifier: Apache-2.0
 * Scoring of multivectors: parts of the slots, or of the candidates, are taken
 * by the threads that work at a scan; each scores its part and puts what may be
 * among the best into a common pool, which is cut to the best when it is
 * full. */
#include "engine/segment/multi.h"

#include "engine/index/crew.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define PART_SLOTS 64u
/* A scan of more bytes than this is shared. */
#define SHARE_SIZE ((uint64_t)1 << 20)
/* For estimates: multiplications with addition in a nanosecond, and the bytes
 * that come from memory, or from the disk, meanwhile. */
#define TERMS_PER_NS      24.0
#define BYTES_PER_NS      8.0
#define DISK_BYTES_PER_NS 1.0
#define ROW_NS            100.0

/* The query is made of what rows are made of, as that of a dense vector (and as
 * there not with turbo4). NULL: no memory. */
static const float *
query_values(const struct row_form *form, const struct vector_value *query,
             struct arena *arena)
{
    if (form->datatype == DATATYPE_F32 || form->datatype == DATATYPE_TURBO4)
        return query->values;
    float *values =
        arena_alloc(arena, query->rows * query->dim * sizeof(*values));
    void *row = arena_alloc(arena, row_form_size(form));
    if (values == NULL || row == NULL)
        return NULL;
    for (size_t i = 0; i < query->rows; i++) {
        row_form_store(form, query->values + i * query->dim, row);
        (void)row_form_values(form, row, values + i * query->dim);
    }
    return values;
}

/* The packed query, rotated where rows are. */
static enum engine_code
pack(struct multi_query *multi, const struct row_form *form,
     const struct vector_value *query, const float *values, struct arena *arena,
     struct error *reterr)
{
    struct flat_form *flat = &multi->flat;
    flat_form_init(flat, form, (query->rows + MAXSIM_LANES - 1) / MAXSIM_LANES);
    if (flat->is_rotated) {
        float *rotated =
            arena_alloc(arena, query->rows * flat->dim * sizeof(*rotated));
        float *adds = arena_alloc(arena, query->rows * sizeof(*adds));
        if (rotated == NULL || adds == NULL)
            return error_memory(reterr);
        for (size_t i = 0; i < query->rows; i++)
            flat_form_ask(flat, values + i * query->dim,
                          rotated + i * flat->dim, &adds[i]);
        multi->adds = form->metric == METRIC_EUCLID ? adds : NULL;
        values = rotated;
    }
    return maxsim_query_init(&multi->maxsim, flat->metric, values, query->rows,
                             flat->dim, reterr);
}

enum engine_code
multi_query_init(struct multi_query *multi, const struct vectors *vectors,
                 const struct vector_value *query, uint32_t k,
                 struct arena *arena, struct error *reterr)
{
    *multi = (struct multi_query){ .k = k };
    assert(query->kind == VECTOR_MULTI && query->dim == vectors->options.dim);
    const float *values = query_values(&vectors->form, query, arena);
    if (values == NULL)
        return error_memory(reterr);
    if (vectors->codes != NULL) {
        multi->encoding =
            arena_alloc(arena, fde_size(vectors->fde) * sizeof(float));
        void *work =
            arena_alloc(arena, fde_work_size(vectors->fde, query->rows));
        if (multi->encoding == NULL || work == NULL)
            return error_memory(reterr);
        fde_encode(vectors->fde, FDE_QUERY, values, query->rows, work,
                   multi->encoding);
    }
    return pack(multi, &vectors->form, query, values, arena, reterr);
}

void
multi_query_release(struct multi_query *multi)
{
    maxsim_query_release(&multi->maxsim);
}

double
multi_row_ns(const struct vectors *vectors, size_t query_rows)
{
    double size = (double)vectors_row_size_about(vectors);
    size_t lanes =
        (query_rows + MAXSIM_LANES - 1) / MAXSIM_LANES * MAXSIM_LANES;
    double terms = size / (double)row_form_size(&vectors->form) *
                   (double)vectors->options.dim;
    double rate = vectors->is_on_disk ? DISK_BYTES_PER_NS : BYTES_PER_NS;
    return ROW_NS + size / rate + terms * (double)lanes / TERMS_PER_NS;
}

/* ---- the pool of the best ---- */

static int
compare(const void *left, const void *right)
{
    const struct hit *a = left, *b = right;
    if (a->distance < b->distance || a->distance > b->distance)
        return a->distance < b->distance ? -1 : 1;
    return (a->slot > b->slot) - (a->slot < b->slot);
}

struct pool {
    struct hit *hits; /* [room] */
    uint32_t count;
    uint32_t room; /* k and more */
    uint32_t k;
    float worst; /* what is further away is not among the best k */
};

static bool
pool_init(struct pool *pool, uint32_t k)
{
    *pool = (struct pool){ .k = k, .worst = INFINITY };
    pool->room = k + (k > PART_SLOTS * 8 ? k : PART_SLOTS * 8);
    pool->hits = malloc(pool->room * sizeof(*pool->hits));
    return pool->hits != NULL;
}

static void
pool_cut(struct pool *pool)
{
    qsort(pool->hits, pool->count, sizeof(*pool->hits), compare);
    if (pool->count < pool->k)
        return;
    pool->count = pool->k;
    pool->worst = pool->hits[pool->k - 1].distance;
}

static void
pool_add(struct pool *pool, struct hit hit)
{
    if (hit.distance > pool->worst)
        return;
    if (pool->count == pool->room)
        pool_cut(pool);
    pool->hits[pool->count++] = hit;
}

/* ---- scans ---- */

struct job {
    const struct vectors *vectors;
    const struct plain_scan *scan;
    const struct multi_query *multi;
    uint64_t begin;
    uint64_t end;
    _Atomic uint64_t next;
    _Atomic bool is_stopped;
    pthread_mutex_t lock; /* guards the rest */
    struct pool pool;
    enum engine_code code;
    struct error error;
};

static void
job_fail(struct job *job, enum engine_code code, const struct error *error)
{
    atomic_store(&job->is_stopped, true);
    pthread_mutex_lock(&job->lock);
    job->code = code;
    job->error = *error;
    pthread_mutex_unlock(&job->lock);
}

static void
score_part(struct job *job, uint64_t begin)
{
    const struct plain_scan *scan = job->scan;
    uint64_t end = begin + PART_SLOTS;
    struct hit hits[PART_SLOTS];
    uint32_t count = 0;
    for (uint64_t i = begin; i < end && i < job->end; i++) {
        uint32_t slot = scan->slots != NULL ? scan->slots[i] : (uint32_t)i;
        if (slot_filter_passes(scan->filter, slot))
            hits[count++].slot = slot;
    }
    if (count == 0)
        return;
    struct error error = { 0 };
    enum engine_code code =
        multi_score(job->vectors, job->multi, hits, count, &error);
    if (code != ENGINE_OK) {
        job_fail(job, code, &error);
        return;
    }
    pthread_mutex_lock(&job->lock);
    for (uint32_t i = 0; i < count; i++)
        pool_add(&job->pool, hits[i]);
    pthread_mutex_unlock(&job->lock);
}

static void
work_at(void *arg)
{
    struct job *job = arg;
    const struct stopper *stopper = &job->scan->stopper;
    for (;;) {
        uint64_t begin =
            job->begin + atomic_fetch_add(&job->next, 1) * PART_SLOTS;
        if (begin >= job->end || atomic_load(&job->is_stopped))
            return;
        if (stopper->is_due != NULL && stopper->is_due(stopper->ctx)) {
            struct error error = { 0 };
            job_fail(job,
                     error_set(&error, ENGINE_ETIMEOUT,
                               "the operation took longer than its timeout"),
                     &error);
            return;
        }
        score_part(job, begin);
    }
}

/* `accept` is for the searching thread alone. */
static unsigned
helpers_for(const struct job *job)
{
    uint64_t size =
        (job->end - job->begin) * vectors_row_size_about(job->vectors);
    bool is_alone =
        job->scan->filter != NULL && job->scan->filter->accept != NULL;
    if (is_alone || size < SHARE_SIZE)
        return 0;
    uint64_t parts = size / SHARE_SIZE;
    return parts < CREW_HELPERS_MAX ? (unsigned)parts : CREW_HELPERS_MAX;
}

enum engine_code
multi_scan(const struct vectors *vectors, const struct plain_scan *scan,
           const struct multi_query *multi, struct hit *ret_hits,
           uint32_t *ret_count, struct error *reterr)
{
    struct job job = { .vectors = vectors, .scan = scan, .multi = multi };
    job.begin = scan->slots != NULL ? 0 : scan->slot_begin;
    job.end = scan->slots != NULL ? scan->slot_count : scan->slot_end;
    if (!pool_init(&job.pool, multi->k))
        return error_memory(reterr);
    if (pthread_mutex_init(&job.lock, NULL) != 0) {
        free(job.pool.hits);
        return error_memory(reterr);
    }
    crew_run(work_at, &job, helpers_for(&job));
    pthread_mutex_destroy(&job.lock);
    enum engine_code code = job.code;
    if (code == ENGINE_OK) {
        pool_cut(&job.pool);
        memcpy(ret_hits, job.pool.hits,
               job.pool.count * sizeof(job.pool.hits[0]));
        *ret_count = job.pool.count;
    } else {
        code = error_set(reterr, code, "%s", job.error.text);
    }
    free(job.pool.hits);
    return code;
}

static void
score_codes(const struct codes *codes, const struct codes_query *query,
            const uint32_t *slots, uint32_t count, struct pool *pool)
{
    const uint8_t *rows[KERNEL_ROWS_MAX] = { NULL };
    float distances[KERNEL_ROWS_MAX];
    for (uint32_t i = 0; i < count; i++)
        rows[i] = codes_row(codes, slots[i]);
    codes_score(codes, query, slots, rows, count, distances);
    for (uint32_t i = 0; i < count; i++)
        pool_add(pool, (struct hit){ slots[i], distances[i] });
}

enum engine_code
multi_scan_codes(const struct vectors *vectors, const struct plain_scan *scan,
                 const struct multi_query *multi, uint32_t k,
                 struct hit *ret_hits, uint32_t *ret_count,
                 struct error *reterr)
{
    struct codes_query query;
    struct pool pool;
    uint32_t slots[KERNEL_ROWS_MAX], count = 0;
    enum engine_code code = codes_query_init(&query, vectors->codes, reterr);
    if (code != ENGINE_OK)
        return code;
    if (!pool_init(&pool, k)) {
        codes_query_release(&query);
        return error_memory(reterr);
    }
    codes_ask(vectors->codes, multi->encoding, &query);
    for (uint32_t i = 0; i < scan->slot_count; i++) {
        if (slot_filter_passes(scan->filter, scan->slots[i]))
            slots[count++] = scan->slots[i];
        if (count < KERNEL_ROWS_MAX)
            continue;
        score_codes(vectors->codes, &query, slots, count, &pool);
        count = 0;
    }
    score_codes(vectors->codes, &query, slots, count, &pool);
    pool_cut(&pool);
    memcpy(ret_hits, pool.hits, pool.count * sizeof(pool.hits[0]));
    *ret_count = pool.count;
    free(pool.hits);
    codes_query_release(&query);
    return ENGINE_OK;
}

enum engine_code
multi_rescore(const struct vectors *vectors, const struct multi_query *multi,
              struct hit *hits, uint32_t *count, struct error *reterr)
{
    enum engine_code code = multi_score(vectors, multi, hits, *count, reterr);
    if (code != ENGINE_OK)
        return code;
    qsort(hits, *count, sizeof(*hits), compare);
    if (*count > multi->k)
        *count = multi->k;
    return ENGINE_OK;
}
