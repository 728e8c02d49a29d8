/* SPDX-License-Identifier: Apache-2.0 */
/* For log formats: who the session belongs to, what became of the request,
 * and which session it was (letters of a hash; they open nothing). */

#include "gateway/ngx_http_azimuth_edge.h"

enum { VARIABLE_USER, VARIABLE_OUTCOME, VARIABLE_SESSION };

static ngx_int_t
variable_get(ngx_http_request_t *r, ngx_http_variable_value_t *value,
             uintptr_t data)
{
    ngx_http_azimuth_ctx_t *ctx = ngx_http_azimuth_ctx_find(r->main);
    ngx_http_azimuth_main_conf_t *mcf;
    ngx_str_t text = ngx_null_string;

    if (ctx != NULL && data == VARIABLE_USER) {
        text = ctx->user;
    } else if (ctx != NULL && data == VARIABLE_OUTCOME) {
        text = ctx->edge.outcome;
    } else if (ctx != NULL && (ctx->edge.has_tag || ctx->user.len > 0)) {
        mcf = ngx_http_get_module_main_conf(r, ngx_http_azimuth_module);
        if (ngx_http_azimuth_edge_tag(ctx, mcf) == NGX_OK) {
            text.data = ctx->edge.tag;
            text.len = sizeof(ctx->edge.tag);
        }
    }
    if (text.len == 0) {
        value->not_found = 1;
        return NGX_OK;
    }
    value->data = text.data;
    value->len = (unsigned)(text.len & 0xfffffff);
    value->valid = 1;
    value->no_cacheable = 1;
    value->not_found = 0;
    return NGX_OK;
}

ngx_int_t
ngx_http_azimuth_variable_init(ngx_conf_t *cf)
{
    static ngx_str_t names[] = {
        [VARIABLE_USER] = ngx_string("azimuth_user"),
        [VARIABLE_OUTCOME] = ngx_string("azimuth_outcome"),
        [VARIABLE_SESSION] = ngx_string("azimuth_session"),
    };
    ngx_http_variable_t *variable;
    ngx_uint_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        variable =
            ngx_http_add_variable(cf, &names[i], NGX_HTTP_VAR_NOCACHEABLE);
        if (variable == NULL) {
            return NGX_ERROR;
        }
        variable->get_handler = variable_get;
        variable->data = i;
    }
    return NGX_OK;
}
