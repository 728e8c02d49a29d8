/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of all workers in one piece of shared memory. A worker adds to its
 * own shard by an atomic operation (old and new workers share one during a
 * reload), and shards are summed when somebody reads. The numbers outlive a
 * reload and start anew with a new master process, which Prometheus expects
 * of counters. The health of the peers lives beside them. */

#include "gateway/ngx_http_azimuth_edge.h"

#include <assert.h>

#define COUNT_MAGIC       0x617a636e30303031ULL /* layout, version 1 */
#define COUNT_SHARD_COUNT 16
#define COUNT_LINE_SIZE   128 /* two cache lines: they are fetched in pairs */

typedef struct {
    ngx_atomic_t cells[AZIMUTH_COUNT_SIZE];
} __attribute__((aligned(COUNT_LINE_SIZE))) count_shard_t;

typedef struct {
    uint64_t magic;
    uint64_t size; /* cells: other modules count other things */
    ngx_http_azimuth_health_table_t health;
    count_shard_t *shards;
} count_table_t;

const uint64_t ngx_http_azimuth_buckets_us[AZIMUTH_BUCKET_COUNT] = {
    100,   250,    500,    1000,   2500,    5000,    10000,   25000,
    50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000,
};

static ngx_int_t
count_created(ngx_shm_zone_t *zone, void *old_data)
{
    ngx_slab_pool_t *pool = (void *)zone->shm.addr;
    count_table_t *table = old_data;
    u_char *p;

    if (table == NULL && zone->shm.exists) {
        table = pool->data;
    }
    if (table != NULL && table->magic == COUNT_MAGIC &&
        table->size == AZIMUTH_COUNT_SIZE) {
        zone->data = table;
        return NGX_OK;
    }
    table = ngx_slab_calloc(pool, sizeof(*table));
    p = ngx_slab_calloc(pool, COUNT_SHARD_COUNT * sizeof(count_shard_t) +
                                  COUNT_LINE_SIZE);
    if (table == NULL || p == NULL) {
        return NGX_ERROR;
    }
    table->shards = (void *)ngx_align_ptr(p, COUNT_LINE_SIZE);
    table->size = AZIMUTH_COUNT_SIZE;
    table->magic = COUNT_MAGIC;
    pool->data = table;
    zone->data = table;
    return NGX_OK;
}

ngx_int_t
ngx_http_azimuth_count_init(ngx_conf_t *cf, ngx_http_azimuth_main_conf_t *mcf)
{
    static ngx_str_t name = ngx_string("azimuth_count");
    size_t size;

    size =
        sizeof(count_table_t) + (COUNT_SHARD_COUNT + 1) * sizeof(count_shard_t);
    size = ngx_align(size, ngx_pagesize) + 8 * ngx_pagesize;
    mcf->edge.zone =
        ngx_shared_memory_add(cf, &name, size, &ngx_http_azimuth_module);
    if (mcf->edge.zone == NULL) {
        return NGX_ERROR;
    }
    mcf->edge.zone->init = count_created;
    return NGX_OK;
}

static count_table_t *
count_table(ngx_http_azimuth_main_conf_t *mcf)
{
    assert(mcf->edge.zone != NULL && mcf->edge.zone->data != NULL);
    return mcf->edge.zone->data;
}

void
ngx_http_azimuth_count(ngx_http_azimuth_main_conf_t *mcf, ngx_uint_t cell)
{
    count_shard_t *shard =
        &count_table(mcf)->shards[ngx_worker % COUNT_SHARD_COUNT];

    assert(cell < AZIMUTH_COUNT_SIZE);
    (void)ngx_atomic_fetch_add(&shard->cells[cell], 1);
}

