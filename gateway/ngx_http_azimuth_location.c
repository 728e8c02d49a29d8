/* SPDX-License-Identifier: Apache-2.0 */
/* Directives of servers and locations: who may pass, the endpoints, CORS, the
 * root redirect. A provider has to stand above its first use, so that a wrong
 * name is found at the line where it is written. */

#include "gateway/ngx_http_azimuth_conf.h"
#include "gateway/ngx_http_azimuth_edge.h"

char *
ngx_http_azimuth_conf_auth(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_azimuth_loc_conf_t *lcf = conf;
    ngx_http_azimuth_main_conf_t *mcf;
    ngx_str_t *value = cf->args->elts;

    (void)cmd;
    if (lcf->provider != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }
    if (ngx_strcmp(value[1].data, "off") == 0) {
        lcf->provider = NULL;
        return NGX_CONF_OK;
    }
    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_azimuth_module);
    lcf->provider = ngx_http_azimuth_provider_find(mcf, &value[1]);
    if (lcf->provider == NULL) {
        return ngx_http_azimuth_conf_error(
            cf, "no azimuth_provider of this name above", &value[1]);
    }
    if (lcf->provider->auth_place.line == 0) {
        ngx_http_azimuth_conf_place(cf, &lcf->provider->auth_place);
    }
    return NGX_CONF_OK;
}

char *
ngx_http_azimuth_conf_endpoint(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    static ngx_str_t path = ngx_string(FLOW_PREFIX);
    ngx_http_azimuth_loc_conf_t *lcf = conf;
    ngx_http_azimuth_main_conf_t *mcf;
    ngx_http_core_loc_conf_t *clcf;
    ngx_str_t *value = cf->args->elts;

    (void)cmd;
    if (lcf->endpoint != NULL) {
        return "is duplicate";
    }
    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_azimuth_module);
    lcf->endpoint = ngx_http_azimuth_provider_find(mcf, &value[1]);
    if (lcf->endpoint == NULL) {
        return ngx_http_azimuth_conf_error(
            cf, "no azimuth_provider of this name above", &value[1]);
    }
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    if (clcf->name.len < path.len ||
        ngx_strncmp(clcf->name.data, path.data, path.len) != 0) {
        return ngx_http_azimuth_conf_error(
            cf, "azimuth_endpoint belongs into \"location " FLOW_PREFIX "\"",
            &clcf->name);
    }
    if (clcf->handler != NULL) {
        return "stands beside another handler";
    }
    clcf->handler = ngx_http_azimuth_door_handler;
    ngx_http_azimuth_conf_place(cf, &lcf->endpoint_place);
    lcf->endpoint->is_answered = 1;
    return NGX_CONF_OK;
}

/* scheme://host[:port] in lower case, as browsers send it (RFC 6454). */
static int
location_is_origin(ngx_str_t *text)
{
    ngx_str_t rest;
    size_t i;
    u_char c;

    if (!ngx_http_azimuth_conf_option(text, "https://", &rest) &&
        !ngx_http_azimuth_conf_option(text, "http://", &rest)) {
        return 0;
    }
    for (i = 0; i < rest.len; i++) {
        c = rest.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
              c == '.' || c == ':' || c == '[' || c == ']')) {
            return 0;
        }
    }
    return 1;
}

char *
ngx_http_azimuth_conf_cors(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_azimuth_loc_conf_t *lcf = conf;
    ngx_str_t *value = cf->args->elts;
    ngx_str_t *origin;
    ngx_uint_t i;

    (void)cmd;
    if (lcf->cors_origins != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }
    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        lcf->cors_origins = NULL;
        return NGX_CONF_OK;
    }
    lcf->cors_origins =
        ngx_array_create(cf->pool, cf->args->nelts, sizeof(ngx_str_t));
    if (lcf->cors_origins == NULL) {
        return NGX_CONF_ERROR;
    }
    for (i = 1; i < cf->args->nelts; i++) {
        if (!location_is_origin(&value[i])) {
            return ngx_http_azimuth_conf_error(
                cf, "not an origin like https://host[:port]", &value[i]);
        }
        origin = ngx_array_push(lcf->cors_origins);
        if (origin == NULL) {
            return NGX_CONF_ERROR;
        }
        *origin = value[i];
    }
    return NGX_CONF_OK;
}

