/* SPDX-License-Identifier: Apache-2.0 */
/* ngx_http_azimuth_module: login in front of an upstream.
 * Commands, configuration and phases only. Phases: POST_READ takes forged
 * identity away from every request and lets none out of the gate, ACCESS
 * judges, a header filter does CORS.
 * Workers make their connections when first needed, but for the one that hears
 * of ended sessions, and close them here. */

#include "gateway/ngx_http_azimuth_module.h"
#include "gateway/ngx_http_azimuth_conf.h"
#include "gateway/ngx_http_azimuth_edge.h"

#define MODULE_EVERYWHERE                                                      \
    (NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF)

static ngx_int_t ngx_http_azimuth_init(ngx_conf_t *cf);
static void *ngx_http_azimuth_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_azimuth_init_main_conf(ngx_conf_t *cf, void *conf);
static ngx_int_t ngx_http_azimuth_init_process(ngx_cycle_t *cycle);
static void ngx_http_azimuth_exit_process(ngx_cycle_t *cycle);

static ngx_command_t ngx_http_azimuth_commands[] = {
    { ngx_string("azimuth_secret_file"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1,
      ngx_http_azimuth_conf_secret_file, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },
    { ngx_string("azimuth_identity_key_file"),
      NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1,
      ngx_http_azimuth_conf_identity_key_file, NGX_HTTP_MAIN_CONF_OFFSET, 0,
      NULL },
    { ngx_string("azimuth_map"), NGX_HTTP_MAIN_CONF | NGX_CONF_2MORE,
      ngx_http_azimuth_conf_map, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },
    { ngx_string("azimuth_valkey"), NGX_HTTP_MAIN_CONF | NGX_CONF_1MORE,
      ngx_http_azimuth_conf_valkey, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },
    { ngx_string("azimuth_session_zone"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE12,
      ngx_http_azimuth_conf_zone, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },
    { ngx_string("azimuth_session_lifetime"),
      NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE12, ngx_http_azimuth_conf_lifetime,
      NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },
    { ngx_string("azimuth_refresh"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE12,
      ngx_http_azimuth_conf_refresh, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },
    { ngx_string("azimuth_cookie"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE12,
      ngx_http_azimuth_conf_cookie, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },
    { ngx_string("azimuth_provider"),
      NGX_HTTP_MAIN_CONF | NGX_CONF_BLOCK | NGX_CONF_TAKE1,
      ngx_http_azimuth_conf_provider, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },
    { ngx_string("azimuth_auth"), MODULE_EVERYWHERE | NGX_CONF_TAKE1,
      ngx_http_azimuth_conf_auth, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },
    { ngx_string("azimuth_endpoint"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1,
      ngx_http_azimuth_conf_endpoint, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },
    { ngx_string("azimuth_cors_origin"), MODULE_EVERYWHERE | NGX_CONF_1MORE,
      ngx_http_azimuth_conf_cors, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },
    { ngx_string("azimuth_audit_log"), NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1,
      ngx_http_azimuth_conf_audit, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL },
    { ngx_string("azimuth_security_headers"),
      MODULE_EVERYWHERE | NGX_CONF_1MORE, ngx_http_azimuth_conf_security,
      NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },
    { ngx_string("azimuth_rate_limit"), MODULE_EVERYWHERE | NGX_CONF_1MORE,
      ngx_http_azimuth_conf_rate, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },
    { ngx_string("azimuth_metrics"),
      NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS | NGX_CONF_TAKE1,
      ngx_http_azimuth_conf_metrics, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },
    { ngx_string("azimuth_health"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1,
      ngx_http_azimuth_conf_health, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },
    { ngx_string("azimuth_root_redirect"), MODULE_EVERYWHERE | NGX_CONF_TAKE1,
      ngx_http_azimuth_conf_root_redirect, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },
    { ngx_string("azimuth_bearer"), MODULE_EVERYWHERE | NGX_CONF_TAKE1,
      ngx_http_azimuth_conf_bearer, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },
    { ngx_string("azimuth_api_auth"), MODULE_EVERYWHERE | NGX_CONF_TAKE12,
      ngx_http_azimuth_conf_api_auth, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },
    { ngx_string("azimuth_require"), MODULE_EVERYWHERE | NGX_CONF_1MORE,
      ngx_http_azimuth_conf_require, NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },
    ngx_null_command,
};

static ngx_http_module_t ngx_http_azimuth_module_ctx = {
    ngx_http_azimuth_variable_init,    /* preconfiguration */
    ngx_http_azimuth_init,             /* postconfiguration */
    ngx_http_azimuth_create_main_conf, /* create main configuration */
    ngx_http_azimuth_init_main_conf,   /* init main configuration */
    NULL,                              /* create server configuration */
    NULL,                              /* merge server configuration */
    ngx_http_azimuth_create_loc_conf,  /* create location configuration */
    ngx_http_azimuth_merge_loc_conf,   /* merge location configuration */
};

ngx_module_t ngx_http_azimuth_module = {
    NGX_MODULE_V1,
    &ngx_http_azimuth_module_ctx,  /* module context */
    ngx_http_azimuth_commands,     /* module directives */
    NGX_HTTP_MODULE,               /* module type */
    NULL,                          /* init master */
    NULL,                          /* init module */
    ngx_http_azimuth_init_process, /* init process */
    NULL,                          /* init thread */
    NULL,                          /* exit thread */
    ngx_http_azimuth_exit_process, /* exit process */
    NULL,                          /* exit master */
    NGX_MODULE_V1_PADDING,
};

static void *
ngx_http_azimuth_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_azimuth_main_conf_t *mcf = ngx_pcalloc(cf->pool, sizeof(*mcf));

    if (mcf == NULL ||
        ngx_array_init(&mcf->providers, cf->pool, 2,
                       sizeof(ngx_http_azimuth_provider_t *)) != NGX_OK ||
        ngx_array_init(&mcf->valkey_conf.endpoints, cf->pool, 1,
                       sizeof(ngx_http_azimuth_endpoint_t)) != NGX_OK) {
        return NULL;
    }
    mcf->valkey_conf.timeout = 1000;
    mcf->zone_size = (size_t)4 << 20;
    mcf->zone_ttl = 15;
    mcf->idle = 3600;
    mcf->absolute = 36000;
    mcf->refresh = FLOW_REFRESH_ON;
    mcf->refresh_at = 80;
    mcf->cookie_same_site = FLOW_LAX;
    return mcf;
}

static char *
ngx_http_azimuth_init_main_conf(ngx_conf_t *cf, void *conf)
{
    return ngx_http_azimuth_conf_finish(cf, conf) == NGX_OK ? NGX_CONF_OK
                                                            : NGX_CONF_ERROR;
}

static ngx_int_t
ngx_http_azimuth_add_handler(ngx_http_core_main_conf_t *cmcf, ngx_uint_t phase,
                             ngx_http_handler_pt handler)
{
    ngx_http_handler_pt *slot = ngx_array_push(&cmcf->phases[phase].handlers);

    if (slot == NULL) {
        return NGX_ERROR;
    }
    *slot = handler;
    return NGX_OK;
}

/* In front of those that write, whichever module was first. */
static ngx_int_t
ngx_http_azimuth_add_logger(ngx_http_core_main_conf_t *cmcf)
{
    ngx_array_t *handlers = &cmcf->phases[NGX_HTTP_LOG_PHASE].handlers;
    ngx_http_handler_pt *first;

    if (ngx_array_push(handlers) == NULL) {
        return NGX_ERROR;
    }
    first = handlers->elts;
    ngx_memmove(first + 1, first, (handlers->nelts - 1) * sizeof(*first));
    *first = ngx_http_azimuth_identity_log_handler;
    return NGX_OK;
}

static ngx_int_t
ngx_http_azimuth_init(ngx_conf_t *cf)
{
    ngx_http_core_main_conf_t *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    if (ngx_http_azimuth_add_handler(cmcf, NGX_HTTP_POST_READ_PHASE,
                                     ngx_http_azimuth_identity_handler) !=
            NGX_OK ||
        ngx_http_azimuth_add_handler(cmcf, NGX_HTTP_POST_READ_PHASE,
                                     ngx_http_azimuth_edge_gate_handler) !=
            NGX_OK ||
        ngx_http_azimuth_add_handler(cmcf, NGX_HTTP_ACCESS_PHASE,
                                     ngx_http_azimuth_access_handler) !=
            NGX_OK ||
        ngx_http_azimuth_add_logger(cmcf) != NGX_OK) {
        return NGX_ERROR;
    }
    return ngx_http_azimuth_security_init(cf) == NGX_OK
               ? ngx_http_azimuth_cors_init(cf)
               : NGX_ERROR;
}

static ngx_http_azimuth_main_conf_t *
ngx_http_azimuth_conf_of(ngx_cycle_t *cycle)
{
    if (cycle->conf_ctx[ngx_http_module.index] == NULL) {
        return NULL; /* no http block */
    }
    return ngx_http_cycle_get_module_main_conf(cycle, ngx_http_azimuth_module);
}

static ngx_int_t
ngx_http_azimuth_init_process(ngx_cycle_t *cycle)
{
    ngx_http_azimuth_main_conf_t *mcf = ngx_http_azimuth_conf_of(cycle);

    /* nginx's cache manager comes by here, too. */
    if (mcf == NULL || mcf->providers.nelts == 0 ||
        (ngx_process != NGX_PROCESS_WORKER &&
         ngx_process != NGX_PROCESS_SINGLE)) {
        return NGX_OK;
    }
    ngx_http_azimuth_valkey_start(mcf);
    return ngx_process == NGX_PROCESS_WORKER
               ? ngx_http_azimuth_documents_open(mcf)
               : NGX_OK;
}

/* Else the worker's last words are "open socket left in connection". */
static void
ngx_http_azimuth_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_azimuth_main_conf_t *mcf = ngx_http_azimuth_conf_of(cycle);

    if (mcf == NULL) {
        return;
    }
    ngx_http_azimuth_health_close(mcf->edge.health);
    mcf->edge.health = NULL;
    ngx_http_azimuth_refresh_close(mcf->refreshes);
    mcf->refreshes = NULL;
    ngx_http_azimuth_documents_close(mcf->documents);
    mcf->documents = NULL;
    ngx_http_azimuth_fetch_close(mcf->fetch);
    mcf->fetch = NULL;
    ngx_http_azimuth_valkey_close(mcf->valkey);
    mcf->valkey = NULL;
}
