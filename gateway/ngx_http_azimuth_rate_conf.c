/* SPDX-License-Identifier: Apache-2.0 */
/* azimuth_rate_limit as it is written: zone=NAME[:SIZE] rate= burst= key=. */

#include "gateway/ngx_http_azimuth_conf.h"
#include "gateway/ngx_http_azimuth_edge.h"

#define RATE_ZONE_SIZE_MIN ((ssize_t)32 << 10)
#define RATE_BURST_MAX     1000000
#define RATE_PER_S_MAX     100000
#define RATE_RULE_MAX      8
#define RATE_TICK_US       1000 /* the worker's clock is no finer */

/* NAME:SIZE makes a zone, NAME uses one made above. */
static char *
rate_conf_zone(ngx_conf_t *cf, ngx_str_t *text, ngx_http_azimuth_rate_t *rate)
{
    static const ngx_str_t ours = ngx_string("azimuth_");
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
    if (name.len >= ours.len &&
        ngx_strncmp(name.data, ours.data, ours.len) == 0) {
        /* Sessions and counters are set up later, over whatever is there. */
        return ngx_http_azimuth_conf_error(
            cf, "names of zones that begin with \"azimuth_\" are taken", text);
    }
    rate->zone = ngx_shared_memory_add(cf, &name, (size_t)size,
                                       &ngx_http_azimuth_module);
    if (rate->zone == NULL) {
        return NGX_CONF_ERROR; /* another size, or another module's zone */
    }
    if (rate->zone->init != NULL &&
        rate->zone->init != ngx_http_azimuth_rate_created) {
        return ngx_http_azimuth_conf_error(cf, "the zone is no rate zone",
                                           text);
    }
    if (rate->zone->shm.size == 0) {
        return ngx_http_azimuth_conf_error(
            cf, "zone=NAME:SIZE has to come before zone=NAME", text);
    }
    rate->zone->init = ngx_http_azimuth_rate_created;
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
    if (rate.interval_us < RATE_TICK_US) {
        /* All that one tick of the clock may have comes at its one time. */
        rate.burst_us = ngx_max(rate.burst_us, RATE_TICK_US - 1);
    }
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
