/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions and tokens that a flow judged a moment ago, shared by all workers,
 * so that a warm request needs no store, no decryption and no allocation but
 * the request's pool. An entry is found by SHA-256 of provider and cookie or
 * token (neither is ever kept). Its value:
 *   u16 ZONE_SEEN, the words of the conditions' bits, and the identity
 *       headers, each as u16 index, u16 size, bytes; or
 *   u16 ZONE_REFUSED, and why a token is no good.
 * It is kept for `ttl` seconds and never past the session's or token's own
 * end; a session for one second at most while this worker does not hear which
 * ones end (valkey_listen.c), a bad token for two. One mutex is held for a
 * look-up and a copy. cache.h says how a fill that comes too late is kept
 * out. */

#include "gateway/ngx_http_azimuth_module.h"

#include "oauth/cookie.h"

#include <assert.h>

#define ZONE_DEAF_TTL_S  1
#define ZONE_REFUSED_S   2
#define ZONE_HEADER_SIZE (2 * sizeof(uint16_t))

enum { ZONE_SEEN, ZONE_REFUSED };

/* Values pass through here; a worker does one thing at a time. */
static u_char zone_value[CACHE_VALUE_SIZE_MAX];

static struct cache *
zone_cache(ngx_http_azimuth_main_conf_t *mcf)
{
    return mcf->zone == NULL ? NULL : mcf->zone->data;
}

