/* SPDX-License-Identifier: Apache-2.0 */
/* Directives of the http level and of locations. Everything wrong is said
 * here, with file and line, so that `nginx -t` finds it; what only shows when
 * all is read (a provider without a store) is said with the place that was
 * kept. Secrets come from files that nobody else can read. */

#include "gateway/ngx_http_azimuth_conf.h"
#include "gateway/ngx_http_azimuth_edge.h"

#include <assert.h>

#define CONF_ZONE_SIZE_MIN ((ssize_t)64 << 10)

char *
ngx_http_azimuth_conf_error(ngx_conf_t *cf, const char *text, ngx_str_t *value)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%s: \"%V\"", text, value);
    return NGX_CONF_ERROR;
}

void
ngx_http_azimuth_conf_place(ngx_conf_t *cf, ngx_http_azimuth_place_t *place)
{
    place->file = cf->conf_file->file.name;
    place->line = cf->conf_file->line;
}

int
ngx_http_azimuth_conf_option(ngx_str_t *argument, const char *name,
                             ngx_str_t *ret_value)
{
    size_t size = ngx_strlen(name);

    if (argument->len <= size || ngx_strncmp(argument->data, name, size) != 0) {
        return 0;
    }
    ret_value->data = argument->data + size;
    ret_value->len = argument->len - size;
    return 1;
}

/* ---- http --------------------------------------------------------------- */

char *
ngx_http_azimuth_conf_secret_file(ngx_conf_t *cf, ngx_command_t *cmd,
                                  void *conf)
{
    ngx_http_azimuth_main_conf_t *mcf = conf;
    ngx_str_t *value = cf->args->elts;

    (void)cmd;
    if (mcf->ring != NULL) {
        return "is duplicate";
    }
    return ngx_http_azimuth_secret_ring(cf, &value[1], mcf) == NGX_OK
               ? NGX_CONF_OK
               : NGX_CONF_ERROR;
}

char *
ngx_http_azimuth_conf_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_azimuth_main_conf_t *mcf = conf;
    ngx_str_t *value = cf->args->elts;
    ngx_str_t option;
    ssize_t size;

    (void)cmd;
    if (mcf->is_zone_set) {
        return "is duplicate";
    }
    mcf->is_zone_set = 1;
    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        mcf->zone_off = 1;
        return NGX_CONF_OK;
    }
    size = ngx_parse_size(&value[1]);
    if (size == NGX_ERROR || size < CONF_ZONE_SIZE_MIN) {
        return ngx_http_azimuth_conf_error(
            cf, "azimuth_session_zone needs a size of 64k or more", &value[1]);
    }
    mcf->zone_size = (size_t)size;
    if (cf->args->nelts == 3) {
        if (!ngx_http_azimuth_conf_option(&value[2], "ttl=", &option)) {
            return ngx_http_azimuth_conf_error(
                cf, "unknown option of azimuth_session_zone", &value[2]);
        }
        mcf->zone_ttl = ngx_parse_time(&option, 1);
        if (mcf->zone_ttl < 1 || mcf->zone_ttl > 30) {
            return ngx_http_azimuth_conf_error(cf, "ttl must be 1s to 30s",
                                               &value[2]);
        }
    }
    return NGX_CONF_OK;
}

char *
ngx_http_azimuth_conf_lifetime(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_azimuth_main_conf_t *mcf = conf;
    ngx_str_t *value = cf->args->elts;
    ngx_str_t option;
    ngx_uint_t i;
    time_t *target;

    (void)cmd;
    if (mcf->is_lifetime_set) {
        return "is duplicate";
    }
    mcf->is_lifetime_set = 1;
    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_azimuth_conf_option(&value[i], "idle=", &option)) {
            target = &mcf->idle;
        } else if (ngx_http_azimuth_conf_option(&value[i],
                                                "absolute=", &option)) {
            target = &mcf->absolute;
        } else {
            return ngx_http_azimuth_conf_error(
                cf, "unknown option of azimuth_session_lifetime", &value[i]);
        }
        *target = ngx_parse_time(&option, 1);
        if (*target < 1) {
            return ngx_http_azimuth_conf_error(cf, "no time", &value[i]);
        }
    }
    return mcf->idle > mcf->absolute
               ? "has an idle lifetime above the absolute one"
               : NGX_CONF_OK;
}

static int
conf_percent(ngx_str_t *text, ngx_int_t *ret_percent)
{
    if (text->len < 2 || text->data[text->len - 1] != '%') {
        return 0;
    }
    *ret_percent = ngx_atoi(text->data, text->len - 1);
    return *ret_percent >= 10 && *ret_percent <= 100;
}

