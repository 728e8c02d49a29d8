/* SPDX-License-Identifier: Apache-2.0 */
/* azimuth_rate_limit: how often one user, or one address, may ask. Per address
 * it stands before the login, per user behind it. A key's state is one time,
 * up to which it has used its rate (the generic cell rate algorithm, ITU-T
 * I.371): nothing runs in the background, and a time that has passed is as
 * good as no entry. Fixed slots in sets of eight under one mutex; in a full set
 * the slot that is nearest to forgotten goes. An IPv6 client is its /64. */

#include "gateway/ngx_http_azimuth_conf.h"
#include "gateway/ngx_http_azimuth_edge.h"

#include <assert.h>

#define RATE_MAGIC         0x617a726c30303031ULL /* layout, version 1 */
#define RATE_WAY_COUNT     8
#define RATE_KEY_SIZE      24
#define RATE_ZONE_SIZE_MIN ((ssize_t)32 << 10)
#define RATE_BURST_MAX     1000000
#define RATE_PER_S_MAX     100000
#define RATE_RULE_MAX      8

typedef struct {
    u_char key[RATE_KEY_SIZE];
    uint64_t used_us; /* 0: free */
} rate_slot_t;

typedef struct {
    uint64_t magic;
    uint64_t set_count;
    rate_slot_t *slots;
} rate_table_t;

static ngx_int_t
rate_created(ngx_shm_zone_t *zone, void *old_data)
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

/* ---- the limit ----------------------------------------------------------- */

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

