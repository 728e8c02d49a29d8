/* SPDX-License-Identifier: Apache-2.0 */
/* azimuth_rate_limit: how often one user, or one address, may ask. Per address
 * it stands before the login, per user behind it. A key's state is one time,
 * up to which it has used its rate (the generic cell rate algorithm, ITU-T
 * I.371): nothing runs in the background, and a time that has passed is as
 * good as no entry. Fixed slots in sets of eight under one mutex; in a full set
 * the slot that is nearest to forgotten goes. An IPv6 client is its /64. */

#include "gateway/ngx_http_azimuth_edge.h"

#include <assert.h>

#define RATE_MAGIC         0x617a726c30303031ULL /* layout, version 1 */
#define RATE_WAY_COUNT     8
#define RATE_KEY_SIZE      48
#define RATE_PROVIDER_SIZE 10 /* bytes of its digest */
#define RATE_SUBJECT_SIZE  (RATE_KEY_SIZE - 2 - RATE_PROVIDER_SIZE)

typedef struct {
    u_char key[RATE_KEY_SIZE];
    uint64_t used_us; /* 0: free */
} rate_slot_t;

typedef struct {
    uint64_t magic;
    uint64_t set_count;
    rate_slot_t *slots;
} rate_table_t;

static_assert(RATE_SUBJECT_SIZE >= AZIMUTH_DIGEST_SIZE, "a hash has room");

ngx_int_t
ngx_http_azimuth_rate_created(ngx_shm_zone_t *zone, void *old_data)
{
    ngx_slab_pool_t *pool = (void *)zone->shm.addr;
    rate_table_t *table = old_data;
    size_t size;

    if (table == NULL && zone->shm.exists) {
        table = pool->data;
    }
    if (table != NULL && table->magic == RATE_MAGIC) {
        zone->data = table; /* a reload forgives nothing */
        return NGX_OK;
    }
    table = ngx_slab_calloc(pool, sizeof(*table));
    if (table == NULL) {
        return NGX_ERROR;
    }
    size = (pool->pfree - 1) * ngx_pagesize;
    table->set_count = size / (RATE_WAY_COUNT * sizeof(rate_slot_t));
    table->slots =
        table->set_count == 0
            ? NULL
            : ngx_slab_calloc(pool, table->set_count * RATE_WAY_COUNT *
                                        sizeof(rate_slot_t));
    if (table->slots == NULL) {
        return NGX_ERROR;
    }
    table->magic = RATE_MAGIC;
    pool->data = table;
    zone->data = table;
    return NGX_OK;
}

static rate_slot_t *
rate_slot(rate_table_t *table, const u_char *key)
{
    rate_slot_t *set, *oldest;
    ngx_uint_t i;

    set = &table->slots[(ngx_murmur_hash2((u_char *)key, RATE_KEY_SIZE) %
                         table->set_count) *
                        RATE_WAY_COUNT];
    oldest = &set[0];
    for (i = 0; i < RATE_WAY_COUNT; i++) {
        if (set[i].used_us != 0 &&
            ngx_memcmp(set[i].key, key, RATE_KEY_SIZE) == 0) {
            return &set[i];
        }
        if (set[i].used_us < oldest->used_us) {
            oldest = &set[i];
        }
    }
    ngx_memcpy(oldest->key, key, RATE_KEY_SIZE);
    oldest->used_us = 0;
    return oldest;
}

/* Takes one from the key's allowance. Returns 0, or the microseconds until
 * there is one again. */
static uint64_t
rate_take(const ngx_http_azimuth_rate_t *rate, const u_char *key)
{
    ngx_slab_pool_t *pool = (void *)rate->zone->shm.addr;
    uint64_t now_us = (uint64_t)ngx_current_msec * 1000 + 1;
    uint64_t wait_us = 0, from_us;
    rate_slot_t *slot;

    ngx_shmtx_lock(&pool->mutex);
    slot = rate_slot(rate->zone->data, key);
    from_us = ngx_max(slot->used_us, now_us);
    if (from_us - now_us > rate->burst_us) {
        wait_us = from_us - now_us - rate->burst_us;
    } else {
        slot->used_us = from_us + rate->interval_us;
    }
    ngx_shmtx_unlock(&pool->mutex);
    return wait_us;
}

/* Who is charged: the rule's kind first, so that a zone can serve both. */
static void
rate_key_address(ngx_http_request_t *r, u_char *ret_key)
{
    struct sockaddr_in *in;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6 *in6;
#endif

    ngx_memzero(ret_key, RATE_KEY_SIZE);
    ret_key[0] = 'a';
    switch (r->connection->sockaddr->sa_family) {
#if (NGX_HAVE_INET6)
    case AF_INET6:
        in6 = (void *)r->connection->sockaddr;
        if (!IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
            ret_key[1] = 6;
            ngx_memcpy(&ret_key[2], &in6->sin6_addr, 8);
            return;
        }
        ret_key[1] = 4;
        ngx_memcpy(&ret_key[2], &in6->sin6_addr.s6_addr[12], 4);
        return;
#endif
    case AF_INET:
        in = (void *)r->connection->sockaddr;
        ret_key[1] = 4;
        ngx_memcpy(&ret_key[2], &in->sin_addr.s_addr, 4);
        return;
    default: /* a Unix socket: all of them are one */
        return;
    }
}