static ngx_int_t
zone_created(ngx_shm_zone_t *zone, void *old_data)
{
    ngx_slab_pool_t *pool = (void *)zone->shm.addr;
    size_t size;
    void *memory;

    if (old_data != NULL) {
        /* nginx saw to it that size and module are the same. */
        zone->data = old_data;
        return NGX_OK;
    }
    size = (pool->pfree - 1) * ngx_pagesize;
    memory = ngx_slab_alloc(pool, size);
    if (memory == NULL) {
        return NGX_ERROR;
    }
    zone->data = cache_format(memory, size);
    return zone->data != NULL ? NGX_OK : NGX_ERROR;
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

static ngx_shmtx_t *
zone_mutex(ngx_http_azimuth_main_conf_t *mcf)
{
    return &((ngx_slab_pool_t *)(void *)mcf->zone->shm.addr)->mutex;
}

ngx_int_t
ngx_http_azimuth_zone_key(ngx_http_azimuth_ctx_t *ctx,
                          ngx_http_azimuth_main_conf_t *mcf)
{
    struct span parts[3];
    size_t count = 2;

    if (zone_cache(mcf) == NULL) {
        return NGX_DECLINED;
    }
    if (ctx->token.size > 0) {
        parts[1] = span_of("bearer");
        parts[2] = ctx->token;
        count = 3; /* never the key of a cookie: the parts have lengths */
    } else if (cookie_find(ctx->cookies, ctx->cookie_count,
                           ngx_http_azimuth_span(mcf->cookie_name),
                           &parts[1]) != COOKIE_FOUND) {
        return NGX_DECLINED;
    }
    parts[0].data = (const char *)ctx->provider->digest;
    parts[0].size = AZIMUTH_DIGEST_SIZE;
    if (ngx_http_azimuth_digest(mcf, parts, count, ctx->cache_key) != NGX_OK) {
        return NGX_DECLINED;
    }
    ctx->has_cache_key = 1;
    return NGX_OK;
}

/* The bytes of bits that are kept: as many as there are conditions. The key
 * depends on them, so that a reader has as many as the writer. */
static size_t
zone_bits_size(ngx_http_azimuth_main_conf_t *mcf)
{
    return mcf->conditions == NULL
               ? 0
               : (mcf->conditions->count + 63) / 64 * sizeof(uint64_t);
}

/* What is in front of the headers. NGX_DECLINED: the entry speaks against the
 * request, which ctx->memory then tells the flow; it finds the words. */
static ngx_int_t
zone_remember(ngx_http_azimuth_ctx_t *ctx, ngx_http_azimuth_main_conf_t *mcf,
              const u_char *value, size_t size)
{
    struct span why = { (const char *)value + sizeof(uint16_t),
                        size - sizeof(uint16_t) };
    ngx_http_request_t *r = ctx->request;
    ngx_str_t text;
    uint16_t kind;

    assert(size >= sizeof(kind));
    ngx_memcpy(&kind, value, sizeof(kind));
    if (kind == ZONE_REFUSED) {
        if (ngx_http_azimuth_copy(r->pool, why, &text) == NGX_OK) {
            ctx->memory.is_refused = 1;
            ctx->memory.text = ngx_http_azimuth_span(text);
            ctx->has_memory = 1;
        }
        return NGX_DECLINED;
    }
    assert(size >= sizeof(kind) + zone_bits_size(mcf));
    ngx_memcpy(ctx->bits.words, value + sizeof(kind), zone_bits_size(mcf));
    if (require_broken(ctx->rules,
                       require_method(ngx_http_azimuth_span(r->method_name)),
                       &ctx->bits) != NULL) {
        ctx->memory.bits = ctx->bits;
        ctx->has_memory = 1;
        return NGX_DECLINED;
    }
    return NGX_OK;
}

ngx_int_t
ngx_http_azimuth_zone_get(ngx_http_azimuth_ctx_t *ctx,
                          ngx_http_azimuth_main_conf_t *mcf)
{
    struct cache_window window;
    uint16_t head[2];
    ngx_str_t value;
    u_char *p, *end;
    size_t size;
    bool is_found;

    if (!ctx->has_cache_key) {
        return NGX_DECLINED;
    }
    window.now_s = ngx_time();
    window.latest_s = window.now_s + mcf->zone_ttl;
    ngx_shmtx_lock(zone_mutex(mcf));
    cache_take_mark(zone_cache(mcf), &ctx->cache_mark);
    is_found =
        cache_get(zone_cache(mcf), ctx->cache_key, &window, zone_value, &size);
    ngx_shmtx_unlock(zone_mutex(mcf));
    if (!is_found || zone_remember(ctx, mcf, zone_value, size) != NGX_OK) {
        return NGX_DECLINED;
    }
    p = ngx_pnalloc(ctx->request->pool, size + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }
    ngx_memcpy(p, zone_value, size);
    end = p + size;
    p += sizeof(uint16_t) + zone_bits_size(mcf);
    for (; p < end; p += value.len) {
        assert((size_t)(end - p) >= ZONE_HEADER_SIZE);
        ngx_memcpy(head, p, ZONE_HEADER_SIZE);
        p += ZONE_HEADER_SIZE;
        value.data = p;
        value.len = head[1];
        assert((size_t)(end - p) >= value.len);
        if (ngx_http_azimuth_identity_give(ctx, mcf, head[0], value) !=
            NGX_OK) {
            return NGX_ERROR;
        }
    }
    return NGX_OK;
}

/* Writes bits and headers of `allow` to zone_value. NGX_DECLINED: too large. */
static ngx_int_t
zone_write(ngx_http_azimuth_main_conf_t *mcf, const struct flow_allow *allow,
           size_t *ret_size)
{
    uint16_t head[2] = { ZONE_SEEN, 0 };
    ngx_int_t index;
    size_t size = sizeof(head[0]), i;

    ngx_memcpy(zone_value, head, sizeof(head[0]));
    ngx_memcpy(zone_value + size, allow->bits.words, zone_bits_size(mcf));
    size += zone_bits_size(mcf);
    for (i = 0; i < allow->header_count; i++) {
        index = ngx_http_azimuth_identity_index(mcf, allow->headers[i].name);
        if (index == NGX_ERROR ||
            allow->headers[i].value.size + ZONE_HEADER_SIZE >
                sizeof(zone_value) - size) {
            return NGX_DECLINED;
        }
        head[0] = (uint16_t)index;
        head[1] = (uint16_t)allow->headers[i].value.size;
        ngx_memcpy(zone_value + size, head, ZONE_HEADER_SIZE);
        size += ZONE_HEADER_SIZE;
        ngx_memcpy(zone_value + size, allow->headers[i].value.data, head[1]);
        size += head[1];
    }
    *ret_size = size;
    return NGX_OK;
}

void
ngx_http_azimuth_zone_put(ngx_http_azimuth_ctx_t *ctx,
                          ngx_http_azimuth_main_conf_t *mcf,
                          const struct flow_allow *allow,
                          const struct flow_actions *actions)
{
    struct cache_entry entry;
    time_t ttl = mcf->zone_ttl;

    if (!ctx->has_cache_key || zone_cache(mcf) == NULL ||
        zone_write(mcf, allow, &entry.size) != NGX_OK) {
        return;
    }
    /* No news comes of tokens. */
    if (ctx->token.size == 0 && !ngx_http_azimuth_valkey_hears(mcf)) {
        ttl = ngx_min(ttl, ZONE_DEAF_TTL_S);
    }
    entry.key = ctx->cache_key;
    entry.tag = ngx_http_azimuth_zone_tag(mcf, actions->store_key);
    entry.expires_s = ngx_min(ngx_time() + ttl, actions->session->expires_s);
    if (actions->fresh_until_s > 0) {
        entry.expires_s = ngx_min(entry.expires_s, actions->fresh_until_s);
    }
    entry.value = zone_value;
    entry.is_minor = false;
    ngx_shmtx_lock(zone_mutex(mcf));
    (void)cache_put(zone_cache(mcf), &entry, &ctx->cache_mark);
    ngx_shmtx_unlock(zone_mutex(mcf));
}

void
ngx_http_azimuth_zone_put_refusal(ngx_http_azimuth_ctx_t *ctx,
                                  ngx_http_azimuth_main_conf_t *mcf,
                                  const struct error *why)
{
    static const uint16_t kind = ZONE_REFUSED;
    struct cache_entry entry;
    size_t size = ngx_strlen(why->text);

    if (!ctx->has_cache_key || zone_cache(mcf) == NULL ||
        ctx->token.size == 0) {
        return;
    }
    ngx_memcpy(zone_value, &kind, sizeof(kind));
    ngx_memcpy(zone_value + sizeof(kind), why->text, size);
    entry.key = ctx->cache_key;
    entry.tag = 0;
    entry.expires_s = ngx_time() + ngx_min(mcf->zone_ttl, ZONE_REFUSED_S);
    entry.value = zone_value;
    entry.size = sizeof(kind) + size;
    entry.is_minor = true;
    ngx_shmtx_lock(zone_mutex(mcf));
    (void)cache_put(zone_cache(mcf), &entry, &ctx->cache_mark);
    ngx_shmtx_unlock(zone_mutex(mcf));
}

uint64_t
ngx_http_azimuth_zone_tag(ngx_http_azimuth_main_conf_t *mcf,
                          struct span store_key)
{
    u_char digest[AZIMUTH_DIGEST_SIZE];
    uint64_t tag;

    if (store_key.size == 0 ||
        ngx_http_azimuth_digest(mcf, &store_key, 1, digest) != NGX_OK) {
        return 0;
    }
    ngx_memcpy(&tag, digest, sizeof(tag));
    return tag;
}

void
ngx_http_azimuth_zone_forget(ngx_http_azimuth_main_conf_t *mcf, uint64_t tag)
{
    if (zone_cache(mcf) == NULL || tag == 0) {
        return;
    }
    ngx_shmtx_lock(zone_mutex(mcf));
    cache_forget(zone_cache(mcf), tag);
    ngx_shmtx_unlock(zone_mutex(mcf));
}

void
ngx_http_azimuth_zone_renew(ngx_http_azimuth_main_conf_t *mcf)
{
    if (zone_cache(mcf) == NULL) {
        return;
    }
    ngx_shmtx_lock(zone_mutex(mcf));
    cache_renew(zone_cache(mcf));
    ngx_shmtx_unlock(zone_mutex(mcf));
}