char *
ngx_http_azimuth_conf_root_redirect(ngx_conf_t *cf, ngx_command_t *cmd,
                                    void *conf)
{
    ngx_http_azimuth_loc_conf_t *lcf = conf;
    ngx_str_t *value = cf->args->elts;
    size_t i;

    (void)cmd;
    if (lcf->root_redirect.data != NULL) {
        return "is duplicate";
    }
    if (ngx_strcmp(value[1].data, "off") == 0) {
        ngx_str_set(&lcf->root_redirect, "");
        return NGX_CONF_OK;
    }
    if (value[1].len < 2 || value[1].data[0] != '/' ||
        value[1].data[1] == '/' || value[1].data[1] == '\\') {
        return ngx_http_azimuth_conf_error(
            cf, "azimuth_root_redirect needs a path of this host", &value[1]);
    }
    for (i = 0; i < value[1].len; i++) {
        if (value[1].data[i] <= 0x20 || value[1].data[i] >= 0x7f) {
            return ngx_http_azimuth_conf_error(
                cf, "azimuth_root_redirect needs printable ASCII", &value[1]);
        }
    }
    lcf->root_redirect = value[1];
    return NGX_CONF_OK;
}

void *
ngx_http_azimuth_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_azimuth_loc_conf_t *lcf = ngx_pcalloc(cf->pool, sizeof(*lcf));

    if (lcf == NULL) {
        return NULL;
    }
    lcf->provider = NGX_CONF_UNSET_PTR;
    lcf->cors_origins = NGX_CONF_UNSET_PTR;
    lcf->edge.rates = NGX_CONF_UNSET_PTR;
    lcf->edge.security = NGX_CONF_UNSET;
    lcf->bearer = NGX_CONF_UNSET_PTR;
    lcf->api_mode = NGX_CONF_UNSET_UINT;
    return lcf;
}

char *
ngx_http_azimuth_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_azimuth_loc_conf_t *prev = parent;
    ngx_http_azimuth_loc_conf_t *conf = child;
    ngx_http_core_loc_conf_t *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    if (clcf->noname && clcf->handler == NULL) {
        /* "if" and "limit_except": the handler of the location around them
         * goes on with this configuration. */
        conf->endpoint = prev->endpoint;
        conf->edge.is_ready = prev->edge.is_ready;
        conf->edge.metrics_anywhere = prev->edge.metrics_anywhere;
    }
    if (conf->endpoint != NULL && !clcf->noname &&
        clcf->handler != ngx_http_azimuth_door_handler) {
        /* It would answer everybody: endpoints are not judged. */
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "azimuth_endpoint stands beside another handler in "
                      "%V:%ui",
                      &conf->endpoint_place.file, conf->endpoint_place.line);
        return NGX_CONF_ERROR;
    }
    if (conf->endpoint != NULL) {
        /* Forms are read whole, and never by way of a disk. The core module
         * has merged its own part before us. */
        clcf->client_body_buffer_size =
            ngx_max(clcf->client_body_buffer_size, FLOW_BODY_SIZE_MAX);
    }
    ngx_conf_merge_ptr_value(conf->provider, prev->provider, NULL);
    ngx_conf_merge_ptr_value(conf->cors_origins, prev->cors_origins, NULL);
    ngx_conf_merge_str_value(conf->root_redirect, prev->root_redirect, "");
    ngx_conf_merge_ptr_value(conf->edge.rates, prev->edge.rates, NULL);
    ngx_http_azimuth_security_merge(&prev->edge, &conf->edge);
    return ngx_http_azimuth_rules_merge(cf, prev, conf);
}