/* A subject of usual length stands there as it is, since a hash would be the
 * dearest part of a request; a longer one by its hash. */
static ngx_int_t
rate_key_user(ngx_http_azimuth_ctx_t *ctx, ngx_http_azimuth_main_conf_t *mcf,
              u_char *ret_key)
{
    const ngx_str_t *subject = &ctx->edge.subject;
    u_char digest[AZIMUTH_DIGEST_SIZE];
    struct span part = ngx_http_azimuth_span(*subject);

    ngx_memzero(ret_key, RATE_KEY_SIZE);
    ret_key[0] = 'u';
    ngx_memcpy(&ret_key[2], ctx->provider->digest, RATE_PROVIDER_SIZE);
    if (subject->len <= RATE_SUBJECT_SIZE) {
        ret_key[1] = (u_char)subject->len;
        ngx_memcpy(&ret_key[2 + RATE_PROVIDER_SIZE], subject->data,
                   subject->len);
        return NGX_OK;
    }
    if (ngx_http_azimuth_digest(mcf, &part, 1, digest) != NGX_OK) {
        return NGX_ERROR;
    }
    ret_key[1] = 0xff;
    ngx_memcpy(&ret_key[2 + RATE_PROVIDER_SIZE], digest, sizeof(digest));
    return NGX_OK;
}

static ngx_int_t
rate_refuse(ngx_http_request_t *r, ngx_http_azimuth_ctx_t *ctx, ngx_uint_t cell,
            uint64_t wait_us)
{
    ngx_http_azimuth_main_conf_t *mcf =
        ngx_http_get_module_main_conf(r, ngx_http_azimuth_module);
    ngx_http_azimuth_refusal_t refusal = {
        .status = NGX_HTTP_TOO_MANY_REQUESTS,
        .name = "rate_limited",
        .title = "Too many requests",
        .text = "This was asked too often. Please wait a moment.",
        .retry_after_s = (ngx_uint_t)((wait_us + 999999) / 1000000),
    };

    const ngx_http_azimuth_audit_t what = {
        .event = "denial",
        .outcome = refusal.name,
    };

    ngx_http_azimuth_count(mcf, cell);
    ngx_http_azimuth_audit(r, ctx, &what);
    ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                  "azimuth: too many requests of one %s",
                  cell == AZIMUTH_COUNT_LIMITED_USER ? "user" : "address");
    return ngx_http_azimuth_refuse(r, &refusal);
}

ngx_int_t
ngx_http_azimuth_rate_address(ngx_http_request_t *r,
                              ngx_http_azimuth_loc_conf_t *lcf)
{
    ngx_http_azimuth_rate_t *rates;
    u_char key[RATE_KEY_SIZE];
    uint64_t wait_us;
    ngx_uint_t i;

    /* An internal redirect was charged where it came from. */
    if (lcf->edge.rates == NULL || r->internal) {
        return NGX_DECLINED;
    }
    rates = lcf->edge.rates->elts;
    for (i = 0; i < lcf->edge.rates->nelts; i++) {
        if (rates[i].key != AZIMUTH_RATE_ADDRESS) {
            continue;
        }
        rate_key_address(r, key);
        wait_us = rate_take(&rates[i], key);
        if (wait_us > 0) {
            return rate_refuse(r, NULL, AZIMUTH_COUNT_LIMITED_ADDRESS, wait_us);
        }
    }
    return NGX_DECLINED;
}

ngx_int_t
ngx_http_azimuth_rate_user(ngx_http_azimuth_ctx_t *ctx,
                           ngx_http_azimuth_loc_conf_t *lcf)
{
    ngx_http_request_t *r = ctx->request;
    ngx_http_azimuth_main_conf_t *mcf;
    ngx_http_azimuth_rate_t *rates;
    u_char key[RATE_KEY_SIZE];
    uint64_t wait_us;
    ngx_uint_t i;

    if (lcf->edge.rates == NULL || ctx->edge.is_charged ||
        ctx->edge.subject.len == 0) {
        return NGX_DECLINED;
    }
    ctx->edge.is_charged = 1;
    mcf = ngx_http_get_module_main_conf(r, ngx_http_azimuth_module);
    rates = lcf->edge.rates->elts;
    for (i = 0; i < lcf->edge.rates->nelts; i++) {
        if (rates[i].key != AZIMUTH_RATE_USER) {
            continue;
        }
        if (rate_key_user(ctx, mcf, key) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
        wait_us = rate_take(&rates[i], key);
        if (wait_us > 0) {
            return rate_refuse(r, ctx, AZIMUTH_COUNT_LIMITED_USER, wait_us);
        }
    }
    return NGX_DECLINED;
}
