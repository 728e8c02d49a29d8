/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that a flow opened a moment ago, shared by all workers, so that a
 * warm request needs no store, no decryption and no allocation but the
 * request's pool. Fixed slots of 1 KiB in sets of four, found by SHA-256 of
 * provider and cookie (the cookie itself is never kept), under one mutex held
 * for a compare and a copy. Only ALLOWED is kept, for `ttl` seconds and never
 * past the session's own end. Ending a session wipes its slot and moves
 * `generation` on: a flow that began before may not fill a slot any more. */

#include "gateway/ngx_http_azimuth_module.h"

#include "oauth/cookie.h"

#include <assert.h>

#define ZONE_MAGIC       0x617a6d7a30303031ULL /* layout, version 1 */
#define ZONE_WAY_COUNT   4
#define ZONE_VALUE_COUNT 8
#define ZONE_SLOT_SIZE   1024
#define ZONE_DATA_SIZE                                                         \
    (ZONE_SLOT_SIZE - AZIMUTH_DIGEST_SIZE - sizeof(int64_t) -                  \
     sizeof(uint64_t) - 2 * ZONE_VALUE_COUNT * sizeof(uint16_t))

typedef struct {
    u_char key[AZIMUTH_DIGEST_SIZE];
    int64_t expires_s; /* 0: free */
    uint64_t count;
    uint16_t indexes[ZONE_VALUE_COUNT]; /* which identity header */
    uint16_t sizes[ZONE_VALUE_COUNT];
    u_char data[ZONE_DATA_SIZE]; /* their values, one behind the other */
} zone_slot_t;

static_assert(sizeof(zone_slot_t) == ZONE_SLOT_SIZE, "a slot is 1 KiB");

typedef struct {
    uint64_t magic;
    uint64_t set_count;
    uint64_t generation; /* under the mutex */
    zone_slot_t *slots;
} zone_table_t;

static zone_table_t *
zone_table(ngx_http_azimuth_main_conf_t *mcf)
{
    return mcf->zone == NULL ? NULL : mcf->zone->data;
}

static ngx_int_t
zone_created(ngx_shm_zone_t *zone, void *old_data)
{
    ngx_slab_pool_t *pool = (void *)zone->shm.addr;
    zone_table_t *table = old_data;
    size_t size;

    if (table == NULL && zone->shm.exists) {
        table = pool->data;
    }
    if (table != NULL && table->magic == ZONE_MAGIC) {
        zone->data = table; /* sessions survive a reload */
        return NGX_OK;
    }
    table = ngx_slab_calloc(pool, sizeof(*table));
    if (table == NULL) {
        return NGX_ERROR;
    }
    size = (pool->pfree - 1) * ngx_pagesize;
    table->set_count = size / (ZONE_WAY_COUNT * sizeof(zone_slot_t));
    if (table->set_count == 0) {
        return NGX_ERROR;
    }
    table->slots = ngx_slab_calloc(pool, table->set_count * ZONE_WAY_COUNT *
                                             sizeof(zone_slot_t));
    if (table->slots == NULL) {
        return NGX_ERROR;
    }
    table->magic = ZONE_MAGIC;
    pool->data = table;
    zone->data = table;
    return NGX_OK;
}

ngx_int_t
ngx_http_azimuth_zone_init(ngx_conf_t *cf, ngx_http_azimuth_main_conf_t *mcf)
{
    static ngx_str_t name = ngx_string("azimuth_session");

    if (mcf->zone_off) {
        return NGX_OK;
    }
    mcf->zone = ngx_shared_memory_add(cf, &name, mcf->zone_size,
                                      &ngx_http_azimuth_module);
    if (mcf->zone == NULL) {
        return NGX_ERROR;
    }
    mcf->zone->init = zone_created;
    return NGX_OK;
}

static ngx_slab_pool_t *
zone_pool(ngx_http_azimuth_main_conf_t *mcf)
{
    return (void *)mcf->zone->shm.addr;
}

static zone_slot_t *
zone_set(zone_table_t *table, const u_char *key)
{
    uint64_t number;

    ngx_memcpy(&number, key, sizeof(number));
    return &table->slots[(number % table->set_count) * ZONE_WAY_COUNT];
}

static zone_slot_t *
zone_find(zone_slot_t *set, const u_char *key)
{
    ngx_uint_t i;

    for (i = 0; i < ZONE_WAY_COUNT; i++) {
        if (set[i].expires_s != 0 &&
            ngx_memcmp(set[i].key, key, AZIMUTH_DIGEST_SIZE) == 0) {
            return &set[i];
        }
    }
    return NULL;
}

ngx_int_t
ngx_http_azimuth_zone_key(ngx_http_azimuth_ctx_t *ctx,
                          ngx_http_azimuth_main_conf_t *mcf)
{
    struct span parts[2];

    if (zone_table(mcf) == NULL) {
        return NGX_DECLINED;
    }
    if (cookie_find(ctx->cookies, ctx->cookie_count,
                    ngx_http_azimuth_span(mcf->cookie_name),
                    &parts[1]) != COOKIE_FOUND) {
        return NGX_DECLINED;
    }
    parts[0].data = (const char *)ctx->provider->digest;
    parts[0].size = AZIMUTH_DIGEST_SIZE;
    if (ngx_http_azimuth_digest(mcf, parts, 2, ctx->cache_key) != NGX_OK) {
        return NGX_DECLINED;
    }
    ctx->has_cache_key = 1;
    return NGX_OK;
}