void
ngx_http_azimuth_count_time(ngx_http_azimuth_main_conf_t *mcf, ngx_uint_t cell,
                            uint64_t duration_ns)
{
    count_shard_t *shard =
        &count_table(mcf)->shards[ngx_worker % COUNT_SHARD_COUNT];
    uint64_t duration_us = duration_ns / 1000;
    ngx_uint_t i;

    assert(cell + AZIMUTH_HISTOGRAM_SIZE <= AZIMUTH_COUNT_SIZE);
    for (i = 0; i < AZIMUTH_BUCKET_COUNT; i++) {
        if (duration_us <= ngx_http_azimuth_buckets_us[i]) {
            break;
        }
    }
    (void)ngx_atomic_fetch_add(&shard->cells[cell + i], 1);
    (void)ngx_atomic_fetch_add(&shard->cells[cell + AZIMUTH_BUCKET_COUNT + 1],
                               (ngx_atomic_int_t)duration_us);
}

uint64_t
ngx_http_azimuth_count_read(ngx_http_azimuth_main_conf_t *mcf, ngx_uint_t cell)
{
    count_table_t *table = count_table(mcf);
    uint64_t sum = 0;
    ngx_uint_t i;

    assert(cell < AZIMUTH_COUNT_SIZE);
    for (i = 0; i < COUNT_SHARD_COUNT; i++) {
        sum += table->shards[i].cells[cell];
    }
    return sum;
}

uint64_t
ngx_http_azimuth_clock_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static const char *const count_calls[AZIMUTH_CALL_COUNT] = {
    [FLOW_FETCH_DISCOVERY] = "discovery",
    [FLOW_FETCH_JWKS] = "jwks",
    [FLOW_FETCH_TOKEN] = "token",
    [FLOW_FETCH_PUSH] = "push",
    [FLOW_FETCH_INTROSPECTION] = "introspection",
    [AZIMUTH_CALL_COUNT - 1] = "other",
};

ngx_uint_t
ngx_http_azimuth_call(enum flow_fetch_kind kind)
{
    ngx_uint_t call = (ngx_uint_t)kind;

    return call < AZIMUTH_CALL_COUNT && count_calls[call] != NULL
               ? call
               : AZIMUTH_CALL_COUNT - 1;
}

const char *
ngx_http_azimuth_call_name(ngx_uint_t call)
{
    assert(call < AZIMUTH_CALL_COUNT);
    return count_calls[call];
}

/* ---- health -------------------------------------------------------------- */

ngx_http_azimuth_health_table_t *
ngx_http_azimuth_health_lock(ngx_http_azimuth_main_conf_t *mcf)
{
    ngx_slab_pool_t *pool = (void *)mcf->edge.zone->shm.addr;

    ngx_shmtx_lock(&pool->mutex);
    return &count_table(mcf)->health;
}

void
ngx_http_azimuth_health_unlock(ngx_http_azimuth_main_conf_t *mcf)
{
    ngx_slab_pool_t *pool = (void *)mcf->edge.zone->shm.addr;

    ngx_shmtx_unlock(&pool->mutex);
}

ngx_http_azimuth_provider_health_t *
ngx_http_azimuth_health_provider(ngx_http_azimuth_health_table_t *table,
                                 ngx_http_azimuth_main_conf_t *mcf,
                                 ngx_uint_t index)
{
    ngx_http_azimuth_provider_t **providers = mcf->providers.elts;
    ngx_http_azimuth_provider_health_t *entry = &table->providers[index];

    assert(index < mcf->providers.nelts);
    if (ngx_memcmp(entry->digest, providers[index]->digest,
                   AZIMUTH_DIGEST_SIZE) != 0) {
        ngx_memzero(entry, sizeof(*entry));
        ngx_memcpy(entry->digest, providers[index]->digest,
                   AZIMUTH_DIGEST_SIZE);
    }
    return entry;
}

void
ngx_http_azimuth_health_note(ngx_http_azimuth_peer_health_t *peer,
                             const struct flow_event *event)
{
    size_t size;

    peer->is_down = event->kind == FLOW_EVENT_SESSION_FAILED ||
                    event->kind == FLOW_EVENT_FETCH_FAILED;
    if (!peer->is_down) {
        peer->ok_s = event->now_s;
        return;
    }
    peer->failed_s = event->now_s;
    size = ngx_min(event->failure.size, sizeof(peer->cause) - 1);
    ngx_memcpy(peer->cause, event->failure.data, size);
    peer->cause[size] = '\0';
}
