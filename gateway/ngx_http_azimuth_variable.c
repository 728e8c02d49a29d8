/* SPDX-License-Identifier: Apache-2.0 */
/* $azimuth_user, for log formats: who the session belongs to. */

#include "gateway/ngx_http_azimuth_module.h"

static ngx_int_t
variable_user(ngx_http_request_t *r, ngx_http_variable_value_t *value,
              uintptr_t data)
{
    ngx_http_azimuth_ctx_t *ctx = ngx_http_azimuth_ctx_find(r->main);

    (void)data;
    if (ctx == NULL || ctx->user.len == 0) {
        value->not_found = 1;
        return NGX_OK;
    }
    value->data = ctx->user.data;
    value->len = (unsigned)(ctx->user.len & 0xfffffff);
    value->valid = 1;
    value->no_cacheable = 1;
    value->not_found = 0;
    return NGX_OK;
}

ngx_int_t
ngx_http_azimuth_variable_init(ngx_conf_t *cf)
{
    static ngx_str_t name = ngx_string("azimuth_user");
    ngx_http_variable_t *variable;

    variable = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
    if (variable == NULL) {
        return NGX_ERROR;
    }
    variable->get_handler = variable_user;
    return NGX_OK;
}