static ngx_int_t
rate_key_user(ngx_http_azimuth_ctx_t *ctx, ngx_http_azimuth_main_conf_t *mcf,
              u_char *ret_key)
{
    u_char digest[AZIMUTH_DIGEST_SIZE];
    struct span parts[2];

    parts[0].data = (const char *)ctx->provider->digest;
    parts[0].size = AZIMUTH_DIGEST_SIZE;
    parts[1] = ngx_http_azimuth_span(ctx->edge.subject);
    if (ngx_http_azimuth_digest(mcf, parts, 2, digest) != NGX_OK) {
        return NGX_ERROR;
    }
    ret_key[0] = 'u';
    ngx_memcpy(&ret_key[1], digest, RATE_KEY_SIZE - 1);
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

/* ---- configuration ------------------------------------------------------- */

/* NAME:SIZE makes a zone, NAME uses one made above. */
static char *
rate_conf_zone(ngx_conf_t *cf, ngx_str_t *text, ngx_http_azimuth_rate_t *rate)
{
    u_char *colon = ngx_strlchr(text->data, text->data + text->len, ':');
    ngx_str_t name = *text, size_text;
    ssize_t size = 0;

    if (colon != NULL) {
        name.len = (size_t)(colon - text->data);
        size_text.data = colon + 1;
        size_text.len = text->len - name.len - 1;
        size = ngx_parse_size(&size_text);
        if (size < RATE_ZONE_SIZE_MIN) {
            return ngx_http_azimuth_conf_error(
                cf, "azimuth_rate_limit needs a zone of 32k or more", text);
        }
    }
    if (name.len == 0) {
        return ngx_http_azimuth_conf_error(cf, "the zone has no name", text);
    }
    rate->zone = ngx_shared_memory_add(cf, &name, (size_t)size,
                                       &ngx_http_azimuth_module);
    if (rate->zone == NULL) {
        return NGX_CONF_ERROR; /* another size, or another module's zone */
    }
    if (rate->zone->init != NULL && rate->zone->init != rate_created) {
        return ngx_http_azimuth_conf_error(cf, "the zone is no rate zone",
                                           text);
    }
    if (rate->zone->shm.size == 0) {
        return ngx_http_azimuth_conf_error(
            cf, "zone=NAME:SIZE has to come before zone=NAME", text);
    }
    rate->zone->init = rate_created;
    return NGX_CONF_OK;
}

/* Nr/s or Nr/m */
static char *
rate_conf_rate(ngx_conf_t *cf, ngx_str_t *text, ngx_http_azimuth_rate_t *rate)
{
    ngx_int_t number = NGX_ERROR;
    uint64_t unit_us = 1000000;

    if (text->len > 3) {
        number = ngx_atoi(text->data, text->len - 3);
        if (ngx_strncmp(text->data + text->len - 3, "r/m", 3) == 0) {
            unit_us = 60000000;
        } else if (ngx_strncmp(text->data + text->len - 3, "r/s", 3) != 0) {
            number = NGX_ERROR;
        }
    }
    if (number < 1 || number > RATE_PER_S_MAX) {
        return ngx_http_azimuth_conf_error(cf, "not a rate like 10r/s or 30r/m",
                                           text);
    }
    rate->interval_us = unit_us / (uint64_t)number;
    return NGX_CONF_OK;
}

static char *
rate_conf_option(ngx_conf_t *cf, ngx_str_t *argument,
                 ngx_http_azimuth_rate_t *rate, ngx_int_t *burst)
{
    ngx_str_t value;

    if (ngx_http_azimuth_conf_option(argument, "zone=", &value)) {
        return rate_conf_zone(cf, &value, rate);
    }
    if (ngx_http_azimuth_conf_option(argument, "rate=", &value)) {
        return rate_conf_rate(cf, &value, rate);
    }
    if (ngx_http_azimuth_conf_option(argument, "burst=", &value)) {
        *burst = ngx_atoi(value.data, value.len);
        return *burst == NGX_ERROR || *burst > RATE_BURST_MAX
                   ? ngx_http_azimuth_conf_error(cf, "no number for burst",
                                                 argument)
                   : NGX_CONF_OK;
    }
    if (ngx_http_azimuth_conf_option(argument, "key=", &value)) {
        rate->key = AZIMUTH_RATE_ADDRESS;
        if (ngx_strcmp(value.data, "user") == 0) {
            rate->key = AZIMUTH_RATE_USER;
        } else if (ngx_strcmp(value.data, "address") != 0) {
            return ngx_http_azimuth_conf_error(
                cf, "a limit is by key=user or key=address", argument);
        }
        return NGX_CONF_OK;
    }
    return ngx_http_azimuth_conf_error(
        cf, "unknown option of azimuth_rate_limit", argument);
}

char *
ngx_http_azimuth_conf_rate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_azimuth_loc_conf_t *lcf = conf;
    ngx_str_t *value = cf->args->elts;
    ngx_http_azimuth_rate_t rate, *kept;
    ngx_int_t burst = 0;
    ngx_uint_t i;

    (void)cmd;
    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        if (lcf->edge.rates != NGX_CONF_UNSET_PTR) {
            return "is duplicate";
        }
        lcf->edge.rates = NULL;
        return NGX_CONF_OK;
    }
    ngx_memzero(&rate, sizeof(rate));
    rate.key = AZIMUTH_RATE_ADDRESS;
    for (i = 1; i < cf->args->nelts; i++) {
        if (rate_conf_option(cf, &value[i], &rate, &burst) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }
    if (rate.zone == NULL || rate.interval_us == 0) {
        return "needs zone= and rate=";
    }
    rate.burst_us = rate.interval_us * (uint64_t)burst;
    if (lcf->edge.rates == NULL) {
        return "is off already";
    }
    if (lcf->edge.rates == NGX_CONF_UNSET_PTR) {
        lcf->edge.rates = ngx_array_create(cf->pool, 2, sizeof(rate));
        if (lcf->edge.rates == NULL) {
            return NGX_CONF_ERROR;
        }
    }
    if (lcf->edge.rates->nelts == RATE_RULE_MAX) {
        return "is given too often";
    }
    kept = ngx_array_push(lcf->edge.rates);
    if (kept == NULL) {
        return NGX_CONF_ERROR;
    }
    *kept = rate;
    return NGX_CONF_OK;
}