char *
ngx_http_azimuth_conf_refresh(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_azimuth_main_conf_t *mcf = conf;
    ngx_str_t *value = cf->args->elts;
    ngx_str_t option;

    (void)cmd;
    if (mcf->is_refresh_set) {
        return "is duplicate";
    }
    mcf->is_refresh_set = 1;
    if (ngx_strcmp(value[1].data, "off") == 0 && cf->args->nelts == 2) {
        mcf->refresh = FLOW_REFRESH_OFF;
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "azimuth_refresh: whoever is disabled at the "
                           "provider stays logged in here until the session "
                           "ends");
        return NGX_CONF_OK;
    }
    if (ngx_strcmp(value[1].data, "required") == 0) {
        mcf->refresh = FLOW_REFRESH_REQUIRED;
    } else if (ngx_strcmp(value[1].data, "on") != 0) {
        return ngx_http_azimuth_conf_error(
            cf, "azimuth_refresh is on, off or required", &value[1]);
    }
    if (cf->args->nelts == 3 &&
        (!ngx_http_azimuth_conf_option(&value[2], "at=", &option) ||
         !conf_percent(&option, &mcf->refresh_at))) {
        return ngx_http_azimuth_conf_error(
            cf, "azimuth_refresh takes at=10% to at=100%", &value[2]);
    }
    return NGX_CONF_OK;
}

char *
ngx_http_azimuth_conf_cookie(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_azimuth_main_conf_t *mcf = conf;
    ngx_str_t *value = cf->args->elts;
    ngx_str_t option;
    ngx_uint_t i;

    (void)cmd;
    if (mcf->is_cookie_set) {
        return "is duplicate";
    }
    mcf->is_cookie_set = 1;
    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_azimuth_conf_option(&value[i], "domain=", &option)) {
            mcf->cookie_domain = option;
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "azimuth_cookie: every host below \"%V\" gets "
                               "the session cookie",
                               &option);
        } else if (ngx_http_azimuth_conf_option(&value[i],
                                                "samesite=", &option) &&
                   ngx_strcmp(option.data, "lax") == 0) {
            mcf->cookie_same_site = FLOW_LAX;
        } else if (ngx_http_azimuth_conf_option(&value[i],
                                                "samesite=", &option) &&
                   ngx_strcmp(option.data, "strict") == 0) {
            mcf->cookie_same_site = FLOW_STRICT;
        } else if (ngx_http_azimuth_conf_option(&value[i],
                                                "samesite=", &option) &&
                   ngx_strcmp(option.data, "none") == 0) {
            mcf->cookie_same_site = FLOW_NONE;
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "azimuth_cookie: samesite=none sends the "
                               "session cookie with other sites' requests");
        } else {
            return ngx_http_azimuth_conf_error(
                cf, "unknown option of azimuth_cookie", &value[i]);
        }
    }
    return NGX_CONF_OK;
}

/* All azimuth_require are read. */
static ngx_int_t
conf_claim_names(ngx_conf_t *cf, ngx_http_azimuth_main_conf_t *mcf)
{
    struct bytes names;
    ngx_int_t rc;

    if (mcf->conditions == NULL) {
        return NGX_OK;
    }
    bytes_init(&names, REQUIRE_ATOM_COUNT_MAX * (REQUIRE_WORD_SIZE_MAX + 1));
    require_claim_names(mcf->conditions, &names);
    rc = bytes_failed(&names)
             ? NGX_ERROR
             : ngx_http_azimuth_copy(cf->pool, bytes_span(&names),
                                     &mcf->claim_names);
    bytes_release(&names);
    return rc;
}

/* Completes what the http block left open. */
ngx_int_t
ngx_http_azimuth_conf_finish(ngx_conf_t *cf, ngx_http_azimuth_main_conf_t *mcf)
{
    ngx_http_azimuth_provider_t **providers = mcf->providers.elts;
    static ngx_str_t request_id = ngx_string("request_id");
    const char *missing = NULL;
    ngx_uint_t i;

    ngx_str_set(&mcf->cookie_name, "__Host-azimuth");
    if (mcf->cookie_domain.len > 0) {
        ngx_str_set(&mcf->cookie_name, "__Secure-azimuth");
    }
    mcf->edge.id_index = ngx_http_get_variable_index(cf, &request_id);
    if (mcf->edge.id_index == NGX_ERROR ||
        ngx_http_azimuth_count_init(cf, mcf) != NGX_OK ||
        ngx_http_azimuth_identity_init(cf, mcf) != NGX_OK ||
        ngx_http_azimuth_digest_init(cf, mcf) != NGX_OK) {
        return NGX_ERROR;
    }
    if (mcf->providers.nelts == 0) {
        return NGX_OK;
    }
    if (mcf->ring == NULL) {
        missing = "azimuth_secret_file";
    } else if (mcf->valkey_conf.endpoints.nelts == 0) {
        missing = "azimuth_valkey";
    }
    if (missing != NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "azimuth_provider \"%V\" needs \"%s\" in the http block "
                      "in %V:%ui",
                      &providers[0]->name, missing, &providers[0]->place.file,
                      providers[0]->place.line);
        return NGX_ERROR;
    }
    if (conf_claim_names(cf, mcf) != NGX_OK) {
        return NGX_ERROR;
    }
    for (i = 0; i < mcf->providers.nelts; i++) {
        if (ngx_http_azimuth_provider_finish(cf, mcf, providers[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }
    /* A request answered from shared memory does not move the idle time on:
     * oauth/ does so once in a tenth of it. */
    mcf->zone_ttl = ngx_min(mcf->zone_ttl, mcf->idle / 10);
    if (mcf->zone_ttl == 0) {
        mcf->zone_off = 1;
    }
    return ngx_http_azimuth_zone_init(cf, mcf);
}