/* Copies the slot of ctx out of shared memory. */
static int
zone_read(ngx_http_azimuth_ctx_t *ctx, ngx_http_azimuth_main_conf_t *mcf,
          zone_slot_t *ret_slot)
{
    zone_table_t *table = zone_table(mcf);
    ngx_slab_pool_t *pool = zone_pool(mcf);
    zone_slot_t *slot;
    int is_found = 0;

    assert(table != NULL); /* or there was no key */
    ngx_shmtx_lock(&pool->mutex);
    ctx->cache_generation = table->generation;
    slot = zone_find(zone_set(table, ctx->cache_key), ctx->cache_key);
    if (slot != NULL && slot->expires_s > ngx_time() &&
        slot->expires_s <= ngx_time() + mcf->zone_ttl) { /* else: clock set */
        ngx_memcpy(ret_slot, slot, sizeof(*slot));
        is_found = 1;
    } else if (slot != NULL) {
        ngx_memzero(slot, sizeof(*slot));
    }
    ngx_shmtx_unlock(&pool->mutex);
    return is_found;
}

ngx_int_t
ngx_http_azimuth_zone_get(ngx_http_azimuth_ctx_t *ctx,
                          ngx_http_azimuth_main_conf_t *mcf)
{
    zone_slot_t slot;
    ngx_str_t value;
    u_char *p;
    size_t size = 0;
    uint64_t i;

    if (!ctx->has_cache_key || !zone_read(ctx, mcf, &slot)) {
        return NGX_DECLINED;
    }
    assert(slot.count <= ZONE_VALUE_COUNT);
    for (i = 0; i < slot.count; i++) {
        size += slot.sizes[i];
    }
    assert(size <= ZONE_DATA_SIZE);
    p = ngx_pnalloc(ctx->request->pool, size + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }
    ngx_memcpy(p, slot.data, size);
    for (i = 0; i < slot.count; i++) {
        value.data = p;
        value.len = slot.sizes[i];
        p += value.len;
        if (ngx_http_azimuth_identity_give(ctx, mcf, slot.indexes[i], value) !=
            NGX_OK) {
            return NGX_ERROR;
        }
    }
    return NGX_OK;
}

/* The slot to (over)write: ours, a free one, or the one that ends first. */
static zone_slot_t *
zone_victim(zone_slot_t *set, const u_char *key)
{
    zone_slot_t *slot = zone_find(set, key);
    ngx_uint_t i;

    if (slot != NULL) {
        return slot;
    }
    slot = &set[0];
    for (i = 1; i < ZONE_WAY_COUNT; i++) {
        if (set[i].expires_s < slot->expires_s) {
            slot = &set[i];
        }
    }
    return slot;
}

void
ngx_http_azimuth_zone_put(ngx_http_azimuth_ctx_t *ctx,
                          ngx_http_azimuth_main_conf_t *mcf,
                          const struct flow_allow *allow,
                          const struct flow_actions *actions)
{
    zone_table_t *table = zone_table(mcf);
    ngx_slab_pool_t *pool;
    zone_slot_t slot;
    ngx_int_t index;
    size_t size = 0, i;

    if (!ctx->has_cache_key || table == NULL ||
        allow->header_count > ZONE_VALUE_COUNT) {
        return;
    }
    ngx_memzero(&slot, sizeof(slot));
    ngx_memcpy(slot.key, ctx->cache_key, AZIMUTH_DIGEST_SIZE);
    slot.expires_s =
        ngx_min(ngx_time() + mcf->zone_ttl, actions->session->expires_s);
    if (actions->fresh_until_s > 0) {
        slot.expires_s = ngx_min(slot.expires_s, actions->fresh_until_s);
    }
    slot.count = allow->header_count;
    for (i = 0; i < allow->header_count; i++) {
        index = ngx_http_azimuth_identity_index(mcf, allow->headers[i].name);
        if (index == NGX_ERROR ||
            allow->headers[i].value.size > ZONE_DATA_SIZE - size) {
            return;
        }
        slot.indexes[i] = (uint16_t)index;
        slot.sizes[i] = (uint16_t)allow->headers[i].value.size;
        ngx_memcpy(slot.data + size, allow->headers[i].value.data,
                   slot.sizes[i]);
        size += slot.sizes[i];
    }
    pool = zone_pool(mcf);
    ngx_shmtx_lock(&pool->mutex);
    if (table->generation == ctx->cache_generation) {
        ngx_memcpy(zone_victim(zone_set(table, slot.key), slot.key), &slot,
                   sizeof(slot));
    }
    ngx_shmtx_unlock(&pool->mutex);
}

void
ngx_http_azimuth_zone_drop(ngx_http_azimuth_main_conf_t *mcf, const u_char *key)
{
    zone_table_t *table = zone_table(mcf);
    ngx_slab_pool_t *pool;
    zone_slot_t *slot;

    if (table == NULL) {
        return;
    }
    pool = zone_pool(mcf);
    ngx_shmtx_lock(&pool->mutex);
    table->generation++;
    slot = zone_find(zone_set(table, key), key);
    if (slot != NULL) {
        ngx_memzero(slot, sizeof(*slot));
    }
    ngx_shmtx_unlock(&pool->mutex);
}

void
ngx_http_azimuth_zone_forget(ngx_http_azimuth_ctx_t *ctx,
                             ngx_http_azimuth_main_conf_t *mcf)
{
    if (ctx->has_cache_key) {
        ngx_http_azimuth_zone_drop(mcf, ctx->cache_key);
    }
}
